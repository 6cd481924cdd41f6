"""From the lines of lists to clips: where they lie, of which class they are, what is wrong.

A path that leads out of the data folder is used, and noted, as a link is that does so.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from helpers.clips import kinetics, lists
from helpers.clips.folder import LEAVES, ClipFile, FolderFiles
from helpers.clips.lists import Entry, find_names, read_names
from helpers.clips.places import Places
from helpers.clips.segments import pictures_in, resolved, source_of, state_of, stretch

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""Class of lines that name none; they are never used."""

UNNAMED = re.compile(r"class \d+")
"""Classes that no file names."""

OUTSIDE = "lies outside the data folder"
"""Note of clips that a list names elsewhere."""


def clips_of(root: Path, files: Sequence[Path], found: FolderFiles) -> list[ClipFile]:
    """A clip for each line of the lists.

    Args:
        root: the data folder.
        files: lists, each of a kind that `lists` or `kinetics` reads.
        found: what lies in the data folder.

    Raises:
        AnnotationError: a list, or the names of its classes, cannot be read.
    """
    entries, labels = [], []
    for file in files:
        places = Places(root, file.parent, found)
        if kinetics.is_table(file):
            read = [(_located(entry, places), -1) for entry in kinetics.read_table(file)]
        else:
            read = lists.read_list(file, places.kind_of)
            read = [(_on_disk(entry, places), label) for entry, label in read]
            read = _labelled(read, root, file)
        entries += [entry for entry, _ in read]
        labels += [label for _, label in read]
    width = len(str(max(labels, default=0)))
    unnamed = [
        replace(entry, label=f"class {label:0{width}}") if label >= 0 and not entry.label else entry
        for entry, label in zip(entries, labels, strict=True)
    ]
    return [_clip(root, entry) for entry in _once(root, unnamed)]


def _labelled(read: list[tuple[Entry, int]], root: Path, file: Path) -> list[tuple[Entry, int]]:
    """Entries with the names of their classes, as far as there is a file of names."""
    names_file = find_names(dict.fromkeys([file.parent, root]))
    if names_file is None:
        log.warning(
            "%s: no label_map.txt names the classes; they are called by their numbers, such as "
            "'class 0'. Write one name on each line of %s",
            file,
            file.parent / "label_map.txt",
        )
        return read
    names = read_names(names_file)
    labelled = []
    for entry, label in read:
        if label >= len(names) and not entry.problem:
            entry = entry.wrong(
                f"label {label} is unknown, {names_file.name} has {len(names)} names (0 to "
                f"{len(names) - 1}); correct the label or add the name"
            )
        elif 0 <= label < len(names) and not names[label] and not entry.problem:
            entry = entry.wrong(f"label {label} has no name, line {label + 1} of {names_file.name}")
        elif 0 <= label < len(names):
            entry = replace(entry, label=names[label])
        labelled.append((entry, label))
    return labelled


def _located(entry: Entry, places: Places) -> Entry:
    """A row of Kinetics with the path of its trimmed clip, or of its stretch of a recording."""
    if entry.span is None:
        return entry
    start, end = entry.span
    for stem, is_trimmed in ((entry.name, True), (entry.recording, False)):
        found = places.by_stem(stem, entry.part, entry.label)
        if len(found) > 1:
            return entry.wrong(f"several files are called {stem} ({', '.join(found[:3])})")
        if found:
            name = found[0] if is_trimmed else stretch(found[0], start, end)
            return replace(entry, name=name)
    if entry.problem:
        return entry
    return entry.wrong(f"no file {entry.name}.mp4 or {entry.recording}.mp4; fetch it, or leave it")


def _on_disk(entry: Entry, places: Places) -> Entry:
    """An entry of a list with the path of what it names; of pictures, those that it counts."""
    found = places.find(entry.name, entry.part)
    if len(found) > 1:
        return entry.wrong(
            f"{entry.name} lies in several folders ({', '.join(found[:3])}); write which"
        )
    if entry.problem:
        return replace(entry, name=found[0] if found else entry.name)
    if not found:
        what = "folder of numbered pictures" if entry.numbers else "file"
        return entry.wrong(f"no {what} {entry.name}; correct the path or fetch the clip")
    path = found[0]
    entry = replace(entry, name=path)
    if not entry.numbers:
        return entry
    first, frames = entry.numbers if len(entry.numbers) == 2 else (0, *entry.numbers)
    lie = len(pictures_in(Path(places.root, path)))
    if frames < 1 or first < 0 or first + frames > lie:
        return entry.wrong(
            f"frames {first} to {first + frames - 1} are asked for, {lie} numbered pictures lie in "
            f"{path}; correct the numbers or extract the frames anew"
        )
    return entry if frames == lie else replace(entry, name=f"{path}#f={first},{first + frames}")


def _once(root: Path, entries: list[Entry]) -> list[Entry]:
    """Each clip once: what repeats a line is refused, what contradicts one together with it."""
    places = [
        entry.where if entry.problem else resolved(Path(root, entry.name)) for entry in entries
    ]
    first, kinds = {}, {}
    for place, entry in zip(places, entries, strict=True):
        first.setdefault(place, entry)
        kinds.setdefault(place, set()).add(entry.label)
    kept = []
    for place, entry in zip(places, entries, strict=True):
        other = first[place]
        if len(kinds[place]) > 1:
            names = " and ".join(sorted(kinds[place]))
            entry = entry.wrong(f"the same clip is listed as {names}; keep one of the lines")
        elif other is not entry:
            parts = f" ({other.part}, here {entry.part})" if other.part != entry.part else ""
            entry = entry.wrong(f"listed already in {other.where}{parts}; keep one of the lines")
        kept.append(entry)
    return kept


def _clip(root: Path, entry: Entry) -> ClipFile:
    place = Path(root, entry.name)
    size = modified = 0
    problem, note = entry.problem, ""
    if not problem:
        source = source_of(place)
        try:
            state = state_of(place)
            size, modified = state.bytes, state.mtime_ns
            if source.unit:  # its size says nothing about a stretch; a copy is newer by this
                modified = max(modified, source.place.stat().st_ctime_ns)
        except OSError as error:
            problem = entry.wrong(f"cannot be read ({error.strerror})").problem
        if entry.name.startswith("/"):
            note = OUTSIDE
        elif not source.place.resolve().is_relative_to(root.resolve()):
            note = LEAVES
    name = "".join(sign if sign.isprintable() else "?" for sign in entry.name)
    if name != entry.name and not problem:
        problem = entry.wrong("its name holds characters that no table can hold; rename it").problem
    label = entry.label or UNKNOWN
    recording = entry.recording or name.removesuffix(source_of(place).fragment)
    about = (label, entry.part, recording, entry.where)
    return ClipFile(name, size, modified, problem, note, *about)
