"""Calibration and selective prediction against hand-computed cases and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from helpers.evaluation.calibration import (
    calibration_errors,
    fit_temperature,
    reliability,
    verdict,
    with_temperature,
)
from helpers.evaluation.selective import at_coverages, aurc, risk_coverage

NAMES = ["a", "b", "c"]


def predictions(probabilities, labels, groups=None):
    p = np.asarray(probabilities, dtype=float)
    names = NAMES[: p.shape[1]]
    n = len(p)
    columns = {f"p_{name}": p[:, k] for k, name in enumerate(names)}
    return pd.DataFrame(
        {
            "path": [f"{i:04d}.mp4" for i in range(n)],
            "group": groups if groups is not None else [f"cam{i % 12:02d}" for i in range(n)],
            "label": np.array(names)[np.asarray(labels)],
            "predicted": np.array(names)[p.argmax(1)],
            **columns,
        }
    )


@pytest.fixture(scope="module")
def sure():
    """Scores four times too large for how often they are right."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, (4000, 3))
    labels = (softmax(scores, 1).cumsum(1) < rng.random((4000, 1))).sum(1)
    return predictions(softmax(4 * scores, 1), labels)


def test_two_bins_by_hand():
    # one bin at 0.9 with 3 of 4 right, one at 0.6 with 1 of 2
    table = predictions([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2, [0, 0, 0, 1, 0, 1])
    found = calibration_errors(table, bins=10)
    assert found["ece"]["value"] == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert found["overconfidence"]["value"] == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert found["brier"]["value"] == pytest.approx(
        (3 * 2 * 0.01 + 2 * 0.81 + 2 * 0.16 + 2 * 0.36) / 6
    )
    rows = reliability(table, bins=10)
    assert rows["clips"].tolist() == [2, 4]
    assert rows["low"].tolist() == pytest.approx([0.5, 0.8])
    assert rows["accuracy"].tolist() == pytest.approx([0.5, 0.75])
    assert rows["confidence"].tolist() == pytest.approx([0.6, 0.9])


def test_a_bin_holds_its_upper_edge_and_certainty_stays_in_the_last():
    table = predictions([[0.8, 0.2], [1.0, 0.0], [0.81, 0.19]], [0, 0, 0])
    rows = reliability(table, bins=5)
    assert rows[["low", "clips"]].to_numpy().tolist() == [[0.6, 1], [0.8, 2]]


def test_errors_of_opposite_sign_do_not_cancel_in_ece():
    table = predictions([[0.9, 0.1]] * 2 + [[0.7, 0.3]] * 2, [0, 1, 0, 0])
    found = calibration_errors(table, bins=10)
    assert found["ece"]["value"] == pytest.approx((2 * 0.4 + 2 * 0.3) / 4)
    assert found["overconfidence"]["value"] == pytest.approx((2 * 0.4 - 2 * 0.3) / 4)


def test_brier_and_nll_are_scikit_learns(sure):
    truth, p = sure["label"], sure[[f"p_{name}" for name in NAMES]].to_numpy()
    found = calibration_errors(sure)
    assert found["nll"]["value"] == pytest.approx(log_loss(truth, p, labels=NAMES), rel=1e-6)
    assert found["brier"]["value"] == pytest.approx(
        brier_score_loss(truth, p, labels=NAMES, scale_by_half=False)
    )
    for told in found.values():
        assert told["low"] < told["high"]


def test_perfect_probabilities_have_an_error_near_zero(sure):
    mended = with_temperature(sure, 4.0)
    before, after = calibration_errors(sure)["ece"], calibration_errors(mended)["ece"]
    assert before["value"] > 0.1 and after["value"] < 0.03


def test_the_temperature_that_spoilt_the_scores_is_found(sure):
    assert fit_temperature(sure) == pytest.approx(4.0, rel=0.06)
    assert fit_temperature(with_temperature(sure, 8.0)) == pytest.approx(0.5, rel=0.06)


def test_a_temperature_that_nothing_could_fit_is_told_apart(sure):
    assert "too sure" in verdict(fit_temperature(sure))
    assert "not sure enough" in verdict(0.5)
    all_right = sure[sure["label"] == sure["predicted"]]
    assert "end of its range" in verdict(fit_temperature(all_right))
    assert verdict(20.0) == verdict(0.05)


def test_temperature_changes_no_prediction_and_sums_to_one(sure):
    mended = with_temperature(sure, 3.0)
    p = mended[[f"p_{name}" for name in NAMES]].to_numpy()
    np.testing.assert_allclose(p.sum(1), 1)
    assert (np.array(NAMES)[p.argmax(1)] == sure["predicted"]).all()
    pd.testing.assert_frame_equal(with_temperature(sure, 1.0), sure)
    with pytest.raises(ValueError, match="temperature 0"):
        with_temperature(sure, 0)


def test_certain_and_wrong_costs_much_but_not_infinity():
    found = calibration_errors(predictions([[1.0, 0.0]] * 4, [0, 0, 0, 1]))
    assert 0 < found["nll"]["value"] < 10


def test_intervals_over_recordings_are_wider_where_recordings_are_right_or_wrong_as_one():
    labels = np.repeat(np.arange(20) % 2, 10)
    one = predictions([[0.8, 0.2]] * 200, labels, [f"cam{i // 10:02d}" for i in range(200)])
    other = one.assign(group=one["path"])
    wide, narrow = (calibration_errors(table)["brier"] for table in (one, other))
    assert wide["high"] - wide["low"] > 2 * (narrow["high"] - narrow["low"])


def test_risk_and_its_area_by_hand():
    # surest first: right, wrong, right, right
    p = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]
    table = predictions(p, [0, 1, 0, 0])
    curve = risk_coverage(table)
    assert curve["risk"].tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1]
    assert curve["threshold"].tolist() == [0.9, 0.8, 0.7, 0.6]
    found = aurc(table)
    assert found["aurc"]["value"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert found["best"]["value"] == pytest.approx(1 / 16)
    assert found["random"]["value"] == 0.25


def test_equal_confidence_counts_errors_as_evenly_spread_in_any_order():
    table = predictions([[0.8, 0.2]] * 4, [0, 1, 1, 0])
    for rows in (table, table.iloc[::-1]):
        assert risk_coverage(rows)["risk"].tolist() == [0.5] * 4
        assert aurc(rows)["aurc"]["value"] == 0.5


def test_knowing_when_it_is_wrong_lies_between_the_bounds(sure):
    found = {name: told["value"] for name, told in aurc(sure).items()}
    assert found["best"] < found["aurc"] < found["random"]
    assert found["random"] == pytest.approx((sure["label"] != sure["predicted"]).mean())
    rows = at_coverages(risk_coverage(sure), (0.5, 1.0)).set_index("coverage")
    assert rows.loc[0.5, "accuracy"] > rows.loc[1.0, "accuracy"] + 0.05
    assert ((rows["low"] < rows["accuracy"]) & (rows["accuracy"] < rows["high"])).all()
    assert rows.loc[1.0, "accuracy"] == pytest.approx(1 - found["random"])
