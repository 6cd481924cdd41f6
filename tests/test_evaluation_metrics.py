import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score

from helpers.evaluation import metrics

CLASSES = ["Bucket-Worker", "Cabin-Worker", "Other"]


def predictions(true, predicted, classes=CLASSES, groups=None):
    """Table in which the predicted class has probability 0.6, 0.61, ... and the rest share."""
    n, k = len(true), len(classes)
    top = 0.6 + 0.01 * np.arange(n)
    p = np.repeat((1 - top[:, None]) / (k - 1), k, axis=1)
    p[np.arange(n), [classes.index(c) for c in predicted]] = top
    return pd.DataFrame(
        {
            "path": [f"{c}/{i}.mp4" for i, c in enumerate(true)],
            "group": groups or [f"cam{i % 3}" for i in range(n)],
            "label": true,
            "predicted": predicted,
            **{f"p_{c}": p[:, i] for i, c in enumerate(classes)},
        }
    )


@pytest.fixture
def table():
    a, b, c = CLASSES
    return predictions([a, a, a, b, b, c], [a, a, b, b, c, c])


@pytest.fixture
def random_table():
    rng = np.random.default_rng(3)
    true = rng.choice(CLASSES, 60).tolist()
    p = rng.dirichlet(np.ones(3), 60) + 0.4 * (np.array(true)[:, None] == np.array(CLASSES))
    p /= p.sum(1, keepdims=True)
    predicted = np.array(CLASSES)[p.argmax(1)].tolist()
    table = predictions(true, predicted)
    table[[f"p_{c}" for c in CLASSES]] = p
    return table


def test_confusion_counts_true_classes_in_rows(table):
    assert metrics.confusion(table).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_scores_agree_with_values_worked_out_by_hand(table):
    scores = metrics.scores(table)
    assert scores["top1"] == pytest.approx(4 / 6)
    assert scores["mean_class_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 4 + 2 / 3) / 3)


def test_scores_of_confusion_agree_with_scores_of_the_table(random_table):
    matrix = metrics.confusion(random_table)
    expected = metrics.scores(random_table)
    stack = np.stack([matrix, 2 * matrix])
    for name, of_confusion in metrics.SCORES_OF_CONFUSION.items():
        assert of_confusion(stack) == pytest.approx([expected[name]] * 2)


def test_a_class_without_test_clips_is_left_out_of_means_but_predicting_it_is_an_error():
    a, b, c = CLASSES
    table = predictions([a, a, b, b], [a, c, b, b])
    assert metrics.mean_class_accuracy(table) == pytest.approx((0.5 + 1) / 2)
    assert metrics.macro_f1(table) == pytest.approx((2 / 3 + 1) / 2)
    matrix = metrics.confusion(table)
    for name, of_confusion in metrics.SCORES_OF_CONFUSION.items():
        assert of_confusion(matrix) == pytest.approx(metrics.scores(table)[name])
    absent = metrics.per_class(table).set_index("class").loc[c]
    assert absent["precision"] == 0 and absent["n"] == 0
    assert absent[["recall", "f1", "AP"]].isna().all()
    assert c not in set(metrics.precision_recall_curves(table)["class"])


def test_headline_scores_agree_with_scikit_learn(random_table):
    true, predicted = random_table["label"], random_table["predicted"]
    assert metrics.mean_class_accuracy(random_table) == balanced_accuracy_score(true, predicted)
    assert metrics.macro_f1(random_table) == f1_score(true, predicted, average="macro")


def test_per_class_has_precision_recall_f1_and_number_of_clips(table):
    rows = metrics.per_class(table).set_index("class")
    assert rows["precision"].tolist() == pytest.approx([1, 1 / 2, 1 / 2])
    assert rows["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert rows["f1"].tolist() == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert rows["n"].tolist() == [3, 2, 1]


def test_precision_of_a_class_that_is_never_predicted_is_undefined():
    a, b, _ = CLASSES
    rows = metrics.per_class(predictions([a, b], [a, a])).set_index("class")
    assert np.isnan(rows.loc[b, "precision"])
    assert rows.loc[b, ["recall", "f1"]].tolist() == [0, 0]


def test_average_precision_is_that_of_scikit_learn_with_micro_and_macro_average(random_table):
    ap = metrics.average_precision(random_table).set_index("class")["AP"]
    truth = np.array(random_table["label"])[:, None] == np.array(CLASSES)
    p = random_table[[f"p_{c}" for c in CLASSES]].to_numpy()
    each = [average_precision_score(truth[:, k], p[:, k]) for k in range(3)]
    assert ap[CLASSES].tolist() == pytest.approx(each)
    assert ap[metrics.MACRO] == pytest.approx(np.mean(each))
    assert ap[metrics.MICRO] == pytest.approx(average_precision_score(truth, p, average="micro"))


def test_area_under_the_steps_of_a_curve_is_the_average_precision(random_table):
    curves = metrics.precision_recall_curves(random_table)
    ap = metrics.average_precision(random_table).set_index("class")["AP"]
    for name, curve in curves.groupby("class"):
        assert curve["recall"].is_monotonic_increasing
        area = (curve["recall"].diff() * curve["precision"]).sum()
        assert area == pytest.approx(ap[name])


def test_chance_is_one_over_the_number_of_classes_and_its_f1_that_of_drawing_evenly():
    a, b, c = CLASSES
    true = [a] * 20000 + [b] * 10000 + [c] * 3000
    drawn = np.random.default_rng(0).choice(CLASSES, len(true)).tolist()
    table = predictions(true, drawn)
    expected = metrics.chance(table)
    assert expected["top1"] == expected["mean_class_accuracy"] == pytest.approx(1 / 3)
    assert expected == pytest.approx(metrics.scores(table), abs=0.01)


def test_majority_class_is_taken_from_the_train_part(table):
    b = CLASSES[1]
    scores = metrics.majority_class(table, [b, b, CLASSES[0]])
    assert scores["top1"] == pytest.approx(2 / 6)
    assert scores["mean_class_accuracy"] == pytest.approx(1 / 3)


def test_worst_errors_come_with_the_most_confident_first(table):
    errors = metrics.worst_errors(table, 5)
    assert errors["path"].tolist() == ["Cabin-Worker/4.mp4", "Bucket-Worker/2.mp4"]
    assert errors["probability"].tolist() == pytest.approx([0.64, 0.62])
    assert errors["probability_of_label"].tolist() == pytest.approx([0.18, 0.19])
    assert len(metrics.worst_errors(table, 1)) == 1


def test_no_errors_give_an_empty_table(table):
    right = table.assign(predicted=table["label"])
    assert metrics.worst_errors(right, 3).empty


def test_a_label_without_a_column_of_probabilities_is_named(table):
    with pytest.raises(ValueError, match="'Person'"):
        metrics.confusion(table.assign(label="Person"))


def test_a_table_that_holds_no_predictions_is_refused(table):
    with pytest.raises(ValueError, match="p_<class>"):
        metrics.confusion(table[["path", "label", "predicted"]])
    with pytest.raises(ValueError, match="no row"):
        metrics.scores(table.iloc[:0])
