"""The run's own log as tables."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from helpers.training.gradients import PREFIX


def read_scalars(folder: Path) -> pd.DataFrame:
    """Read what mmengine logged over all resumptions of a training.

    Each start has a folder of its own, named by its time. Where a resumed training repeats
    iterations that a cut one had done, the later values stand.

    Args:
        folder: of the training.

    Returns:
        One row per value: `part` (train or val), `epoch` (fraction of epochs done), `step`
        (iteration; of a validation the epoch), `name` (loss, lr, grad_norm, top1,
        mean_class_accuracy), `value`. Sorted by part and step.

    Raises:
        FileNotFoundError: nothing was logged.
    """
    values: dict[tuple[str, int, str], tuple[float, float]] = {}
    for entry in _entries(folder):
        for name, value in entry.items():
            if name in _NAMES and ("loss" in entry) == (_NAMES[name][0] == "train"):
                part, short = _NAMES[name]
                values[part, entry["step"], short] = (entry.get("epoch", entry["step"]), value)
    if not values:
        raise FileNotFoundError(f"{folder}: its log holds no values yet; train on.")
    rows = [
        {"part": part, "epoch": epoch, "step": step, "name": name, "value": value}
        for (part, step, name), (epoch, value) in values.items()
    ]
    table = pd.DataFrame(rows).sort_values(["part", "step", "name"], ignore_index=True)
    return _fraction_of_epochs(table)


def read_gradients(folder: Path) -> pd.DataFrame:
    """Read the norm of each layer's gradient, as it was before clipping.

    Args:
        folder: of the training.

    Returns:
        One row per value: step (iteration), layer, norm; the layers as `layer_of` names them, in
        the order in which the network has them. Empty where none was logged.

    Raises:
        FileNotFoundError: nothing was logged.
    """
    values = {
        (entry["step"], name.removeprefix(PREFIX)): value
        for entry in _entries(folder)
        for name, value in entry.items()
        if name.startswith(PREFIX)
    }
    rows = [(step, layer, norm) for (step, layer), norm in values.items()]
    table = pd.DataFrame(rows, columns=["step", "layer", "norm"])
    ranks = {layer: _rank(layer) for layer in table["layer"].unique()}
    order = table["layer"].map(ranks)
    return table.assign(order=order).sort_values(["order", "step"], ignore_index=True)[
        ["step", "layer", "norm"]
    ]


def _rank(layer: str) -> tuple[int, int]:
    """Place of a layer on the way from pixels to scores."""
    kind, _, number = layer.partition(" ")
    return ("stem", "stage", "tokens", "attention", "head").index(kind), int(number or 0)


def _entries(folder: Path) -> Iterator[dict]:
    """What was logged, over all starts of a training."""
    files = sorted(folder.glob("*/vis_data/scalars.json"))
    if not files:
        raise FileNotFoundError(f"{folder}: no log (*/vis_data/scalars.json); train first.")
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a start that was killed while writing it


_NAMES = {
    "loss": ("train", "loss"),
    "lr": ("train", "lr"),
    "grad_norm": ("train", "grad_norm"),
    "acc/top1": ("val", "top1"),
    "acc/mean1": ("val", "mean_class_accuracy"),
}


def _fraction_of_epochs(table: pd.DataFrame) -> pd.DataFrame:
    """Turn mmengine's epoch number, which counts the running epoch, into epochs done."""
    training = table["part"] == "train"
    losses = table[training & (table["name"] == "loss")]
    if losses.empty:
        return table
    last, first = losses.iloc[-1], losses.groupby("epoch")["step"].min()
    per_epoch = last["step"] / last["epoch"]
    if len(first) > 1:  # each epoch is first logged at the same place in it
        epochs = first.index[-1] - first.index[0]
        per_epoch = (first.iloc[-1] - first.iloc[0]) / epochs
    table["epoch"] = table["epoch"].astype(float)
    table.loc[training, "epoch"] = table.loc[training, "step"] / per_epoch
    return table
