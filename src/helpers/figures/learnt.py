"""Figures on what the model has learnt: features of clips, positions, branches, distances."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.pictures import add_picture, shrink
from helpers.figures.style import (
    COLUMN,
    GREY,
    OKABE_ITO,
    PAGE,
    class_colours,
    dress,
    escape,
    legend_rows,
)

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "star", "hexagon")
PLANE = 720
"""Width of the plane of frames, pixels."""
THUMBNAILS = 9
"""Cells along each side of the plane; each with clips in it shows the frame of one."""


def feature_plane(
    points: np.ndarray, table: pd.DataFrame, by: str, title: str, width: int = COLUMN
) -> go.Figure:
    """Clips on a plane, coloured by class or by recording; hovering tells the clip.

    Args:
        points: [n, 2].
        table: columns path, label, predicted and group, one row per clip.
        by: "label" or "group". Recordings are too many for a legend: their colours run along a
            scale in the order of their names.
        title: of the figure.
        width: pixels.
    """
    told = [
        f"{escape(r.path)}<br>{escape(r.label)}"
        + (f" → {escape(r.predicted)}" if r.predicted != r.label else "")
        for r in table.itertuples()
    ]
    fig = go.Figure()
    names = sorted(table[by].unique())
    if by == "label":
        colours = class_colours(names)
        for name, symbol in zip(names, SYMBOLS * len(names), strict=False):
            own = np.flatnonzero(table[by] == name)
            fig.add_scatter(
                x=points[own, 0],
                y=points[own, 1],
                mode="markers",
                name=escape(name),
                text=[told[k] for k in own],
                customdata=own,
                hoverinfo="text",
                marker={"color": colours[name], "symbol": symbol, "size": 7, "opacity": 0.8},
            )
    else:
        fig.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            text=told,
            customdata=np.arange(len(points)),
            hoverinfo="text",
            showlegend=False,
            marker={
                "color": np.searchsorted(names, table[by]),
                "colorscale": "Turbo",
                "size": 7,
                "opacity": 0.8,
            },
        )
    rows = legend_rows(names, width) if by == "label" else 0
    dress(fig, title, width, width - 40 + 26 * rows, rows)
    _bare(fig, points)
    return fig


def thumbnails(
    points: np.ndarray, frames: Sequence[np.ndarray], labels: Sequence[str], title: str
) -> go.Figure:
    """A frame of one clip in each part of the plane, framed in its class's colour.

    Args:
        points: [n, 2].
        frames: uint8 [H, W, 3] of each clip.
        labels: class of each clip.
        title: of the figure.
    """
    fig = go.Figure()
    low, high = points.min(0), points.max(0)
    cells = np.clip((points - low) / (high - low + 1e-9) * THUMBNAILS, 0, THUMBNAILS - 1e-6)
    colours = class_colours(labels)
    side = 0.96
    numbers = cells.astype(int)
    for column, row in np.unique(numbers, axis=0).tolist():
        members = np.flatnonzero((numbers == (column, row)).all(axis=1))
        apart = np.linalg.norm(cells[members] - (column + 0.5, row + 0.5), axis=1)
        chosen = int(members[apart.argmin()])
        frame = frames[chosen]
        tall = side * min(1.0, frame.shape[0] / frame.shape[1])
        x, y = column + (1 - side) / 2, row + (1 + tall) / 2
        add_picture(fig, shrink(frame, 240), x, y, side, height=tall, yref="y")
        fig.add_shape(
            type="rect", x0=x, x1=x + side, y0=y - tall, y1=y,
            line={"color": colours[labels[chosen]], "width": 4},
        )  # fmt: skip
    for name, colour in colours.items():
        marker = {"symbol": "square-open", "size": 13, "color": colour, "line": {"width": 4}}
        fig.add_scatter(x=[None], y=[None], mode="markers", name=escape(name), marker=marker)
    rows = legend_rows(list(colours), PLANE)
    dress(fig, title, PLANE, PLANE + 28 + 26 * rows, rows)
    fig.update_xaxes(visible=False, range=[0, THUMBNAILS])
    fig.update_yaxes(visible=False, range=[0, THUMBNAILS])
    return fig


def _bare(fig: go.Figure, points: np.ndarray) -> None:
    """Axes without numbers, which mean nothing here."""
    for update in (fig.update_xaxes, fig.update_yaxes):
        update(showticklabels=False, ticks="", showgrid=False, mirror=True)


def space_similarity(similarity: np.ndarray) -> go.Figure:
    """Small maps, one for each place of the picture: its position's likeness with every other.

    Args:
        similarity: [H, W, H, W], cosines. Of large grids every second, third, … place is shown.
    """
    rows, columns = similarity.shape[:2]
    step = max(1, -(-max(rows, columns) // 8))
    chosen = similarity[::step, ::step]
    gap = 1
    high, wide = chosen.shape[:2]
    board = np.full((high * (rows + gap) - gap, wide * (columns + gap) - gap), np.nan)
    for i in range(high):
        for j in range(wide):
            y, x = i * (rows + gap), j * (columns + gap)
            board[y : y + rows, x : x + columns] = chosen[i, j]
    title = "Likeness of the positions in space"
    ticks_y = [i * (rows + gap) + (rows - 1) / 2 for i in range(high)]
    ticks_x = [j * (columns + gap) + (columns - 1) / 2 for j in range(wide)]
    fig = _cosines(board, title, COLUMN, round(COLUMN * 0.86 * high / wide) + 60)
    fig.update_xaxes(
        title_text="column of the patch", tickvals=ticks_x,
        ticktext=[str(1 + j * step) for j in range(wide)], showgrid=False,
    )  # fmt: skip
    fig.update_yaxes(
        title_text="row of the patch", tickvals=ticks_y, autorange="reversed",
        ticktext=[str(1 + i * step) for i in range(high)], showgrid=False,
    )  # fmt: skip
    return fig


def time_similarity(similarity: np.ndarray) -> go.Figure:
    """Likeness of the positions in time with one another, cosines [T, T]."""
    count = len(similarity)
    fig = _cosines(similarity, "Likeness of the positions in time", COLUMN, 460)
    numbers = np.arange(1, count + 1)
    fig.data[0].update(x=numbers, y=numbers)
    dtick = 1 if count <= 16 else None
    fig.update_xaxes(title_text="frame", dtick=dtick, showgrid=False)
    fig.update_yaxes(title_text="frame", dtick=dtick, autorange="reversed", showgrid=False)
    return fig


def _cosines(board: np.ndarray, title: str, width: int, height: int) -> go.Figure:
    low = np.nanmin(board)
    colours = (
        {"zmin": 0, "colorscale": "Viridis"} if low >= 0 else {"zmin": -1, "colorscale": "RdBu_r"}
    )
    fig = go.Figure(go.Heatmap(z=board, zmax=1, colorbar_title_text="cosine", **colours))
    return dress(fig, title, width, height)


def branches(table: pd.DataFrame) -> go.Figure:
    """How much the branches that start at zero add to the tokens, by layer.

    Args:
        table: from `helpers.explain.learnt.branch_strength`, at least one row.
    """
    fig = make_subplots(
        1, 2, horizontal_spacing=0.12,
        subplot_titles=("norm of the last weight", "what it adds (% of a token)"),
    )  # fmt: skip
    steps = list(dict.fromkeys(table["step"]))
    for step, colour, symbol in zip(steps, OKABE_ITO, SYMBOLS, strict=False):
        own = table[table["step"] == step]
        for column, values in enumerate((own["norm"], 100 * own["share"]), start=1):
            fig.add_scatter(
                x=own["layer"], y=values, mode="lines+markers", name=escape(step),
                line_color=colour, marker_symbol=symbol, showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    dress(fig, "Branches that began at zero", PAGE, 360, 2)
    fig.update_layout(legend_y=1.12)
    fig.update_xaxes(title_text="layer", dtick=1 if table["layer"].max() <= 16 else None)
    fig.update_yaxes(rangemode="tozero")
    return fig


def distances(table: pd.DataFrame) -> go.Figure:
    """Mean attention distance of each head by layer, in space and in time.

    Args:
        table: from `helpers.explain.learnt.attention_distances`.
    """
    kinds: list[tuple[str, str, str]] = [
        ("pixels", "in the picture (pixels)", "even_patches"),
        ("frames", "in time (frames)", "even_frames"),
    ]
    moving = {
        kind: [s for s in dict.fromkeys(table["step"])
               if (table.loc[table["step"] == s, even] > 0).any()]
        for kind, _, even in kinds
    }  # fmt: skip
    kinds = [kind for kind in kinds if moving[kind[0]]]
    fig = make_subplots(
        1, len(kinds), horizontal_spacing=0.1, subplot_titles=[kind[1] for kind in kinds]
    )
    steps = list(dict.fromkeys(table["step"]))
    scale = float((table["pixels"] / table["patches"].replace(0, np.nan)).median())
    for column, (kind, _, even) in enumerate(kinds, start=1):
        for step in moving[kind]:
            k = steps.index(step)
            own = table[table["step"] == step]
            fig.add_scatter(
                x=own["layer"] + 0.06 * (own["head"] - own["head"].mean()),
                y=own[kind], mode="markers", name=f"step {escape(step)}", legendgroup=step,
                marker={"color": OKABE_ITO[k], "symbol": SYMBOLS[k]}, row=1, col=column,
                showlegend=all(step not in moving[before[0]] for before in kinds[: column - 1]),
            )  # fmt: skip
            level = own[even].mean() * (scale if kind == "pixels" else 1)
            fig.add_hline(
                y=level, line={"color": OKABE_ITO[k], "dash": "dash", "width": 1.5},
                row=1, col=column,
            )  # fmt: skip
    fig.add_scatter(
        x=[None], y=[None], mode="lines", name="even attention",
        line={"color": GREY, "dash": "dash", "width": 1.5},
    )  # fmt: skip
    dress(fig, "How far each head looks", PAGE, 380, 2)
    fig.update_layout(legend_y=1.12)
    fig.update_xaxes(title_text="layer", dtick=1 if table["layer"].max() <= 16 else None)
    fig.update_yaxes(rangemode="tozero")
    return fig
