"""How training went: loss, accuracy and learning rate over the epochs."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from helpers.figures.style import COLUMN, GREY, INK, OKABE_ITO, dress

NAMES = {
    "acc/top1": "top-1",
    "acc/mean1": "mean class accuracy",
    "top1": "top-1",
    "mean_class_accuracy": "mean class accuracy",
    "macro_f1": "macro F1",
}


def curves(
    scalars: pd.DataFrame,
    loss: str = "loss",
    accuracies: Sequence[str] = ("acc/top1", "acc/mean1"),
    rate: str | None = None,
) -> go.Figure:
    """Loss on the train part over accuracy on the val part, and the learning rate if named.

    Loss is shown as it was (faint) and as an running mean over a twentieth of the steps.

    Args:
        scalars: columns epoch, step, name, value; `step` counts steps of the optimizer over the
            whole training for the loss and the rate. Accuracies are placed at the end of `epoch`.
        loss: name of the loss in `scalars`.
        accuracies: names of the accuracies; those that never occur are left out.
        rate: name of the learning rate; None leaves its panel out.

    Raises:
        ValueError: `scalars` has no row of that loss.
    """
    names = set(scalars["name"])
    if loss not in names:
        raise ValueError(f"No scalar {loss!r} was logged, only {', '.join(sorted(names))}.")
    panels = 3 if rate in names else 2
    fig = make_subplots(rows=panels, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    x, values = _over_epochs(scalars, loss)
    smooth = values.rolling(max(5, len(values) // 20), center=True, min_periods=1).mean()
    fig.add_scatter(
        x=x, y=values, mode="lines", line={"color": GREY, "width": 1}, opacity=0.5,
        name="train loss per step", showlegend=False, row=1, col=1,
    )  # fmt: skip
    fig.add_scatter(
        x=x, y=smooth, mode="lines", line={"color": INK}, name="train loss", showlegend=False,
        row=1, col=1,
    )  # fmt: skip
    for name, colour, dash in zip(accuracies, OKABE_ITO, ("solid", "dot") * 4, strict=False):
        rows = scalars[scalars["name"] == name]
        if len(rows):
            fig.add_scatter(
                x=rows["epoch"], y=rows["value"] * 100, mode="lines+markers",
                line={"color": colour, "dash": dash}, marker={"size": 7},
                name=NAMES.get(name, name), row=2, col=1,
            )  # fmt: skip
    if panels == 3:
        x, values = _over_epochs(scalars, rate)
        fig.add_scatter(
            x=x, y=values, mode="lines", line={"color": INK}, showlegend=False, row=3, col=1
        )
        fig.update_yaxes(title_text="learning rate", exponentformat="power", row=3, col=1)
    dress(fig, "Training", COLUMN, 100 + 190 * panels, 1)
    epochs = int(scalars["epoch"].max())
    fig.update_xaxes(range=[0, epochs + 0.3], dtick=max(1, round(epochs / 6)))
    fig.update_xaxes(title_text="epoch", row=panels, col=1)
    fig.update_yaxes(title_text="train loss", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text="val accuracy (%)", row=2, col=1)
    return fig


def _over_epochs(scalars: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series]:
    """Where in the epochs (1.0: the end of the first) a scalar was logged, and its values."""
    rows = scalars[scalars["name"] == name].sort_values("step")
    steps_per_epoch = rows["step"].max() / rows["epoch"].max()
    return rows["step"] / steps_per_epoch, rows["value"]
