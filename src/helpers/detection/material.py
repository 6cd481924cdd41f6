"""Which recordings a run detects in, what is known about them, and what is found in all of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.detection.detector import Detector
from helpers.detection.events import COLUMNS
from helpers.detection.precision import read_truth
from helpers.detection.rules import Rule
from helpers.detection.stream import RecordingError, find_recordings
from helpers.detection.timeline import Timeline, detect
from helpers.files import null_for_nan, write_json, write_table
from helpers.runs import Run
from helpers.yard.recordings import make_recordings
from helpers.yard.staging import WIDER

TRUTH = "events.csv"
"""Beside recordings: path, start, end (s), label of the true events, as the yard writes it."""
LONGEST = 3
"""So many clips of the test part stand in where there are no recordings."""


@dataclass(frozen=True)
class Material:
    """Recordings, by name."""

    recordings: dict[str, str]  # name → path; a clip's may name a stretch
    truth: pd.DataFrame | None  # path (the name), start, end, label; None where it is not known
    words: str  # where they come from
    zoom: float = 1.0  # share of their pictures that shows as much as a clip


def gather(run: Run, place: Path | str, yard: Path) -> Material:
    """The recordings that are asked for; else the yard's; else the longest test clips.

    Args:
        run: with manifest and split.
        place: a recording, or a folder of them, with or without events.csv; empty for none.
        yard: folder of the yard's recordings, which are made where they are missing.

    Raises:
        RecordingError: there is no recording.
        YardError: the folder holds something else.
    """
    if str(place):
        found = find_recordings(place)
        told = found[0].parent / TRUTH
        truth = pd.read_csv(told, dtype={"path": str}) if told.exists() else None
        words = f"{len(found)} recordings of {place}"
        return Material({path.name: str(path) for path in found}, truth, words)
    size = run.profile.recordings
    if run.uses_yard and size is not None:
        make_recordings(yard, size)
        truth = pd.read_csv(yard / TRUTH)
        words = f"{size.recordings} recordings of the yard, by cameras that no clip is of"
        found = {path.name: str(path) for path in sorted(yard.glob("*.mp4"))}
        return Material(found, truth, words, WIDER)
    clips = load_manifest(run.manifest).merge(load_split(run.split)[["path", "split"]], on="path")
    longest = clips[clips["split"] == "test"].nlargest(LONGEST, "duration")
    if longest.empty:
        raise RecordingError("The test part has no clip; name recordings with RECORDINGS.")
    words = (
        f"No recordings were named (RECORDINGS=folder): the {len(longest)} longest test clips "
        "stand in, each of which shows one class alone"
    )
    return Material({path: str(run.data / path) for path in longest["path"]}, None, words)


def place_of(name: str, folder: Path) -> Path:
    """The folder of what is found in one recording."""
    return folder / re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def detect_all(
    detector: Detector, material: Material, folder: Path, patience: float = 0.0
) -> dict[str, Timeline]:
    """The timeline of each recording, by name; see `helpers.detection.timeline.detect`."""
    return {
        name: detect(detector, path, place_of(name, folder), patience)
        for name, path in material.recordings.items()
    }


def truth_of(material: Material, timelines: Mapping[str, Timeline]) -> pd.DataFrame | None:
    """The true events of the recordings, checked; None where they are not known.

    Raises:
        TruthError: see `helpers.detection.judging.read_truth`.
    """
    if material.truth is None:
        return None
    seconds = {name: timeline.seconds for name, timeline in timelines.items()}
    (classes, *_) = (timeline.classes for timeline in timelines.values())
    return read_truth(material.truth, seconds, classes)


def events_of_all(
    timelines: Mapping[str, Timeline], find: Callable[[Timeline], pd.DataFrame]
) -> pd.DataFrame:
    """What `find` gives for each timeline, below one another: path, then its columns."""
    parts = [find(timeline).assign(path=name) for name, timeline in timelines.items()]
    filled = [part for part in parts if len(part)]
    columns = ["path", *COLUMNS]
    if not filled:
        return pd.DataFrame({name: np.array([], object if name in ("path", "label") else float)
                             for name in columns})  # fmt: skip
    return pd.concat(filled, ignore_index=True)[columns]


def write_events(
    folder: Path, events: pd.DataFrame, rule: Rule, timelines: Mapping[str, Timeline]
) -> None:
    """Write events.csv and events.json: the events of all recordings, and the rule."""
    write_table(folder / "events.csv", events.round(3))
    by_recording = {
        name: {
            "seconds": round(timeline.seconds, 3),
            "events": events[events["path"] == name]
            .drop(columns="path")
            .round(3)
            .to_dict("records"),
        }
        for name, timeline in timelines.items()
    }
    found = {"rule": rule.as_json(), "recordings": by_recording}
    write_json(folder / "events.json", null_for_nan(found))
