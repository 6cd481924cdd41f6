"""What was found in recordings: timelines beside the truth, film strips, thresholds, speed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.detection.events import scores_of
from helpers.detection.rules import Rule
from helpers.detection.sliding import Spent
from helpers.detection.timeline import Timeline
from helpers.figures.pictures import Picture, picture_grid
from helpers.figures.style import (
    COLUMN,
    FAINT,
    GREY,
    INK,
    OKABE_ITO,
    PAGE,
    class_colours,
    dress,
    escape,
    legend_rows,
)

BAR = 0.34
"""Half the height of a bar of events, in rows."""


def timeline(
    found: Timeline, events: pd.DataFrame, rule: Rule, title: str, truth: pd.DataFrame | None = None
) -> go.Figure:
    """Probabilities over a recording, and below them true and detected events as bars.

    Args:
        found: the timeline.
        events: columns start, end, label, peak of the detected events.
        rule: that they were found by; its thresholds are drawn.
        title: of the figure.
        truth: columns start, end, label of the true events; None where they are not known.
    """
    means, score = scores_of(found, rule)
    cells, colours = found.cells, class_colours(found.classes)
    middles = (cells[1:] + cells[:-1]) / 2
    fig = go.Figure()
    for name, values in zip(rule.events, means.T, strict=True):
        fig.add_scatter(
            x=middles, y=values, mode="lines", name=escape(name),
            line={"color": colours[name], "width": 2},
        )  # fmt: skip
    fig.add_scatter(
        x=middles, y=score, mode="lines", name="score", line={"color": INK, "width": 1.2},
    )  # fmt: skip
    for name, value, dash in (("begin", rule.begin, "dash"), ("end", rule.end, "dot")):
        fig.add_shape(
            type="line", x0=0, x1=1, xref="x domain", y0=value, y1=value,
            line={"color": GREY, "width": 1.5, "dash": dash},
        )  # fmt: skip
        fig.add_annotation(
            x=1, xref="x domain", xanchor="left", xshift=4, y=value, text=name,
            yanchor="bottom" if name == "begin" else "top",
        )  # fmt: skip
    rows = {"detected": events} if truth is None else {"true": truth, "detected": events}
    for place, (name, table) in enumerate(rows.items()):
        _bars(fig, table, len(rows) - 1 - place, colours, name)
    entries = [*rule.events, "score"]
    lines = legend_rows(entries, PAGE)
    dress(fig, title, PAGE, 330 + 34 * len(rows) + 26 * lines, lines)
    low = 0.1 * len(rows) + 0.06
    fig.update_layout(
        margin_r=64,
        xaxis={"title": {"text": "seconds"}, "range": [0, found.seconds], "anchor": "y2"},
        yaxis={"title": {"text": "probability"}, "range": [0, 1.02], "domain": [low, 1]},
        yaxis2={
            "domain": [0, low - 0.05], "range": [-0.5, len(rows) - 0.5], "showgrid": False,
            "tickvals": list(range(len(rows))), "ticktext": list(rows)[::-1], "ticks": "",
            "showline": False, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    return fig


def _bars(fig: go.Figure, table: pd.DataFrame, row: int, colours: dict, name: str) -> None:
    """Events of one kind as rectangles in the lower axes."""
    fig.add_shape(
        type="rect", x0=0, x1=1, xref="x domain", yref="y2", y0=row - BAR, y1=row + BAR,
        fillcolor=FAINT, line_width=0, layer="below",
    )  # fmt: skip
    fig.add_scatter(  # what says the event under the pointer, and brings the axes into being
        x=(table["start"] + table["end"]) / 2, y=[row] * len(table), yaxis="y2", mode="markers",
        marker={"opacity": 0}, showlegend=False,
        text=[f"{name}: {escape(e.label)}, {e.start:.1f} to {e.end:.1f} s"
              for e in table.itertuples()],
        hoverinfo="text",
    )  # fmt: skip
    for event in table.itertuples():
        fig.add_shape(
            type="rect", x0=event.start, x1=event.end, yref="y2", y0=row - BAR, y1=row + BAR,
            fillcolor=colours[event.label], line={"color": "white", "width": 1},
        )  # fmt: skip


def film_strip(
    frames: Sequence[np.ndarray], times: Sequence[float], scores: Sequence[float], title: str
) -> go.Figure:
    """Frames of a stretch, each with its time and the probability of the event's class."""
    pictures = [
        Picture(frame, f"{time:.1f} s, p = {score:.2f}")
        for frame, time, score in zip(frames, times, scores, strict=True)
    ]
    return picture_grid(pictures, min(len(pictures), 4), title)


MEASURES = {
    "mAP@0.5": "mAP at IoU 0.5",
    "missed": "missed events",
    "false alarms an hour": "false alarms<br>an hour",
}
PARAMETERS = {
    "begin": "begin (score)",
    "end / begin": "end / begin",
    "smooth": "smooth (s)",
    "shortest": "shortest (s)",
    "gap": "gap (s)",
}


def sweep(table: pd.DataFrame) -> go.Figure:
    """What each parameter of the rule does; a ring marks what was chosen.

    Args:
        table: from `helpers.detection.effects.sweep`.
    """
    fig = make_subplots(
        len(MEASURES), len(PARAMETERS), shared_xaxes="columns", shared_yaxes="rows",
        horizontal_spacing=0.02, vertical_spacing=0.05,
    )  # fmt: skip
    for column, (parameter, name) in enumerate(PARAMETERS.items(), start=1):
        rows = table[table["parameter"] == parameter]
        chosen = rows[rows["chosen"]]
        for row, (measure, colour) in enumerate(zip(MEASURES, OKABE_ITO, strict=False), start=1):
            fig.add_scatter(
                x=rows["value"], y=rows[measure], mode="lines+markers", showlegend=False,
                line={"color": colour}, marker={"size": 6}, row=row, col=column,
            )  # fmt: skip
            fig.add_scatter(
                x=chosen["value"], y=chosen[measure], mode="markers", showlegend=False,
                marker={"size": 14, "color": INK, "symbol": "circle-open", "line_width": 2},
                row=row, col=column,
            )  # fmt: skip
        fig.update_xaxes(title_text=name, row=len(MEASURES), col=column)
    dress(fig, "What each parameter does (ring: the rule that was used)", PAGE, 620)
    for row, (measure, name) in enumerate(MEASURES.items(), start=1):
        top = max(1.0 if measure == "mAP@0.5" else float(table[measure].max()), 1.0)
        fig.update_yaxes(range=[-0.06 * top, 1.08 * top], row=row)
        fig.update_yaxes(title_text=name, row=row, col=1)
    return fig


def where_time_goes(spent: Spent) -> go.Figure:
    """Milliseconds per frame of the recording that decoding, scaling and the model take."""
    stages = {"decode": spent.decode, "transform": spent.transform, "model": spent.model}
    each = {name: 1000 * value / max(spent.frames, 1) for name, value in stages.items()}
    fig = go.Figure()
    for (name, value), colour in zip(each.items(), OKABE_ITO, strict=False):
        fig.add_bar(
            x=[value], y=["frame"], orientation="h", name=f"{name} {value:.2f} ms",
            marker_color=colour,
        )  # fmt: skip
    dress(fig, "Where the time of a frame goes", COLUMN, 230, 2)
    fig.update_layout(barmode="stack", bargap=0.45)
    fig.update_xaxes(title_text="milliseconds a frame")
    fig.update_yaxes(visible=False)
    return fig
