"""Copies of clips and the parts of a split: what stays together, and what no part can take.

Of two copies in different parts one is known from training when the other is tested. So groups that
hold copies of each other's clips stay on one side. That cannot be had where clips have their parts
already, and a new one is a copy of two of them from different parts: then the new clip is left out.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from helpers.clips.duplicates import EXACT, NEAR
from helpers.clips.groups import merge_groups


class Link(NamedTuple):
    """A pair of copies, and the groups of both."""

    path: str
    other: str
    group: str
    other_group: str
    kind: str


class Sides(NamedTuple):
    """What the copies among clips mean for their parts."""

    units: dict[str, str]  # group → name of what is to be in one part, often itself
    parts: dict[str, str]  # unit → its part, where a group of it has one
    left_out: list[str]  # new clips that are copies of clips of different parts
    divided: list[Link]  # copies in different parts for which no new clip is to blame


def links_between(duplicates: pd.DataFrame, groups: Mapping[str, str]) -> list[Link]:
    """The pairs of copies whose clips are in different groups; other clips do not count."""
    pairs = zip(duplicates["path"], duplicates["other"], duplicates["kind"], strict=True)
    links = [
        Link(one, other, groups[one], groups[other], kind)
        for one, other, kind in pairs
        if one in groups and other in groups
    ]
    return [link for link in links if link.group != link.other_group]


def count_pairs(
    duplicates: pd.DataFrame, manifest: pd.DataFrame, split: pd.DataFrame
) -> pd.DataFrame:
    """Count the pairs of copies by where their clips are.

    Args:
        duplicates: pairs of `helpers.clips.duplicates.find_duplicates`.
        manifest: columns path, label, group.
        split: columns path, split; of the clips that have a part.

    Returns:
        A row for each kind ("exact", "near"): kind, pairs, and how many of them lie within a
        recording, across recordings, across classes and across parts.
    """
    clips = manifest.set_index("path")
    part = dict(zip(split["path"], split["split"], strict=True))
    sides = {
        "across recordings": clips["group"],
        "across classes": clips["label"],
        "across parts": pd.Series(part, dtype=object).reindex(clips.index),
    }
    rows = []
    for kind in (EXACT, NEAR):
        pairs = duplicates[duplicates["kind"] == kind]
        row = {"kind": kind, "pairs": len(pairs), "within a recording": len(pairs)}
        for name, values in sides.items():
            one, other = (pairs[side].map(values) for side in ("path", "other"))
            row[name] = int(((one != other) & one.notna() & other.notna()).sum())
        row["within a recording"] -= row["across recordings"]
        rows.append(row)
    return pd.DataFrame(rows)


def without(duplicates: pd.DataFrame, gone: Iterable[str]) -> pd.DataFrame:
    """The duplicates that are left when clips go.

    Of identical files the first stands for all. Where it goes, the next one takes its place.
    """
    gone, heirs = set(gone), {}
    exact = duplicates[duplicates["kind"] == EXACT]
    for first, others in exact.groupby("path")["other"]:
        left = [first, *others]
        heirs[first] = next((path for path in left if path not in gone), first)
    moved = duplicates.assign(
        path=duplicates["path"].replace(heirs), other=duplicates["other"].replace(heirs)
    )
    lost = moved["path"].isin(gone) | moved["other"].isin(gone)
    return moved[~lost & (moved["path"] != moved["other"])].reset_index(drop=True)


def find_sides(
    groups: Mapping[str, str],
    part_of_group: Mapping[str, str],
    new: Iterable[str],
    duplicates: pd.DataFrame,
) -> Sides:
    """Find out what has to be in one part, where that is given, and what stands against it.

    New clips are left out while they, or their groups, tie clips of different parts together: at
    first those that do so themselves, then those that do so by way of other new clips.

    Args:
        groups: group of each clip, by path.
        part_of_group: part of the groups that have one.
        new: clips that have no part yet, though their group may have one.
        duplicates: pairs of `helpers.clips.duplicates.find_duplicates`.
    """
    groups, new, left_out = dict(groups), set(new), []
    while True:
        units = merge_groups(groups, duplicates)
        parts: dict[str, set[str]] = {}
        for group, unit in units.items():
            if group in part_of_group:
                parts.setdefault(unit, set()).add(part_of_group[group])
        links = [
            link
            for link in links_between(duplicates, groups)
            if len(parts.get(units[link.group], ())) > 1
        ]
        culprits = _culprits(links, part_of_group, new)
        if not culprits:
            known = {unit: next(iter(found)) for unit, found in parts.items() if len(found) == 1}
            divided = [link for link in links if len(_parts(link, part_of_group)) > 1]
            return Sides(units, known, sorted(left_out), divided)
        left_out += culprits
        groups = {path: group for path, group in groups.items() if path not in culprits}
        duplicates = without(duplicates, culprits)


def _culprits(links: list[Link], part_of_group: Mapping[str, str], new: set[str]) -> list[str]:
    """New clips that tie different parts together: by themselves, or else in a chain."""
    touched: dict[str, set] = {}
    for link in links:
        for path in {link.path, link.other} & new:
            touched.setdefault(path, set()).update(_parts(link, part_of_group) - {None})
    direct = [path for path, parts in touched.items() if len(parts) > 1]
    return direct or list(touched)


def _parts(link: Link, part_of_group: Mapping[str, str]) -> set[str | None]:
    return {part_of_group.get(link.group), part_of_group.get(link.other_group)}
