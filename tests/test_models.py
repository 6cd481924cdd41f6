"""The backbone against mmaction2's, and against the paper's numbers."""

from pathlib import Path

import pytest
import torch

from helpers import compat  # noqa: F401  # isort: skip  (before anything of mmaction2)
import mmaction
from mmaction.models.backbones import TimeSformer
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import SCHEMES, DropPath

init_default_scope("mmaction")  # mmaction2 finds its layers by it

TINY = {
    "num_frames": 4,
    "img_size": 32,
    "patch_size": 8,
    "embed_dims": 24,
    "num_heads": 3,
    "num_transformer_layers": 2,
}
SHARED = ("space_only", "joint_space_time", "divided_space_time")


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """Weights that are nowhere zero, so that no branch can hide."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return model.eval()


def clips(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, 4, 32, 32, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("scheme", SHARED)
def test_outputs_agree_with_mmaction2_for_the_same_weights(scheme):
    theirs = randomised(TimeSformer(**TINY, attention_type=scheme))
    ours = SpaceTimeTransformer(**TINY, attention_type=scheme).eval()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(ours(clips()), theirs(clips()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_recorded_weights_sum_to_one_and_leave_the_output_as_it_is(scheme):
    model = randomised(SpaceTimeTransformer(**TINY, attention_type=scheme))
    with torch.no_grad():
        fused = model(clips())
        with model.explaining() as layers:
            open_output = model(clips())
    torch.testing.assert_close(open_output, fused, atol=1e-5, rtol=1e-5)
    assert [len(steps) for steps in layers] == [len(SCHEMES[scheme])] * 2
    for steps in layers:
        for weights in steps:
            torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    with torch.no_grad():
        model(clips())
    assert len(layers[0]) == len(SCHEMES[scheme]), "nothing is recorded behind the block"


def test_gradients_of_recorded_weights_are_kept():
    model = randomised(SpaceTimeTransformer(**TINY))
    with model.explaining() as layers:
        feature = model(clips())
    feature[:, 0].sum().backward()
    for weights in (weights for steps in layers for weights in steps):
        assert weights.grad.shape == weights.shape
    time, space = layers[-1]
    assert space.grad[:, :, 0].any(), "the class token's row decides its feature"
    assert not space.grad[:, :, 1:].any(), "behind the last step nobody reads the patches"
    assert not time.grad.isnan().any() and time.grad.any()


def test_only_the_chosen_layers_are_recorded():
    model = randomised(SpaceTimeTransformer(**TINY))
    with torch.no_grad(), model.explaining(layers=[1]) as layers:
        model(clips())
    assert [len(steps) for steps in layers] == [0, 2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_checkpointing_changes_memory_and_no_gradient(scheme):
    kept, saved = {}, {}
    for switch in (False, True):
        model = randomised(
            SpaceTimeTransformer(**TINY, attention_type=scheme, gradient_checkpointing=switch)
        ).train()
        torch.manual_seed(0)  # drop path drops the same clips, also when computed again
        kept[switch] = 0

        def count(tensor, switch=switch):
            kept[switch] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss = model(clips()).square().sum()
        loss.backward()
        saved[switch] = {name: value.grad for name, value in model.named_parameters()}
    assert kept[True] < kept[False] / 2
    for name, gradient in saved[False].items():
        torch.testing.assert_close(saved[True][name], gradient, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_class_token_alone_has_the_same_feature_and_gradients(scheme, checkpointing):
    keywords = TINY | {"attention_type": scheme, "drop_path_rate": 0.0}
    whole = randomised(SpaceTimeTransformer(**keywords)).train()
    lean = SpaceTimeTransformer(
        **keywords, class_token_only=True, gradient_checkpointing=checkpointing
    ).train()
    lean.load_state_dict(whole.state_dict())
    features = {model: model(clips()) for model in (whole, lean)}
    torch.testing.assert_close(features[lean], features[whole], atol=1e-5, rtol=1e-5)
    for feature in features.values():
        feature.square().sum().backward()
    expected = dict(whole.named_parameters())
    for name, parameter in lean.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, atol=1e-4, rtol=1e-4)


def test_patch_tokens_are_whole_though_the_class_token_alone_is_asked_for():
    whole = randomised(SpaceTimeTransformer(**TINY))
    lean = SpaceTimeTransformer(**TINY, class_token_only=True).eval()
    lean.load_state_dict(whole.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(lean.tokens(clips()), whole.tokens(clips()))
        with lean.explaining() as layers:
            lean(clips())
    assert [weights.shape[-2] for weights in layers[-1]] == [4, 17]
    assert lean.class_token_only, "explaining leaves the switch as it was"


def test_recording_works_while_checkpointing_is_on():
    model = randomised(SpaceTimeTransformer(**TINY, gradient_checkpointing=True)).train()
    with model.explaining() as layers:
        model(clips()).sum().backward()
    assert [len(steps) for steps in layers] == [2, 2]
    assert layers[0][0].grad is not None


def test_drop_path_rises_linearly_to_its_rate():
    model = SpaceTimeTransformer(**TINY | {"num_transformer_layers": 5}, drop_path_rate=0.2)
    rates = [layer.ffns[0].drop_path.rate for layer in model.transformer_layers.layers]
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])


def test_drop_path_drops_whole_clips_and_keeps_the_mean():
    torch.manual_seed(0)
    branch = DropPath(0.25).train()(torch.ones(4000 * 3, 2), clips=4000).view(4000, 3, 2)
    assert branch.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (branch == branch[:, :1, :1]).all()
    assert branch.mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("scheme", ["divided_space_time", "axial"])
def test_class_token_takes_part_in_time_when_asked(scheme):
    """Equation 13: the class token is a key of every temporal group, and learns from the groups."""
    model = randomised(
        SpaceTimeTransformer(**TINY, attention_type=scheme, class_token_in_time=True)
    )
    with torch.no_grad(), model.explaining() as layers:
        model(clips())
    assert layers[0][0].shape == (2 * 16, 3, 5, 5), "four frames and the class token"
    released = randomised(SpaceTimeTransformer(**TINY, attention_type=scheme))
    released.load_state_dict(model.state_dict())
    with torch.no_grad(), released.explaining() as layers:
        released(clips())
        assert layers[0][0].shape == (2 * 16, 3, 4, 4)
        assert not torch.allclose(model(clips()), released(clips()), atol=1e-3)


def test_one_temporal_group_with_class_token_is_equation_13():
    model = randomised(SpaceTimeTransformer(**TINY, class_token_in_time=True))
    attention = model.transformer_layers.layers[0].attentions[0]
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randn(1, 4, 4, 4, 24, generator=generator)
    class_token = torch.randn(1, 1, 24, generator=generator)
    with torch.no_grad():
        got, _ = attention(tokens, class_token)
        sequence = attention.norm(torch.cat((class_token[0], tokens[0, :, 2, 1]))).unsqueeze(0)
        theirs = torch.nn.MultiheadAttention(24, 3, batch_first=True)
        theirs.load_state_dict(attention.attn.state_dict())
        wanted = tokens[0, :, 2, 1] + attention.temporal_fc(
            theirs(sequence, sequence, sequence)[0][0, 1:]
        )
    torch.testing.assert_close(got[0, :, 2, 1], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["divST", "jointST", "spaceOnly"])
def test_configs_of_mmaction2_build_with_nothing_but_the_type_changed(name):
    folder = Path(mmaction.__file__).parent / ".mim/configs/recognition/timesformer"
    config = Config.fromfile(folder / f"timesformer_{name}_8xb8-8x32x1-15e_kinetics400-rgb.py")
    with torch.device("meta"):
        theirs = MODELS.build(config.model)
        config.model.backbone.type = "SpaceTimeTransformer"
        ours = MODELS.build(config.model)
    assert isinstance(ours.backbone, SpaceTimeTransformer)
    shapes = [{n: v.shape for n, v in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scatter_is_the_inverse_of_gather(scheme):
    tokens = torch.arange(2 * 4 * 6 * 8).view(2, 4, 6, 8, 1)
    for step in SCHEMES[scheme]:
        gathered = step.gather(tokens)
        assert torch.equal(step.scatter(gathered, (4, 6, 8)), tokens)


def test_steps_put_the_right_tokens_together():
    from helpers.models.transformer import GLOBAL, LOCAL, SPACE, TIME

    frames, rows, columns = torch.meshgrid(
        torch.arange(4), torch.arange(6), torch.arange(8), indexing="ij"
    )
    grid = torch.stack((frames, rows, columns), -1)[None]
    assert (TIME.gather(grid)[..., 1:] == TIME.gather(grid)[:, :1, 1:]).all()
    assert (SPACE.gather(grid)[..., 0] == SPACE.gather(grid)[:, :1, 0]).all()
    first_window = LOCAL.gather(grid)[0]
    assert first_window.shape[0] == 4 * 3 * 4
    assert first_window.amax(0).tolist() == [3, 2, 3]
    assert (GLOBAL.gather(grid)[0] % 2 == 0).all()


# Millions of parameters with a head for 174 classes: table 1 of the paper, to one more digit.
PARAMETERS = {
    "space_only": 85.93,
    "joint_space_time": 85.94,
    "divided_space_time": 121.39,
    "sparse_local_global": 121.39,
    "axial": 156.85,
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_parameter_counts_are_those_of_the_paper(scheme):
    with torch.device("meta"):
        model = SpaceTimeTransformer(8, 224, 16, attention_type=scheme)
        head = torch.nn.Linear(768, 174)
    count = sum(p.numel() for module in (model, head) for p in module.parameters())
    assert round(count / 1e6, 2) == PARAMETERS[scheme]


def test_extra_steps_start_without_effect():
    model = SpaceTimeTransformer(**TINY)
    model.init_weights()
    layer = model.transformer_layers.layers[0]
    assert not layer.attentions[0].temporal_fc.weight.any()
    assert layer.attentions[1].attn.in_proj_weight.std() > 0.01


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"attention_type": "sparse"}, "attention_type 'sparse'"),
        ({"positional_embedding": "time"}, "positional_embedding 'time'"),
        ({"img_size": 36}, "36×36"),
        ({"num_heads": 5}, "num_heads 5"),
        ({"attention_type": "sparse_local_global", "num_frames": 3}, "make each even"),
        ({"attention_type": "axial", "transformer_layers": {"type": "x"}}, "transformer_layers"),
        ({"norm_cfg": {"type": "BN"}}, "norm_cfg type 'BN'"),
        ({"attention_type": "joint_space_time", "class_token_in_time": True}, "no step over time"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change, word):
    with pytest.raises(ValueError, match=word):
        SpaceTimeTransformer(**TINY | change)


def test_positions_in_time_start_at_zero_or_on_a_line_as_asked():
    model = SpaceTimeTransformer(**TINY)
    model.init_weights()
    assert not model.time_embed.any()
    model = SpaceTimeTransformer(**TINY, time_embed_std=0.5)
    torch.manual_seed(0)
    model.init_weights()
    frames = model.time_embed[0].detach()
    torch.testing.assert_close(frames.diff(dim=0)[0], frames.diff(dim=0)[2])
    torch.testing.assert_close(frames.sum(0), torch.zeros(24), atol=1e-6, rtol=0)
    assert frames.square().mean().sqrt().item() == pytest.approx(0.5, rel=0.3)


def test_positional_embeddings_can_be_left_out():
    names = dict(SpaceTimeTransformer(**TINY, positional_embedding="none").named_parameters())
    assert "pos_embed" not in names and "time_embed" not in names
    names = dict(SpaceTimeTransformer(**TINY, positional_embedding="space").named_parameters())
    assert "pos_embed" in names and "time_embed" not in names
