"""Make the simulated yard: a folder of class folders with short clips, resumable."""

import json
import logging
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.files import whole_file, write_table
from helpers.profiles import YardSize
from helpers.yard import motions, zones
from helpers.yard.arrange import arrange
from helpers.yard.boxes import boxes_of, visible_shares
from helpers.yard.conditions import Conditions, sample_conditions
from helpers.yard.folders import begin, check_size, finish, make_all
from helpers.yard.pairs import arrange_forwards, run_backwards
from helpers.yard.render import render
from helpers.yard.site import Site, sample_site
from helpers.yard.situation import Situation, YardError, sample_cast
from helpers.yard.video import ENCODER, FRAME_BY_FRAME, write_video

LABELS = {"hazards": zones.CLASSES, "motions": motions.CLASSES}
"""Label sets: what stands where (`zones`), and what only the order of time tells (`motions`)."""

VERSION = 4
"""Raised whenever the same seed gives other clips."""

ATTEMPTS = 4000
PATIENCE = 500
"""Attempts with one cast; a site may have no room for it, whatever the class."""
WORKER_SEEN, BUCKET_SEEN, END_SEEN = 0.5, 0.3, 0.25
"""Share of worker and bucket that is to be seen in the median of the frames looked at; in a motion
that of the bucket, or of the trains' ends where it is about trains, in each of them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a clip is to be, by its index: classes take turns, then cameras."""

    index: int
    label: str
    camera: int

    @property
    def path(self) -> str:
        """Path of the clip, posix, relative to the yard's folder."""
        return f"{self.label}/cam{self.camera:02d}_{self.index:05d}.mp4"


def classes_of(size: YardSize, labels: str) -> tuple[str, ...]:
    """Classes of a yard, in the order in which its clips take turns.

    Raises:
        YardError: `labels` is no label set, or has not so many pairs.
    """
    if labels not in LABELS:
        raise YardError(f"No label set {labels!r}; choose one of {', '.join(LABELS)}.")
    if size.pairs is None:
        return LABELS[labels]
    if labels != "motions" or 2 * size.pairs > len(motions.CLASSES):
        raise YardError(
            f"pairs={size.pairs} of {labels}: motions alone come in pairs, and there are "
            f"{len(motions.CLASSES) // 2} of them."
        )
    return motions.CLASSES[: 2 * size.pairs]


def plan(size: YardSize, labels: str = "hazards") -> list[Plan]:
    """All clips of a yard; each camera sees every class about equally often.

    Raises:
        YardError: `labels` is no label set, or has not so many pairs.
    """
    classes = classes_of(size, labels)
    many = len(classes)
    return [Plan(k, classes[k % many], (k // many) % size.cameras) for k in range(size.clips)]


def clip_times(clip: Plan, size: YardSize, seed: int) -> np.ndarray:
    """When the frames of a clip are, [T] (s): how many, its class has no part in."""
    frames = size.frames
    if size.most_frames is not None:
        rng = np.random.default_rng([seed, 6, clip.index])
        frames = int(rng.integers(size.frames, size.most_frames + 1))
    return np.arange(frames) / size.fps


def sample_situation(clip: Plan, size: YardSize, seed: int) -> Situation:
    """Look for an arrangement in which the clip's label holds and can be seen.

    The cast depends on (seed, index) alone, never on the class; only where `PATIENCE` attempts find
    no place for it, about once in thousands of clips, the next one is drawn.

    Raises:
        YardError: none was found.
    """
    site = sample_site(seed, clip.camera)
    times = clip_times(clip, size, seed)
    looked_at = sorted({0, len(times) // 2, len(times) - 1})
    picture = (size.width, size.height)
    # Both motions of a pair are looked for as the first, so that their frames are of one kind.
    first = motions.FORWARDS.get(clip.label, clip.label)
    moves = clip.label in motions.CLASSES
    arrange_as = arrange_forwards if moves else arrange
    for attempt in range(ATTEMPTS):
        if attempt % PATIENCE == 0:
            drawn = np.random.default_rng([seed, 3, clip.index, attempt // PATIENCE])
            cast = sample_cast(times, drawn)
        rng = np.random.default_rng([seed, 4, clip.index, attempt])
        situation = arrange_as(first, site, cast, picture, times, rng)
        if situation is None:
            continue
        if _is_seen(situation, looked_at):
            return situation if first == clip.label else run_backwards(situation)
    raise YardError(
        f"{clip.path}: no arrangement found in {ATTEMPTS} attempts with seed {seed}; "
        f"choose another seed, or shorter clips than {len(times)} frames at {size.fps} fps."
    )


def _is_seen(situation: Situation, frames: list[int]) -> bool:
    shares = visible_shares(situation, frames)
    worker, bucket, ends = (shares[name] for name in ("worker", "bucket", "ends"))
    if np.median(worker) < WORKER_SEEN:
        return False
    if situation.label.startswith(("Train", "Wagons")):
        return bool(ends.min() >= END_SEEN)
    of_frames = np.min if situation.label in motions.CLASSES else np.median
    return bool(of_frames(bucket) >= BUCKET_SEEN)


def clip_conditions(clip: Plan, site: Site, seed: int) -> Conditions:
    """Light and weather of a clip, in which its class has no part.

    No dust where time may run backwards: it trails behind what moves, and a frame would tell.
    """
    conditions = sample_conditions(np.random.default_rng([seed, 7, clip.index]), site)
    return replace(conditions, dust=False) if clip.label in motions.CLASSES else conditions


def draw(situation: Situation, clip: Plan, seed: int, fps: float = 12.0) -> np.ndarray:
    """Frames of a clip: uint8 [T, H, W, 3], RGB."""
    conditions = clip_conditions(clip, situation.site, seed)
    rng = np.random.default_rng([seed, 5, clip.index])
    return render(situation, rng, conditions, fps)


def describe(situation: Situation, clip: Plan, size: YardSize, seed: int) -> dict:
    """What is known about a clip: the contents of the JSON file beside it."""
    known = {
        "camera": situation.site.name,
        "label": situation.label,
        "seed": seed,
        "fps": size.fps,
        "size": [size.width, size.height],
        "boxes": boxes_of(situation),
        "distances": rounded(situation.distances),
        "conditions": clip_conditions(clip, situation.site, seed).describe(),
    }
    if situation.label in motions.CLASSES:
        course = motions.measure(situation.machine, situation.workers, situation.trains)
        known["course"] = rounded(course)
    return known


def rounded(measured: zones.Distances | motions.Course) -> dict[str, list]:
    """What was measured (m), by name and to the centimetre."""
    return {name: value.round(2).tolist() for name, value in asdict(measured).items()}


def make_clip(clip: Plan, folder: Path, size: YardSize, seed: int) -> None:
    """Make one clip and the JSON beside it, unless both are there. The JSON comes last."""
    video = folder / clip.path
    beside = video.with_suffix(".json")
    if beside.exists() and video.exists():
        return
    situation = sample_situation(clip, size, seed)
    options = FRAME_BY_FRAME if clip.label in motions.CLASSES else ENCODER
    write_video(video, draw(situation, clip, seed, size.fps), size.fps, options)
    with whole_file(beside) as part_of_file:
        part_of_file.write_text(json.dumps(describe(situation, clip, size, seed)), encoding="utf-8")


def make_yard(
    folder: Path,
    size: YardSize,
    seed: int = 0,
    workers: int | None = None,
    labels: str = "hazards",
) -> Path:
    """Make the yard in `folder`, or finish one that was cut; at once where it is finished.

    Every clip depends on (size, seed, index) alone, so neither the number of worker processes nor
    the order matters. Leaves `<Class>/<camera>_<index>.mp4` with a `.json` beside each,
    `groups.csv` (path, group: the camera) and, last, the marker `yard.json`.

    Args:
        workers: processes; by default as many as there are cores, 1 works in this one.
        labels: which label set of `LABELS`.

    Returns:
        The folder.

    Raises:
        YardError: the folder holds a yard of other settings, or something else; `labels` is no
            label set.
    """
    folder = Path(folder)
    settings = {"version": VERSION, "labels": labels, "seed": seed, "size": asdict(size)}
    check_size(size)
    if size.most_frames is not None and size.most_frames < size.frames:
        raise YardError(f"most_frames={size.most_frames}: give at least frames={size.frames}.")
    clips = plan(size, labels)
    if not begin(folder, settings):
        return folder
    make = partial(make_clip, folder=folder, size=size, seed=seed)
    make_all(make, clips, workers, "clip", chunk=8)
    groups = pd.DataFrame(
        {"path": [clip.path for clip in clips], "group": [f"cam{c.camera:02d}" for c in clips]}
    )
    write_table(folder / "groups.csv", groups.sort_values("path"))
    finish(folder, settings)
    logger.info("%s: %d clips by %d cameras", folder, size.clips, size.cameras)
    return folder
