"""Intervals of metrics of a table of predictions, from draws of whole recordings (`draws`)."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from helpers.evaluation.draws import clip_draws, drawn_confusions, interval, limits, share_interval
from helpers.evaluation.metrics import (
    HEADLINE,
    SCORES_OF_CONFUSION,
    TOP_K,
    classes_of,
    f1_of_confusion,
    precision_of_confusion,
    recall_of_confusion,
    top_k_hits,
    top_k_means_something,
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


def headline(table: pd.DataFrame, n: int = 1000, seed: int = 0) -> dict[str, dict[str, float]]:
    """Intervals of top-1, mean class accuracy, macro-F1, kappa; top-5 where it means something.

    Args:
        table: predictions.
        n: number of draws.
        seed: of the draws.
    """
    found = bootstrap_intervals(table, HEADLINE, n, seed)
    if top_k_means_something(classes_of(table)):
        draws = clip_draws(table["group"], n, seed)
        found[f"top{TOP_K}"] = share_interval(top_k_hits(table), draws)
    return found


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


def beside_limits(per_class: pd.DataFrame, limits: pd.DataFrame) -> pd.DataFrame:
    """Scores of the classes with their limits in columns of their own.

    Args:
        per_class: columns class and scores, from `helpers.evaluation.metrics.per_class`.
        limits: from `per_class_intervals`.
    """
    wide = limits.pivot(index="class", columns="metric", values=["low", "high"])
    columns = {}
    for name in per_class:
        columns[name] = per_class[name]
        if ("low", name) in wide:
            for end in ("low", "high"):
                columns[f"{name}_{end}"] = per_class["class"].map(wide[end, name])
    return pd.DataFrame(columns)


def _drawn_confusions(table: pd.DataFrame, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confusion matrix of the table [K, K], and of `n` draws of its groups [n, K, K]."""
    if "path" in table:
        table = table.sort_values("path")  # so that few groups, too, are drawn alike in any order
    classes = classes_of(table)
    return drawn_confusions(table, classes, clip_draws(table["group"], n, seed))
