"""Training, validation and test part per clip: whole recordings, classes alike, drawn once."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.clips.assignment import assign_groups
from helpers.clips.groups import merge_groups
from helpers.files import write_table

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")
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
    return _draw(manifest, seed, fractions, _units(manifest, duplicates), known={})


def load_or_draw_split(
    manifest: pd.DataFrame,
    path: Path,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    duplicates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Load the split, drawing only for what is new; a clip's part never changes.

    New clips of a known group join it, and so do new groups that hold a copy of one of its clips.
    Other new groups are drawn beside the kept ones. Clips that are gone drop out of the returned
    table and stay in the file, so that they return to their part. What changed is logged, and the
    file is written when it did.

    Raises:
        SplitError: as `draw_split`; or the file names a part or path wrongly, divides a group, or
            has copies of a clip in two parts.
    """
    if not path.exists():
        split = draw_split(manifest, seed, fractions, duplicates)
        write_table(path, split)
        return split
    kept = load_split(path)
    _check_paths(manifest["path"], "the manifest")
    here = kept["path"].isin(manifest["path"])
    gone = kept[~here]
    parts = dict(zip(kept["path"], kept["split"], strict=True))
    part_of_group = _part_of_each_group(manifest, gone, parts, path)
    units = _units(manifest, duplicates)
    known = _part_of_each_unit(manifest, part_of_group, units, duplicates, path)
    split = _draw(manifest, seed, fractions, units, known)
    new = split[~split["path"].isin(kept["path"])]
    fresh = sorted(set(new["group"]) - set(part_of_group))
    if len(new):
        log.info("%s: %d new clips, %d of new groups %s", path, len(new), len(fresh), fresh[:5])
    if len(gone):
        log.info("%s: %d clips are gone: %s", path, len(gone), ", ".join(gone["path"][:5]))
    file = pd.concat([split, gone], ignore_index=True).sort_values("path", ignore_index=True)
    if not file.equals(kept.sort_values("path", ignore_index=True)):
        write_table(path, file)
    return split


def load_split(path: Path) -> pd.DataFrame:
    """Read split.csv: path, label, group, split.

    Raises:
        SplitError: a column is missing, a path stands twice, or a part is unknown.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in SPLIT_COLUMNS if name not in table]
    if missing:
        raise SplitError(f"{path}: no column {', '.join(missing)}; repair or remove the file")
    unknown = table.loc[~table["split"].isin(PARTS), "split"]
    if len(unknown):
        raise SplitError(
            f"{path}: unknown part {unknown.iloc[0]!r} in {len(unknown)} lines; "
            f"use {', '.join(PARTS)}"
        )
    _check_paths(table["path"], path)
    return table[SPLIT_COLUMNS]


def _units(manifest: pd.DataFrame, duplicates: pd.DataFrame | None) -> dict[str, str]:
    """For each group the name of what is drawn as one: often itself. Says what was put together."""
    groups = dict(zip(manifest["path"], manifest["group"], strict=True))
    units = merge_groups(groups, duplicates)
    merged = [group for group, unit in units.items() if group != unit]
    if merged:
        between = [pair for pair in _pairs(duplicates, groups) if pair[0] != pair[1]]
        *_, one, other, kind = between[0]
        log.warning(
            "%d groups stay on one side of the split with another one, of whose clips they hold "
            "copies (%d pairs; %s and %s, %s): %s",
            len(merged),
            len(between),
            one,
            other,
            kind,
            ", ".join(f"{group} with {units[group]}" for group in merged[:5]),
        )
    return units


def _pairs(duplicates: pd.DataFrame, groups: dict[str, str]) -> list[tuple]:
    """Groups, paths and kind of each pair of copies whose clips are both among `groups`."""
    return [
        (groups[pair.path], groups[pair.other], pair.path, pair.other, pair.kind)
        for pair in duplicates.itertuples()
        if pair.path in groups and pair.other in groups
    ]


def _draw(
    manifest: pd.DataFrame,
    seed: int,
    fractions: tuple[float, ...],
    units: dict[str, str],
    known: dict[str, str],
) -> pd.DataFrame:
    """Draw the units that are not `known`, and put every clip where its unit is."""
    if len(fractions) != len(PARTS) or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise SplitError(f"fractions {fractions}: give three numbers above 0 that sum to 1")
    _check_paths(manifest["path"], "the manifest")
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
    rows = rows.assign(split=rows["path"].map(parts))
    divided = rows.groupby("group")["split"].nunique()
    if (divided > 1).any():
        group = divided.index[divided > 1][0]
        where = sorted(rows.loc[rows["group"] == group, "split"].unique())
        raise SplitError(
            f"{path}: group {group!r} stands in {' and '.join(where)} ({(divided > 1).sum()} such "
            "groups); the test would know its scenes. Remove the file to draw anew, and train anew"
        )
    return dict(zip(rows["group"], rows["split"], strict=True))


def _part_of_each_unit(
    manifest: pd.DataFrame,
    part_of_group: dict[str, str],
    units: dict[str, str],
    duplicates: pd.DataFrame | None,
    path: Path,
) -> dict[str, str]:
    """Part of each unit of which a group has one.

    Raises:
        SplitError: the groups of a unit have parts that differ, so that copies are divided.
    """
    found: dict[str, set[str]] = {}
    for group, unit in units.items():
        if group in part_of_group:
            found.setdefault(unit, set()).add(part_of_group[group])
    divided = {unit for unit, parts in found.items() if len(parts) > 1}
    if divided:
        groups = dict(zip(manifest["path"], manifest["group"], strict=True))
        pairs = [
            f"{one} ({part_of_group.get(first, 'new')}) and {other} "
            f"({part_of_group.get(second, 'new')}; {kind})"
            for first, second, one, other, kind in _pairs(duplicates, groups)
            if units[first] in divided and part_of_group.get(first) != part_of_group.get(second)
        ]
        raise SplitError(
            f"{path}: copies of one clip stand in different parts, in {len(pairs)} pairs: "
            f"{', '.join(pairs[:3])}. The test would know what training has seen. Take one of each "
            "pair out of the data folder; or remove the file to draw anew, and train anew"
        )
    return {unit: parts.pop() for unit, parts in found.items()}


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
