"""Figures on the truth of maps: deletion and insertion, boxes, destroyed weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    GREY,
    INK,
    OKABE_ITO,
    PAGE,
    dress,
    escape,
    legend_rows,
)

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "star", "hexagon")
PLAIN = ("random order", "centre prior")
"""Drawn in grey, dashed: what a method has to beat."""


def _looks(names: Sequence[str]) -> dict[str, dict]:
    """Line and marker of each method; the same in every figure of the same methods."""
    methods = [name for name in names if name not in PLAIN]
    looks = {
        name: {
            "line": {"color": OKABE_ITO[k % len(OKABE_ITO)]},
            "marker": {"symbol": SYMBOLS[k % len(SYMBOLS)]},
        }
        for k, name in enumerate(methods)
    }
    for name, dash in zip(PLAIN, ("dash", "dot"), strict=True):
        looks[name] = {
            "line": {"color": INK if dash == "dash" else GREY, "dash": dash},
            "marker": {"symbol": "line-ns"},
        }
    return looks


def perturbation_curves(
    deletion: Mapping[str, np.ndarray],
    insertion: Mapping[str, np.ndarray],
    fractions: Sequence[float],
) -> go.Figure:
    """Probability of the class while patches go (left) and come (right), for each method."""
    fig = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.05,
        subplot_titles=("deletion: lower is better", "insertion: higher is better"),
    )  # fmt: skip
    looks = _looks(list(deletion))
    x = 100 * np.asarray(fractions)
    for column, curves in enumerate((deletion, insertion), start=1):
        for name, curve in curves.items():
            fig.add_scatter(
                x=x,
                y=curve,
                mode="lines" if name in PLAIN else "lines+markers",
                name=escape(name),
                legendgroup=name,
                showlegend=column == 1,
                row=1,
                col=column,
                **looks[name],
            )
    rows = legend_rows(list(deletion), PAGE)
    dress(fig, "What the model needs", PAGE, 380 + 26 * rows, rows + 1)
    fig.update_layout(legend_y=1.1)
    fig.update_xaxes(range=[-1, 101])
    fig.update_xaxes(title_text="patches blurred (%)", col=1)
    fig.update_xaxes(title_text="patches shown (%)", col=2)
    fig.update_yaxes(title_text="probability of the class", col=1)
    fig.update_yaxes(rangemode="tozero")
    return fig


def gains(table: pd.DataFrame) -> go.Figure:
    """How much better than a random order each method is, with intervals.

    Args:
        table: from `helpers.explain.tables.perturbation_table`.
    """
    table = table[table["method"] != PLAIN[0]]
    fig = go.Figure()
    for name, colour, symbol, shift in (
        ("deletion", OKABE_ITO[0], "circle", -0.14),
        ("insertion", OKABE_ITO[1], "square", 0.14),
    ):
        value = table[f"{name} gain"].to_numpy()
        fig.add_scatter(
            x=value,
            y=np.arange(len(table)) + shift,
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol},
            error_x={
                "type": "data",
                "array": table[f"{name} high"] - value,
                "arrayminus": value - table[f"{name} low"],
                "color": colour,
            },
        )
    dress(fig, "Better than a random order", COLUMN, 110 + 46 * len(table), 1)
    fig.add_vline(x=0, line={"color": INK, "width": 1})
    fig.update_xaxes(title_text="gain in area (right: better)")
    _names(fig, table["method"])
    return fig


def box_ratios(table: pd.DataFrame) -> go.Figure:
    """Attention inside the hazard's boxes in multiples of their share of the picture.

    Args:
        table: from `helpers.explain.tables.boxes_table`.
    """
    methods = list(dict.fromkeys(table["method"]))
    parts = [name for name in dict.fromkeys(table["clips"]) if name not in ("right", "wrong")]
    fig = go.Figure()
    shifts = np.linspace(-0.3, 0.3, len(parts))
    colours = (INK, *OKABE_ITO)
    for part, shift, colour, symbol in zip(parts, shifts, colours, SYMBOLS, strict=False):
        own = table[table["clips"] == part].set_index("method").reindex(methods)
        fig.add_scatter(
            x=own["ratio"],
            y=np.arange(len(methods)) + shift,
            mode="markers",
            name=escape(part) if part != "all" else "all hazards",
            marker={"color": colour, "symbol": symbol, "size": 11 if part == "all" else 8},
            error_x={
                "type": "data",
                "array": own["high"] - own["ratio"],
                "arrayminus": own["ratio"] - own["low"],
                "color": colour,
                "thickness": 1.5,
            },
        )
    names = ["all hazards", *parts[1:]]
    rows = legend_rows(names, PAGE)
    dress(fig, "Into the hazard's boxes", PAGE, 120 + 26 * rows + 58 * len(methods), rows)
    fig.add_vline(x=1, line={"color": GREY, "dash": "dash"})
    fig.update_xaxes(
        title_text="share of the map inside / share of the picture (1: no preference)",
        rangemode="tozero",
    )
    _names(fig, methods)
    return fig


def sanity(table: pd.DataFrame) -> go.Figure:
    """Likeness of the maps with those of the trained model while its weights are destroyed.

    Args:
        table: from `helpers.explain.tables.sanity_table`.
    """
    stages = list(dict.fromkeys(table["stage"]))
    methods = list(dict.fromkeys(table["method"]))
    looks = _looks(methods)
    fig = go.Figure()
    for name in methods:
        own = table[table["method"] == name].set_index("stage").reindex(stages)
        error = {
            "type": "data",
            "array": own["high"] - own["value"],
            "arrayminus": own["value"] - own["low"],
            "thickness": 1,
            "width": 3,
        }
        fig.add_scatter(
            x=["trained", *(f"+ {stage}" for stage in stages[1:])],
            y=own["value"],
            mode="lines+markers",
            name=escape(name),
            error_y=error,
            **looks[name],
        )
    rows = legend_rows(methods, PAGE)
    dress(fig, "Destroyed from the output to the input", PAGE, 370 + 26 * rows, rows)
    fig.add_hline(y=0, line={"color": INK, "width": 1})
    fig.update_xaxes(title_text="weights shuffled so far", **CATEGORIES)
    fig.update_yaxes(title_text="rank correlation", range=[-1.02, 1.02])
    return fig


def _names(fig: go.Figure, methods: Sequence[str]) -> None:
    """Names of the methods on the y axis, the first on top."""
    labels = [escape(name) for name in methods]
    fig.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        range=[len(labels) - 0.5, -0.5],
        **CATEGORIES,
    )
