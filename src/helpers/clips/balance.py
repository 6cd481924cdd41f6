"""How evenly classes and recordings fill the parts of the split, and what evens them out."""

from collections.abc import Sequence

import pandas as pd

from helpers.clips.split import PARTS


def class_weights(counts: Sequence[int]) -> list[float]:
    """Weights that give every class the same say: n / (classes · n_class), mean 1 over clips.

    Args:
        counts: training clips per class.

    Raises:
        ValueError: a class without a training clip.
    """
    if min(counts) == 0:
        raise ValueError(f"A class has no clip to train on (clips per class: {list(counts)}).")
    return [sum(counts) / (len(counts) * count) for count in counts]


def weight_table(split: pd.DataFrame) -> pd.DataFrame:
    """The weights of the classes in training.

    Args:
        split: columns label, split.

    Returns:
        label, clips (for training), weight (see `class_weights`); sorted by label.

    Raises:
        ValueError: a class without a training clip.
    """
    train = split.loc[split["split"] == "train", "label"]
    counts = train.value_counts().reindex(sorted(split["label"].unique()), fill_value=0)
    weights = class_weights(counts.tolist())
    return pd.DataFrame({"label": counts.index, "clips": counts.to_numpy(), "weight": weights})


def recordings_by_class(split: pd.DataFrame) -> pd.DataFrame:
    """Recordings that hold clips of a class, by part.

    Args:
        split: columns label, group, split.

    Returns:
        int table [label, part], with zeros; the parts that occur, in the order of `PARTS`.
    """
    counts = split.groupby(["label", "split"])["group"].nunique().unstack(fill_value=0)
    counts = counts[[part for part in PARTS if part in counts]]
    return counts.rename_axis(columns=None)


def share_of_one_class(split: pd.DataFrame) -> float:
    """Share of the clips whose recording holds clips of one class alone.

    Of such a recording, whatever can be recognised in it (place, light, camera) tells the class.
    Recordings of a single clip count too.

    Args:
        split: columns label, group.
    """
    classes = split.groupby("group")["label"].transform("nunique")
    return float((classes == 1).mean())
