"""Whether probabilities are true, and what it brings to answer only when sure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.style import COLUMN, FAINT, GREY, INK, OKABE_ITO, dress

BEFORE, AFTER = OKABE_ITO[1], OKABE_ITO[0]


def reliability(before: pd.DataFrame, after: pd.DataFrame, ece: tuple[float, float]) -> go.Figure:
    """Accuracy against confidence, before and after the temperature; below, clips per bin.

    Args:
        before: columns low, high, clips, confidence, accuracy, accuracy_low, accuracy_high.
        after: the same, with the temperature.
        ece: expected calibration errors of the two.
    """
    fig = make_subplots(
        rows=2, cols=1, row_heights=[0.74, 0.26], shared_xaxes=True, vertical_spacing=0.05
    )
    fig.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "width": 1.5},
        showlegend=False, hoverinfo="skip", row=1, col=1,
    )  # fmt: skip
    named = (("as it is", before, BEFORE, "circle"), ("with temperature", after, AFTER, "diamond"))
    for (name, rows, colour, symbol), error in zip(named, ece, strict=True):
        fig.add_scatter(
            x=rows["confidence"], y=rows["accuracy"], mode="markers+lines",
            name=f"{name}, ECE {error:.3f}", line={"color": colour, "width": 1.5},
            marker={"size": 8, "symbol": symbol, "color": colour},
            error_y={
                "array": rows["accuracy_high"] - rows["accuracy"],
                "arrayminus": rows["accuracy"] - rows["accuracy_low"],
                "color": colour, "thickness": 1.2, "width": 3,
            },
            row=1, col=1,
        )  # fmt: skip
        edges = np.append(rows["low"].to_numpy(), rows["high"].iloc[-1])
        fig.add_scatter(
            x=edges, y=np.append(rows["clips"].to_numpy(), rows["clips"].iloc[-1]), mode="lines",
            line={"color": colour, "shape": "hv", "width": 2}, showlegend=False, row=2, col=1,
        )  # fmt: skip
    dress(fig, "Confidence and accuracy", COLUMN, 620, 2)
    lowest = min(before["low"].min(), after["low"].min())
    fig.update_xaxes(range=[max(0, lowest - 0.02), 1.01])
    fig.update_xaxes(title_text="confidence (largest probability)", row=2, col=1)
    fig.update_yaxes(title_text="accuracy", range=[0, 1.03], row=1, col=1)
    fig.update_yaxes(title_text="clips", rangemode="tozero", nticks=4, row=2, col=1)
    fig.update_layout(legend_orientation="v")
    return fig


def risk_coverage(curve: pd.DataFrame, areas: dict[str, dict[str, float]]) -> go.Figure:
    """Share of errors among the clips that the model answers, by how many it answers.

    Args:
        curve: columns coverage, risk, low, high.
        areas: "aurc" and "best" → value.
    """
    fig = go.Figure()
    x = curve["coverage"]
    fig.add_scatter(
        x=[*x, *x[::-1]], y=[*curve["high"], *curve["low"][::-1]], fill="toself",
        fillcolor=FAINT, line={"width": 0}, name="95 % interval", hoverinfo="skip",
    )  # fmt: skip
    fig.add_scatter(
        x=x, y=curve["risk"], mode="lines", line={"color": INK},
        name=f"model, area {areas['aurc']['value']:.3f}",
    )  # fmt: skip
    errors = curve["risk"].iloc[-1]
    fig.add_scatter(
        x=[0, 1], y=[errors, errors], mode="lines",
        line={"color": GREY, "dash": "dot", "width": 2},
        name=f"any order, {areas['random']['value']:.3f}",
    )  # fmt: skip
    kept = np.maximum(x - (1 - errors), 0) / x
    fig.add_scatter(
        x=x, y=kept, mode="lines", line={"color": OKABE_ITO[2], "dash": "dash", "width": 2},
        name=f"best order, {areas['best']['value']:.3f}",
    )  # fmt: skip
    dress(fig, "Errors among the surest clips", COLUMN, 440, 2)
    fig.update_xaxes(title_text="share of clips answered", range=[0, 1.01])
    top = max(errors * 1.35, float(np.nanmax(curve["high"].iloc[len(curve) // 10 :])))
    fig.update_yaxes(title_text="share of errors", range=[0, min(1.0, top)])
    return fig
