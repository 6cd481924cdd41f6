"""Curves over all thresholds: precision against recall, and true against false positives."""

import pandas as pd
import plotly.graph_objects as go

from helpers.figures.style import COLUMN, GREY, INK, class_colours, dress, escape


def precision_recall(curves: pd.DataFrame, ap: pd.DataFrame) -> go.Figure:
    """Precision against recall, one line per class; averages over all classes dashed in black.

    Args:
        curves: columns class, recall, precision.
        ap: columns class, AP; rows that have no curve (a macro average) are told in the title.
    """
    area = ap.set_index("class")["AP"]
    fig = go.Figure()
    drawn = _lines(fig, curves, area, ("recall", "precision"), "AP", "vh")
    missing = [name for name in area.index if name.endswith("average") and name not in drawn]
    macro = [f"{name} AP {area[name]:.3f}" for name in missing]
    dress(fig, ", ".join(["Precision and recall", *macro]), COLUMN, 470 + 24 * len(drawn))
    _legend_below(fig)
    fig.update_xaxes(title_text="recall", range=[0, 1.01])
    fig.update_yaxes(title_text="precision", range=[0, 1.02])
    return fig


def roc(curves: pd.DataFrame, areas: pd.DataFrame) -> go.Figure:
    """True against false positives, one line per class; averages dashed, chance in grey.

    Args:
        curves: columns class, false_positives, true_positives (rates).
        areas: columns class, AUC.
    """
    fig = go.Figure()
    fig.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "width": 1.5},
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    area = areas.set_index("class")["AUC"]
    drawn = _lines(fig, curves, area, ("false_positives", "true_positives"), "AUC", "linear")
    dress(fig, "ROC: each class against the rest", COLUMN, 490 + 24 * len(drawn))
    _legend_below(fig)
    fig.update_xaxes(title_text="false-positive rate", range=[-0.005, 1.01])
    fig.update_yaxes(title_text="true-positive rate", range=[0, 1.02])
    return fig


def _lines(
    fig: go.Figure,
    curves: pd.DataFrame,
    area: pd.Series,
    columns: tuple[str, str],
    metric: str,
    shape: str,
) -> list[str]:
    """Add a line per class and average; return their names."""
    drawn = list(dict.fromkeys(curves["class"]))
    averages = [name for name in area.index if name.endswith("average")]
    colours = class_colours(name for name in area.index if name not in averages)
    for name in drawn:
        rows = curves[curves["class"] == name]
        line = {"color": colours.get(name, INK), "shape": shape}
        if name in averages:
            line |= {"dash": "dash" if name.startswith("micro") else "dot", "width": 2}
        fig.add_scatter(
            x=rows[columns[0]], y=rows[columns[1]], mode="lines", line=line,
            name=f"{escape(name)}, {metric} {area[name]:.3f}",
        )  # fmt: skip
    return drawn


def _legend_below(fig: go.Figure) -> None:
    legend = {"orientation": "v", "y": -0.22, "yanchor": "top"}
    fig.update_layout(showlegend=True, legend=legend, margin_b=24)
