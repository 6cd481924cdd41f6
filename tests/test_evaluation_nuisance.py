"""What nuisance tells: a planted leak is found, noise is not, and recordings stay unseen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from helpers.evaluation.nuisance import ALL, MARGIN, NUISANCE, nuisance, predict_unseen


def tables(n=240, recordings=24, seed=0, classes="abcd"):
    """Manifest and statistics in which no number depends on the class."""
    rng = np.random.default_rng(seed)
    labels = [classes[k % len(classes)] for k in range(n)]
    group = [f"cam{k // len(classes) % recordings:02}" for k in range(n)]
    light = dict(zip(sorted(set(group)), rng.normal(100, 30, recordings), strict=True))
    manifest = pd.DataFrame(
        {
            "path": [f"{label}/{k}.mp4" for k, label in enumerate(labels)],
            "label": labels,
            "group": group,
            "frames": rng.integers(20, 60, n),
            "fps": 25.0,
            "duration": rng.uniform(1, 3, n),
            "width": 320,
            "height": 240,
            "bytes": rng.integers(10_000, 50_000, n),
        }
    )
    statistics = pd.DataFrame(
        {name: [light[g] for g in group] for name in ("brightness", "red", "green", "blue")}
    )
    statistics = statistics + rng.normal(0, 3, statistics.shape)
    return manifest, statistics.assign(path=manifest["path"], motion=1.0)


def test_numbers_that_know_nothing_stay_at_chance():
    found = nuisance(*tables())
    assert found.chance == 0.25 and found.recordings == 24 and found.folds == 5
    assert found.together["value"] == pytest.approx(0.25, abs=0.08)  # 0.028 standard deviation
    assert found.together["low"] < found.together["value"] < found.together["high"]
    assert not found.leaks
    assert set(found.constant) == {"fps", "width", "height"}
    assert set(found.table["feature"]) == {ALL} | set(NUISANCE) - set(found.constant)


def test_a_class_that_was_compressed_otherwise_is_found_and_its_number_named():
    manifest, statistics = tables()
    manifest.loc[manifest["label"] == "b", "bytes"] += 100_000
    found = nuisance(manifest, statistics)
    assert found.leaks and found.together["low"] > 0.25 + MARGIN
    best = found.table.iloc[1]
    assert best["feature"] == "bytes" and best["value"] > 0.45
    assert best["b"] > 100_000 > best["a"]
    assert found.table["value"].iloc[1:].is_monotonic_decreasing


def test_a_leak_of_two_numbers_together_is_found_where_neither_tells_alone():
    manifest, statistics = tables(n=400, classes="ab")
    sign = np.where(manifest["label"] == "a", 1, -1)
    centred = manifest["duration"] - 2
    manifest["bytes"] = 30_000 + 10_000 * sign * np.sign(centred)
    found = nuisance(manifest, statistics, ["bytes", "duration"])
    alone = found.table.set_index("feature")["value"]
    assert found.together["value"] > 0.9
    assert alone["bytes"] < 0.65 and alone["duration"] < 0.65


def test_unbalanced_classes_do_not_raise_the_score_of_guessing():
    manifest, statistics = tables(n=400, classes="ab")
    keep = (manifest["label"] == "a") | (np.arange(400) % 5 == 0)
    found = nuisance(manifest[keep], statistics[keep])
    assert found.chance == 0.5
    assert found.together["value"] == pytest.approx(0.5, abs=0.1)


def test_a_leak_of_a_rare_class_is_found():
    manifest, statistics = tables(n=800, classes="ab")
    keep = (manifest["label"] == "a") | (np.arange(800) % 5 == 0)
    manifest, statistics = manifest[keep], statistics[keep]
    numbers = np.random.default_rng(0).normal(0, 1, len(manifest)) + (manifest["label"] == "b")
    # Φ(1/2) = 0.69 of each class lies on its side of the middle
    assert nuisance(manifest.assign(bytes=numbers), statistics, ["bytes"]).leaks


def test_what_only_tells_the_recording_tells_nothing_of_unseen_ones():
    manifest, statistics = tables(n=240, recordings=24)
    # every recording has one class and one light; within recordings light would tell the class
    manifest["label"] = ["abcd"[int(group[3:]) % 4] for group in manifest["group"]]
    found = nuisance(manifest, statistics, ["brightness"])
    assert found.together["value"] < 0.25 + 2 * MARGIN
    known = pd.Series(manifest["group"].to_numpy(), index=range(240))
    loose = nuisance(
        manifest.assign(group=[str(k) for k in known.index]), statistics, ["brightness"]
    )
    assert loose.together["value"] > found.together["value"] + 0.3


def test_every_clip_is_predicted_once_by_a_model_that_never_saw_its_recording():
    manifest, _ = tables(n=40, recordings=5)
    manifest["number"] = np.arange(40.0)

    class Spy(DecisionTreeClassifier):
        def fit(self, x, y):
            self.seen = set(manifest.loc[x[:, 0].astype(int), "group"])
            return super().fit(x, y)

        def predict_proba(self, x):
            assert not self.seen & set(manifest.loc[x[:, 0].astype(int), "group"])
            return super().predict_proba(x)

    half = np.flatnonzero(manifest["group"] < "cam02"), np.flatnonzero(manifest["group"] >= "cam02")
    table = predict_unseen(manifest, ["number"], Spy(), [half, half[::-1]])
    assert table["path"].tolist() == manifest["path"].tolist()
    assert table.filter(like="p_").sum(axis=1).to_numpy() == pytest.approx(1)


def test_a_class_that_a_fold_has_not_seen_is_not_predicted():
    manifest = pd.DataFrame(
        {"path": list("1234"), "label": list("aabb"), "group": list("wxyz"), "n": [0.0, 0, 9, 9]}
    )
    folds = [(np.array([0, 1]), np.array([2, 3])), (np.array([2, 3]), np.array([0, 1]))]
    table = predict_unseen(manifest, ["n"], DecisionTreeClassifier(), folds)
    assert table["predicted"].tolist() == list("bbaa")
    assert table["p_a"].tolist() == [0, 0, 1, 1]


def test_the_same_seed_gives_the_same_numbers_and_the_order_of_columns_changes_nothing():
    manifest, statistics = tables(n=80, recordings=8)
    once, again = (
        nuisance(manifest, statistics),
        nuisance(manifest, statistics[statistics.columns[::-1]]),
    )
    pd.testing.assert_frame_equal(once.table, again.table)


def test_a_missing_duration_is_no_error():
    manifest, statistics = tables(n=80, recordings=8)
    manifest.loc[::7, "duration"] = np.nan
    assert nuisance(manifest, statistics).together["value"] < 0.6


def test_too_few_recordings_and_unknown_features_are_refused():
    manifest, statistics = tables(n=40, recordings=8)
    with pytest.raises(ValueError, match="1 recordings"):
        nuisance(manifest.assign(group="one"), statistics)
    with pytest.raises(ValueError, match="No column loudness"):
        nuisance(manifest, statistics, ["loudness"])


def test_where_every_number_is_the_same_the_score_is_that_of_guessing():
    manifest, statistics = tables(n=80, recordings=8)
    found = nuisance(manifest, statistics, ["fps", "width"])
    assert found.constant == ("fps", "width") and len(found.table) == 1
    assert found.together["value"] == pytest.approx(0.25, abs=0.05)


def test_that_recordings_are_few_is_said_once_and_no_later_warning_is_lost(caplog):
    manifest, statistics = tables(n=80, recordings=8)
    for times in (1, 2):
        nuisance(manifest, statistics, ["bytes", "duration"])
        said = [record for record in caplog.records if "Only 8 recordings" in record.getMessage()]
        assert len(said) == times
