"""Top-1 by slice of the clips."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.style import CATEGORIES, GREY, INK, OKABE_ITO, PAGE, dress, escape

WORSE = OKABE_ITO[1]
MOST = 8
"""Slices of one property that are shown: the lowest ones."""
LINE = 25
"""Pixels from one slice to the next."""


def slices(table: pd.DataFrame, overall: float) -> go.Figure:
    """Top-1 of each slice with its interval, beside that of all clips; properties in two columns.

    Of a property with more than `MOST` slices, such as the recordings, the lowest are shown. Slices
    that are worse than clips of the same classes are orange diamonds.

    Args:
        table: columns property, slice, clips, top1, low, high, worse; by property.
        overall: top-1 of all clips.
    """
    blocks = [(name, rows) for name, rows in table.groupby("property", sort=False)]
    lengths = [min(MOST, len(rows)) + 1.4 for _, rows in blocks]
    columns = 2 if len(blocks) > 1 else 1
    fig = make_subplots(rows=1, cols=columns, horizontal_spacing=0.24)
    half, bottom = sum(lengths) / columns, 0.0
    ends = {column: 0.0 for column in range(1, columns + 1)}
    ticks = {column: ([], []) for column in ends}
    for (name, rows), length in zip(blocks, lengths, strict=True):
        column = 1 if bottom + length / 2 < half or columns == 1 else 2
        _block(fig, name, rows, ends[column], column, ticks[column])
        ends[column] += length
        bottom += length
    tallest = max(ends.values())
    dress(fig, "Top-1 by slice (number of clips)", PAGE, round(120 + LINE * tallest))
    for column, (places, names) in ticks.items():
        fig.add_vline(
            x=overall, line={"color": GREY, "width": 1.5, "dash": "dot"}, row=1, col=column
        )
        fig.update_xaxes(title_text="top-1", range=[0, 1.02], row=1, col=column)
        fig.update_yaxes(
            tickvals=places, ticktext=names, range=[tallest, -0.8], showline=False,
            row=1, col=column, **CATEGORIES,
        )  # fmt: skip
    return fig


def _block(
    fig: go.Figure, name: str, rows: pd.DataFrame, top: float, column: int, ticks: tuple
) -> None:
    """One property: its name, and a line below for each slice."""
    more = f", lowest {MOST} of {len(rows)}" if len(rows) > MOST else ""
    fig.add_annotation(
        x=0, y=top, text=f"<b>{escape(name)}</b>{more}", xanchor="left", xshift=2,
        row=1, col=column,
    )  # fmt: skip
    for place, row in enumerate(rows.nsmallest(MOST, "top1").itertuples(), start=1):
        colour = WORSE if row.worse else INK
        fig.add_scatter(
            x=[row.low, row.high], y=[top + place] * 2, mode="lines", showlegend=False,
            line={"color": colour, "width": 2}, hoverinfo="skip", row=1, col=column,
        )  # fmt: skip
        fig.add_scatter(
            x=[row.top1], y=[top + place], mode="markers", showlegend=False,
            name=escape(row.slice), row=1, col=column,
            marker={"color": colour, "size": 9, "symbol": "diamond" if row.worse else "circle"},
        )  # fmt: skip
        ticks[0].append(top + place)
        ticks[1].append(f"{escape(row.slice)} ({row.clips})")
