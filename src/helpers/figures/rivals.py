"""Models side by side: scores, curves, gradients, data and cost."""

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

TITLES = {"top1": "top-1 (%)", "macro_f1": "macro F1 (%)"}


def score_dots(scored: pd.DataFrame) -> go.Figure:
    """Top-1 and macro-F1 of each training with 95 % intervals, one row each.

    Args:
        scored: columns name and, per metric, its value, `_low` and `_high` (0 to 1).
    """
    fig = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05)
    at = list(range(len(scored)))
    for column, (metric, title) in enumerate(TITLES.items(), start=1):
        value, low, high = (
            100 * scored[f"{metric}{end}"].to_numpy(float) for end in ("", "_low", "_high")
        )
        fig.add_scatter(
            x=value, y=at, mode="markers+text", text=[f"{v:.1f}" for v in value],
            textposition="top center", marker={"size": 11, "color": OKABE_ITO[0]},
            error_x={"array": high - value, "arrayminus": value - low, "color": OKABE_ITO[0],
                     "thickness": 2, "width": 6},
            showlegend=False, row=1, col=column,
        )  # fmt: skip
        fig.update_xaxes(title_text=title, range=[min(low.min() - 4, 60), 102], row=1, col=column)
    dress(fig, "Scores on the test clips and their 95 % intervals", PAGE, 130 + 56 * len(scored))
    fig.update_yaxes(
        tickvals=at, ticktext=[_wrapped(name) for name in scored["name"]],
        range=[len(scored) - 0.5, -0.7], **CATEGORIES,
    )  # fmt: skip
    return fig


def differences(compared: pd.DataFrame) -> go.Figure:
    """Difference of top-1 to the reference, in points, filled where it is shown.

    Args:
        compared: columns name, reference, top1 with `_low` and `_high` (-1 to 1), shown.

    Raises:
        ValueError: there is no row.
    """
    if compared.empty:
        raise ValueError("No training to compare with the reference: train one first.")
    at = np.arange(len(compared))
    value, low, high = (
        100 * compared[f"top1{end}"].to_numpy(float) for end in ("", "_low", "_high")
    )
    colour = OKABE_ITO[1]
    fills = [colour if shown else "white" for shown in compared["shown"]]
    fig = go.Figure()
    fig.add_scatter(
        x=value, y=at, mode="markers",
        marker={"size": 12, "color": fills, "line": {"color": colour, "width": 2.5}},
        error_x={"array": high - value, "arrayminus": value - low, "color": colour, "thickness": 2,
                 "width": 6},
    )  # fmt: skip
    fig.add_vline(x=0, line={"color": GREY, "dash": "dot"})
    reference = " and ".join(dict.fromkeys(compared["reference"]))
    dress(fig, f"Top-1 against {escape(reference)}", COLUMN, 150 + 56 * len(compared))
    fig.update_layout(
        title_subtitle_text="filled: the difference is shown", margin_t=72, showlegend=False
    )
    fig.update_xaxes(title_text="points (right: better than it)")
    names = [_wrapped(name) for name in compared["name"]]
    fig.update_yaxes(tickvals=at, ticktext=names, range=[len(compared) - 0.5, -0.6], **CATEGORIES)
    return fig


def curves(
    scalars: pd.DataFrame, names: Mapping[int, str], title: str, minutes: str = "minutes"
) -> go.Figure:
    """Loss in training and accuracy on validation of several trainings, over epochs and minutes.

    Args:
        scalars: columns training, part, name, epoch, seconds, value.
        names: of the trainings.
        title: of the figure.
        minutes: title of the axis of time.
    """
    fig = make_subplots(2, 2, shared_xaxes="columns", shared_yaxes="rows",
                        horizontal_spacing=0.06, vertical_spacing=0.06)  # fmt: skip
    table = scalars.assign(minutes=scalars["seconds"] / 60)
    for place, (training, name) in enumerate(names.items()):
        mine = table[table["training"] == training]
        line = {"color": OKABE_ITO[place % 7], "dash": ("solid", "dot")[place // 7 % 2]}
        loss = mine[mine["name"] == "loss"]
        smooth = loss["value"].rolling(max(3, len(loss) // 20), center=True, min_periods=1).mean()
        accuracy = mine[mine["name"] == "top1"]
        for column, x in enumerate(("epoch", "minutes"), start=1):
            fig.add_scatter(
                x=loss[x], y=smooth, mode="lines", line=line, name=escape(name),
                showlegend=column == 1, legendgroup=name, row=1, col=column,
            )  # fmt: skip
            fig.add_scatter(
                x=accuracy[x], y=100 * accuracy["value"], mode="lines+markers", line=line,
                marker={"size": 7}, showlegend=False, legendgroup=name, row=2, col=column,
            )  # fmt: skip
    rows = legend_rows(list(names.values()), PAGE)
    dress(fig, title, PAGE, 560 + 26 * rows, rows)
    fig.update_xaxes(rangemode="tozero")
    fig.update_xaxes(title_text="epoch", row=2, col=1)
    fig.update_xaxes(title_text=minutes, row=2, col=2)
    fig.update_yaxes(title_text="train loss", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text="val top-1 (%)", row=2, col=1)
    return fig


def gradients(norms: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Norm of each layer's gradient over the iterations, a panel per training.

    Args:
        norms: title of a panel → columns step, layer, norm, the layers in the network's order.

    Raises:
        ValueError: nothing was logged.
    """
    if not norms or any(table.empty for table in norms.values()):
        raise ValueError("No gradient was logged: the training is older than its log; train anew.")
    layers = list(dict.fromkeys(name for table in norms.values() for name in table["layer"]))
    fig = make_subplots(
        1, len(norms), shared_yaxes=True, horizontal_spacing=0.05,
        subplot_titles=[escape(title) for title in norms] if len(norms) > 1 else None,
    )  # fmt: skip
    told = set()
    for column, table in enumerate(norms.values(), start=1):
        for place, layer in enumerate(layers):
            rows = table[table["layer"] == layer]
            if rows.empty:
                continue
            line = {"color": OKABE_ITO[place % 7], "dash": ("solid", "dot")[place // 7 % 2]}
            smooth = rows["norm"].rolling(5, center=True, min_periods=1).median()
            fig.add_scatter(
                x=rows["step"], y=smooth, mode="lines", line=line, name=layer, legendgroup=layer,
                showlegend=layer not in told, row=1, col=column,
            )  # fmt: skip
            told.add(layer)
    width = COLUMN if len(norms) == 1 else PAGE
    rows = legend_rows(layers, width)
    dress(fig, "Norm of the gradient by layer", width, 400 + 26 * rows)
    above = 1.1 if len(norms) > 1 else 1.01  # the panels' titles stand between
    fig.update_layout(showlegend=True, margin_t=58 + 26 * rows, legend_y=above)
    fig.update_xaxes(title_text="iteration", rangemode="tozero")
    fig.update_yaxes(type="log", exponentformat="power", dtick=1)
    fig.update_yaxes(title_text="norm before clipping", row=1, col=1)
    return fig


def accuracy_by_data(rises: pd.DataFrame) -> go.Figure:
    """Top-1 against the share of the training clips, as figure 4 of arXiv 2102.05095.

    Args:
        rises: columns model, share, top1 with `_low` and `_high` (0 to 1).
    """
    fig = go.Figure()
    models = list(dict.fromkeys(rises["model"]))
    for place, model in enumerate(models):
        rows = rises[rises["model"] == model]
        value, low, high = (100 * rows[f"top1{end}"] for end in ("", "_low", "_high"))
        colour = OKABE_ITO[place % 7]
        fig.add_scatter(
            x=100 * rows["share"] + place - len(models) / 2, y=value, mode="lines+markers",
            name=escape(model), line={"color": colour},
            error_y={"array": high - value, "arrayminus": value - low, "color": colour,
                     "thickness": 1.5, "width": 5},
        )  # fmt: skip
    rows = legend_rows(models, COLUMN)
    dress(fig, "Accuracy by the amount of training data", COLUMN, 380 + 26 * rows, rows)
    fig.update_xaxes(title_text="share of the training clips (%)", tickvals=[25, 50, 75, 100])
    fig.update_yaxes(title_text="test top-1 (%)")
    return fig


def views(costs: pd.DataFrame) -> go.Figure:
    """Multiply-adds per view beside those per video: who is cheaper depends on the views.

    Args:
        costs: columns model, frames, img_size, multiply_adds_g, views, video_t.
    """
    fig = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05)
    labels = [f"{row.model}<br>{row.frames}×{row.img_size}²" for row in costs.itertuples()]
    parts: Sequence[tuple] = (
        (costs["multiply_adds_g"], "10⁹ multiply-adds per view", ".1f", OKABE_ITO[0]),
        (1000 * costs["video_t"], "10⁹ multiply-adds per video", ",.0f", OKABE_ITO[1]),
    )
    for column, (values, title, digits, colour) in enumerate(parts, start=1):
        words = [f"{value:{digits}}" for value in values]
        if column == 2:
            words = [f"{w} ({n} views)" for w, n in zip(words, costs["views"], strict=True)]
        fig.add_bar(
            x=values, y=labels, orientation="h", text=words, textposition="outside",
            textfont={"color": INK}, cliponaxis=False, marker_color=colour, showlegend=False,
            row=1, col=column,
        )  # fmt: skip
        most = values.max() * (1.28 if column == 1 else 1.6)
        fig.update_xaxes(title_text=title, range=[0, most], row=1, col=column)
    dress(fig, "Cost of a view, and of a video", PAGE, 120 + 62 * len(costs))
    fig.update_yaxes(**CATEGORIES, autorange="reversed")
    return fig


def _wrapped(name: str) -> str:
    """A name on two lines where it is long."""
    head, _, tail = escape(name).partition(" ")
    return f"{head}<br>{tail}" if len(name) > 24 else escape(name)
