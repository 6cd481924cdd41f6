"""What a clip's path names: a video, a stretch of one, or a folder of numbered pictures.

A path may end in a stretch, after the W3C's Media Fragments URI 1.0 (2012): `yard.mp4#t=10,20` is
what a player shows from second 10 on and before second 20, `#t=10` goes to the end and `#t=,20`
begins at the start. `#f=12,40` is a stretch by frames, counted from 0: from frame 12 on and before
frame 40. Nothing is percent-encoded: a path is no URI. Where a file or folder with exactly this
name exists, it is meant, whatever signs its name has.

Imports no more than the standard library: listing a data folder has to be fast.
"""

import math
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
"""Names of pictures that may stand for frames end so."""

NUMBER = r"(?:\d+(?:\.\d+)?)"
FRAGMENT = re.compile(rf"#(?:t=(?:npt:)?({NUMBER})?(?:,({NUMBER}))?|f=(\d+),(\d+))$")
NUMBERED = re.compile(r"(.*?)(\d+)(\.[A-Za-z]+)")
FLOW = re.compile(r"flow_|[xy]_|flow[xy]", re.IGNORECASE)
"""Pictures of optical flow beside those of the frames, as mmaction2's tools name them."""


class Source(NamedTuple):
    """What is opened for a clip."""

    place: Path  # a video, or a folder of pictures
    fragment: str = ""  # as it stands behind the place's name
    unit: str = ""  # "t" for seconds, "f" for frames, "" for all of it
    start: float = 0
    end: float = math.inf  # the first moment, or frame, that no longer belongs to it


class State(NamedTuple):
    """What differs where a clip is another one, or was written since."""

    device: int
    inode: int
    bytes: int
    mtime_ns: int


def source_of(path: Path | str) -> Source:
    """Take a clip's path apart."""
    text = str(path)
    found = FRAGMENT.search(text) if "#" in text else None
    if found is None or found[0] == "#t=" or os.path.lexists(text):
        return Source(Path(path))
    unit = "f" if found[3] else "t"
    start, end = (found[3], found[4]) if found[3] else (found[1], found[2])
    limits = float(start or 0), float(end) if end else math.inf
    return Source(Path(text[: found.start()]), found[0], unit, *limits)


def stretch(path: str, start: float, end: float) -> str:
    """Path of what is shown from `start` on and before `end`, in seconds, to the millisecond."""
    return f"{path}#t={_seconds(start)}{f',{_seconds(end)}' if end < math.inf else ''}"


def state_of(path: Path | str) -> State:
    """The state of a clip's file; of a folder of pictures all bytes and the latest change.

    Raises:
        OSError: it is gone, or cannot be asked.
    """
    place = source_of(path).place
    found = place.stat()
    if stat.S_ISDIR(found.st_mode):
        return _state_of_pictures(place, found)
    return State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def resolved(path: Path | str) -> str:
    """The path without links, relative parts and the like, its stretch behind it."""
    source = source_of(path)
    return f"{source.place.resolve()}{source.fragment}"


def pictures_in(folder: Path) -> list[Path]:
    """The numbered pictures of a folder, by number; empty where it holds none, or several series.

    Raises:
        OSError: the folder cannot be listed.
    """
    return [folder / name for name in numbered(entry.name for entry in os.scandir(folder))]


def numbered(names: Iterable[str]) -> list[str]:
    """Of a folder's names the one series of numbered pictures, by number.

    Hidden names do not count, nor does optical flow. Empty where a picture has no number, two have
    the same, or several series stand side by side.
    """
    pictures = [name for name in names if name.lower().endswith(PICTURES) and name[0] != "."]
    parts = {name: NUMBERED.fullmatch(name) for name in pictures}
    if not all(parts.values()):
        return []
    series = {name: part for name, part in parts.items() if not FLOW.match(part[1])}
    numbers = {name: int(part[2]) for name, part in series.items()}
    kinds = {(part[1], part[3].lower()) for part in series.values()}
    if len(kinds) != 1 or len(set(numbers.values())) < len(numbers):
        return []
    return sorted(numbers, key=numbers.__getitem__)


def gaps(names: list[str]) -> int:
    """How many numbers are missing between the first and the last of a series."""
    first, last = (int(NUMBERED.fullmatch(name)[2]) for name in (names[0], names[-1]))
    return last - first + 1 - len(names)


def _state_of_pictures(folder: Path, own: os.stat_result) -> State:
    states = [picture.stat() for picture in pictures_in(folder)]
    latest = max([own.st_mtime_ns, *(state.st_mtime_ns for state in states)])
    return State(own.st_dev, own.st_ino, sum(state.st_size for state in states), latest)


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
