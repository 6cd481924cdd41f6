"""The split that lists of clips publish, taken in place of one that is drawn."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from helpers.clips.split import (
    PARTS,
    SPLIT_COLUMNS,
    SplitError,
    draw_split,
    load_or_draw_split,
    load_split,
)
from helpers.files import write_table

log = logging.getLogger(__name__)


def load_or_take_split(
    manifest: pd.DataFrame,
    path: Path,
    seed: int,
    published: Mapping[str, str],
    duplicates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Load the split, take the published one, or draw one where none is published.

    What is published is kept, also where it divides a recording, or has copies of a clip in two
    parts; a warning then says so. A part
    that is not published (many test sets have no labels) is drawn from the training clips, by
    whole recordings, and so are the parts of clips that stand in no published part. A clip's part
    never changes once it is written.

    Args:
        manifest: columns path, label, group.
        path: split.csv.
        seed: of what is drawn.
        published: part of each clip, by path; empty where the split is to be drawn.
        duplicates: pairs of `helpers.clips.duplicates.find_duplicates`.

    Returns:
        path, label, group, split, in the manifest's order.

    Raises:
        SplitError: as `load_or_draw_split`; or the file has other parts than are published.
    """
    if not published:
        return load_or_draw_split(manifest, path, seed, duplicates=duplicates)
    kept = _kept(path)
    changed = [clip for clip in kept if published.get(clip, kept[clip]) not in _may_be(kept[clip])]
    if changed:
        clip = changed[0]
        raise SplitError(
            f"{path}: {clip} stands in {kept[clip]}, the lists say {published[clip]} now "
            f"({len(changed)} such clips). Remove the file to take the lists' parts, and train anew"
        )
    parts = dict(published) | kept
    split = manifest[["path", "label", "group"]].reset_index(drop=True)
    split["split"] = split["path"].map(parts)
    split = _completed(split, kept, seed)[SPLIT_COLUMNS]
    empty = [part for part in PARTS if part not in set(split["split"])]
    if empty:
        raise SplitError(
            f"the lists leave no usable clip for {' and '.join(empty)}; name a list for training, "
            "from which missing parts are drawn"
        )
    _say(split, published)
    _warn_of_copies(split, duplicates)
    table = load_split(path) if kept else split
    gone = table[~table["path"].isin(split["path"])]
    file = pd.concat([split, gone], ignore_index=True) if len(gone) else split
    if not (kept and _rows(file) == _rows(table)):
        write_table(path, file.sort_values("path", ignore_index=True))
    return split


def _may_be(part: str) -> tuple[str, ...]:
    """What a clip may be published as that stands in a part: others are drawn from training."""
    return ("train",) if part == "train" else (part, "train")


def _kept(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    table = load_split(path)
    return dict(zip(table["path"], table["split"], strict=True))


def _rows(table: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(table[SPLIT_COLUMNS].itertuples(index=False, name=None))


def _completed(split: pd.DataFrame, kept: Mapping[str, str], seed: int) -> pd.DataFrame:
    """Fill in what is not published, beside what is."""
    split = split.copy()
    known = split.dropna(subset="split").drop_duplicates("group")
    of_group = dict(zip(known["group"], known["split"], strict=True))
    split["split"] = split["split"].fillna(split["group"].map(of_group))  # stay together
    absent = [part for part in PARTS if part not in set(split["split"])]
    drawn_from = split["split"].isna()
    if absent:
        drawn_from |= (split["split"] == "train") & ~split["path"].isin(list(kept))
    if not drawn_from.any():
        return split
    try:
        drawn = draw_split(split.loc[drawn_from, ["path", "label", "group"]], seed)["split"]
    except SplitError as error:
        if not absent:
            drawn = pd.Series("train", index=range(int(drawn_from.sum())))
        else:
            raise SplitError(
                f"the lists have no part {' and '.join(absent)}, and it cannot be drawn from the "
                f"training clips: {error}"
            ) from error
    # A part that is published gets none of the training clips.
    free = split.loc[drawn_from, "split"].isna().to_numpy()
    drawn = drawn.to_numpy()
    taken = pd.Series(drawn).where(free | pd.Series(drawn).isin(absent), "train").to_numpy()
    split.loc[drawn_from, "split"] = taken
    return split


def _say(split: pd.DataFrame, published: Mapping[str, str]) -> None:
    """Say what was taken and drawn, and which recordings stand on both sides."""
    own = split["path"].map(published)
    drawn = split[own != split["split"]]
    counts = ", ".join(f"{part} {(split['split'] == part).sum()}" for part in PARTS)
    words = f"The split is the published one ({counts})"
    if len(drawn):
        words += f"; {len(drawn)} clips are drawn, since the lists lack their part"
    log.warning(words)
    divided = split.groupby("group")["split"].nunique()
    divided = list(divided.index[divided > 1])
    if divided:
        clips = int((split["group"].isin(divided) & (split["split"] == "test")).sum())
        log.warning(
            "The published split divides %d recordings, such as %s: %d test clips show what "
            "training or validation knows, and the test's figures are too good",
            len(divided),
            divided[0],
            clips,
        )


def _warn_of_copies(split: pd.DataFrame, duplicates: pd.DataFrame | None) -> None:
    if duplicates is None or duplicates.empty:
        return
    part = dict(zip(split["path"], split["split"], strict=True))
    sides = pd.DataFrame({side: duplicates[side].map(part) for side in ("path", "other")}).dropna()
    across = sides[(sides["path"] != sides["other"]) & (sides == "test").any(axis=1)]
    if len(across):
        clips = duplicates.loc[across.index[0]]
        log.warning(
            "The published split has copies on both sides: %d pairs of a test clip and one of "
            "training or validation, such as %s and %s; the test's figures are too good",
            len(across),
            clips["path"],
            clips["other"],
        )
