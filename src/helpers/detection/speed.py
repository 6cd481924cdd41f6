"""How fast a detector is, where its time goes, and the batch and precision that are the fastest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from helpers.detection.detector import Detector
from helpers.detection.sliding import Spent
from helpers.detection.timeline import Timeline
from helpers.files import read_json, write_json

CAMERA = 25.0
"""Frames per second that count as real time."""
BATCHES = (1, 4, 16)
MILLISECONDS = "milliseconds a window"


def measure(detector: Detector, batches: Sequence[int] = BATCHES, rounds: int = 2) -> pd.DataFrame:
    """Milliseconds of a window by precision and by how many go through the network together.

    Float32 is measured, and the shorter type that the detector has, if it has one.

    Returns:
        precision, batch, milliseconds a window: the best of the rounds, behind one to warm up.
    """
    height, width = detector.windows.size
    shape = (detector.windows.views, len(detector.windows.offsets), height, width, 3)
    window = np.full(shape, 127, np.uint8)
    rows = []
    for precision in dict.fromkeys(["float32", detector.compute.precision]):
        tried = replace(detector, compute=replace(detector.compute, precision=precision))
        for batch in batches:
            seconds = []
            for _ in range(rounds + 1):
                start = perf_counter()
                tried.probabilities([window] * batch)
                seconds.append(perf_counter() - start)
            best = 1000 * min(seconds[1:]) / batch
            rows.append({"precision": precision, "batch": batch, MILLISECONDS: best})
    return pd.DataFrame(rows)


def fastest(
    detector: Detector, file: Path, batches: Sequence[int] = BATCHES
) -> tuple[Detector, pd.DataFrame]:
    """The detector in the batch and precision that are measured to be the fastest, and the table.

    What was measured is kept, so that a second run chooses the same: timelines of another
    precision would be made anew.

    Args:
        detector: in the shortest precision that may be chosen.
        file: where the measurement is kept; one of another machine or precision is replaced.
    """
    asked = {"compute": str(detector.compute), "views": detector.windows.views}
    asked |= {"batches": list(batches)}
    kept = read_json(file) if file.exists() else {}
    if kept.get("asked") != asked:
        kept = {"asked": asked, "measured": measure(detector, batches).to_dict("records")}
        write_json(file, kept)
    table = pd.DataFrame(kept["measured"])
    best = table.loc[table[MILLISECONDS].idxmin()]
    compute = replace(detector.compute, precision=str(best["precision"]))
    return replace(detector, compute=compute, batch=int(best["batch"])), table


def together(timelines: Mapping[str, Timeline]) -> Spent:
    """Where the time went, over all recordings, when each of them was really detected in."""
    total = Spent()
    for timeline in timelines.values():
        for name, value in vars(timeline.spent).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def speed_of(spent: Spent) -> dict[str, float]:
    """Frames a second, times real time, and the share of each stage.

    A camera with 25 frames a second has more to decode in a second than a recording with fewer,
    but no more windows: decoding and scaling count by the frame, the network by the second.
    """
    stages = {"decode": spent.decode, "transform": spent.transform, "model": spent.model}
    total = max(sum(stages.values()), 1e-9)
    by_frame = (spent.decode + spent.transform) / max(spent.frames, 1)
    camera = CAMERA * by_frame + spent.model / max(spent.seconds, 1e-9)
    return {
        "frames a second": spent.frames / total,
        "times real time": spent.seconds / total,
        "times real time at 25 fps": 1 / max(camera, 1e-9),
        **{f"{name}, share": value / total for name, value in stages.items()},
    }
