"""How fast a detector is, and which batch is the fastest."""

from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np
import pandas as pd

from helpers.detection.timeline import Detector, Timeline
from helpers.detection.windows import Spent

CAMERA = 25.0
"""Frames per second that count as real time."""


def by_batch(
    detector: Detector, batches: Sequence[int] = (1, 4, 16, 32), rounds: int = 3
) -> pd.DataFrame:
    """Milliseconds of a window when so many go through the network together, the best of rounds.

    Returns:
        batch, milliseconds a window.
    """
    height, width = detector.windows.size
    window = np.full((len(detector.windows.offsets), height, width, 3), 127, np.uint8)
    rows = []
    for batch in batches:
        seconds = []
        for _ in range(rounds + 1):  # the first one warms up
            start = perf_counter()
            detector.probabilities([window] * batch)
            seconds.append(perf_counter() - start)
        rows.append({"batch": batch, "milliseconds a window": 1000 * min(seconds[1:]) / batch})
    return pd.DataFrame(rows)


def together(timelines: Mapping[str, Timeline]) -> Spent:
    """Where the time went, over all recordings, when each of them was really detected in."""
    total = Spent()
    for timeline in timelines.values():
        for name, value in vars(timeline.spent).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def speed_of(spent: Spent) -> dict[str, float]:
    """Frames a second, how many times that of a camera with 25, and the share of each stage."""
    stages = {"decode": spent.decode, "transform": spent.transform, "model": spent.model}
    total = max(sum(stages.values()), 1e-9)
    rate = spent.frames / total
    return {
        "frames a second": rate,
        "times real time at 25 fps": rate / CAMERA,
        "times the recording": spent.seconds / total,
        **{f"{name}, share": value / total for name, value in stages.items()},
    }
