"""CNNs with a transformer encoder: shapes, what is trained, weights of other origins, Grad-CAM."""

import copy
import pickle

import pytest
import torch
from mmaction.registry import MODELS
from torch import nn
from torchvision.models import resnet18
from torchvision.models.video import r2plus1d_18, r3d_18

from helpers.explain.grad_cam import grad_cam
from helpers.models import CnnTransformer, Float32Head
from helpers.models.checkpoints import CheckpointError
from helpers.models.cnn_weights import PUBLISHED, address_of, load_cnn
from helpers.models.networks import NETWORKS, stock_config
from helpers.models.short_sides import mind_short_sides


def make(network="resnet18", frames=3, side=32, **keywords):
    torch.manual_seed(0)
    model = CnnTransformer(network, frames, side, width=0.125, **keywords)
    model.init_weights()
    return model


def clips(frames=3, side=32, count=2):
    return torch.randn(count, 3, frames, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def encoded():
    """One layer over all places of three frames, with effect."""
    model = make(side=64, encoder_layers=1, encoder_heads=4, pool=None)
    for parameter in model.encoder.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.3)
    nn.init.normal_(model.time_embed)
    return model.eval()


class TestShapes:
    @pytest.mark.parametrize(("network", "frames"), [(n, 8) for n in NETWORKS] + [("r3d_18", 3)])
    def test_a_clip_becomes_a_feature_of_the_networks_width(self, network, frames):
        model = make(network, frames, encoder_layers=1, encoder_heads=2).eval()
        with torch.no_grad():
            assert model(clips(frames)).shape == (2, NETWORKS[network].channels(0.125))
            assert list(model.feature_map(clips(frames)).shape[2:]) == model.map

    @pytest.mark.parametrize(("pool", "places"), [(1, 1), (2, 4), (4, 16), (None, 16), (9, 16)])
    def test_pooling_decides_how_much_of_the_map_reaches_the_encoder(self, pool, places):
        model = make(side=128, encoder_layers=1, encoder_heads=4, pool=pool)
        assert model.grid[1] * model.grid[2] == places
        assert model.tokens_of(torch.zeros(1, 64, 3, 4, 4)).shape == (1, 3 * places, 64)

    def test_pooling_averages_places_of_a_frame(self):
        model = make(side=128, encoder_layers=1, positional_embedding="none", pool=2)
        features = torch.randn(1, 64, 3, 4, 4)
        token = model.tokens_of(features)[0, 4]  # of the second frame, above left
        torch.testing.assert_close(token, features[0, :, 1, :2, :2].mean((1, 2)))

    def test_without_an_encoder_the_feature_is_the_mean_of_the_map(self):
        model = make().eval()
        features = model.feature_map(clips())
        torch.testing.assert_close(model(clips()), features.mean((2, 3, 4)))

    @pytest.mark.parametrize("network", NETWORKS)
    def test_the_stem_has_its_share_of_the_channels_too(self, network):
        narrow, whole = (NETWORKS[network].build(width) for width in (0.125, 1.0))
        stems = [
            next(m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d | nn.Conv3d))
            for model in (narrow, whole)
        ]
        assert stems[0] == round(stems[1] / 8)

    def test_a_width_of_ones_own(self):
        assert make(encoder_layers=1, encoder_heads=3, embed_dims=24)(clips()).shape == (2, 24)


class TestEncoder:
    def test_the_order_of_frames_counts_with_positions_in_time_alone(self, encoded):
        def difference(model):
            return (model(clips(side=64)) - model(clips(side=64).flip(2))).abs().max()

        with torch.no_grad():
            assert difference(encoded) > 1e-3
            nn.init.zeros_(encoded.time_embed)
            assert difference(encoded) < 1e-5

    def test_positions_are_those_that_are_asked_for(self):
        none = make(encoder_layers=1, positional_embedding="none")
        space = make(encoder_layers=1, positional_embedding="space")
        assert not hasattr(none, "pos_embed") and not hasattr(none, "time_embed")
        assert hasattr(space, "pos_embed") and not hasattr(space, "time_embed")

    def test_mean_has_no_class_token(self):
        model = make(encoder_layers=1, readout="mean").eval()
        assert not hasattr(model, "cls_token")
        assert model(clips()).shape == (2, 64)


class TestSingleFrames:
    @pytest.mark.parametrize("network", NETWORKS)
    def test_what_learnt_single_frames_does_the_same_to_a_still_clip(self, network):
        of_frames, of_clips = make(network, 1).eval(), make(network, 8).eval()
        of_clips.load_state_dict(of_frames.state_dict())
        frame = clips(1)
        with torch.no_grad():
            still = of_clips(frame.expand(-1, -1, 8, -1, -1))
            torch.testing.assert_close(of_frames(frame), still)

    def test_kernels_over_time_begin_with_their_middle_and_may_learn_the_rest(self):
        of_frames, of_clips = make("r3d_18", 1), make("r3d_18", 8)
        of_clips.load_state_dict(of_frames.state_dict())
        kernel = of_clips.cnn.layer1[0].conv1[0].weight
        assert not kernel[:, :, [0, 2]].any() and kernel[:, :, 1].all()
        of_clips(clips(8)).square().sum().backward()
        assert kernel.grad[:, :, [0, 2]].any()


class TestDrawn:
    @pytest.mark.parametrize("network", ["i3d_r50", "slowfast_r50"])
    def test_residual_blocks_of_mmaction2s_networks_begin_as_their_shortcut(self, network):
        blocks = [m for m in make(network, 8).cnn.modules() if hasattr(m, "conv3")]
        assert blocks and all(block.conv3.bn.weight.eq(0).all() for block in blocks)


class TestTrained:
    @pytest.mark.parametrize(("trained", "stages"), [("none", set()), ("last_stage", {"layer4"})])
    def test_the_rest_gets_no_gradient_and_keeps_its_statistics(self, trained, stages):
        model = make(encoder_layers=1, trained=trained).train()
        before = {k: v.clone() for k, v in model.cnn.state_dict().items() if "running" in k}
        model(clips()).square().sum().backward()
        after = model.cnn.state_dict()
        moved = {name.split(".")[0] for name in before if not after[name].equal(before[name])}
        learns = {n.split(".")[0] for n, p in model.cnn.named_parameters() if p.grad is not None}
        assert moved == learns == stages
        assert model.cls_token.grad is not None


class TestShortSides:
    """Gradients in bfloat16 of kernels longer than the map, as in late layers of few frames."""

    @pytest.mark.parametrize(
        ("conv", "sides"),
        [
            (nn.Conv3d(64, 64, 3, padding=1, bias=False), (2, 8, 8)),
            (nn.Conv3d(32, 32, (3, 1, 1), padding=(1, 0, 0), bias=False), (2, 16, 16)),
            (nn.Conv3d(32, 32, (5, 1, 1), padding=(2, 0, 0), bias=False), (4, 8, 8)),
            (nn.Conv3d(3, 64, (5, 7, 7), 2, (2, 3, 3), bias=False), (4, 32, 32)),
            (nn.Conv2d(64, 64, 3, 2, padding=1, bias=False), (1, 1)),
            (nn.Conv3d(32, 32, 3, padding=1, bias=False), (4, 8, 8)),  # long enough
        ],
        ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else "",
    )
    def test_gradients_are_those_of_float32(self, conv, sides):
        torch.manual_seed(0)
        map_ = torch.randn(4, conv.in_channels, *sides)
        weights = []
        for precise in (True, False):
            network = nn.Sequential(conv)
            if not precise:
                mind_short_sides(network)
            with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
                out = network(map_)
            upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
            (gradient,) = torch.autograd.grad(out, conv.weight, upstream.to(out.dtype))
            weights.append(gradient)
        right, ours = weights
        assert (right - ours).abs().max() < 0.03 * right.abs().max()

    @pytest.mark.parametrize("frames", [1, 8])
    @pytest.mark.parametrize("network", [name for name in NETWORKS if name != "resnet18"])
    def test_no_network_convolves_a_map_shorter_than_the_kernel(self, network, frames, monkeypatch):
        model, short, seen = make(network, frames), [], []
        convolve = nn.functional.conv3d

        def note(maps, weight, bias, stride, padding, *settings):
            sides = zip(maps.shape[2:], weight.shape[2:], strict=True)
            seen.append(tuple(maps.shape))
            short.extend(side < kernel for side, kernel in sides)
            return convolve(maps, weight, bias, stride, padding, *settings)

        monkeypatch.setattr(nn.functional, "conv3d", note)
        model(clips(frames))
        assert seen and not any(short)
        if frames == 1:  # of a single frame no moment is computed twice
            assert {sides[2] for sides in seen} == {1}

    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("kernel", [(3, 3, 3), (5, 1, 1), (3, 7, 7)])
    def test_of_a_single_moment_the_middle_of_the_kernel_is_all_that_counts(self, kernel, stride):
        torch.manual_seed(0)
        conv = nn.Conv3d(4, 6, kernel, stride, [side // 2 for side in kernel])
        maps = torch.randn(2, 4, 1, 5, 5)
        right = conv(maps)
        mind_short_sides(nn.Sequential(conv))
        assert torch.allclose(conv(maps), right, atol=1e-5)
        conv(maps).sum().backward()
        learns = conv.weight.grad.abs().amax((0, 1, 3, 4)) > 0
        assert learns.tolist() == [place == kernel[0] // 2 for place in range(kernel[0])]

    @pytest.mark.parametrize(
        "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
    )
    def test_copies_mind_them_too(self, copied):
        conv = copied(make("r3d_18", 1)).cnn.stem[0]
        assert conv._conv_forward.args[0] is conv


class TestErrors:
    @pytest.mark.parametrize(
        ("keywords", "words"),
        [
            ({"network": "vgg"}, "network 'vgg' .*resnet18"),
            ({"trained": "half"}, "trained 'half' .*last_stage"),
            ({"encoder_layers": 1, "encoder_heads": 7}, "encoder_heads 7 .*64 channels"),
            ({"pool": 0}, "pool=0"),
            ({"network": "i3d_r50", "frames": 2}, "num_frames=2.*i3d_r50.*larger"),
        ],
    )
    def test_what_does_not_fit_is_named(self, keywords, words):
        with pytest.raises(ValueError, match=words):
            make(**keywords)


class TestStock:
    """The same as the networks' makers, on the same weights."""

    @pytest.mark.parametrize(
        ("network", "build"),
        [("resnet18", resnet18), ("r3d_18", r3d_18), ("r2plus1d_18", r2plus1d_18)],
    )
    def test_weights_in_torchvisions_names_give_torchvisions_features(
        self, network, build, tmp_path
    ):
        torch.manual_seed(3)
        theirs = build().eval()
        torch.save(theirs.state_dict(), tmp_path / "torchvision.pth")
        ours = CnnTransformer(network, 3, 32).eval()
        loaded = load_cnn(ours, tmp_path / "torchvision.pth")
        theirs.fc = nn.Identity()
        with torch.no_grad():
            if network == "resnet18":
                expected = theirs(clips().transpose(1, 2).flatten(0, 1)).unflatten(0, (2, 3))
                expected = expected.mean(1)
            else:
                expected = theirs(clips())
            torch.testing.assert_close(ours(clips()), expected)
        assert loaded.fresh == () and loaded.left_out == ("cnn.fc.weight", "cnn.fc.bias")

    @pytest.mark.parametrize(
        ("network", "config"),
        [
            ("i3d_r50", "i3d/i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb"),
            ("slowfast_r50", "slowfast/slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb"),
        ],
    )
    def test_mmaction2s_checkpoint_gives_its_recognisers_scores(self, network, config, tmp_path):
        torch.manual_seed(3)
        settings = stock_config(config).model
        settings.backbone.update(pretrained=None)
        settings.backbone.pop("pretrained2d", None)
        theirs = MODELS.build({**settings, "_scope_": "mmaction"}).eval()
        torch.save({"state_dict": theirs.state_dict(), "meta": {}}, tmp_path / "zoo.pth")
        ours = CnnTransformer(network, 8, 32).eval()
        load_cnn(ours, tmp_path / "zoo.pth")
        head = Float32Head(400, ours.channels)
        head.fc_cls.load_state_dict(theirs.cls_head.fc_cls.state_dict())
        with torch.no_grad():
            expected = theirs.cls_head(theirs.backbone(clips(8)))
            torch.testing.assert_close(head(ours(clips(8))), expected, rtol=1e-4, atol=1e-4)


class TestWeights:
    def test_published_names_an_address_of_the_networks_makers(self):
        assert address_of("resnet18", PUBLISHED).startswith("https://download.pytorch.org/")
        assert address_of("i3d_r50", PUBLISHED).startswith("https://download.openmmlab.com/")
        assert address_of("resnet18", "own.pth") == "own.pth"

    def test_without_a_network_the_remedy_is_named(self, monkeypatch, tmp_path):
        def offline(*_, **__):
            raise OSError("no route to host")

        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
        with pytest.raises(CheckpointError, match=r"resnet18.*no route to host.*name the file"):
            load_cnn(make(), PUBLISHED)

    def test_a_file_of_another_network_is_refused_and_changes_nothing(self, tmp_path):
        model = make("r3d_18")
        before = model.cnn.layer1[0].conv1[0].weight.clone()
        torch.save({"state_dict": make().state_dict()}, tmp_path / "other.pth")
        with pytest.raises(CheckpointError, match=r"is not of r3d_18.*has nothing for cnn"):
            load_cnn(model, tmp_path / "other.pth")
        assert model.cnn.layer1[0].conv1[0].weight.equal(before)

    def test_an_own_training_brings_its_encoder_and_times_are_resized(self, tmp_path):
        one = make(frames=3, encoder_layers=1)
        one.time_embed.data[0] = torch.arange(3.0)[:, None]
        state = {f"backbone.{name}": value for name, value in one.state_dict().items()}
        torch.save({"state_dict": state | {"cls_head.fc_cls.bias": torch.ones(4)}}, tmp_path / "o")
        other = make(frames=6, encoder_layers=1)
        nn.init.normal_(other.encoder[0].linear1.weight)
        loaded = load_cnn(other, tmp_path / "o")
        assert other.encoder[0].linear1.weight.equal(one.encoder[0].linear1.weight)
        assert other.time_embed[0, :, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2]
        assert loaded.left_out == ("cls_head.fc_cls.bias",)


class TestGradCam:
    class Recogniser(nn.Module):
        """A backbone whose map is the clip, and a head that likes its first channel."""

        def __init__(self):
            super().__init__()
            self.backbone = make(frames=4, side=8, network="r3d_18")
            self.backbone.feature_map = lambda clips: clips
            self.cls_head = nn.Linear(3, 2, bias=False)
            self.cls_head.weight.data = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]])
            self.backbone.grid = (4, 8, 8)

    def test_it_is_the_channel_that_speaks_for_the_class_where_it_is_positive(self):
        model, inputs = self.Recogniser().eval(), clips(4, 8)
        maps = grad_cam(model, inputs, torch.tensor([0, 1]))
        weight = 2 / (4 * 8 * 8)  # of the first channel: 1 - (-1), shared by all places
        torch.testing.assert_close(maps[0], weight * inputs[0, 0].clamp_min(0))
        torch.testing.assert_close(maps[1], weight * (-inputs[1, 0]).clamp_min(0))

    @pytest.mark.parametrize("network", ["resnet18", "r3d_18", "slowfast_r50"])
    def test_sides_of_the_map_divide_those_of_the_clip(self, network):
        model = nn.Module()
        model.backbone = make(network, 6 if network != "slowfast_r50" else 8, 48)
        model.cls_head = Float32Head(3, model.backbone.channels)
        model.cls_head.init_weights()
        model.eval()
        inputs = clips(model.backbone.num_frames, 48)
        maps = grad_cam(model, inputs, torch.tensor([0, 2]))
        assert all(side % n == 0 for side, n in zip(inputs.shape[2:], maps.shape[1:], strict=True))
        assert maps.min() >= 0 and maps.isfinite().all()

    def test_a_transformer_is_refused(self):
        model = nn.Module()
        model.backbone = nn.Linear(1, 1)
        with pytest.raises(TypeError, match=r"Linear has none: take rollout"):
            grad_cam(model, clips(), torch.tensor([0, 0]))
