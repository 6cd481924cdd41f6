"""Selective prediction: how much better the model is where it may leave clips to a person.

Geifman & El-Yaniv, Selective Classification for Deep Neural Networks (arXiv 1705.08500).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.evaluation.draws import clip_draws, interval
from helpers.evaluation.metrics import truth_and_probabilities

COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)


def risk_coverage(table: pd.DataFrame, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Error among the clips that the model is surest of, by how many of them are kept.

    Clips of equal confidence are kept together; among them errors count as evenly spread.

    Returns:
        One row per number of clips kept, 1 to all: coverage (their share), risk (share of errors
        among them), low, high (95 %, over recordings), threshold (confidence of the last one).
    """
    confidence, wrong, order = _ranked(table)
    draws = clip_draws(table["group"], n, seed)[:, order]
    kept = np.arange(1, len(wrong) + 1)
    drawn = _risks(wrong, draws)
    # at the same coverage: of each draw the risk at the same share of its clips
    shares = np.cumsum(draws, axis=1) / draws.sum(axis=1, keepdims=True)
    places = np.stack([np.searchsorted(row, kept / len(kept) - 1e-12) for row in shares])
    at_share = np.take_along_axis(drawn, np.minimum(places, len(kept) - 1), axis=1)
    low, high = np.nanquantile(at_share, [0.025, 0.975], axis=0)
    return pd.DataFrame(
        {
            "coverage": kept / len(kept),
            "risk": np.cumsum(wrong) / kept,
            "low": low,
            "high": high,
            "threshold": confidence,
        }
    )


def aurc(table: pd.DataFrame, n: int = 1000, seed: int = 0) -> dict[str, dict[str, float]]:
    """Area under the risk-coverage curve, and its bounds.

    Returns:
        aurc: mean of the risk over all coverages, with its interval over recordings.
        best: of a ranking that has all errors last; random: of one that knows nothing, which is
        the share of errors.
    """
    _, wrong, order = _ranked(table)
    draws = clip_draws(table["group"], n, seed)[:, order]
    weights = np.concatenate([np.ones((1, len(wrong)), int), draws])
    values = {"aurc": _areas(wrong, weights)}
    errors = (table["label"] != table["predicted"]).to_numpy(float)[order]
    last = np.argsort(errors, kind="stable")
    values["best"] = _areas(errors[last], weights[:, last])
    values["random"] = weights @ wrong / weights.sum(axis=1)
    return {name: interval(value[0], value[1:]) for name, value in values.items()}


def at_coverages(curve: pd.DataFrame, coverages: Sequence[float] = COVERAGES) -> pd.DataFrame:
    """Accuracy where the model answers only the clips that it is surest of.

    Args:
        curve: from `risk_coverage`.
        coverages: shares of clips that it answers.

    Returns:
        coverage, accuracy, low, high, confidence (of the least sure clip that is answered).
    """
    places = np.clip(np.ceil(np.array(coverages) * len(curve) - 1e-9).astype(int) - 1, 0, None)
    rows = curve.iloc[places]
    return pd.DataFrame(
        {
            "coverage": list(coverages),
            "accuracy": 1 - rows["risk"].to_numpy(),
            "low": 1 - rows["high"].to_numpy(),
            "high": 1 - rows["low"].to_numpy(),
            "confidence": rows["threshold"].to_numpy(),
        }
    )


def _ranked(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence and error of the clips, surest first, and their places in the table."""
    _, probabilities = truth_and_probabilities(table)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    wrong = (table["label"] != table["predicted"]).to_numpy(float)
    even = pd.Series(wrong).groupby(confidence).transform("mean").to_numpy()
    return confidence[order], even[order], order


def _risks(wrong: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Risk of the first clips [n, m] under weights [n, m]; NaN before the first one."""
    count = np.cumsum(weights, axis=1)
    nothing = np.full(count.shape, np.nan)
    return np.divide(np.cumsum(weights * wrong, axis=1), count, out=nothing, where=count > 0)


def _areas(wrong: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean risk over the clips of each weighting; copies of a clip count at its last one."""
    risks = np.nan_to_num(_risks(wrong, weights))
    return (weights * risks).sum(axis=1) / weights.sum(axis=1)
