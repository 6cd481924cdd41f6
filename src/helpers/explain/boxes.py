"""How much of a map falls on known things."""

from collections.abc import Sequence

import numpy as np

Box = Sequence[float]


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
        maps: [T, rows, columns], not negative.
        covered: of the same shape, from `cover`.

    Returns:
        Both between 0 and 1; a map that looks everywhere alike has them equal.

    Raises:
        ValueError: the shapes differ, or the map is zero everywhere.
    """
    if maps.shape != covered.shape:
        raise ValueError(f"map {maps.shape} and boxes {covered.shape} stand on different grids.")
    total = float(maps.sum())
    if total <= 0:
        raise ValueError("The map is zero everywhere.")
    return float((maps * covered).sum() / total), float(covered.mean())
