"""A trained model as ONNX: the same numbers without torch and without this repository."""

import ast
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from clip_makers import make_video
from training_makers import CPU, make_run, plan, tiny_project

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope
from torch import nn

from helpers.clips.reading import read_frames
from helpers.deployment import export, onnx_file, predict
from helpers.deployment.export import EXAMPLE, describe, main
from helpers.deployment.onnx_file import Classifier, ExportError, check, run, to_onnx
from helpers.files import write_json
from helpers.models import CnnTransformer, SpaceTimeTransformer
from helpers.models.transformer import SCHEMES
from helpers.runs import RunError, provenance
from helpers.training.inference import load_model
from helpers.training.train import load_training
from helpers.training.views import Views, predict_views

SMALL = {"num_frames": 2, "img_size": 16, "patch_size": 8, "embed_dims": 12, "num_heads": 2}
ALARM = {"dangers": ["b"], "threshold": 0.25, "views": "1x3"}


def lively(network: nn.Module) -> nn.Module:
    """The network with every weight drawn, so that no branch is dead."""
    draw = torch.Generator().manual_seed(0)
    network.init_weights()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=draw)
    return network.eval()


def written(network: nn.Module, shape, file):
    to_onnx(network, shape).save(file)
    return file


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """A run with weights that are drawn, as if it were trained and tested with three crops."""
    with (
        tiny_project(tmp_path_factory.mktemp("export")),
        DefaultScope.overwrite_default_scope("mmaction"),
    ):
        made = make_run("tiny")
        config = plan(made, made.training)
        made.training.mkdir()
        config.dump(made.training / "config.py")
        model = MODELS.build(config.model)
        lively(model)
        torch.save({"state_dict": model.state_dict()}, made.training / "best.pth")
        told = {"epochs": 3, "seconds": 1.0, "best_epoch": 2, "best_score": 0.5}
        write_json(made.training / "training.json", told | {"made": provenance()})
        metrics = {"views": {"views": "1x3"}, "operating_point": ALARM}
        write_json(made.metrics, metrics | {"calibration": {"temperature": 1.5}})
        yield made


@pytest.fixture(scope="module")
def training(tested):
    return load_training(tested.training)


@pytest.fixture(scope="module")
def folder(tested, tmp_path_factory):
    """What the command writes."""
    out = tmp_path_factory.mktemp("exported") / "model"
    return main(["--name", "tiny", "--out", str(out)]).folder


VARIED = {  # between them every positional embedding, and what a backbone may have besides
    "space_only": {"positional_embedding": "space"},
    "joint_space_time": {"positional_embedding": "none"},
    "divided_space_time": {"patch_embedding": "convolutional", "class_token_only": True},
    "sparse_local_global": {},
    "axial": {"class_token_in_time": True},
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_gives_torch_s_numbers_for_batches_of_two_sizes(scheme, tmp_path):
    settings = {"num_transformer_layers": 1, "attention_type": scheme} | VARIED[scheme]
    network = lively(SpaceTimeTransformer(**SMALL, **settings))
    file = written(network, (3, 2, 16, 16), tmp_path / "model.onnx")
    assert check(network, file, (3, 2, 16, 16)).difference < 1e-5
    for count in (1, 4):
        clips = torch.randn(count, 3, 2, 16, 16)
        with torch.no_grad():
            expected = network(clips).numpy()
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(run(file, clips.numpy()), expected, atol=1e-5)


def test_a_cnn_with_an_encoder_is_exported(tmp_path):
    network = CnnTransformer("resnet18", 2, 32, width=0.125, encoder_layers=1, pool=2)
    network.init_weights()
    shape = (3, 2, 32, 32)
    file = written(network.eval(), shape, tmp_path / "model.onnx")
    assert check(network, file, shape).difference < 1e-4


class Pools(nn.Module):
    """Pools as SlowFast does, which ONNX has no operator for, and sizes that do not divide."""

    def forward(self, clips):
        return nn.functional.adaptive_avg_pool3d(clips, (3, 2, 4)).flatten(1)


def test_adaptive_pooling_of_clips_is_exported(tmp_path):
    file = written(Pools(), (2, 7, 5, 4), tmp_path / "model.onnx")
    assert check(Pools(), file, (2, 7, 5, 4)).difference < 1e-6


def test_pooling_by_matrices_is_adaptive_pooling():
    clips = torch.randn(2, 3, 7, 5, 4)
    expected = nn.functional.adaptive_avg_pool3d(clips, (3, 5, 1))
    torch.testing.assert_close(onnx_file._pool(clips, (3, 5, 1)), expected)


class Turns(nn.Module):
    """A network that no exporter takes: it looks at its numbers."""

    def forward(self, clips):
        return clips.flatten(1) if clips.sum() > 0 else -clips.flatten(1)


def test_a_network_that_cannot_be_traced_is_refused_with_the_reason():
    with pytest.raises(ExportError, match=r"does not take this network .*Choose another MODEL"):
        to_onnx(Turns(), (3, 2, 4, 4))


def test_a_file_with_other_numbers_is_refused(tmp_path):
    network = nn.Flatten()
    file = written(network, (3, 2, 4, 4), tmp_path / "model.onnx")
    shifted = nn.Sequential(nn.Flatten(), Shift())
    with pytest.raises(ExportError, match=r"scores are 0\.01 from torch's, 0.0001 is let pass"):
        check(shifted, file, (3, 2, 4, 4))
    with pytest.raises(ExportError, match=r"onnxruntime refuses model\.onnx"):
        check(network, file, (3, 2, 4, 5))


class Shift(nn.Module):
    def forward(self, scores):
        return scores + 0.01


def test_the_folder_holds_a_valid_model_with_a_batch_of_any_size(folder):
    assert sorted(file.name for file in folder.iterdir()) == [
        "model.json",
        "model.onnx",
        "predict.py",
    ]
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    (given,) = model.graph.input
    sides = given.type.tensor_type.shape.dim
    assert given.name == "clips" and sides[0].dim_param == "batch"
    assert [side.dim_value for side in sides[1:]] == [3, 4, 16, 16]
    about = json.loads((folder / "model.json").read_text())
    assert about["opset"] == model.opset_import[0].version
    inside = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(inside["description"]).items() <= about.items()


def test_the_description_says_what_the_training_s_pipeline_does(folder, training):
    about = json.loads((folder / "model.json").read_text())
    assert about["classes"] == ["a", "b"]
    assert about["input"]["shape"] == ["batch", 3, 4, 16, 16]
    assert about["input"]["mean"] == about["input"]["std"] == [127.5] * 3
    assert (about["input"]["layout"], about["input"]["colours"]) == ("NCTHW", "RGB")
    frames = about["frames"]
    assert (frames["clip_len"], frames["short_side"], frames["max_frames"]) == (4, 24, 6)
    assert about["alarm"] == {"dangers": ["b"], "threshold": 0.25}
    assert about["temperature"] == 1.5
    assert about["trained"]["best_epoch"] == training.best_epoch
    assert about["checked"]["difference"] < 1e-4 and about["checked"]["batches"] == [1, 3]


def test_the_example_says_what_the_tests_of_the_run_say(folder, tested, training, tmp_path):
    expected = predict_views(
        load_model(training, CPU), training, CPU, "test", Views(1, 3)
    ).average()
    videos = [str(tested.data / path) for path in expected["path"]]
    command = [sys.executable, "-I", str(folder / "predict.py"), "--json", *videos]
    done = subprocess.run(
        command, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["path"] for row in told] == videos
    given = np.array([list(row["probabilities"].values()) for row in told])
    np.testing.assert_allclose(given, expected[["p_a", "p_b"]], atol=1e-4)
    assert np.ptp(given[:, 0]) > 2e-4  # more than is let pass: the clips are not all alike
    assert [row["alarm"] for row in told] == (given[:, 1] >= 0.25).tolist()


@pytest.mark.parametrize("asked", ["1x1", "2x3+mirror", "1x3+square"])
def test_other_views_are_those_of_the_tests_too(asked, folder, tested, training):
    views = Views.parse(asked)
    expected = predict_views(load_model(training, CPU), training, CPU, "test", views).average()
    write_json(tested.metrics, {"views": {"views": asked}})
    model = predict.Model(folder)
    model.about = describe(tested, training)
    for row in expected.to_dict("records"):
        given = model.predict(tested.data / row["path"])
        assert given["a"] == pytest.approx(row["p_a"], abs=1e-4)


def test_the_example_prints_the_classes_from_the_likeliest_and_the_alarm(folder, tested, capsys):
    video = next((tested.data / "a").glob("*.mp4"))
    predict.main([str(video)], folder)
    name, first, second, danger = capsys.readouterr().out.splitlines()
    assert name == str(video)
    assert float(first.split()[0]) >= float(second.split()[0])
    assert "alarm (from 0.2500 on)" in danger


def test_a_file_that_is_no_video_is_told_in_one_line(folder, tmp_path):
    no_video = tmp_path / "notes.mp4"
    no_video.write_text("nothing to see")
    for path, reason in ((no_video, "Invalid data"), (tmp_path / "absent.mp4", "No such file")):
        with pytest.raises(SystemExit, match=reason):
            predict.main([str(path)], folder)


def test_the_example_imports_nothing_of_this_repository_and_no_torch():
    wanted = set()
    for node in ast.walk(ast.parse(EXAMPLE.read_text())):
        if isinstance(node, ast.Import):
            wanted |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            wanted.add(node.module.split(".")[0])
    assert wanted - sys.stdlib_module_names == {"av", "cv2", "numpy", "onnxruntime"}


@pytest.mark.parametrize("turn", [(0, False, False), (90, False, False), (180, False, False)])
@pytest.mark.parametrize("short_side", [None, 20, 64])
def test_the_example_reads_the_pixels_that_the_project_reads(turn, short_side, tmp_path):
    video = make_video(tmp_path / "a.mp4", frames=15, turn=turn)
    (given,) = predict.read_frames(
        video, {"clip_len": 4, "short_side": short_side, "max_frames": 9}, 1
    )
    places = np.linspace(0, 14, 9).round().astype(int)[[1, 3, 5, 7]]
    np.testing.assert_array_equal(given, read_frames(video, places, short_side))


def test_a_run_without_a_trained_model_is_refused_with_the_remedy(tested, tmp_path):
    (tested.folder.parent / "bare").mkdir()
    bare = type(tested)("bare", tested.folder.parent / "bare", tested.settings)
    with pytest.raises(RunError, match="02_train_timesformer makes it"):
        export.export_model(bare, tmp_path / "out")
    with pytest.raises(RunError, match="no run 'none'"):
        main(["--name", "none"])
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_where_the_file_does_not_pass_its_check(tested, tmp_path, monkeypatch):
    other = to_onnx(nn.Flatten(), (3, 4, 16, 16))
    monkeypatch.setattr(export, "to_onnx", lambda network, shape: other)
    with pytest.raises(ExportError, match=r"model.onnx gives \(1, 3072\), torch \(1, 2\)"):
        export.export_model(tested, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_classifier_is_backbone_and_head(tested, training):
    model = load_model(training, CPU)
    clips = torch.randn(2, 3, 4, 16, 16)
    with torch.no_grad():
        expected = model.cls_head(model.backbone(clips))
        torch.testing.assert_close(Classifier(model)(clips), expected)
