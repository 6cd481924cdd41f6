"""True events, and the average precision of detected ones by temporal overlap.

mAP is that of temporal action detection (THUMOS, ActivityNet): detections of a class are taken by
falling score, and one is right where its interval's IoU with a true event of its class, that no
detection before it has taken, reaches a threshold.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

IOUS = (0.3, 0.5, 0.7)


class TruthError(ValueError):
    """A table of true events cannot be used."""


def read_truth(table: pd.DataFrame, seconds: Mapping[str, float], classes: Sequence[str]):
    """Check a table of true events: columns path, start, end (s), label.

    Args:
        table: the events; those of recordings that are not judged are left out.
        seconds: path → length of the recordings that are judged.
        classes: of the model.

    Raises:
        TruthError: a column is missing, a class is unknown, or an interval cannot be.
    """
    if missing := [name for name in ("path", "start", "end", "label") if name not in table]:
        raise TruthError(f"events.csv has no column {', '.join(missing)}.")
    table = table[table["path"].isin(list(seconds))].reset_index(drop=True)
    if unknown := sorted(set(table["label"]) - set(classes)):
        raise TruthError(
            f"events.csv: {', '.join(unknown)} is no class of the model ({', '.join(classes)})."
        )
    wrong = table[~((table["start"] >= 0) & (table["start"] < table["end"]))]
    if len(wrong):
        row = wrong.iloc[0]
        raise TruthError(f"events.csv: {row.path} from {row.start} to {row.end} is no interval.")
    return table


def temporal_iou(start: float, end: float, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Intersection over union of one interval with others: float [n]."""
    shared = np.minimum(end, ends) - np.maximum(start, starts)
    union = np.maximum(end, ends) - np.minimum(start, starts)
    return np.where(shared > 0, shared / union, 0.0)


def average_precision(found: pd.DataFrame, truth: pd.DataFrame, iou: float) -> float:
    """Area under precision over recall of one class, precision made to fall (as VOC 2010 does).

    Args:
        found: path, start, end, peak, of one class.
        truth: path, start, end, of the same class.
        iou: from which overlap on a detection is right.

    Returns:
        0 to 1; nan where there is no true event.
    """
    if truth.empty:
        return np.nan
    taken = np.zeros(len(truth), bool)
    right = []
    for row in found.sort_values("peak", ascending=False, kind="stable").itertuples():
        overlap = temporal_iou(
            row.start, row.end, truth["start"].to_numpy(float), truth["end"].to_numpy(float)
        )
        overlap[taken | (truth["path"] != row.path).to_numpy()] = 0.0
        best = int(overlap.argmax())
        right.append(overlap[best] >= iou)
        taken[best] |= right[-1]
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((falling * np.array(right, float)).sum() / len(truth))


def mean_average_precision(
    found: pd.DataFrame, truth: pd.DataFrame, ious: Sequence[float] = IOUS
) -> pd.DataFrame:
    """AP of each class that has true events at each IoU; the last row is the mean over classes.

    Returns:
        class, events (true ones), `AP@<iou>` for each.
    """
    rows = []
    for name in sorted(truth["label"].unique()):
        own, true = found[found["label"] == name], truth[truth["label"] == name]
        areas = {f"AP@{iou:g}": average_precision(own, true, iou) for iou in ious}
        rows.append({"class": name, "events": len(true), **areas})
    columns = ["class", "events", *(f"AP@{iou:g}" for iou in ious)]
    table = pd.DataFrame(rows, columns=columns)
    mean = {"class": "mean (mAP)", "events": len(truth)}
    mean |= {name: float(table[name].mean()) for name in columns[2:]}
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True) if rows else table
