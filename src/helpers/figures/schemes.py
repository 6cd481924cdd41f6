"""What a patch sees under each attention scheme, as figure 2 of arXiv 2102.05095 shows it."""

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from helpers.figures.pictures import jpeg, shrink
from helpers.figures.style import GREY, OKABE_ITO, PAGE, dress
from helpers.models.patterns import SCHEME_NAMES, Grid, scheme_patterns
from helpers.models.transformer import SCHEMES

QUERY, VERMILION, GREEN, PINK, ORANGE = OKABE_ITO[:5]
STEP_COLOURS = {
    "time": VERMILION,
    "space": GREEN,
    "space-time": GREEN,
    "width": PINK,
    "height": ORANGE,
    "local": PINK,
    "global": ORANGE,
}
"""A step has one colour under all schemes; the steps of one scheme differ."""
LEFT, GAP, LINE = 52, 14, 23  # pixels: for the frames' names, between sheets, of a line of type


def attended_patches(
    grid: Grid = (4, 8, 8), query: Grid = (1, 2, 3), frames: np.ndarray | None = None
) -> go.Figure:
    """One column per scheme, one sheet of patches per frame, coloured by the step that sees them.

    The query patch is blue, a patch that two steps see has both colours, and one that no step sees
    has none. Above each column stand its steps in their order, each with the number of patches
    that it compares the query with, the query among them. The class token is left out.

    Args:
        grid: frames T, rows H and columns W of patches, each even.
        query: frame, row and column of the query patch, counted from 0.
        frames: uint8 [T, height, width, 3], one per frame of the grid, as the network sees them:
            the patches are laid over them. Shown paler than they are.

    Raises:
        ValueError: the query lies outside of the grid, a side is odd, or the frames are not as
            many as the grid's or of another shape.
    """
    if frames is not None:
        _check_frames(frames, grid)
    width = (PAGE - 20 - LEFT - GAP * (len(SCHEMES) - 1)) / len(SCHEMES)
    cell = width / grid[2]
    height = cell * grid[1]
    head = LINE * (1 + max(len(steps) for steps in SCHEMES.values())) + 8
    fig = go.Figure()
    polygons: dict[str, list] = {}
    for column, (scheme, steps) in enumerate(SCHEMES.items()):
        x = LEFT + column * (width + GAP)
        patterns = {n: p.numpy() for n, p in scheme_patterns(steps, grid, query).items()}
        fig.add_annotation(x=x, y=0, text=_caption(scheme, patterns), align="left",
                           xanchor="left", yanchor="top", xshift=-4)  # fmt: skip
        for t in range(grid[0]):
            y = head + t * (height + GAP)
            if frames is not None:
                _lay(fig, frames[t], x, y, width, height)
            for h, w in np.ndindex(grid[1:]):
                corner = (x + w * cell, y + h * cell)
                seen = [STEP_COLOURS[n] for n, p in patterns.items() if p[t, h, w]]
                seen = [QUERY] if (t, h, w) == query else seen
                for colour, outline in zip(seen, _shares(corner, cell, len(seen)), strict=True):
                    polygons.setdefault(colour, []).extend((*outline, (None, None)))
                polygons.setdefault("", []).extend((*_square(corner, cell), (None, None)))
    _paint(fig, polygons, *((1.0, GREY) if frames is None else (0.5, "white")))
    for t in range(grid[0]):
        middle = head + t * (height + GAP) + height / 2
        fig.add_annotation(x=0, y=middle, text=_frame_name(t - query[0]), xanchor="left")
    bottom = head + grid[0] * (height + GAP)
    dress(fig, "What a patch sees under each scheme", PAGE, round(bottom + 84))
    fig.update_layout(
        title_subtitle_text=f"{_mark(QUERY)} query patch; other colours: patches that it sees in "
        "each step, and how many; two colours: seen in both steps",
        margin={"l": 10, "r": 10, "t": 76, "b": 8},
        hovermode=False,
    )
    hidden = {"visible": False, "fixedrange": True, "automargin": False}
    fig.update_xaxes(range=[0, PAGE - 20], **hidden)
    fig.update_yaxes(range=[bottom, 0], **hidden)
    return fig


def _check_frames(frames: np.ndarray, grid: Grid) -> None:
    if len(frames) != grid[0]:
        raise ValueError(f"The grid {grid} has {grid[0]} frames, got {len(frames)}: give as many.")
    height, width = frames.shape[1:3]
    if abs(height * grid[2] - width * grid[1]) > 0.02 * width * grid[1]:
        raise ValueError(
            f"Frames of {height} × {width} pixels are no {grid[1]} × {grid[2]} square patches: "
            "give the frames at the network's size."
        )


def _caption(scheme: str, patterns: dict[str, np.ndarray]) -> str:
    """Name of a scheme, and below it its steps in order with their colours and numbers."""
    lines = [f"<b>{SCHEME_NAMES[scheme]}</b>"]
    for place, (name, pattern) in enumerate(patterns.items(), start=1):
        lines.append(f"{_mark(STEP_COLOURS[name])} {place} {name}: {pattern.sum()}")
    return "<br>".join(lines)


def _mark(colour: str) -> str:
    return f'<span style="color:{colour}">■</span>'


def _frame_name(offset: int) -> str:
    """Name of a frame by its distance to the query's."""
    return "<i>t</i>" if offset == 0 else f"<i>t</i> {'−' if offset < 0 else '+'} {abs(offset)}"


def _square(corner: tuple[float, float], side: float) -> list[tuple[float, float]]:
    x, y = corner
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]


def _shares(
    corner: tuple[float, float], side: float, count: int
) -> Sequence[list[tuple[float, float]]]:
    """Outlines that divide a square: itself, or stripes for as many colours as see it."""
    if count == 2:  # two triangles are told apart more easily than two stripes
        a, b, c, d, _ = _square(corner, side)
        return [a, b, d, a], [b, c, d, b]
    x, y = corner
    stripe = side / max(count, 1)
    return [
        [(x + k * stripe, y), (x + (k + 1) * stripe, y), (x + (k + 1) * stripe, y + side),
         (x + k * stripe, y + side), (x + k * stripe, y)]
        for k in range(count)
    ]  # fmt: skip


def _paint(fig: go.Figure, polygons: dict[str, list], opacity: float, line: str) -> None:
    """Fill the outlines of each colour; those under "" become lines of colour `line`, on top."""
    for colour in sorted(polygons, reverse=True):
        x, y = zip(*polygons[colour], strict=True)
        look = (
            {"fill": "toself", "fillcolor": colour, "opacity": 1.0 if colour == QUERY else opacity,
             "line": {"width": 0}}
            if colour
            else {"line": {"color": line, "width": 0.7}}
        )  # fmt: skip
        fig.add_scatter(x=x, y=y, mode="lines", showlegend=False, name=colour, **look)


def _lay(fig: go.Figure, frame: np.ndarray, x: float, y: float, w: float, h: float) -> None:
    """Put a frame, made paler, under a sheet."""
    pale = (0.7 * shrink(frame, round(2.5 * w)) + 0.3 * 255).round().astype(np.uint8)
    fig.add_layout_image(
        source="data:image/jpeg;base64," + base64.b64encode(jpeg(pale)).decode(),
        xref="x", yref="y", x=x, y=y, sizex=w, sizey=h, sizing="stretch", layer="below",
    )  # fmt: skip
