"""What detected events are worth as alarms: missed ones, false ones, delay; and single windows."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from helpers.detection.precision import IOUS, mean_average_precision
from helpers.detection.timeline import Timeline


def match_alarms(found: pd.DataFrame, truth: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What an operator would notice: an alarm during an event, of whichever class it says.

    Returns:
        The true events with `found` (a detection overlaps it), `named` (one of its class does) and
        `delay`: seconds from its beginning to the first alarm that sounds in it, 0 where one
        sounds already, nan where none does before it is over. And the detections with `false`:
        no true event of any class overlaps.
    """
    rows = []
    for event in truth.itertuples():
        own = found[(found["path"] == event.path)]
        own = own[(own["start"] < event.end) & (own["end"] > event.start)]
        sounds = own.loc[own["alarm"] < event.end, "alarm"]
        delay = max(float(sounds.min()) - event.start, 0.0) if len(sounds) else np.nan
        named = bool((own["label"] == event.label).any())
        rows.append({"found": len(own) > 0, "named": named, "delay": delay})
    told = pd.DataFrame(rows, columns=["found", "named", "delay"])
    false = [
        not (
            (truth["path"] == row.path) & (truth["start"] < row.end) & (truth["end"] > row.start)
        ).any()
        for row in found.itertuples()
    ]
    events = pd.concat([truth.reset_index(drop=True), told], axis=1)
    return events, found.assign(false=np.array(false, bool))


def quiet_time_alarmed(
    found: pd.DataFrame, truth: pd.DataFrame, seconds: Mapping[str, float]
) -> float:
    """Share of the time without an event that lies in a detection; nan where there is no such time.

    An alarm that never ends counts once among the false ones, or not at all; here it shows.
    """
    quiet = alarmed = 0.0
    for path, length in seconds.items():
        own, true = (table[table["path"] == path] for table in (found, truth))
        edges = [0.0, length, *own["start"], *own["end"], *true["start"], *true["end"]]
        edges = np.unique(np.clip(np.array(edges, float), 0.0, length))
        middles, lasts = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        free = ~_inside(middles, true)
        quiet += lasts[free].sum()
        alarmed += lasts[free & _inside(middles, own)].sum()
    return float(alarmed / quiet) if quiet else np.nan


def _inside(times: np.ndarray, intervals: pd.DataFrame) -> np.ndarray:
    """Whether each time lies in one of the intervals: bool [n]."""
    starts, ends = intervals["start"].to_numpy(float), intervals["end"].to_numpy(float)
    return ((times[:, None] >= starts) & (times[:, None] < ends)).any(axis=1)


def summarise(
    found: pd.DataFrame, truth: pd.DataFrame, seconds: Mapping[str, float]
) -> dict[str, float]:
    """One row of the comparison: mAP at each IoU, and what the alarms are worth.

    Args:
        found: path, start, end, label, peak, alarm.
        truth: from `read_truth`.
        seconds: path → length of each recording.

    Returns:
        `mAP@<iou>`; events, missed, misnamed (found, by no detection of their class), detections,
        false alarms an hour (of all that was recorded), quiet time alarmed (see there), median and
        largest delay (s).
    """
    areas = mean_average_precision(found, truth)
    events, alarms = match_alarms(found, truth)
    hours = sum(seconds.values()) / 3600
    last = areas.iloc[-1] if len(areas) else {}
    delays = events["delay"].astype(float)
    return {
        **{f"mAP@{iou:g}": float(last.get(f"AP@{iou:g}", np.nan)) for iou in IOUS},
        "events": len(events),
        "missed": int((~events["found"].astype(bool)).sum()),
        "misnamed": int((events["found"].astype(bool) & ~events["named"].astype(bool)).sum()),
        "detections": len(alarms),
        "false alarms an hour": float(alarms["false"].sum() / hours),
        "quiet time alarmed": quiet_time_alarmed(found, truth, seconds),
        "median delay (s)": float(delays.median()),
        "largest delay (s)": float(delays.max()),
    }


def judge_windows(timeline: Timeline, truth: pd.DataFrame, none: str | None) -> pd.DataFrame:
    """Windows that lie within one true event, or within none, and whether they are recognised.

    Args:
        timeline: from `helpers.detection.timeline.detect`.
        truth: true events of this recording.
        none: class of what lies between events; None to leave that out.

    Returns:
        label, predicted, for each such window.
    """
    predicted = [timeline.classes[k] for k in timeline.probabilities.argmax(axis=1)]
    rows = []
    for row, guess in zip(timeline.table.itertuples(), predicted, strict=True):
        near = truth[(truth["start"] < row.end) & (truth["end"] > row.start)]
        inside = near[(near["start"] <= row.start) & (near["end"] >= row.end)]
        label = inside["label"].iloc[0] if len(inside) else (none if near.empty else None)
        if label is not None:
            rows.append({"label": label, "predicted": guess})
    return pd.DataFrame(rows, columns=["label", "predicted"])
