import logging
import time

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import metrics
from helpers.evaluation.bootstrap import bootstrap_intervals, per_class_intervals

CLASSES = np.array(["Bucket-Worker", "Cabin-Worker", "Other", "Track-Excavator"])


def draw(groups, clips_each, rng, spread):
    """Predictions right with a chance of 0.7, which moves by `spread` from group to group."""
    n = groups * clips_each
    group = np.repeat(np.arange(groups), clips_each)
    chance = np.clip(0.7 + spread * rng.choice([-1, 1], groups), 0, 1)[group]
    true = rng.integers(4, size=n)
    predicted = np.where(rng.random(n) < chance, true, (true + rng.integers(1, 4, n)) % 4)
    p = np.full((n, 4), 0.1)
    p[np.arange(n), predicted] = 0.7
    return pd.DataFrame(
        {
            "path": [f"{i}.mp4" for i in range(n)],
            "group": [f"cam{g:02d}" for g in group],
            "label": CLASSES[true],
            "predicted": CLASSES[predicted],
            **{f"p_{c}": p[:, k] for k, c in enumerate(CLASSES)},
        }
    )


def width(interval):
    return interval["high"] - interval["low"]


def test_the_value_is_that_of_the_whole_table_and_lies_in_its_interval():
    table = draw(20, 10, np.random.default_rng(0), 0.2)
    intervals = bootstrap_intervals(table)
    assert set(intervals) == {"top1", "mean_class_accuracy", "macro_f1"}
    for name, value in metrics.scores(table).items():
        assert intervals[name]["value"] == pytest.approx(value)
        assert intervals[name]["low"] < value < intervals[name]["high"]


def test_drawing_groups_gives_wider_intervals_than_drawing_clips_that_resemble_each_other():
    table = draw(16, 50, np.random.default_rng(1), 0.25)
    by_group = bootstrap_intervals(table)
    by_clip = bootstrap_intervals(table.assign(group=table["path"]))
    for name in by_group:
        assert width(by_group[name]) > 2 * width(by_clip[name])


def test_the_width_over_clips_is_that_of_a_binomial_share():
    table = draw(800, 1, np.random.default_rng(2), 0.0)
    interval = bootstrap_intervals(table, n=4000)["top1"]
    share = interval["value"]
    assert width(interval) == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 800), rel=0.1)


def test_intervals_cover_the_true_accuracy_about_as_often_as_their_level_says():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        interval = bootstrap_intervals(draw(40, 8, rng, 0.2), n=300)["top1"]
        hits += interval["low"] <= 0.7 <= interval["high"]
    assert 0.88 <= hits / 200 <= 0.99


def test_a_single_group_draws_clips_and_says_so(caplog):
    table = draw(1, 40, np.random.default_rng(4), 0.0)
    with caplog.at_level(logging.WARNING):
        interval = bootstrap_intervals(table)["top1"]
    assert width(interval) > 0
    assert "one group" in caplog.text and "GROUP_PATTERN" in caplog.text


def test_few_groups_that_score_alike_still_have_a_width_and_it_is_said(caplog):
    one = pd.DataFrame({"label": list("aabb"), "predicted": list("abba")})
    table = pd.concat([one.assign(group=name) for name in "wxyz"], ignore_index=True)
    table = table.assign(p_a=0.5, p_b=0.5)
    with caplog.at_level(logging.WARNING):
        interval = bootstrap_intervals(table, n=4000)["top1"]
    assert interval["value"] == 0.5
    assert width(interval) == pytest.approx(2 * 1.96 * np.sqrt(0.5 * 0.5 / 16), rel=0.15)
    assert "Only 4 recordings" in caplog.text


def test_the_same_seed_gives_the_same_limits_in_any_order_of_rows():
    table = draw(10, 5, np.random.default_rng(5), 0.2)
    assert bootstrap_intervals(table) == bootstrap_intervals(table.sample(frac=1, random_state=1))
    assert bootstrap_intervals(table) != bootstrap_intervals(table, seed=1)


def test_a_lower_level_gives_a_narrower_interval():
    table = draw(30, 5, np.random.default_rng(6), 0.2)
    half = bootstrap_intervals(table, level=0.5)["top1"]
    assert width(half) < width(bootstrap_intervals(table)["top1"])


def test_classes_that_some_draws_lack_still_get_limits_and_absent_ones_none():
    table = draw(6, 8, np.random.default_rng(7), 0.1)
    table = table[table["label"] != "Other"]
    only = table["label"] == "Bucket-Worker"
    table = pd.concat([table[~only], table[only & (table["group"] == "cam00")]])
    rows = per_class_intervals(table).set_index(["class", "metric"])
    assert np.isfinite(rows.loc[("Bucket-Worker", "recall")].to_numpy(float)).all()
    assert rows.loc[("Other", "recall")].isna().all()
    expected = metrics.per_class(table).set_index("class")
    for name in ("Cabin-Worker", "Track-Excavator"):
        for metric in ("precision", "recall", "f1"):
            value = rows.loc[(name, metric), "value"]
            assert value == pytest.approx(expected.loc[name, metric])


def test_a_thousand_draws_of_eight_hundred_clips_take_under_two_seconds():
    table = draw(60, 14, np.random.default_rng(8), 0.2)
    start = time.perf_counter()
    bootstrap_intervals(table, n=1000)
    assert time.perf_counter() - start < 2
