"""Intervals of metrics of a table of predictions, from draws of whole recordings (`draws`)."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from helpers.evaluation.draws import clip_draws, drawn_confusions, interval, limits
from helpers.evaluation.metrics import (
    SCORES_OF_CONFUSION,
    classes_of,
    f1_of_confusion,
    precision_of_confusion,
    recall_of_confusion,
)


def bootstrap_intervals(
    table: pd.DataFrame,
    metrics: Mapping[str, Callable[[np.ndarray], np.ndarray]] = SCORES_OF_CONFUSION,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """Value and interval of metrics over recordings drawn with replacement.

    `helpers.evaluation.draws.clip_draws` says how few groups, and a single one, are drawn.

    Args:
        table: predictions; the column `group` names each clip's recording.
        metrics: name → function of confusion matrices, [..., true, predicted] → [...].
        n: number of draws.
        seed: of the draws.
        level: share of the draws that lies between the limits.

    Returns:
        name → {"value", "low", "high"}; the value is that of the whole table.
    """
    whole, drawn = _drawn_confusions(table, n, seed)
    return {name: interval(metric(whole), metric(drawn), level) for name, metric in metrics.items()}


def per_class_intervals(
    table: pd.DataFrame, n: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Intervals of precision, recall and F1 of each class, as in `bootstrap_intervals`.

    Draws that hold no clip of a class (for precision: no prediction of it) say nothing about it
    and are left out of its limits.

    Returns:
        columns class, metric ("precision", "recall", "f1"), value, low, high.
    """
    whole, drawn = _drawn_confusions(table, n, seed)
    metrics = {
        "precision": precision_of_confusion,
        "recall": recall_of_confusion,
        "f1": f1_of_confusion,
    }
    parts = []
    for name, metric in metrics.items():
        low, high = np.array([limits(column, level) for column in metric(drawn).T], dtype=float).T
        parts.append(
            pd.DataFrame(
                {
                    "class": classes_of(table),
                    "metric": name,
                    "value": metric(whole),
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _drawn_confusions(table: pd.DataFrame, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confusion matrix of the table [K, K], and of `n` draws of its groups [n, K, K]."""
    if "path" in table:
        table = table.sort_values("path")  # so that few groups, too, are drawn alike in any order
    classes = classes_of(table)
    return drawn_confusions(table, classes, clip_draws(table["group"], n, seed))
