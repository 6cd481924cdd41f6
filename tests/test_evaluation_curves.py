import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from helpers.evaluation import metrics
from helpers.evaluation.bootstrap import bootstrap_intervals
from helpers.evaluation.curves import areas, roc_curves, weighted_areas

CLASSES = ["Bucket-Worker", "Cabin-Worker", "Other"]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=240)
    p = rng.dirichlet([1, 1, 1], 240) + 0.4 * np.eye(3)[true]
    p = np.round(p / p.sum(1, keepdims=True), 2)  # many equal scores
    return pd.DataFrame(
        {
            "path": [f"{i}.mp4" for i in range(240)],
            "group": [f"cam{i % 12:02d}" for i in range(240)],
            "label": np.array(CLASSES)[true],
            "predicted": np.array(CLASSES)[p.argmax(1)],
            **{f"p_{name}": p[:, k] for k, name in enumerate(CLASSES)},
        }
    )


def test_areas_of_weighted_clips_are_scikit_learns():
    rng = np.random.default_rng(1)
    positive, score = rng.random(60) < 0.3, np.round(rng.random(60), 1)
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=5)
    ap, auc = weighted_areas(positive, score, weights)
    for row, weight in enumerate(weights):
        given = {"sample_weight": weight}
        assert ap[row] == pytest.approx(average_precision_score(positive, score, **given))
        assert auc[row] == pytest.approx(roc_auc_score(positive, score, **given))


def test_areas_by_hand():
    # ranked: danger, none, danger, none
    positive, score = np.array([1, 0, 1, 0], bool), np.array([0.9, 0.8, 0.7, 0.6])
    ap, auc = weighted_areas(positive, score, np.ones((1, 4)))
    assert (ap[0], auc[0]) == pytest.approx((0.5 * 1 + 0.5 * 2 / 3, 3 / 4))
    nothing = weighted_areas(positive, score, np.array([[0, 1, 0, 1]]))
    assert np.isnan(nothing).all()


def test_areas_per_class_micro_and_macro_are_scikit_learns(table):
    found = areas(table, n=200).set_index("class")
    truth = np.array(table["label"])[:, None] == np.array(CLASSES)
    p = table[[f"p_{name}" for name in CLASSES]].to_numpy()
    for k, name in enumerate(CLASSES):
        assert found.loc[name, "AUC"] == pytest.approx(roc_auc_score(truth[:, k], p[:, k]))
        assert found.loc[name, "chance_AP"] == pytest.approx(truth[:, k].mean())
    for average in ("micro", "macro"):
        row = found.loc[f"{average} average"]
        assert row["AUC"] == pytest.approx(roc_auc_score(truth, p, average=average))
        assert row["AP"] == pytest.approx(average_precision_score(truth, p, average=average))
    assert (found["AUC_low"] < found["AUC"]).all() and (found["AUC"] < found["AUC_high"]).all()
    expected = metrics.average_precision(table).set_index("class")["AP"]
    pd.testing.assert_series_equal(found["AP"], expected, check_names=False)


def test_a_class_without_clips_is_left_out_of_the_averages(table):
    rows = table[table["label"] != "Other"]
    found = areas(rows, n=50).set_index("class")
    assert found.loc["Other", ["AP", "AUC"]].isna().all()
    both = found.loc[CLASSES[:2], "AUC"].mean()
    assert found.loc["macro average", "AUC"] == pytest.approx(both)
    assert "Other" not in set(roc_curves(rows)["class"])


def test_curves_have_the_areas_that_are_told(table):
    curves, found = roc_curves(table), areas(table, n=10).set_index("class")["AUC"]
    for name, rows in curves.groupby("class"):
        area = np.trapezoid(rows["true_positives"], rows["false_positives"])
        near = {"abs": 0.01} if name == metrics.MACRO else {}
        assert area == pytest.approx(found[name], **near)
        assert rows.iloc[0, 1:].tolist() == [0, 0] and rows.iloc[-1, 1:].tolist() == [1, 1]


def test_clips_of_one_class_have_no_curve(table):
    one = table[table["label"] == "Other"]
    curves = roc_curves(one)
    assert set(curves["class"]) == {metrics.MICRO}


def test_kappa_is_scikit_learns_and_has_an_interval(table):
    expected = cohen_kappa_score(table["label"], table["predicted"])
    found = bootstrap_intervals(table, metrics.HEADLINE)["kappa"]
    assert found["value"] == pytest.approx(expected)
    assert found["low"] < expected < found["high"]
    assert metrics.kappa_of_confusion(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert np.isnan(metrics.kappa_of_confusion(np.array([[20, 0], [0, 0]])))


def test_top_k_is_scikit_learns_and_means_nothing_for_few_classes():
    rng = np.random.default_rng(2)
    names = [f"c{k:02d}" for k in range(12)]
    true, p = rng.integers(12, size=50), rng.dirichlet(np.ones(12), 50)
    table = pd.DataFrame(p, columns=[f"p_{name}" for name in names]).assign(
        label=np.array(names)[true], predicted=np.array(names)[p.argmax(1)]
    )
    expected = top_k_accuracy_score(true, p, k=5, labels=range(12))
    assert metrics.top_k_hits(table).mean() == pytest.approx(expected)
    assert metrics.top_k_means_something(names)
    assert not metrics.top_k_means_something(names[:9])
