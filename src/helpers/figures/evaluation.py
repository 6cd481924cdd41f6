"""How good the predictions are: confusion, scores, worst errors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from helpers.figures.pictures import Picture, picture_grid
from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    COUNTS,
    GREY,
    INK,
    PAGE,
    class_colours,
    dress,
    escape,
    legend_entry,
)

METRICS = {
    "top1": "top-1",
    "mean_class_accuracy": "mean class accuracy",
    "macro_f1": "macro F1",
    "kappa": "Cohen's kappa",
    "top5": "top-5",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "AP": "AP",
}
SYMBOLS = {"precision": "triangle-up", "recall": "circle", "f1": "diamond", "AP": "square-open"}


def confusion(matrix: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """Confusion matrix [true, predicted]: colour and second line are the share of the true class.

    Each cell holds its count and, below, the per cent of its row; above eight classes the count
    only.
    """
    rows = matrix.sum(axis=1, keepdims=True)
    rates = np.divide(matrix * 100.0, rows, out=np.zeros(matrix.shape), where=rows > 0)
    few = len(classes) <= 8
    names = [escape(c) for c in classes]
    fig = go.Figure(
        go.Heatmap(
            z=rates,
            x=names,
            y=names,
            zmin=0,
            zmax=100,
            colorscale=COUNTS,
            xgap=2,
            ygap=2,
            colorbar={"title": {"text": "share of true class (%)"}},
            hovertemplate="true %{y}<br>predicted %{x}<br>%{z:.1f} %<extra></extra>",
        )
    )
    for i, j in np.ndindex(matrix.shape):
        if matrix[i, j] or few:
            fig.add_annotation(
                x=names[j],
                y=names[i],
                text=f"{matrix[i, j]}<br>{rates[i, j]:.0f} %" if few else str(matrix[i, j]),
                font={"color": "white" if rates[i, j] > 55 else INK},
            )
    small = len(classes) <= 4
    dress(
        fig,
        f"Confusion of {matrix.sum()} clips",
        COLUMN if small else PAGE,
        480 if small else min(1000, 240 + 62 * len(classes)),
    )
    fig.update_xaxes(title_text="predicted", **CATEGORIES, tickangle=-40)
    fig.update_yaxes(title_text="true", **CATEGORIES, autorange="reversed", showline=False)
    fig.update_xaxes(showline=False)
    return fig


def per_class_scores(per_class: pd.DataFrame, intervals: pd.DataFrame | None = None) -> go.Figure:
    """Precision, recall, F1 and AP of each class, with intervals where given.

    Args:
        per_class: columns class, precision, recall, f1, AP, n.
        intervals: columns class, metric, low, high.
    """
    classes = list(per_class["class"])
    colours = class_colours(classes)
    metrics = [metric for metric in SYMBOLS if metric in per_class]
    limits = {} if intervals is None else intervals.set_index(["class", "metric"])
    fig = go.Figure()
    for rank, metric in enumerate(metrics):
        values = per_class[metric].to_numpy(float)
        low, high = np.full((2, len(classes)), np.nan)
        for k, name in enumerate(classes):
            if intervals is not None and (name, metric) in limits.index:
                low[k], high[k] = limits.loc[(name, metric), ["low", "high"]]
        place = np.arange(len(classes)) + (rank - (len(metrics) - 1) / 2) * 0.17
        for k, name in enumerate(classes):
            if np.isfinite(low[k]):
                fig.add_scatter(
                    x=[low[k], high[k]], y=[place[k]] * 2, mode="lines", showlegend=False,
                    line={"color": colours[name], "width": 2}, hoverinfo="skip",
                )  # fmt: skip
        fig.add_scatter(
            x=values, y=place, mode="markers", name=METRICS[metric], showlegend=False,
            marker={
                "symbol": SYMBOLS[metric], "size": 10, "color": [colours[c] for c in classes],
                "line": {"width": 2, "color": [colours[c] for c in classes]},
            },
        )  # fmt: skip
        fig.add_trace(
            legend_entry(
                METRICS[metric],
                {"symbol": SYMBOLS[metric], "size": 10, "color": INK, "line": {"width": 2}},
            )
        )
    dress(fig, "Scores per class", COLUMN, 140 + 84 * len(classes), 1)
    fig.update_xaxes(title_text="score", range=[0, 1.02])
    fig.update_yaxes(
        tickvals=list(range(len(classes))),
        ticktext=[
            f"{escape(c)}<br>{n} clips" for c, n in zip(classes, per_class["n"], strict=True)
        ],
        range=[len(classes) - 0.5, -0.5],
        **CATEGORIES,
    )
    return fig


def summary(
    intervals: Mapping[str, Mapping[str, float]], baselines: Mapping[str, Mapping[str, float]]
) -> go.Figure:
    """The headline metrics with their intervals, beside what simple rules reach.

    Args:
        intervals: metric → value, low, high.
        baselines: name of a rule ("chance", "majority class") → metric → value.
    """
    names = [METRICS.get(m, m).replace("mean class ", "mean class<br>") for m in intervals]
    value, low, high = (
        np.array([intervals[m][key] for m in intervals]) for key in ("value", "low", "high")
    )
    fig = go.Figure()
    for (rule, scores), symbol in zip(
        baselines.items(), ("x-thin", "line-ns", "cross-thin"), strict=False
    ):
        fig.add_scatter(
            x=[scores.get(m) for m in intervals], y=names, mode="markers", name=escape(rule),
            marker={
                "symbol": symbol, "size": 13, "color": GREY, "line": {"width": 2.5, "color": GREY}
            },
        )  # fmt: skip
    fig.add_scatter(
        x=value, y=names, mode="markers", name="model",
        marker={"size": 11, "color": INK},
        error_x={
            "array": high - value, "arrayminus": value - low, "color": INK, "thickness": 2,
            "width": 6,
        },
    )  # fmt: skip
    for name, v, top in zip(names, value, high, strict=True):
        inside = top < 0.85
        fig.add_annotation(
            x=top if inside else v, y=name, text=f"{v:.3f}", xanchor="left" if inside else "center",
            xshift=8 if inside else 0, yshift=0 if inside else 18,
        )  # fmt: skip
    dress(fig, "Scores on the test part", COLUMN, 166 + 56 * len(names), 2)
    fig.update_xaxes(title_text="score", range=[0, 1.02])
    fig.update_yaxes(range=[len(names) - 0.5, -0.6], **CATEGORIES)
    return fig


def errors_sheet(
    clips: Sequence[np.ndarray],
    errors: pd.DataFrame,
    columns: int = 2,
    title: str = "Most confident errors: true → predicted",
) -> go.Figure:
    """Frames of the worst errors: true class → predicted class, and how probable it holds each.

    Args:
        clips: uint8 [T, H, W, 3], one per row of `errors`; their frames are shown side by side.
        errors: columns path, label, predicted, probability (of the predicted class),
            probability_of_label.
    """
    cells = []
    for frames, row in zip(clips, errors.itertuples(), strict=True):
        text = (
            f"{escape(row.label)} ({100 * row.probability_of_label:.0f} %) → "
            f"{escape(row.predicted)} ({100 * row.probability:.0f} %)"
        )
        cells.append(Picture(_side_by_side(frames), f"{text}<br>{escape(row.path)}"))
    return picture_grid(cells, columns, title, PAGE)


def alarms_sheet(clips: Sequence[np.ndarray], rows: pd.DataFrame, title: str) -> go.Figure:
    """Frames of clips in which an alarm was missed or false, with the probability of danger.

    Args:
        clips: uint8 [T, H, W, 3], one per row.
        rows: columns path, label, score.
        title: of the sheet.
    """
    cells = [
        Picture(
            _side_by_side(frames),
            f"{escape(row.label)}, danger {100 * row.score:.0f} %<br>{escape(row.path)}",
        )
        for frames, row in zip(clips, rows.itertuples(), strict=True)
    ]
    return picture_grid(cells, 2, title, PAGE)


def _side_by_side(frames: np.ndarray) -> np.ndarray:
    """[T, H, W, 3] as one picture, white lines between."""
    line = np.full((frames.shape[1], max(1, frames.shape[2] // 60), 3), 255, np.uint8)
    parts = [part for frame in frames for part in (line, frame)]
    return np.concatenate(parts[1:], axis=1)
