"""What a model costs: multiply-adds, memory of a training step, time; scheme beside scheme."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.cost.limits import BUDGETS
from helpers.figures.style import (
    CATEGORIES,
    GREY,
    INK,
    OKABE_ITO,
    PAGE,
    dress,
    escape,
    legend_entry,
    legend_rows,
)
from helpers.models.patterns import SCHEME_NAMES
from helpers.models.transformer import SCHEMES

COLOURS = dict(zip(SCHEMES, OKABE_ITO, strict=False))
# Of schemes that cost the same, the later and thinner line lies on the earlier and thicker one.
WIDTHS = dict(zip(SCHEMES, (7.5, 3, 6.5, 2.5, 2.5), strict=True))
DASHES = {"fused": "solid", "stock": "dash"}
SYMBOLS = {"float32": "circle", "bfloat16": "diamond", "float16": "square"}


def multiply_adds(by_frames: pd.DataFrame, by_resolution: pd.DataFrame) -> go.Figure:
    """Multiply-adds of one view against frames and against resolution, as the paper's figure 3.

    Args:
        by_frames: rows of `cost_table` at one resolution.
        by_resolution: rows at one number of frames.

    Raises:
        ValueError: `by_frames` has several resolutions, or `by_resolution` several frames.
    """
    fig = _two_panels(by_frames, by_resolution)
    for column, (table, x) in enumerate(_panels(by_frames, by_resolution), start=1):
        for scheme, rows in _by_scheme(table.drop_duplicates(["scheme", x])):
            rows = rows.sort_values(x)
            fig.add_scatter(
                x=rows[x], y=rows["multiply_adds_g"], mode="lines+markers",
                line={"color": COLOURS[scheme]}, marker={"size": 8},
                name=SCHEME_NAMES[scheme], showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    dress(fig, "Multiply-adds of one view", PAGE, 440, 1)
    _log_axis(fig, pd.concat([by_frames, by_resolution])["multiply_adds_g"])
    fig.update_yaxes(title_text="multiply-adds (10⁹)", row=1, col=1)
    return fig


def training_memory(
    by_frames: pd.DataFrame, by_resolution: pd.DataFrame, budgets: Iterable[float] = BUDGETS
) -> go.Figure:
    """Peak memory of a training step: fused attention solid, stock dashed, GPUs as dotted lines.

    What is drawn is predicted; where `measured_peak_gb` has values, they are crosses.

    Args:
        by_frames: rows of `cost_table` at one resolution, in one precision and batch size.
        by_resolution: rows at one number of frames, in the same.
        budgets: memory of GPUs, GB.

    Raises:
        ValueError: rows of several precisions or batch sizes; or see `multiply_adds`.
    """
    both = pd.concat([by_frames, by_resolution])
    precision, batch = _only(both, "precision"), _only(both, "batch_size")
    fig = _two_panels(by_frames, by_resolution)
    for column, (table, x) in enumerate(_panels(by_frames, by_resolution), start=1):
        for scheme, rows in _by_scheme(table):
            for attention, line in rows.sort_values(x).groupby("attention", sort=False):
                fig.add_scatter(
                    x=line[x], y=line["peak_gb"], mode="lines", showlegend=False,
                    line={
                        "color": COLOURS[scheme], "dash": DASHES[attention],
                        "width": WIDTHS[scheme] if attention == "fused" else 2.5,
                    },
                    name=f"{SCHEME_NAMES[scheme]}, {attention}", row=1, col=column,
                )  # fmt: skip
                if "measured_peak_gb" in line and line["measured_peak_gb"].notna().any():
                    fig.add_scatter(
                        x=line[x], y=line["measured_peak_gb"], mode="markers", showlegend=False,
                        marker={"symbol": "x-thin", "size": 9, "line": _line(COLOURS[scheme])},
                        name=f"{SCHEME_NAMES[scheme]}, {attention}, measured", row=1, col=column,
                    )  # fmt: skip
    budgets = list(budgets)
    for budget in budgets:
        fig.add_hline(y=budget, line={"color": GREY, "width": 1.5, "dash": "dot"})
        fig.add_annotation(
            text=f"{budget:g} GB", x=1, xref="paper", xanchor="left", xshift=4,
            y=np.log10(budget), yref="y", yanchor="middle",
        )  # fmt: skip
    for scheme, _ in _by_scheme(both):
        line = {"color": COLOURS[scheme], "width": 3.5}
        fig.add_scatter(x=[None], y=[None], mode="lines", line=line, name=SCHEME_NAMES[scheme])
    for attention in (name for name in DASHES if name in set(both["attention"])):
        line = {"color": INK, "width": 2.5, "dash": DASHES[attention]}
        fig.add_scatter(x=[None], y=[None], mode="lines", line=line, name=f"{attention} attention")
    if "measured_peak_gb" in both and both["measured_peak_gb"].notna().any():
        fig.add_trace(legend_entry("measured", {"symbol": "x-thin", "line": _line(INK)}))
    title = f"Peak memory of a training step, predicted: {_clips(batch)}, {precision}"
    dress(fig, title, PAGE, 560, _legend_rows(fig))
    _log_axis(fig, pd.concat([both["peak_gb"], pd.Series(budgets)]))
    fig.update_yaxes(title_text="memory (GB)", row=1, col=1)
    fig.update_layout(margin_r=75)
    return fig


def latencies(table: pd.DataFrame) -> go.Figure:
    """Measured seconds of forward pass and training step: one row per scheme.

    The symbol is the precision; fused attention is filled, stock is open.

    Args:
        table: rows of `cost_table` with forward_s and step_s, of one size, batch size and device.
            Those that ran out of memory have no mark.

    Raises:
        ValueError: nothing was measured, or there are several sizes or devices.
    """
    if "step_s" not in table:
        raise ValueError("The table has no step_s: name `compute` in cost_table to measure.")
    frames, pixels, batch, device = (
        _only(table, name) for name in ("frames", "img_size", "batch_size", "device")
    )
    fig = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04)
    kinds = table[["attention", "precision"]].drop_duplicates().to_numpy().tolist()
    schemes = [scheme for scheme, _ in _by_scheme(table)]
    for place, kind in enumerate(kinds):
        rows = table[(table["attention"] == kind[0]) & (table["precision"] == kind[1])]
        colours = [COLOURS[scheme] for scheme in rows["scheme"]]
        height = (place - (len(kinds) - 1) / 2) * min(0.2, 0.7 / len(kinds))
        marker = {"symbol": _symbol(*kind), "size": 12}
        for column, name in enumerate(("forward_s", "step_s"), start=1):
            fig.add_scatter(
                x=rows[name], y=[schemes.index(scheme) + height for scheme in rows["scheme"]],
                mode="markers", marker=marker | {"color": colours, "line": _line(colours)},
                name=", ".join(kind), showlegend=False, row=1, col=column,
            )  # fmt: skip
        fig.add_trace(legend_entry(", ".join(kind), marker | {"color": INK, "line": _line(INK)}))
    title = f"Time of {_clips(batch)} of {frames}×{pixels} px on {escape(device)}"
    dress(fig, title, PAGE, 170 + 52 * len(schemes), _legend_rows(fig))
    fig.update_yaxes(
        tickvals=list(range(len(schemes))), ticktext=[SCHEME_NAMES[scheme] for scheme in schemes],
        range=[len(schemes) - 0.5, -0.5], **CATEGORIES,
    )  # fmt: skip
    fig.update_xaxes(rangemode="tozero")
    fig.update_xaxes(title_text="forward pass (s)", row=1, col=1)
    fig.update_xaxes(title_text="training step (s)", row=1, col=2)
    return fig


def _two_panels(by_frames: pd.DataFrame, by_resolution: pd.DataFrame) -> go.Figure:
    """Empty panels for memory or products against frames and against resolution.

    Both axes are logarithmic: what grows as a power is a straight line between few points.
    """
    fig = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05)
    fig.update_xaxes(type="log")
    at = f"frames, at {_only(by_frames, 'img_size')} px"
    fig.update_xaxes(title_text=at, tickvals=_ticks(by_frames["frames"]), row=1, col=1)
    at = f"height and width (px), at {_only(by_resolution, 'frames')} frames"
    fig.update_xaxes(title_text=at, tickvals=_ticks(by_resolution["img_size"]), row=1, col=2)
    return fig


def _panels(by_frames: pd.DataFrame, by_resolution: pd.DataFrame) -> tuple:
    return (by_frames, "frames"), (by_resolution, "img_size")


def _by_scheme(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The schemes of a table with their rows, in the order of the paper."""
    return [(s, table[table["scheme"] == s]) for s in SCHEMES if s in set(table["scheme"])]


def _only(table: pd.DataFrame, column: str):
    """The one value of a column."""
    values = sorted(set(table[column]))
    if len(values) != 1:
        told = ", ".join(map(str, values)) or "none"
        raise ValueError(f"{column} has to have one value in this figure, not {told}: select rows.")
    return values[0]


def _ticks(values: pd.Series) -> list[int]:
    return sorted(set(values))


def _log_axis(fig: go.Figure, values: pd.Series) -> None:
    """A logarithmic y axis around the values, with ticks at 1, 2, 5, 10, 20, 50, …"""
    low, high = np.log10(values.min()) - 0.06, np.log10(values.max()) + 0.06
    ticks = [n * 10.0**power for power in range(-6, 9) for n in (1, 2, 5)]
    text = [f"{tick:,g}" if tick < 1e5 else f"{tick:.0e}" for tick in ticks]
    fig.update_yaxes(type="log", range=[low, high], tickvals=ticks, ticktext=text)


def _legend_rows(fig: go.Figure) -> int:
    return legend_rows([t.name for t in fig.data if t.showlegend is not False], PAGE)


def _symbol(attention: str, precision: str) -> str:
    return SYMBOLS[precision] + ("" if attention == "fused" else "-open")


def _line(colour: str | list[str]) -> dict:
    return {"width": 2.5, "color": colour}


def _clips(count: int) -> str:
    return f"{count} clip" if count == 1 else f"{count} clips"
