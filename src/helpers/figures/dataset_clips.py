"""How clips are spread: lengths, sizes, rates, light and motion, over all and by class."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    INK,
    OKABE_ITO,
    PAGE,
    class_colours,
    dress,
    escape,
    legend_entry,
)

FEW = 200
"""Up to so many clips of a class each is drawn as a point; of more only the quantiles are."""

PANELS = {
    "brightness": ("brightness", "grey levels", 1),
    "contrast": ("contrast", "grey levels", 1),
    "sharpness": ("sharpness", "Laplacian's variance", 1),
    "bytes_per_second": ("data rate", "kB/s", 1e-3),
    "motion": ("motion", "grey levels", 1),
    "moving": ("moving pixels", "%", 100),
    "shift": ("motion of the camera", "% of width", 1),
    "time_scale": ("time scale of motion", "s", 1),
}
"""Statistics by column: name, unit of the axis, and what a value is multiplied with for it."""


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


def lengths_by_class(manifest: pd.DataFrame) -> go.Figure:
    """Seconds and frames of the clips of each class."""
    panels = {"duration": ("duration", "s", 1), "frames": ("frames", "frames", 1)}
    return _by_class(manifest, panels, "Length of the clips by class", columns=2)


def sizes_by_class(manifest: pd.DataFrame) -> go.Figure:
    """Pixels, frame rate and bytes of the clips of each class."""
    table = manifest.assign(pixels=manifest["width"] * manifest["height"])
    panels = {
        "pixels": ("size of a frame", "1000 pixels", 1e-3),
        "fps": ("frame rate", "frames per second", 1),
        "bytes": ("size of the file", "kB", 1e-3),
    }
    return _by_class(table, panels, "Size of the clips by class", columns=3)


def statistics_by_class(manifest: pd.DataFrame, statistics: pd.DataFrame) -> go.Figure:
    """Light, data rate and motion of the clips of each class; see `helpers.clips.measures`."""
    table = manifest[["path", "label"]].merge(statistics, on="path")
    return _by_class(table, PANELS, "Light and motion by class", columns=4)


def _by_class(
    table: pd.DataFrame, panels: Mapping[str, tuple[str, str, float]], title: str, columns: int
) -> go.Figure:
    """A panel per column of the table, and in it a box per class.

    A box ends at the quartiles and its whiskers at 5 and 95 % of the class's clips.
    """
    colours = class_colours(table["label"])
    rows = -(-len(panels) // columns)
    tall, between = 34 * len(colours) + 14, 96  # pixels of a panel, and between two rows of them
    inner = rows * tall + (rows - 1) * between
    fig = make_subplots(
        rows,
        columns,
        shared_yaxes=True,
        horizontal_spacing=0.12 / columns,
        vertical_spacing=between / inner if rows > 1 else 0,
        subplot_titles=[name for name, _, _ in panels.values()],
    )
    for place, (column, (_, unit, factor)) in enumerate(panels.items()):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        for label, colour in colours.items():
            values = table.loc[table["label"] == label, column] * factor
            fig.add_trace(_box(values.dropna(), label, colour), **cell)
        fig.update_xaxes(title_text=unit, nticks=5, **cell)
    dress(fig, title, PAGE, 84 + inner + 62)
    fig.update_layout(showlegend=False, margin={"t": 84, "b": 62})
    fig.update_yaxes(autorange="reversed", **CATEGORIES)
    return fig


def _box(values: pd.Series, label: str, colour: str) -> go.Box:
    """Quartiles with whiskers at 5 and 95 %, and the clips as points where they are few."""
    look = {
        "y": [escape(label)],
        "orientation": "h",
        "name": escape(label),
        "line": {"color": colour, "width": 1.8},
        "fillcolor": "rgba(0,0,0,0)",
        "width": 0.6,
    }
    if values.empty:
        return go.Box(**look)
    low, first, median, third, high = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    box = go.Box(
        q1=[first], median=[median], q3=[third], lowerfence=[low], upperfence=[high], **look
    )
    if len(values) <= FEW:
        box.update(
            x=[values.to_numpy()], boxpoints="all", jitter=0.6, pointpos=0,
            marker={"color": colour, "size": 4, "opacity": 0.4},
        )  # fmt: skip
    return box


def resolutions(manifest: pd.DataFrame, img_size: int | None = None) -> go.Figure:
    """Width and height of the clips; a disc's area grows with the number of such clips.

    Args:
        manifest: columns width, height.
        img_size: height and width of the network's input, to be marked; None: it is not.
    """
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
        highest = max(sizes[name].max(), img_size or 0)
        update(title_text=f"{name} (pixels)", range=[0, highest * 1.25])
    if img_size:
        line = {"color": OKABE_ITO[1], "width": 2}
        fig.add_shape(type="rect", x0=0, y0=0, x1=img_size, y1=img_size, line=line, layer="below")
        marker = {"symbol": "square-open", "size": 13, "color": OKABE_ITO[1], "line": {"width": 2}}
        fig.add_trace(legend_entry(f"the network's input, {img_size} × {img_size}", marker))
        fig.update_traces(selector=0, showlegend=False)
        fig.update_layout(margin_t=78, showlegend=True)
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
