"""The backbone against mmaction2's, and against the paper's numbers."""

import pytest
import torch

from helpers import compat  # noqa: F401  # isort: skip  (before anything of mmaction2)
from mmaction.models.backbones import TimeSformer
from mmengine.registry import init_default_scope

from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import SCHEMES

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
    ],
)
def test_sizes_that_do_not_fit_are_named(change, word):
    with pytest.raises(ValueError, match=word):
        SpaceTimeTransformer(**TINY | change)


def test_positional_embeddings_can_be_left_out():
    names = dict(SpaceTimeTransformer(**TINY, positional_embedding="none").named_parameters())
    assert "pos_embed" not in names and "time_embed" not in names
    names = dict(SpaceTimeTransformer(**TINY, positional_embedding="space").named_parameters())
    assert "pos_embed" in names and "time_embed" not in names
