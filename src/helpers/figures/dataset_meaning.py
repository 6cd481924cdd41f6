"""What a data set's numbers mean: nuisance that tells the class, and frames against motion."""

import pandas as pd
import plotly.graph_objects as go

from helpers.figures.style import CATEGORIES, COLUMN, FAINT, GREY, INK, OKABE_ITO, dress, escape

NAMES = {
    "red": "mean red",
    "green": "mean green",
    "blue": "mean blue",
    "bytes": "bytes",
    "fps": "frame rate",
}
"""Names of features whose columns are called otherwise."""


def nuisance(table: pd.DataFrame, chance: float, margin: float) -> go.Figure:
    """How well numbers that know nothing of the action tell the class, beside chance.

    Args:
        table: columns feature, value, low, high (mean class accuracy), as of
            `helpers.evaluation.nuisance`; the first row is drawn in black.
        chance: of guessing.
        margin: above chance up to which the numbers are said to tell little; it is shaded.
    """
    names = [escape(NAMES.get(name, name)) for name in table["feature"]]
    value, low, high = (100 * table[name].to_numpy() for name in ("value", "low", "high"))
    fig = go.Figure(
        go.Scatter(
            x=value,
            y=names,
            mode="markers",
            error_x={
                "type": "data",
                "array": high - value,
                "arrayminus": value - low,
                "color": GREY,
                "thickness": 2,
                "width": 5,
            },
            marker={"color": [INK] + [OKABE_ITO[0]] * (len(names) - 1), "size": 11},
            showlegend=False,
        )
    )
    for name, v, end in zip(names, value, high, strict=True):
        fig.add_annotation(
            x=end, y=name, text=f"{v:.0f}", xanchor="left", xshift=6, showarrow=False
        )
    span = {"x0": 100 * chance, "x1": 100 * (chance + margin)}
    fig.add_vrect(**span, fillcolor=FAINT, line_width=0, layer="below")
    fig.add_vline(x=100 * chance, line={"color": INK, "width": 1.5, "dash": "dash"})
    fig.add_annotation(
        x=100 * chance, y=1, yref="paper", yanchor="bottom", xanchor="left",
        text=f"chance {100 * chance:.0f}", showarrow=False,
    )  # fmt: skip
    dress(fig, "What nuisance alone tells", COLUMN, 150 + 40 * len(names))
    fig.update_layout(margin_t=72)
    top = max(100 * (chance + margin), high.max()) * 1.12
    fig.update_xaxes(title_text="mean class accuracy (%)", range=[0, min(108, top)])
    fig.update_yaxes(range=[len(names) - 0.4, -0.8], **CATEGORIES)
    return fig


def intervals(clips: pd.DataFrame, time_scale: pd.Series) -> go.Figure:
    """Seconds between the frames that a network sees, above the time scale of the motion.

    A bar holds nine clips in ten, its tick is the median.

    Args:
        clips: per clip and number of frames: columns seen, seconds; as of
            `helpers.clips.sampling.uniform_intervals`.
        time_scale: seconds, one per clip; missing ones are left out.
    """
    rows = {f"{n} frames": own["seconds"] for n, own in clips.groupby("seen")}
    motion = time_scale.dropna()
    if len(motion):
        rows["motion"] = motion
    fig = go.Figure()
    for name, values in rows.items():
        low, median, high = values.quantile([0.05, 0.5, 0.95])
        colour = OKABE_ITO[1] if name == "motion" else OKABE_ITO[0]
        fig.add_scatter(
            x=[low, high], y=[name, name], mode="lines", line={"color": colour, "width": 14},
            opacity=0.45, hoverinfo="x",
        )  # fmt: skip
        fig.add_scatter(
            x=[median], y=[name], mode="markers+text", text=[f"{median:.2f} s"],
            textposition="top center", cliponaxis=False,
            marker={"symbol": "line-ns", "size": 18, "line": {"color": colour, "width": 4}},
        )  # fmt: skip
    if len(motion):
        line = {"color": OKABE_ITO[1], "width": 1.5, "dash": "dash"}
        fig.add_vline(x=motion.median(), line=line)
    dress(fig, "Time between the frames seen", COLUMN, 130 + 56 * len(rows))
    fig.update_layout(showlegend=False)
    longest = max(values.quantile(0.95) for values in rows.values())
    fig.update_xaxes(title_text="seconds", range=[0, 1.06 * longest])
    fig.update_yaxes(range=[len(rows) - 0.5, -0.8], **CATEGORIES)
    return fig
