"""What a clip shows, in few numbers: its file, its motion, its still picture and its colours.

Two questions are asked of a pair of clips, and they need different numbers. Is one a copy of the
other (`helpers.clips.duplicates`)? Do both show one scene (`helpers.clips.scenes`)? Hashes of whole
frames answer neither: clips of a fixed camera agree in all that stands still, however different
what happens in them.

So a clip becomes a small cube of grey, transformed by cosines in time and space (Coskun, Sankur,
Memon, Spatio-temporal transform based video hashing, IEEE Transactions on Multimedia 8, 2006). The
terms of frequency zero in time are the still picture; a background that stands still is in no
other. The slow terms above are the motion, and of these alone the copy is told.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from scipy.fft import dctn

from helpers.clips.frames import FrameStore
from helpers.clips.measures import SHORT_SIDE
from helpers.clips.parallel import map_in_processes
from helpers.clips.reading import read_frames
from helpers.clips.segments import pictures_in, source_of, state_of
from helpers.clips.video import VideoError
from helpers.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

FILE = "fingerprints.npz"
"""In a run's folder."""

VERSION = 1
"""Raised whenever the same clip gives other numbers."""

FRAMES, SIDE = 16, 32
"""Frames looked at, from the first to the last, and the side of the grey cube in pixels."""

CROPS = (0.0, 0.025, 0.05)
"""Shares cut off at each edge, for copies that are cropped."""

SPANS = ((0, FRAMES), (2, FRAMES), (0, FRAMES - 2))
"""All frames, and those without the first and the last eighth, for copies that begin or end
elsewhere."""

VIEWS = tuple((crop, span) for crop in range(len(CROPS)) for span in range(len(SPANS)))
"""Crop and span of each row of `Fingerprint.motion`; the first is the whole clip."""

SLOW, COARSE, FINE = 4, 8, 16
"""Cosines kept: of motion so many above zero in time, and so many from zero in each direction of
space; of the still picture so many in each direction."""

NOISE = 4.0
"""Taken off the size of each term of motion. Sensor noise of 5 grey levels before something that
stands still, and what H.264 makes of it, leave less; in the simulated yard the terms
of the median clip are 10 on average."""

STILLNESS = 200.0
"""A sum of sizes that stands for hardly any motion: clips that stand still are alike in it."""

COLOUR_PICTURE = (64, 48)
COLOUR_BINS = (17, 18, 18)
"""Bins of lightness (0 to 100) and of both axes of colour (-36 to 36) in CIE L*a*b*."""


class Fingerprint(NamedTuple):
    """The numbers of one clip."""

    digest: str  # SHA-256 of the file
    motion: np.ndarray  # float32 [VIEWS, M], rows of unit length
    still: np.ndarray  # float32 [CROPS, S], rows of unit length
    colours: np.ndarray  # int [K, 2]: bin and how many pixels of the median picture lie in it


@dataclass(frozen=True)
class Fingerprints:
    """The numbers of many clips, in the order of `paths`."""

    paths: list[str]
    state: np.ndarray  # int64 [N, 2]: bytes and modification time (ns) of each file
    digest: np.ndarray  # str [N]
    motion: np.ndarray  # float16 [N, VIEWS, M]
    still: np.ndarray  # float16 [N, CROPS, S]
    colours: np.ndarray  # uint16 [K, 2] of all clips, one behind the other
    colour_counts: np.ndarray  # int64 [N], rows of `colours` that each clip has

    def colour_rows(self) -> np.ndarray:
        """Square roots of the shares of each colour: float32 [N, colours that occur], rows of
        unit length."""
        used, column = np.unique(self.colours[:, 0], return_inverse=True)
        rows = np.zeros((len(self.paths), len(used)), np.float32)
        clip = np.repeat(np.arange(len(self.paths)), self.colour_counts)
        rows[clip, column] = np.sqrt(self.colours[:, 1] / np.prod(COLOUR_PICTURE))
        return rows


def load_or_make_fingerprints(
    folder: Path | str,
    manifest: "pd.DataFrame",
    file: Path,
    workers: int | None = None,
    store: FrameStore | None = None,
) -> Fingerprints:
    """Take the fingerprints of all clips; those of unchanged ones are kept in `file`.

    A clip is unchanged when its path, bytes and modification time are.

    Args:
        folder: what the manifest's paths are relative to.
        manifest: columns path and frames; and damaged, if it is there.
        file: .npz; written when anything in it changed.
        workers: processes; None for one per core.
        store: kept frames, used for the clips of which it holds every frame at `SHORT_SIDE`; the
            numbers are the same with and without it.

    Raises:
        VideoError: a clip cannot be read, or is shorter than the manifest says.
    """
    paths = manifest["path"].tolist()
    clips = [Path(folder, path) for path in paths]
    state = [_state(clip) for clip in clips]
    known = _load(file)
    keys = [(path, *now) for path, now in zip(paths, state, strict=True)]
    missing = [place for place, key in enumerate(keys) if key not in known]
    work = [
        (clips[row.Index], int(row.frames), getattr(row, "damaged", 1) == 0, store)
        for row in manifest.reset_index(drop=True).iloc[missing].itertuples()
    ]
    made = map_in_processes(fingerprint, work, "Fingerprints", workers)
    found = known | dict(zip([keys[place] for place in missing], made, strict=True))
    prints = _joined(paths, state, [found[key] for key in keys])
    if missing or len(known) != len(paths):
        log.info("%s: %d clips, %d of them looked at", file, len(paths), len(missing))
        _save(file, prints)
    return prints


def fingerprint(work: tuple[Path, int, bool, FrameStore | None]) -> Fingerprint:
    """Look at one clip.

    Args:
        work: the file, how many of its frames decode, whether it is known to be sound (then it is
            read sooner), and a store that may hold its frames.

    Raises:
        VideoError: it cannot be read, or is shorter.
    """
    path, frames, is_sound, store = work
    indices = np.linspace(0, frames - 1, FRAMES).round().astype(np.int64)
    try:
        if store is not None and store.holds_all(path, frames, SHORT_SIDE):
            pictures = store.read(path, indices)
        else:
            pictures = read_frames(path, indices, SHORT_SIDE, frames if is_sound else None)
    except VideoError as error:
        reason = f"listed as usable, but {error.reason}; rebuild the manifest"
        raise VideoError(path, reason, error.frames) from error
    return Fingerprint(_digest(path), *transform(pictures), colour_counts(pictures))


def _state(clip: Path) -> tuple[int, int]:
    """Bytes and modification time; zeros where it is gone, which reading then says."""
    try:
        state = state_of(clip)
    except FileNotFoundError:
        return 0, 0
    return state.bytes, state.mtime_ns


def _digest(path: Path) -> str:
    """SHA-256 over the digests of a clip's files, and over which stretch of them it is."""
    source = source_of(path)
    whole = hashlib.sha256(source.fragment.encode())
    for one in pictures_in(source.place) if source.place.is_dir() else [source.place]:
        with one.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def transform(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Motion and still picture of a clip, from its low cosines.

    Terms enter by the square roots of their sizes. Signs alone, as in the hash of Coskun et al.,
    let terms of mere noise count as much as the others; whole sizes let the slowest few decide. Of
    the three, square roots told pairs of different clips best from copies.

    Args:
        pictures: uint8 [FRAMES, H, W, 3], RGB.

    Returns:
        motion: float32 [VIEWS, SLOW · COARSE² + 1], rows of unit length; the last number of each
            is `STILLNESS`.
        still: float32 [CROPS, FINE²], rows of unit length; in place of the mean grey there is a
            small constant.
    """
    grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures])
    cubes = [_cube(grey, crop) for crop in CROPS]
    motion = [_motion(cubes[crop][slice(*SPANS[span])]) for crop, span in VIEWS]
    return _unit(np.stack(motion)), _unit(np.stack([_still(cube) for cube in cubes]))


def _cube(grey: np.ndarray, crop: float) -> np.ndarray:
    """The clip [T, H, W] without its edges, float32 [T, SIDE, SIDE]."""
    height, width = grey.shape[1:]
    y, x = round(height * crop), round(width * crop)
    inner = grey[:, y : height - y, x : width - x]
    small = [cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in inner]
    return np.stack(small).astype(np.float32)


def _motion(cube: np.ndarray) -> np.ndarray:
    terms = dctn(cube, norm="ortho")[1 : SLOW + 1, :COARSE, :COARSE].ravel()
    sizes = np.append(np.maximum(np.abs(terms) - NOISE, 0), STILLNESS)
    return np.append(np.sign(terms), 1) * np.sqrt(sizes)


def _still(cube: np.ndarray) -> np.ndarray:
    terms = dctn(cube.mean(axis=0), norm="ortho")[:FINE, :FINE].ravel()
    terms[0] = 1
    return np.sign(terms) * np.sqrt(np.abs(terms))


def mirror_signs() -> tuple[np.ndarray, np.ndarray]:
    """Factors that turn the numbers of a clip into those of its mirror image.

    A cosine of odd frequency across changes its sign when left and right are exchanged.

    Returns:
        factors for the last axis of motion and of still.
    """
    coarse, fine = (
        np.tile(np.where(np.arange(n) % 2, -1, 1), n).astype(np.float32) for n in (COARSE, FINE)
    )
    return np.append(np.tile(coarse, SLOW), np.float32(1)), fine


def colour_counts(pictures: np.ndarray) -> np.ndarray:
    """Count the colours of a clip's median picture, in which little is left of what moves.

    Args:
        pictures: uint8 [T, H, W, 3], RGB.

    Returns:
        int [K, 2]: bin of `COLOUR_BINS` (flat), pixels among those of `COLOUR_PICTURE`.
    """
    small = [cv2.resize(one, COLOUR_PICTURE, interpolation=cv2.INTER_AREA) for one in pictures]
    median = np.median(small, axis=0).astype(np.float32)
    lab = cv2.cvtColor(median / 255, cv2.COLOR_RGB2Lab).reshape(-1, 3)
    shares = (lab - (0, -36, -36)) / (100, 72, 72)
    places = np.clip((shares * COLOUR_BINS).astype(int), 0, np.array(COLOUR_BINS) - 1)
    flat = np.ravel_multi_index(tuple(places.T), COLOUR_BINS)
    return np.stack(np.unique(flat, return_counts=True), axis=1)


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _joined(
    paths: list[str], state: Sequence[tuple[int, int]], prints: Sequence[Fingerprint]
) -> Fingerprints:
    shapes = (len(VIEWS), SLOW * COARSE**2 + 1), (len(CROPS), FINE**2)
    return Fingerprints(
        paths,
        np.array(state, np.int64).reshape(-1, 2),
        np.array([one.digest for one in prints], dtype="U64"),
        np.array([one.motion for one in prints], np.float16).reshape(-1, *shapes[0]),
        np.array([one.still for one in prints], np.float16).reshape(-1, *shapes[1]),
        np.concatenate([np.empty((0, 2), int), *(one.colours for one in prints)]).astype(np.uint16),
        np.array([len(one.colours) for one in prints], np.int64),
    )


def _save(file: Path, prints: Fingerprints) -> None:
    columns = {name: value for name, value in vars(prints).items() if name != "paths"}
    with whole_file(file) as part:
        np.savez(part, version=VERSION, paths=np.array(prints.paths, dtype=str), **columns)


def _load(file: Path) -> dict[tuple[str, int, int], Fingerprint]:
    """Kept fingerprints by path, bytes and time; none of another version."""
    if not file.exists():
        return {}
    with np.load(file) as kept:
        if int(kept["version"]) != VERSION:
            return {}
        columns = {name: kept[name] for name in kept.files}
    ends = np.cumsum(columns["colour_counts"])
    return {
        (str(path), *map(int, state)): Fingerprint(str(digest), motion, still, colours)
        for path, state, digest, motion, still, colours in zip(
            columns["paths"],
            columns["state"],
            columns["digest"],
            columns["motion"],
            columns["still"],
            np.split(columns["colours"], ends)[:-1],
            strict=True,
        )
    }
