"""Tables of clips as Kinetics publishes them: label, youtube_id, time_start, time_end, split.

Trimmed clips are called `<youtube_id>_<start>_<end>.mp4`, start and end in six digits, and a whole
recording `<youtube_id>.mp4` (any suffix serves). Imports no more than the standard library.
"""

import csv
import math
from pathlib import Path

from helpers.clips.lists import PARTS, AnnotationError, Entry, part_of, text_of

NEEDED = ("youtube_id", "time_start", "time_end")


def is_table(file: Path) -> bool:
    """Whether a file's first line has the columns of Kinetics."""
    return set(NEEDED) <= set(_columns(text_of(file).split("\n", 1)[0]))


def read_table(file: Path) -> list[Entry]:
    """Read a table of Kinetics; an entry's name is the name of a trimmed clip, without suffix.

    The part is what the column `split` says, or else the file's name.

    Raises:
        AnnotationError: a column is missing.
    """
    header, *lines = text_of(file).splitlines() or [""]
    columns = _columns(header)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise AnnotationError(
            f"{file}: no column {', '.join(missing)} among {', '.join(columns)}; Kinetics has "
            "label, youtube_id, time_start, time_end, split"
        )
    return [
        _entry(file, number, dict(zip(columns, _cells(line, header), strict=False)))
        for number, line in enumerate(lines, start=2)
        if line.strip()
    ]


def _entry(file: Path, line: int, row: dict[str, str]) -> Entry:
    """The entry of a row, or what is wrong with it."""
    video, label = row.get("youtube_id", ""), row.get("label", "")
    entry = Entry(file, line, video, part_of(file.name), label, recording=video)
    times = []
    for name in NEEDED[1:]:
        try:
            times.append(float(row.get(name, "")))
        except ValueError:
            return entry.wrong(f"{name} {row.get(name, '')!r} is no number of seconds")
    start, end = times
    split = row.get("split", "").lower()
    if not video:
        return entry.wrong("no youtube_id; name the recording")
    if not all(map(math.isfinite, times)) or start < 0:
        return entry.wrong(f"{start:g} to {end:g} s is no stretch of time; correct it")
    entry = Entry(
        file,
        line,
        trimmed(video, start, end),
        PARTS.get(split, entry.part),
        label,
        span=(start, end),
        recording=video,
    )
    if end <= start:
        return entry.wrong(f"the end, {end:g} s, is not behind the start, {start:g} s")
    if split and split not in PARTS:
        return entry.wrong(f"split {split!r} is none of train, val, test")
    return entry if label else entry.wrong("no label; name the class")


def trimmed(video: str, start: float, end: float) -> str:
    """Name, without suffix, of the file that holds a stretch of a recording alone."""
    return f"{video}_{int(start):06d}_{int(end):06d}"


def _columns(header: str) -> list[str]:
    return [name.lower() for name in _cells(header, header)]


def _cells(line: str, header: str) -> list[str]:
    """A line's cells, between what stands between those of the header most often."""
    delimiter = max(",\t;", key=header.count)
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
