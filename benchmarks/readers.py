"""The readers that are compared: pipelines of transforms from a file to its frames."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.videos import Clip, pictures_at

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.registry import TRANSFORMS

from helpers.clips import transforms  # noqa: F401  registers OpenClip and ReadClip
from helpers.clips.frames import FrameStore, kept_indices

KEPT = 32
"""Frames of a clip that a store keeps, as in a training."""

OTHERS = {"decord": "Decord", "pyav": "PyAV", "opencv": "OpenCV"}
NAMES = ("ours", "store", *OTHERS)
STORES = ("store",)

Read = Callable[[Clip], list[np.ndarray]]


def reader(name: str, frames: int, short_side: int | None, folder: Path) -> Read:
    """Build a reader of so many frames of a clip, uniformly sampled.

    Args:
        name: one of `NAMES`.
        frames: to read of a clip.
        short_side: pixels of the shorter side; None for the size of the video.
        folder: where the store keeps its frames.

    Returns:
        A function from a clip to frames [H, W, 3], RGB.
    """
    sampling = _build({"type": "UniformSample", "clip_len": frames, "test_mode": True})
    if name == "ours":
        return _pipeline(
            [_build({"type": "OpenClip"})],
            [sampling, _build({"type": "ReadClip", "short_side": short_side})],
        )
    if name == "store":
        return _from_stores(sampling, short_side, folder)
    end = [{"type": "Resize", "scale": (-1, short_side)}] if short_side else []
    decoding = {"type": f"{OTHERS[name]}Decode"}
    return _pipeline(
        [_build({"type": f"{OTHERS[name]}Init"})],
        [sampling, *map(_build, [decoding, *end])],
    )


def _build(config: Mapping) -> Callable[[dict], dict]:
    return TRANSFORMS.build(dict(config))


def _pipeline(opening: Sequence[Callable], reading: Sequence[Callable]) -> Read:
    """Open, then sample among the frames that decode, whatever the container promises, and read."""

    def read(clip: Clip) -> list[np.ndarray]:
        results = {"filename": str(clip.path), "start_index": 0, "modality": "RGB"}
        results |= {"total_frames": clip.frames, "damaged": clip.damaged}
        for transform in opening:
            results = transform(results)
        results["total_frames"] = clip.frames
        for transform in reading:
            results = transform(results)
        return results["imgs"]

    return read


def _from_stores(sampling: Callable, short_side: int | None, folder: Path) -> Read:
    """Read kept frames; clips of one size share a store, which is filled by `keep`."""
    openings: dict[int, Callable] = {}
    reading = _build({"type": "ReadClip"})

    def read(clip: Clip) -> list[np.ndarray]:
        side = short_side or min(clip.width, clip.height)
        if side not in openings:
            store = {"folder": str(folder), "short_side": side, "max_frames": KEPT}
            openings[side] = _build({"type": "OpenClip", "store": store})
        results = {"filename": str(clip.path), "start_index": 0, "modality": "RGB"}
        return reading(sampling(openings[side](results)))["imgs"]

    return read


def keep(clips: Sequence[Clip], short_side: int | None, folder: Path) -> None:
    """Fill the stores."""
    names = ["path", "frames", "width", "height", "damaged"]
    table = pd.DataFrame([[getattr(clip, name) for name in names] for clip in clips], columns=names)
    sides = table[["width", "height"]].min(axis=1) if short_side is None else short_side
    for side, rows in table.assign(side=sides).groupby("side"):
        FrameStore(folder, int(side), KEPT).fill("", rows, workers=1)


def agreement(name: str, read: Read, clips: Sequence[Clip], frames: int) -> dict:
    """Compare what a reader gives with a plain decode.

    Returns:
        difference: mean of the absolute differences, in grey levels of 0 to 255; where sizes
            differ, the plain frame is scaled by area.
        misplaced: frames that are more like the one before or behind.
        looked_at: frames compared.
    """
    sampling = _build({"type": "UniformSample", "clip_len": frames, "test_mode": True})
    differences, misplaced = [], 0
    for clip in clips:
        among = np.arange(clip.frames)
        if name in STORES:
            among = kept_indices(clip.frames, KEPT)
        sample = sampling({"total_frames": len(among), "start_index": 0})["frame_inds"]
        indices = among[sample].tolist()
        around = {near for k in indices for near in (k - 1, k, k + 1) if 0 <= near < clip.frames}
        plain = pictures_at(clip, sorted(around))
        for index, picture in zip(indices, read(clip), strict=True):
            distances = {
                near: _distance(picture, plain[near])
                for near in (index, index - 1, index + 1)
                if near in plain
            }
            differences.append(distances[index])
            misplaced += min(distances, key=distances.get) != index
    return {
        "difference": float(np.mean(differences)),
        "misplaced": misplaced,
        "looked_at": len(differences),
    }


def _distance(picture: np.ndarray, plain: np.ndarray) -> float:
    if picture.shape != plain.shape:
        plain = cv2.resize(plain, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    return float(np.abs(picture.astype(np.int16) - plain).mean())
