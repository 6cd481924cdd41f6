"""The run's own log as tables."""

import json
from pathlib import Path

import pandas as pd


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
    files = sorted(folder.glob("*/vis_data/scalars.json"))
    if not files:
        raise FileNotFoundError(f"{folder}: no log (*/vis_data/scalars.json); train first.")
    values: dict[tuple[str, int, str], tuple[float, float]] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a start that was killed while writing it
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
