"""Means and ratios over clips, with intervals from drawing whole recordings anew."""

from collections.abc import Sequence

import numpy as np

from helpers.evaluation.compare import clip_draws

DRAWS = 1000


def mean_interval(
    values: Sequence[float], groups: Sequence[str], n: int = DRAWS, seed: int = 0
) -> dict[str, float]:
    """Mean of a value of each clip, and its 95 % interval.

    Args:
        values: one per clip.
        groups: recording of each clip; whole recordings are drawn, see `clip_draws`.
        n: number of draws.
        seed: of the draws.

    Returns:
        value, low, high.
    """
    return ratio_interval(values, np.ones(len(values)), groups, n, seed)


def ratio_interval(
    above: Sequence[float],
    below: Sequence[float],
    groups: Sequence[str],
    n: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Ratio of two means over clips, and its 95 % interval, as `mean_interval`.

    Raises:
        ValueError: there is no clip, or the lengths differ.
    """
    if not len(above) == len(below) == len(groups) or not len(above):
        raise ValueError(
            f"{len(above)} and {len(below)} values of {len(groups)} clips: they must be as many, "
            "and at least one."
        )
    above, below = np.asarray(above, float), np.asarray(below, float)
    draws = clip_draws(groups, n, seed).astype(float)
    weight = draws @ below
    drawn = (draws @ above)[weight > 0] / weight[weight > 0]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": float(above.sum() / below.sum()), "low": float(low), "high": float(high)}
