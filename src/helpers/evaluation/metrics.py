"""Metrics of a table of predictions, their form on confusion matrices, and two baselines.

A table of predictions has one row per clip: path, group, label, predicted, and one column of
probabilities per class, `p_<class>`. All means over classes are taken over the classes that occur
among the true labels of the table: a class that the test part lacks has no recall to average.
Predictions of such a class still count, as errors of the clips they were made for.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_curve,
    precision_recall_fscore_support,
    recall_score,
)

PROBABILITY = "p_"
MICRO = "micro average"
MACRO = "macro average"


def classes_of(table: pd.DataFrame) -> list[str]:
    """Classes of a table of predictions, sorted: the names behind its columns `p_<class>`.

    Raises:
        ValueError: no row, no such column, or a label or prediction that has no such column.
    """
    classes = sorted(c.removeprefix(PROBABILITY) for c in table if c.startswith(PROBABILITY))
    if not classes:
        raise ValueError(
            f"No column {PROBABILITY}<class> among {', '.join(table.columns)}: this is no table of "
            "predictions; make one with notebook 03_evaluate."
        )
    if table.empty:
        raise ValueError("The table of predictions has no row: the test part holds no clip.")
    unknown = sorted((set(table["label"]) | set(table["predicted"])) - set(classes))
    if unknown:
        raise ValueError(
            f"No column of probabilities for {', '.join(map(repr, unknown))}: train on a split "
            "that holds these classes, or leave their clips out."
        )
    return classes


def _present(table: pd.DataFrame) -> list[str]:
    """Classes among the true labels, sorted."""
    classes_of(table)
    return sorted(set(table["label"]))


def confusion(table: pd.DataFrame) -> np.ndarray:
    """Count clips by class: int array [true, predicted], both in the order of `classes_of`."""
    classes = classes_of(table)
    return confusion_matrix(table["label"], table["predicted"], labels=classes)


def top1(table: pd.DataFrame) -> float:
    """Share of clips whose predicted class is the true one."""
    classes_of(table)
    return float(accuracy_score(table["label"], table["predicted"]))


def mean_class_accuracy(table: pd.DataFrame) -> float:
    """Mean over the classes present of the share of their clips that is recognised (recall)."""
    return float(
        recall_score(
            table["label"], table["predicted"], labels=_present(table), average="macro"
        )  # recall of a class that is present is always defined
    )


def macro_f1(table: pd.DataFrame) -> float:
    """Mean over the classes present of F1 = 2 TP / (2 TP + FP + FN)."""
    return float(
        f1_score(
            table["label"],
            table["predicted"],
            labels=_present(table),
            average="macro",
            zero_division=0.0,
        )
    )


def scores(table: pd.DataFrame) -> dict[str, float]:
    """The three headline metrics: top1, mean_class_accuracy, macro_f1, each in 0 to 1."""
    return {
        "top1": top1(table),
        "mean_class_accuracy": mean_class_accuracy(table),
        "macro_f1": macro_f1(table),
    }


def top1_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """`top1` of confusion matrices [..., true, predicted] → [...]."""
    return _diagonal(matrix).sum(-1) / matrix.sum((-2, -1))


def recall_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """Recall per class of confusion matrices [..., K, K] → [..., K]; NaN for an absent class."""
    return _ratio(_diagonal(matrix), matrix.sum(-1))


def precision_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """Precision per class, [..., K, K] → [..., K]; NaN for a class never predicted."""
    return _ratio(_diagonal(matrix), matrix.sum(-2))


def f1_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """F1 per class of confusion matrices [..., K, K] → [..., K]; NaN for an absent class."""
    true = matrix.sum(-1)
    f1 = _ratio(2 * _diagonal(matrix), true + matrix.sum(-2))
    return np.where(true > 0, f1, np.nan)


def mean_class_accuracy_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """`mean_class_accuracy` of confusion matrices [..., true, predicted] → [...]."""
    return np.nanmean(recall_of_confusion(matrix), axis=-1)


def macro_f1_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """`macro_f1` of confusion matrices [..., true, predicted] → [...]."""
    return np.nanmean(f1_of_confusion(matrix), axis=-1)


def kappa_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """Cohen's kappa of confusion matrices [..., true, predicted] → [...].

    (p_o - p_e) / (1 - p_e): how much of the agreement that chance leaves open is reached, where
    chance keeps the shares of true and of predicted classes (Cohen, Educational and Psychological
    Measurement 20, 1960). NaN where all clips are of one class and predicted as it.
    """
    n = matrix.sum((-2, -1))
    expected = (matrix.sum(-1) * matrix.sum(-2)).sum(-1) / n**2
    return _ratio(top1_of_confusion(matrix) - expected, 1 - expected)


SCORES_OF_CONFUSION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "top1": top1_of_confusion,
    "mean_class_accuracy": mean_class_accuracy_of_confusion,
    "macro_f1": macro_f1_of_confusion,
}
"""The metrics of `scores`, as functions of confusion matrices."""
HEADLINE = SCORES_OF_CONFUSION | {"kappa": kappa_of_confusion}
"""What the evaluation begins with."""
TOP_K = 5


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`, NaN where `whole` is zero."""
    part, whole = np.asarray(part), np.asarray(whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def top_k_means_something(classes: Sequence[str], k: int = TOP_K) -> bool:
    """Whether drawing lots names the class among its first `k` in at most half of the clips.

    With four classes top-5 is always 1, with six it is 0.83 by lot.
    """
    return 2 * k <= len(classes)


def top_k_hits(table: pd.DataFrame, k: int = TOP_K) -> np.ndarray:
    """Whether the true class is among the `k` most probable ones, bool [clip].

    A class as probable as the true one counts as before it, so that ties never help.
    """
    truth, probabilities = truth_and_probabilities(table)
    own = probabilities[truth][:, None]
    return (probabilities >= own).sum(axis=1) <= k


def per_class(table: pd.DataFrame) -> pd.DataFrame:
    """Scores of each class: columns class, precision, recall, f1, AP, n (clips of the class).

    NaN where a score is not defined: precision of a class that is never predicted; recall, F1 and
    AP of a class that the table has no clip of.
    """
    classes = classes_of(table)
    precision, recall, f1, n = precision_recall_fscore_support(
        table["label"], table["predicted"], labels=classes, zero_division=np.nan
    )
    ap = average_precision(table).set_index("class")["AP"]
    return pd.DataFrame(
        {
            "class": classes,
            "precision": precision,
            "recall": recall,
            "f1": np.where(n > 0, f1, np.nan),
            "AP": ap[classes].to_numpy(),
            "n": n,
        }
    )


def truth_and_probabilities(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """One-hot true classes and probabilities, both [clip, class]."""
    classes = classes_of(table)
    truth = table["label"].to_numpy()[:, None] == np.array(classes, dtype=object)[None]
    return truth, table[[PROBABILITY + c for c in classes]].to_numpy(float)


def average_precision(table: pd.DataFrame) -> pd.DataFrame:
    """Average precision: columns class and AP; one row per class, then micro and macro average.

    A class without a clip has AP NaN. The micro average ranks all pairs of clip and class
    together; the macro average is the mean over the classes present.
    """
    classes = classes_of(table)
    truth, probabilities = truth_and_probabilities(table)
    ap = [
        average_precision_score(truth[:, k], probabilities[:, k]) if truth[:, k].any() else np.nan
        for k in range(len(classes))
    ]
    micro = average_precision_score(truth.ravel(), probabilities.ravel())
    return pd.DataFrame(
        {"class": [*classes, MICRO, MACRO], "AP": [*ap, micro, float(np.nanmean(ap))]}
    )


def precision_recall_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Precision against recall, one class against the rest: columns class, recall, precision.

    Rows of a class follow rising recall. Classes without a clip have no curve. The class
    "micro average" stands for all pairs of clip and class together. Areas: `average_precision`.
    """
    classes = classes_of(table)
    truth, probabilities = truth_and_probabilities(table)
    columns = [(c, truth[:, k], probabilities[:, k]) for k, c in enumerate(classes)]
    columns.append((MICRO, truth.ravel(), probabilities.ravel()))
    parts = []
    for name, positive, probability in columns:
        if not positive.any():
            continue
        precision, recall, _ = precision_recall_curve(positive, probability)
        parts.append(
            pd.DataFrame({"class": name, "recall": recall[::-1], "precision": precision[::-1]})
        )
    return pd.concat(parts, ignore_index=True)


def chance(table: pd.DataFrame) -> dict[str, float]:
    """Scores to expect from drawing each clip's class evenly from all K classes.

    Top-1 and mean class accuracy are 1/K. Precision of a class is then its share s of the clips
    and its recall 1/K, which gives F1 = 2 s / (1 + K s) (the limit of many clips).
    """
    k = len(classes_of(table))
    share = table["label"].value_counts(normalize=True).to_numpy()
    return {
        "top1": 1 / k,
        "mean_class_accuracy": 1 / k,
        "macro_f1": float((2 * share / (1 + k * share)).mean()),
    }


def majority_class(table: pd.DataFrame, train_labels: Sequence[str]) -> dict[str, float]:
    """Scores on `table` of always answering the most frequent class of the train part.

    Among equally frequent classes the first by name is taken.
    """
    return scores(always(table, train_labels))


def always(table: pd.DataFrame, train_labels: Sequence[str]) -> pd.DataFrame:
    """A table of predictions in which every clip is said to be of the most frequent class.

    Args:
        table: predictions, whose clips are taken.
        train_labels: among equally frequent ones the first by name is taken.
    """
    counts = pd.Series(list(train_labels)).value_counts()
    answer = min(counts.index[counts == counts.max()])
    sure = {PROBABILITY + name: float(name == answer) for name in classes_of(table)}
    return table.assign(predicted=answer, **sure)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a table of predictions; names such as "NA" or "007" stay the text they are."""
    names = dict.fromkeys(("path", "group", "label", "predicted"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False)


def worst_errors(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """The `n` wrong predictions made with most confidence, most confident first.

    Returns:
        columns path, group, label, predicted, probability (given to the predicted, wrong class),
        probability_of_label.
    """
    classes = classes_of(table)
    wrong = table[table["label"] != table["predicted"]].reset_index(drop=True)
    probabilities = wrong[[PROBABILITY + c for c in classes]].to_numpy(float)
    rows = np.arange(len(wrong))
    found = wrong[["path", "group", "label", "predicted"]].assign(
        probability=probabilities[rows, [classes.index(c) for c in wrong["predicted"]]],
        probability_of_label=probabilities[rows, [classes.index(c) for c in wrong["label"]]],
    )
    order = found.sort_values(["probability", "path"], ascending=[False, True])
    return order.head(n).reset_index(drop=True)
