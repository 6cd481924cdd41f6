"""Danger against no danger: what each threshold finds and falsely reports, and what errors cost."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from helpers.figures.style import COLUMN, GREY, INK, OKABE_ITO, dress

RECALL, ALARMS = OKABE_ITO[0], OKABE_ITO[1]


def trade_off(
    validation: pd.DataFrame, test: pd.DataFrame, threshold: float, limits: tuple[float, float]
) -> go.Figure:
    """Recall and false-alarm rate at every threshold, with the one that was chosen.

    Args:
        validation: columns threshold, recall, false_alarms.
        test: the same of the test part.
        threshold: the chosen one.
        limits: of the chosen one.
    """
    fig = go.Figure()
    fig.add_vrect(x0=limits[0], x1=limits[1], fillcolor=GREY, opacity=0.18, line_width=0)
    fig.add_vline(x=threshold, line={"color": INK, "width": 1.5})
    for column, name, colour in (
        ("recall", "recall", RECALL), ("false_alarms", "false-alarm rate", ALARMS)
    ):  # fmt: skip
        for rows, part, dash in ((test, "test", "solid"), (validation, "validation", "dot")):
            fig.add_scatter(
                x=rows["threshold"], y=rows[column], mode="lines", name=f"{name}, {part}",
                line={"color": colour, "dash": dash, "shape": "vh"},
            )  # fmt: skip
    right = threshold < 0.6
    fig.add_annotation(
        x=threshold, y=1.08, text=f"threshold {threshold:.3f}",
        xanchor="left" if right else "right", xshift=4 if right else -4,
    )  # fmt: skip
    dress(fig, "Alarm from which probability of danger on?", COLUMN, 500, 4)
    fig.update_xaxes(title_text="threshold on the probability of danger", range=[0, 1.01])
    fig.update_yaxes(title_text="share of clips", range=[0, 1.14])
    return fig


def costs(curve: pd.DataFrame, places: Mapping[str, float]) -> go.Figure:
    """Cost curves: the operating point, thresholds chosen at each place, and trivial rules.

    Args:
        curve: columns x, chosen, fixed, always, never.
        places: places on the axis by short names, such as "1 : 100", a miss and its false alarms.
    """
    fig = go.Figure()
    for name, column, line in (
        ("alarm on every clip", "always", {"color": GREY, "dash": "dash", "width": 1.5}),
        ("never alarm", "never", {"color": GREY, "dash": "dot", "width": 1.5}),
        ("operating point", "fixed", {"color": ALARMS}),
        ("threshold for each", "chosen", {"color": INK}),
    ):
        fig.add_scatter(x=curve["x"], y=curve[column], mode="lines", line=line, name=name)
    for name, x in places.items():
        fig.add_vline(x=x, line={"color": GREY, "width": 1})
        fig.add_annotation(x=x, y=0.6, text=name, yanchor="bottom")
    dress(fig, "What errors cost", COLUMN, 490, 3)
    fig.update_xaxes(title_text="weight of missed dangers, 0 to 1", range=[0, 1])
    fig.update_yaxes(title_text="cost (1: wrong on every clip)", range=[0, 0.6])
    fig.update_layout(legend_y=1.07)
    return fig
