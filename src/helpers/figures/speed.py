"""How fast implementations of one model are beside each other."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    INK,
    OKABE_ITO,
    PAGE,
    TYPE,
    dress,
    legend_rows,
)

MODES = {"forward": "forward pass", "step": "training step"}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")


def ratios(rows: pd.DataFrame, where: str) -> go.Figure:
    """Bars of how many times as fast as mmaction2's float32 each candidate is.

    Candidates are ordered by their training step, or by what there is; the fastest is on top. Those
    without any time are at the bottom, and say what went wrong.

    Args:
        rows: columns implementation, scheme, precision, compiled, mode ("forward" or "step"),
            batch, status, ratio; all of one batch.
        where: what it was measured on, for the title.

    Raises:
        ValueError: the rows are of several batches, or none has a ratio.
    """
    if rows["batch"].nunique() > 1:
        found = ", ".join(map(str, sorted(rows["batch"].unique())))
        raise ValueError(f"Rows of batches {found}: choose one, bars stand for one batch.")
    if rows["ratio"].notna().sum() == 0:
        raise ValueError("No row has a ratio: measure mmaction2 in float32 beside the others.")
    rows = rows[rows["ratio"].notna() | (rows["status"] != "ok")]  # the rest has nothing beside it
    rows = rows.assign(label=_labels(rows))
    by_mode = {mode: rows[rows["mode"] == mode].set_index("label") for mode in MODES}
    by_mode = {mode: some for mode, some in by_mode.items() if len(some)}
    speeds = pd.concat([some["ratio"].astype(float) for some in by_mode.values()], axis=1)
    order = speeds.ffill(axis=1).iloc[:, -1].sort_values(na_position="first").index
    fig = go.Figure()
    for mode, colour in reversed(list(zip(by_mode, OKABE_ITO, strict=False))):
        some = by_mode[mode].reindex(order)
        texts = [
            f"{ratio:.2f}" if pd.notna(ratio) else status
            for ratio, status in zip(some["ratio"], some["status"].fillna(""), strict=True)
        ]
        fig.add_bar(
            x=some["ratio"].fillna(0), y=list(order), orientation="h", name=MODES[mode],
            marker_color=colour, text=texts, textposition="outside", textfont_size=TYPE,
            cliponaxis=False,
        )  # fmt: skip
    fig.add_vline(x=1, line={"color": INK, "width": 1, "dash": "dot"}, layer="below")
    height = 150 + 25 * len(by_mode) * len(order)
    dress(fig, f"Speed on {where}", COLUMN, height, 1)
    fig.update_xaxes(title_text="times as fast as mmaction2, float32")
    fig.update_xaxes(range=[0, 1.15 * rows["ratio"].max()])
    fig.update_yaxes(**CATEGORIES)
    fig.update_layout(legend={"traceorder": "reversed"} | _under_title(height))
    return fig


def throughput(rows: pd.DataFrame, where: str) -> go.Figure:
    """Clips per second against the batch: a panel per mode and precision, a line per candidate.

    Lines end at the largest batch that found memory. Compiled candidates are dashed.

    Args:
        rows: columns implementation, scheme, precision, compiled, mode ("forward" or "step"),
            batch, status, clips_per_second.
        where: what it was measured on, for the title.

    Raises:
        ValueError: nothing was measured.
    """
    rows = rows[rows["status"] == "ok"]
    if rows.empty:
        raise ValueError("No row has a time: see the reasons in the table.")
    several = rows["scheme"].nunique() > 1
    rows = rows.assign(
        line=rows["implementation"] + (", " + rows["scheme"].map(_spoken) if several else "")
    )
    lines = list(dict.fromkeys(rows["line"]))
    modes = [mode for mode in MODES if mode in set(rows["mode"])]
    precisions = list(dict.fromkeys(rows["precision"]))
    fig = make_subplots(
        rows=len(precisions),
        cols=len(modes),
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.04,
        vertical_spacing=0.12 / len(precisions),
        subplot_titles=[f"{MODES[m]}, {p}" for p in precisions for m in modes],
    )
    shown = set()
    keys = ["precision", "mode", "line", "compiled"]
    for (precision, mode, line, compiled), some in rows.groupby(keys, sort=False):
        some = some.sort_values("batch")
        name = f"{line}, compiled" if compiled else line
        rank = lines.index(line)
        fig.add_scatter(
            x=some["batch"], y=some["clips_per_second"], mode="lines+markers", name=name,
            legendgroup=name, showlegend=name not in shown,
            line={"color": OKABE_ITO[rank % len(OKABE_ITO)], "dash": "dash" if compiled else None},
            marker={"symbol": SYMBOLS[rank % len(SYMBOLS)] + ("-open" if compiled else "")},
            row=precisions.index(precision) + 1, col=modes.index(mode) + 1,
        )  # fmt: skip
        shown.add(name)
    height = 110 + 260 * len(precisions)
    rows_of_legend = legend_rows(shown, PAGE)
    dress(fig, f"Speed on {where}", PAGE, height, rows_of_legend)
    fig.update_layout(margin_t=70 + 26 * rows_of_legend, legend=_under_title(height))
    fig.update_annotations(font_size=TYPE)
    fig.update_xaxes(type="log", tickvals=sorted(rows["batch"].unique()))
    fig.update_xaxes(title_text="clips in a batch", row=len(precisions))
    fig.update_yaxes(type="log", dtick=1, exponentformat="none")
    fig.update_yaxes(title_text="clips per second", col=1)
    return fig


def _under_title(height: int) -> dict:
    """A legend's place: from the left edge of the figure, whatever the width of its axes."""
    down = {"yref": "container", "y": 1 - 40 / height, "yanchor": "top"}
    return down | {"xref": "container", "x": 0.02}


def _labels(rows: pd.DataFrame) -> list[str]:
    """A name for each candidate, with its scheme where there are several."""
    several = rows["scheme"].nunique() > 1
    return [
        ", ".join(
            [row.implementation]
            + ([_spoken(row.scheme)] if several else [])
            + [row.precision]
            + (["compiled"] if row.compiled else [])
        )
        for row in rows.itertuples()
    ]


def _spoken(scheme: str) -> str:
    return scheme.replace("_space_time", "").replace("_", " ")
