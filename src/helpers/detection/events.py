"""From a timeline to events: smoothing, two thresholds, gaps closed, what is too short left out."""

from itertools import groupby

import numpy as np
import pandas as pd

from helpers.detection.rules import Rule
from helpers.detection.timeline import Timeline

COLUMNS = ["start", "end", "label", "peak", "alarm"]


def smoothed(probabilities: np.ndarray, count: int) -> np.ndarray:
    """Mean over `count` windows, an odd number, of [windows, classes]; fewer at the ends."""
    sums = np.concatenate([np.zeros((1, probabilities.shape[1])), np.cumsum(probabilities, axis=0)])
    places, half = np.arange(len(probabilities)), count // 2
    low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, len(places))
    return (sums[high] - sums[low]) / (high - low)[:, None]


def hysteresis(score: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Where a score [n] has reached `begin` and not fallen below `end` since: bool [n]."""
    places = np.arange(len(score))
    last_begin = np.maximum.accumulate(np.where(score >= begin, places, -1))
    last_end = np.maximum.accumulate(np.where(score < end, places, -1))
    return last_begin > last_end


def window_count(seconds: float, timeline: Timeline) -> int:
    """How many windows, an odd number, an average over so many seconds takes."""
    starts = timeline.table["start"].to_numpy(float)
    stride = float(np.diff(starts).mean()) if len(starts) > 1 else np.inf
    return 1 + 2 * int(seconds / stride / 2 + 1e-9)


def scores_of(timeline: Timeline, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed probabilities of the classes that are events [windows, events], and the score.

    Raises:
        ValueError: a class of the rule is none of the timeline.
    """
    classes = timeline.classes
    if unknown := sorted(set(rule.events) - set(classes)):
        raise ValueError(f"{', '.join(unknown)}: no class of the model ({', '.join(classes)}).")
    places = [classes.index(name) for name in rule.events]
    means = smoothed(timeline.probabilities, window_count(rule.smooth, timeline))[:, places]
    every = len(places) == len(classes)
    return means, means.max(axis=1) if every else np.minimum(means.sum(axis=1), 1.0)


def find_events(timeline: Timeline, rule: Rule) -> pd.DataFrame:
    """The events of a recording.

    Within a stretch whose score passes, each window is of its most probable class; a class that
    does not last is part of its longer neighbour.

    Returns:
        start, end (s), label, peak (largest smoothed probability of the class), alarm (s): when
        the last frame was seen that it takes to report the event. In the order of time.
    """
    means, score = scores_of(timeline, rule)
    cells = timeline.cells
    active = _close_gaps(hysteresis(score, rule.begin, rule.end), cells, rule.gap)
    best = means.argmax(axis=1)
    waits = window_count(rule.smooth, timeline) // 2
    ends = timeline.table["end"].to_numpy(float)
    rows = []
    for first, last in _runs(active):
        if cells[last] - cells[first] < rule.shortest - 1e-9:
            continue
        for a, b, place in _join_short(best[first:last], first, cells, rule.shortest):
            lasted = np.searchsorted(cells, cells[a] + rule.shortest - 1e-9)
            known = min(max(lasted - 1, a), b - 1)
            alarm = ends[min(known + waits, len(ends) - 1)]
            found = cells[a], cells[b], rule.events[place], means[a:b, place].max(), alarm
            rows.append(dict(zip(COLUMNS, found, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """First place, and the one behind the last, of each run of true in bool [n]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _close_gaps(active: np.ndarray, cells: np.ndarray, gap: float) -> np.ndarray:
    """Make runs one where at most `gap` seconds lie between them."""
    closed = active.copy()
    for first, last in _runs(~active):
        between = first > 0 and last < len(active)
        if between and gap > 0 and cells[last] - cells[first] <= gap + 1e-9:
            closed[first:last] = True
    return closed


def _join_short(
    best: np.ndarray, first: int, cells: np.ndarray, shortest: float
) -> list[tuple[int, int, int]]:
    """Runs (first, behind the last, class) of one stretch; short ones go to a neighbour."""
    runs, place = [], first
    for label, members in groupby(best.tolist()):
        count = len(list(members))
        runs.append([place, place + count, label])
        place += count

    def seconds(run: list[int]) -> float:
        return cells[run[1]] - cells[run[0]]

    while len(runs) > 1:
        k = min(range(len(runs)), key=lambda one: seconds(runs[one]))
        if seconds(runs[k]) >= shortest - 1e-9:
            break
        beside = [one for one in (k - 1, k + 1) if 0 <= one < len(runs)]
        runs[k][2] = runs[max(beside, key=lambda one: seconds(runs[one]))][2]
        runs = _same_joined(runs)
    return [tuple(run) for run in runs]


def _same_joined(runs: list[list[int]]) -> list[list[int]]:
    """Neighbours of one class as one."""
    joined = [runs[0]]
    for run in runs[1:]:
        if run[2] == joined[-1][2]:
            joined[-1][1] = run[1]
        else:
            joined.append(run)
    return joined
