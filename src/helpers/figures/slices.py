"""Top-1 by slice of the clips."""

import pandas as pd
import plotly.graph_objects as go

from helpers.figures.style import CATEGORIES, COLUMN, GREY, INK, OKABE_ITO, dress, escape

WORSE = OKABE_ITO[1]
MOST = 8
"""Slices of one property that are shown: the lowest ones."""


def slices(table: pd.DataFrame, overall: float) -> go.Figure:
    """Top-1 of each slice with its interval, beside that of all clips.

    Of a property with more than `MOST` slices, such as the recordings, the lowest are shown.

    Args:
        table: columns property, slice, clips, top1, low, high, worse; by property.
        overall: top-1 of all clips.
    """
    fig = go.Figure()
    names, places, y = [], [], 0.0
    for name, rows in table.groupby("property", sort=False):
        shown = rows.nsmallest(MOST, "top1")
        more = f", lowest {MOST} of {len(rows)}" if len(rows) > MOST else ""
        fig.add_annotation(
            x=0, y=y, xref="x", text=f"<b>{escape(name)}</b>{more}", xanchor="left", xshift=2
        )
        y += 1
        for row in shown.itertuples():
            colour = WORSE if row.worse else INK
            fig.add_scatter(
                x=[row.low, row.high], y=[y, y], mode="lines", showlegend=False, hoverinfo="skip",
                line={"color": colour, "width": 2},
            )  # fmt: skip
            fig.add_scatter(
                x=[row.top1], y=[y], mode="markers", showlegend=False, name=escape(row.slice),
                marker={"color": colour, "size": 9, "symbol": "diamond" if row.worse else "circle"},
            )  # fmt: skip
            names.append(f"{escape(row.slice)} ({row.clips})")
            places.append(y)
            y += 1
        y += 0.3
    fig.add_vline(x=overall, line={"color": GREY, "width": 1.5, "dash": "dot"})
    dress(fig, "Top-1 by slice (clips)", COLUMN, round(110 + 25 * y))
    fig.update_xaxes(title_text="top-1", range=[0, 1.02])
    fig.update_yaxes(tickvals=places, ticktext=names, range=[y, -0.8], **CATEGORIES, showline=False)
    return fig
