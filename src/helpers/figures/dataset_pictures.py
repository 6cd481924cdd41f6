"""Frames of clips on figures: contact sheets by class, pairs that look alike, film strips."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from helpers.figures.pictures import Box, Picture, picture_grid, shortened
from helpers.figures.style import PAGE, escape


def class_sheet(
    frames: Mapping[str, Sequence[np.ndarray]],
    titles: Mapping[str, Sequence[str]],
    title: str = "Clips of each class",
) -> go.Figure:
    """A row of frames for each class.

    Args:
        frames: class → frames, uint8 [H, W, 3] each; their numbers and sizes may differ.
        titles: class → one line for each frame; of long ones the end is shown.

    Raises:
        ValueError: there is no frame.
    """
    columns = max(map(len, frames.values()), default=1) or 1
    cell = (PAGE - 60) / columns
    cells: list[Picture | None] = []
    for label, row in frames.items():
        pictures = [
            Picture(frame, escape(shortened(text, cell)))
            for frame, text in zip(row, titles[label], strict=True)
        ]
        cells += pictures + [None] * (columns - len(pictures))
    return picture_grid(cells, columns, title, PAGE, row_titles=list(frames), tallest=1.2)


def pair_sheet(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    titles: Sequence[tuple[str, str]],
    title: str = "Clips that look alike",
) -> go.Figure:
    """Pairs of frames, two pairs in a row.

    Args:
        pairs: frames uint8 [H, W, 3] of the two clips of each pair.
        titles: below them, of long ones the end.

    Raises:
        ValueError: there is no pair.
    """
    cells = [
        Picture(frame, escape(shortened(text, PAGE / 4 - 30)))
        for pair, texts in zip(pairs, titles, strict=True)
        for frame, text in zip(pair, texts, strict=True)
    ]
    return picture_grid(cells, 4, title, PAGE)


def contact_sheet(
    frames: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 4,
    boxes: Sequence[Mapping[str, Box]] | None = None,
    title: str = "Sample frames",
    width: int = PAGE,
) -> go.Figure:
    """Frames side by side, each with its title below and boxes if there are any.

    Args:
        frames: uint8 [H, W, 3] each; sizes may differ.
        titles: one per frame; `<br>` parts lines.
        boxes: per frame name → x0, y0, x1, y1 in its pixels, or None where not visible.
    """
    boxes = boxes or [{}] * len(frames)
    cells = [
        Picture(frame, text, marks)
        for frame, text, marks in zip(frames, titles, boxes, strict=True)
    ]
    return picture_grid(cells, columns, title, width)


def film_strip(
    frames: np.ndarray,
    title: str,
    boxes: Mapping[str, Sequence[Box]] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 8,
) -> go.Figure:
    """Frames of one clip in the order of time, `columns` in a row.

    Args:
        frames: uint8 [T, H, W, 3].
        boxes: name → one box or None per frame, in pixels of these frames.
        titles: below each frame; its number, from 1, if not given.
    """
    titles = titles or [str(t + 1) for t in range(len(frames))]
    marks = [{name: track[t] for name, track in (boxes or {}).items()} for t in range(len(frames))]
    cells = [
        Picture(frame, text, mark) for frame, text, mark in zip(frames, titles, marks, strict=True)
    ]
    return picture_grid(cells, min(columns, len(cells)), title, PAGE, gap=4)
