"""Training through mmaction2: load, resume or train; what starts it, and what comes out of it."""

import json
import logging
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import mmengine.runner.runner
import numpy as np
import pytest
import torch
from training_makers import CPU, RECIPE, TINY, make_run, plan, tiny_project
from wandb.errors import UsageError

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.registry import HOOKS, MODELS
from mmcv import imresize
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS, VISBACKENDS, DefaultScope

from helpers.clips.frames import FrameStore, kept_indices
from helpers.files import read_json, write_json
from helpers.paths import kept_frames
from helpers.profiles import PROFILES
from helpers.training.config import build_config, identity
from helpers.training.device import Compute, choose_compute, loader_workers
from helpers.training.inference import ClipReader, classes_of, load_model
from helpers.training.log import read_scalars
from helpers.training.optimizer import CpuAmpOptimWrapper
from helpers.training.plan import classes_of_run, keep_frames, parts_of_clips, plan_images
from helpers.training.runner import NotebookRunner
from helpers.training.train import TrainingError, load_training, newest_checkpoint, train
from helpers.training.views import Views, predict_views

FILES = {"asked.json", "best.pth", "config.py", "last.pth", "training.json"}


@pytest.fixture(scope="module", autouse=True)
def run(tmp_path_factory):
    """A run of 16 clips in a folder of its own."""
    folder = tmp_path_factory.mktemp("training")
    with tiny_project(folder), DefaultScope.overwrite_default_scope("mmaction"):
        yield make_run("tiny")


@pytest.fixture(scope="module")
def clips(run):
    return parts_of_clips(run)


@pytest.fixture(scope="module")
def trained(run, clips):
    """The run's two trainings, on single frames and on clips: configs and results."""
    images = plan_images(run, CPU)
    start = train(images, clips)
    config = plan(run, run.training, images=images, recipe={"epochs": 8})
    return images, start, config, train(config, clips)


def files_in(folder: Path) -> set[str]:
    """Names of the files in a folder without those that mmengine names by the time."""
    return {path.name for path in folder.iterdir() if path.is_file()} - {
        path.name for path in folder.glob("2*_*.py")
    }


def losses(folder: Path) -> list[tuple[int, float]]:
    """Every loss that was logged, over all starts: iteration and value."""
    entries = []
    for file in sorted(folder.glob("*/vis_data/scalars.json")):
        entries += [json.loads(line) for line in file.read_text().splitlines()]
    return [(entry["step"], entry["loss"]) for entry in entries if "loss" in entry]


def same(weights: dict, others: dict) -> bool:
    return weights.keys() == others.keys() and all(
        torch.equal(weights[name], others[name]) for name in weights
    )


def weights_in(path: Path) -> dict:
    return torch.load(path, weights_only=True)["state_dict"]


class Cut(Exception):
    """Stands for whatever ends a training from outside."""


@HOOKS.register_module()
class CutHook(Hook):
    """Cuts the training at a place of an epoch, behind all other hooks."""

    priority = "LOWEST"

    def __init__(self, epoch: int, place: str):
        setattr(self, place, lambda runner, **_: self.cut(runner.epoch >= epoch))

    def cut(self, due: bool) -> None:
        if due:
            raise Cut


@HOOKS.register_module()
class ScoreHook(Hook):
    """Puts planned scores in place of the measured ones."""

    priority = "VERY_HIGH"

    def __init__(self, scores: list[float]):
        self.scores = scores

    def after_val_epoch(self, runner, metrics=None) -> None:
        metrics["acc/mean1"] = self.scores[runner.epoch - 1]


def train_cut(config: Config, clips: list, epoch: int, place: str) -> None:
    """Train until the cut: "before_val" or "after_val" of an epoch."""
    cut = Config(config.to_dict())
    cut.custom_hooks.append({"type": "CutHook", "epoch": epoch, "place": place})
    with pytest.raises(Cut):
        train(cut, clips)


@contextmanager
def cut_saves(monkeypatch, name: str):
    """Cut the saving of the checkpoints that have this in their name, in the middle of the file."""
    save = mmengine.runner.runner.save_checkpoint

    def cut_save(checkpoint, path, **settings):
        save(checkpoint, path, **settings)
        if name in path:
            Path(path).write_bytes(Path(path).read_bytes()[:1000])
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(mmengine.runner.runner, "save_checkpoint", cut_save)
        yield


class TestFinishedTraining:
    def test_folder_holds_weights_config_and_the_mark_which_came_last(self, trained):
        *_, training = trained
        assert files_in(training.folder) == FILES
        mark = read_json(training.folder / "training.json")
        assert (mark["epochs"], mark["metric"]) == (8, "acc/mean1")
        assert mark["best_score"] == training.best_score and mark["seconds"] == training.seconds
        assert mark["made"]["packages"]["mmaction2"] == "1.2.0"
        marked = (training.folder / "training.json").stat().st_mtime_ns
        for path in (training.best, training.last, training.config):
            assert path.stat().st_mtime_ns < marked

    def test_it_learns_what_is_easy(self, trained):
        *_, training = trained
        values = [value for _, value in losses(training.folder)]
        assert len(values) == 8 and values[-1] < 0.8 * values[0]
        assert training.best_score == 1.0 and not training.was_loaded

    def test_weights_are_plain_and_tell_their_classes(self, trained):
        *_, training = trained
        for path in (training.best, training.last):
            content = torch.load(path, weights_only=True)
            assert set(content) == {"state_dict", "meta"}
            meta = content["meta"]
            assert meta["classes"] == ["a", "b"] and meta["mean"] == meta["std"] == [127.5] * 3
            assert "divided_space_time" in meta["cfg"] or "space_only" in meta["cfg"]
        is_last = training.best_epoch == training.epochs
        assert same(weights_in(training.best), weights_in(training.last)) is is_last

    def test_second_call_loads_it_and_touches_nothing(self, trained, clips, capsys):
        *_, config, training = trained
        before = {path: path.stat().st_mtime_ns for path in training.folder.rglob("*")}
        again = train(config, clips)
        assert again == replace(training, was_loaded=True) == load_training(training.folder)
        after = {path: path.stat().st_mtime_ns for path in training.folder.rglob("*")}
        assert after == before
        assert "Training" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("model", "recipe", "what"),
        [
            ({}, {"epochs": 7}, "epochs, schedule"),
            ({}, {"lr": 1e-4, "epochs": 8}, "optimizer"),
            ({"attention_type": "axial"}, {"epochs": 8}, "model"),
            ({}, {"epochs": 8, "keep_frames": 5}, "pipeline"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_other_settings_are_refused(self, trained, run, clips, model, recipe, what):
        images, *_, training = trained
        config = plan(run, training.folder, model=model, recipe=recipe, images=images)
        words = f"training holds a training with other {what}. Give .* another NAME, or remove"
        with pytest.raises(TrainingError, match=words):
            train(config, clips)
        assert read_json(training.folder / "training.json")["epochs"] == 8

    def test_other_clips_are_refused(self, trained, clips):
        *_, config, _ = trained
        moved = [(path, "train" if part == "val" else part) for path, part in clips]
        for others in (clips[1:], moved):
            with pytest.raises(TrainingError, match="with other clips"):
                train(config, others)

    def test_unfinished_training_is_not_loaded(self, tmp_path):
        with pytest.raises(TrainingError, match="no finished training"):
            load_training(tmp_path)

    def test_dumped_config_is_built_by_mmengines_registry(self, trained, tmp_path):
        *_, training = trained
        config = Config.fromfile(training.config)
        assert config.custom_imports.imports == ["helpers.training"]
        config.work_dir = str(tmp_path)
        runner = RUNNERS.build(config)
        assert type(runner) is NotebookRunner
        assert type(runner.model.backbone).__name__ == "SpaceTimeTransformer"
        assert len(runner.build_dataloader(config.train_dataloader).dataset) == 8

    def test_classes_of_any_spelling_come_back_from_the_dumped_config(self, tmp_path):
        names = ["Engin d'atelier", 'Gräben "tief"', "a\\b {c}", "100 %"]
        where = dict.fromkeys(("manifest", "split", "data", "frames"), tmp_path)
        config = build_config(TINY, names, [1] * 4, folder=tmp_path, compute=CPU, **where)
        config.dump(tmp_path / "config.py")
        opened = Config.fromfile(tmp_path / "config.py")
        assert opened.train_dataloader.dataset.classes == names


SLOW_TRAINING = """
import sys, time
from pathlib import Path
from mmengine.config import Config

config = Config.fromfile(sys.argv[1])
assert "helpers.training" in sys.modules, "the config did not import what it names"

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from helpers.training.train import train

@HOOKS.register_module()
class PauseHook(Hook):
    def before_train_epoch(self, runner):
        time.sleep(1.0 if runner.epoch else 0)

config.custom_hooks.append({"type": "PauseHook"})
train(config, [tuple(pair) for pair in eval(sys.argv[2])])
"""


class TestCutTraining:
    def test_killed_process_is_resumed_behind_its_last_epoch(self, run, clips, tmp_path, capsys):
        folder = tmp_path / "killed" / "training"
        config = plan(run, folder, recipe={"epochs": 4})
        config.dump(tmp_path / "planned.py")
        script = tmp_path / "slow.py"
        script.write_text(SLOW_TRAINING)
        command = [sys.executable, "-W", "ignore", script, tmp_path / "planned.py", repr(clips)]
        with (tmp_path / "said.txt").open("w") as said:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            while not (folder / "epoch_1.pth").exists() and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, (tmp_path / "said.txt").read_text()
        assert not (folder / "training.json").exists()
        done = newest_checkpoint(folder)
        assert done == folder / "epoch_1.pth"

        training = train(config, clips)
        assert "4 epochs of 2 iterations, resumed behind epoch 1" in capsys.readouterr().out
        assert not training.was_loaded and training.epochs == 4
        assert files_in(folder) == FILES
        assert [step for step, _ in losses(folder)] == [2, 4, 6, 8]
        assert read_scalars(folder)["epoch"].max() == 4

    def test_resuming_goes_on_with_weights_optimizer_and_seconds(self, run, clips, tmp_path):
        folder = tmp_path / "goes-on" / "training"
        config = plan(run, folder)
        train_cut(config, clips, epoch=2, place="after_val")
        assert files_in(folder) >= {"epoch_1.pth", "epoch_2.pth", "asked.json", "config.py"}
        before = torch.load(folder / "epoch_2.pth", weights_only=True)
        write_json(folder / "best.json", before["meta"]["epoch"])
        spent = before["message_hub"]["runtime_info"]["train_seconds"]
        training = train(config, clips)
        assert training.seconds > round(spent, 1) - 0.1
        rates = read_scalars(folder).query("name == 'lr'").sort_values("step")["value"]
        assert rates.tolist() == pytest.approx(sorted(rates, reverse=True))
        assert len(rates) == 3

    def test_best_epoch_before_the_cut_stays_the_best(self, run, clips, tmp_path):
        folder = tmp_path / "best" / "training"
        config = plan(run, folder, recipe={"epochs": 4})
        config.custom_hooks.append({"type": "ScoreHook", "scores": [0.5, 0.9, 0.6, 0.7]})
        train_cut(config, clips, epoch=2, place="after_val")
        best = weights_in(folder / "best_acc_mean1_epoch_2.pth")
        assert not (folder / "best_acc_mean1_epoch_1.pth").exists()
        training = train(config, clips)
        assert (training.best_epoch, training.best_score) == (2, 0.9)
        assert same(weights_in(training.best), best)
        assert not same(weights_in(training.last), best)

    @pytest.mark.parametrize("epochs", [1, 2])
    def test_cut_before_the_last_validation_is_made_up_for(self, run, clips, tmp_path, epochs):
        folder = tmp_path / f"last-{epochs}" / "training"
        config = plan(run, folder, recipe={"epochs": epochs})
        config.custom_hooks.append({"type": "ScoreHook", "scores": [0.5, 0.9][2 - epochs :]})
        train_cut(config, clips, epoch=epochs, place="before_val")
        training = train(config, clips)
        assert (training.best_epoch, training.best_score) == (epochs, 0.9)
        assert files_in(folder) == FILES
        assert [step for step, _ in losses(folder)] == [2, 4][:epochs]

    def test_half_written_checkpoint_gives_way_to_an_earlier_one(
        self, run, clips, tmp_path, caplog, capsys
    ):
        folder = tmp_path / "half" / "training"
        config = plan(run, folder)
        config.custom_hooks.append({"type": "ScoreHook", "scores": [0.5, 0.9]})
        train_cut(config, clips, epoch=2, place="after_val")
        newest = folder / "epoch_2.pth"
        newest.write_bytes(newest.read_bytes()[:2000])
        (folder / "best_acc_mean1_epoch_2.pth").unlink()
        capsys.readouterr()
        config.custom_hooks[-1]["scores"] = [0.5, 0.4, 0.3]
        with caplog.at_level(logging.WARNING):
            training = train(config, clips)
        assert re.search(r"epoch_2\.pth does not open .*: an earlier one is taken", caplog.text)
        assert "resumed behind epoch 1" in capsys.readouterr().out
        assert (training.best_epoch, training.best_score) == (1, 0.5)
        assert files_in(folder) == FILES

    @pytest.mark.parametrize("size", [0, 1, 100, 20_000])
    def test_no_cut_of_a_checkpoint_is_taken_for_one(self, tmp_path, size):
        content = {"state_dict": {"weight": torch.zeros(100, 100)}}
        torch.save(content, tmp_path / "epoch_9.pth")
        torch.save(content, tmp_path / "epoch_10.pth")
        assert newest_checkpoint(tmp_path) == tmp_path / "epoch_10.pth"
        whole = (tmp_path / "epoch_10.pth").read_bytes()
        (tmp_path / "epoch_10.pth").write_bytes(whole[:size])
        assert newest_checkpoint(tmp_path) == tmp_path / "epoch_9.pth"
        (tmp_path / "epoch_9.pth").unlink()
        assert newest_checkpoint(tmp_path) is None

    def test_interrupted_save_leaves_a_part_at_most(self, run, clips, tmp_path, monkeypatch):
        folder = tmp_path / "part" / "training"
        config = plan(run, folder, recipe={"epochs": 1})
        with cut_saves(monkeypatch, "epoch_1"), pytest.raises(Cut):
            train(config, clips)
        assert [path.name for path in folder.rglob("*.pt*")] == [".epoch_1.pth.part"]
        train(config, clips)
        assert files_in(folder) == FILES

    def test_cut_while_the_best_is_replaced_loses_neither(self, run, clips, tmp_path, monkeypatch):
        folder = tmp_path / "replaced" / "training"
        config = plan(run, folder)
        config.custom_hooks.append({"type": "ScoreHook", "scores": [0.5, 0.9, 0.7]})
        with cut_saves(monkeypatch, "best_acc_mean1_epoch_2"), pytest.raises(Cut):
            train(config, clips)
        assert list(folder.glob("best_*.pth")) == []
        training = train(config, clips)
        assert (training.best_epoch, training.best_score) == (2, 0.9)
        assert files_in(folder) == FILES

    def test_moved_folder_is_resumed_where_it_is_now(self, run, clips, tmp_path):
        config = plan(run, tmp_path / "before" / "training")
        config.custom_hooks.append({"type": "ScoreHook", "scores": [0.9, 0.5, 0.6]})
        train_cut(config, clips, epoch=2, place="after_val")
        shutil.move(tmp_path / "before", tmp_path / "after")
        moved = plan(run, tmp_path / "after" / "training")
        moved.custom_hooks.append({"type": "ScoreHook", "scores": [0.9, 0.5, 0.6]})
        training = train(moved, clips)
        assert (training.best_epoch, training.best_score) == (1, 0.9)
        assert not (tmp_path / "before").exists()

    def test_cut_training_with_other_settings_is_refused(self, run, clips, tmp_path):
        folder = tmp_path / "other" / "training"
        train_cut(plan(run, folder), clips, epoch=1, place="before_val")
        with pytest.raises(TrainingError, match=r"with other seed\. "):
            changed = plan(run, folder)
            changed.randomness.seed = 1
            train(changed, clips)


class TestSingleFrameStart:
    @pytest.fixture
    def models(self, trained):
        """The finished image model, and the clip model as it is before training."""
        _, start, config, _ = trained
        image = load_model(start, CPU).backbone
        clip = MODELS.build(config.model).backbone
        clip.init_weights()
        return image, clip.eval()

    def test_images_are_trained_as_clips_of_one_frame(self, trained):
        images, start, config, training = trained
        assert images.model.backbone.num_frames == 1
        assert images.model.backbone.attention_type == "space_only"
        assert start.folder == training.folder / "images" and start.epochs == 1
        assert files_in(start.folder) == FILES
        assert config.model.backbone.pretrained == str(start.best)

    def test_both_steps_begin_with_the_images_attention(self, models):
        image, clip = (model.state_dict() for model in models)
        for layer in (f"transformer_layers.layers.{place}" for place in range(2)):
            for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"):
                learned = image[f"{layer}.attentions.0.attn.{name}"]
                assert torch.equal(clip[f"{layer}.attentions.0.attn.{name}"], learned)
                assert torch.equal(clip[f"{layer}.attentions.1.attn.{name}"], learned)
            assert not clip[f"{layer}.attentions.0.temporal_fc.weight"].any()
            assert not clip[f"{layer}.attentions.0.temporal_fc.bias"].any()
        assert not clip["time_embed"].any()
        assert torch.equal(clip["pos_embed"], image["pos_embed"])

    def test_clip_of_one_picture_has_the_pictures_feature(self, models):
        image, clip = models
        picture = torch.randn(2, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            wanted, got = image(picture), clip(picture.expand(-1, -1, 4, -1, -1))
        assert wanted.std() > 0.1
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)

    def test_profile_without_such_a_start_has_none(self, run, monkeypatch):
        monkeypatch.setitem(PROFILES, "tiny", replace(TINY, images=None))
        assert plan_images(run, CPU) is None


class TestPrediction:
    @pytest.fixture(scope="class")
    def model(self, trained):
        return load_model(trained[-1], CPU)

    @pytest.fixture(scope="class")
    def table(self, model, trained):
        return predict_views(model, trained[-1], CPU).average()

    def test_one_row_per_test_clip_in_the_manifests_order(self, table):
        assert list(table) == ["path", "group", "label", "predicted", "p_a", "p_b"]
        paths = [f"{label}/cam3_{number}.mp4" for label in "ab" for number in range(2)]
        assert table["path"].tolist() == paths
        assert table["label"].tolist() == ["a", "a", "b", "b"]
        assert set(table["group"]) == {"cam3"}

    def test_probabilities_sum_to_one_and_the_largest_is_predicted(self, table):
        scores = table[["p_a", "p_b"]].to_numpy()
        np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
        assert table["predicted"].tolist() == ["ab"[best] for best in scores.argmax(1)]
        assert (table["predicted"] == table["label"]).all()

    def test_mirrored_view_is_averaged_with_the_clip_itself(self, model, trained, table):
        both = predict_views(model, trained[-1], CPU, views=Views(1, 1, mirror=True)).average()
        reader = ClipReader(model, trained[-1])
        for row, alone in zip(both.itertuples(), table.itertuples(), strict=True):
            mirrored = reader.read(row.path).inputs.flip(-1)
            with torch.no_grad():
                scores = model.cls_head(model.backbone(mirrored)).softmax(1)[0]
            assert row.p_a == pytest.approx((alone.p_a + scores[0].item()) / 2, abs=1e-5)

    def test_validation_part_scores_as_it_did_in_training(self, model, trained):
        table = predict_views(model, trained[-1], CPU, part="val").average()
        assert set(table["group"]) == {"cam2"}
        accuracy = (table["predicted"] == table["label"]).groupby(table["label"]).mean().mean()
        assert accuracy == trained[-1].best_score

    def test_reader_gives_what_prediction_saw(self, model, trained, table):
        reader = ClipReader(model, trained[-1])
        assert reader.classes == classes_of(trained[-1]) == ["a", "b"]
        for row in table.itertuples():
            clip = reader.read(row.path)
            assert (clip.path, clip.label) == (row.path, row.label)
            with torch.no_grad():
                scores = model.cls_head(model.backbone(clip.inputs)).softmax(1)[0]
            assert scores.tolist() == pytest.approx([row.p_a, row.p_b], abs=1e-5)

    def test_readers_inputs_are_its_frames_normalised(self, model, trained):
        clip = ClipReader(model, trained[-1], part="val").read("a/cam2_1.mp4")
        assert clip.frames.shape == (4, 16, 16, 3) and clip.frames.dtype == np.uint8
        assert clip.inputs.shape == (1, 3, 4, 16, 16) and clip.inputs.dtype == torch.float32
        wanted = (clip.frames.astype(np.float32) - 127.5) / 127.5
        np.testing.assert_allclose(clip.inputs[0].permute(1, 2, 3, 0).numpy(), wanted, atol=1e-6)

    def test_readers_indices_are_those_of_the_clips_own_frames(self, run, model, trained):
        clip = ClipReader(model, trained[-1]).read("b/cam3_0.mp4")
        kept = FrameStore(kept_frames(), 24, 6).open(run.data / clip.path)
        small = np.stack([imresize(frame, (16, 16)) for frame in kept]).astype(float)
        apart = np.abs(small[None] - clip.frames[:, None]).mean((2, 3, 4))  # [T, kept]
        assert apart.min(1).tolist() == [0, 0, 0, 0]
        assert clip.indices.tolist() == kept_indices(8, 6)[apart.argmin(1)].tolist()
        assert (np.diff(clip.indices) > 0).all()

    def test_clip_of_another_part_is_refused(self, model, trained):
        with pytest.raises(KeyError, match=r"a/cam0_0\.mp4 is no clip of part 'test'"):
            ClipReader(model, trained[-1]).read("a/cam0_0.mp4")

    def test_it_needs_nothing_that_training_has_set_up(self, trained, table):
        with DefaultScope.overwrite_default_scope("mmengine"):
            again = predict_views(load_model(trained[-1], CPU), trained[-1], CPU).average()
        assert again.equals(table)

    def test_last_weights_are_loaded_when_asked_for(self, trained):
        last = load_model(trained[-1], CPU, "last")
        assert not last.training
        assert same(last.state_dict(), weights_in(trained[-1].last))


class TestPlan:
    def test_clips_gone_from_the_manifest_do_not_count(self, run, clips):
        assert len(clips) == 16 and clips[0] == ("a/cam0_0.mp4", "train")
        manifest = run.manifest.read_text()
        try:
            lines = manifest.splitlines(keepends=True)
            run.manifest.write_text("".join([lines[0], *lines[2:]]))
            assert parts_of_clips(run) == clips[1:]
        finally:
            run.manifest.write_text(manifest)
        assert classes_of_run(run) == ["a", "b"]

    def test_frames_are_kept_once_and_not_where_the_profile_decodes(self, run, monkeypatch):
        store = keep_frames(run)
        assert (store.short_side, store.max_frames) == (24, 6)
        assert store.open(run.data / "a/cam0_0.mp4").shape == (6, 24, 32, 3)
        decodes = replace(TINY, recipe=replace(RECIPE, keep_short_side=None))
        monkeypatch.setitem(PROFILES, "tiny", decodes)
        assert keep_frames(run) is None
        assert plan(run, run.training).train_dataloader.dataset.pipeline[0].store is None

    def test_training_without_kept_frames_decodes_the_videos(
        self, run, clips, tmp_path, monkeypatch
    ):
        decodes = replace(TINY, recipe=replace(RECIPE, keep_short_side=None, epochs=1))
        monkeypatch.setitem(PROFILES, "tiny", decodes)
        assert train(plan(run, tmp_path / "decodes" / "training"), clips).epochs == 1

    def test_logs_are_switched_on_by_name(self, run, monkeypatch):
        monkeypatch.delenv("WANDB_MODE", raising=False)
        config = plan(run, run.training, tensorboard=True, wandb=True)
        _, tensorboard, wandb = config.visualizer.vis_backends
        assert tensorboard.type == "TensorboardVisBackend"
        assert wandb.init_kwargs.mode == "offline" and wandb.init_kwargs.name == "tiny"

    def test_wandb_online_without_an_account_stops_and_does_not_ask(
        self, run, tmp_path, monkeypatch
    ):
        monkeypatch.delenv("WANDB_API_KEY", raising=False)
        monkeypatch.setenv("WANDB_MODE", "online")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("WANDB_DIR", str(tmp_path))
        monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
        settings = plan(run, tmp_path, wandb=True).visualizer.vis_backends[-1]
        backend = VISBACKENDS.build({**settings, "save_dir": str(tmp_path)})
        with pytest.raises(UsageError, match="wandb login"):
            backend.add_scalar("loss", 1.0)

    def test_unknown_key_of_the_recipe_is_refused(self, run):
        with pytest.raises(TypeError, match="epoch"):
            plan(run, run.training, recipe={"epoch": 3})

    def test_class_that_only_tests_is_found_when_planning(self, run, monkeypatch):
        split = run.split.read_text()
        try:
            run.split.write_text(re.sub(r"(b/.*),train", r"\1,test", split))
            with pytest.raises(ValueError, match=r"no clip to train on .*\[4, 0\]"):
                plan(run, run.training)
        finally:
            run.split.write_text(split)


class TestSchedule:
    def rates(self, run, tmp_path, clips, **recipe) -> list[float]:
        """Learning rate of every iteration of a training with two iterations an epoch."""
        config = plan(run, tmp_path / "rates" / "training", recipe=recipe)
        config.default_hooks.logger.interval = 1
        train(config, clips)
        return [
            json.loads(line)["lr"]
            for file in (tmp_path / "rates" / "training").glob("*/vis_data/scalars.json")
            for line in file.read_text().splitlines()
            if "loss" in line
        ]

    def test_rate_rises_to_its_height_and_falls_to_a_hundredth(self, run, tmp_path, clips):
        rates = self.rates(run, tmp_path, clips, epochs=6, warmup_epochs=2, lr=1e-3)
        assert rates[0] == pytest.approx(1e-5)
        assert rates[4] == max(rates) == pytest.approx(1e-3)
        assert 1e-5 <= rates[-1] < 1e-4

    @pytest.mark.parametrize("warmup", [0, 0.5, 5])
    def test_short_training_reaches_its_rate_too(self, run, tmp_path, clips, warmup):
        rates = self.rates(run, tmp_path, clips, epochs=2, warmup_epochs=warmup, lr=1e-3)
        assert len(rates) == 4 and max(rates) == pytest.approx(1e-3)

    def test_trainings_of_one_second_share_no_history(self, run, tmp_path, clips, monkeypatch):
        monkeypatch.setattr("mmengine.runner.runner.time.time", lambda: 1.8e9)
        for turn in range(2):
            rates = self.rates(run, tmp_path / str(turn), clips, epochs=1, lr=1e-3)
            assert len(rates) == 2

    def test_papers_recipe_falls_by_ten_twice(self, run):
        config = plan(run, run.training, recipe={"optimizer": "SGD", "epochs": 15})
        (schedule,) = config.param_scheduler
        assert (schedule.milestones, schedule.gamma) == ([11, 14], 0.1)
        assert config.optim_wrapper.optimizer.momentum == 0.9
        assert config.optim_wrapper.clip_grad.max_norm == 40


class TestIdentity:
    def test_place_and_machine_do_not_count(self, run, clips, tmp_path):
        asked = identity(plan(run, run.training), clips)
        gpu = Compute("cuda", "float16", "a GPU")
        assert identity(plan(run, tmp_path, gpu), clips) == asked
        assert identity(plan(run, tmp_path, tensorboard=True), clips[::-1]) == asked
        start = {"pretrained": "/here/best.pth"}
        other_place = {"pretrained": "/there/best.pth"}
        assert identity(plan(run, tmp_path, recipe=start), clips) == identity(
            plan(run, tmp_path, recipe=other_place), clips
        )

    def test_it_survives_json(self, run, clips, tmp_path):
        asked = identity(plan(run, run.training), clips)
        assert read_json(write_json(tmp_path / "asked.json", asked)) == asked

    @pytest.mark.parametrize(
        ("key", "settings"),
        [
            ("epochs", {"recipe": {"epochs": 4}}),
            ("batch_size", {"recipe": {"batch_size": 2}}),
            ("optimizer", {"recipe": {"weight_decay": 0.1}}),
            ("model", {"model": {"positional_embedding": "none"}}),
            ("model", {"recipe": {"pretrained": "/here/other.pth"}}),
            ("pipeline", {"model": {"num_frames": 6}}),
        ],
    )
    def test_what_decides_the_weights_counts(self, run, clips, key, settings):
        asked = identity(plan(run, run.training), clips)
        assert identity(plan(run, run.training, **settings), clips)[key] != asked[key]


class TestCompute:
    @pytest.fixture(autouse=True)
    def no_gpu(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    @pytest.mark.parametrize(
        ("units", "precision"),
        [
            ({"amx_bf16": True}, "bfloat16"),
            ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
            ({"bf16": True}, "bfloat16"),
            ({"avx2": True, "amx_bf16": False}, "float32"),
            ({}, "float32"),
        ],
    )
    def test_cpu_takes_bfloat16_where_it_has_the_units(self, monkeypatch, units, precision):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
        compute = choose_compute()
        assert (compute.device, compute.precision) == ("cpu", precision)
        assert re.fullmatch(rf"CPU with \d+ threads, {precision}", str(compute))
        assert choose_compute("float32").precision == "float32"
        assert loader_workers(compute) == 0

    @pytest.mark.parametrize(("native", "best"), [(True, "bfloat16"), (False, "float16")])
    def test_gpu_is_taken_where_there_is_one(self, monkeypatch, native, best):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
        assert choose_compute() == Compute("cuda", best, "a GPU")
        assert choose_compute("float32") == Compute("cuda", "float32", "a GPU")
        assert 0 <= loader_workers(choose_compute()) <= 8

    def test_precisions_that_do_not_work_are_refused(self):
        with pytest.raises(ValueError, match="'half' is unknown: choose one of float32, bfl"):
            choose_compute("half")
        with pytest.raises(ValueError, match="float16 needs a GPU: choose bfloat16 or float32"):
            choose_compute("float16")

    def test_each_device_has_the_optimization_it_needs(self, run):
        kinds = {
            ("cpu", "float32"): ("OptimWrapper", None),
            ("cpu", "bfloat16"): ("CpuAmpOptimWrapper", None),
            ("cuda", "bfloat16"): ("AmpOptimWrapper", 1.0),
            ("cuda", "float16"): ("AmpOptimWrapper", "dynamic"),
        }
        for (device, precision), wanted in kinds.items():
            config = plan(run, run.training, Compute(device, precision, ""))
            wrapper = config.optim_wrapper
            assert (wrapper.type, wrapper.get("loss_scale")) == wanted
            assert config.val_cfg.fp16 is (precision != "float32")

    def test_cpu_wrapper_computes_in_bfloat16_and_keeps_float32_weights(self):
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 4)
        wrapper = CpuAmpOptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1))
        before = layer.weight.detach().clone()
        with wrapper.optim_context(layer):
            output = layer(torch.ones(2, 4))
        assert output.dtype == torch.bfloat16
        wrapper.update_params(output.float().square().mean())
        assert layer.weight.dtype == torch.float32 and not torch.equal(layer.weight, before)

    def test_training_in_bfloat16_on_a_cpu_gives_finite_losses(self, run, clips, tmp_path):
        compute = Compute("cpu", "bfloat16", "CPU")
        config = plan(run, tmp_path / "bf16" / "training", compute, recipe={"epochs": 2})
        training = train(config, clips)
        values = [value for _, value in losses(training.folder)]
        assert len(values) == 2 and np.isfinite(values).all()
        weights = weights_in(training.best)
        assert {value.dtype for value in weights.values()} == {torch.float32, torch.int64}
        table = predict_views(load_model(training, compute), training, compute).average()
        np.testing.assert_allclose(table[["p_a", "p_b"]].sum(axis=1), 1, atol=1e-6)


class TestLog:
    def log(self, folder: Path, start: str, entries: list[dict], end: str = "") -> None:
        """Write the scalars of a start as mmengine does."""
        file = folder / start / "vis_data" / "scalars.json"
        file.parent.mkdir(parents=True)
        file.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + end)

    def step(self, step: int, epoch: int, loss: float) -> dict:
        return {"lr": 0.1, "loss": loss, "time": 0.2, "epoch": epoch, "iter": step, "step": step}

    def value(self, epoch: int, top1: float) -> dict:
        return {"acc/top1": top1, "acc/mean1": top1 / 2, "time": 0.1, "step": epoch}

    def test_later_start_wins_where_steps_are_repeated(self, tmp_path):
        first = [self.step(4, 1, 0.9), self.value(1, 0.5), self.step(8, 2, 0.8)]
        self.log(tmp_path, "20260101_000001", first, end='{"loss": 0.7, "ste')
        second = [self.step(8, 2, 0.6), self.value(2, 0.75), self.step(12, 3, 0.5)]
        self.log(tmp_path, "20260101_000002", second)
        table = read_scalars(tmp_path)
        assert list(table) == ["part", "epoch", "step", "name", "value"]
        loss = table.query("part == 'train' and name == 'loss'")
        assert loss["value"].tolist() == [0.9, 0.6, 0.5]
        assert loss["epoch"].tolist() == [1, 2, 3]
        val = table.query("part == 'val'").set_index(["epoch", "name"])["value"]
        assert val[1, "top1"] == 0.5 and val[2, "mean_class_accuracy"] == 0.375
        assert set(table["name"]) == {"loss", "lr", "top1", "mean_class_accuracy"}

    def test_epochs_are_fractions_where_an_epoch_has_more_iterations(self, tmp_path):
        # 17 iterations an epoch, logged at every tenth of them: 10, 27, 44
        steps = [self.step(10, 1, 0.9), self.step(27, 2, 0.8), self.step(44, 3, 0.7)]
        self.log(tmp_path, "20260101_000001", steps)
        epochs = read_scalars(tmp_path).query("name == 'loss'")["epoch"]
        assert epochs.tolist() == pytest.approx([10 / 17, 27 / 17, 44 / 17])

    def test_log_that_begins_in_a_later_epoch_is_read_too(self, tmp_path):
        steps = [self.step(44, 3, 0.7), self.step(54, 3, 0.7), self.step(61, 4, 0.6)]
        self.log(tmp_path, "20260101_000001", steps[:2])
        assert read_scalars(tmp_path)["epoch"].max() == 3
        self.log(tmp_path, "20260101_000002", steps[2:])
        epochs = read_scalars(tmp_path).query("name == 'loss'")["epoch"]
        assert epochs.tolist() == pytest.approx([44 / 17, 54 / 17, 61 / 17])

    def test_training_without_a_log_says_so(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no log"):
            read_scalars(tmp_path)
        self.log(tmp_path, "20260101_000001", [], end='{"los')
        with pytest.raises(FileNotFoundError, match="holds no values yet"):
            read_scalars(tmp_path)
