"""How much of a map falls on known things."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Box = Sequence[float]

HAZARDS: Mapping[str, tuple[str, ...]] = {
    "Bucket-Worker": ("worker", "bucket"),
    "Cabin-Worker": ("worker", "cabin"),
    "Track-Excavator": ("excavator",),
}
"""Per class of the yard, the boxes that make the hazard. Of several workers, "worker" is the one
in danger; the track is a strip across the picture, and what matters of it is where the machine is.
"""


def known_cover(
    video: Path, label: str, indices: Sequence[int], grid: tuple[int, int]
) -> np.ndarray | None:
    """How much of each patch the hazard's boxes cover, for a clip of the yard.

    Args:
        video: the clip; beside it lies a JSON file with its boxes.
        label: its class.
        indices: which of its frames.
        grid: rows and columns of patches.

    Returns:
        float [frames, rows, columns]; None where the class is about no boxes, none are known, or
        none of them is in the picture.
    """
    beside = video.with_suffix(".json")
    if label not in HAZARDS or not beside.exists():
        return None
    known = json.loads(beside.read_text(encoding="utf-8"))
    tracks = [known["boxes"][name] for name in HAZARDS[label] if name in known["boxes"]]
    covered = cover([[track[k] for track in tracks] for k in indices], known["size"], grid)
    return covered if covered.any() else None


def cover(
    boxes: Sequence[Sequence[Box | None]], size: tuple[int, int], grid: tuple[int, int]
) -> np.ndarray:
    """How much of each patch the boxes cover.

    Args:
        boxes: per frame, the boxes (x0, y0, x1, y1) in pixels; None where a thing is out of sight.
        size: width and height of the picture in pixels.
        grid: rows and columns of patches.

    Returns:
        float [T, rows, columns] between 0 and 1.
    """
    rows, columns = grid
    width, height = size
    fine = 8  # each patch is looked at in 8×8 points
    ys = (np.arange(rows * fine) + 0.5) * height / (rows * fine)
    xs = (np.arange(columns * fine) + 0.5) * width / (columns * fine)
    covered = np.zeros((len(boxes), rows * fine, columns * fine), bool)
    for frame, things in enumerate(boxes):
        for box in things:
            if box is not None:
                x0, y0, x1, y1 = box
                inside_y, inside_x = (ys >= y0) & (ys < y1), (xs >= x0) & (xs < x1)
                covered[frame] |= inside_y[:, None] & inside_x[None]
    return covered.reshape(len(boxes), rows, fine, columns, fine).mean((2, 4))


def share_inside(maps: np.ndarray, covered: np.ndarray) -> tuple[float, float]:
    """Share of a map inside boxes, and the boxes' share of the picture.

    Args:
        maps: [T, rows, columns]; what is negative counts as 0.
        covered: of the same shape, from `cover`.

    Returns:
        Both between 0 and 1; a map that looks everywhere alike has them equal.

    Raises:
        ValueError: the shapes differ, or no value of the map is above zero.
    """
    if maps.shape != covered.shape:
        raise ValueError(f"map {maps.shape} and boxes {covered.shape} stand on different grids.")
    maps = np.clip(maps, 0, None)
    total = float(maps.sum())
    if total <= 0:
        raise ValueError("The map is zero everywhere, or negative.")
    return float((maps * covered).sum() / total), float(covered.mean())


def pointing(maps: np.ndarray, covered: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The pointing game (Zhang et al., arXiv 1608.00507), frame by frame.

    A frame is hit where the highest of its patches is one that a box covers in part or whole. Among
    equally high ones lots are drawn. Frames without a box are left out.

    Args:
        maps: [T, rows, columns].
        covered: of the same shape, from `cover`.
        seed: of the lots.

    Returns:
        share of the frames that are hit, and the share that lots alone would hit.

    Raises:
        ValueError: the shapes differ, or no frame has a box.
    """
    if maps.shape != covered.shape:
        raise ValueError(f"map {maps.shape} and boxes {covered.shape} stand on different grids.")
    inside = (covered > 0).reshape(len(covered), -1)
    having = inside.any(1)
    if not having.any():
        raise ValueError("No frame has a box to point at.")
    flat, inside = maps.reshape(len(maps), -1)[having], inside[having]
    lots = np.random.default_rng(seed).random(flat.shape)
    highest = np.where(flat == flat.max(1, keepdims=True), lots, -1).argmax(1)
    hits = inside[np.arange(len(inside)), highest]
    return float(hits.mean()), float(inside.mean())
