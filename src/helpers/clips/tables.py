"""The tables of a data folder: clips that are used, files that are not, and files left aside."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

NUMBERS = {"frames": int, "fps": float, "duration": float, "width": int, "height": int}
MANIFEST_COLUMNS = ["path", "label", "group", *NUMBERS, "codec", "bytes"]
NOTE_COLUMNS = ["container_frames", "damaged", "note"]
"""Behind the other columns of a manifest; files of earlier versions lack them."""

QUARANTINE_COLUMNS = ["path", "reason", "frames"]
IGNORED_COLUMNS = ["path", "reason"]


class ManifestError(ValueError):
    """A folder does not serve as data for classification."""


class Tables(NamedTuple):
    """What became of the files of a folder: each is in one of the three tables."""

    manifest: pd.DataFrame
    quarantine: pd.DataFrame
    ignored: pd.DataFrame

    @property
    def count(self) -> str:
        """How many files were found, and what became of them, as one line."""
        used, refused, ignored = (len(table) for table in self)
        return (
            f"{used + refused + ignored} files found = {used} clips used + {refused} quarantined "
            f"+ {ignored} ignored"
        )


def load_manifest(path: Path) -> pd.DataFrame:
    """Read manifest.csv; names such as "NA" or "007" stay the text they are.

    Returns:
        path, label, group, frames, fps, duration (s), width, height (pixels), codec, bytes; and
        container_frames, damaged, note, where the file is no older than these columns.

    Raises:
        ManifestError: a column is missing.
    """
    numbers = NUMBERS | {"bytes": int, "container_frames": int, "damaged": int}
    return _load(path, MANIFEST_COLUMNS, numbers, NOTE_COLUMNS)


def load_quarantine(path: Path) -> pd.DataFrame:
    """Read quarantine.csv.

    Raises:
        ManifestError: a column is missing.
    """
    return _load(path, QUARANTINE_COLUMNS, {"frames": int})


def load_ignored(path: Path) -> pd.DataFrame:
    """Read ignored.csv.

    Raises:
        ManifestError: a column is missing.
    """
    return _load(path, IGNORED_COLUMNS, {})


def count_reasons(reasons: pd.Series) -> pd.DataFrame:
    """Count reasons, or notes, of one kind: what differs in numbers and in brackets is one.

    Args:
        reasons: texts, several of them joined by "; "; empty ones do not count.

    Returns:
        reason, files; the most frequent first.
    """
    each = reasons.str.split("; ").explode()
    kinds = each.str.replace(r" \(.*\)", "", regex=True).str.replace(r"\b\d+\b", "N", regex=True)
    counts = kinds[kinds != ""].value_counts(sort=False).sort_index()
    return (
        counts.sort_values(ascending=False, kind="stable")
        .rename_axis("reason")
        .reset_index(name="files")
    )


def _load(
    path: Path, columns: list[str], numbers: dict[str, type], later: list[str] | None = None
) -> pd.DataFrame:
    """Read a table's columns, and those of `later` versions where it has them all."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table]
    if missing:
        raise ManifestError(f"{path}: no column {', '.join(missing)}; remove it to build it anew")
    if later and set(later) <= set(table):
        columns = [*columns, *later]
    numbers = {name: kind for name, kind in numbers.items() if name in columns}
    table = table.replace({name: {"": "nan"} for name, kind in numbers.items() if kind is float})
    return table[columns].astype(numbers)
