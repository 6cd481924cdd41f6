"""Events of an untrimmed recording: intervals that follow from the distances in every frame.

A relation of `zones` begins in the frame in which its rule holds, and lasts until it is broken by
more than HYSTERESIS, so that a worker at the edge of a zone makes one event and not twenty. Of
several that hold the first counts, as in clips: Bucket-Worker, Cabin-Worker, Track-Excavator; where
none does it is Other. A stretch shorter than SHORTEST is no event of its own: the shortest first,
it goes to the longer of its neighbours.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from helpers.yard.zones import BODY_ZONE, BUCKET_ZONE, Distances

HYSTERESIS = 0.3
"""How far (m) outside its zone a relation has to be before it ends."""
SHORTEST = 1.0
"""Seconds."""
NONE = "Other"


@dataclass(frozen=True)
class Event:
    """From `start` until before `end` (s) the recording is of a class."""

    start: float
    end: float
    label: str


def label_frames(distances: Distances) -> np.ndarray:
    """The class of each frame, with hysteresis: str [T]."""
    in_bucket_zone = _with_hysteresis(distances.worker_bucket - BUCKET_ZONE)
    in_body_zone = _with_hysteresis(distances.worker_body - BODY_ZONE) & ~in_bucket_zone
    on_track = _with_hysteresis(distances.excavator_track[None])
    relations = {
        "Bucket-Worker": in_bucket_zone,
        "Cabin-Worker": in_body_zone,
        "Track-Excavator": on_track,
    }
    labels = np.full(on_track.shape[-1], NONE, dtype=object)
    for name in reversed(relations):
        labels[relations[name].any(axis=0)] = name
    return labels


def _with_hysteresis(outside: np.ndarray) -> np.ndarray:
    """Where relations hold whose signed distance [W, T] (m) is negative inside: bool [W, T]."""
    begins, ends = outside <= 0, outside > HYSTERESIS
    frames = np.arange(outside.shape[-1])
    last_begin = np.maximum.accumulate(np.where(begins, frames, -1), axis=-1)
    last_end = np.maximum.accumulate(np.where(ends, frames, -1), axis=-1)
    return last_begin > last_end


def find_events(distances: Distances, fps: int) -> list[Event]:
    """All stretches of a recording, Other among them: one after the other without a gap."""
    labels = label_frames(distances)
    change = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    starts = [0, *change.tolist(), len(labels)]
    runs = [[labels[a], b - a] for a, b in pairwise(starts)]
    while len(runs) > 1:
        k = min(range(len(runs)), key=lambda one: runs[one][1])
        if runs[k][1] >= SHORTEST * fps:
            break
        beside = [one for one in (k - 1, k + 1) if 0 <= one < len(runs)]
        runs[k][0] = runs[max(beside, key=lambda one: runs[one][1])][0]
        runs = _joined(runs)
    ends = np.cumsum([frames for _, frames in runs])
    return [
        Event(round(float(end - frames) / fps, 3), round(float(end) / fps, 3), label)
        for (label, frames), end in zip(runs, ends, strict=True)
    ]


def _joined(runs: list[list]) -> list[list]:
    """Neighbours of one class as one."""
    joined = [runs[0]]
    for label, frames in runs[1:]:
        if label == joined[-1][0]:
            joined[-1][1] += frames
        else:
            joined.append([label, frames])
    return joined
