"""Weights from elsewhere: every accepted kind, resized positions, and every refusal in words."""

import pickle
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from checkpoint_makers import RunsCode

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.models.backbones import TimeSformer
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope

from helpers.models import Float32Head, SpaceTimeTransformer
from helpers.models.checkpoints import CheckpointError, load_pretrained
from helpers.models.stem import ConvolutionalStem
from helpers.models.weight_files import open_weights

SIZES = {
    "num_frames": 4,
    "img_size": 32,
    "patch_size": 8,
    "embed_dims": 24,
    "num_heads": 3,
    "num_transformer_layers": 2,
}


@pytest.fixture(autouse=True)
def mmaction_scope():
    with DefaultScope.overwrite_default_scope("mmaction"):
        yield


def theirs(scheme: str, **changes) -> TimeSformer:
    """mmaction2's own model, its weights nowhere zero."""
    model = TimeSformer(**SIZES | changes, attention_type=scheme).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return model


def ours(scheme: str = "divided_space_time", **changes) -> SpaceTimeTransformer:
    torch.manual_seed(0)
    model = SpaceTimeTransformer(**SIZES | changes, attention_type=scheme).eval()
    model.init_weights()
    return model


def saved(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


def clips(frames: int = 4) -> torch.Tensor:
    return torch.randn(2, 3, frames, 32, 32, generator=torch.Generator().manual_seed(2))


class TestAccepted:
    def test_recogniser_of_mmactions_zoo_gives_mmactions_features(self, tmp_path):
        source = theirs("divided_space_time")
        state = {f"backbone.{name}": value for name, value in source.state_dict().items()}
        state |= {"cls_head.fc_cls.weight": torch.ones(400, 24)}
        model = ours()
        path = saved(tmp_path / "zoo.pth", {"meta": {"epoch": 15}, "state_dict": state})
        assert load_pretrained(model, path).fresh == ()
        with torch.no_grad():
            torch.testing.assert_close(model(clips()), source(clips()), atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("wrapped", [True, False], ids=["state_dict", "plain"])
    def test_image_transformer_goes_into_every_step(self, tmp_path, wrapped):
        source = theirs("space_only", num_frames=1)
        state = source.state_dict()
        assert "transformer_layers.layers.0.norms.1.weight" in state
        content = {"state_dict": state} if wrapped else state
        model = ours("axial")
        fresh = load_pretrained(model, saved(tmp_path / "vit.pth", content)).fresh
        own, layer = model.state_dict(), "transformer_layers.layers.1"
        for step in range(3):
            for name in ("attn.in_proj_weight", "attn.out_proj.bias"):
                assert torch.equal(
                    own[f"{layer}.attentions.{step}.{name}"], state[f"{layer}.attentions.0.{name}"]
                )
            norm = own[f"{layer}.attentions.{step}.norm.weight"]
            assert torch.equal(norm, state[f"{layer}.norms.0.weight"])
        assert torch.equal(own[f"{layer}.ffns.0.norm.bias"], state[f"{layer}.norms.1.bias"])
        zero_layers = [
            f"transformer_layers.layers.{place}.attentions.{step}.temporal_fc.{kind}"
            for place in range(2)
            for step in range(2)
            for kind in ("weight", "bias")
        ]
        assert sorted(fresh) == sorted(["time_embed", *zero_layers])

    @pytest.mark.parametrize("scheme", ["divided_space_time", "space_only"])
    def test_video_of_one_picture_has_the_pictures_feature(self, tmp_path, scheme):
        source = theirs("space_only", num_frames=1)
        model = ours(scheme)
        load_pretrained(model, saved(tmp_path / "vit.pth", source.state_dict()))
        picture = clips(frames=1)
        with torch.no_grad():
            still = model(picture.expand(-1, -1, 4, -1, -1))
            torch.testing.assert_close(still, source(picture), atol=1e-5, rtol=1e-5)

    def test_weights_named_in_the_config_are_loaded_with_the_first_weights(self, tmp_path):
        source = theirs("divided_space_time")
        path = saved(tmp_path / "own.pth", source.state_dict())
        model = ours(pretrained=path)
        assert torch.equal(model.state_dict()["time_embed"], source.state_dict()["time_embed"])

    def test_statistics_of_a_convolutional_stem_come_along(self, tmp_path):
        source = ours("space_only", num_frames=1, patch_embedding="convolutional")
        for module in source.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean += 0.3
        model = ours(patch_embedding="convolutional")
        load_pretrained(model, saved(tmp_path / "image.pth", source.state_dict()))
        picture = clips(frames=1)
        with torch.no_grad():
            still = model(picture.expand(-1, -1, 4, -1, -1))
            torch.testing.assert_close(still, source(picture), atol=1e-5, rtol=1e-5)


class TestResizing:
    def test_positions_in_space_keep_their_place_on_a_finer_grid(self, tmp_path):
        state = theirs("divided_space_time").state_dict()
        rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
        state["pos_embed"][0, 0] = 7
        state["pos_embed"][0, 1:, 0] = (rows.flatten() + 0.5) / 4
        state["pos_embed"][0, 1:, 1] = (columns.flatten() + 0.5) / 4
        model = ours(img_size=64)
        load_pretrained(model, saved(tmp_path / "small.pth", state))
        assert model.pos_embed[0, 0].tolist() == [7.0] * 24
        places = model.pos_embed[0, 1:].detach().view(8, 8, 24)
        heights, widths = places[..., 0], places[..., 1]
        centres = (torch.arange(8.0) + 0.5) / 8
        assert (heights - centres[:, None]).abs().max() < 0.05  # rows are 0.125 apart
        assert (widths - centres[None, :]).abs().max() < 0.05
        assert (heights.diff(dim=0) > 0.02).all() and heights.diff(dim=1).abs().max() < 1e-5
        assert (widths.diff(dim=1) > 0.02).all() and widths.diff(dim=0).abs().max() < 1e-5

    def test_positions_in_space_are_torchs_bicubic_in_two_dimensions(self, tmp_path):
        state = theirs("space_only").state_dict()
        model = ours("space_only", img_size=(16, 48))
        load_pretrained(model, saved(tmp_path / "square.pth", state))
        places = state["pos_embed"][:, 1:].view(1, 4, 4, 24).permute(0, 3, 1, 2)
        wanted = torch.nn.functional.interpolate(places, (2, 6), mode="bicubic")
        got = model.pos_embed[:, 1:].detach().view(1, 2, 6, 24).permute(0, 3, 1, 2)
        torch.testing.assert_close(got, wanted)

    def test_positions_in_time_lie_on_a_line_between_their_neighbours(self, tmp_path):
        state = theirs("divided_space_time").state_dict()
        state["time_embed"] = torch.arange(4.0).view(1, 4, 1).expand(1, 4, 24).clone()
        model = ours(num_frames=8)
        load_pretrained(model, saved(tmp_path / "four.pth", state))
        wanted = [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]
        assert model.time_embed[0, :, 0].tolist() == pytest.approx(wanted)


class TestRefused:
    def refuse(self, source: str, words: str) -> None:
        """Loading fails with these words, and the model stays as it was."""
        model = ours()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(CheckpointError, match=words):
            load_pretrained(model, source)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

    def test_missing_file(self, tmp_path):
        self.refuse(str(tmp_path / "none.pth"), r"none\.pth: no such file")

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    def test_cut_file(self, tmp_path, share):
        path = Path(saved(tmp_path / "cut.pth", ours().state_dict()))
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        self.refuse(str(path), r"cut\.pth does not open as a checkpoint .* fetch it again")

    @pytest.mark.parametrize(
        "content",
        [
            b"<html>404</html>",
            b"\x89PNG\r\n\x1a\n" + bytes(64),
            b"PK\x03\x04" + bytes(64),
            b"(" * 20 + b".",
            b"\xd8\x0f",
        ],
        ids=["page", "picture", "archive", "brackets", "bytes"],
    )
    def test_file_of_another_kind(self, tmp_path, content):
        path = tmp_path / "other.pth"
        path.write_bytes(content)
        self.refuse(str(path), "does not open as a checkpoint of weights")

    @pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
    @pytest.mark.parametrize("plain_pickle", [True, False])
    def test_file_with_code_in_it_which_does_not_run(self, tmp_path, plain_pickle):
        path, proof = tmp_path / "foreign.pth", tmp_path / "it-ran"
        if plain_pickle:
            path.write_bytes(pickle.dumps(RunsCode(proof)))
        else:
            saved(path, {"state_dict": ours().state_dict(), "more": RunsCode(proof)})
        self.refuse(str(path), "holds more than tensors")
        assert not proof.exists()

    def test_code_does_not_run_when_torch_is_told_by_default_to_run_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
        proof = tmp_path / "it-ran"
        self.refuse(saved(tmp_path / "foreign.pth", RunsCode(proof)), r"asks for \w+\.mkdir")
        assert not proof.exists()

    @pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)], {"state_dict": {}}])
    def test_file_without_weights(self, tmp_path, content):
        self.refuse(saved(tmp_path / "empty.pth", content), "holds no weights")

    def test_other_width(self, tmp_path):
        state = theirs("divided_space_time", embed_dims=48).state_dict()
        words = (
            r"another size: cls_token \(1×1×48 there, 1×1×24 here\), pos_embed .* \d+ more\. Comp"
        )
        self.refuse(saved(tmp_path / "wide.pth", state), words)

    def test_more_layers_and_fewer(self, tmp_path):
        state = theirs("divided_space_time", num_transformer_layers=3).state_dict()
        self.refuse(saved(tmp_path / "deep.pth", state), r"unknown: transformer_layers\.layers\.2")
        state = theirs("divided_space_time", num_transformer_layers=1).state_dict()
        self.refuse(saved(tmp_path / "flat.pth", state), r"missing: transformer_layers\.layers\.1")

    def test_names_of_another_project(self, tmp_path):
        state = {"conv1.weight": torch.ones(64, 3, 7, 7), "fc.bias": torch.ones(10)}
        words = r"names of another kind of model: conv1\.weight, fc\.bias\. Known are mmaction2's"
        self.refuse(saved(tmp_path / "resnet.pth", state), words)

    def test_positions_of_a_grid_that_is_no_square(self, tmp_path):
        state = ours(img_size=(16, 48)).state_dict()
        self.refuse(saved(tmp_path / "strip.pth", state), "of another size: pos_embed")


class Server:
    """A folder on the loopback interface."""

    def __init__(self, folder: Path):
        class Silent(SimpleHTTPRequestHandler):
            def log_message(self, *args):
                """Say nothing."""

        folder.mkdir()
        self.folder = folder
        handler = partial(Silent, directory=str(folder))
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        serve = partial(self.http.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class TestAddress:
    @pytest.fixture(autouse=True)
    def server(self, tmp_path, monkeypatch) -> Iterator[Server]:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        server = Server(tmp_path / "served")
        yield server
        server.close()

    def test_file_is_fetched_once_and_kept(self, server, tmp_path):
        source = theirs("divided_space_time").state_dict()
        saved(server.folder / "k400.pth", {"state_dict": source})
        address = f"{server.address}/k400.pth"
        assert torch.equal(open_weights(address).tensors["time_embed"], source["time_embed"])
        assert [path.name for path in (tmp_path / "home").rglob("*.pth")] == ["k400.pth"]
        (server.folder / "k400.pth").unlink()
        assert len(open_weights(address).tensors) == len(source)

    def test_code_in_a_fetched_file_does_not_run(self, server, tmp_path):
        proof = tmp_path / "it-ran"
        saved(server.folder / "foreign.pth", {"weight": torch.ones(1), "more": RunsCode(proof)})
        with pytest.raises(CheckpointError, match="holds more than tensors"):
            open_weights(f"{server.address}/foreign.pth")
        assert not proof.exists()

    def test_cut_fetched_file_is_named_where_it_lies(self, server, tmp_path):
        (server.folder / "cut.pth").write_bytes(b"PK\x03\x04cut")
        kept = tmp_path / "home" / "hub" / "checkpoints"
        with pytest.raises(CheckpointError, match=f"first remove it from {kept}"):
            open_weights(f"{server.address}/cut.pth")
        assert (kept / "cut.pth").exists()

    def test_address_without_the_file(self, server):
        with pytest.raises(
            CheckpointError, match=r"cannot be fetched .*404.*name the file instead"
        ):
            open_weights(f"{server.address}/none.pth")

    def test_nobody_at_the_address(self, server):
        server.close()
        with pytest.raises(CheckpointError, match=r"k400\.pth cannot be fetched .*refused"):
            open_weights(f"{server.address}/k400.pth")


class TestCompat:
    def test_checkpoint_with_a_history_of_losses_opens_without_running_code(self, tmp_path):
        hub = MessageHub.get_instance("test_history_opens")
        for value in (0.5, 0.25):
            hub.update_scalar("train/loss", torch.tensor(value))
        hub.update_info("best_score", torch.tensor(0.75).numpy()[()])
        path = saved(tmp_path / "epoch_1.pth", {"message_hub": hub.state_dict()})
        opened = torch.load(path, weights_only=True)["message_hub"]
        history, counts = opened["log_scalars"]["train/loss"].data
        assert history.tolist() == [0.5, 0.25] and counts.tolist() == [1, 1]
        assert opened["runtime_info"]["best_score"] == 0.75
        copy = MessageHub.get_instance("test_history_goes_on")
        copy.load_state_dict(opened)
        copy.update_scalar("train/loss", 0.0)
        assert copy.get_scalar("train/loss").mean(3) == 0.25

    def test_file_with_other_code_is_still_refused(self, tmp_path):
        path = saved(tmp_path / "epoch_1.pth", {"message_hub": RunsCode(tmp_path / "it-ran")})
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            torch.load(path, weights_only=True)
        assert not (tmp_path / "it-ran").exists()

    def test_mmaction_imports_with_its_recognisers_and_without_what_its_wheel_lacks(self):
        import mmaction.models
        from mmaction.models.localizers.drn.drn import DRN

        assert mmaction.models.Recognizer3D is not None
        with pytest.raises(NotImplementedError, match="install mmaction2 from source"):
            DRN()


class TestHeadAndStem:
    def test_scores_are_float32_under_autocast(self):
        head = Float32Head(num_classes=3, in_channels=8, dropout_ratio=0.0)
        features = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            wanted = head(features)
            with torch.autocast("cpu", torch.bfloat16):
                assert head.fc_cls(features).dtype == torch.bfloat16
                scores = head(features)
                rounded = head(features.bfloat16())
        assert scores.dtype == rounded.dtype == torch.float32
        assert torch.equal(scores, wanted)

    def test_stem_makes_one_token_of_each_patch_of_each_frame(self):
        torch.manual_seed(0)
        stem = ConvolutionalStem(patch_size=8, in_channels=3, embed_dims=24).eval()
        for weights in stem.parameters():
            weights.data.abs_()  # so that light only adds, most where it falls
        picture = torch.zeros(1, 3, 2, 16, 24)
        picture[:, :, 1, :8, 16:] = 1  # frame 1, row 0, column 2
        with torch.no_grad():
            tokens = stem(picture)
        assert tokens.shape == (2, 2 * 3, 24)
        differs = (tokens[1] - tokens[0]).abs().sum(1)
        assert differs.argmax() == 2

    @pytest.mark.parametrize("patch_size", [1, 12])
    def test_stem_refuses_patches_that_do_not_halve(self, patch_size):
        with pytest.raises(ValueError, match=f"patch_size {patch_size} .* take 2, 4, 8 or 16"):
            ConvolutionalStem(patch_size, in_channels=3, embed_dims=24)
