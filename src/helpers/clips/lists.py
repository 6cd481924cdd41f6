"""Lists of clips as mmaction2 reads them, and the names of their classes.

A line of a list of videos is `path label`, of a list of raw frames `folder frames label` or
`folder first frames label`; labels are places in a file of class names, from 0. Between them stand
spaces, tabs or commas. Paths may hold spaces too: which words belong to the path is told by what is
there. Imports no more than the standard library: asking what has changed has to be fast.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

NAMES_FILES = ("label_map.txt", "annotations/label_map.txt")
NUMBERS = re.compile(r"(?P<path>.*?\S)(?P<numbers>(?:\s*[ \t,]\s*-?\d+){1,3})\s*$")
"""A path, and up to three whole numbers behind it."""

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""The parts of a split by the words that lists have for them."""


class AnnotationError(ValueError):
    """A list of clips, or of class names, cannot be used."""


@dataclass(frozen=True)
class Entry:
    """A line of a list: what it says, or what is wrong with it."""

    file: Path
    line: int
    name: str  # the path as it is written
    part: str = ""  # train, val or test
    label: str = ""  # the class
    numbers: tuple[int, ...] = ()  # frames, or the first frame and frames
    span: tuple[float, float] | None = None  # s, of a longer recording
    recording: str = ""
    problem: str = ""

    @property
    def where(self) -> str:
        """The line, in words."""
        return f"{self.file.name}, line {self.line}"

    def wrong(self, reason: str) -> "Entry":
        """The entry with a problem that names its line."""
        return replace(self, problem=f"{self.where}: {reason}")


def part_of(name: str) -> str:
    """The part of a split that a list's name tells; empty where it tells none."""
    words = re.findall(r"[a-z]+", name.lower())
    whole = [PARTS[word] for word in words if word in PARTS]
    begun = [part for word in words for part in ("train", "val", "test") if word.startswith(part)]
    return (whole or begun or [""])[0]


def text_of(file: Path) -> str:
    """A text file's content, with or without a byte order mark.

    Raises:
        AnnotationError: it is not there, or not in UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise AnnotationError(f"{file}: no such file; name a list of clips") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise AnnotationError(
            f"{file}, line {line}: byte {error.object[error.start]:#x} is not UTF-8; convert the "
            "file (iconv -f latin1 -t utf-8)"
        ) from error
    except OSError as error:
        raise AnnotationError(f"{file}: cannot be read ({error.strerror}); allow it") from error


def read_names(file: Path) -> list[str]:
    """Class names, one on a line; the first is label 0. Lines that begin with their own number,
    from 0, lose it.

    Raises:
        AnnotationError: no name, or one that stands twice.
    """
    names = [line.strip() for line in text_of(file).splitlines()]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise AnnotationError(f"{file}: holds no class name; write one on each line")
    heads = [re.match(r"(\d+)[ \t,]+(?=\S)", name) for name in names]
    if all(head and int(head[1]) == place for place, head in enumerate(heads)):
        names = [name[head.end() :] for name, head in zip(names, heads, strict=True)]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        lines = [str(place + 1) for place, name in enumerate(names) if name == twice[0]]
        raise AnnotationError(
            f"{file}: {twice[0]!r} stands in the lines {', '.join(lines)}; name each class once"
        )
    return names


def find_names(places: Iterable[Path]) -> Path | None:
    """The file of class names beside a list: label_map.txt, or a file whose name holds this."""
    for place in places:
        for name in NAMES_FILES:
            if (place / name).is_file():
                return place / name
        found = sorted(place.glob("*label_map*.txt")) + sorted(
            place.glob("annotations/*label_map*.txt")
        )
        if len(found) > 1:
            listed = ", ".join(file.name for file in found)
            raise AnnotationError(
                f"{found[0].parent}: several files of class names ({listed}); call the right one "
                "label_map.txt"
            )
        if found:
            return found[0]
    return None


def is_list(file: Path) -> bool:
    """Whether the lines of a file, or most of its first ones, end in a label."""
    lines = [line for line in text_of(file).splitlines() if line.strip()][:50]
    return sum(bool(NUMBERS.match(line)) for line in lines) * 2 > len(lines)


def read_list(file: Path, kind_of) -> list[tuple[Entry, int]]:
    """Read a list of videos or of raw frames.

    Args:
        file: the list.
        kind_of: from a path and the part to "file", "folder" or "", what is there.

    Returns:
        an entry per line that is not blank, and its label (-1 where there is none).

    Raises:
        AnnotationError: the file cannot be read.
    """
    part, lines = part_of(file.name), []
    for number, line in enumerate(text_of(file).splitlines(), start=1):
        if line.strip():
            readings = _readings(line.strip())
            fits = [
                (name, values)
                for name, values in readings
                if kind_of(name, part) == ("file" if len(values) == 1 else "folder")
                or (len(values) == 1 and kind_of(name, part))
            ]
            lines.append((number, line.strip(), readings, fits))
    usual = Counter(len(fits[0][1]) for *_, fits in lines if fits).most_common(1)
    return [
        _entry(file, part, number, line, readings, fits, usual[0][0] if usual else 0, kind_of)
        for number, line, readings, fits in lines
    ]


def _readings(line: str) -> list[tuple[str, tuple[int, ...]]]:
    """Every way to take a line for a path and numbers behind it, few numbers first."""
    readings, rest, values = [], line, ()
    while len(values) < 3:
        found = re.fullmatch(r"(.*?\S)\s*[ \t,]\s*(-?\d+)", rest)
        if not found:
            break
        rest, values = found[1].rstrip(" \t,"), (int(found[2]), *values)
        readings.append((_unquoted(rest), values))
    return readings


def _entry(file, part, number, line, readings, fits, usual, kind_of) -> tuple[Entry, int]:
    """The entry of a line, read as what is there, else as most lines of the list are."""
    if not readings:
        entry = Entry(file, number, _unquoted(line), part)
        reason = f"no label behind {line!r}; write its place among the class names, from 0"
        return entry.wrong(reason), -1
    fewer = [reading for reading in readings if len(reading[1]) == usual]
    name, values = (fits or fewer or [_likely(readings)])[0]
    entry = Entry(file, number, name, part, numbers=values[:-1])
    several = [name for name, values in readings[1:] if kind_of(name, part) == "file"]
    if not fits and several:
        return replace(entry, name=several[0]).wrong(
            f"{line!r} has several numbers behind a video; name one class for each clip"
        ), -1
    if values[-1] < 0:
        return entry.wrong(f"label {values[-1]} names no class; write one, from 0"), -1
    return entry, values[-1]


def _likely(readings: Sequence[tuple[str, tuple[int, ...]]]) -> tuple[str, tuple[int, ...]]:
    """The reading of a line whose clip is missing: a name with a suffix is a video's."""
    return readings[0] if Path(readings[0][0]).suffix else readings[-1]


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
