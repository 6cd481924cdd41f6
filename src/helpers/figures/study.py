"""The study of schemes and positional embeddings in pictures, beside the paper's tables 1 and 4."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.evaluation.study import COUNTERPARTS, NAMES, PAPER_TABLES, REFERENCES
from helpers.figures.style import (
    CATEGORIES,
    COLUMN,
    COUNTS,
    GREY,
    INK,
    OKABE_ITO,
    PAGE,
    TYPE,
    dress,
    escape,
    legend_entry,
)

BLUE, VERMILION = OKABE_ITO[:2]
TITLES = {"attention_type": "attention schemes", "positional_embedding": "positional embeddings"}
CHANCE = {"color": GREY, "width": 2, "dash": "dash"}
SEED = {"symbol": "line-ns", "size": 11, "line": {"color": GREY, "width": 2}}
PAPERS = {"symbol": "diamond-open", "size": 11, "color": VERMILION, "line": {"width": 2.5}}
NOT_TRAINED = "#EFEFEF"


def accuracies(table: pd.DataFrame, trainings: pd.DataFrame, varied: str) -> go.Figure:
    """Top-1 with its interval, one panel per label set, one row per level of what is varied.

    Args:
        table: from `table_of`.
        trainings: of the study: each seed is a faint mark.
        varied: "attention_type" or "positional_embedding".
    """
    (fixed,) = set(REFERENCES) - {varied}
    trainings = trainings[trainings[fixed] == REFERENCES[fixed]]
    fig, levels = _panels(table, varied)
    for column, (labels, rows) in enumerate(table.groupby("labels", sort=False), start=1):
        rows = rows.assign(row=[levels.index(level) for level in rows[varied]])
        chance = 100 * rows["chance"].iloc[0]
        _line(fig, column, len(levels), chance, CHANCE)
        seeds = trainings[trainings["labels"] == labels]
        fig.add_scatter(
            x=100 * seeds["top1"], y=[levels.index(level) + 0.24 for level in seeds[varied]],
            mode="markers", showlegend=False, row=1, col=column,
            marker=SEED, hovertemplate="%{x:.1f} %<extra>a seed</extra>",
        )  # fmt: skip
        trained = rows[rows["seeds"] > 0]
        _dots(fig, column, 100 * trained[["value", "low", "high"]], trained["row"], BLUE)
        for row in trained.itertuples():
            fig.add_annotation(
                x=100 * row.value, y=row.row, text=f"{100 * row.value:.1f}", yshift=17, row=1,
                col=column,
            )  # fmt: skip
        _name_missing(fig, column, rows)
        ends = pd.concat([100 * trained["low"], 100 * trained["high"], 100 * seeds["top1"]])
        low, high = min(chance, ends.min()), max(chance, ends.max())
        reach = max(high - low, 5)
        fig.update_xaxes(
            title_text="top-1 (%)", range=[low - 0.07 * reach, high + 0.07 * reach], col=column
        )
    for name, marker in (
        ("mean of seeds, 95 % interval", {"size": 11, "color": BLUE}),
        ("one seed", SEED),
    ):
        fig.add_trace(legend_entry(name, marker))
    fig.add_scatter(
        x=[None], y=[None], mode="lines", name="chance", line=CHANCE,
    )  # fmt: skip
    return _finish(fig, f"Top-1 of {TITLES[varied]}", len(levels))


def beside_paper(differences: pd.DataFrame, varied: str) -> go.Figure:
    """What each level gains or loses against the reference, here and in the paper.

    Args:
        differences: of top-1, from `helpers.evaluation.study.differences`.
        varied: "attention_type" or "positional_embedding".
    """
    fig, levels = _panels(differences, varied, COUNTERPARTS)
    for column, (_, rows) in enumerate(differences.groupby("labels", sort=False), start=1):
        rows = rows.assign(row=[levels.index(level) for level in rows[varied]])
        _line(fig, column, len(levels), 0, {"color": INK, "width": 1})
        for shown in (True, False):
            found = rows["finding"].isin(
                ["holds", "reversed", "differs"] if shown else ["not shown"]
            )
            _dots(
                fig, column, 100 * rows.loc[found, ["value", "low", "high"]], rows[found]["row"],
                BLUE, filled=shown,
            )  # fmt: skip
        fig.add_scatter(
            x=100 * rows["paper"], y=rows["row"] + 0.26, mode="markers", showlegend=False,
            marker=PAPERS, row=1, col=column, hovertemplate="%{x:+.1f}<extra>paper</extra>",
        )  # fmt: skip
        _name_missing(fig, column, rows)
        ends = 100 * np.nan_to_num(rows[["value", "low", "high", "paper"]].to_numpy(float))
        low, high = min(ends.min(), 0), max(ends.max(), 0)
        reach = max(high - low, 2)
        fig.update_xaxes(
            title_text=f"top-1 minus that of {NAMES[REFERENCES[varied]]} (points)",
            range=[low - 0.08 * reach, high + 0.08 * reach],
            col=column,
        )
    entries = {"here, significant": {"size": 11, "color": BLUE}, "here, not shown": _open(BLUE)}
    if differences["paper"].notna().any():
        entries[f"the paper's {PAPER_TABLES[varied]}"] = PAPERS
    for name, marker in entries.items():
        fig.add_trace(legend_entry(name, marker))
    return _finish(fig, f"Differences between {TITLES[varied]}", len(levels))


def heatmap(cells: pd.DataFrame) -> go.Figure:
    """Top-1 of every cell of the grid with its interval; a cell that was not trained is grey.

    Args:
        cells: from `helpers.evaluation.study.cells`.
    """
    names = list(dict.fromkeys(cells["labels"]))
    schemes, positions = (
        list(dict.fromkeys(cells[key])) for key in ("attention_type", "positional_embedding")
    )
    fig = make_subplots(
        1, len(names), shared_yaxes=True, horizontal_spacing=0.03,
        subplot_titles=[escape(name) for name in names],
    )  # fmt: skip
    values = 100 * cells["value"]
    low, high = np.nanmin(values), np.nanmax(values)
    low = min(low, high - 10)  # so that small differences look small
    for column, (_, rows) in enumerate(cells.groupby("labels", sort=False), start=1):
        grid = rows.pivot(index="attention_type", columns="positional_embedding")
        z = 100 * grid["value"].loc[schemes, positions].to_numpy(float)
        fig.add_heatmap(
            z=z, x=[NAMES[p] for p in positions], y=[NAMES[s] for s in schemes], zmin=low,
            zmax=high, colorscale=COUNTS, xgap=3, ygap=3, showscale=column == 1,
            colorbar={"title": {"text": "top-1 (%)"}}, hoverongaps=False, row=1, col=column,
            hovertemplate="%{y}, %{x}: %{z:.1f} %<extra></extra>",
        )  # fmt: skip
        for row in rows.itertuples():
            dark = row.seeds and 100 * row.value > low + 0.55 * (high - low)
            text = "not<br>trained"
            if row.seeds:
                text = f"<b>{100 * row.value:.1f}</b><br>{100 * row.low:.1f}–{100 * row.high:.1f}"
            fig.add_annotation(
                x=NAMES[row.positional_embedding], y=NAMES[row.attention_type], text=text,
                font={"color": "white" if dark else INK if row.seeds else GREY}, row=1, col=column,
            )  # fmt: skip
    wide = PAGE if len(names) > 1 else COLUMN
    dress(fig, "Top-1 (%) and its 95 % interval", wide, 180 + 62 * len(schemes))
    fig.update_layout(margin_t=86, plot_bgcolor=NOT_TRAINED)
    fig.update_xaxes(title_text="positional embedding", **CATEGORIES, showline=False)
    fig.update_yaxes(**CATEGORIES, showline=False, autorange="reversed")
    return fig


def _open(colour: str) -> dict:
    return {"size": 11, "color": "white", "line": {"color": colour, "width": 2.5}}


def _panels(
    table: pd.DataFrame, varied: str, beside: Mapping[str, str] = MappingProxyType({})
) -> tuple[go.Figure, list[str]]:
    """A panel per label set with one row per level; the levels, from top to bottom.

    `beside` names the data of the paper that a label set is held against.
    """
    names, levels = (list(dict.fromkeys(table[key])) for key in ("labels", varied))
    titles = [f"{escape(n)}, beside {beside[n]}" if n in beside else escape(n) for n in names]
    fig = make_subplots(
        1, len(names), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=titles
    )
    fig.update_yaxes(
        tickvals=list(range(len(levels))), ticktext=[NAMES[level] for level in levels],
        range=[len(levels) - 0.5, -0.6], **CATEGORIES,
    )  # fmt: skip
    return fig, levels


def _dots(
    fig: go.Figure, column: int, rows: pd.DataFrame, at: pd.Series, colour: str, filled: bool = True
) -> None:
    """Values with their limits; columns value, low, high."""
    fig.add_scatter(
        x=rows["value"], y=at, mode="markers", showlegend=False, row=1, col=column,
        marker={"size": 11, "color": colour} if filled else _open(colour),
        error_x={
            "array": rows["high"] - rows["value"], "arrayminus": rows["value"] - rows["low"],
            "color": colour, "thickness": 2, "width": 6,
        },
        hovertemplate="%{x:.1f}<extra></extra>",
    )  # fmt: skip


def _name_missing(fig: go.Figure, column: int, rows: pd.DataFrame) -> None:
    """Say in the middle of the panel which rows were not trained."""
    axis = "" if column == 1 else str(column)
    for row in rows.loc[rows["seeds"] == 0, "row"]:
        fig.add_annotation(
            x=0.5, xref=f"x{axis} domain", y=row, yref=f"y{axis}", text="not trained",
            font={"color": GREY}, bgcolor="white",
        )  # fmt: skip


def _line(fig: go.Figure, column: int, levels: int, x: float, line: dict) -> None:
    """A line across all rows of a panel; a trace, since a shape would lie under the grid."""
    fig.add_scatter(
        x=[x, x], y=[-0.6, levels - 0.5], mode="lines", line=line, showlegend=False,
        hoverinfo="skip", row=1, col=column,
    )  # fmt: skip


def _finish(fig: go.Figure, title: str, levels: int) -> go.Figure:
    """Look and size; the legend stands between the title and the panels' names."""
    width = PAGE if "xaxis2" in fig.layout else COLUMN
    entries = [trace.name for trace in fig.data if trace.showlegend is not False]
    room = 26 * (1 if width == PAGE else len(entries)) + 6
    height = 164 + room + 58 * levels
    dress(fig, title, width, height)
    fig.update_layout(
        margin_t=78 + room,
        showlegend=True,
        legend={"xref": "container", "x": 0.01, "yref": "container", "y": 1 - 42 / height}
        | {"yanchor": "top", "itemclick": False, "itemdoubleclick": False},
    )
    fig.update_annotations(font_size=TYPE)
    return fig
