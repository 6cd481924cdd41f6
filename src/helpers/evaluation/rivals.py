"""Models side by side: scores with intervals, and who is better than the reference."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.evaluation.bootstrap import bootstrap_intervals
from helpers.evaluation.compare import SIGNIFICANT, compare, holm
from helpers.evaluation.metrics import PROBABILITY

METRICS = ("top1", "macro_f1")
"""Top-1 is what retrieval calls rank-1."""


def named(trainings: pd.DataFrame) -> pd.Series:
    """A name for each training, with what tells it from the others.

    Args:
        trainings: columns model, seed, share, start and changes.
    """
    names = []
    for row in trainings.itertuples():
        words = [row.model]
        words += [f"({row.changes})"] if row.changes else []
        words += [f"from {row.start}"] if row.start != "nothing" else []
        words += [f"{row.share:.0%} of the clips"] if row.share < 1 else []
        words += [f"seed {row.seed}"] if trainings["seed"].nunique() > 1 else []
        names.append(" ".join(words))
    return pd.Series(names, index=trainings.index, dtype=str)


def predictions_of(training) -> pd.DataFrame:
    """The table of predictions that a row of trainings names.

    Raises:
        FileNotFoundError: it is gone.
    """
    path = Path(training.predictions)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: run the comparison again, it makes what lacks."
        )
    names = dict.fromkeys(("path", "group", "label", "predicted"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False)


def scores(trainings: pd.DataFrame, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Each training's scores on its test clips; the intervals draw recordings, not seeds.

    Args:
        trainings: one row each, with a column `predictions`.
        n: number of draws.
        seed: of the draws.

    Returns:
        The trainings with a column `name`, and per metric of `METRICS` its value, low and high.
    """
    rows = []
    for training in trainings.itertuples():
        found = bootstrap_intervals(predictions_of(training), n=n, seed=seed)
        row = {}
        for metric in METRICS:
            value, low, high = (found[metric][key] for key in ("value", "low", "high"))
            row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows, index=trainings.index)
    return pd.concat([trainings.assign(name=named(trainings)), table], axis=1)


def against(
    trainings: pd.DataFrame, reference: str, n: int = 1000, seed: int = 0
) -> tuple[pd.DataFrame, list[str]]:
    """Each training against the reference on the same labels, clip by clip.

    Args:
        trainings: columns labels, model, seed and predictions; each seed is held against the same
            seed of the reference, where there is one, else against its first.
        reference: a value of `model`.
        n: number of draws.
        seed: of the draws.

    Returns:
        One row per other training on the reference's labels: name, reference, top1 and macro_f1
        (difference, the training's minus the reference's) with low and high, p_value (McNemar's),
        p_holm, and shown (whether p_holm and the interval of top-1 both say that it differs); and a
        sentence for each.

    Raises:
        ValueError: no training is of the reference, or test clips differ.
    """
    trainings = trainings.assign(name=named(trainings))
    models = trainings[trainings["model"] == reference]
    if models.empty:
        had = ", ".join(dict.fromkeys(trainings["model"]))
        raise ValueError(f"No training of {reference!r} to compare with, only of {had}.")
    rows, said = [], []
    for one in trainings.drop(models.index).itertuples():
        base = models[models["labels"] == one.labels]
        if base.empty:
            continue
        same = base[base["seed"] == one.seed]
        base = next((same if len(same) else base).itertuples())
        tables = predictions_of(one), predictions_of(base)
        found = compare(*tables, (one.name, base.name), n=n, seed=seed)
        row = {"name": one.name, "reference": base.name}
        for metric in METRICS:
            value, low, high = (found.intervals[metric][key] for key in ("value", "low", "high"))
            row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row | {"p_value": found.p_value})
        said.append(found.sentence)
    table = pd.DataFrame(rows)
    if rows:
        table["p_holm"] = holm(table["p_value"])
        outside = (table["top1_low"] > 0) | (table["top1_high"] < 0)
        table["shown"] = outside & (table["p_holm"] < SIGNIFICANT)
    return table, said


def ablation(trainings: pd.DataFrame, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Each changed network against the same network without the change, clip by clip.

    Args:
        trainings: columns labels, model, seed, share, start, changes and predictions; as many
            changes as there are of the same model on the same labels from the same start.
        n: number of draws.
        seed: of the draws.

    Returns:
        The columns of `against`, `name` the model and its change; corrected for all changes of a
        model. Empty where nothing was changed.
    """
    whole = trainings[trainings["share"] == 1]
    names = whole["model"] + " " + whole["changes"]
    alike = ["labels", "model", "start", "seed"]
    return _within(
        whole, alike, whole["changes"] == "", names, "the network as it is", n=n, seed=seed
    )


def pretraining(trainings: pd.DataFrame, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Each network that learnt something before against the same from nothing, clip by clip.

    Args:
        trainings: columns as of `ablation`.
        n: number of draws.
        seed: of the draws.

    Returns:
        The columns of `against`, `name` what was learnt by which model and from where; corrected
        for all starts of a model. Empty where no network began from nothing.
    """
    whole = trainings[(trainings["share"] == 1) & (trainings["changes"] == "")]
    names = whole["labels"] + ": " + whole["model"] + " from " + whole["start"]
    alike = ["labels", "model", "seed"]
    return _within(
        whole, alike, whole["start"] == "nothing", names, "the same from nothing", n=n, seed=seed
    )


def _within(
    trainings: pd.DataFrame,
    alike: list[str],
    is_reference: pd.Series,
    names: pd.Series,
    reference: str,
    **draws: int,
) -> pd.DataFrame:
    """Within each group of trainings that are alike, all others against the reference."""
    tables = []
    for _, rows in trainings.groupby(alike, sort=False):
        base = is_reference[rows.index]
        if base.all() or not base.any():
            continue
        roles = np.where(base, "reference", "other")
        table, _ = against(rows.assign(model=roles), "reference", **draws)
        tables.append(table.assign(name=names[rows.index[~base]].to_list(), reference=reference))
    columns = ["name", "reference", *METRICS, "shown"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def right_by_all(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Clips that every model has right, in the order of how sure the least sure of them is.

    Args:
        tables: predictions on the same clips.

    Returns:
        path, group, label, and `sure`: the smallest probability of the true class. All clips
        where there is none that all have right.
    """
    first = tables[0].set_index("path")
    others = [table.set_index("path").loc[first.index] for table in tables]
    right = np.logical_and.reduce([one["predicted"] == one["label"] for one in others])
    sure = [[row[PROBABILITY + row["label"]] for row in one.to_dict("records")] for one in others]
    found = first[["group", "label"]].assign(sure=np.min(sure, axis=0))
    found = found[right] if right.any() else found
    return found.sort_values("sure", ascending=False, kind="stable").reset_index()


def best(scored: pd.DataFrame, others_than: Sequence[str] = ()):
    """The training with the highest top-1 among models other than those named.

    Raises:
        ValueError: there is none.
    """
    rest = scored[~scored["model"].isin(others_than)]
    if rest.empty:
        raise ValueError("No CNN is trained yet: run the comparison first.")
    return rest.loc[rest["top1"].idxmax()]


def rises(scored: pd.DataFrame) -> pd.DataFrame:
    """Top-1 by share of the training clips, and whether it still rises at the end.

    Args:
        scored: from `scores`, of one label set.

    Returns:
        Rows of the models that were trained on several shares from the same start, one seed: model,
        share, top1 with low and high, and `gain` over the next smaller share.
    """
    parts = []
    for _, rows in scored[scored["changes"] == ""].groupby(["model", "start"], sort=False):
        rows = rows[rows["seed"] == rows["seed"].min()].sort_values("share")
        if rows["share"].nunique() < 2:
            continue
        gain = [np.nan, *(after - before for before, after in pairwise(rows["top1"]))]
        parts.append(rows.assign(gain=gain))
    columns = ["model", "share", "top1", "top1_low", "top1_high", "gain"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)
