"""Decoded frames kept on disk, so that no epoch decodes a video again."""

import hashlib
import mmap
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from helpers.clips.display import scaled_size
from helpers.clips.opening import VideoError
from helpers.clips.parallel import map_in_processes
from helpers.clips.reading import read_frames
from helpers.clips.segments import State, resolved, state_of
from helpers.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

RESERVE = 256 * 2**20
"""Bytes of the disk that stay free."""

LEFT_BEHIND = 600
"""Seconds after which a half-written file is one that a killed process has left."""


class FrameStoreError(RuntimeError):
    """A clip's frames are not kept, or there is no room to keep them."""


def kept_indices(frames: int, max_frames: int) -> np.ndarray:
    """Which frames of a clip are kept: all, or `max_frames` of them from the first to the last.

    Returns:
        int64 array [min(frames, max_frames)], increasing, uniformly spaced up to rounding.
    """
    return np.linspace(0, frames - 1, min(frames, max_frames)).round().astype(np.int64)


class _Kept(NamedTuple):
    """Where a clip's frames are kept, as long as the clip's state is this."""

    state: State
    file: Path
    shape: tuple[int, ...]  # of the array, which the file holds from `offset` on
    offset: int


class FrameStore:
    """One uint8 array [T, H, W, 3] (RGB) per clip in `folder`, at one short side.

    A file's name tells the clip (path, settings of the store) and its state (bytes, mtime), so a
    changed video or other settings never meet old frames. Files are whole or absent.
    """

    def __init__(self, folder: Path | str, short_side: int, max_frames: int):
        """Name the store; nothing is written yet.

        Args:
            folder: made when needed; several stores may share one.
            short_side: pixels of the frames' shorter side.
            max_frames: of a longer clip this many frames are kept, uniformly spaced.

        Raises:
            ValueError: a size below 1.
        """
        if short_side < 1 or max_frames < 1:
            raise ValueError(f"short_side={short_side}, max_frames={max_frames}: both start at 1")
        self.folder = Path(folder)
        self.short_side = short_side
        self.max_frames = max_frames
        self._known: dict[str, _Kept] = {}  # what `open` has found

    def file_of(self, path: Path | str) -> Path:
        """Where the frames of a clip are kept, whether or not they are there yet."""
        state = state_of(path)
        clip = f"{resolved(path)}|{self.short_side}|{self.max_frames}"
        return self.folder / f"{_digest(clip)}-{state.bytes:x}-{state.mtime_ns:x}.npy"

    def holds_all(self, path: Path | str, frames: int, short_side: int) -> bool:
        """Whether every frame of a clip of so many is kept, at this short side."""
        fits = short_side == self.short_side and frames <= self.max_frames
        return fits and self.file_of(path).exists()

    def estimate(self, manifest: "pd.DataFrame") -> int:
        """Bytes that the frames of these clips take on disk."""
        columns = (manifest[name].tolist() for name in ("width", "height", "frames"))
        return sum(self._bytes(*row) for row in zip(*columns, strict=True))

    def fill(
        self, data_folder: Path | str, manifest: "pd.DataFrame", workers: int | None = None
    ) -> int:
        """Decode and keep the clips that are missing; drop what is kept of former states of them.

        The progress bar says beforehand how much that takes on disk. When it is interrupted, what
        is kept is whole, and the next call goes on.

        Args:
            data_folder: what the manifest's paths are relative to.
            manifest: columns path, frames, width, height; and damaged, if it is there.
            workers: processes; None for one per core.

        Returns:
            How many clips were decoded.

        Raises:
            FrameStoreError: the disk lacks room.
            VideoError: a clip cannot be read, is shorter than the manifest says, or changes.
        """
        clips = [Path(data_folder, path) for path in manifest["path"]]
        files = [self.file_of(clip) for clip in clips]
        present = {file.name for file in self.folder.glob("*.npy")}
        missing = np.array([file.name not in present for file in files], dtype=bool)
        self._drop_former(files, present)
        if not missing.any():
            return 0
        needed = self.estimate(manifest[missing])
        self._check_room(needed, int(missing.sum()))
        frames = manifest["frames"].tolist()
        damaged = manifest["damaged"].tolist() if "damaged" in manifest else [0] * len(clips)
        work = [
            (clips[k], files[k], frames[k], damaged[k] == 0, self.max_frames)
            for k in np.flatnonzero(missing).tolist()
        ]
        keep = partial(_keep, short_side=self.short_side)
        title = f"Keeping frames, {needed / 1e9:.2f} GB"
        return sum(map_in_processes(keep, work, title, workers))

    def open(self, path: Path | str) -> np.ndarray:
        """Map the kept frames of a clip into memory: uint8 [T, H, W, 3], read-only.

        Raises:
            FrameStoreError: they are not kept, or the video has changed since.
        """
        try:
            state = state_of(path)
            kept = self._known.get(str(path))
            if kept is None or kept.state != state:
                kept = self._find(path, state)
            with kept.file.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise FrameStoreError(
                f"{path}: no frames kept in {self.folder} at short side {self.short_side}, at "
                f"most {self.max_frames} frames (new, or changed since); call FrameStore.fill"
            ) from error
        return np.ndarray(kept.shape, np.uint8, content, kept.offset)

    def read(self, path: Path | str, indices: Sequence[int]) -> np.ndarray:
        """Read kept frames: uint8 [len(indices), H, W, 3], a copy.

        Args:
            path: the clip.
            indices: among the kept frames, see `kept_indices`.

        Raises:
            FrameStoreError: they are not kept, or an index lies behind the last one.
        """
        return pick(self.open(path), indices, path)

    def _find(self, path: Path | str, state: State) -> _Kept:
        file = self.file_of(path)
        frames = np.load(file, mmap_mode="r")
        kept = _Kept(state, file, frames.shape, frames.offset)
        self._known[str(path)] = kept
        return kept

    def _bytes(self, width: int, height: int, frames: int) -> int:
        width, height = scaled_size(width, height, self.short_side)
        return min(frames, self.max_frames) * height * width * 3 + 128  # and numpy's header

    def _drop_former(self, files: list[Path], present: set[str]) -> None:
        clips = {file.name.split("-")[0] for file in files}
        current = {file.name for file in files}
        for name in present - current:
            file, is_part = self.folder / name, name.startswith(".")
            if name.removeprefix(".").split("-")[0] not in clips:
                continue
            if not is_part or time.time() - file.stat().st_mtime > LEFT_BEHIND:
                file.unlink(missing_ok=True)

    def _check_room(self, needed: int, clips: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed + RESERVE > free:
            raise FrameStoreError(
                f"{self.folder}: the frames of {clips} clips need {needed / 1e9:.2f} GB, "
                f"{max(free - RESERVE, 0) / 1e9:.2f} GB are free; make room, or keep fewer "
                f"(max_frames={self.max_frames}) or smaller (short_side={self.short_side}) frames"
            )


def pick(frames: np.ndarray, indices: Sequence[int], path: Path | str) -> np.ndarray:
    """Copy frames [T, H, W, 3] out of a memory-mapped array.

    Raises:
        FrameStoreError: an index is negative or lies behind the last frame.
    """
    wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
    if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(frames):
        raise FrameStoreError(
            f"{path}: frames {wanted.tolist()} asked for, {len(frames)} are kept; sample within"
        )
    return np.asarray(frames)[wanted]


def _keep(work: tuple[Path, Path, int, bool, int], short_side: int) -> int:
    """Decode one clip and write its frames, whole or not at all."""
    clip, file, frames, is_sound, max_frames = work
    before = state_of(clip)
    try:
        indices = kept_indices(frames, max_frames)
        kept = read_frames(clip, indices, short_side, frames if is_sound else None)
    except VideoError as error:
        reason = f"listed as usable, but {error.reason}; rebuild the manifest"
        raise VideoError(clip, reason, error.frames) from error
    if state_of(clip) != before:
        raise VideoError(clip, "has changed while it was read; call FrameStore.fill again")
    with whole_file(file) as part:
        np.save(part, kept)
    return 1


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]
