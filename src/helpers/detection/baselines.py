"""What detected events are compared with: each window by itself, and no model at all."""

from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from helpers.detection.events import COLUMNS
from helpers.detection.timeline import Timeline


def argmax_events(timeline: Timeline, events: Sequence[str]) -> pd.DataFrame:
    """A baseline: each window is of its most probable class, and equal neighbours are an event."""
    classes, best = timeline.classes, timeline.probabilities.argmax(axis=1)
    cells, ends = timeline.cells, timeline.table["end"].to_numpy(float)
    rows, place = [], 0
    for label, members in groupby(best.tolist()):
        first, place = place, place + len(list(members))
        if classes[label] in events:
            peak = timeline.probabilities[first:place, label].max()
            found = cells[first], cells[place], classes[label], peak, ends[first]
            rows.append(dict(zip(COLUMNS, found, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)


def constant_events(timeline: Timeline, label: str) -> pd.DataFrame:
    """A baseline without a model: one event of one class, from beginning to end."""
    row = {"start": 0.0, "end": timeline.seconds, "label": label, "peak": 1.0, "alarm": 0.0}
    return pd.DataFrame([row], columns=COLUMNS)
