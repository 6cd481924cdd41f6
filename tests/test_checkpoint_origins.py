"""Checkpoints of other projects: their own models compute what ours does with their weights."""

import json
import pickle
import re
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from checkpoint_makers import RunsCode

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.models.backbones import TimeSformer
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope
from safetensors.torch import save_file
from torch import Tensor, nn

from helpers.models import SpaceTimeTransformer
from helpers.models.checkpoints import CheckpointError, Loaded, load_pretrained, normalisation
from helpers.models.origins import ORIGINS, Normalisation
from helpers.models.weight_files import open_weights

SIZES = {
    "num_frames": 4,
    "img_size": 32,
    "patch_size": 8,
    "embed_dims": 24,
    "num_heads": 3,
    "num_transformer_layers": 2,
}
HUGGING = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 24,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
}
CLASSES = 5
HALF = ((127.5,) * 3, (127.5,) * 3)
KINETICS = ((114.75,) * 3, (57.375,) * 3)
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


@pytest.fixture(autouse=True)
def mmaction_scope():
    with DefaultScope.overwrite_default_scope("mmaction"):
        yield


def randomised(model: nn.Module) -> nn.Module:
    """Weights that are nowhere zero, so that no branch can hide."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return model.eval()


def ours(scheme: str = "divided_space_time", **changes) -> SpaceTimeTransformer:
    torch.manual_seed(0)
    model = SpaceTimeTransformer(**SIZES | changes, attention_type=scheme).eval()
    model.init_weights()
    return model


def recogniser(classes: int = CLASSES, scheme: str = "divided_space_time", **changes) -> nn.Module:
    """mmaction2's recogniser around our backbone."""
    torch.manual_seed(0)
    backbone = {"type": "SpaceTimeTransformer", "attention_type": scheme} | SIZES | changes
    head = {"type": "Float32Head", "num_classes": classes, "in_channels": 24}
    return MODELS.build({"type": "Recognizer3D", "backbone": backbone, "cls_head": head}).eval()


def scores(model: nn.Module, clips: Tensor) -> Tensor:
    return model.cls_head.fc_cls(model.backbone(clips))


def clips(frames: int = 4) -> Tensor:
    return torch.randn(2, 3, frames, 32, 32, generator=torch.Generator().manual_seed(2))


def assert_close(got: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def saved(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


def mmaction(scheme: str = "divided_space_time", **changes) -> TimeSformer:
    return randomised(TimeSformer(**SIZES | changes, attention_type=scheme))


def authors_file(path: Path, model: TimeSformer, classes: int = CLASSES) -> str:
    """The model's weights as facebookresearch/TimeSformer saves them."""
    divided = model.attention_type == "divided_space_time"
    space = 1 if divided else 0
    renames = [
        (r"transformer_layers\.layers", "blocks"),
        (r"patch_embed\.projection", "patch_embed.proj"),
        (r"attentions\.0\.norm", "temporal_norm1") if divided else (r"norms\.0", "norm1"),
        (r"attentions\.1\.norm", "norm1"),
        (r"ffns\.0\.norm|norms\.1", "norm2"),
        (rf"attentions\.{space}\.attn\.in_proj_", "attn.qkv."),
        (rf"attentions\.{space}\.attn\.out_proj", "attn.proj"),
        (r"attentions\.0\.attn\.in_proj_", "temporal_attn.qkv."),
        (r"attentions\.0\.attn\.out_proj", "temporal_attn.proj"),
        (r"attentions\.0\.temporal_fc", "temporal_fc"),
        (r"ffns\.0\.layers\.0\.0", "mlp.fc1"),
        (r"ffns\.0\.layers\.1", "mlp.fc2"),
    ]
    state = {}
    for name, value in model.state_dict().items():
        for before, after in renames:
            name = re.sub(before, after, name)
        state[f"model.{name}"] = value
    generator = torch.Generator().manual_seed(3)
    state["model.head.weight"] = torch.randn(classes, 24, generator=generator)
    state["model.head.bias"] = torch.randn(classes, generator=generator)
    content = {
        "epoch": 14,
        "model_state": state,
        "optimizer_state": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": []},
        "cfg": "TIMESFORMER:\n  ATTENTION_TYPE: divided_space_time\n",
    }
    return saved(path, content)


def timesformer_of_transformers(scheme: str, frames: int, head: bool) -> nn.Module:
    from transformers.models import timesformer

    kind = timesformer.TimesformerForVideoClassification if head else timesformer.TimesformerModel
    config = timesformer.TimesformerConfig(
        **HUGGING, num_frames=frames, attention_type=scheme, num_labels=CLASSES
    )
    return randomised(kind(config))


def vit_of_transformers(head: bool = True) -> nn.Module:
    from transformers.models import vit

    kind = vit.ViTForImageClassification if head else vit.ViTModel
    return randomised(kind(vit.ViTConfig(**HUGGING, num_labels=CLASSES)))


def vit_of_timm() -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
    return randomised(VisionTransformer(**sizes, num_classes=CLASSES))


def tiny(prefix: str = "blocks.0.attn.qkv.") -> dict[str, Tensor]:
    """A name by which an origin is recognised."""
    return {f"{prefix}weight": torch.ones(72, 24)}


class TestTransformersTimesformer:
    """Its attention over frames alone scores each frame, so that one is compared."""

    @pytest.mark.parametrize(
        ("scheme", "frames"),
        [("divided_space_time", 4), ("joint_space_time", 4), ("space_only", 1)],
    )
    def test_scores_agree_from_the_folder_that_it_saves(self, tmp_path, scheme, frames):
        theirs = timesformer_of_transformers(scheme, frames, head=True)
        theirs.save_pretrained(tmp_path)
        assert (tmp_path / "model.safetensors").exists()
        model = recogniser(scheme=scheme, num_frames=frames)
        loaded = load_pretrained(model, tmp_path)
        assert loaded.fresh == loaded.left_out == loaded.copied == ()
        with torch.no_grad():
            wanted = theirs(clips(frames).transpose(1, 2)).logits
            assert_close(scores(model, clips(frames)), wanted)

    @pytest.mark.parametrize("scheme", ["divided_space_time", "joint_space_time"])
    def test_features_agree_from_a_pickled_model_without_head(self, tmp_path, scheme):
        theirs = timesformer_of_transformers(scheme, 4, head=False)
        saved(tmp_path / "pytorch_model.bin", theirs.state_dict())
        model = ours(scheme)
        load_pretrained(model, str(tmp_path))
        with torch.no_grad():
            wanted = theirs(clips().transpose(1, 2)).last_hidden_state[:, 0]
            assert_close(model(clips()), wanted)

    def test_another_number_of_heads_is_refused(self, tmp_path):
        timesformer_of_transformers("divided_space_time", 4, head=False).save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match="num_heads is 3 there, 6 here"):
            load_pretrained(ours(num_heads=6), tmp_path)

    def test_a_config_may_name_the_folder(self, tmp_path):
        theirs = timesformer_of_transformers("divided_space_time", 4, head=False)
        theirs.save_pretrained(tmp_path)
        model = ours(pretrained=str(tmp_path))
        assert torch.equal(model.time_embed, theirs.embeddings.time_embeddings)


class TestAuthors:
    @pytest.mark.parametrize("scheme", ["divided_space_time", "joint_space_time", "space_only"])
    def test_outputs_are_those_of_mmaction2_with_the_same_weights(self, tmp_path, scheme):
        theirs = mmaction(scheme)
        path = authors_file(tmp_path / "TimeSformer_divST_8x32_224_K400.pyth", theirs)
        names = torch.load(path, weights_only=True)["model_state"]
        assert ("model.blocks.1.temporal_attn.qkv.bias" in names) == (scheme[0] == "d")
        assert {"model.blocks.0.norm1.weight", "model.blocks.0.norm2.weight"} <= set(names)
        model = recogniser(scheme=scheme)
        assert load_pretrained(model, path).fresh == ()
        with torch.no_grad():
            feature = theirs(clips())
            assert_close(model.backbone(clips()), feature)
            head = names["model.head.weight"], names["model.head.bias"]
            assert_close(scores(model, clips()), nn.functional.linear(feature, *head))


class TestPlainViT:
    """A ViT sees a picture; the video transformer made of it sees the same in a still clip."""

    def assert_same_picture(self, path: str | Path, wanted: Callable[[Tensor], Tensor]) -> Loaded:
        picture = clips(frames=1)
        for scheme, frames in (("space_only", 1), ("divided_space_time", 4)):
            model = recogniser(scheme=scheme, num_frames=frames)
            model.backbone.init_weights()
            loaded = load_pretrained(model, path)
            with torch.no_grad():
                got = scores(model, picture.expand(-1, -1, frames, -1, -1))
                assert_close(got, wanted(picture[:, :, 0]))
        return loaded

    @pytest.mark.parametrize("kind", ["pth", "safetensors"])
    def test_of_timm(self, tmp_path, kind):
        theirs = vit_of_timm()
        path = tmp_path / f"vit.{kind}"
        (torch.save if kind == "pth" else save_file)(theirs.state_dict(), path)
        loaded = self.assert_same_picture(path, theirs)
        assert loaded.copied == ("time", "space")
        assert loaded.fresh[0] == "backbone.time_embed"
        assert all("temporal_fc" in name for name in loaded.fresh[1:]) and len(loaded.fresh) == 5

    def test_of_timm_as_deit_wraps_it(self, tmp_path):
        theirs = vit_of_timm()
        path = saved(tmp_path / "deit.pth", {"model": theirs.state_dict()})
        loaded = self.assert_same_picture(path, theirs)
        assert (loaded.mean, loaded.std) == IMAGENET

    def test_of_transformers_as_it_saves_it(self, tmp_path):
        theirs = vit_of_transformers()
        theirs.save_pretrained(tmp_path)
        names = open_weights(tmp_path).tensors
        assert "vit.encoder.layer.0.attention.attention.query.weight" in names
        loaded = self.assert_same_picture(tmp_path, lambda picture: theirs(picture).logits)
        assert (loaded.mean, loaded.std) == HALF

    def test_of_transformers_as_it_is_in_memory(self, tmp_path):
        theirs = vit_of_transformers()
        assert "vit.layers.0.attention.q_proj.weight" in theirs.state_dict()
        path = saved(tmp_path / "vit.bin", theirs.state_dict())
        self.assert_same_picture(path, lambda picture: theirs(picture).logits)

    def test_of_transformers_without_head_and_with_pooler(self, tmp_path):
        theirs = vit_of_transformers(head=False)
        theirs.save_pretrained(tmp_path)
        model = ours("axial")
        loaded = load_pretrained(model, tmp_path)
        assert loaded.copied == ("time", "width", "height")
        assert loaded.left_out == ("pooler.dense.bias", "pooler.dense.weight")
        layer = model.transformer_layers.layers[1]
        query = theirs.layers[1].attention.q_proj.weight
        for attention in layer.attentions:
            assert torch.equal(attention.attn.in_proj_weight[:24], query)

    def test_head_behind_a_layer_that_is_left_out_is_not_taken(self, tmp_path):
        state = vit_of_timm().state_dict()
        state |= {"pre_logits.fc.weight": torch.ones(24, 24), "pre_logits.fc.bias": torch.ones(24)}
        loaded = load_pretrained(recogniser(), saved(tmp_path / "jx_vit.pth", state))
        left_out = {"pre_logits.fc.weight", "pre_logits.fc.bias", "head.weight", "head.bias"}
        assert set(loaded.left_out) == left_out
        assert loaded.head == "as drawn: none there that fits behind the backbone"


class TestResizing:
    """Positions that carry the row and column of their patch show where resizing puts them."""

    ROWS, COLUMNS = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    RIGHT = torch.stack((ROWS // 2, COLUMNS // 2)).flatten(1)  # cells of 14×14 under 28×28

    @pytest.fixture
    def weights(self) -> dict[str, Tensor]:
        state = mmaction(img_size=112).state_dict()
        centres = (torch.arange(14.0) + 0.5).expand(14, 14)
        state["pos_embed"][0, 1:, :2] = torch.stack((centres.T, centres), -1).flatten(0, 1)
        return state

    def test_in_one_dimension_728_of_784_cells_are_misplaced(self, weights):
        positions = weights["pos_embed"][:, 1:].transpose(1, 2)
        naive = nn.functional.interpolate(positions, 784, mode="nearest")
        wrong = (naive[0, :2].long() != self.RIGHT).any(0)
        assert wrong.sum() == 728

    def test_in_two_dimensions_none_is(self, weights, tmp_path):
        model = ours(img_size=224)
        loaded = load_pretrained(model, saved(tmp_path / "small.pth", weights))
        cells = model.pos_embed[0, 1:, :2].detach().T.floor().long()
        assert (cells != self.RIGHT).any(0).sum() == 0
        assert list(map(str, loaded.resized)) == ["pos_embed 14×14 → 28×28"]

    def test_square_of_a_picture_is_no_strip_of_as_many_patches(self, tmp_path):
        state = vit_of_timm().state_dict()
        state["pos_embed"][0, 1:, 0] = torch.arange(4.0).repeat_interleave(4)  # the row
        model = ours(img_size=(16, 64))
        loaded = load_pretrained(model, saved(tmp_path / "vit.pth", state))
        assert loaded.resized[0].before == (4, 4) and loaded.resized[0].after == (2, 8)
        rows = model.pos_embed[0, 1:, 0].detach().view(2, 8)
        assert (rows[0] == rows[0, 0]).all() and (rows[1] > rows[0] + 1).all()

    def test_strips_of_our_own_stay_as_they_are(self, tmp_path):
        source = randomised(ours(img_size=(16, 64)))
        model = ours(img_size=(16, 64))
        loaded = load_pretrained(model, saved(tmp_path / "own.pth", source.state_dict()))
        assert loaded.resized == () and torch.equal(model.pos_embed, source.pos_embed)


class TestPositionsLeftOut:
    @pytest.mark.parametrize(
        ("positions", "left_out"),
        [("none", ("pos_embed", "time_embed")), ("space", ("time_embed",)), ("space_time", ())],
    )
    def test_a_model_without_them_starts_from_weights_with_them(
        self, tmp_path, positions, left_out
    ):
        path = saved(tmp_path / "k400.pth", mmaction().state_dict())
        model = ours(positional_embedding=positions)
        loaded = load_pretrained(model, path)
        assert loaded.left_out == left_out and loaded.fresh == ()
        assert loaded.tensors == len(model.state_dict())
        assert ("left out: " + ", ".join(left_out) in str(loaded)) == bool(left_out)

    def test_weights_without_positions_are_refused_where_they_are_wanted(self, tmp_path):
        state = ours(positional_embedding="none").state_dict()
        with pytest.raises(CheckpointError, match=r"missing: pos_embed\. Compare"):
            load_pretrained(ours(), saved(tmp_path / "none.pth", state))


class TestHead:
    def source(self, path: Path, meta: dict | None = None) -> str:
        state = {f"backbone.{name}": value for name, value in mmaction().state_dict().items()}
        head = {"weight": torch.full((2, 24), 7.0), "bias": torch.full((2,), 7.0)}
        state |= {f"cls_head.fc_cls.{name}": value for name, value in head.items()}
        return saved(path, {"state_dict": state, "meta": meta or {}})

    def load(self, path: str, model: nn.Module, classes: list[str] | None = None) -> tuple:
        before = model.cls_head.fc_cls.weight.clone()
        told = load_pretrained(model, path, classes).head
        after = model.cls_head.fc_cls.weight
        assert torch.equal(after, before) or (after == 7).all()
        return told, bool((after == 7).all())

    def test_is_loaded_where_the_number_agrees(self, tmp_path):
        path = self.source(tmp_path / "own.pth")
        told = "loaded: 2 classes, names not compared"
        assert self.load(path, recogniser(2), ["a", "b"]) == (told, True)

    @pytest.mark.parametrize("nested", [False, True])
    def test_names_count_where_both_are_known(self, tmp_path, nested):
        meta = {"classes": ["cabin", "track"]}
        path = self.source(tmp_path / "own.pth", {"dataset_meta": meta} if nested else meta)
        same = "loaded: 2 classes, the same names"
        assert self.load(path, recogniser(2), ["cabin", "track"]) == (same, True)
        other = "replaced: cabin, track there, track, cabin here"
        assert self.load(path, recogniser(2), ["track", "cabin"]) == (other, False)

    def test_stays_as_drawn_where_the_number_differs(self, tmp_path):
        model = recogniser(4)
        before = model.cls_head.fc_cls.weight.clone()
        path = authors_file(tmp_path / "k400.pyth", mmaction(), classes=400)
        loaded = load_pretrained(model, path)
        assert "head replaced: 400 classes there, 4 here" in str(loaded)
        assert loaded.fresh == ("cls_head.fc_cls.weight", "cls_head.fc_cls.bias")
        assert torch.equal(model.cls_head.fc_cls.weight, before)

    def test_of_the_file_is_left_out_for_a_backbone_alone(self, tmp_path):
        loaded = load_pretrained(ours(), self.source(tmp_path / "own.pth"))
        assert loaded.head == "left out: 2 classes there, no head here"
        bare = load_pretrained(ours(), saved(tmp_path / "bare.pth", mmaction().state_dict()))
        assert bare.head == "" and "head" not in str(bare)

    def test_a_model_of_another_kind_is_refused(self, tmp_path):
        with pytest.raises(TypeError, match="Linear is no SpaceTimeTransformer"):
            load_pretrained(nn.Linear(2, 2), self.source(tmp_path / "own.pth"))


class TestNormalisation:
    @pytest.mark.parametrize(
        ("content", "wanted"),
        [
            (tiny("transformer_layers.layers.0.norms.0."), HALF),
            ({"state_dict": tiny("backbone.transformer_layers.layers.0.norms.0.")}, HALF),
            ({"model_state": tiny("model.blocks.0.attn.qkv.")}, KINETICS),
            (tiny("timesformer.encoder.layer.0.attention.attention.qkv."), KINETICS),
            (tiny("encoder.layer.0.attention.attention.qkv."), KINETICS),
            (tiny(), HALF),
            ({"state_dict": tiny()}, HALF),
            ({"model": tiny()}, IMAGENET),
            (tiny("vit.encoder.layer.0.attention.attention.query."), HALF),
            (tiny("layers.0.attention.q_proj."), HALF),
        ],
        ids=[
            *("mmaction2", "recogniser", "authors", "transformers", "transformers-bare", "timm"),
            *("timm-wrapped", "deit", "vit", "vit-new"),
        ],
    )
    def test_is_that_of_the_origin(self, tmp_path, content, wanted):
        assert normalisation(saved(tmp_path / "some.pth", content)) == Normalisation(*wanted)

    def test_of_imagenet_is_mmactions_own_numbers(self, tmp_path):
        found = normalisation(saved(tmp_path / "deit.pth", {"model": tiny()}))
        assert found.mean == (123.675, 116.28, 103.53) and found.std == (58.395, 57.12, 57.375)

    def folder(self, tmp_path: Path, **files) -> Path:
        save_file(tiny("vit.layers.0.attention.q_proj."), tmp_path / "model.safetensors")
        for name, content in files.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return tmp_path

    def test_of_a_processor_beside_the_weights_counts_first(self, tmp_path):
        told = {"image_mean": [0.2, 0.4, 0.6], "image_std": [0.1, 0.2, 0.4]}
        found = normalisation(self.folder(tmp_path, preprocessor_config=told))
        assert found == Normalisation((51.0, 102.0, 153.0), (25.5, 51.0, 102.0))
        assert found.told_by == "preprocessor_config.json"

    def test_of_transformers_own_processor_is_read_as_it_is_written(self, tmp_path):
        from transformers.models.timesformer.video_processing_timesformer import (
            TimesformerVideoProcessor,
        )

        TimesformerVideoProcessor(image_mean=[0.2] * 3, image_std=[0.4] * 3).save_pretrained(
            tmp_path
        )
        found = normalisation(self.folder(tmp_path))
        assert found == Normalisation((51.0,) * 3, (102.0,) * 3)

    @pytest.mark.parametrize(
        ("told", "wanted"),
        [
            ({"image_mean": 0.5, "image_std": 0.5}, (127.5, 127.5)),
            ({"image_mean": [9.0] * 3, "image_std": [3.0] * 3, "do_rescale": False}, (9.0, 3.0)),
            (
                {"image_mean": [1.0] * 3, "image_std": [1.0] * 3, "rescale_factor": 1 / 127.5},
                (127.5, 127.5),
            ),
            ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_normalize": False}, (0, 255)),
        ],
        ids=["numbers", "bytes", "factor", "none"],
    )
    def test_of_a_processor_is_brought_to_0_to_255(self, tmp_path, told, wanted):
        found = normalisation(self.folder(tmp_path, preprocessor_config=told))
        assert found == Normalisation((wanted[0],) * 3, (wanted[1],) * 3)

    def test_of_timms_config_beside_the_weights_counts_first(self, tmp_path):
        save_file(tiny(), tmp_path / "model.safetensors")
        told = {"pretrained_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
        (tmp_path / "config.json").write_text(json.dumps(told))
        assert normalisation(tmp_path) == Normalisation(*IMAGENET)

    def test_of_the_file_itself_counts_first(self, tmp_path):
        state = tiny("backbone.transformer_layers.layers.0.norms.0.")
        meta = {"mean": [114.75] * 3, "std": [57.375] * 3}
        path = saved(tmp_path / "best.pth", {"state_dict": state, "meta": meta})
        assert normalisation(path) == Normalisation(*KINETICS)

    @pytest.mark.parametrize(
        "told",
        [
            {"image_mean": [0.5] * 3, "image_std": [0.5, 0.5, 0.0]},
            {"image_mean": [0.5] * 3},
            {"image_mean": ["a", "b", "c"], "image_std": [0.5] * 3},
            {"image_mean": [0.5] * 2, "image_std": [0.5] * 2},
            {"image_mean": [float("nan")] * 3, "image_std": [0.5] * 3},
            {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 0},
        ],
        ids=["zero", "alone", "letters", "two", "nan", "factor"],
    )
    def test_that_is_none_is_refused(self, tmp_path, told):
        with pytest.raises(CheckpointError, match=r"processor_config\.json tells mean .* 0: mend"):
            normalisation(self.folder(tmp_path, preprocessor_config=told))

    def test_in_a_broken_file_is_refused(self, tmp_path):
        (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [')
        with pytest.raises(CheckpointError, match=r"preprocessor_config\.json does not open as JS"):
            normalisation(self.folder(tmp_path))
        with pytest.raises(CheckpointError, match="holds no names and values"):
            normalisation(self.folder(tmp_path, preprocessor_config=[1]))

    def test_of_mmactions_zoo_is_known_without_a_network(self, monkeypatch):
        def fetch(*args, **kwargs):
            raise AssertionError("fetched")

        monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
        address = "https://download.openmmlab.com/mmaction/v1.0/timesformer/k400.pth"
        assert normalisation(address) == Normalisation(*HALF)
        with pytest.raises(AssertionError, match="fetched"):
            normalisation("https://elsewhere.org/download.openmmlab.com/k400.pth")

    def test_elsewhere_is_fetched_and_folders_with_the_same_names_are_kept_apart(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
        save_file(tiny(), tmp_path / "timm")
        save_file(tiny("encoder.layer.0.attention.attention.qkv."), tmp_path / "timesformer")

        def fetch(address, path, progress):
            shutil.copy(tmp_path / address.split("/")[-2], path)

        monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
        address = "https://models.org/{}/model.safetensors?download=true"
        for folder, wanted in (("timm", HALF), ("timesformer", KINETICS)) * 2:
            assert normalisation(address.format(folder)) == Normalisation(*wanted)


class TestAccount:
    def test_says_what_was_done(self, tmp_path):
        state = vit_of_timm().state_dict() | {"mask_token": torch.ones(1)}
        path = saved(tmp_path / "vit.pth", state)
        model = recogniser(4, img_size=48)
        assert str(load_pretrained(model, path)).replace(str(tmp_path), "folder") == (
            "folder/vit.pth: a plain ViT in timm's names\n"
            "  42 tensors loaded\n"
            "  mean 127.5, 127.5, 127.5 and std 127.5, 127.5, 127.5 of 0 to 255 "
            "(usual for a plain ViT in timm's names)\n"
            "  attention copied into time, space\n"
            "  resized: pos_embed 4×4 → 6×6\n"
            "  left as drawn: backbone.time_embed, "
            "backbone.transformer_layers.layers.*.attentions.0.temporal_fc (4), "
            "cls_head.fc_cls (2)\n"
            "  left out: mask_token\n"
            "  head replaced: 5 classes there, 4 here"
        )

    def test_is_short_where_all_fits(self, tmp_path):
        path = saved(tmp_path / "k400.pth", mmaction().state_dict())
        lines = str(load_pretrained(ours(), path)).splitlines()
        assert lines[0].endswith("k400.pth: mmaction2's names") and len(lines) == 3

    def test_every_origin_names_its_source(self):
        assert len({origin.name for origin in ORIGINS}) == len(ORIGINS)
        assert all(origin.source for origin in ORIGINS)


class TestRefused:
    def refuse(self, model: nn.Module, source: str | Path, words: str) -> None:
        """Loading fails with these words, and the model stays as it was."""
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(CheckpointError, match=words):
            load_pretrained(model, source)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

    @pytest.mark.parametrize(
        ("scheme", "there"),
        [
            ("joint_space_time", r"2 steps of attention in a layer there \(time, space\), 1 here"),
            ("sparse_local_global", r"there \(time, space\), 2 here \(local, global\)\. Take its"),
            ("axial", r"there \(time, space\), 3 here \(time, width, height\)"),
        ],
    )
    def test_divided_attention_in_another_scheme(self, tmp_path, scheme, there):
        path = authors_file(tmp_path / "k400.pyth", mmaction())
        self.refuse(ours(scheme), path, there)

    def test_two_steps_that_names_do_not_tell_are_told_by_mmengines_config(self, tmp_path):
        state = ours("sparse_local_global").state_dict()
        meta = {"cfg": "model = dict(backbone=dict(attention_type='sparse_local_global'))"}
        path = saved(tmp_path / "epoch_1.pth", {"state_dict": state, "meta": meta})
        self.refuse(ours(), path, r"there \(local, global\), 2 here \(time, space\)")
        assert load_pretrained(ours("sparse_local_global"), path).fresh == ()
        silent = saved(tmp_path / "best.pth", {"state_dict": state})
        self.refuse(ours("joint_space_time"), silent, "2 steps of attention in a layer there, 1 he")

    def test_part_of_the_temporal_layers(self, tmp_path):
        state = mmaction().state_dict()
        del state["transformer_layers.layers.1.attentions.0.temporal_fc.bias"]
        self.refuse(ours(), saved(tmp_path / "part.pth", state), r"missing: .*temporal_fc\.bias")

    @pytest.mark.parametrize("kind", ["convolutional", "linear"])
    def test_another_stem(self, tmp_path, kind):
        other = "linear" if kind == "convolutional" else "convolutional"
        path = saved(tmp_path / "own.pth", ours(patch_embedding=kind).state_dict())
        words = f"patch_embedding is {kind} there, {other} here"
        self.refuse(ours(patch_embedding=other), path, words)

    def test_parts_that_no_video_transformer_has(self, tmp_path):
        state = vit_of_timm().state_dict() | {"blocks.0.ls1.gamma": torch.ones(24)}
        path = saved(tmp_path / "deit3.pth", state)
        self.refuse(ours(), path, r"unknown: blocks\.0\.ls1\.gamma")

    def test_query_without_key(self, tmp_path):
        state = vit_of_transformers().state_dict()
        del state["vit.layers.0.attention.k_proj.weight"]
        words = r"missing: transformer_layers\.layers\.0.*in_proj_weight"
        self.refuse(ours("space_only"), saved(tmp_path / "vit.pth", state), words)

    @pytest.mark.parametrize("name", ["k400.pyth", "pytorch_model.bin"])
    def test_code_in_a_file_which_does_not_run(self, tmp_path, name):
        proof = tmp_path / "it-ran"
        content = {"model_state": tiny(), "cfg": RunsCode(proof)}
        path = saved(tmp_path / name, content)
        self.refuse(ours(), path, r"it asks for \w+\.mkdir, which is not run")
        assert not proof.exists()
        torch.load(path, weights_only=False)
        assert proof.exists(), "the file would have run code"

    @pytest.mark.filterwarnings("ignore:'torch.load' received a zip file")
    def test_a_program_of_torchscript(self, tmp_path):
        path = tmp_path / "program.pt"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (("version", b"3\n"), ("constants.pkl", b"\x80\x02).")):
                archive.writestr(f"program/{name}", content)
        self.refuse(ours(), path, r"weights: Cannot use ``weights_only=True`` with TorchScript")

    def test_a_pickle_that_calls_itself_safetensors(self, tmp_path):
        proof = tmp_path / "it-ran"
        path = tmp_path / "model.safetensors"
        path.write_bytes(pickle.dumps(RunsCode(proof)))
        self.refuse(ours(), path, "does not open as a checkpoint of weights")
        assert not proof.exists()

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
    def test_safetensors_that_are_cut(self, tmp_path, share):
        path = tmp_path / "model.safetensors"
        save_file(ours().state_dict(), path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        self.refuse(ours(), tmp_path, r"does not open as a checkpoint .* fetch it again")

    @pytest.mark.parametrize(
        "entry",
        [
            {"dtype": "F32", "shape": [4], "data_offsets": [0, 1 << 40]},
            {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 16]},
            {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]},
            {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]},
            {"dtype": "object", "shape": [4], "data_offsets": [0, 16]},
            [],
        ],
        ids=["beyond", "larger", "backwards", "negative", "dtype", "list"],
    )
    def test_safetensors_whose_header_lies(self, tmp_path, entry):
        header = json.dumps({"weight": entry}).encode()
        path = tmp_path / "model.safetensors"
        for length in (len(header), 1 << 62):
            path.write_bytes(struct.pack("<Q", length) + header + bytes(16))
            self.refuse(ours(), path, "does not open as a checkpoint of weights")

    def test_a_folder_without_weights(self, tmp_path):
        words = r"a folder without model\.safetensors or pytorch_model\.bin\. Name the file"
        self.refuse(ours(), tmp_path, words)

    @pytest.mark.parametrize(
        "odd",
        [
            torch.ones(72, 24, dtype=torch.complex64),
            torch.eye(72, 24).to_sparse(),
            torch.ones(72, 24, device="meta"),
        ],
        ids=["complex", "sparse", "meta"],
    )
    @pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
    def test_tensors_that_are_no_plain_arrays(self, tmp_path, odd):
        path = saved(tmp_path / "odd.pth", {"blocks.0.attn.qkv.weight": odd})
        self.refuse(ours(), path, r"blocks\.0\.attn\.qkv\.weight is no plain array of real numbers")

    def test_positions_of_no_grid(self, tmp_path):
        for positions in (torch.ones(24), torch.ones(1, 0, 24), torch.ones(1, 1, 24)):
            state = mmaction().state_dict() | {"pos_embed": positions, "time_embed": positions}
            path = saved(tmp_path / "odd.pth", state)
            self.refuse(ours(), path, "another size: pos_embed")
