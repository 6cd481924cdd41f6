"""What more views of a clip bring, and what they cost."""

import pandas as pd
import plotly.graph_objects as go

from helpers.figures.style import CATEGORIES, COLUMN, INK, dress, escape


def by_views(table: pd.DataFrame) -> go.Figure:
    """Top-1 with its interval for each set of views, and its multiply-adds.

    Args:
        table: columns views, number, top1, low, high, multiply_adds_g, milliseconds.
    """
    names = [
        f"{escape(row.views)}<br>{row.multiply_adds_g:.3g} G, {row.milliseconds:.3g} ms"
        for row in table.itertuples()
    ]
    fig = go.Figure()
    fig.add_scatter(
        x=table["top1"], y=names, mode="markers", marker={"size": 10, "color": INK},
        error_x={
            "array": table["high"] - table["top1"], "arrayminus": table["top1"] - table["low"],
            "color": INK, "thickness": 2, "width": 5,
        },
    )  # fmt: skip
    dress(fig, "Views of a clip: top-1 and cost", COLUMN, 130 + 54 * len(names))
    fig.update_xaxes(title_text="top-1")
    fig.update_yaxes(**CATEGORIES, autorange="reversed")
    return fig
