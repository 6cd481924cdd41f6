"""Which method to trust, said from what was measured."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from helpers.explain.methods import CENTRE, RANDOM

ALIKE = 0.5
"""Above this rank correlation with the map of destroyed weights a map has not fallen apart."""
TWICE = 2.0


def judge(perturbed: pd.DataFrame, boxes: pd.DataFrame, sanity: pd.DataFrame) -> pd.DataFrame:
    """What each method passes.

    Args:
        perturbed: from `helpers.explain.tables.perturbation_table`, against the random order.
        boxes: from `helpers.explain.tables.boxes_table`; may be empty.
        sanity: from `helpers.explain.tables.sanity_table`.

    Returns:
        method, deletion and insertion (whether the gain's interval lies above zero), falls_apart
        (whether the correlation with all weights destroyed is at most `ALIKE`), gain (sum of both
        gains), ratio (of the boxes; NaN where none are known), trusted (the first three
        together); the largest gain among the trusted first.
    """
    last = sanity[sanity["stage"] == sanity["stage"].iloc[-1]].set_index("method")["value"]
    ratios = boxes[boxes["clips"] == "all"].set_index("method")["ratio"]
    rows = []
    for row in perturbed.to_dict("records"):
        method = row["method"]
        if method in (CENTRE, RANDOM):
            continue
        passed = {name: bool(row[f"{name} low"] > 0) for name in ("deletion", "insertion")}
        passed["falls_apart"] = bool(abs(last[method]) <= ALIKE)
        gain = row["deletion gain"] + row["insertion gain"]
        rows.append(
            {"method": method, **passed, "gain": gain, "correlation": float(last[method])}
            | {"ratio": float(ratios.get(method, float("nan"))), "trusted": all(passed.values())}
        )
    table = pd.DataFrame(rows)
    return table.sort_values(["trusted", "gain"], ascending=False, ignore_index=True)


def verdict(judged: pd.DataFrame) -> list[str]:
    """Sentences on which method to trust and why not the others."""
    trusted = judged[judged["trusted"]]
    if trusted.empty:
        first = "No method passes all three tests: none of these maps should be trusted here."
    else:
        best = trusted.iloc[0]
        first = (
            f"Trust {best['method']}: the model needs what it shows (areas better than a random "
            f"order's by {best['gain']:.3f} in sum, both beyond chance), and "
            f"it falls apart with the weights (rank correlation {best['correlation']:.2f})."
        )
        if len(trusted) > 1:
            others = ", ".join(trusted["method"].iloc[1:])
            first += f" The tests are also passed by {others}."
    sentences = [first]
    for row in judged[~judged["trusted"]].to_dict("records"):
        reasons = [
            f"in {name} it is not better than a random order"
            for name in ("deletion", "insertion")
            if not row[name]
        ]
        if not row["falls_apart"]:
            reasons.append(f"destroyed weights leave it alike ({row['correlation']:.2f})")
        sentences.append(f"Not {row['method']}: {'; '.join(reasons)}.")
    known = judged[judged["ratio"].notna()]
    if len(known):
        told = ", ".join(f"{row.method} {row.ratio:.1f}" for row in known.itertuples())
        reached = known[known["ratio"] >= TWICE]["method"]
        sentences.append(
            f"Into the hazard's boxes falls, in multiples of their share of the picture: {told}. "
            + (
                f"At least twice: {', '.join(reached)}."
                if len(reached)
                else "No method reaches twice."
            )
        )
    return sentences


def of_classes(boxes: pd.DataFrame, methods: Sequence[str]) -> list[str]:
    """A sentence on maps in the boxes of each class; none where no boxes are known.

    Args:
        boxes: from `helpers.explain.tables.boxes_table`.
        methods: those of which it tells.
    """
    rows = boxes[~boxes["clips"].isin(("all", "right", "wrong"))]
    if rows.empty:
        return []
    told = []
    for method in methods:
        own = rows[rows["method"] == method].sort_values("area")
        told.append(f"{method}: " + ", ".join(f"{r.clips} {r.ratio:.1f}" for r in own.itertuples()))
    sizes = rows.groupby("clips")["area"].mean().sort_values()
    covered = ", ".join(f"{name} {share:.0%}" for name, share in sizes.items())
    return [
        f"By class: {'; '.join(told)}. The boxes cover of the picture: {covered}. A map that lies "
        "wholly inside reaches one over this share, so large boxes hold the ratio of all down."
    ]


def summary(tables: Mapping[str, pd.DataFrame], **facts: Any) -> dict[str, Any]:
    """What `explanations.json` holds: facts, then tables as lists of rows; not a number is null.

    Args:
        tables: by name.
        facts: plain values.
    """
    rows = {
        name: [
            {key: _plain(value) for key, value in row.items()} for row in table.to_dict("records")
        ]
        for name, table in tables.items()
    }
    return {key: _plain(value) for key, value in facts.items()} | rows


def _plain(value: Any) -> Any:
    """A value as JSON has it, numbers with 6 digits behind the point."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
