import logging

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation.bootstrap import bootstrap_intervals
from helpers.evaluation.compare import (
    compare,
    holm,
    mcnemar,
    say_probability,
    signed,
)
from helpers.evaluation.draws import clip_draws, drawn_confusions
from helpers.evaluation.metrics import SCORES_OF_CONFUSION, classes_of, confusion

CLASSES = ["Bucket-Worker", "Other"]


def predictions(right, groups=None, label=None):
    """Table of two classes; `right` says of each clip whether it is recognised."""
    right = np.asarray(right, dtype=bool)
    n = len(right)
    true = np.arange(n) % 2 if label is None else np.asarray(label)
    predicted = np.where(right, true, 1 - true)
    return pd.DataFrame(
        {
            "path": [f"{i:03d}.mp4" for i in range(n)],
            "group": groups if groups is not None else [f"cam{i % 12:02d}" for i in range(n)],
            "label": np.array(CLASSES)[true],
            "predicted": np.array(CLASSES)[predicted],
            "p_Bucket-Worker": np.where(predicted == 0, 0.8, 0.2),
            "p_Other": np.where(predicted == 0, 0.2, 0.8),
        }
    )


def test_eight_discordant_clips_against_one_have_the_p_value_of_nine_coins():
    assert mcnemar(8, 1) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(1, 8) == mcnemar(8, 1)
    assert mcnemar(0, 0) == mcnemar(5, 5) == 1
    assert mcnemar(6, 0) == pytest.approx(2 / 2**6)


def test_only_discordant_clips_count_for_the_test_and_all_for_the_difference():
    first = predictions([1] * 30 + [1] * 8 + [0] * 1 + [0] * 21)
    second = predictions([1] * 30 + [0] * 8 + [1] * 1 + [0] * 21)
    found = compare(first, second)
    assert (found.only_first, found.only_second) == (8, 1)
    assert found.p_value == pytest.approx(0.0390625)
    assert found.difference == pytest.approx(7 / 60)
    assert found.low < 7 / 60 < found.high
    assert (found.clips, found.groups) == (60, 12)
    assert set(found.intervals) == {"top1", "mean_class_accuracy", "macro_f1"}


def test_macro_f1_differs_by_what_both_tables_have():
    first, second = predictions([1, 1, 1, 0]), predictions([1, 1, 0, 0])
    found = compare(first, second, n=50)
    # first: F1 of class 0 is 4/5 and of class 1 2/3; second: class 0 and 1 both 1/2
    expected = (4 / 5 + 2 / 3) / 2 - 1 / 2
    assert found.intervals["macro_f1"]["value"] == pytest.approx(expected)


def test_the_better_model_is_named_whatever_the_order():
    better, worse = predictions([1] * 60), predictions([1] * 36 + [0] * 24)
    one = compare(better, worse, ("divided", "space"))
    two = compare(worse, better, ("space", "divided"))
    assert one.shown and two.shown
    start = "divided is better than space: +0.400 [+"
    assert one.sentence.startswith(start) and two.sentence.startswith(start)
    assert "p < 0.001 (divided alone is right on 24 clips, space on 0)" in one.sentence
    assert (two.difference, two.low, two.high) == pytest.approx(
        (-one.difference, -one.high, -one.low), abs=1e-12
    )


def test_a_difference_of_few_clips_is_not_shown_and_said_so():
    found = compare(predictions([1] * 32 + [0] * 28), predictions([1] * 31 + [0] * 29))
    assert not found.shown
    assert found.sentence.startswith("No difference shown: A − B: +0.017 [")
    assert "p = 1.000" in found.sentence


def test_a_difference_that_comes_from_one_recording_is_not_shown_though_clips_alone_would():
    groups = [f"cam{i // 10:02d}" for i in range(120)]
    first = predictions([1] * 120, groups)
    second = predictions([0] * 10 + [1] * 110, groups)
    found = compare(first, second)
    assert found.p_value < 0.01 and found.low == 0
    assert not found.shown


def test_pairing_makes_the_interval_narrower_than_two_intervals_beside_each_other():
    rng = np.random.default_rng(0)
    groups = [f"cam{i // 10:02d}" for i in range(240)]
    hard = np.repeat(rng.random(24), 10) < 0.4  # recordings that no model recognises
    first = predictions(~hard & (rng.random(240) < 0.95), groups)
    second = predictions(~hard & (rng.random(240) < 0.90), groups)
    found = compare(first, second)
    alone = bootstrap_intervals(first)["top1"]
    assert found.high - found.low < 0.5 * (alone["high"] - alone["low"])


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(1)
    first, second = (predictions(rng.random(60) < share) for share in (0.8, 0.7))
    assert compare(first, second) == compare(first.sample(frac=1, random_state=0), second)


def test_clips_that_one_table_has_alone_are_named():
    table = predictions([1] * 10)
    with pytest.raises(ValueError, match="Only the first table has 009"):
        compare(table, table.iloc[:9])
    message = r"Only the second table has 000\.mp4, .*004\.mp4 and 2 more clips"
    with pytest.raises(ValueError, match=message):
        compare(table.iloc[7:], table)
    with pytest.raises(ValueError, match=r"first table has 003.mp4 twice"):
        compare(pd.concat([table, table.iloc[3:4]]), table)


def test_other_labels_or_recordings_for_a_clip_are_named():
    table = predictions([1] * 4)
    with pytest.raises(ValueError, match="another label for 001"):
        compare(table, table.assign(label=["Bucket-Worker"] * 3 + ["Other"]))
    with pytest.raises(ValueError, match=r"another group for 000\.mp4, 001\.mp4"):
        compare(table, table.assign(group="cam07"))


def test_draws_hold_whole_recordings():
    groups = np.repeat([f"cam{g:02d}" for g in range(12)], 3)
    draws = clip_draws(groups, 200, 0)
    by_group = draws.reshape(200, 12, 3)
    assert (by_group == by_group[:, :, :1]).all()
    assert (by_group[:, :, 0].sum(1) == 12).all()
    assert by_group.std() > 0


def test_few_recordings_have_their_clips_drawn_too_and_it_is_said(caplog):
    groups = np.repeat(list("abc"), 4)
    with caplog.at_level(logging.WARNING):
        by_group = clip_draws(groups, 500, 0).reshape(500, 3, 4)
    assert "Only 3 recordings" in caplog.text
    assert (by_group.sum(2) % 4 == 0).all() and (by_group != by_group[:, :, :1]).any()
    assert by_group.mean() == pytest.approx(1, abs=0.05)


def test_a_single_recording_has_its_clips_drawn_and_it_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        draws = clip_draws(["a"] * 30, 100, 0)
    assert "one group" in caplog.text
    assert (draws.sum(1) == 30).all() and draws.max() > 1


@pytest.mark.parametrize("groups", [24, 4])
def test_intervals_from_these_draws_are_those_of_the_bootstrap(groups):
    rng = np.random.default_rng(2)
    names = [f"cam{i % groups:02d}" for i in range(240)]
    table = predictions(rng.random(240) < 0.7, names, rng.integers(2, size=240))
    whole, drawn = drawn_confusions(table, classes_of(table), clip_draws(table["group"], 4000, 1))
    assert whole.tolist() == confusion(table).tolist()
    expected = bootstrap_intervals(table, n=4000)
    for name, metric in SCORES_OF_CONFUSION.items():
        limits = np.quantile(metric(drawn), [0.025, 0.975])
        assert limits == pytest.approx(
            [expected[name]["low"], expected[name]["high"]], abs=0.1 * np.ptp(limits)
        )


def test_holm_multiplies_the_smallest_by_all_and_never_falls():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == [1, 1]
    assert holm([0.04]).tolist() == [0.04]
    assert holm([]).tolist() == []
    with pytest.raises(ValueError, match="not tested"):
        holm([0.1, float("nan")])


def test_holm_rejects_any_true_hypothesis_in_at_most_five_of_a_hundred_families():
    p = np.random.default_rng(4).random((4000, 5))
    wrong = np.mean([holm(row).min() < 0.05 for row in p])
    assert wrong == pytest.approx(1 - 0.99**5, abs=0.01)


def test_numbers_are_written_as_in_a_report():
    assert [signed(v) for v in (0.0312, -0.012)] == ["+0.031", "−0.012"]
    assert [say_probability(p) for p in (0.0031, 0.0004)] == ["p = 0.003", "p < 0.001"]
