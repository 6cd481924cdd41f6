"""Training, validation and test part per clip: whole recordings, classes alike, drawn once.

Recordings that hold copies of each other's clips (`helpers.clips.duplicates`) count as one.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.clips.assignment import assign_groups
from helpers.clips.copies import Link, Sides, find_sides, links_between
from helpers.clips.duplicates import none_found
from helpers.files import write_table

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")
UNUSED = "unused"
"""In place of a part: the clip is a copy of clips that are in different parts."""

FRACTIONS = (0.7, 0.1, 0.2)
SPLIT_COLUMNS = ["path", "label", "group", "split"]


class SplitError(ValueError):
    """A split file cannot be used, or the clips cannot be split."""


def draw_split(
    manifest: pd.DataFrame,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    duplicates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Divide the clips into training, validation and test part.

    A group (recording) is never divided, and groups that hold copies of each other's clips stay
    together, which is logged. Each part gets its fraction of every class as nearly as whole groups
    allow. The result depends on the seed and the clips, not on their order. Where a class has too
    few groups for every part, a warning names it.

    Args:
        manifest: columns path, label, group.
        seed: of the draw.
        fractions: of train, val and test, each above 0, 1 in all.
        duplicates: pairs of `helpers.clips.duplicates.find_duplicates`.

    Returns:
        path, label, group, split ("train", "val" or "test"), in the manifest's order.

    Raises:
        SplitError: duplicate paths, fewer than three groups, or unusable fractions.
    """
    _check_paths(manifest["path"], "the manifest")
    sides = _sides(manifest, {}, {}, duplicates)
    return _draw(manifest, seed, fractions, sides)


def load_or_draw_split(
    manifest: pd.DataFrame,
    path: Path,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    duplicates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Load the split, drawing only for what is new; a clip's part never changes.

    New clips of a known group join it, and so do new groups that hold a copy of one of its clips.
    Other new groups are drawn beside the kept ones. A new clip that is a copy of clips of different
    parts fits into none: it is left out, and stands in the file as "unused". Clips that are gone
    drop out of the returned table and stay in the file, so that they return to their part. What
    changed is logged, and the file is written when it did.

    Returns:
        As `draw_split`, without the clips that are left out.

    Raises:
        SplitError: as `draw_split`; or the file names a part or path wrongly, divides a group, or
            has copies of a clip in two parts.
    """
    if not path.exists():
        split = draw_split(manifest, seed, fractions, duplicates)
        write_table(path, split)
        return split
    kept = load_split(path, unused=True)
    _check_paths(manifest["path"], "the manifest")
    gone = kept[~kept["path"].isin(manifest["path"])]
    parts = dict(zip(kept["path"], kept["split"], strict=True))
    parts = {clip: part for clip, part in parts.items() if part != UNUSED}
    part_of_group = _part_of_each_group(manifest, gone, parts, path)
    sides = _sides(manifest, part_of_group, parts, duplicates)
    if sides.divided:
        raise SplitError(_told(path, sides.divided, part_of_group))
    out = manifest["path"].isin(sides.left_out)
    split = _draw(manifest[~out], seed, fractions, sides)
    unused = manifest.loc[out, ["path", "label", "group"]].assign(split=UNUSED)
    _log_news(path, kept, split, unused, gone, fresh=set(split["group"]) - set(part_of_group))
    file = pd.concat([split, unused, gone], ignore_index=True)
    file = file.sort_values("path", ignore_index=True)
    if not file.equals(kept.sort_values("path", ignore_index=True)):
        write_table(path, file)
    return split


def load_split(path: Path, unused: bool = False) -> pd.DataFrame:
    """Read split.csv: path, label, group, split.

    Args:
        path: split.csv.
        unused: list the clips too that are in no part.

    Raises:
        SplitError: a column is missing, a path stands twice, or a part is unknown.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in SPLIT_COLUMNS if name not in table]
    if missing:
        raise SplitError(f"{path}: no column {', '.join(missing)}; repair or remove the file")
    unknown = table.loc[~table["split"].isin([*PARTS, UNUSED]), "split"]
    if len(unknown):
        raise SplitError(
            f"{path}: unknown part {unknown.iloc[0]!r} in {len(unknown)} lines; "
            f"use {', '.join(PARTS)}"
        )
    _check_paths(table["path"], path)
    wanted = table if unused else table[table["split"] != UNUSED]
    return wanted[SPLIT_COLUMNS].reset_index(drop=True)


def _sides(
    manifest: pd.DataFrame,
    part_of_group: dict[str, str],
    parts: dict[str, str],
    duplicates: pd.DataFrame | None,
) -> Sides:
    """What stays together, since it holds copies of each other's clips; says what was put so."""
    duplicates = none_found() if duplicates is None else duplicates
    groups = dict(zip(manifest["path"], manifest["group"], strict=True))
    sides = find_sides(groups, part_of_group, set(groups) - set(parts), duplicates)
    merged = [group for group, unit in sides.units.items() if group != unit]
    if merged and not sides.divided:
        between = links_between(duplicates, groups)
        log.warning(
            "%d groups stay on one side of the split with another one, of whose clips they hold "
            "copies (%d pairs; %s and %s, %s): %s",
            len(merged),
            len(between),
            *(between[0].path, between[0].other, between[0].kind),
            ", ".join(f"{group} with {sides.units[group]}" for group in merged[:5]),
        )
    return sides


def _draw(
    manifest: pd.DataFrame,
    seed: int,
    fractions: tuple[float, ...],
    sides: Sides,
) -> pd.DataFrame:
    """Draw the units that have no part yet, and put every clip where its unit is."""
    if len(fractions) != len(PARTS) or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise SplitError(f"fractions {fractions}: give three numbers above 0 that sum to 1")
    units, known = sides.units, sides.parts
    unit_of_clip = manifest["group"].map(units)
    counts = pd.crosstab(unit_of_clip, manifest["label"]).sort_index()
    if len(counts) < len(PARTS):
        together = " that hold no copies of each other's clips" if len(counts) < len(units) else ""
        raise SplitError(
            f"{len(counts)} groups ({', '.join(counts.index)}){together} cannot fill {len(PARTS)} "
            "parts; a group is a recording and is never divided: add recordings or check the groups"
        )
    fixed = np.array([PARTS.index(known[unit]) if unit in known else -1 for unit in counts.index])
    drawn = assign_groups(counts.to_numpy(), np.asarray(fractions), fixed, seed)
    part_of_unit = {unit: PARTS[part] for unit, part in zip(counts.index, drawn, strict=True)}
    split = manifest[["path", "label", "group"]].reset_index(drop=True)
    split["split"] = split["group"].map(units).map(part_of_unit)
    _warn_of_absent_classes(split)
    return split


def _part_of_each_group(
    manifest: pd.DataFrame, gone: pd.DataFrame, parts: dict[str, str], path: Path
) -> dict[str, str]:
    """Part of each group that the file knows.

    Raises:
        SplitError: the clips of a group, as the manifest has it now, stand in two parts.
    """
    present = manifest.loc[manifest["path"].isin(parts), ["path", "group"]]
    rows = pd.concat([present, gone[["path", "group"]]])
    rows = rows.assign(split=rows["path"].map(parts)).dropna()  # some that are gone had none
    divided = rows.groupby("group")["split"].nunique()
    if (divided > 1).any():
        group = divided.index[divided > 1][0]
        where = sorted(rows.loc[rows["group"] == group, "split"].unique())
        raise SplitError(
            f"{path}: group {group!r} stands in {' and '.join(where)} ({(divided > 1).sum()} such "
            "groups); the test would know its scenes. Remove the file to draw anew, and train anew"
        )
    return dict(zip(rows["group"], rows["split"], strict=True))


def _told(path: Path, divided: list[Link], part_of_group: dict[str, str]) -> str:
    """Which copies stand in different parts, and what to do."""
    pairs = [
        f"{link.path} ({part_of_group[link.group]}) and {link.other} "
        f"({part_of_group[link.other_group]}; {link.kind})"
        for link in divided
    ]
    return (
        f"{path}: copies of one clip stand in different parts, in {len(pairs)} pairs: "
        f"{', '.join(pairs[:3])}. The test would know what training has seen. Take one of each "
        "pair out of the data folder; or remove the file to draw anew, and train anew"
    )


def _log_news(
    path: Path,
    kept: pd.DataFrame,
    split: pd.DataFrame,
    unused: pd.DataFrame,
    gone: pd.DataFrame,
    fresh: set[str],
) -> None:
    new = split[~split["path"].isin(kept["path"])]
    if len(new):
        groups = sorted(fresh & set(new["group"]))
        log.info("%s: %d new clips, %d of new groups %s", path, len(new), len(groups), groups[:5])
    if len(unused):
        log.warning(
            "%s: %d clips are left out, since each is a copy of clips that are in different parts "
            "of the split: %s",
            path,
            len(unused),
            ", ".join(unused["path"][:5]),
        )
    if len(gone):
        log.info("%s: %d clips are gone: %s", path, len(gone), ", ".join(gone["path"][:5]))


def _check_paths(paths: pd.Series, where: Path | str) -> None:
    twice = paths[paths.duplicated()]
    if len(twice):
        raise SplitError(
            f"{where}: {twice.iloc[0]} stands twice ({len(twice)} such lines); keep one of each"
        )


def _warn_of_absent_classes(split: pd.DataFrame) -> None:
    table = pd.crosstab(split["label"], split["split"]).reindex(columns=PARTS, fill_value=0)
    groups = split.groupby("label")["group"].nunique()
    for label, row in table.iterrows():
        absent = [part for part in PARTS if row[part] == 0]
        if absent:
            log.warning(
                "Class %s has no clip in %s: its %d clips come from %d recordings, which are "
                "never divided; add recordings",
                label,
                " and ".join(absent),
                row.sum(),
                groups[label],
            )
