"""Folds test every recording once, with every class in each as far as recordings allow."""

import numpy as np
import pandas as pd
import pytest

from helpers.clips.assignment import assign_groups, split_cost
from helpers.clips.duplicates import DUPLICATE_COLUMNS
from helpers.clips.folds import (
    FoldError,
    draw_folds,
    load_folds,
    load_or_draw_folds,
    most_folds,
    split_of_fold,
)


def make_manifest(groups: int = 10, classes: str = "abc", each: int = 2) -> pd.DataFrame:
    rows = [
        (f"{label}/cam{group:02d}_{clip}.mp4", label, f"cam{group:02d}")
        for label in classes
        for group in range(groups)
        for clip in range(each)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "group"])


@pytest.mark.parametrize(("groups", "k"), [(10, 5), (20, 4), (7, 3), (5, 2)])
def test_recordings_are_whole_and_folds_are_even(groups, k):
    folds = draw_folds(make_manifest(groups), k, seed=1)
    assert (folds.groupby("group")["fold"].nunique() == 1).all()
    sizes = folds.groupby("fold")["group"].nunique()
    assert len(sizes) == k and sizes.max() - sizes.min() <= 1
    assert (pd.crosstab(folds["fold"], folds["label"]) > 0).all(axis=None)


def test_classes_are_alike_in_folds_when_recordings_differ():
    random = np.random.default_rng(0)
    manifest = make_manifest(groups=40, each=12)
    keep = random.random(len(manifest)) < manifest["group"].map(
        {group: random.uniform(0.1, 1) for group in manifest["group"].unique()}
    )
    folds = draw_folds(manifest[keep], 5, seed=0)
    shares = pd.crosstab(folds["label"], folds["fold"], normalize="index")
    assert (shares - 0.2).abs().max(axis=None) < 0.03


def test_as_many_folds_as_recordings_leave_one_out_each_time():
    manifest = make_manifest(6)
    folds = draw_folds(manifest, 6, seed=0)
    assert folds.groupby("fold")["group"].nunique().tolist() == [1] * 6
    for fold in range(6):
        split = split_of_fold(folds, fold, seed=0)
        counts = split.groupby("split")["group"].nunique()
        assert (counts["test"], counts["val"], counts["train"]) == (1, 1, 4)


def test_seed_decides_and_the_order_of_rows_does_not():
    manifest = make_manifest(12)
    first = draw_folds(manifest, 4, seed=3)
    shuffled = draw_folds(manifest.sample(frac=1, random_state=0), 4, seed=3)
    pd.testing.assert_frame_equal(
        shuffled.sort_values("path", ignore_index=True),
        first.sort_values("path", ignore_index=True),
    )
    assert (draw_folds(manifest, 4, seed=4)["fold"] != first["fold"]).any()


def test_each_fold_validates_on_recordings_of_its_own_training_part():
    folds = draw_folds(make_manifest(16), 4, seed=0)
    for fold in range(4):
        split = split_of_fold(folds, fold, seed=0)
        tested = set(split.loc[split["split"] == "test", "path"])
        assert tested == set(folds.loc[folds["fold"] == fold, "path"])
        assert (split.groupby("group")["split"].nunique() == 1).all()
        counts = split.groupby("split")["group"].nunique()
        assert counts["test"] == 4 and counts["val"] in (1, 2)
    validated = {
        group
        for fold in range(4)
        for group in split_of_fold(folds, fold, 0).query("split == 'val'")["group"]
    }
    assert len(validated) > 1, "not the same recordings in every fold"


def test_recordings_that_share_copies_are_tested_together_and_never_validate_each_other():
    manifest = make_manifest(9)
    links = [("a/cam01_0.mp4", "b/cam05_1.mp4"), ("b/cam05_0.mp4", "c/cam07_0.mp4")]
    duplicates = pd.DataFrame(
        [(*pair, "near", 0.01, False) for pair in links], columns=DUPLICATE_COLUMNS
    )
    together = ["cam01", "cam05", "cam07"]
    for seed in range(5):
        folds = draw_folds(manifest, 3, seed, duplicates)
        assert folds.loc[folds["group"].isin(together), "fold"].nunique() == 1
        for fold in range(3):
            split = split_of_fold(folds, fold, seed, duplicates)
            assert split.loc[split["group"].isin(together), "split"].nunique() == 1
    assert (most_folds(manifest), most_folds(manifest, duplicates)) == (9, 7)
    assert draw_folds(manifest, 7, 0, duplicates)["fold"].nunique() == 7
    with pytest.raises(FoldError, match="8 folds of 7 recordings"):
        draw_folds(manifest, 8, 0, duplicates)


def test_what_cannot_be_folded_is_refused_in_words():
    manifest = make_manifest(4)
    for k in (0, 1, 5):
        with pytest.raises(FoldError, match=f"{k} folds of 4 recordings .*take 2 to 4"):
            draw_folds(manifest, k, 0)
    alone = pd.DataFrame([("z/1.mp4", "z", "cam01")], columns=["path", "label", "group"])
    with pytest.raises(FoldError, match="All clips of class z are of one recording"):
        draw_folds(pd.concat([manifest, alone]), 2, 0)
    with pytest.raises(FoldError, match="two others to train and validate on"):
        draw_folds(make_manifest(2), 2, 0)
    with pytest.raises(FoldError, match="fold 2: there are 0 to 1"):
        split_of_fold(draw_folds(manifest, 2, 0), 2, 0)


def test_a_class_of_two_recordings_is_trained_wherever_it_is_not_tested(caplog):
    manifest = make_manifest(8)
    rare = [(f"z/{n}.mp4", "z", f"cam0{n}") for n in (2, 6)]
    manifest = pd.concat([manifest, pd.DataFrame(rare, columns=["path", "label", "group"])])
    for seed in range(6):
        folds = draw_folds(manifest, 4, seed)
        for fold in range(4):
            split = split_of_fold(folds, fold, seed)
            assert "z" in set(split.loc[split["split"] == "train", "label"])
    assert "Class z is in 2 of 4 folds" in caplog.text


def test_recordings_of_one_class_each_leave_none_to_validate_on():
    rows = [(f"{label}/{n}.mp4", label, f"{label}{n}") for label in "ab" for n in range(2)]
    folds = draw_folds(pd.DataFrame(rows, columns=["path", "label", "group"]), 2, 0)
    with pytest.raises(FoldError, match="Without fold 0 there is no recording to validate on"):
        split_of_fold(folds, 0, 0)


def test_folds_are_drawn_once_and_other_clips_or_folds_are_refused(tmp_path):
    manifest, file = make_manifest(), tmp_path / "folds" / "folds.csv"
    first = load_or_draw_folds(manifest, file, 5, seed=0)
    written = file.stat().st_mtime_ns
    second = load_or_draw_folds(manifest.sample(frac=1, random_state=0), file, 5, seed=9)
    pd.testing.assert_frame_equal(first, second)
    assert file.stat().st_mtime_ns == written
    with pytest.raises(FoldError, match="has 5 folds, 4 are asked"):
        load_or_draw_folds(manifest, file, 4, seed=0)
    with pytest.raises(FoldError, match="has other clips, labels or groups"):
        load_or_draw_folds(manifest.iloc[1:], file, 5, seed=0)
    file.write_text("path,label,group,fold\na/1,a,g,one\n")
    with pytest.raises(FoldError, match="a fold that is no number"):
        load_folds(file)
    file.write_text("path,label\n")
    with pytest.raises(FoldError, match="no column group, fold"):
        load_folds(file)


def test_no_fold_is_empty_where_recordings_have_one_class_each():
    rows = [(f"{label}/{n}.mp4", label, f"{label}{n}") for label in "ab" for n in range(4)]
    manifest = pd.DataFrame(rows, columns=["path", "label", "group"])
    for k in range(2, 8):
        folds = draw_folds(manifest, k, seed=0)
        sizes = folds["fold"].value_counts()
        assert len(sizes) == k and sizes.max() - sizes.min() <= 1


def test_absence_costs_what_is_said_in_any_number_of_parts():
    totals, fractions = np.array([[0.5, 0.0], [0.5, 1.0]]), np.array([0.5, 0.5])
    assert split_cost(totals, fractions, np.array([7.0, 11.0])) == pytest.approx(2 * 0.5 + 7)
    drawn = assign_groups(np.ones((6, 1)), np.full(6, 1 / 6), np.full(6, -1), 0, np.full(6, 100.0))
    assert sorted(drawn) == list(range(6))
