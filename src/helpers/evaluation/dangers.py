"""Danger against no danger: which classes are dangers, and how probable a danger is in a clip."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from helpers.evaluation.metrics import PROBABILITY, classes_of

NO_DANGER = frozenset(
    (
        *("other", "others", "none", "no", "normal", "negative", "background", "nothing", "idle"),
        *("no danger", "not dangerous", "safe", "no hazard", "no event", "no action", "neutral"),
    )
)
"""Names of a class that is no danger, in small letters, with blanks for - and _."""


def choose_dangers(classes: Sequence[str], asked: str | Iterable[str] = "") -> list[str]:
    """The classes that are dangers.

    Args:
        classes: of the model.
        asked: names, or one text with commas between them. Empty: all classes but those whose name
            says that there is none (`NO_DANGER`), and no class at all where none has such a name:
            which of them are dangers, then only the user knows.

    Returns:
        Sorted names; empty where nothing tells danger from no danger.

    Raises:
        ValueError: a name is no class, or every class is asked for, which leaves nothing to tell
            them from.
    """
    names = asked.split(",") if isinstance(asked, str) else asked
    names = sorted({name.strip() for name in names} - {""})
    if unknown := sorted(set(names) - set(classes)):
        raise ValueError(
            f"DANGERS: {', '.join(map(repr, unknown))} is no class. Choose from "
            f"{', '.join(classes)}."
        )
    if names and set(names) == set(classes):
        raise ValueError("DANGERS: every class is a danger. Leave out those that are none.")
    if names:
        return names
    harmless = {name for name in classes if _plain(name) in NO_DANGER}
    return sorted(set(classes) - harmless) if harmless else []


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())


def danger_of(table: pd.DataFrame, dangers: Sequence[str]) -> pd.DataFrame:
    """Truth and score of the question whether a clip shows a danger.

    Args:
        table: predictions.
        dangers: classes that are dangers.

    Returns:
        path, group, danger (whether the true class is one), score (sum of the probabilities of the
        dangers, 0 to 1), in the table's order.

    Raises:
        ValueError: a danger is no class of the table.
    """
    if missing := sorted(set(dangers) - set(classes_of(table))):
        raise ValueError(f"No class {', '.join(missing)} in the table: give dangers that it has.")
    columns = [PROBABILITY + name for name in dangers]
    return pd.DataFrame(
        {
            "path": table["path"],
            "group": table["group"],
            "danger": table["label"].isin(list(dangers)),
            "score": np.minimum(table[columns].sum(axis=1), 1.0),
        }
    )
