"""Classes, parts of the split, recordings and duplicates of a data set."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.pictures import LETTER, shortened
from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    COUNTS,
    INK,
    OKABE_ITO,
    PAGE,
    PARTS,
    class_colours,
    dress,
    escape,
    legend_rows,
)

MANY = 40
"""Of more recordings than this the names are left out of figures."""
NAME = 160
"""Pixels that a recording's name takes at most."""


def _parts(split: pd.DataFrame) -> list[str]:
    """Parts that the split has, in the order train, val, test."""
    return [part for part in PARTS if (split["split"] == part).any()]


def class_distribution(manifest: pd.DataFrame, split: pd.DataFrame) -> go.Figure:
    """Clips and seconds per class, stacked by part of the split.

    Clips in no part are shown as "unused"; those of unknown duration count no seconds.
    """
    clips = manifest[["path", "label", "duration"]].merge(
        split[["path", "split"]], on="path", how="left"
    )
    clips["split"] = clips["split"].fillna("unused")
    groups = clips.groupby(["label", "split"])["duration"]
    fig = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.06)
    panels = {"clips": groups.size(), "duration (s)": groups.sum()}
    for place, (unit, values) in enumerate(panels.items(), start=1):
        _stack_parts(fig, values.unstack(fill_value=0).sort_index(), unit, place)
    n, seconds = len(clips), clips["duration"].sum()
    title = f"Classes ({n:,} clips, {seconds / 60:,.1f} minutes)"
    dress(fig, title, PAGE, 150 + 38 * clips["label"].nunique(), 1)
    fig.update_layout(barmode="stack")
    fig.update_yaxes(autorange="reversed", **CATEGORIES)
    return fig


def _stack_parts(fig: go.Figure, table: pd.DataFrame, unit: str, column: int) -> None:
    """Bars of a table [class, part] in one panel, with their sums behind them."""
    shades = PARTS | {"unused": "#FFFFFF"}
    for part in [p for p in shades if p in table]:
        fig.add_bar(
            y=[escape(c) for c in table.index],
            x=table[part],
            name=part,
            legendgroup=part,
            showlegend=column == 1,
            orientation="h",
            marker={"color": shades[part], "line": {"color": INK, "width": 0.6}},
            row=1,
            col=column,
        )
    total = table.sum(axis=1)
    for label, value in total.items():
        fig.add_annotation(
            x=value, y=escape(label), text=f"{value:,.0f}", xanchor="left", xshift=4,
            showarrow=False, row=1, col=column,
        )  # fmt: skip
    fig.update_xaxes(title_text=unit, range=[0, total.max() * 1.18], row=1, col=column)


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


def recordings(split: pd.DataFrame) -> go.Figure:
    """Clips of each class in each recording; the recordings stand by part, large ones first."""
    sizes = split.groupby(["split", "group"]).size().rename("n").reset_index()
    sizes["rank"] = sizes["split"].map({part: rank for rank, part in enumerate(PARTS)})
    sizes = sizes.sort_values(["rank", "n", "group"], ascending=[True, False, True])
    labels = sorted(split["label"].unique())
    counts = pd.crosstab(split["label"], [split["split"], split["group"]])
    order = list(zip(sizes["split"], sizes["group"], strict=True))
    values = counts.reindex(index=labels, columns=order, fill_value=0)
    few = len(order) <= MANY
    fig = go.Figure(
        go.Heatmap(
            z=values.to_numpy(),
            x=np.arange(len(order)),
            y=[escape(label) for label in labels],
            customdata=np.tile([escape(group) for _, group in order], (len(labels), 1)),
            hovertemplate="%{y}, %{customdata}: %{z} clips<extra></extra>",
            colorscale=COUNTS,
            zmin=0,
            zmax=int(values.to_numpy().max()),
            xgap=int(few),
            ygap=1,
            showscale=not few,
            colorbar={"title": {"text": "clips"}, "nticks": 5, "tickformat": "d"},
            texttemplate="%{z}" if few else None,
        )
    )
    width = PAGE if len(order) > 12 else COLUMN
    names = [escape(shortened(group, NAME)) for group in sizes["group"]] if few else []
    below = 56 + LETTER * max(map(len, names), default=0)
    height = round(96 + 34 * len(labels) + below)
    dress(fig, f"Clips per recording ({len(order)} recordings)", width, height)
    fig.update_layout(margin={"t": 96, "b": below})
    _name_parts(fig, sizes["split"].tolist())
    fig.update_xaxes(title_text="recording", showgrid=False, range=[-0.5, len(order) - 0.5])
    if few:
        fig.update_xaxes(tickvals=np.arange(len(order)), ticktext=names, tickangle=-90)
    else:
        fig.update_xaxes(showticklabels=False, ticks="")
    fig.update_yaxes(autorange="reversed", **CATEGORIES)
    return fig


def _name_parts(fig: go.Figure, parts: list[str]) -> None:
    """Name the parts above the columns and part them by lines; `parts` says each column's."""
    start = 0
    for part in dict.fromkeys(parts):
        n = parts.count(part)
        middle = start + (n - 1) / 2
        fig.add_annotation(
            x=middle, y=1, yref="paper", yanchor="bottom", text=f"{part}<br>{n}", showarrow=False
        )
        if start:
            fig.add_vline(x=start - 0.5, line={"color": INK, "width": 2})
        start += n


def duplicates(pairs: pd.DataFrame) -> go.Figure:
    """How far apart the clips of the pairs are that look alike.

    Args:
        pairs: columns path, other, kind, distance; one row per pair.
    """
    fig = go.Figure()
    most = float(pairs["distance"].max()) if len(pairs) else 0.0
    bins = {"start": 0, "end": most + 1e-6, "size": (most or 1) / 25 + 1e-9}
    kinds = sorted(pairs["kind"].unique())
    for kind, colour in zip(kinds, OKABE_ITO, strict=False):
        own = pairs.loc[pairs["kind"] == kind, "distance"]
        name = f"{escape(kind)} ({len(own)})"
        fig.add_histogram(x=own, xbins=bins, autobinx=False, name=name, marker_color=colour)
    dress(fig, f"Clips that look alike ({len(pairs)} pairs)", COLUMN, 360, 1)
    fig.update_layout(barmode="stack", bargap=0)
    fig.update_traces(marker_line={"color": "white", "width": 1})
    fig.update_xaxes(title_text="distance", rangemode="tozero")
    fig.update_yaxes(title_text="pairs", rangemode="tozero")
    return fig
