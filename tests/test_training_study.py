"""The study's grid: which cells there are, how they are trained, and what is found again."""

import pandas as pd
import pytest
from training_makers import CPU, make_run, tiny_project

from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.models.transformer import POSITIONS, SCHEMES
from helpers.runs import Run, RunError
from helpers.training.plan import parts_of_clips, plan_images
from helpers.training.study import Cell, cells_of, finished, grid, label_sets, plan_cell, run_cells
from helpers.training.train import load_training, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    with tiny_project(folder):
        yield make_run("studied", clips=3)


@pytest.fixture(scope="module")
def studied(run):
    """Two finished cells."""
    train(plan_images(run, CPU), parts_of_clips(run))
    cells = grid(["own"], ["space_only", "joint_space_time"], ["space_time"], [1])
    run_cells(run, cells, label_sets(run), CPU, workers=1)
    return cells


class TestGrid:
    def test_full_grid_has_every_network_once(self):
        cells = cells_of("full", ["hazards", "motions"], seeds=2)
        assert len(cells) == len(set(cells)) == (len(SCHEMES) * len(POSITIONS) - 1) * 2 * 2
        assert Cell("motions", "space_only", "space", 0) not in cells
        assert Cell("motions", "space_only", "space_time", 0) in cells

    def test_every_scheme_comes_before_other_positions_and_seeds(self):
        first = cells_of("full", ["motions"], seeds=2)[: len(SCHEMES)]
        assert [cell.attention_type for cell in first] == list(SCHEMES)
        assert {(cell.positional_embedding, cell.seed) for cell in first} == {("space_time", 0)}

    def test_reduced_grid_is_part_of_the_full_one(self):
        reduced = cells_of("reduced", ["hazards", "motions"])
        assert 0 < len(reduced) < 6 and set(reduced) <= set(
            cells_of("full", ["hazards", "motions"])
        )

    def test_space_only_is_kept_where_positions_in_time_are_not_asked_for(self):
        assert grid(["own"], ["space_only"], ["space"], [0]) == [
            Cell("own", "space_only", "space", 0)
        ]

    @pytest.mark.parametrize(("name", "seeds"), [("half", 3), ("full", 0)])
    def test_unknown_grid_or_no_seed_is_named(self, name, seeds):
        with pytest.raises(ValueError, match=f"GRID='{name}', SEEDS={seeds}"):
            cells_of(name, ["own"], seeds)


class TestLabelSets:
    def test_training_clips_are_limited_alike_in_every_class(self, run):
        own = label_sets(run)["own"]
        split = load_split(own.split)
        counts = pd.crosstab(split["split"], split["label"])
        assert counts.loc["train"].tolist() == [2, 2]  # of six each: the study takes four
        assert counts.loc["val"].tolist() == counts.loc["test"].tolist() == [3, 3]
        assert set(load_manifest(own.manifest)["path"]) == set(split["path"])

    def test_same_clips_are_drawn_each_time(self, run):
        before = label_sets(run)["own"].split.read_bytes()
        assert label_sets(run)["own"].split.read_bytes() == before


class TestCells:
    def test_a_cell_differs_from_the_run_in_what_it_names(self, run):
        own = label_sets(run)["own"]
        config = plan_cell(run, Cell("own", "axial", "none", 7), own, CPU, None)
        backbone = config.model.backbone
        assert (backbone.attention_type, backbone.positional_embedding) == ("axial", "none")
        assert (backbone.num_frames, backbone.time_embed_std) == (2, 0.5)
        assert config.randomness.seed == 7
        assert config.work_dir == str(run.folder / "study" / "own" / "axial-none-7")

    def test_cells_without_an_image_transformer_are_refused(self, run):
        if (run.training / "images" / "training.json").exists():
            pytest.skip("another test has trained it")
        with pytest.raises(RunError, match="02_train_timesformer"):
            run_cells(run, cells_of("reduced", ["own"]), label_sets(run), CPU, workers=1)

    def test_finished_cells_are_listed_with_their_predictions(self, run, studied):
        table = finished(run)
        assert table["attention_type"].tolist() == ["joint_space_time", "space_only"]
        assert table["seed"].tolist() == [1, 1] and table["epochs"].tolist() == [1, 1]
        predictions = pd.read_csv(table["predictions"][0])
        assert sorted(predictions["path"]) == sorted(
            clip for clip, part in parts_of_clips(run) if part == "test"
        )

    def test_finished_cells_are_not_trained_again(self, run, studied, monkeypatch):
        def refuse(*_):
            raise AssertionError("trained again")

        monkeypatch.setattr("helpers.training.study.train", refuse)
        run_cells(run, studied, label_sets(run), CPU, workers=1)

    def test_a_cut_study_goes_on(self, run, studied):
        folder = run.folder / "study" / studied[0].name
        (folder / "predictions.csv").unlink()
        seconds = load_training(folder).seconds
        run_cells(run, studied, label_sets(run), CPU, workers=2)
        assert (folder / "predictions.csv").exists()
        assert load_training(folder).seconds == seconds, "only what was missing is done"

    def test_cells_start_from_the_same_image_transformer(self, run, studied):
        text = (run.folder / "study" / studied[1].name / "config.py").read_text()
        assert str(run.training / "images" / "best.pth") in text

    def test_nothing_finished_is_an_empty_table(self, tmp_path, run):
        table = finished(Run("x", tmp_path, run.settings))
        assert table.empty and "predictions" in table
