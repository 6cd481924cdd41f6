"""What a cross-validation says, against numbers worked out by hand and by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from helpers.evaluation import metrics
from helpers.evaluation.bootstrap import bootstrap_intervals
from helpers.evaluation.folds import cross_validated, fold_scores, summary_table


def make_table(right: list[int], of: int = 10, recordings: int = 2) -> pd.DataFrame:
    """Folds of `of` clips of two classes, so many of which are recognised."""
    rows = []
    for fold, hits in enumerate(right):
        for clip in range(of):
            label = "ab"[clip % 2]
            predicted = label if clip < hits else "ba"[clip % 2]
            group = f"rec{fold}_{clip % recordings}"
            p_a = 0.9 if predicted == "a" else 0.1
            rows.append((f"{fold}/{clip}.mp4", group, label, predicted, p_a, 1 - p_a, fold))
    return pd.DataFrame(rows, columns=["path", "group", "label", "predicted", "p_a", "p_b", "fold"])


def test_each_fold_is_scored_by_itself():
    table = make_table([10, 5, 0])
    found = fold_scores(table)
    assert found["fold"].tolist() == [0, 1, 2] and found["clips"].tolist() == [10] * 3
    assert found["recordings"].tolist() == [2] * 3 and found["classes"].tolist() == [2] * 3
    assert found["top1"].tolist() == [1.0, 0.5, 0.0]
    for row in found.to_dict("records"):
        one = metrics.scores(table[table["fold"] == row["fold"]])
        assert {name: row[name] for name in one} == one


def test_interval_of_the_mean_is_students():
    scores = np.array([0.6, 0.8, 0.7, 0.5])
    found = cross_validated(make_table([6, 8, 7, 5]), n=50)["top1"]
    assert found["mean"] == pytest.approx(0.65)
    assert found["standard_error"] == pytest.approx(np.std(scores, ddof=1) / 2)
    expected = ttest_1samp(scores, 0).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    reach = student.ppf(0.9, 3) * found["standard_error"]
    assert cross_validated(make_table([6, 8, 7, 5]), n=50, level=0.8)["top1"]["high"] == (
        pytest.approx(0.65 + reach)
    )


def test_limits_stay_within_0_and_1():
    found = cross_validated(make_table([10, 0]), n=50)["top1"]
    assert (found["mean"], found["low"], found["high"]) == (0.5, 0.0, 1.0)


def test_pooled_scores_are_those_of_all_clips_with_the_bootstrap_over_recordings():
    table = pd.concat([make_table([8, 6, 7, 9, 5, 8]), make_table([2], of=30).assign(fold=6)])
    table["path"] = [f"{n}.mp4" for n in range(len(table))]
    found, pooled = cross_validated(table, n=200, seed=3), bootstrap_intervals(table, n=200, seed=3)
    for name, expected in pooled.items():
        assert found[name]["pooled"] == pytest.approx(metrics.scores(table)[name])
        assert (found[name]["pooled_low"], found[name]["pooled_high"]) == (
            expected["low"],
            expected["high"],
        )
    assert found["top1"]["mean"] == pytest.approx(np.mean([0.8, 0.6, 0.7, 0.9, 0.5, 0.8, 2 / 30]))
    assert found["top1"]["pooled"] == pytest.approx((43 + 2) / 90)


def test_a_fold_without_a_class_counts_the_others_and_the_pooled_score_all():
    table = make_table([10, 10])
    table = table[(table["fold"] == 0) | (table["label"] == "a")]
    table.loc[(table["fold"] == 0) & (table["label"] == "b"), "predicted"] = "a"
    found = fold_scores(table)
    assert found["classes"].tolist() == [2, 1]
    assert found["mean_class_accuracy"].tolist() == [0.5, 1.0]
    summary = cross_validated(table, n=50)["mean_class_accuracy"]
    assert (summary["mean"], summary["pooled"]) == (0.75, 0.5)


def test_intervals_hold_the_expected_score_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    trials, recordings, clips, size, k = 300, 20, 6, 12, 5
    centres = 0.55 * random.normal(size=(3, size))
    label = np.tile(np.arange(clips) % 3, (recordings, 1))
    fold = np.arange(recordings) % k
    means, held, errors = [], [], []
    for _ in range(trials):
        look = 0.6 * random.normal(size=(recordings, 1, size))  # what clips of a recording share
        seen = centres[label] + look + random.normal(size=(recordings, clips, size))
        score = []
        for out in range(k):
            train = fold != out
            learnt = np.stack([seen[train][label[train] == c].mean(axis=0) for c in range(3)])
            apart = ((seen[~train][:, :, None] - learnt) ** 2).sum(axis=-1)
            score.append((apart.argmin(axis=-1) == label[~train]).mean())
        means.append(np.mean(score))
        errors.append(np.std(score, ddof=1) / np.sqrt(k))
    truth, reach = np.mean(means), student.ppf(0.975, k - 1)
    held = np.abs(np.array(means) - truth) <= reach * np.array(errors)
    assert 0.90 <= held.mean() <= 0.99


def test_the_summary_reads_as_text():
    table = summary_table(cross_validated(make_table([6, 8, 7, 5]), n=50))
    assert list(table) == ["metric", "mean of folds", "standard error", "all clips pooled"]
    assert table["metric"].tolist() == ["top1", "mean_class_accuracy", "macro_f1"]
    assert table["mean of folds"][0] == "0.650 [0.445, 0.855]"
    assert table["standard error"][0] == "0.065"


def test_what_is_no_cross_validation_is_refused():
    with pytest.raises(ValueError, match="1 fold: a cross-validation has two or more"):
        fold_scores(make_table([5]))
    table = make_table([5, 5])
    with pytest.raises(ValueError, match=r"0/0\.mp4 is predicted twice"):
        fold_scores(pd.concat([table, table.head(1).assign(fold=1)]))
