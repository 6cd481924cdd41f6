"""The trainings of a cross-validation: none knows its test clips, what is done is found again."""

import pandas as pd
import pytest
from training_makers import CPU, make_run, tiny_project

from helpers.clips.duplicates import DUPLICATE_COLUMNS
from helpers.clips.folds import FoldError
from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.evaluation.folds import cross_validated, fold_scores
from helpers.files import read_json, write_table
from helpers.runs import RunError
from helpers.training import folds as module
from helpers.training.choices import Choices
from helpers.training.folds import (
    count_folds,
    finished_folds,
    open_folds,
    predict_folds,
    train_folds,
)
from helpers.training.train import TrainingError

K = 2  # of four cameras: two are tested together, one trains and one validates
ONE_EPOCH = Choices(recipe={"epochs": 1})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    with tiny_project(folder):
        yield make_run("folded")


@pytest.fixture(scope="module")
def trained(run):
    return train_folds(run, K, CPU, ONE_EPOCH, workers=1)


def test_nothing_is_there_before_folds_are_asked_for(run):
    if (run.folder / "folds").exists():
        pytest.skip("another test has drawn them")
    assert [count_folds(run, asked) for asked in (0, 3, "groups")] == [0, 3, 4]
    assert finished_folds(run).empty
    with pytest.raises(RunError, match="02_train_timesformer"):
        predict_folds(run, CPU)


def test_each_fold_is_a_run_with_a_split_and_a_seed_of_its_own(run, trained):
    runs = open_folds(run, K)
    assert [one.settings.seed - run.settings.seed for one in runs] == [0, 1]
    tested, sizes = [], []
    for one in runs:
        assert load_manifest(one.manifest).equals(load_manifest(run.manifest))
        parts = load_split(one.split).groupby("split")["group"].unique()
        sizes.append(tuple(len(parts[part]) for part in ("train", "val", "test")))
        tested += list(parts["test"])
    assert sizes == [(1, 1, 2), (1, 1, 2)]
    assert sorted(tested) == ["cam0", "cam1", "cam2", "cam3"]
    assert count_folds(run) == K


def test_what_was_trained_is_listed(run, trained):
    assert trained["fold"].tolist() == [0, 1]
    counted = trained[["train", "val", "test", "recordings"]].to_numpy().tolist()
    assert counted == [[4, 4, 8, 2], [4, 4, 8, 2]]
    assert trained[["classes", "epochs", "best_epoch"]].to_numpy().tolist() == [[2, 1, 1]] * K
    assert trained["best_score"].between(0, 1).all()
    for fold, seconds in enumerate(trained["seconds"]):
        folder = run.folder / "folds" / str(fold) / "training"
        both = [read_json(one / "training.json")["seconds"] for one in (folder, folder / "images")]
        assert seconds == pytest.approx(sum(both)), "the start on single frames counts"


def test_no_fold_starts_from_an_image_transformer_that_saw_its_clips(run, trained):
    hashes = set()
    for one in open_folds(run, K):
        images = read_json(one.training / "images" / "asked.json")
        assert images["clips"] == read_json(one.training / "asked.json")["clips"]
        hashes.add(images["clips"])
        assert str(one.training / "images" / "best.pth") in (one.training / "config.py").read_text()
    assert len(hashes) == K, "each saw other clips"


def test_every_clip_is_tested_once_by_the_model_that_did_not_know_it(run, trained):
    table = predict_folds(run, CPU)
    assert sorted(table["path"]) == sorted(load_manifest(run.manifest)["path"])
    for fold, one in enumerate(open_folds(run, K)):
        test = load_split(one.split).query("split == 'test'")["path"]
        assert sorted(table.loc[table["fold"] == fold, "path"]) == sorted(test)
    written = pd.read_csv(run.folder / "folds" / "predictions.csv")
    assert list(written) == ["path", "group", "label", "predicted", "p_a", "p_b", "fold"]
    by_fold, found = fold_scores(table), cross_validated(table, n=50)["top1"]
    assert found["mean"] == pytest.approx(by_fold["top1"].mean())
    assert found["pooled"] == pytest.approx((by_fold["top1"] * by_fold["clips"]).sum() / 16)


def test_finished_folds_are_not_trained_again_and_a_cut_one_goes_on(run, trained, monkeypatch):
    (open_folds(run, K)[1].training / "training.json").unlink()
    begun, original = [], module.train
    monkeypatch.setattr(
        module,
        "train",
        lambda config, clips: begun.append(config.work_dir) or original(config, clips),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helpers.training.train.RUNNERS.get", lambda name: pytest.fail("trained"))
        with pytest.raises(pytest.fail.Exception, match="trained"):
            train_folds(run, K, CPU, ONE_EPOCH, workers=1)
    again = train_folds(run, K, CPU, ONE_EPOCH, workers=1)
    kept = trained["fold"] != 1
    pd.testing.assert_frame_equal(again[kept], trained[kept])
    assert len(again) == K and begun


def test_other_folds_or_choices_are_refused(run, trained):
    with pytest.raises(FoldError, match="has 2 folds, 4 are asked"):
        train_folds(run, 4, CPU, workers=1)
    with pytest.raises(TrainingError, match=r"other .*schedule"):
        train_folds(run, K, CPU, Choices(recipe={"epochs": 2}), workers=1)


def test_a_fold_that_is_not_trained_is_named(run, trained):
    marker = open_folds(run, K)[1].training / "training.json"
    content = marker.read_text()
    marker.unlink()
    try:
        assert finished_folds(run)["fold"].tolist() == [0]
        with pytest.raises(RunError, match=r"training\.json is missing"):
            predict_folds(run, CPU)
    finally:
        marker.write_text(content)


def test_copies_that_notebook_01_found_are_tested_together(tmp_path):
    with tiny_project(tmp_path):
        run = make_run("with_copies")
        pair = ("a/cam0_0.mp4", "b/cam3_1.mp4", "near", 0.01, False)
        duplicates = pd.DataFrame([pair], columns=DUPLICATE_COLUMNS)
        write_table(run.folder / "duplicates.csv", duplicates)
        for one in open_folds(run, 3):
            split = load_split(one.split).set_index("path")["split"]
            assert split["a/cam0_0.mp4"] == split["b/cam3_1.mp4"]
        assert count_folds(run, "groups") == 3, "two cameras share a copy"
        with pytest.raises(FoldError, match="4 folds of 3 recordings"):
            (run.folder / "folds" / "folds.csv").unlink()
            open_folds(run, 4)
