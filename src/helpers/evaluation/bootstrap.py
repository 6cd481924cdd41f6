"""Intervals of metrics by drawing whole recordings anew.

Clips of one recording are alike, so 800 clips of 12 cameras do not weigh as 800 independent
trials. Drawing recordings (groups) with replacement, all their clips with them, keeps that
likeness in the interval: the cluster bootstrap with percentile limits (Davison & Hinkley,
Bootstrap Methods and their Application, 1997, sections 2.4 and 5.3).
"""

import logging
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from helpers.evaluation.metrics import (
    SCORES_OF_CONFUSION,
    classes_of,
    f1_of_confusion,
    precision_of_confusion,
    recall_of_confusion,
)

logger = logging.getLogger(__name__)

FEW_GROUPS = 10
"""With fewer recordings than this, clips are drawn within the drawn recordings too."""


def bootstrap_intervals(
    table: pd.DataFrame,
    metrics: Mapping[str, Callable[[np.ndarray], np.ndarray]] = SCORES_OF_CONFUSION,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """Value and interval of metrics over recordings drawn with replacement.

    With fewer than `FEW_GROUPS` groups the clips of each drawn group are drawn too (two stages, as
    in section 3.8 there), and a logged warning says so: groups that happen to score alike would
    otherwise give an interval without width. With fewer than two groups single clips are drawn,
    and a logged warning says that the interval is too narrow where clips resemble each other.

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
    return {
        name: dict(
            zip(
                ("value", "low", "high"),
                map(float, (metric(whole), *_limits(metric(drawn), level))),
                strict=True,
            )
        )
        for name, metric in metrics.items()
    }


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
        low, high = np.array([_limits(column, level) for column in metric(drawn).T], dtype=float).T
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


def _limits(values: np.ndarray, level: float) -> tuple[float, float]:
    """Percentiles that enclose the middle `level` of the finite values; NaN if there is none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return low, high


def _drawn_confusions(table: pd.DataFrame, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confusion matrix of the table [K, K], and of `n` draws of its groups [n, K, K].

    A draw's matrix is the sum of the drawn groups' matrices, so clips are counted only once.
    """
    classes = classes_of(table)
    groups = table["group"].astype(str)
    if groups.nunique() < 2:
        logger.warning(
            "All %d clips belong to one group (%r): intervals draw single clips instead of groups "
            "and are too narrow if clips resemble each other. Give GROUP_PATTERN or a groups.csv "
            "to tell recordings apart.",
            len(table),
            groups.iloc[0],
        )
        unit = np.arange(len(table))
    else:
        unit = pd.factorize(groups, sort=True)[0]
    units, k = int(unit.max()) + 1, len(classes)
    index = {name: position for position, name in enumerate(classes)}
    by_unit = np.zeros((units, k, k), dtype=np.int64)
    true = table["label"].map(index).to_numpy(int)
    predicted = table["predicted"].map(index).to_numpy(int)
    np.add.at(by_unit, (unit, true, predicted), 1)
    rng = np.random.default_rng(seed)
    if 2 <= groups.nunique() < FEW_GROUPS:
        logger.warning(
            "Only %d recordings: their clips are drawn too, since so few draws of whole recordings "
            "would tell little. Take the intervals as rough.",
            groups.nunique(),
        )
        chosen = rng.integers(units, size=(n, units))
        sizes = by_unit.sum((1, 2))
        shares = by_unit.reshape(units, -1) / sizes[:, None]
        drawn = rng.multinomial(sizes[chosen], shares[chosen]).sum(1)
        return by_unit.sum(0), drawn.reshape(n, k, k)
    times = rng.multinomial(units, np.full(units, 1 / units), size=n)
    return by_unit.sum(0), np.tensordot(times, by_unit, axes=1)
