"""Where the model is weak: top-1 by camera, light, weather, distance and what else is known.

Among many slices the worst one is bad by chance alone, so a slice is named as worse than the rest
only where its difference stays significant after Holm's correction over all slices.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import t as student

from helpers.evaluation.compare import SIGNIFICANT, holm, say_probability, signed
from helpers.evaluation.draws import (
    FEW_GROUPS,
    clip_draws,
    drawn_means,
    share_interval,
)

FEWEST = 20
"""A slice of fewer clips is shown, but not tested."""
PARTS = 3
"""Numbers are cut into so many slices of about equally many clips."""
COLUMNS = ["property", "slice", "clips", "recordings", "top1", "low", "high"]
TESTED = ["difference", "p_value", "p_holm", "worse"]


def slice_values(facts: pd.DataFrame, parts: int = PARTS) -> tuple[pd.DataFrame, list[str]]:
    """Turn what is known of clips into names of slices.

    Args:
        facts: one row per clip; column path, then properties: text and yes/no as they are, numbers
            to be cut into slices of about equally many clips, missing ones in none.
        parts: how many.

    Returns:
        The same table with a text for each clip ("" for none), and the properties that are left
        out since all clips have the same.
    """
    named, constant = {"path": facts["path"]}, []
    for name in facts.columns.drop("path"):
        values = _names(facts[name], parts)
        if values[values != ""].nunique() < 2:
            constant.append(name)
        else:
            named[name] = values
    return pd.DataFrame(named), constant


def _names(values: pd.Series, parts: int) -> pd.Series:
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numbers:
        return values.map(_text).astype(str)
    if values.nunique() <= parts:
        return values.map(lambda value: "" if pd.isna(value) else _number(value))
    edges = np.unique(values.quantile(np.linspace(0, 1, parts + 1)))
    usual = values.mode().iloc[0]
    if (values == usual).mean() > 0.5:  # most clips have one and the same number
        names = np.select(
            [values < usual, values > usual],
            [f"below {_number(usual)}", f"above {_number(usual)}"],
            _number(usual),
        )  # fmt: skip
    else:
        place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
        told = [f"{_number(low)} to {_number(high)}" for low, high in pairwise(edges)]
        names = np.array(told)[place]
    return pd.Series(names, index=values.index).where(values.notna(), "")


def _number(value: float) -> str:
    """Three digits, or all before the point where there are more."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return "" if pd.isna(value) else str(value)


def slice_table(
    predictions: pd.DataFrame, named: pd.DataFrame, n: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Top-1 of every slice, and its difference to the clips outside of it.

    A slice with many clips of a hard class is no weak spot by that alone. The difference is
    therefore taken of each clip's result minus the mean of its class: 0 for a slice that is as good
    as the others on clips of the same classes. `top1` itself is as it is.

    Recordings are drawn once for all slices. Of a slice within fewer than `FEW_GROUPS` recordings,
    such as a camera, its clips are drawn too, see `helpers.evaluation.draws.clip_draws`; such
    intervals take the clips of a recording for independent. p values are Student's, two-sided, of
    the difference over its standard error under the draws.

    Args:
        predictions: table of predictions.
        named: from `slice_values`; the recordings are added as the property "recording".
        n: number of draws.
        seed: of the draws.

    Returns:
        `COLUMNS` (top1 with 95 % limits), and of the slices with `FEWEST` clips inside and outside
        difference (to the other clips of the property, see above), p_value, p_holm (over all slices
        tested) and worse (significantly so). By property, the lowest top-1 first.
    """
    right = predictions["label"].eq(predictions["predicted"]).astype(float)
    surplus = right - right.groupby(predictions["label"]).transform("mean")
    clips = predictions[["path", "group"]].assign(right=right, surplus=surplus)
    clips = clips.merge(named, on="path", how="left", validate="one_to_one")
    clips = clips.assign(recording=clips["group"].astype(str))
    rows = []
    draws = clip_draws(clips["group"], n, seed)
    for name in ["recording", *named.columns.drop("path")]:
        for value in sorted(set(clips[name].dropna()) - {""}):
            inside = clips[name].eq(value).to_numpy()
            outside = clips[name].fillna("").ne("").to_numpy() & ~inside
            found = _slice(clips, inside, outside, draws, seed)
            rows.append({"property": name, "slice": value, **found})
    table = pd.DataFrame(rows, columns=[*COLUMNS, *TESTED[:2]])
    tested = table["p_value"].notna()
    table["p_holm"] = np.nan
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"]) if tested.any() else np.nan
    table["worse"] = (table["p_holm"] < SIGNIFICANT) & (table["difference"] < 0)
    order = table["property"].drop_duplicates().tolist()
    table["property"] = pd.Categorical(table["property"], order)
    table = table.sort_values(["property", "top1"], kind="stable", ignore_index=True)
    return table.assign(property=table["property"].astype(str))


def _slice(
    clips: pd.DataFrame, inside: np.ndarray, outside: np.ndarray, draws: np.ndarray, seed: int
) -> dict:
    right, surplus = clips["right"].to_numpy(), clips["surplus"].to_numpy()
    recordings = clips.loc[inside, "group"].nunique()
    own = draws[:, inside]
    if recordings < FEW_GROUPS:
        own = clip_draws(clips.loc[inside, "group"], len(draws), seed, warn=False)
    told = share_interval(right[inside], own)
    found = {
        "clips": int(inside.sum()), "recordings": recordings,
        "top1": told["value"], "low": told["low"], "high": told["high"],
    }  # fmt: skip
    if min(inside.sum(), outside.sum()) < FEWEST:
        return found | {"difference": np.nan, "p_value": np.nan}
    difference = surplus[inside].mean() - surplus[outside].mean()
    drawn = drawn_means(surplus[inside], own) - drawn_means(surplus[outside], draws[:, outside])
    error = np.nanstd(drawn, ddof=1)
    freedom = (recordings if recordings >= FEW_GROUPS else inside.sum()) - 1
    p_value = 2 * student.sf(abs(difference) / error, freedom) if error > 0 else 1.0
    return found | {"difference": difference, "p_value": float(p_value)}


def worst_slices(table: pd.DataFrame, most: int = 5) -> pd.DataFrame:
    """The slices that are significantly worse than the rest, the lowest top-1 first."""
    return table[table["worse"]].nsmallest(most, "top1").reset_index(drop=True)


def sentences(table: pd.DataFrame, most: int = 5) -> list[str]:
    """Which slices are worse, in words; where none is shown, the one that comes nearest to it.

    Args:
        table: from `slice_table`.
        most: slices named at most.
    """
    tested = table[table["p_value"].notna()]
    if tested.empty:
        return [f"No slice has {FEWEST} clips inside and outside of it: none was tested."]
    worst = worst_slices(table, most)
    if len(worst):
        return [_told(row) + "." for row in worst.to_dict("records")]
    lowest = tested.loc[tested["difference"].idxmin()].to_dict()
    return [
        f"None of {len(tested)} slices is shown to be worse than the rest. Lowest: "
        f"{_told(lowest)}, which among so many may be chance."
    ]


def _told(row: dict) -> str:
    points = signed(100 * row["difference"], 1)
    return (
        f"{row['property']} {row['slice']}: top-1 {row['top1']:.3f} [{row['low']:.3f}, "
        f"{row['high']:.3f}] on {row['clips']} clips, {points} points to clips of the same "
        f"classes, {say_probability(row['p_holm'])} after Holm over all slices"
    )


def recording_spread(predictions: pd.DataFrame, n: int = 1000, seed: int = 0) -> dict[str, float]:
    """Whether recordings differ more than clips that are dealt out to them by lot.

    Args:
        predictions: table of predictions.
        n: deals.
        seed: of the deals.

    Returns:
        spread: standard deviation of top-1 over recordings; chance: its mean where the clips'
        results are dealt out anew among recordings; p_value: share of deals at least as uneven.
    """
    right = predictions["label"].eq(predictions["predicted"]).to_numpy(float)
    place = pd.factorize(predictions["group"].astype(str))[0]
    sizes = np.bincount(place)
    rng = np.random.default_rng(seed)
    dealt = [np.bincount(place, rng.permutation(right)) / sizes for _ in range(n)]
    spreads = np.std(dealt, axis=1)
    spread = float(np.std(np.bincount(place, right) / sizes))
    at_least = (1 + (spreads >= spread - 1e-12).sum()) / (1 + n)
    return {"spread": spread, "chance": float(spreads.mean()), "p_value": float(at_least)}
