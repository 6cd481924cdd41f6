"""ROC curves, and the areas under ROC and precision-recall curves with intervals.

Precision-recall curves are those of `metrics`. Areas of draws are computed for all draws at once:
a clip that a draw holds twice weighs two.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from helpers.evaluation.draws import clip_draws, interval
from helpers.evaluation.metrics import MACRO, MICRO, classes_of, truth_and_probabilities


def roc_curves(table: pd.DataFrame) -> pd.DataFrame:
    """True against false positives, one class against the rest.

    Classes without a clip, or without a clip of another class, have no curve. "micro average"
    ranks all pairs of clip and class together; "macro average" is the mean of the classes' curves
    at each rate of false positives (Fawcett, Pattern Recognition Letters 27, 2006, section 8).

    Returns:
        columns class, false_positives, true_positives (rates, 0 to 1), rising.
    """
    parts = []
    for name, positive, probability in _one_against_rest(table):
        if positive.all() or not positive.any():
            continue
        false, true, _ = roc_curve(positive, probability, drop_intermediate=True)
        parts.append(
            pd.DataFrame({"class": name, "false_positives": false, "true_positives": true})
        )
    single = [part for part in parts if part["class"].iloc[0] != MICRO]
    if single:
        grid = np.unique(np.concatenate([part["false_positives"] for part in single]))
        # of the points of one curve above each other the highest counts at the grid's own places
        mean = np.mean([_highest_at(part, grid) for part in single], axis=0)
        false, true = np.concatenate([[0.0], grid]), np.concatenate([[0.0], mean])
        parts.append(
            pd.DataFrame({"class": MACRO, "false_positives": false, "true_positives": true})
        )
    if not parts:
        raise ValueError("All clips are of one class: a ROC curve needs clips of two.")
    return pd.concat(parts, ignore_index=True)


def _curve(name: str, false: np.ndarray, true: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"class": name, "false_positives": false, "true_positives": true})


def _highest_at(curve: pd.DataFrame, grid: np.ndarray) -> np.ndarray:
    steps = curve.groupby("false_positives")["true_positives"].max()
    return np.interp(grid, steps.index, steps)


def areas(table: pd.DataFrame, n: int = 1000, seed: int = 0, level: float = 0.95) -> pd.DataFrame:
    """Average precision and area under the ROC curve, with intervals over recordings.

    The micro average ranks all pairs of clip and class together; the macro average is the mean over
    the classes that have a curve. Draws that lack a class say nothing about it.

    Args:
        table: predictions.
        n: number of draws.
        seed: of the draws.
        level: share of the draws that lies between the limits.

    Returns:
        One row per class, then the averages; columns class, AP, AP_low, AP_high, AUC, AUC_low,
        AUC_high, chance_AP (the class's share of clips, which drawing lots would reach; AUC 0.5).
    """
    draws = clip_draws(table["group"], n, seed)
    weights = np.concatenate([np.ones((1, len(table))), draws])  # the table itself comes first
    found, shares = {}, {}
    for name, positive, probability in _one_against_rest(table):
        pairs = len(positive) // len(table)  # of a clip: 1, or all classes in the micro average
        found[name] = weighted_areas(positive, probability, np.repeat(weights, pairs, axis=1))
        shares[name] = positive.mean()
    alone = [pair for name, pair in found.items() if name != MICRO]
    found[MACRO] = tuple(_mean_of_known(np.stack(values)) for values in zip(*alone, strict=True))
    shares[MACRO] = np.mean([share for name, share in shares.items() if name != MICRO and share])
    rows = []
    for name, values in found.items():
        row = {"class": name}
        for metric, value in zip(("AP", "AUC"), values, strict=True):
            told = interval(value[0], value[1:], level)
            row |= {metric: told["value"], f"{metric}_low": told["low"]}
            row |= {f"{metric}_high": told["high"]}
        rows.append(row | {"chance_AP": shares[name]})
    return pd.DataFrame(rows)


def averages_of(areas: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """The averages of `areas` for metrics.json: metric → "micro" and "macro" → value, low, high."""
    rows = areas.set_index("class")
    return {
        metric: {
            name.removesuffix(" average"): {
                "value": float(rows.loc[name, metric]),
                "low": float(rows.loc[name, f"{metric}_low"]),
                "high": float(rows.loc[name, f"{metric}_high"]),
            }
            for name in (MICRO, MACRO)
        }
        for metric in ("AP", "AUC")
    }


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis without NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _one_against_rest(table: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, truth and probability of each class, then of all pairs of clip and class."""
    truth, probabilities = truth_and_probabilities(table)
    for k, name in enumerate(classes_of(table)):
        yield name, truth[:, k], probabilities[:, k]
    yield MICRO, truth.ravel(), probabilities.ravel()


def weighted_areas(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and area under the ROC curve for many weightings of the same clips.

    As scikit-learn's `average_precision_score` and `roc_auc_score` with `sample_weight`: equal
    scores count as one threshold; AP is the sum of precision times gain of recall, and the ROC
    curve is joined by straight lines.

    Args:
        positive: bool [m].
        score: float [m], higher for positive.
        weights: [n, m], not negative.

    Returns:
        Two arrays [n]; NaN where a weighting has no positive (for the ROC area: or no negative).
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    weights, positive = np.asarray(weights, dtype=float)[:, order], positive[order]
    true = np.cumsum(weights * positive, axis=1)[:, ends]
    false = np.cumsum(weights * ~positive, axis=1)[:, ends]
    gained = np.diff(true, axis=1, prepend=0)
    seen = true + false
    precision = np.divide(true, seen, out=np.zeros_like(true), where=seen > 0)
    nothing = np.full(len(weights), np.nan)
    positives, negatives = true[:, -1], false[:, -1]
    ap = np.divide((gained * precision).sum(1), positives, out=nothing.copy(), where=positives > 0)
    trapezia = np.diff(false, axis=1, prepend=0) * (true - gained / 2)
    pairs = positives * negatives
    auc = np.divide(trapezia.sum(1), pairs, out=nothing.copy(), where=pairs > 0)
    return ap, auc
