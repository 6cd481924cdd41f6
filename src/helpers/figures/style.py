"""One look for all figures: sizes, type, colours.

Figures are laid out in pixels on a canvas 500 wide for a report's column (88 mm) and 1000 wide for
its page (176 mm). Printed at those widths, 16 pixels of type are 8 points.
"""

from collections.abc import Iterable, Mapping

import plotly.graph_objects as go
import plotly.io as pio

COLUMN = 500
"""Width of a figure in one column, pixels; to be printed 88 mm wide."""
PAGE = 1000
"""Width of a figure across the page, pixels; to be printed 176 mm wide."""
TYPE = 16
"""Size of all small type, pixels: 8 points in print."""

# Okabe and Ito's palette for all kinds of colour vision (jfly.uni-koeln.de/color), strong colours
# first; their yellow is too faint for lines on white and serves on pictures only.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
YELLOW = "#F0E442"
INK = "#222222"
GREY = "#8C8C8C"
FAINT = "#E3E3E3"
PARTS = {"train": "#5B5B5B", "val": "#A3A3A3", "test": "#D6D6D6"}
"""Parts of the split in greys, so that colour always means class."""
BOXES = {
    "worker": YELLOW,
    "bucket": "#56B4E9",
    "cabin": "#E69F00",
    "excavator": "#FFFFFF",
    "track": "#CC79A7",
}
"""Boxes on pictures, by the name of what they enclose (further workers share the worker's)."""
HEAT = "Inferno"
"""Perceptually uniform scale for attention."""
COUNTS = "Blues"


def class_colours(classes: Iterable[str]) -> dict[str, str]:
    """A colour for each class, the same in every figure: by rank among the sorted names.

    From the eighth class on the palette repeats, lighter each time.
    """
    names = sorted(set(classes))
    return {
        name: _lighter(OKABE_ITO[rank % len(OKABE_ITO)], rank // len(OKABE_ITO))
        for rank, name in enumerate(names)
    }


def _lighter(colour: str, steps: int) -> str:
    """Mix `#rrggbb` with white, 45 % of the way at each step."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    channels = [round(255 - (255 - c) * 0.55**steps) for c in channels]
    return "#" + "".join(f"{c:02X}" for c in channels)


def box_colour(name: str) -> str:
    """Colour of the box named `name`; names are compared without a trailing number."""
    return BOXES.get(name.rstrip("0123456789_"), "#00E5C0")


_AXIS = {
    "showline": True,
    "linecolor": INK,
    "linewidth": 1,
    "ticks": "outside",
    "ticklen": 5,
    "tickcolor": INK,
    "gridcolor": FAINT,
    "gridwidth": 1,
    "zeroline": False,
    "automargin": True,
    "title": {"standoff": 10, "font": {"size": TYPE}},
    "tickfont": {"size": TYPE},
}

CATEGORIES = {"showgrid": False, "ticks": "", "ticklabelstandoff": 6}
"""For an axis of names: no grid, no ticks."""

pio.templates["report"] = go.layout.Template(
    layout={
        "font": {"family": "Arial, Liberation Sans, Helvetica, sans-serif", "size": TYPE},
        "font_color": INK,
        "colorway": OKABE_ITO,
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "title": {
            "font": {"size": TYPE + 2},
            "subtitle": {"font": {"size": TYPE, "color": INK}},
            "x": 0.0,
            "xanchor": "left",
            "xref": "container",
            "y": 1.0,
            "yanchor": "top",
            "yref": "container",
            "pad": {"t": 10, "l": 10},
        },
        "margin": {"l": 16, "r": 20, "t": 48, "b": 16},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0.0,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": TYPE},
            "title": {"font": {"size": TYPE}},
            "bgcolor": "rgba(255,255,255,0)",
        },
        "annotationdefaults": {"font": {"size": TYPE}, "showarrow": False},
        "colorscale": {"sequential": COUNTS},
        "bargap": 0.25,
        "hoverlabel": {"font": {"size": TYPE}},
    },
    data={
        "heatmap": [
            {
                "colorbar": {
                    "outlinewidth": 0,
                    "thickness": 14,
                    "title": {"side": "right", "font": {"size": TYPE}},
                }
            }
        ],
        "scatter": [{"line": {"width": 2.5}, "marker": {"size": 9}}],
    },
)


def dress(
    fig: go.Figure, title: str, width: int = COLUMN, height: int = 380, legend_rows: int = 0
) -> go.Figure:
    """Give a figure the report's look, its title and its size in pixels; return it.

    `legend_rows` makes room for that many rows of a legend between the title and the axes.
    """
    fig.update_layout(template="report", title_text=title, width=width, height=height)
    if legend_rows:
        fig.update_layout(margin_t=52 + 26 * legend_rows, showlegend=True)
    return fig


def legend_rows(labels: Iterable[str], width: int) -> int:
    """Rows that a horizontal legend of these labels takes at this width, by counting letters."""
    longest = max((len(label) for label in labels), default=0) * 8.6 + 48
    per_row = max(1, int((width - 40) // longest))
    return -(-len(list(labels)) // per_row)


def escape(text: str) -> str:
    """Text whose '<' and '&' stand for themselves in plotly's labels."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def legend_entry(name: str, marker: Mapping) -> go.Scatter:
    """A trace without points that only adds a marker with a name to the legend."""
    return go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=dict(marker))
