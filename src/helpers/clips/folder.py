"""Which files of a data folder are tried as clips, which are not and why, and a folder's state.

A data folder holds one folder per class; the clips lie in there at any depth. A folder below a
class folder that holds nothing but one series of numbered pictures is one clip, and its pictures
are not listed. Imports no table library, so that asking for a folder's state costs milliseconds.

Links are followed, also out of the data folder, since big data often lies on another disk: such
clips are used, and their note says so. No file is read twice: a link to what is read anyway, or to
a folder around the data folder, is left out, and so no loop of links can hold anything up.
"""

import hashlib
import heapq
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from helpers.clips.segments import PICTURES, numbered, state_of

GROUPS_FILE = "groups.csv"
SIDECARS = (
    *(".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".xml", ".yaml", ".yml", ".ini", ".db"),
    *(".html", ".pdf", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"),
    *(".npy", ".npz", ".srt", ".vtt"),
)
"""Files that accompany clips. Any other name, or none, is tried as a video."""

LEAVES = "a link leads out of the data folder"
"""Note of clips that lie elsewhere."""

HIDDEN, BESIDE = "hidden", "lies beside the class folders, in no class"
"""Reasons of ignored files."""


@dataclass(frozen=True, order=True)
class ClipFile:
    """A file that may be a clip."""

    path: str  # posix, relative to the data folder; see `helpers.clips.segments`
    bytes: int
    mtime_ns: int
    problem: str = ""  # why it cannot be a clip, where that shows without opening it
    note: str = ""  # what is unusual about where it lies
    label: str = ""  # the class; where none is given, the name of the first-level folder
    part: str = ""  # train, val or test, where a list says so
    recording: str = ""  # where a list says so
    listed: str = ""  # the list and line that name it

    def __post_init__(self):
        """Take the class from the path where no list has named one."""
        if not self.label:
            object.__setattr__(self, "label", self.path.split("/", 1)[0])


@dataclass(frozen=True, order=True)
class IgnoredFile:
    """A file, or a link, that is not tried as a clip."""

    path: str  # posix, relative to the data folder
    reason: str


class FolderFiles(NamedTuple):
    """Every file of a data folder is in one of both lists; each is sorted by path."""

    clips: list[ClipFile]
    ignored: list[IgnoredFile]
    lists: tuple[Path, ...] = ()  # files that name the clips; none where folders do


def find_files(folder: Path | str) -> FolderFiles:
    """List all files of a data folder: those that are tried as clips, and the others with a reason.

    What is broken without a look inside (a link that leads nowhere, a folder that cannot be read,
    a pipe, a name that no table can hold) counts among the clips, with its `problem`.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; name a folder that holds class folders")
    walk = _Walk(root)
    return FolderFiles(sorted(walk.clips), sorted(walk.ignored))


def find_clips(folder: Path | str) -> list[ClipFile]:
    """List the files below the class folders that are tried as clips, sorted by path.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    return find_files(folder).clips


def class_folders(folder: Path) -> list[Path]:
    """First-level folders, sorted by name, hidden ones left out."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not _hidden(entry.name))


def is_tried(name: str) -> bool:
    """Whether a file of this name is tried as a video."""
    return not _hidden(name) and Path(name).suffix.lower() not in SIDECARS


def folder_state(folder: Path | str) -> str:
    """Fingerprint of a data folder: changes with any clip or groups.csv (path, bytes, mtime).

    Returns:
        16 hexadecimal digits.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    state = [f"{clip.path}|{clip.bytes}|{clip.mtime_ns}" for clip in find_clips(folder)]
    groups = Path(folder, GROUPS_FILE)
    if groups.exists():
        state.append(f"{GROUPS_FILE}|{groups.stat().st_size}|{groups.stat().st_mtime_ns}")
    return hashlib.sha256("\n".join(state).encode("utf-8", "surrogateescape")).hexdigest()[:16]


class _Walk:
    """One look through a folder: what lies in it first, then what its links lead to."""

    def __init__(self, root: Path):
        self.clips: list[ClipFile] = []
        self.ignored: list[IgnoredFile] = []
        self.root = os.path.realpath(root)
        self.read: dict[str, str] = {}  # real place of a folder or clip: its path in the folder
        self.folders = [(self.root, "", False)]  # real place, path, whether hidden
        self.links: list[tuple[str, str, bool]] = []  # a heap: path, place, whether hidden
        while self.folders or self.links:
            if self.folders:
                self._enter(*self.folders.pop())
            else:
                self._follow(*heapq.heappop(self.links))

    def _enter(self, place: str, path: str, hidden: bool) -> None:
        """Sort the entries of a folder."""
        if place in self.read:
            self._ignore(path, f"leads to what is read already ({self.read[place] or '.'})")
            return
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            if not path:
                raise
            self._refuse(path, f"folder cannot be read ({error.strerror}); allow it", hidden)
            return
        if not hidden:
            self.read[place] = path
            if self._is_of_pictures(entries, path):
                self._clip(place, path)
                entries = [entry for entry in entries if not _is_picture(entry.name)]
        for entry in entries:
            inner = f"{path}/{entry.name}" if path else entry.name
            covered = hidden or _hidden(entry.name)
            if entry.is_symlink():
                heapq.heappush(self.links, (inner, entry.path, covered))
            elif entry.is_dir(follow_symlinks=False):
                self.folders.append((entry.path, inner, covered))
            else:
                self._file(entry.path, inner, covered)

    def _follow(self, path: str, place: str, hidden: bool) -> None:
        """Take what a link leads to, unless it is hidden, nowhere or around the data folder."""
        real = os.path.realpath(place)
        try:
            leads_to_folder = stat.S_ISDIR(Path(place).stat().st_mode)
        except OSError as error:
            reason = (
                f"link that leads nowhere ({Path(place).readlink()}: {error.strerror}); mend it"
            )
            self._refuse(path, reason, hidden)
            return
        if hidden:
            self._ignore(path, HIDDEN)
        elif not leads_to_folder:
            self._file(real, path, hidden)
        elif self.root.startswith(real.rstrip("/") + "/"):
            self._ignore(path, "leads to a folder around the data folder")
        else:
            self._enter(real, path, hidden)

    def _file(self, place: str, path: str, hidden: bool) -> None:
        """Sort one file: a clip, or ignored."""
        suffix = Path(path).suffix.lower()
        if hidden:
            self._ignore(path, HIDDEN)
        elif path == GROUPS_FILE:
            self._ignore(path, "names the recordings")
        elif suffix in SIDECARS:
            self._ignore(path, f"accompanies clips ({suffix})")
        elif "/" not in path:
            self._ignore(path, BESIDE)
        elif place in self.read:
            self._ignore(path, f"leads to what is read already ({self.read[place]})")
        else:
            self.read[place] = path
            self._clip(place, path)

    @staticmethod
    def _is_of_pictures(entries: list[os.DirEntry], path: str) -> bool:
        """Whether a folder is a clip: pictures alone, and it lies in a class."""
        visible = [entry for entry in entries if not _hidden(entry.name)]
        return (
            "/" in path
            and not any(is_tried(entry.name) or entry.is_dir() for entry in visible)
            and len(numbered(entry.name for entry in visible)) > 1
        )

    def _clip(self, place: str, path: str) -> None:
        try:
            mode, state = Path(place).stat().st_mode, state_of(place)
        except OSError as error:
            self._refuse(path, f"cannot be read ({error.strerror})")
            return
        name, problem = _writable(path), ""
        if name != path:
            problem = "its name holds characters that no table can hold; rename it"
        elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            problem = "is a pipe, socket or device, not a file; remove it"
        note = "" if place.startswith(self.root + "/") else LEAVES
        self.clips.append(ClipFile(name, state.bytes, state.mtime_ns, problem, note))

    def _refuse(self, path: str, problem: str, hidden: bool = False) -> None:
        """List what is broken: among the clips where it might be one, so that it is noticed."""
        if hidden or not is_tried(Path(path).name):
            self._ignore(path, HIDDEN if hidden else problem)
        else:
            self.clips.append(ClipFile(_writable(path), 0, 0, _writable(problem)))

    def _ignore(self, path: str, reason: str) -> None:
        self.ignored.append(IgnoredFile(_writable(path), _writable(reason)))


def _is_picture(name: str) -> bool:
    return name.lower().endswith(PICTURES) and not _hidden(name)


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _writable(text: str) -> str:
    """The text, with what is no UTF-8 or steers a terminal written as \\x and digits."""
    if text.isprintable():
        return text
    return "".join(
        repr(os.fsencode(sign))[2:-1] if unicodedata.category(sign) in ("Cc", "Cs") else sign
        for sign in text
    )
