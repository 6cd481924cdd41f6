"""Which files of a data folder are tried as clips, and whether the folder has changed.

A data folder holds one folder per class; the clips lie in there at any depth. Imports no table
library, so that asking for a folder's state costs milliseconds.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

GROUPS_FILE = "groups.csv"
SIDECARS = (
    *(".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".xml", ".yaml", ".yml", ".ini", ".db"),
    *(".html", ".pdf", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"),
    *(".npy", ".npz", ".srt", ".vtt"),
)
"""Files that accompany clips. Any other name, or none, is tried as a video."""


@dataclass(frozen=True, order=True)
class ClipFile:
    """A file that may be a clip."""

    path: str  # posix, relative to the data folder; its first part is the class
    bytes: int
    mtime_ns: int

    @property
    def label(self) -> str:
        """The class: the name of the first-level folder."""
        return self.path.split("/", 1)[0]


def find_clips(folder: Path | str) -> list[ClipFile]:
    """List the files below the class folders that are tried as clips, sorted by path.

    Hidden files and folders and sidecars are left out, links are followed.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; name a folder that holds class folders")
    found = []
    for class_folder in class_folders(root):
        for place, folders, names in os.walk(class_folder, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(place, name) for name in names if is_tried(name)]
    return sorted(_clip_file(path, root) for path in found)


def _clip_file(path: Path, root: Path) -> ClipFile:
    """Size and time of a file; zeros for a link that leads nowhere, which is then no video."""
    relative = path.relative_to(root).as_posix()
    if not path.exists():
        return ClipFile(relative, 0, 0)
    state = path.stat()
    return ClipFile(relative, state.st_size, state.st_mtime_ns)


def class_folders(folder: Path) -> list[Path]:
    """First-level folders, sorted by name, hidden ones left out."""
    return sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def is_tried(name: str) -> bool:
    """Whether a file of this name is tried as a video."""
    return not name.startswith(".") and Path(name).suffix.lower() not in SIDECARS


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
