"""The comparison with CNNs: its grid, its trainings, and tables from their folders alone."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from mmengine.config import Config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from training_makers import CPU, RECIPE, TINY, make_run, tiny_project

from helpers.clips.split import load_split
from helpers.cost.recognizers import cost_of, costs_as_published, costs_of_trainings
from helpers.evaluation import rivals
from helpers.explain import beside, tables
from helpers.explain.grad_cam import grad_cam
from helpers.explain.methods import METHODS
from helpers.figures import rivals as figures
from helpers.models import CnnTransformer, Float32Head
from helpers.models.checkpoints import CheckpointError
from helpers.profiles import CNNS, PROFILES
from helpers.runs import Run, RunError
from helpers.training.choices import Choices
from helpers.training.comparison import (
    curves_of,
    finished,
    folder_of,
    on_frames,
    plan_entry,
    run_entries,
    seconds_in_all,
    sets_of,
    share_of,
)
from helpers.training.entries import (
    DEFAULT,
    IMAGES,
    NOTHING,
    TRANSFORMER,
    Entry,
    _side_of_map,
    entries,
)
from helpers.training.gradients import layer_of
from helpers.training.inference import load_model
from helpers.training.log import read_gradients, read_scalars
from helpers.training.loggers import log_pictures
from helpers.training.network import SIZES, backbone_of, keywords_of
from helpers.training.plan import plan_images
from helpers.training.train import load_training

CNN = Entry("own", DEFAULT, start=IMAGES, changes={"encoder_heads": 4})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with tiny_project(tmp_path_factory.mktemp("comparison")):
        yield make_run("compared", clips=3)


@pytest.fixture(scope="module")
def sets(run):
    return sets_of(run, "reduced")


@pytest.fixture(scope="module")
def trained(run, sets):
    """A CNN that learnt single frames first, and the transformer."""
    run_entries(run, [CNN, Entry("own", TRANSFORMER)], sets, CPU, workers=1)
    return finished(run)


class TestGrid:
    def test_reduced_is_one_cnn_and_part_of_the_full_grid(self):
        (only,) = entries("reduced", ["hazards"])
        assert only.model == DEFAULT
        assert entries("full", ["hazards", "motions"])[0] == only

    def test_full_grid_has_every_model_with_every_seed_and_nothing_twice(self):
        listed = entries("full", ["hazards", "motions"], seeds=2)
        names = [entry.name for entry in listed]
        assert len(set(names)) == len(names)
        for model in (TRANSFORMER, *CNNS):
            entries_ = [Entry("hazards", model, seed, start=IMAGES) for seed in (0, 1)]
            assert set(map(listed.count, entries_)) == {1}

    def test_what_others_start_from_is_part_of_the_grid(self):
        listed = entries("full", ["hazards", "motions"], seeds=1)
        starts = [entry for entry in listed if entry.start in ("hazards", "motions")]
        assert {(entry.start, entry.labels) for entry in starts} == {
            ("hazards", "motions"), ("motions", "hazards"),
        }  # fmt: skip
        assert all(entry.before in listed for entry in starts)
        assert {entry.before.start for entry in starts} == {IMAGES}
        assert {len(entry.line) for entry in starts} == {3}

    def test_changes_of_the_encoder_start_from_the_same_single_frames(self):
        listed = [e for e in entries("full", ["own"], 1) if e.model == DEFAULT and e.share == 1]
        starts = {entry.before.name for entry in listed if entry.start == IMAGES}
        assert starts == {f"own/images/{DEFAULT}-100pc-0"}
        narrow = Entry("own", DEFAULT, start=IMAGES, changes={"width": 0.25, "pool": 1})
        assert narrow.before.changes == {"width": 0.25}

    def test_a_folder_of_ones_own_needs_no_motions(self):
        assert {entry.labels for entry in entries("full", ["own"], 1)} == {"own"}

    def test_pooling_that_leaves_a_map_as_it_is_is_left_out(self):
        def pools(model, img_size):
            listed = entries("full", ["own"], 1, img_size)
            return [e.changes["pool"] for e in listed if e.model == model and "pool" in e.changes]

        assert (pools(DEFAULT, 64), pools("r3d18_attention", 64)) == ([1], [1, 2])  # 2×2 and 4×4
        assert pools(DEFAULT, 224) == pools(DEFAULT, None) == [1, 2, 4]

    @pytest.mark.parametrize("name", CNNS)
    def test_side_of_a_map_is_that_of_the_network(self, name):
        network = CnnTransformer(CNNS[name].network, 8, 64, width=0.125)
        assert network.map[1:] == [_side_of_map(name, 64)] * 2

    def test_unknown_grid_is_named(self):
        with pytest.raises(ValueError, match="GRID='half'"):
            entries("half", ["own"])


class TestShares:
    def test_clips_are_drawn_alike_from_every_class_and_nested(self, sets, tmp_path):
        half, most = (share_of(sets["own"], share, tmp_path) for share in (0.5, 0.84))
        tables = [load_split(labels.split).query("split == 'train'") for labels in (half, most)]
        assert [table["label"].value_counts().to_dict() for table in tables] == [
            {"a": 3, "b": 3}, {"a": 5, "b": 5},
        ]  # fmt: skip
        assert set(tables[0]["path"]) < set(tables[1]["path"])

    def test_clips_that_are_tested_are_all_there(self, sets, tmp_path):
        few = load_split(share_of(sets["own"], 0.5, tmp_path).split)
        whole = load_split(sets["own"].split)
        for part in ("val", "test"):
            assert set(few[few["split"] == part]["path"]) == set(
                whole[whole["split"] == part]["path"]
            )

    @pytest.mark.parametrize(("share", "words"), [(0, "share=0"), (0.01, "leaves [ab] without")])
    def test_no_clip_is_refused(self, sets, tmp_path, share, words):
        with pytest.raises(ValueError, match=words):
            share_of(sets["own"], share, tmp_path)


class TestPlans:
    @pytest.mark.parametrize("name", CNNS)
    def test_every_cnn_is_a_config_of_mmaction2(self, run, sets, name):
        config = plan_entry(run, Entry("own", name), sets["own"], CPU)
        assert config.model.backbone.type == "CnnTransformer"
        assert config.model.backbone.network == CNNS[name].network
        assert (config.model.backbone.num_frames, config.model.backbone.img_size) == (4, 16)

    def test_the_transformer_keeps_its_own_rate_and_batch(self, run, sets, monkeypatch):
        sizes = replace(TINY.comparison, images={DEFAULT: replace(RECIPE, lr=0.5, batch_size=7)})
        monkeypatch.setitem(PROFILES, "tiny", replace(TINY, comparison=sizes))
        for model, expected in ((DEFAULT, (0.5, 7)), (TRANSFORMER, (RECIPE.lr, RECIPE.batch_size))):
            frames = Entry("own", model, start=IMAGES).before
            config = plan_entry(run, frames, sets["own"], CPU)
            rate, batch = config.optim_wrapper.optimizer.lr, config.train_dataloader.batch_size
            assert (rate, batch) == expected

    def test_budget_and_clips_are_the_same_for_all(self, run, sets):
        plans = [plan_entry(run, Entry("own", m), sets["own"], CPU) for m in (TRANSFORMER, DEFAULT)]
        one, two = (
            (
                plan.train_cfg.max_epochs, plan.train_dataloader.batch_size,
                plan.train_dataloader.dataset.split, plan.optim_wrapper.optimizer.type,
            )
            for plan in plans
        )  # fmt: skip
        assert one == two

    @pytest.mark.parametrize(
        ("entry", "epochs"),
        [
            (Entry("own", DEFAULT, start=IMAGES).before, 1),
            (Entry("own", DEFAULT, start=IMAGES), 1),
            (Entry("own", DEFAULT, start=NOTHING), 2),
            (Entry("own", DEFAULT, start="motions"), 2),
            (Entry("motions", DEFAULT, start=IMAGES), 2),
        ],
        ids=["frames", "from frames", "from nothing", "from motions", "motions"],
    )
    def test_what_starts_from_nothing_or_other_labels_learns_longer(self, run, sets, entry, epochs):
        config = plan_entry(run, entry, sets["own"], CPU)
        assert config.train_cfg.max_epochs == epochs

    @pytest.mark.parametrize("model", CNNS)
    def test_every_network_may_start_from_single_frames(self, run, sets, model):
        entry = Entry("own", model, start=IMAGES)
        frames, clips = (
            plan_entry(run, one, sets["own"], CPU).model.backbone for one in (entry.before, entry)
        )
        assert (frames.num_frames, frames.encoder_layers) == (1, 0)  # the encoder comes with clips
        assert clips.num_frames == 4
        assert clips.get("encoder_layers", 0) == CNNS[model].keywords.get("encoder_layers", 0)

    def test_what_is_started_from_must_be_there(self, run, sets):
        with pytest.raises(RunError, match=r"starts from .* which is not trained"):
            run_entries(run, [Entry("own", DEFAULT, start="other")], sets, CPU, workers=1)

    def test_model_may_change_what_its_network_knows(self):
        assert "pool" in keywords_of(SIZES["i3d_r50"]) and "pool" not in keywords_of(SIZES["tiny"])
        assert backbone_of(SIZES["r3d18_attention"], {"pool": 4})["pool"] == 4


class TestTrainings:
    def test_tables_come_from_the_folders(self, trained):
        assert trained["model"].tolist() == [DEFAULT, TRANSFORMER]
        assert trained["changes"].tolist() == ["encoder_heads=4", ""]
        assert (trained["seconds"] > 0).all()
        assert trained["epochs"].tolist() == [1, 2]

    def test_a_cnn_takes_over_what_it_learnt_from_single_frames(self, run, trained):
        config = (folder_of(run, CNN) / "config.py").read_text()
        frames = folder_of(run, CNN.before)
        assert str(frames / "best.pth") in config
        assert load_training(frames).epochs == 1
        assert trained["images"].tolist() == [str(frames), ""]
        assert trained.loc[0, "seconds"] == pytest.approx(
            load_training(frames).seconds + load_training(folder_of(run, CNN)).seconds
        )

    def test_a_cnns_head_begins_as_that_of_single_frames(self, run, sets, trained):
        config = plan_entry(run, CNN, sets["own"], CPU)
        start = folder_of(run, CNN.before) / "best.pth"
        assert config.model.cls_head.pretrained == str(start)
        head = Float32Head(2, 64, pretrained=str(start))
        head.init_weights()
        weights = torch.load(start, weights_only=True)["state_dict"]
        assert head.fc_cls.weight.equal(weights["cls_head.fc_cls.weight"])
        with pytest.raises(CheckpointError, match="no head of 3 classes"):
            Float32Head(3, 64, pretrained=str(start)).init_weights()

    def test_tensorboard_gets_the_pictures_that_there_are(self, trained, tmp_path):
        training = replace(load_training(run_folder(trained, DEFAULT)), folder=tmp_path)
        backends = [{"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]
        Config({"visualizer": {"vis_backends": backends}}).dump(training.config)
        cv2.imwrite(str(tmp_path / "curves.png"), np.full((8, 8, 3), 200, np.uint8))
        pictures = {"curves": tmp_path / "curves.png", "absent": tmp_path / "absent.png"}
        assert log_pictures(training, pictures) == ["Tensorboard"]
        events = EventAccumulator(str(tmp_path / "pictures"))
        events.Reload()
        assert events.Tags()["images"] == ["curves"]

    def test_wandb_gets_the_pictures_without_an_account(self, trained, tmp_path):
        training = replace(load_training(run_folder(trained, DEFAULT)), folder=tmp_path)
        offline = {"project": "tests", "mode": "offline", "dir": str(tmp_path)}
        backends = [{"type": "WandbVisBackend", "init_kwargs": offline}]
        Config({"visualizer": {"vis_backends": backends}}).dump(training.config)
        picture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "curves.png"), picture)
        assert log_pictures(training, {"curves": tmp_path / "curves.png"}) == ["Wandb"]
        (kept,) = tmp_path.glob("wandb/offline-run-*/files/media/images/curves_*.png")
        assert (cv2.imread(str(kept)) == picture).all()

    def test_a_changed_encoder_follows_what_is_learnt_from_single_frames_already(
        self, run, sets, trained, monkeypatch
    ):
        other = replace(CNN, changes={"encoder_heads": 2})
        frames = load_training(folder_of(run, CNN.before))
        written = frames.best.stat().st_mtime_ns
        assert other.before == CNN.before
        run_entries(run, [other], sets, CPU, workers=1)
        assert frames.best.stat().st_mtime_ns == written
        table = finished(run)
        both = table[table["model"] == DEFAULT]
        assert both["images"].nunique() == 1 and len(both) == 2
        assert seconds_in_all(both) == pytest.approx(both["seconds"].sum() - frames.seconds)
        shutil.rmtree(folder_of(run, other))

    def test_single_frames_that_are_gone_are_learnt_again(self, run, sets, trained):
        frames, config = folder_of(run, CNN.before), folder_of(run, CNN) / "config.py"
        before = config.stat().st_mtime_ns
        shutil.rmtree(frames)
        assert finished(run)["model"].tolist() == [TRANSFORMER]
        run_entries(run, [CNN], sets, CPU, workers=1)
        assert load_training(frames).epochs == 1 and config.stat().st_mtime_ns == before
        assert finished(run)["model"].tolist() == [DEFAULT, TRANSFORMER]

    def test_finished_trainings_are_loaded(self, run, sets, trained, monkeypatch):
        def refuse(*_):
            raise AssertionError("trained again")

        monkeypatch.setattr("helpers.training.study.train", refuse)
        run_entries(run, [CNN], sets, CPU, workers=1)

    def test_a_trained_cnn_is_loaded_and_has_the_features_of_a_clip(self, run, trained):
        model = load_model(load_training(folder_of(run, CNN)), CPU)
        assert model.backbone.channels == model.cls_head.in_channels == 64

    def test_gradient_of_each_layer_is_logged_and_adds_up_to_that_of_all(self, trained):
        folder = run_folder(trained, DEFAULT)
        norms = read_gradients(folder)
        assert norms["layer"].unique().tolist() == [
            *("stem", "stage 1", "stage 2", "stage 3", "stage 4", "tokens", "attention 1", "head")
        ]
        whole = read_scalars(folder).query("name == 'grad_norm'")
        last = norms[norms["step"] == whole["step"].iloc[-1]]
        assert (last["norm"] > 0).all()
        # The whole is logged as a mean over iterations, the layers' as they are.
        assert np.sqrt((last["norm"] ** 2).sum()) == pytest.approx(whole["value"].iloc[-1], rel=0.9)

    def test_single_frames_have_curves_of_their_own(self, trained):
        (row,) = on_frames(trained).itertuples()
        assert (row.model, row.epochs, row.folder) == (DEFAULT, 1, trained.loc[0, "images"])
        curves = curves_of(on_frames(trained))
        assert curves["training"].unique().tolist() == [0]
        assert curves["seconds"].max() == pytest.approx(row.seconds)

    def test_curves_run_over_the_seconds_of_all_that_was_trained(self, trained):
        curves = curves_of(trained)
        ends = curves.groupby("training")["seconds"].max()
        assert ends.to_numpy() == pytest.approx(trained["seconds"].to_numpy())

    @pytest.mark.parametrize("model", CNNS)
    def test_single_frames_come_first_at_the_rate_of_the_network(self, run, model, monkeypatch):
        sizes = replace(TINY.comparison, images={model: replace(RECIPE, lr=0.5)})
        monkeypatch.setitem(PROFILES, "tiny", replace(TINY, comparison=sizes))
        config = plan_images(run, CPU, Choices(model, {"width": 0.125, "img_size": 16}))
        assert config.model.backbone.num_frames == 1
        assert config.model.backbone.encoder_layers == 0
        assert config.optim_wrapper.optimizer.lr == 0.5

    def test_nothing_finished_is_an_empty_table(self, run, tmp_path):
        assert finished(Run("x", tmp_path, run.settings)).empty

    def test_without_other_loggers_pictures_stay_in_files(self, trained, tmp_path):
        assert log_pictures(load_training(run_folder(trained, DEFAULT)), {"a": tmp_path}) == []


def run_folder(trained, model):
    return Path(trained.set_index("model").loc[model, "folder"])


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("backbone.cnn.layer1.0.conv1.weight", "stage 1"),
        ("backbone.cnn.slow_path.layer4.2.conv3.conv.weight", "stage 4"),
        ("backbone.cnn.stem.0.weight", "stem"),
        ("backbone.encoder.1.linear1.weight", "attention 2"),
        ("backbone.transformer_layers.layers.3.norm.weight", "attention 4"),
        ("backbone.cls_token", "tokens"),
        ("cls_head.fc_cls.bias", "head"),
    ],
)
def test_layers_have_short_names(name, layer):
    assert layer_of(name) == layer


class TestCost:
    def test_mmaction2s_published_multiply_adds_are_reproduced(self):
        """Its metafiles say 43.5 G for I3D-R50 32×2 and 66.1 G for SlowFast-R50 8×8."""
        table = costs_as_published().set_index("model")
        assert table.loc["i3d_r50", "multiply_adds_g"] == pytest.approx(43.5, rel=0.01)
        assert table.loc["slowfast_r50", "multiply_adds_g"] == pytest.approx(66.1, rel=0.01)
        assert table.loc["i3d_r50", "parameters_m"] == pytest.approx(28.0, abs=0.05)
        assert table.loc["slowfast_r50", "parameters_m"] == pytest.approx(34.6, abs=0.05)

    def test_i3d_of_8_frames_costs_what_the_paper_and_pytorchvideo_say(self):
        """PyTorchVideo's I3D 8×8: 37.53 G a view; the paper's table 2: 1.11 T of 30, 28.0 M."""
        i3d = costs_as_published().set_index("model").loc["i3d_r50_8x8"]
        with torch.device("meta"):
            network = CnnTransformer("i3d_r50_8x8", 8, 256).eval()
        normalised = []
        for module in network.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.register_forward_hook(lambda _, maps, __: normalised.append(maps[0].numel()))
        network(torch.empty(1, 3, 8, 256, 256, device="meta"))
        # fvcore, which counted the published number, adds five for every normalised value.
        counted = i3d["multiply_adds_g"] + 5 * sum(normalised) / 1e9
        assert counted == pytest.approx(37.53, abs=0.005)
        assert i3d["multiply_adds_g"] == pytest.approx(37.53, rel=0.012)
        assert i3d["video_t"] == pytest.approx(1.11, rel=0.01)
        assert i3d["parameters_m"] == pytest.approx(28.0, abs=0.05)

    def test_a_video_takes_the_papers_views(self):
        table = costs_as_published().set_index("model")
        views = table["views"].to_dict()
        assert views == views | {"timesformer": 3, "i3d_r50": 30, "i3d_r50_8x8": 30}
        assert table.loc["slowfast_r50", "video_t"] == pytest.approx(1.97, abs=0.005)
        assert table.loc["timesformer", "video_t"] == pytest.approx(0.59, abs=0.005)

    def test_torchvisions_published_multiply_adds_are_reproduced(self):
        plain = {"encoder_layers": 0, "pool": 1}
        r3d = cost_of(backbone_of(CNNS["r3d18_attention"], plain), memory=False)
        assert r3d["multiply_adds_g"] == pytest.approx(40.697, rel=0.01)
        assert r3d["parameters_m"] == pytest.approx(33.371472)
        one = cost_of(backbone_of(CNNS[DEFAULT], plain), 1000, memory=False)
        assert one["multiply_adds_g"] / 8 == pytest.approx(1.814, rel=0.01)
        assert one["parameters_m"] == pytest.approx(11.689512)

    def test_frozen_weights_do_not_count_as_trained(self):
        frozen = cost_of(backbone_of(CNNS[DEFAULT], {"trained": "none"}), memory=False)
        assert frozen["parameters_m"] - frozen["trained_m"] == pytest.approx(11.176512)

    def test_a_map_of_one_place_is_counted_from_one_clip(self):
        small = {"num_frames": 4, "img_size": 16, "width": 0.125}
        cost = cost_of(backbone_of(CNNS["r3d18_attention"], small), memory=False)
        assert cost["multiply_adds_g"] > 0

    def test_trained_models_cost_what_their_configs_say(self, trained):
        table = costs_of_trainings(trained["folder"], CPU, batch_size=1)
        assert (table[["forward_s", "step_s"]] > 0).all(axis=None)
        assert (table["peak_gb"] * 1e9 > 3 * 4e6 * table["parameters_m"]).all()


@pytest.fixture(scope="module")
def contenders(trained):
    """The transformer and the CNN, each with one way to explain it."""
    ways = {TRANSFORMER: {"rollout": METHODS["rollout"]}, DEFAULT: {"Grad-CAM": grad_cam}}
    made = []
    for name, explainers in ways.items():
        training = load_training(run_folder(trained, name))
        made.append(beside.Contender(name, load_model(training, CPU), training, explainers))
    return made


class TestMapsBeside:
    def test_both_are_measured_on_the_same_clips_in_the_same_pieces(self, run, contenders):
        clips = pd.read_csv(run.split).query("split == 'test'")
        measured = beside.measure_each(contenders, clips, run.data, CPU)
        table = beside.in_one(tables.perturbation_table, measured)
        assert table["method"].tolist() == [f"{TRANSFORMER}, rollout", f"{DEFAULT}, Grad-CAM"]
        assert {len(one.perturbed["path"].unique()) for one in measured.values()} == {len(clips)}
        assert table[["deletion", "insertion"]].apply(lambda v: v.between(0, 1)).all(axis=None)
        assert beside.in_one(tables.boxes_table, measured).empty  # no boxes are known
        assert beside.sentence(table).startswith("Maps shown to beat a random order in")

    def test_pieces_divide_the_pictures_of_all(self, contenders):
        assert beside.common_grid(contenders) == (8, 8)
        assert beside.common_grid(contenders, finest=7) == (4, 4)

    def test_maps_of_a_clip_come_with_the_frames_that_were_seen(self, run, contenders):
        row = pd.read_csv(run.split).query("split == 'test'").iloc[0]
        for contender in contenders:
            clip, maps = beside.maps_of_clip(contender, row["path"], row["label"])
            (one,) = maps.values()
            assert one.ndim == 3 and clip.frames.shape[0] == clip.inputs.shape[2]

    def test_a_moment_of_a_3d_networks_map_stands_for_several_frames(self, run, contenders):
        row = pd.read_csv(run.split).query("split == 'test'").iloc[0]
        two = torch.rand(1, 2, 3, 3) + 0.1
        contender = replace(contenders[0], explainers={"two": lambda *_: two})
        clip, maps = beside.maps_of_clip(contender, row["path"], row["label"])
        frames = len(clip.frames)
        assert maps["two"].shape == (frames, 3, 3) and frames == 4
        assert (maps["two"][[0, 1, 2, 3]] == two[0, [0, 0, 1, 1]].numpy()).all()

    def test_a_map_without_evidence_is_left_out(self, run, contenders):
        row = pd.read_csv(run.split).query("split == 'test'").iloc[0]
        nothing = {"nothing": lambda model, clips, classes: torch.zeros(1, 2, 2, 2)}
        contender = replace(contenders[0], explainers=nothing)
        assert beside.maps_of_clip(contender, row["path"], row["label"])[1] == {}
        clips = pd.read_csv(run.split).query("split == 'test'")
        measured = beside.measure_each([contender], clips, run.data, CPU)
        assert not beside.in_one(tables.perturbation_table, measured).isna().any(axis=None)

    def test_a_map_in_other_pieces_keeps_its_place(self):
        coarse = torch.zeros(1, 2, 2, 2)
        coarse[0, :, 0, 1] = 1.0
        finer = beside.on_grid(lambda *_: coarse, 4, 4)(None, torch.zeros(1, 3, 4, 16, 16), None)
        assert finer.shape == (1, 4, 4, 4)
        assert finer[0, :, 0, 3].eq(1).all() and finer[0, :, 3, 0].eq(0).all()
        same = beside.on_grid(lambda *_: coarse, 2, 2)(None, torch.zeros(1, 3, 2, 16, 16), None)
        assert same.equal(coarse)
        silent = beside.on_grid(lambda *_: -coarse, 4, 4)(None, torch.zeros(1, 3, 4, 16, 16), None)
        assert silent.eq(1).all()


def predictions(right, path, groups=20):
    """40 clips of 20 recordings, the first `right` of them right."""
    labels = np.array(["a", "b"] * 20)
    other = np.where(labels == "a", "b", "a")
    predicted = np.where(np.arange(40) < right, labels, other)
    table = pd.DataFrame(
        {
            "path": [f"{i}.mp4" for i in range(40)], "group": np.arange(40) % groups,
            "label": labels, "predicted": predicted, "p_a": predicted == "a",
            "p_b": predicted == "b",
        }
    )  # fmt: skip
    table.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def made_up(tmp_path):
    """Three models of known scores, one of them on fewer clips too."""
    rows = [("reference", 30, 1.0), ("better", 40, 1.0), ("same", 30, 1.0), ("same", 20, 0.5)]
    return pd.DataFrame(
        [
            {
                "labels": "own", "model": model, "seed": 0, "share": share, "start": "nothing",
                "changes": "", "epochs": 1, "seconds": 60.0,
                "predictions": predictions(right, tmp_path / f"{place}.csv"),
            }
            for place, (model, right, share) in enumerate(rows)
        ]
    )  # fmt: skip


class TestRivals:
    def test_clips_that_all_have_right_come_surest_first(self):
        table = pd.DataFrame(
            {"path": list("xyz"), "group": "g", "label": "a", "predicted": "a",
             "p_a": [0.6, 0.9, 0.8], "p_b": [0.4, 0.1, 0.2]}
        )  # fmt: skip
        other = table.assign(predicted=["a", "a", "b"], p_a=[0.7, 0.5, 0.4]).iloc[::-1]
        found = rivals.right_by_all([table, other])
        assert found["path"].tolist() == ["x", "y"]
        assert found["sure"].tolist() == [0.6, 0.5]
        wrong = table.assign(predicted="b")
        assert rivals.right_by_all([table, wrong])["path"].tolist() == ["y", "z", "x"]

    def test_scores_are_those_of_the_predictions(self, made_up):
        table = rivals.scores(made_up, n=100)
        assert table["top1"].tolist() == [0.75, 1.0, 0.75, 0.5]
        assert (table["top1_low"] <= table["top1"]).all()
        assert table["name"].tolist() == ["reference", "better", "same", "same 50% of the clips"]

    def test_differences_are_to_the_reference_and_shown_where_they_are(self, made_up):
        table, said = rivals.against(made_up[:3], "reference", n=200)
        assert table["top1"].tolist() == [0.25, 0.0]
        assert table["p_value"].tolist() == [pytest.approx(2 * 0.5**10), 1.0]
        assert table["shown"].tolist() == [True, False]
        assert said[0].startswith("better is better than reference")
        assert said[1].startswith("No difference shown")

    def test_changes_are_held_against_the_network_without_them(self, made_up):
        changed = made_up[made_up["share"] == 1].assign(
            model=["one", "one", "other"], changes=["", "pool=1", "pool=2"]
        )
        table = rivals.ablation(changed, n=200)  # of the other there is none without
        assert table["name"].tolist() == ["one pool=1"]
        assert table["top1"].tolist() == [0.25] and table["shown"].tolist() == [True]
        assert len(figures.differences(table).data[0].x) == 1
        assert rivals.ablation(made_up).empty

    def test_what_was_learnt_before_is_held_against_nothing(self, made_up):
        starts = made_up[made_up["share"] == 1].assign(
            model="one", start=["nothing", "motions", "images"]
        )
        table = rivals.pretraining(starts, n=200)
        assert table["name"].tolist() == ["own: one from motions", "own: one from images"]
        assert table["top1"].tolist() == [0.25, 0.0] and table["shown"].tolist() == [True, False]
        assert rivals.pretraining(made_up.assign(start="images")).empty

    def test_unknown_reference_is_named(self, made_up):
        with pytest.raises(ValueError, match="'none' to compare with, only of reference, better"):
            rivals.against(made_up, "none")

    def test_best_leaves_out_the_transformers(self, made_up):
        scored = rivals.scores(made_up, n=10)
        assert rivals.best(scored)["model"] == "better"
        assert rivals.best(scored, ["better", "reference"])["top1"] == 0.75
        with pytest.raises(ValueError, match="No CNN is trained"):
            rivals.best(scored, ["better", "reference", "same"])

    def test_gain_is_over_the_next_smaller_share(self, made_up):
        table = rivals.rises(rivals.scores(made_up, n=10))
        assert table["model"].tolist() == ["same", "same"]
        assert table["gain"].tolist()[1] == 0.25

    def test_missing_predictions_are_named(self, made_up):
        gone = made_up.assign(predictions="gone.csv")
        with pytest.raises(FileNotFoundError, match=r"gone.csv is missing: run the comparison"):
            rivals.scores(gone)


class TestFigures:
    def test_they_draw_what_they_are_given(self, made_up, trained):
        scored = rivals.scores(made_up, n=50)
        compared, _ = rivals.against(made_up[:3], "reference", n=50)
        assert list(figures.score_dots(scored).data[0].x) == [75, 100, 75, 50]
        assert list(figures.differences(compared).data[0].x) == [25, 0]
        assert list(figures.accuracy_by_data(rivals.rises(scored)).data[0].y) == [50, 75]
        names = dict(enumerate(["one", "two"]))
        figure = figures.curves(curves_of(trained), names, "Training on clips", "minutes in all")
        assert len(figure.data) == 8 and figure.layout.title.text == "Training on clips"
        assert figure.layout.xaxis4.title.text == "minutes in all"
        norms = read_gradients(run_folder(trained, DEFAULT))
        assert [t.name for t in figures.gradients({"x": norms}).data] == list(
            norms["layer"].unique()
        )

    def test_views_turn_the_order_of_costs_round(self):
        figure = figures.views(costs_as_published())
        view, video = (dict(zip(bar.y, bar.x, strict=True)) for bar in figure.data)
        slowfast, ours = "slowfast_r50<br>32×256²", "timesformer<br>8×224²"
        assert view[slowfast] < view[ours] and video[slowfast] > video[ours]

    def test_no_gradient_is_an_error(self):
        with pytest.raises(ValueError, match="train anew"):
            figures.gradients({})
