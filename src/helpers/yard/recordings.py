"""Untrimmed recordings of minutes: hazards one after the other, with their intervals as a table."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.files import read_json, whole_file, write_table
from helpers.profiles import RecordingSize
from helpers.yard.boxes import Box, boxes_of
from helpers.yard.conditions import Conditions, sample_conditions
from helpers.yard.events import NONE, find_events
from helpers.yard.folders import begin, check_size, finish, make_all
from helpers.yard.make import VERSION, rounded
from helpers.yard.render import render
from helpers.yard.site import Site
from helpers.yard.situation import Situation, YardError
from helpers.yard.staging import Recording, plan_recordings, sample_recording
from helpers.yard.stream import encode

CHUNK = 96
"""So many frames are drawn at a time: a recording of any length needs the memory of these."""

logger = logging.getLogger(__name__)


def _parts(situation: Situation) -> Iterator[Situation]:
    """The recording in pieces of `CHUNK` frames."""
    for start in range(0, situation.frames, CHUNK):
        yield situation.at(slice(start, start + CHUNK))


def recording_conditions(recording: Recording, site: Site, seed: int) -> Conditions:
    """Light and weather of a recording, of which minutes change nothing.

    No dust and no drops on the window: they are drawn anew for each piece.
    """
    conditions = sample_conditions(np.random.default_rng([seed, 10, recording.index]), site)
    return replace(conditions, dust=False, lens_drops=False)


def draw_recording(
    situation: Situation, recording: Recording, seed: int, fps: float
) -> Iterator[np.ndarray]:
    """The frames one by one, uint8 [H, W, 3], RGB; never more than `CHUNK` are kept."""
    conditions = recording_conditions(recording, situation.site, seed)
    exposed_for = situation.machine.position.mean(axis=0)
    for number, part in enumerate(_parts(situation)):
        # The same numbers for each piece: what the camera does goes on as it was.
        rng = np.random.default_rng([seed, 9, recording.index])
        yield from render(part, rng, conditions, fps, number * CHUNK / fps, exposed_for)


def describe_recording(
    situation: Situation, recording: Recording, size: RecordingSize, seed: int
) -> dict:
    """What is known about a recording: the contents of the JSON file beside it."""
    events = find_events(situation.distances, size.fps)
    return {
        "camera": situation.site.name,
        "seed": seed,
        "fps": size.fps,
        "size": [size.width, size.height],
        "frames": situation.frames,
        "seconds": round(situation.frames / size.fps, 3),
        "events": [asdict(event) for event in events],
        "boxes": _all_boxes(situation),
        "distances": rounded(situation.distances),
        "conditions": recording_conditions(recording, situation.site, seed).describe(),
    }


def _all_boxes(situation: Situation) -> dict[str, list[Box]]:
    """Boxes per actor and frame as `boxes_of`; None where a train is out of the picture."""
    boxes: dict[str, list[Box]] = {}
    done = 0
    for part in _parts(situation):
        found = boxes_of(part)
        for name in found:
            boxes.setdefault(name, [None] * done)
        done += part.frames
        for name, track in boxes.items():
            track += found.get(name, [None] * part.frames)
    return boxes


def make_recording(recording: Recording, folder: Path, size: RecordingSize, seed: int) -> None:
    """Make one recording and the JSON beside it, unless both are there. The JSON comes last."""
    video = folder / recording.path
    beside = video.with_suffix(".json")
    if beside.exists() and video.exists():
        return
    situation = sample_recording(recording, size, seed)
    frames = draw_recording(situation, recording, seed, size.fps)
    encode(video, frames, (size.width, size.height), size.fps)
    known = describe_recording(situation, recording, size, seed)
    with whole_file(beside) as part:
        part.write_text(json.dumps(known), encoding="utf-8")


def make_recordings(
    folder: Path, size: RecordingSize, seed: int = 0, workers: int | None = None
) -> Path:
    """Make untrimmed recordings in `folder`, or go on where that was cut.

    Every recording depends on (size, seed, index) alone. Leaves `<camera>_<index>.mp4` with a
    `.json` beside each, `events.csv` (path, start, end in seconds, label; what lies between the
    events is Other), `groups.csv` (path, group: the camera) and, last, the marker `yard.json`.

    Args:
        workers: processes; by default as many as there are cores, 1 works in this one.

    Returns:
        The folder.

    Raises:
        YardError: the folder holds something else; a size is no size for a video; a camera has no
            room for a recording.
    """
    folder = Path(folder)
    settings = {"version": VERSION, "labels": "recordings", "seed": seed, "size": _listed(size)}
    check_size(size)
    shortest, longest = size.seconds
    if not 0 < shortest <= longest:
        raise YardError(f"seconds={size.seconds}: give the shortest and the longest recording.")
    if not begin(folder, settings):
        return folder
    recordings = plan_recordings(size)
    make = partial(make_recording, folder=folder, size=size, seed=seed)
    make_all(make, recordings, workers, "recording", chunk=1)
    write_table(folder / "events.csv", _event_table(folder, recordings))
    groups = {
        "path": [one.path for one in recordings],
        "group": [f"cam{one.camera:02d}" for one in recordings],
    }
    write_table(folder / "groups.csv", pd.DataFrame(groups))
    finish(folder, settings)
    logger.info("%s: %d recordings by %d cameras", folder, size.recordings, size.cameras)
    return folder


def _listed(size: RecordingSize) -> dict:
    """The size as JSON gives it back."""
    return asdict(size) | {"seconds": list(size.seconds)}


def _event_table(folder: Path, recordings: list[Recording]) -> pd.DataFrame:
    rows = [
        {"path": one.path, **event}
        for one in recordings
        for event in read_json((folder / one.path).with_suffix(".json"))["events"]
        if event["label"] != NONE
    ]
    return pd.DataFrame(rows, columns=["path", "start", "end", "label"])
