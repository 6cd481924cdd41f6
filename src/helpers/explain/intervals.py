"""Means and ratios over clips, with intervals from drawing whole recordings anew."""

from collections.abc import Sequence

import numpy as np


def ratio_interval(
    above: Sequence[float], below: Sequence[float], draws: np.ndarray
) -> dict[str, float]:
    """Ratio of two means over clips, and its 95 % interval.

    Args:
        above, below: one value per clip.
        draws: how often each clip stands in each draw, [n, clips], from
            `helpers.evaluation.compare.clip_draws`: whole recordings are drawn. Draws without any
            of the clips are left out.

    Returns:
        value, low, high; NaN limits where no draw has any of the clips.

    Raises:
        ValueError: there is no clip, or the lengths differ.
    """
    above, below = np.asarray(above, float), np.asarray(below, float)
    if not len(above) == len(below) == draws.shape[1] or not len(above):
        raise ValueError(
            f"{len(above)} and {len(below)} values, draws of {draws.shape[1]} clips: they must be "
            "as many, and at least one."
        )
    weight = draws @ below
    drawn = (draws @ above)[weight > 0] / weight[weight > 0]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return {"value": float(above.sum() / below.sum()), "low": float(low), "high": float(high)}


def mean_interval(values: Sequence[float], draws: np.ndarray) -> dict[str, float]:
    """Mean of a value of each clip, and its 95 % interval, as `ratio_interval`."""
    return ratio_interval(values, np.ones(len(values)), draws)
