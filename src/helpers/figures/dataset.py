"""What the data looks like: classes, durations, frames, sizes, recordings, sample frames."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from helpers.figures.pictures import Box, Picture, picture_grid
from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    INK,
    OKABE_ITO,
    PAGE,
    PARTS,
    class_colours,
    dress,
    escape,
    legend_rows,
)


def _parts(split: pd.DataFrame) -> list[str]:
    """Parts that the split has, in the order train, val, test."""
    return [part for part in PARTS if (split["split"] == part).any()]


def class_distribution(manifest: pd.DataFrame, split: pd.DataFrame) -> go.Figure:
    """Clips per class, stacked by part of the split; clips in no part are shown as "unused"."""
    clips = manifest[["path", "label"]].merge(split[["path", "split"]], on="path", how="left")
    clips["split"] = clips["split"].fillna("unused")
    counts = clips.groupby(["label", "split"]).size().unstack(fill_value=0).sort_index()
    shades = PARTS | {"unused": "#FFFFFF"}
    fig = go.Figure()
    for part in [p for p in shades if p in counts]:
        fig.add_bar(
            y=[escape(c) for c in counts.index],
            x=counts[part],
            name=part,
            orientation="h",
            marker={"color": shades[part], "line": {"color": INK, "width": 0.6}},
        )
    total = counts.sum(axis=1)
    for label, n in total.items():
        fig.add_annotation(x=n, y=escape(label), text=str(n), xanchor="left", xshift=4)
    dress(fig, f"Clips per class ({total.sum()} in all)", COLUMN, 150 + 38 * len(counts), 1)
    fig.update_layout(barmode="stack")
    fig.update_xaxes(title_text="clips", range=[0, total.max() * 1.15])
    fig.update_yaxes(autorange="reversed", **CATEGORIES)
    return fig


def _histogram(values: pd.Series, title: str, unit: str) -> go.Figure:
    """How often values occur, with their median marked."""
    fig = go.Figure(
        go.Histogram(
            x=values,
            nbinsx=30,
            marker={"color": OKABE_ITO[0], "line": {"color": "white", "width": 1}},
        )
    )
    median = values.median()
    fig.add_vline(x=median, line={"color": INK, "width": 1.5, "dash": "dash"})
    low, high = values.min(), values.max()
    fig.add_annotation(
        x=median,
        y=1,
        yref="paper",
        yanchor="bottom",
        xanchor="left" if median < (low + high) / 2 else "right",
        text=f"median {median:.4g}",
    )
    dress(fig, title, COLUMN, 340)
    fig.update_layout(margin_t=72, bargap=0)
    fig.update_xaxes(title_text=unit, showgrid=False)
    fig.update_yaxes(title_text="clips")
    if low == high:
        fig.update_xaxes(range=[low - max(1, abs(low)), high + max(1, abs(high))])
    return fig


def durations(manifest: pd.DataFrame) -> go.Figure:
    """How long the clips last, in seconds."""
    return _histogram(manifest["duration"], "Duration of the clips", "duration (s)")


def frames_per_video(manifest: pd.DataFrame) -> go.Figure:
    """How many frames the clips have."""
    return _histogram(manifest["frames"], "Frames per clip", "frames")


def frames_per_class(manifest: pd.DataFrame) -> go.Figure:
    """Frames of each clip by class: all clips as points beside their quartiles."""
    colours = class_colours(manifest["label"])
    fig = go.Figure()
    for label, colour in colours.items():
        fig.add_box(
            x=manifest.loc[manifest["label"] == label, "frames"],
            name=escape(label),
            boxpoints="all",
            jitter=0.6,
            pointpos=0,
            marker={"color": colour, "size": 4, "opacity": 0.45},
            line={"color": colour, "width": 1.8},
            fillcolor="rgba(0,0,0,0)",
        )
    dress(fig, "Frames per clip and class", COLUMN, 130 + 48 * len(colours))
    fig.update_layout(showlegend=False)
    fig.update_xaxes(title_text="frames")
    fig.update_yaxes(autorange="reversed", **CATEGORIES)
    return fig


def resolutions(manifest: pd.DataFrame) -> go.Figure:
    """Width and height of the clips; a disc's area grows with the number of such clips."""
    sizes = manifest.groupby(["width", "height"]).size().rename("n").reset_index()
    most = int(sizes["n"].max())
    disc = 34 if len(sizes) <= 12 else 12  # pixels across, of the most frequent size
    fig = go.Figure(
        go.Scatter(
            x=sizes["width"],
            y=sizes["height"],
            mode="markers",
            marker={
                "size": sizes["n"],
                "sizemode": "area",
                "sizeref": 2 * most / disc**2,
                "sizemin": 4,
                "color": "rgba(0,114,178,0.55)",
                "opacity": 1,
                "line": {"color": INK, "width": 0.6},
            },
            customdata=sizes["n"],
            hovertemplate="%{x} × %{y}: %{customdata} clips<extra></extra>",
        )
    )
    if len(sizes) <= 4:
        for row in sizes.itertuples():
            fig.add_annotation(
                x=row.width,
                y=row.height,
                text=f"{row.width} × {row.height}<br>{row.n} clips",
                yshift=-26,
                yanchor="top",
            )
    different = f"{len(sizes)} different" if len(sizes) > 1 else "all alike"
    dress(fig, f"Size of the clips ({different})", COLUMN, 400)
    for update, name in ((fig.update_xaxes, "width"), (fig.update_yaxes, "height")):
        update(title_text=f"{name} (pixels)", range=[0, sizes[name].max() * 1.25])
    return fig


def frame_rates(manifest: pd.DataFrame) -> go.Figure:
    """How many clips have which frame rate (rounded to 0.01 per second)."""
    rates = manifest["fps"].round(2).value_counts().sort_index()
    names = [f"{rate:g}" for rate in rates.index]
    fig = go.Figure(
        go.Bar(
            x=names,
            y=rates,
            text=rates,
            textposition="outside",
            cliponaxis=False,
            width=min(0.75, 0.15 * len(names) + 0.1),
            marker_color=OKABE_ITO[0],
        )
    )
    dress(fig, "Frame rates", COLUMN, 320)
    fig.update_xaxes(title_text="frames per second", type="category", showgrid=False)
    fig.update_yaxes(title_text="clips", range=[0, rates.max() * 1.15])
    return fig


def group_sizes(split: pd.DataFrame) -> go.Figure:
    """Clips of each recording, by part of the split: no recording stands in two parts."""
    counts = split.groupby(["group", "split"]).size().rename("n").reset_index()
    order = {part: rank for rank, part in enumerate(PARTS)}
    counts["rank"] = counts["split"].map(order)
    counts = counts.sort_values(["rank", "n", "group"], ascending=[True, False, True])
    total = counts["group"].nunique()
    fig = go.Figure()
    for part in _parts(split):
        rows = counts[counts["split"] == part]
        fig.add_bar(
            x=[escape(g) for g in rows["group"]],
            y=rows["n"],
            name=f"{part} ({len(rows)})",
            marker={"color": PARTS[part], "line": {"color": INK, "width": 0.6}},
        )
    width = COLUMN if total <= 12 else PAGE
    dress(fig, f"Clips per recording ({total} recordings)", width, 400, 1)
    fig.update_layout(barmode="stack")
    fig.update_xaxes(title_text="recording", type="category", showgrid=False, tickangle=-90)
    if total > 40:
        fig.update_xaxes(showticklabels=False, ticks="")
    fig.update_yaxes(title_text="clips")
    return fig


def split_balance(split: pd.DataFrame) -> go.Figure:
    """Share of each class in each part of the split."""
    parts = _parts(split)
    counts = split.groupby(["split", "label"]).size().unstack(fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0) * 100
    colours = class_colours(split["label"])
    rows = [f"{part}<br>{counts.loc[part].sum()} clips" for part in parts]
    fig = go.Figure()
    for label, colour in colours.items():
        values = shares.loc[parts, label]
        fig.add_bar(
            y=rows,
            x=values,
            name=escape(label),
            orientation="h",
            marker={"color": colour, "line": {"color": "white", "width": 1}},
            text=[f"{v:.0f}" if v >= 6 else "" for v in values],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "white"},
        )
    rows_above = legend_rows(colours, COLUMN)
    dress(fig, "Classes in each part", COLUMN, 130 + 26 * rows_above + 62 * len(parts), rows_above)
    fig.update_layout(barmode="stack")
    fig.update_xaxes(title_text="share of the part's clips (%)", range=[0, 100])
    fig.update_yaxes(autorange="reversed", **CATEGORIES)
    return fig


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
