"""Where the clips lie that a list names: paths differ by the folder that they start from."""

import os
import unicodedata
from pathlib import Path

from helpers.clips.folder import BESIDE, FolderFiles
from helpers.clips.lists import part_of
from helpers.clips.segments import pictures_in, source_of


class Places:
    """Finds clips in a data folder by the names that lists have for them."""

    def __init__(self, root: Path, beside: Path, found: FolderFiles):
        """Look around.

        Args:
            root: the data folder.
            beside: the folder of the list.
            found: what lies in the data folder.
        """
        self.root = root
        self.bases = list(dict.fromkeys([root, beside]))
        self.inner = sorted(
            entry.path
            for entry in os.scandir(root)
            if not entry.name.startswith(".") and entry.is_dir()
        )
        self.known: dict[tuple[str, str], list[str]] = {}
        self.stems: dict[str, list[str]] = {}
        loose = [file.path for file in found.ignored if file.reason == BESIDE]
        for path in [clip.path for clip in found.clips] + loose:
            self.stems.setdefault(Path(path).stem, []).append(path)

    def find(self, name: str, part: str) -> list[str]:
        """Paths, relative to the data folder where they lie in it, that a name may mean.

        They start from the data folder, from the list's folder, or else from a folder at the top
        of the data folder, such as `videos_train`; of several such the one that tells the part.
        """
        if (name, part) not in self.known:
            self.known[name, part] = self._find(name, part)
        return self.known[name, part]

    def kind_of(self, name: str, part: str) -> str:
        """What a name means: "file", "folder" or "", where there is no such."""
        found = self.find(name, part)
        if not found:
            return ""
        return "folder" if source_of(Path(self.root, found[0])).place.is_dir() else "file"

    def by_stem(self, stem: str, part: str, label: str) -> list[str]:
        """Clips of this name, suffix apart; of several those in the part's or class's folder."""
        found = self.stems.get(stem, [])
        tests = (
            lambda path: part_of(path.rsplit("/", 1)[0]) == part,
            lambda path: label in path.split("/")[:-1],
        )
        for fits in tests:
            narrower = [path for path in found if fits(path)] if len(found) > 1 else []
            found = narrower or found
        return found

    def _find(self, name: str, part: str) -> list[str]:
        for spelt in _spellings(name):
            for base in self.bases:
                if self._is_there(base / spelt):
                    return [self._path(base / spelt)]
            inner = [base for base in self.inner if self._is_there(Path(base, spelt))]
            own = [base for base in inner if part and part_of(Path(base).name) == part]
            if inner:
                chosen = own if len(own) == 1 else inner
                return [self._path(Path(base, spelt)) for base in chosen]
        return []

    def _is_there(self, path: Path) -> bool:
        """A file, or a folder of pictures: other folders are no clips."""
        try:
            place = source_of(path).place
            return place.is_file() or (place.is_dir() and bool(pictures_in(place)))
        except (OSError, ValueError):  # a name too long, or one with a zero byte
            return False

    def _path(self, path: Path) -> str:
        """A path as the manifest has it: with / and without detours."""
        whole = Path(os.path.normpath(path.absolute()))
        for root in (Path(os.path.normpath(self.root.absolute())), self.root.resolve()):
            if whole.is_relative_to(root):
                return whole.relative_to(root).as_posix()
        return whole.as_posix()


def _spellings(name: str) -> list[str]:
    """A name, and others that read the same: with / for \\, accents in one sign or in two."""
    names = [name, name.replace("\\", "/")]
    names += [unicodedata.normalize(form, each) for form in ("NFC", "NFD") for each in names]
    return [each for each in dict.fromkeys(names) if each.strip()]
