"""Build the manifest: one row per usable clip of a data folder; the rest is listed with its reason.

Files found = clips used + quarantined + ignored. Where lists name the clips, each of their lines
counts in place of the file that it names; a folder of pictures counts as one file. Quarantined are
those that may have been meant as clips and are none; ignored are hidden files, files that accompany
clips, and files in no class.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from helpers.clips.annotations import UNKNOWN, list_clips
from helpers.clips.folder import BESIDE, GROUPS_FILE, ClipFile, FolderFiles, class_folders
from helpers.clips.groups import find_groups
from helpers.clips.parallel import map_in_processes
from helpers.clips.segments import source_of
from helpers.clips.tables import (
    IGNORED_COLUMNS,
    MANIFEST_COLUMNS,
    NOTE_COLUMNS,
    QUARANTINE_COLUMNS,
    ManifestError,
    Tables,
    count_reasons,
    load_ignored,
    load_manifest,
    load_quarantine,
)
from helpers.clips.video import PICTURES_A_SECOND, VideoError, VideoInfo, try_probe
from helpers.files import write_table

__all__ = [
    "MANIFEST_COLUMNS",
    "MIN_FRAMES",
    "ManifestError",
    "build_manifest",
    "count_reasons",
    "load_manifest",
    "load_or_build_manifest",
    "load_quarantine",
]

log = logging.getLogger(__name__)

Suggest = Callable[[pd.DataFrame], Mapping[str, str]]
"""From a manifest without groups to the group of each path."""

MIN_FRAMES = 8
"""A clip of which fewer frames decode is not used."""


def build_manifest(
    folder: Path | str,
    group_pattern: str | None = None,
    workers: int | None = None,
    suggest: Suggest | None = None,
    annotations: Path | str = "",
    picture_rate: float | None = None,
) -> Tables:
    """Decode every clip of a folder, and say which are usable.

    Args:
        folder: holds one folder per class, or lists of clips.
        group_pattern: see `helpers.clips.groups.find_groups`.
        workers: processes; None for one per core.
        suggest: called with the usable clips where nothing else tells their groups.
        annotations: see `helpers.clips.annotations.list_clips`.
        picture_rate: frames per second of clips that are folders of pictures; None for 25.

    Returns:
        manifest: path, label, group, frames, fps, duration (s), width, height (pixels), codec,
            bytes, container_frames (that the container promises, 0 where it says nothing), damaged
            (places), note (what is unusual, in words); sorted by path.
        quarantine: path, reason, frames.
        ignored: path, reason.

    Raises:
        ManifestError: no class folders, no video, or fewer than two classes with usable clips.
        GroupError: some clips' recordings cannot be told.
        AnnotationError: lists of clips cannot be used.
    """
    folder = Path(folder)
    files = list_clips(folder, annotations)
    return _build(folder, files, group_pattern, workers, {}, suggest, picture_rate)


def load_or_build_manifest(
    folder: Path | str,
    manifest_file: Path,
    quarantine_file: Path,
    group_pattern: str | None = None,
    workers: int | None = None,
    ignored_file: Path | None = None,
    suggest: Suggest | None = None,
    annotations: Path | str = "",
    picture_rate: float | None = None,
) -> Tables:
    """Load the tables, or build and write them; of a changed folder only what changed is decoded.

    A clip is unchanged when its path and bytes are, and it is not newer than the manifest. A
    manifest of a version without notes is built anew. Quarantined files are tried again each time:
    they may have been replaced. What came and went is logged. The files are written only when
    their content changes; `ignored_file` where it is named.

    Raises:
        ManifestError, GroupError, AnnotationError: as `build_manifest`.
    """
    folder, before, known = Path(folder), None, {}
    files = list_clips(folder, annotations)
    if manifest_file.exists() and quarantine_file.exists():
        before = (load_manifest(manifest_file), load_quarantine(quarantine_file))
        known = _unchanged(folder, files, before[0], manifest_file)
    tables = _build(folder, files, group_pattern, workers, known, suggest, picture_rate)
    if before is not None:
        _log_changes(before, tables, known)
    if before is None or not tables.manifest.equals(before[0]):
        write_table(manifest_file, tables.manifest)
    if before is None or not tables.quarantine.equals(before[1]):
        write_table(quarantine_file, tables.quarantine)
    if ignored_file is not None and not (
        ignored_file.exists() and tables.ignored.equals(load_ignored(ignored_file))
    ):
        write_table(ignored_file, tables.ignored)
    return tables


def _unchanged(
    folder: Path, files: FolderFiles, manifest: pd.DataFrame, file: Path
) -> dict[str, dict]:
    """Rows of the manifest that hold for clips as they are now, by path.

    The bytes of a stretch are a share of its file's, and tell nothing.
    """
    if not set(NOTE_COLUMNS) <= set(manifest):
        log.info("%s is of a version without notes; every file is decoded again", file)
        return {}
    rows = manifest.set_index("path").to_dict("index")
    written = file.stat().st_mtime_ns
    return {
        clip.path: rows[clip.path]
        for clip in files.clips
        if clip.path in rows
        and clip.mtime_ns <= written
        and (clip.bytes == rows[clip.path]["bytes"] or source_of(folder / clip.path).unit)
    }


def _build(
    folder: Path,
    files: FolderFiles,
    group_pattern: str | None,
    workers: int | None,
    known: dict[str, dict],
    suggest: Suggest | None,
    picture_rate: float | None,
) -> Tables:
    """Build the tables; rows of `known` clips are taken as they are, classes and groups afresh."""
    _check_layout(folder, files)
    new = [clip for clip in files.clips if clip.path not in known and not clip.problem]
    paths = [folder / clip.path for clip in new]
    probing = partial(try_probe, picture_rate=picture_rate or PICTURES_A_SECOND)
    probed = dict(zip(new, map_in_processes(probing, paths, "Decoding", workers), strict=True))
    used, rejected = [], []
    for clip in files.clips:
        outcome = probed.get(clip)
        if clip.problem:
            rejected.append((clip.path, clip.problem, 0))
        elif clip.path in known:
            used.append({"path": clip.path, **known[clip.path], "label": clip.label})
        elif isinstance(outcome, VideoError):
            rejected.append((clip.path, _where(clip) + outcome.reason, outcome.frames))
        elif outcome.frames < MIN_FRAMES:
            rejected.append((clip.path, _where(clip) + _too_few(outcome), outcome.frames))
        else:
            used.append(_row(clip, outcome))
            _warn_if_partly_readable(clip, outcome)
    _check_classes(folder, files, used, rejected)
    if suggest is not None:
        suggest = partial(suggest, pd.DataFrame(used))
    groups = _groups(folder, files, [row["path"] for row in used], group_pattern, suggest)
    rows = [row | {"group": groups[row["path"]]} for row in used]
    tables = Tables(
        pd.DataFrame(rows, columns=[*MANIFEST_COLUMNS, *NOTE_COLUMNS]),
        _table(rejected, QUARANTINE_COLUMNS).astype({"frames": int}),
        _table([(file.path, file.reason) for file in files.ignored], IGNORED_COLUMNS),
    )
    log.info("%s: %s", folder, tables.count)
    return tables


def _groups(
    folder: Path,
    files: FolderFiles,
    paths: list[str],
    group_pattern: str | None,
    suggest: Callable[[], Mapping[str, str]] | None,
) -> dict[str, str]:
    """Recording of each clip: of a stretch, that of its file; else what lists say of it.

    Folders are not asked where there are lists: they may well be the classes.
    """
    places = {path: path.removesuffix(source_of(folder / path).fragment) for path in paths}
    if not files.lists or group_pattern or Path(folder, GROUPS_FILE).exists():
        groups = find_groups(folder, list(dict.fromkeys(places.values())), group_pattern, suggest)
        return {path: groups[place] for path, place in places.items()}
    recordings = {clip.path: clip.recording for clip in files.clips if not clip.problem}
    if len({recordings[path] for path in paths}) == len(paths):
        if suggest is not None:
            return dict(suggest())
        log.warning(
            "Each of %d clips counts as a recording of its own: the lists name none, and there is "
            "neither %s nor a group pattern. If several clips come from one recording, the test's "
            "figures are too good.",
            len(paths),
            GROUPS_FILE,
        )
    return {path: recordings[path] for path in paths}


def _table(rows: list[tuple], columns: list[str]) -> pd.DataFrame:
    """A table of text, also where it has no rows."""
    return pd.DataFrame(rows, columns=columns).astype({"path": str, "reason": str})


def _where(clip: ClipFile) -> str:
    """The line of a list that is to be corrected."""
    return f"{clip.listed}: " if clip.listed else ""


def _too_few(info: VideoInfo) -> str:
    frames = "1 frame decodes" if info.frames == 1 else f"{info.frames} frames decode"
    note = f" ({info.note})" if info.note else ""
    return f"{frames}, {MIN_FRAMES} are needed{note}"


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
        "container_frames": info.container_frames,
        "damaged": info.damaged,
        "note": "; ".join(note for note in (info.note, clip.note) if note),
    }


def _warn_if_partly_readable(clip: ClipFile, info: VideoInfo) -> None:
    if info.partly_readable:
        log.warning("%s is partly readable and used: %s", clip.path, info.note)


def _check_layout(folder: Path, files: FolderFiles) -> None:
    """Raise, or warn, where the folder does not hold class folders with files."""
    if files.lists:
        return
    classes = [entry.name for entry in class_folders(folder)]
    loose = [file.path for file in files.ignored if file.reason == BESIDE]
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
    if not files.clips:
        raise ManifestError(f"{folder}: no video in the folders {', '.join(classes)}; add clips")
    if len(classes) == 1:
        raise ManifestError(
            f"{folder}: only one class, {classes[0]}; add a folder for each other class "
            "(or name the folder above)"
        )


def _check_classes(folder: Path, files: FolderFiles, used: list, rejected: list) -> None:
    """Raise where fewer than two classes are left, warn where a class has no usable clip."""
    left, clips = {row["label"] for row in used}, files.clips
    if files.lists:
        named = {clip.label for clip in clips if clip.label != UNKNOWN}
    else:
        named = {entry.name for entry in class_folders(folder)}
    lost = sorted(named - left)
    if len(left) < 2:
        reasons = "; ".join(f"{path}: {reason}" for path, reason, _ in rejected[:3])
        raise ManifestError(
            f"{folder}: {len(used)} of {len(clips)} files are usable clips, of "
            f"{len(left)} classes; two classes are needed. First reasons: {reasons or 'none'}"
        )
    if lost:
        log.warning("%s: no usable clip of %s; the class is left out", folder, ", ".join(lost))


def _log_changes(
    before: tuple[pd.DataFrame, pd.DataFrame], after: Tables, known: dict[str, dict]
) -> None:
    old = {path for table in before for path in table["path"]}
    now = set(after.manifest["path"]) | set(after.quarantine["path"])
    changed = {path for path in before[0]["path"] if path in now and path not in known}
    for what, paths in (("came", now - old), ("went", old - now), ("changed", changed)):
        if paths:
            log.info("%d clips %s: %s", len(paths), what, ", ".join(sorted(paths)[:5]))
