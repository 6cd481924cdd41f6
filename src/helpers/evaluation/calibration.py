"""Are the probabilities true? Reliability, calibration errors, and a temperature that mends them.

Guo et al., On Calibration of Modern Neural Networks (arXiv 1706.04599).
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from helpers.evaluation.draws import clip_draws, interval
from helpers.evaluation.metrics import PROBABILITY, classes_of, truth_and_probabilities

BINS = 15
"""Bins of equal width, as in the paper."""
SMALLEST = 1e-12
"""Probabilities below this are taken as this much where a logarithm is needed."""
TEMPERATURES = (0.05, 20.0)


def reliability(
    table: pd.DataFrame, bins: int = BINS, n: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """How often the model is right, by how sure it says it is.

    Returns:
        One row per bin of the confidence (the largest probability) that holds a clip: low, high
        (its edges; a bin holds its upper edge), clips, confidence and accuracy (means), and
        accuracy_low, accuracy_high (95 %, over recordings).
    """
    confidence, right = _confidence(table)
    place = _bins(confidence, bins)
    draws = clip_draws(table["group"], n, seed)
    rows = []
    for k in np.unique(place):
        inside = place == k
        drawn = draws[:, inside]
        count = drawn.sum(axis=1)
        nothing = np.full(len(drawn), np.nan)
        shares = np.divide(drawn @ right[inside], count, out=nothing, where=count > 0)
        told = interval(right[inside].mean(), shares)
        rows.append(
            {
                "low": k / bins,
                "high": (k + 1) / bins,
                "clips": int(inside.sum()),
                "confidence": confidence[inside].mean(),
                "accuracy": told["value"],
                "accuracy_low": told["low"],
                "accuracy_high": told["high"],
            }
        )
    return pd.DataFrame(rows)


def calibration_errors(
    table: pd.DataFrame, bins: int = BINS, n: int = 1000, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Errors of the probabilities, each with its interval over recordings.

    Returns:
        ece: expected calibration error, the mean over clips of |accuracy - confidence| of the
            clip's bin (equation 3 of the paper). Of few clips it comes out too large, since chance
            alone parts the two: compare it before and after, on the same clips.
        brier: mean over clips of the squared distance between probabilities and truth, summed over
            classes, 0 to 2 (Brier, Monthly Weather Review 78, 1950).
        nll: mean negative logarithm of the true class's probability.
        overconfidence: mean confidence minus accuracy; above 0 the model is too sure.
    """
    truth, probabilities = truth_and_probabilities(table)
    confidence, right = _confidence(table)
    weights = clip_draws(table["group"], n, seed)
    weights = np.concatenate([np.ones((1, len(table))), weights])
    total = weights.sum(axis=1)
    gap = (confidence - right)[:, None] * (_bins(confidence, bins)[:, None] == np.arange(bins))
    per_clip = {
        "brier": ((probabilities - truth) ** 2).sum(axis=1),
        "nll": -np.log(np.maximum(probabilities[truth], SMALLEST)),
        "overconfidence": confidence - right,
    }
    values = {"ece": np.abs(weights @ gap).sum(axis=1) / total}
    values |= {name: weights @ numbers / total for name, numbers in per_clip.items()}
    return {name: interval(value[0], value[1:]) for name, value in values.items()}


def beside(before: dict[str, dict], after: dict[str, dict]) -> pd.DataFrame:
    """Errors before and after as a table: error, before, low, high, after, low and high of it."""
    return pd.DataFrame(
        {
            "error": name,
            "before": before[name]["value"],
            "before_low": before[name]["low"],
            "before_high": before[name]["high"],
            "after": after[name]["value"],
            "after_low": after[name]["low"],
            "after_high": after[name]["high"],
        }
        for name in before
    )


def fit_temperature(table: pd.DataFrame) -> float:
    """The temperature that makes the true classes most probable (section 4.2 of the paper).

    Fit it on validation. Above 1 the model was too sure, below 1 not sure enough; at an end of
    `TEMPERATURES` where the probabilities tell nothing, or there are too few clips to say.

    Args:
        table: predictions.
    """
    truth, probabilities = truth_and_probabilities(table)

    def nll(logarithm: float) -> float:
        scaled = _scaled(probabilities, np.exp(logarithm))
        return float(-np.log(np.maximum(scaled[truth], SMALLEST)).mean())

    found = minimize_scalar(nll, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def verdict(temperature: float) -> str:
    """What a fitted temperature says of the model, in a sentence."""
    low, high = TEMPERATURES
    if not low * 1.01 < temperature < high / 1.01:
        return (
            f"The temperature stands at an end of its range ({low:g} to {high:g}): validation has "
            "too few clips, or the probabilities tell too little, to fit one. Do not use it."
        )
    kind = "too sure" if temperature > 1 else "not sure enough"
    return f"A temperature of {temperature:.2f} fits validation best: the model was {kind}."


def with_temperature(table: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """A copy of a table of predictions with other probabilities and the same predictions.

    The softmax of logarithms divided by the temperature: p^(1/T), made to sum to one again. Of a
    single view that is the network's softmax with its scores divided by T; here it is applied to
    the average over views.

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: give a number above 0; 1 changes nothing.")
    columns = [PROBABILITY + name for name in classes_of(table)]
    changed = table.copy()
    changed[columns] = _scaled(table[columns].to_numpy(float), temperature)
    return changed


def _scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    scores = np.log(np.maximum(probabilities, SMALLEST)) / temperature
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _confidence(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Largest probability of each clip, and whether the prediction is right."""
    _, probabilities = truth_and_probabilities(table)
    right = (table["label"] == table["predicted"]).to_numpy(float)
    return probabilities.max(axis=1), right


def _bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Bin of each confidence: the k-th holds those above k / bins up to (k + 1) / bins."""
    return np.clip(np.ceil(confidence * bins - 1e-9).astype(int) - 1, 0, bins - 1)
