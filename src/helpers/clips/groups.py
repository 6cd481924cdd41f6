"""Which recording a clip was cut from. Clips of one recording are never divided by a split."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helpers.clips.folder import GROUPS_FILE

log = logging.getLogger(__name__)


class GroupError(ValueError):
    """The clips' recordings cannot be told from what was given."""


def find_groups(
    folder: Path | str, paths: Sequence[str], group_pattern: str | None = None
) -> dict[str, str]:
    """Name the recording of each clip: from groups.csv, else by pattern, else each clip its own.

    Args:
        folder: data folder; its groups.csv has `path` and `group`, or other columns besides `path`
            and `label`, which are then joined by "-".
        paths: clips, posix, relative to the folder.
        group_pattern: regular expression searched in the path; its first group is the recording.

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
    log.warning(
        "Each of %d clips counts as a recording of its own: neither %s nor a group pattern tells "
        "otherwise. If several clips come from one recording, the test measures memory of scenes, "
        "not recognition of actions, and its figures are too good.",
        len(paths),
        GROUPS_FILE,
    )
    return {path: path for path in paths}


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
    missing = [path for path in paths if not groups.get(path)]
    if missing:
        raise GroupError(
            f"{file}: no group for {len(missing)} of {len(paths)} clips: {_some(missing)}; "
            "add a line for each, or remove the file"
        )
    return {path: groups[path] for path in paths}


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
