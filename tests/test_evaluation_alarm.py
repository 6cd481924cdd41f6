"""Dangers, operating points and costs against cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_curve

from helpers.evaluation.alarm import assess, sentences
from helpers.evaluation.dangers import choose_dangers, danger_of
from helpers.evaluation.operating_point import (
    Demand,
    axis_of,
    choose_threshold,
    cost_curve,
    demand,
    judge,
    rates,
    thresholds_of,
    trade_off,
)

CLASSES = ["Bucket-Worker", "Cabin-Worker", "Other", "Track-Excavator"]


def part(score, danger, groups=None):
    n = len(score)
    groups = groups if groups is not None else [f"cam{i % 12:02d}" for i in range(n)]
    return pd.DataFrame(
        {
            "path": [f"{i}.mp4" for i in range(n)],
            "group": groups,
            "danger": np.asarray(danger, bool),
            "score": np.asarray(score, float),
        }
    )


def predictions(score, danger):
    """Two dangers share the score, so that either alone stays below the harmless class."""
    score, danger = np.asarray(score, float), np.asarray(danger, bool)
    half = score / 2
    return pd.DataFrame(
        {
            "path": [f"{i:03d}.mp4" for i in range(len(score))],
            "group": [f"cam{i % 12:02d}" for i in range(len(score))],
            "label": np.where(danger, "Cabin-Worker", "Other"),
            "predicted": np.where(half > 1 - score, "Cabin-Worker", "Other"),
            "p_Bucket-Worker": half,
            "p_Cabin-Worker": half,
            "p_Other": 1 - score,
        }
    )


@pytest.fixture(scope="module")
def random_part():
    rng = np.random.default_rng(0)
    danger = rng.random(400) < 0.6
    return part(np.round(np.clip(rng.normal(0.4 + 0.25 * danger, 0.2), 0, 1), 2), danger)


def test_dangers_are_all_classes_but_the_one_that_says_there_is_none():
    assert choose_dangers(CLASSES) == ["Bucket-Worker", "Cabin-Worker", "Track-Excavator"]
    assert choose_dangers(["fall", "NO_danger"]) == ["fall"]
    assert choose_dangers(["kicking", "hugging"]) == []
    assert choose_dangers(CLASSES, " Other , Cabin-Worker") == ["Cabin-Worker", "Other"]


def test_unknown_dangers_and_all_of_them_are_refused():
    with pytest.raises(ValueError, match=r"'Cabin' is no class\. Choose from Bucket-Worker"):
        choose_dangers(CLASSES, "Cabin,Other")
    with pytest.raises(ValueError, match="every class"):
        choose_dangers(CLASSES, ",".join(CLASSES))


def test_the_score_is_the_sum_over_dangers():
    table = predictions([0.75, 0.5], [True, False])
    found = danger_of(table, ["Bucket-Worker", "Cabin-Worker"])
    assert found["score"].tolist() == [0.75, 0.5]
    assert found["danger"].tolist() == [True, False]
    assert danger_of(table, ["Bucket-Worker"])["danger"].tolist() == [False, False]
    with pytest.raises(ValueError, match="No class fire"):
        danger_of(table, ["fire"])


def test_rates_are_scikit_learns(random_part):
    danger, score = random_part["danger"].to_numpy(), random_part["score"].to_numpy()
    false, true, thresholds = roc_curve(danger, score, drop_intermediate=False)
    recall, alarms = rates(danger, score, thresholds)
    np.testing.assert_allclose(recall, true)
    np.testing.assert_allclose(alarms, false)
    weights = np.random.default_rng(1).integers(0, 3, (2, 400))
    recall, _ = rates(danger, score, [0.5], weights)
    for row, weight in zip(recall, weights, strict=True):
        given = {"sample_weight": weight}
        assert row[0] == pytest.approx(recall_score(danger, score >= 0.5, **given))


def test_required_recall_takes_the_highest_threshold_that_reaches_it():
    # dangers at 0.9 0.8 0.6 0.2, harmless at 0.7 0.4 0.1
    table = part([0.9, 0.8, 0.6, 0.2, 0.7, 0.4, 0.1], [1, 1, 1, 1, 0, 0, 0])
    point = choose_threshold(table, Demand(recall=0.75))
    assert point.threshold == pytest.approx(0.5)  # midway between 0.4 and 0.6
    assert (point.recall, point.false_alarm_rate) == (0.75, pytest.approx(1 / 3))
    assert point.met and point.low <= point.threshold <= point.high
    all_found = choose_threshold(table, Demand(recall=1.0))
    assert (all_found.threshold, all_found.recall) == (pytest.approx(0.15), 1.0)


def test_a_budget_of_false_alarms_takes_the_lowest_threshold_that_keeps_it():
    table = part([0.9, 0.8, 0.6, 0.2, 0.7, 0.4, 0.1], [1, 1, 1, 1, 0, 0, 0])
    # 10 clips an hour, half of them harmless: 120 harmless a day; one in three alarms is 40
    asked = Demand(alarms_a_day=40, clips_an_hour=10, prevalence=0.5)
    point = choose_threshold(table, asked)
    assert point.threshold == pytest.approx(0.5) and point.recall == 0.75
    silent = choose_threshold(
        part([0.3, 0.9], [1, 0]), Demand(alarms_a_day=0, clips_an_hour=10, prevalence=0.5)
    )
    assert (silent.recall, silent.false_alarm_rate, silent.met) == (0, 0, False)


def test_a_threshold_needs_both_kinds_of_clips():
    with pytest.raises(ValueError, match="2 of 2 validation clips show a danger"):
        choose_threshold(part([0.1, 0.9], [1, 1]), Demand())


def test_what_a_day_brings_by_hand():
    test = part([0.9] * 8 + [0.1] * 2 + [0.9] * 1 + [0.1] * 9, [1] * 10 + [0] * 10)
    asked = Demand(clips_an_hour=100, prevalence=0.1)
    found = judge(test, 0.5, asked).set_index("quantity")["value"]
    assert found["recall"] == pytest.approx(0.8)
    assert found["false-alarm rate"] == pytest.approx(0.1)
    assert found["precision, test clips"] == pytest.approx(8 / 9)
    assert found["missed dangers a day"] == pytest.approx(2400 * 0.1 * 0.2)
    assert found["false alarms a day"] == pytest.approx(2400 * 0.9 * 0.1)
    assert found["precision, prevalence 0.1"] == pytest.approx(0.08 / (0.08 + 0.09))


def test_intervals_widen_where_whole_recordings_are_missed():
    groups = [f"cam{i // 10:02d}" for i in range(200)]
    score = np.where(np.arange(200) // 10 % 4 == 0, 0.1, 0.9)
    danger = np.arange(200) % 2 == 0
    apart = judge(part(score, danger), 0.5, Demand()).set_index("quantity").loc["recall"]
    whole = judge(part(score, danger, groups), 0.5, Demand()).set_index("quantity").loc["recall"]
    assert apart["value"] == whole["value"] == 0.75
    alone = judge(part(score, danger, range(200)), 0.5, Demand()).set_index("quantity")
    alone = alone.loc["recall"]
    assert whole["high"] - whole["low"] > 1.5 * (alone["high"] - alone["low"])


def test_recall_falls_as_the_threshold_rises(random_part):
    rows = trade_off(random_part)
    assert rows.iloc[0].tolist() == [0, 1, 1]
    assert rows.iloc[-1, 1:].tolist() == [0, 0]
    assert (np.diff(rows["recall"]) <= 0).all() and (np.diff(rows["threshold"]) > 0).all()
    assert len(thresholds_of(np.array([0.5, 0.5]))) == 2


def test_costs_by_hand():
    # a perfect part costs nothing; the fixed threshold of 0.95 misses one of two dangers
    table = part([0.9, 1.0, 0.1, 0.2], [1, 1, 0, 0])
    curve = cost_curve(table, table, 0.95, points=5)
    assert curve["x"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curve["chosen"].tolist() == [0] * 5
    assert curve["fixed"].tolist() == pytest.approx([0, 0.125, 0.25, 0.375, 0.5])
    assert curve["always"].tolist() == [1, 0.75, 0.5, 0.25, 0]
    assert curve["never"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert axis_of(99, 0.01) == pytest.approx(0.5)


def test_thresholds_chosen_for_each_cost_are_as_cheap_as_any_on_the_part_they_come_from(
    random_part,
):
    curve = cost_curve(random_part, random_part, 0.5)
    assert (curve["chosen"] <= curve[["fixed", "always", "never"]].min(axis=1) + 1e-9).all()


def test_demands_out_of_range_and_unknown_ones_are_refused():
    with pytest.raises(ValueError, match=r"recall=1\.5"):
        Demand(recall=1.5)
    with pytest.raises(ValueError, match="prevalence=0"):
        Demand(prevalence=0)
    with pytest.raises(ValueError, match=r"ALARM: budget is unknown\. Choose from recall"):
        demand({"budget": 3}, 2.0)


def test_clips_follow_each_other_unless_said_otherwise():
    assert demand({}, 2.0).clips_an_hour == 1800
    assert demand({"clips_an_hour": 60}, 2.0).clips_an_hour == 60
    assert demand({}, float("nan")).clips_an_hour == 1800


def test_an_alarm_from_predictions_says_what_it_does():
    rng = np.random.default_rng(3)
    danger = rng.random(240) < 0.5
    score = np.clip(rng.normal(0.3 + 0.4 * danger, 0.15), 0.01, 0.99)
    table = predictions(score, danger)
    alarm = assess(table[::2], table[1::2].reset_index(drop=True), "", {"recall": 0.9}, 2.0, n=100)
    assert alarm.dangers == ("Bucket-Worker", "Cabin-Worker") and alarm.harmless == ("Other",)
    assert alarm.point.recall >= 0.9
    counts = alarm.clips["danger"].sum()
    assert alarm.value("recall")["value"] == pytest.approx(1 - len(alarm.missed) / counts)
    assert alarm.missed["score"].is_monotonic_increasing
    assert (alarm.false["score"] >= alarm.point.threshold).all()
    kept = alarm.as_json("1x3")
    assert kept["threshold"] == alarm.point.threshold and kept["views"] == "1x3"
    assert set(kept["test"]) == set(alarm.judged["quantity"])
    said = " ".join(sentences(alarm))
    assert "at least 90 % of the dangers" in said and "1800 clips an hour" in said


def test_where_no_danger_is_known_it_is_said_why():
    table = predictions([0.9, 0.1], [1, 0])
    harmless = assess(table, table.iloc[1:], "", {}, 2.0)
    assert harmless.startswith("0 of 1 test clips show a danger")
    renamed = table.rename(columns={"p_Other": "p_hugging"}).replace("Other", "hugging")
    assert "Name them with DANGERS" in assess(renamed, renamed, "", {}, 2.0)
