"""The manifest: one row per usable clip of a data folder; the rest is listed with its reason."""

import logging
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from helpers.clips.folder import ClipFile, class_folders, find_clips, folder_state, is_tried
from helpers.clips.groups import find_groups
from helpers.clips.parallel import map_in_processes
from helpers.clips.video import VideoError, VideoInfo, try_probe
from helpers.files import write_table

__all__ = [
    "MIN_FRAMES",
    "ManifestError",
    "build_manifest",
    "find_clips",
    "folder_state",
    "load_manifest",
    "load_or_build_manifest",
    "load_quarantine",
]

log = logging.getLogger(__name__)

MIN_FRAMES = 8
"""A clip of which fewer frames decode is not used."""

NUMBERS = {"frames": int, "fps": float, "duration": float, "width": int, "height": int}
MANIFEST_COLUMNS = ["path", "label", "group", *NUMBERS, "codec", "bytes"]
QUARANTINE_COLUMNS = ["path", "reason", "frames"]


class ManifestError(ValueError):
    """A folder does not serve as data for classification."""


class Tables(NamedTuple):
    """What became of the files of a folder: each is in one of both tables."""

    manifest: pd.DataFrame
    quarantine: pd.DataFrame


def build_manifest(
    folder: Path | str, group_pattern: str | None = None, workers: int | None = None
) -> Tables:
    """Decode every file below the class folders, and say which are usable clips.

    Args:
        folder: holds one folder per class.
        group_pattern: see `helpers.clips.groups.find_groups`.
        workers: processes; None for one per core.

    Returns:
        manifest: path, label, group, frames, fps, duration (s), width, height (pixels), codec,
            bytes; sorted by path.
        quarantine: path, reason, frames.

    Raises:
        ManifestError: no class folders, no video, or fewer than two classes with usable clips.
        GroupError: some clips' recordings cannot be told.
    """
    return _build(Path(folder), group_pattern, workers, known={})


def load_or_build_manifest(
    folder: Path | str,
    manifest_file: Path,
    quarantine_file: Path,
    group_pattern: str | None = None,
    workers: int | None = None,
) -> Tables:
    """Load both tables, or build and write them; of a changed folder only what changed is decoded.

    A clip is unchanged when its path and bytes are, and it is not newer than the manifest.
    Quarantined files are tried again each time: they may have been replaced. What came and went is
    logged. The files are written only when their content changes.

    Raises:
        ManifestError, GroupError: as `build_manifest`.
    """
    folder, known = Path(folder), {}
    before = None
    if manifest_file.exists() and quarantine_file.exists():
        before = Tables(load_manifest(manifest_file), load_quarantine(quarantine_file))
        known = before.manifest.set_index("path").to_dict("index")
        written = manifest_file.stat().st_mtime_ns
        known = {
            clip.path: known[clip.path]
            for clip in find_clips(folder)
            if clip.path in known
            and clip.bytes == known[clip.path]["bytes"]
            and clip.mtime_ns <= written
        }
    tables = _build(folder, group_pattern, workers, known)
    if before is not None:
        _log_changes(before, tables, known)
    if before is None or not tables.manifest.equals(before.manifest):
        write_table(manifest_file, tables.manifest)
    if before is None or not tables.quarantine.equals(before.quarantine):
        write_table(quarantine_file, tables.quarantine)
    return tables


def load_manifest(path: Path) -> pd.DataFrame:
    """Read manifest.csv; names such as "NA" or "007" stay the text they are.

    Raises:
        ManifestError: a column is missing.
    """
    return _load(path, MANIFEST_COLUMNS, NUMBERS | {"bytes": int})


def load_quarantine(path: Path) -> pd.DataFrame:
    """Read quarantine.csv.

    Raises:
        ManifestError: a column is missing.
    """
    return _load(path, QUARANTINE_COLUMNS, {"frames": int})


def _load(path: Path, columns: list[str], numbers: dict[str, type]) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table]
    if missing:
        raise ManifestError(f"{path}: no column {', '.join(missing)}; remove it to build it anew")
    table = table.replace({name: {"": "nan"} for name, kind in numbers.items() if kind is float})
    return table[columns].astype(numbers)


def _build(
    folder: Path, group_pattern: str | None, workers: int | None, known: dict[str, dict]
) -> Tables:
    """Build both tables; rows of `known` clips are taken as they are, groups always afresh."""
    clips = find_clips(folder)
    _check_layout(folder, clips)
    new = [clip for clip in clips if clip.path not in known]
    paths = [folder / clip.path for clip in new]
    probed = dict(zip(new, map_in_processes(try_probe, paths, "Decoding", workers), strict=True))
    used, rejected = [], []
    for clip in clips:
        if clip.path in known:
            used.append({"path": clip.path, **known[clip.path]})
            continue
        outcome = probed[clip]
        if isinstance(outcome, VideoError):
            rejected.append((clip.path, outcome.reason, outcome.frames))
        elif outcome.frames < MIN_FRAMES:
            reason = f"{outcome.frames} frames decode, {MIN_FRAMES} are needed"
            rejected.append((clip.path, reason, outcome.frames))
        else:
            used.append(_row(clip, outcome))
            _warn_if_partly_readable(clip, outcome)
    _check_classes(folder, clips, used, rejected)
    groups = find_groups(folder, [row["path"] for row in used], group_pattern)
    rows = [row | {"group": groups[row["path"]]} for row in used]
    log.info("%s: %d files, %d used, %d quarantined", folder, len(clips), len(used), len(rejected))
    quarantine = pd.DataFrame(rejected, columns=QUARANTINE_COLUMNS).astype(
        {"path": str, "reason": str, "frames": int}
    )
    return Tables(pd.DataFrame(rows, columns=MANIFEST_COLUMNS), quarantine)


def _row(clip: ClipFile, info: VideoInfo) -> dict:
    return {
        "path": clip.path,
        "label": clip.label,
        "frames": info.frames,
        "fps": round(info.fps, 4),
        "duration": round(info.duration, 4),
        "width": info.width,
        "height": info.height,
        "codec": info.codec,
        "bytes": info.bytes,
    }


def _warn_if_partly_readable(clip: ClipFile, info: VideoInfo) -> None:
    if info.partly_readable:
        log.warning(
            "%s is partly readable and used: %d frames decode, the container promises %s, "
            "%d places are damaged",
            clip.path,
            info.frames,
            info.container_frames or "no number",
            info.damaged,
        )


def _check_layout(folder: Path, clips: list[ClipFile]) -> None:
    """Raise, or warn, where the folder does not hold class folders with files."""
    classes = [entry.name for entry in class_folders(folder)]
    loose = sorted(
        entry.name for entry in folder.iterdir() if entry.is_file() and is_tried(entry.name)
    )
    if not classes:
        raise ManifestError(
            f"{folder}: no class folders ({len(loose)} files lie in it); put the clips of each "
            "class into a folder of the class's name"
        )
    if loose:
        log.warning(
            "%s: %d files lie beside the class folders and belong to no class: %s",
            folder,
            len(loose),
            ", ".join(loose[:5]),
        )
    unwritable = [clip.path for clip in clips if not clip.path.isprintable()]
    if unwritable:
        raise ManifestError(
            f"{folder}: {len(unwritable)} names hold characters that no table can hold, such as "
            f"{unwritable[0]!a}; rename them"
        )
    if not clips:
        raise ManifestError(f"{folder}: no video in the folders {', '.join(classes)}; add clips")
    if len(classes) == 1:
        raise ManifestError(
            f"{folder}: only one class, {classes[0]}; add a folder for each other class "
            "(or name the folder above)"
        )


def _check_classes(folder: Path, clips: list[ClipFile], used: list, rejected: list) -> None:
    """Raise where fewer than two classes are left, warn where a class has no usable clip."""
    left = {row["label"] for row in used}
    lost = sorted({entry.name for entry in class_folders(folder)} - left)
    if len(left) < 2:
        reasons = "; ".join(f"{path}: {reason}" for path, reason, _ in rejected[:3])
        raise ManifestError(
            f"{folder}: {len(used)} of {len(clips)} files are usable clips, of "
            f"{len(left)} classes; two classes are needed. First reasons: {reasons or 'none'}"
        )
    if lost:
        log.warning("%s: no usable clip of %s; the class is left out", folder, ", ".join(lost))


def _log_changes(before: Tables, after: Tables, known: dict[str, dict]) -> None:
    old = set(before.manifest["path"]) | set(before.quarantine["path"])
    now = set(after.manifest["path"]) | set(after.quarantine["path"])
    changed = {path for path in before.manifest["path"] if path in now and path not in known}
    for what, paths in (("came", now - old), ("went", old - now), ("changed", changed)):
        if paths:
            log.info("%d clips %s: %s", len(paths), what, ", ".join(sorted(paths)[:5]))
