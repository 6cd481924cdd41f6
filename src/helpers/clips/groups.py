"""Which recording a clip was cut from. Clips of one recording are never divided by a split."""

import logging
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from helpers.clips.folder import GROUPS_FILE

log = logging.getLogger(__name__)

FEWEST = 3
"""Recordings in which each class has to be found, so that each part of a split can have some."""


class GroupError(ValueError):
    """The clips' recordings cannot be told from what was given."""


def find_groups(
    folder: Path | str,
    paths: Sequence[str],
    group_pattern: str | None = None,
    suggest: Callable[[], Mapping[str, str]] | None = None,
) -> dict[str, str]:
    """Name the recording of each clip, from the first of these that tells it.

    1. groups.csv in the data folder. Accents may be written in one sign or in two (macOS): where no
       line has the name of a clip sign by sign, one that reads the same serves.
    2. The pattern.
    3. Folders between the class folder and the clip, `<class>/<recording>/<clip>`: where every clip
       lies in one, some hold several clips, and each class is found in three or more. The same name
       under two classes is the same recording. That is the safe reading: if it is wrong, the split
       has fewer and larger groups; the other way round, a recording would stand on both sides.
    4. `suggest`, if given: see `helpers.clips.scenes`.
    5. Otherwise each clip counts as a recording of its own, and a warning says what that costs.

    Args:
        folder: data folder; its groups.csv has `path` and `group`, or other columns besides `path`
            and `label`, which are then joined by "-".
        paths: clips, posix, relative to the folder.
        group_pattern: regular expression searched in the path; its first group is the recording.
        suggest: called without arguments when nothing else tells; gives the group of each path.

    Raises:
        GroupError: groups.csv or the pattern is not usable, or leaves clips without a recording.
    """
    file = Path(folder, GROUPS_FILE)
    if file.exists():
        if group_pattern:
            log.warning("%s names the recordings; group pattern %r is unused", file, group_pattern)
        return _from_file(file, paths)
    if group_pattern:
        return _from_pattern(group_pattern, paths)
    groups = _from_folders(paths)
    if groups:
        return groups
    if suggest is not None:
        return dict(suggest())
    log.warning(
        "Each of %d clips counts as a recording of its own: neither %s nor a group pattern tells "
        "otherwise. If several clips come from one recording, the test measures memory of scenes, "
        "not recognition of actions, and its figures are too good.",
        len(paths),
        GROUPS_FILE,
    )
    return {path: path for path in paths}


def merge_groups(
    groups: Mapping[str, str], duplicates: pd.DataFrame | None = None
) -> dict[str, str]:
    """Put recordings together that hold copies of each other's clips.

    Args:
        groups: recording of each clip, by path.
        duplicates: pairs of `helpers.clips.duplicates.find_duplicates`; pairs with a clip that is
            not among `groups` do not count.

    Returns:
        recording → the first, by name, of those it is to stay together with (often itself).
    """
    names, place = np.unique(list(groups.values()), return_inverse=True)
    of = dict(zip(groups, place.tolist(), strict=True))
    pairs = [] if duplicates is None else zip(duplicates["path"], duplicates["other"], strict=True)
    links = [(of[one], of[other]) for one, other in pairs if one in of and other in of]
    i, j = np.array(links, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(len(names), len(names)))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)  # names are sorted
    return {str(name): str(names[first[k]]) for name, k in zip(names, component, strict=True)}


def undivided(paths: Sequence[str], groups: Sequence[str]) -> str:
    """Why groups cannot be divided into three parts that have every class; "" where they can.

    Args:
        paths: clips; the first folder is the class.
        groups: of each clip.
    """
    table = pd.DataFrame({"label": [path.split("/", 1)[0] for path in paths], "group": groups})
    for label, rows in table.groupby("label"):
        found = rows["group"].nunique()
        if found < min(FEWEST, len(rows)):
            return f"the {len(rows)} clips of class {label} are of {found} of them"
    return ""


def _from_folders(paths: Sequence[str]) -> dict[str, str] | None:
    """Recordings by the folders below the class folders; None where these tell none."""
    groups = {path: "/".join(path.split("/")[1:-1]) for path in paths}
    names = set(groups.values())
    if names == {""}:
        return None
    loose = sum(not group for group in groups.values())
    if loose:
        reason = f"{loose} of {len(paths)} clips lie in none"
    elif len(names) == len(paths):
        reason = "each holds one clip"
    else:
        reason = undivided(paths, list(groups.values()))
    if reason:
        log.warning(
            "Folders below the class folders are not taken for recordings: %s. If they are, say so "
            "by %s or the group pattern '/(.+)/'",
            reason,
            GROUPS_FILE,
        )
        return None
    log.info("%d clips are of %d recordings, by their folders", len(paths), len(names))
    return groups


def _from_file(file: Path, paths: Sequence[str]) -> dict[str, str]:
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if "path" not in table:
        raise GroupError(f"{file}: no column 'path' among {list(table)}; add it")
    columns = [name for name in table if name not in ("path", "label")]
    columns = ["group"] if "group" in columns else columns
    if not columns:
        raise GroupError(f"{file}: no column names the recording; add a column 'group'")
    table["path"] = table["path"].str.strip().str.replace("\\", "/", regex=False)
    table["joined"] = table[columns].agg(
        lambda row: "-".join(value.strip() for value in row), axis="columns"
    )
    twice = table.groupby("path")["joined"].nunique()
    if (twice > 1).any():
        raise GroupError(f"{file}: {_some(twice.index[twice > 1])} in two groups; keep one line")
    groups = dict(zip(table["path"], table["joined"], strict=True))
    groups |= _read_alike(groups, [path for path in paths if path not in groups], file)
    missing = [path for path in paths if not groups.get(path)]
    if missing:
        raise GroupError(
            f"{file}: no group for {len(missing)} of {len(paths)} clips: {_some(missing)}; "
            "add a line for each, or remove the file"
        )
    return {path: groups[path] for path in paths}


def _read_alike(groups: Mapping[str, str], paths: Sequence[str], file: Path) -> dict[str, str]:
    """Groups of paths that stand in the file with other signs that read the same (NFC, NFD)."""
    found: dict[str, set[str]] = {}
    for path, group in groups.items():
        found.setdefault(unicodedata.normalize("NFC", path), set()).add(group)
    alike = {path: found.get(unicodedata.normalize("NFC", path), set()) for path in paths}
    twice = [path for path, names in alike.items() if len(names) > 1]
    if twice:
        raise GroupError(f"{file}: {_some(twice)} in two groups; keep one line")
    return {path: next(iter(names)) for path, names in alike.items() if names}


def _from_pattern(pattern: str, paths: Sequence[str]) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise GroupError(f"group pattern {pattern!r} is no regular expression: {error}") from error
    if not expression.groups:
        raise GroupError(
            f"group pattern {pattern!r} has no (group); put what names the recording in parentheses"
        )
    found = {path: expression.search(path) for path in paths}
    missing = [path for path, match in found.items() if not (match and match[1])]
    if missing:
        raise GroupError(
            f"group pattern {pattern!r} fits {len(paths) - len(missing)} of {len(paths)} clips, "
            f"not {_some(missing)}; widen it"
        )
    return {path: match[1] for path, match in found.items()}


def _some(names: Sequence[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")
