"""Which clips a data folder holds, by class folders or by lists that people already have.

Lists are mmaction2's (`helpers.clips.lists`) and tables like those of Kinetics
(`helpers.clips.kinetics`). Every line becomes a clip, or is listed with what is wrong with it
(`helpers.clips.entries`); files that no line names are ignored with that reason.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from helpers.clips import kinetics, lists
from helpers.clips.entries import OUTSIDE, UNKNOWN, UNNAMED, clips_of
from helpers.clips.folder import (
    BESIDE,
    GROUPS_FILE,
    ClipFile,
    FolderFiles,
    IgnoredFile,
    find_files,
    folder_state,
)
from helpers.clips.lists import AnnotationError, part_of
from helpers.clips.segments import source_of

__all__ = [
    "UNKNOWN",
    "AnnotationError",
    "data_state",
    "find_lists",
    "list_clips",
    "published_parts",
]

log = logging.getLogger(__name__)

NOT_LISTED = "named in no list"
NAMES_CLIPS = "names the clips"
"""Reasons of ignored files."""


def list_clips(folder: Path | str, annotations: Path | str = "") -> FolderFiles:
    """List the clips of a data folder, and the files that are none, with reasons.

    Args:
        folder: the data folder.
        annotations: lists of clips: a file, a folder that holds some, or a pattern such as
            `lists/*split_1*`; relative to the working folder or else to the data folder. Empty:
            lists at the top of the data folder are found (mmaction2's by names with train, val or
            test, Kinetics' by their columns), unless its folders tell the classes as well.

    Raises:
        FileNotFoundError: there is no such data folder.
        AnnotationError: the lists cannot be used.
    """
    root = Path(folder)
    found = find_files(root)
    files = find_lists(root, annotations)
    if not files:
        return found
    clips = clips_of(root, files, found)
    if not annotations and _are_class_folders(clips):
        log.warning(
            "%s: %s tell the same classes as the folders, and are left aside with the parts that "
            "they publish; ANNOTATIONS=. takes them",
            root,
            ", ".join(file.name for file in files),
        )
        return found
    return FolderFiles(sorted(clips), _ignored(root, files, clips, found), tuple(files))


def published_parts(folder: Path | str, annotations: Path | str = "") -> dict[str, str]:
    """Train, val or test of each clip whose list tells it, by path; empty where none does."""
    clips = list_clips(folder, annotations).clips if find_lists(Path(folder), annotations) else []
    return {clip.path: clip.part for clip in clips if clip.part and not clip.problem}


def data_state(folder: Path | str, annotations: Path | str = "") -> str:
    """Fingerprint of the data: changes with any clip, groups.csv and what the lists say of them.

    Returns:
        16 hexadecimal digits.

    Raises:
        FileNotFoundError, AnnotationError: as `list_clips`.
    """
    own = folder_state(folder)
    if not find_lists(Path(folder), annotations):
        return own
    state = "\n".join([own, *map(repr, list_clips(folder, annotations).clips)])
    return hashlib.sha256(state.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def find_lists(folder: Path, annotations: Path | str = "") -> list[Path]:
    """The lists of clips that are meant; see `list_clips`.

    Raises:
        AnnotationError: what was named holds no list, or two for one part.
    """
    if not str(annotations):
        files = [file for file in _texts(folder) if _looks_like_a_list(file)]
    else:
        files = _named(folder, str(annotations))
    parts = Counter(part_of(file.name) for file in files)
    for part, count in parts.items():
        if count > 1:
            names = ", ".join(file.name for file in files if part_of(file.name) == part)
            raise AnnotationError(
                f"{files[0].parent}: several lists {f'for {part}' if part else 'of clips'} "
                f"({names}); name those that are meant: ANNOTATIONS='{files[0].parent}/*pattern*'"
            )
    return files


def _looks_like_a_list(file: Path) -> bool:
    """Whether a file that nobody named is a list: texts of all kinds lie beside clips."""
    try:
        return kinetics.is_table(file) or (bool(part_of(file.name)) and lists.is_list(file))
    except AnnotationError as error:
        log.warning("Not taken for a list of clips: %s", error)
        return False


def _named(folder: Path, annotations: str) -> list[Path]:
    """Lists that were asked for, as a file, a folder or a pattern."""
    for place in (Path(annotations).expanduser(), folder / annotations):
        if place.is_dir():
            candidates = _texts(place)
            break
        base = Path(place.anchor or ".")
        candidates = [place] if place.is_file() else sorted(base.glob(str(place.relative_to(base))))
        if candidates:
            break
    else:
        raise AnnotationError(
            f"ANNOTATIONS={annotations}: no such file or folder; name lists of clips"
        )
    files = [file for file in candidates if kinetics.is_table(file) or lists.is_list(file)]
    if not files:
        names = ", ".join(file.name for file in candidates[:5]) or "no .txt, .csv or .tsv"
        raise AnnotationError(
            f"ANNOTATIONS={annotations}: no list of clips ({names}); a list has lines "
            "`path label`, label a number from 0, or the columns of Kinetics"
        )
    return files


def _texts(folder: Path) -> list[Path]:
    """Files at the top of a folder that may be lists of clips."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in (".txt", ".csv", ".tsv")
        and file.name != GROUPS_FILE
        and not file.name.startswith(".")
        and "label_map" not in file.name
        and file.is_file()
    )


def _are_class_folders(clips: list[ClipFile]) -> bool:
    """Whether the folders at the top tell the classes: by name, or by number where none has one."""
    good = [clip for clip in clips if not clip.problem]
    if not good or any("/" not in clip.path or clip.note == OUTSIDE for clip in good):
        return False
    pairs = {(clip.path.split("/", 1)[0], clip.label) for clip in good}
    if any(top != label and not UNNAMED.fullmatch(label) for top, label in pairs):
        return False
    return 1 < len(pairs) == len({top for top, _ in pairs}) == len({label for _, label in pairs})


def _ignored(
    root: Path, files: Sequence[Path], clips: list[ClipFile], found: FolderFiles
) -> list[IgnoredFile]:
    """Files of the folder that no line names."""
    named = {clip.path for clip in clips}
    inside = [path for path in named if not Path(path).is_absolute()]
    named |= {source_of(root / path).place.relative_to(root).as_posix() for path in inside}
    own = {str(file.relative_to(root)) for file in files if file.is_relative_to(root)}

    def is_named(path: str) -> bool:
        return path in named or any(str(parent) in named for parent in Path(path).parents)

    tried = [clip.path for clip in found.clips if not is_named(clip.path)]
    ignored = [IgnoredFile(path, NOT_LISTED) for path in tried]
    for file in found.ignored:
        if file.path in own:
            ignored.append(replace(file, reason=NAMES_CLIPS))
        elif not is_named(file.path):
            reason = NOT_LISTED if file.reason == BESIDE else file.reason
            ignored.append(replace(file, reason=reason))
    return sorted(ignored)
