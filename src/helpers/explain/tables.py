"""What was measured on maps, as tables with intervals over recordings."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.evaluation.compare import clip_draws
from helpers.explain.faithfulness import Measured
from helpers.explain.intervals import mean_interval, ratio_interval
from helpers.explain.methods import RANDOM

DRAWS = 1000
"""Draws of recordings behind each interval."""


def perturbation_table(measured: Measured, against: str = RANDOM, n: int = DRAWS) -> pd.DataFrame:
    """Areas of each method, and how much better than another's they are, with 95 % intervals.

    Args:
        measured: from `measure`.
        against: what the methods are compared with, on the same clips.
        n: draws of the bootstrap over recordings.

    Returns:
        method, deletion, insertion (mean areas), and for each of both `<name> gain`, `<name> low`,
        `<name> high`: positive where the method is better (less area in deletion, more in
        insertion).
    """
    rows = []
    wide = measured.perturbed.pivot(index="path", columns="method")
    draws = clip_draws(wide["group"][against], n, 0)
    for method in measured.deletion:
        row = {"method": method}
        for name, sign in (("deletion", -1), ("insertion", 1)):
            areas = wide[name]
            limits = mean_interval(sign * (areas[method] - areas[against]), draws)
            row |= {name: float(areas[method].mean()), f"{name} gain": limits["value"]}
            row |= {f"{name} low": limits["low"], f"{name} high": limits["high"]}
        rows.append(row)
    return pd.DataFrame(rows)


def boxes_table(measured: Measured, n: int = DRAWS) -> pd.DataFrame:
    """How much of each method's maps falls into the hazard's boxes, all clips and by class.

    Args:
        measured: from `measure`.
        n: draws of the bootstrap over recordings.

    Returns:
        method, clips ("all", "right", "wrong" by the prediction, then each class), n, inside and
        area (means), ratio of both with low and high, hits and chance of the pointing game. Empty
        where no clip has known boxes.
    """
    columns = ["method", "clips", "n", "inside", "area", "ratio", "low", "high", "hits", "chance"]
    if measured.boxes.empty:
        return pd.DataFrame(columns=columns)
    rows, draws = [], None
    for method, own in measured.boxes.groupby("method", sort=False):
        if draws is None:  # the clips of all methods are the same, in the same order
            draws = clip_draws(own["group"], n, 0)
        right = (own["label"] == own["predicted"]).to_numpy()
        parts = {"all": np.ones(len(own), bool), "right": right, "wrong": ~right}
        parts |= {label: (own["label"] == label).to_numpy() for label in sorted(set(own["label"]))}
        for name, chosen in parts.items():
            if not chosen.any():
                continue
            part = own[chosen]
            ratio = ratio_interval(part["inside"], part["area"], draws[:, chosen])
            means = part[["inside", "area", "hits", "chance"]].mean().to_dict()
            limits = {"ratio": ratio["value"], "low": ratio["low"], "high": ratio["high"]}
            rows.append({"method": method, "clips": name, "n": len(part)} | means | limits)
    return pd.DataFrame(rows, columns=columns)


def sanity_table(sanity: pd.DataFrame, groups: Sequence[str], n: int = DRAWS) -> pd.DataFrame:
    """Mean rank correlation by method and stage, with 95 % intervals.

    Args:
        sanity: from `helpers.explain.randomisation.sanity_check`.
        groups: recording of each of its clips.
        n: draws of the bootstrap over recordings.

    Returns:
        method, stage, value, low, high. Maps without an order count as unlike: 0.
    """
    rows = []
    draws = clip_draws(groups, n, 0)
    for (method, stage), own in sanity.groupby(["method", "stage"], sort=False):
        values = own.set_index("clip")["correlation"].sort_index().fillna(0.0)
        rows.append({"method": method, "stage": stage} | mean_interval(values, draws))
    return pd.DataFrame(rows)
