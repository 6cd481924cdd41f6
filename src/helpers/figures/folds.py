"""A cross-validation in one picture: every fold, their mean, and all clips pooled."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from helpers.figures.evaluation import METRICS
from helpers.figures.style import CATEGORIES, COLUMN, GREY, INK, OKABE_ITO, dress

FOLD = {"symbol": "line-ns", "size": 12, "line": {"color": GREY, "width": 2}}
MEAN = {"symbol": "circle", "size": 11, "color": INK}
POOLED = {"symbol": "diamond", "size": 11, "color": OKABE_ITO[0]}


def fold_scores(
    by_fold: pd.DataFrame, summary: Mapping[str, Mapping[str, float]], chance: float | None = None
) -> go.Figure:
    """Scores of the folds, their mean with its interval, and those of all clips together.

    Args:
        by_fold: from `helpers.evaluation.folds.fold_scores`.
        summary: from `helpers.evaluation.folds.cross_validated`.
        chance: what drawing lots would reach, in mean class accuracy; a dashed line.
    """
    names = [METRICS[name].replace("mean class ", "mean class<br>") for name in summary]
    fig = go.Figure()
    for row, name in enumerate(summary):
        fig.add_scatter(
            x=by_fold[name], y=[row] * len(by_fold), mode="markers", marker=FOLD,
            name="a fold", showlegend=row == 0, customdata=by_fold["fold"],
            hovertemplate="fold %{customdata}: %{x:.3f}<extra></extra>",
        )  # fmt: skip
    keys = {
        "mean of folds": ("mean", "low", "high"),
        "all clips": ("pooled", "pooled_low", "pooled_high"),
    }
    for (title, (value, low, high)), marker, shift in zip(
        keys.items(), (MEAN, POOLED), (-0.22, 0.22), strict=True
    ):
        found = pd.DataFrame(list(summary.values()))
        fig.add_scatter(
            x=found[value], y=[row + shift for row in range(len(found))], mode="markers",
            name=title, marker=marker,
            error_x={
                "array": found[high] - found[value], "arrayminus": found[value] - found[low],
                "color": marker["color"], "thickness": 2, "width": 6,
            },
        )  # fmt: skip
        for row, number in enumerate(found[value]):
            fig.add_annotation(
                x=number, y=row + shift, text=f"{number:.3f}", yshift=15 if shift < 0 else -15
            )
    if chance is not None:
        line = {"color": GREY, "width": 2, "dash": "dash"}
        fig.add_vline(x=chance, line=line, layer="below")
        fig.add_scatter(x=[None], y=[None], mode="lines", name="chance", line=line)
    dress(fig, f"Scores of {len(by_fold)} folds", COLUMN, 190 + 104 * len(names), 2)
    fig.update_xaxes(title_text="score", range=[-0.02, 1.02])
    rows = list(range(len(names)))
    fig.update_yaxes(
        **CATEGORIES | {"tickmode": "array", "tickvals": rows, "ticktext": names},
        range=[len(names) - 0.4, -0.6],
    )
    return fig
