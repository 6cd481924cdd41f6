"""Make the simulated yard: a folder of class folders with short clips, resumable."""

import json
import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from helpers.files import read_json, whole_file, write_json, write_table
from helpers.profiles import YardSize
from helpers.yard import motions, zones
from helpers.yard.boxes import boxes_of, visible_shares
from helpers.yard.pairs import arrange_forwards, run_backwards
from helpers.yard.render import render
from helpers.yard.site import sample_site
from helpers.yard.situation import Situation, YardError, arrange, sample_cast
from helpers.yard.video import ENCODER, FRAME_BY_FRAME, write_video

LABELS = {"hazards": zones.CLASSES, "motions": motions.CLASSES}
"""Label sets: what stands where (`zones`), and what only the order of time tells (`motions`)."""

VERSION = 3
"""Raised whenever the same seed gives other clips."""

MARKER = "yard.json"
BEGUN = "yard-begun.json"
ATTEMPTS = 4000
PATIENCE = 500
"""Attempts with one cast; a site may have no room for it, whatever the class."""
WORKER_SEEN, BUCKET_SEEN = 0.5, 0.3
"""Share of worker and bucket that is to be seen in the median of the frames looked at; of the
bucket, in a motion, in each of them."""

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


def plan(size: YardSize, labels: str = "hazards") -> list[Plan]:
    """All clips of a yard; each camera sees every class about equally often.

    Raises:
        YardError: `labels` is no label set.
    """
    if labels not in LABELS:
        raise YardError(f"No label set {labels!r}; choose one of {', '.join(LABELS)}.")
    classes = LABELS[labels]
    many = len(classes)
    return [Plan(k, classes[k % many], (k // many) % size.cameras) for k in range(size.clips)]


def sample_situation(clip: Plan, size: YardSize, seed: int) -> Situation:
    """Look for an arrangement in which the clip's label holds and can be seen.

    The cast depends on (seed, index) alone, never on the class; only where `PATIENCE` attempts find
    no place for it, about once in thousands of clips, the next one is drawn.

    Raises:
        YardError: none was found.
    """
    site = sample_site(seed, clip.camera)
    times = np.arange(size.frames) / size.fps
    looked_at = sorted({0, size.frames // 2, size.frames - 1})
    picture = (size.width, size.height)
    # Both motions of a pair are looked for as the first, so that their frames are of one kind.
    first = motions.FORWARDS.get(clip.label, clip.label)
    moves = clip.label in motions.CLASSES
    arrange_as, bucket_of = (arrange_forwards, np.min) if moves else (arrange, np.median)
    for attempt in range(ATTEMPTS):
        if attempt % PATIENCE == 0:
            cast = sample_cast(np.random.default_rng([seed, 3, clip.index, attempt // PATIENCE]))
        rng = np.random.default_rng([seed, 4, clip.index, attempt])
        situation = arrange_as(first, site, cast, picture, times, rng)
        if situation is None:
            continue
        shares = visible_shares(situation, looked_at)
        if (
            np.median(shares["worker"]) >= WORKER_SEEN
            and bucket_of(shares["bucket"]) >= BUCKET_SEEN
        ):
            return situation if first == clip.label else run_backwards(situation)
    raise YardError(
        f"{clip.path}: no arrangement found in {ATTEMPTS} attempts with seed {seed}; "
        f"choose another seed, or shorter clips than {size.frames} frames at {size.fps} fps."
    )


def draw(situation: Situation, clip: Plan, seed: int) -> np.ndarray:
    """Frames of a clip: uint8 [T, H, W, 3], RGB."""
    return render(situation, np.random.default_rng([seed, 5, clip.index]))


def describe(situation: Situation, size: YardSize, seed: int) -> dict:
    """What is known about a clip: the contents of the JSON file beside it."""
    distances = {
        name: value.round(2).tolist() for name, value in asdict(situation.distances).items()
    }
    known = {
        "camera": situation.site.name,
        "label": situation.label,
        "seed": seed,
        "fps": size.fps,
        "size": [size.width, size.height],
        "boxes": boxes_of(situation),
        "distances": distances,
    }
    if situation.label in motions.CLASSES:
        height = motions.measure(situation.machine).bucket_height
        known["heights"] = {"bucket": height.round(2).tolist()}
    return known


def make_clip(clip: Plan, folder: Path, size: YardSize, seed: int) -> None:
    """Make one clip and the JSON beside it, unless both are there. The JSON comes last."""
    video = folder / clip.path
    beside = video.with_suffix(".json")
    if beside.exists() and video.exists():
        return
    situation = sample_situation(clip, size, seed)
    options = FRAME_BY_FRAME if clip.label in motions.CLASSES else ENCODER
    write_video(video, draw(situation, clip, seed), size.fps, options)
    with whole_file(beside) as part_of_file:
        part_of_file.write_text(json.dumps(describe(situation, size, seed)), encoding="utf-8")


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
    clips = plan(size, labels)
    settings = {"version": VERSION, "seed": seed, "size": asdict(size)}
    # A yard of hazards has always said nothing about its labels.
    settings |= {} if labels == "hazards" else {"labels": labels}
    if _is_finished(folder, settings):
        return folder
    if size.width % 2 or size.height % 2:
        raise YardError(f"{size.width}x{size.height}: H.264 needs even sizes; change YardSize.")
    write_json(folder / BEGUN, settings)
    make = partial(make_clip, folder=folder, size=size, seed=seed)
    _in_processes(make, clips, workers or os.cpu_count() or 1)
    groups = pd.DataFrame(
        {"path": [clip.path for clip in clips], "group": [f"cam{c.camera:02d}" for c in clips]}
    )
    write_table(folder / "groups.csv", groups.sort_values("path"))
    write_json(folder / MARKER, settings)
    (folder / BEGUN).unlink()
    logger.info("%s: %d clips by %d cameras", folder, size.clips, size.cameras)
    return folder


def _is_finished(folder: Path, settings: dict) -> bool:
    for name in (MARKER, BEGUN):
        if (folder / name).exists():
            found = read_json(folder / name)
            if found != settings:
                raise YardError(
                    f"{folder} holds a yard made with {found}, asked is {settings}. Remove that "
                    "folder, or name another one."
                )
            return name == MARKER
    if folder.exists() and any(folder.iterdir()):
        raise YardError(f"{folder} is not empty and holds no yard. Name another folder.")
    return False


def _in_processes(make, clips: list[Plan], workers: int) -> None:
    bar = {"total": len(clips), "unit": "clip", "desc": "simulated yard"}
    if workers == 1:
        for clip in tqdm(clips, **bar):
            make(clip)
        return
    # "spawn" works alike everywhere, and never copies the state of a library in use here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_use_one_thread) as pool:
        for _ in tqdm(pool.map(make, clips, chunksize=8), **bar):
            pass


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
