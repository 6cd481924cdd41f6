"""What nuisance alone tells: the class, from numbers that say nothing about the action.

Mean colour, brightness, bytes, duration, size and frame rate of a clip know nothing of what happens
in it. Where a classifier of these numbers beats chance on recordings it has not seen, the classes
were filmed, cut or compressed differently, and a network may learn that in place of the action.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from helpers.evaluation.bootstrap import bootstrap_intervals
from helpers.evaluation.draws import warnings_once
from helpers.evaluation.metrics import PROBABILITY, mean_class_accuracy_of_confusion

NUISANCE = (
    *("red", "green", "blue", "brightness"),
    *("bytes", "duration", "frames", "fps", "width", "height"),
)
"""Columns of manifest and statistics that tell how a clip was filmed, not what happens in it."""
FOLDS = 5
MARGIN = 0.10
"""Above chance by more than this, the numbers are said to give the class away."""
TREES, LEAF = 100, 5
"""Trees of the forest, and clips that a leaf holds at least."""
ALL = "all together"


@dataclass(frozen=True)
class Nuisance:
    """What nuisance tells about the class."""

    table: pd.DataFrame  # feature ("all together" first), value, low, high, then medians by class
    chance: float  # mean class accuracy of guessing: 1 / classes
    constant: tuple[str, ...]  # features that are the same in all clips, and tell nothing
    recordings: int
    folds: int

    @property
    def together(self) -> dict[str, float]:
        """Mean class accuracy of all features together: value, low, high."""
        return {name: float(self.table[name].iloc[0]) for name in ("value", "low", "high")}

    @property
    def leaks(self) -> bool:
        """Whether all features together beat chance by more than `MARGIN`."""
        return self.together["value"] > self.chance + MARGIN


def nuisance(
    manifest: pd.DataFrame,
    statistics: pd.DataFrame,
    features: Sequence[str] = NUISANCE,
    seed: int = 0,
) -> Nuisance:
    """Tell the class from nuisance, on recordings that the classifier has not seen.

    All features together are given to a random forest, each one alone to a decision tree (which
    ranks them without permutations). Classes are weighted evenly, so that guessing has a mean class
    accuracy of 1 / classes whatever their shares. Intervals are 95 %, by a bootstrap over
    recordings of the predictions; that the folds share training clips is not in them.

    Args:
        manifest: columns path, label, group, and features.
        statistics: column path, and more features.
        features: columns of either.
        seed: of folds, classifiers and bootstrap.

    Returns:
        The table has the features in falling order of their value (mean class accuracy).

    Raises:
        ValueError: fewer than two classes or recordings, or a feature that neither table has.
    """
    numbers = ["path", *[name for name in features if name not in manifest and name in statistics]]
    clips = manifest.merge(statistics[numbers], on="path", validate="one_to_one")
    missing = [name for name in features if name not in clips]
    if missing:
        raise ValueError(f"No column {', '.join(missing)} in manifest or statistics.")
    classes, recordings = clips["label"].nunique(), clips["group"].nunique()
    if classes < 2 or recordings < 2:
        raise ValueError(
            f"{classes} classes of {recordings} recordings: two of each are needed to tell classes "
            "on recordings that were not seen."
        )
    constant = tuple(name for name in features if clips[name].nunique(dropna=False) < 2)
    varied = [name for name in features if name not in constant]
    folds = _folds(clips, seed)
    score = partial(_score, clips, folds=folds, seed=seed)
    tree = DecisionTreeClassifier(
        class_weight="balanced", max_leaf_nodes=4 * classes, min_samples_leaf=LEAF,
        random_state=seed,
    )  # fmt: skip
    forest = RandomForestClassifier(
        TREES, class_weight="balanced", min_samples_leaf=LEAF, random_state=seed
    )
    with warnings_once():
        together = score(varied or list(features), forest)
        rows = [
            {"feature": name, **score([name], tree), **_medians(clips, name)} for name in varied
        ]
    rows.sort(key=lambda row: -row["value"])
    table = pd.DataFrame([{"feature": ALL, **together}, *rows])
    return Nuisance(table, 1 / classes, constant, recordings, len(folds))


def predict_unseen(
    clips: pd.DataFrame,
    features: Sequence[str],
    model: ClassifierMixin,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
) -> pd.DataFrame:
    """Predict every clip by a model that was fitted without its recording.

    Args:
        clips: columns path, group, label and the features.
        features: columns of numbers.
        model: is fitted anew for each fold.
        folds: places of the clips to fit and to predict, which cover each clip once.

    Returns:
        A table of predictions, as `helpers.evaluation.metrics` takes it.
    """
    classes = sorted(clips["label"].unique())
    numbers, labels = clips[list(features)].to_numpy(float), clips["label"].to_numpy()
    probabilities = np.zeros((len(clips), len(classes)))
    for fit, predict in folds:
        model.fit(numbers[fit], labels[fit])
        columns = np.searchsorted(classes, model.classes_)
        probabilities[np.ix_(predict, columns)] = model.predict_proba(numbers[predict])
    table = clips[["path", "group", "label"]].reset_index(drop=True)
    table["predicted"] = np.array(classes)[probabilities.argmax(axis=1)]
    columns = {PROBABILITY + name: probabilities[:, k] for k, name in enumerate(classes)}
    return table.assign(**columns)


def _folds(clips: pd.DataFrame, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds that divide no recording, the classes spread as evenly as recordings allow."""
    largest = int(clips["label"].value_counts().max())
    n = min(FOLDS, clips["group"].nunique(), largest)
    draw = StratifiedGroupKFold(n, shuffle=True, random_state=seed)
    folds = draw.split(clips, clips["label"], clips["group"])
    return [(fit, predict) for fit, predict in folds if len(fit) and len(predict)]


def _score(clips, features, model, folds, seed: int) -> dict[str, float]:
    """Mean class accuracy on unseen recordings: value, low, high."""
    table = predict_unseen(clips, features, model, folds)
    metric = {"accuracy": mean_class_accuracy_of_confusion}
    return bootstrap_intervals(table, metric, seed=seed)["accuracy"]


def _medians(clips: pd.DataFrame, feature: str) -> dict[str, float]:
    return clips.groupby("label")[feature].median().to_dict()
