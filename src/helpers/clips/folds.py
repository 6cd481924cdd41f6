"""Folds for cross-validation: every recording is tested once, by a model that never saw it.

With few recordings a single test part says little, since another draw would have given another
score. Cross-validation gives every clip its turn: the recordings are divided into k folds, and k
models are trained, each without one fold, on which it is tested.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.clips.assignment import assign_groups
from helpers.clips.groups import merge_groups
from helpers.clips.split import SPLIT_COLUMNS
from helpers.files import write_table

log = logging.getLogger(__name__)

FOLD_COLUMNS = ["path", "label", "group", "fold"]
VALIDATION = 1 / 8
"""Share of the clips not tested that validates, as in the split (10 % beside 70 %)."""

ABSENCE_OF_FOLD, ABSENCE_IN_REST = 100.0, np.array([400.0, 100.0])
"""Cost of a class that a fold lacks; that training and validation lack."""


class FoldError(ValueError):
    """Folds cannot be drawn, or a file of folds cannot be used."""


def most_folds(manifest: pd.DataFrame, duplicates: pd.DataFrame | None = None) -> int:
    """As many folds as leave one recording out at a time; those that share copies count as one."""
    groups = dict(zip(manifest["path"], manifest["group"], strict=True))
    return len(set(merge_groups(groups, duplicates).values()))


def draw_folds(
    manifest: pd.DataFrame, k: int, seed: int, duplicates: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Divide the recordings into k folds, with even shares of recordings and of every class.

    With as many folds as recordings, each recording is a fold: leave one recording out. Recordings
    that hold copies of each other's clips count as one. The result depends on the seed and the
    clips, not on their order.

    Args:
        manifest: columns path, label, group.
        k: number of folds, 2 or more.
        seed: of the draw.
        duplicates: pairs of `helpers.clips.duplicates.find_duplicates`.

    Returns:
        path, label, group, fold (the one, from 0, in which the clip is tested), in the manifest's
        order.

    Raises:
        FoldError: there are fewer recordings than folds, a fold leaves fewer than two recordings to
            train and validate on, or a class is of one recording, so that no model could be trained
            on some of it and tested on the rest.
    """
    units = merge_groups(dict(zip(manifest["path"], manifest["group"], strict=True)), duplicates)
    unit = manifest["group"].map(units)
    counts = pd.crosstab(unit, manifest["label"]).sort_index()
    _check(counts, k)
    if k == len(counts):
        drawn = np.arange(k)
    else:
        free, absence = np.full(len(counts), -1), np.full(k, ABSENCE_OF_FOLD)
        # Recordings count like one more class: no fold is without, and all have about as many.
        shared_out = np.column_stack([counts.to_numpy(), np.ones(len(counts), int)])
        drawn = assign_groups(shared_out, np.full(k, 1 / k), free, seed, absence)
    _check_drawn(counts, drawn, k)
    folds = manifest[["path", "label", "group"]].reset_index(drop=True)
    folds["fold"] = unit.map(dict(zip(counts.index, drawn, strict=True))).to_numpy(int)
    return folds


def load_or_draw_folds(
    manifest: pd.DataFrame,
    path: Path,
    k: int,
    seed: int,
    duplicates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Load the folds, or draw and write them.

    Unlike a split, folds are drawn for one set of clips: the models of a cross-validation are only
    comparable if all were trained on the same ones.

    Args:
        manifest: columns path, label, group.
        path: folds.csv.
        k: number of folds.
        seed: of the draw.
        duplicates: as in `draw_folds`.

    Raises:
        FoldError: as `draw_folds`; or the file has other clips, labels, groups or folds.
    """
    if not path.exists():
        folds = draw_folds(manifest, k, seed, duplicates)
        write_table(path, folds)
        return folds
    folds = load_folds(path)
    now = manifest[["path", "label", "group"]].sort_values("path", ignore_index=True).astype(str)
    kept = folds.drop(columns="fold").sort_values("path", ignore_index=True)
    found = folds["fold"].nunique()
    if found != k or not kept.equals(now):
        what = f"{found} folds, {k} are asked" if found != k else "other clips, labels or groups"
        raise FoldError(
            f"{path} has {what}. Remove {path.parent} to draw the folds anew and train them anew, "
            "or give this one another NAME"
        )
    return folds


def load_folds(path: Path) -> pd.DataFrame:
    """Read folds.csv: path, label, group, fold (int).

    Raises:
        FoldError: a column is missing, or a fold is no number.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in FOLD_COLUMNS if name not in table]
    if missing or not table["fold"].str.fullmatch(r"\d+").all():
        what = f"no column {', '.join(missing)}" if missing else "a fold that is no number"
        raise FoldError(f"{path}: {what}; remove {path.parent} to draw the folds anew")
    return table[FOLD_COLUMNS].astype({"fold": int})


def split_of_fold(
    folds: pd.DataFrame, fold: int, seed: int, duplicates: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The parts of one fold: its clips are the test, the others train and validate.

    Validation takes about an eighth of the other clips, as whole recordings; another draw for each
    fold. Recordings with copies of each other's clips stay together here too.

    Args:
        folds: from `draw_folds`.
        fold: which one is tested.
        seed: of the draw.
        duplicates: as in `draw_folds`.

    Returns:
        path, label, group, split ("train", "val" or "test"), in the order of `folds`.

    Raises:
        FoldError: there is no such fold, or a class is left without a clip to train on, or
            nothing is left to validate on.
    """
    if fold not in set(folds["fold"]):
        raise FoldError(f"fold {fold}: there are 0 to {folds['fold'].max()}")
    units = merge_groups(dict(zip(folds["path"], folds["group"], strict=True)), duplicates)
    unit = folds["group"].map(units)
    rest = folds["fold"] != fold
    counts = pd.crosstab(unit[rest], folds.loc[rest, "label"]).sort_index()
    shares = np.array([1 - VALIDATION, VALIDATION])
    free = np.full(len(counts), -1)
    drawn = assign_groups(counts.to_numpy(), shares, free, seed + fold, ABSENCE_IN_REST)
    part = dict(zip(counts.index, np.array(["train", "val"])[drawn], strict=True))
    split = folds[["path", "label", "group"]].assign(split="test")
    split.loc[rest, "split"] = unit[rest].map(part)
    trained = set(split.loc[split["split"] == "train", "label"])
    lost = sorted(set(folds["label"]) - trained)
    if lost:
        raise FoldError(
            f"Without fold {fold} there is no clip of {', '.join(lost)} to train on: such a class "
            "is of too few recordings. Add some, leave the class out, or take more folds"
        )
    if not (split["split"] == "val").any():
        raise FoldError(
            f"Without fold {fold} there is no recording to validate on: each that is left has a "
            "class of its own. Add recordings"
        )
    return split[SPLIT_COLUMNS]


def _check(counts: pd.DataFrame, k: int) -> None:
    if k < 2 or k > len(counts):
        raise FoldError(
            f"{k} folds of {len(counts)} recordings ({', '.join(counts.index[:5])}, …): take 2 to "
            f"{len(counts)}, since a recording is never divided"
        )
    alone = [label for label in counts if (counts[label] > 0).sum() < 2]
    if alone:
        raise FoldError(
            f"All clips of class {alone[0]} are of one recording ({len(alone)} such classes): no "
            "model could be trained on some and tested on others. Add recordings, check the "
            "groups, or leave the class out"
        )


def _check_drawn(counts: pd.DataFrame, drawn: np.ndarray, k: int) -> None:
    sizes = np.bincount(drawn, minlength=k)
    if sizes.min() == 0 or len(counts) - sizes.max() < 2:
        raise FoldError(
            f"{len(counts)} recordings in {k} folds of {', '.join(map(str, sizes))}: each fold "
            "needs one, and two others to train and validate on; take another number of folds, or "
            "add recordings"
        )
    for label in counts:
        found = len(set(drawn[counts[label].to_numpy() > 0]))
        if found < 2:
            raise FoldError(
                f"All clips of class {label} fell into one fold of {k}; take more folds"
            )
        if found < k:
            log.warning(
                "Class %s is in %d of %d folds: the scores of the others say nothing of it, and "
                "only the pooled ones are complete",
                label,
                found,
                k,
            )
