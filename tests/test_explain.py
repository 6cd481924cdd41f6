"""Maps of attention against full matrix products, planted signals, and shares inside boxes."""

import numpy as np
import pytest
import torch

from helpers.explain import layers
from helpers.explain.boxes import cover, share_inside
from helpers.explain.rollout import (
    by_value_norm,
    class_attention,
    class_direction,
    for_the_score,
    for_the_score_against_the_row,
    gradient_rollout,
    last_layer,
    rollout,
)
from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import SCHEMES

TINY = {
    "num_frames": 4,
    "img_size": 32,
    "patch_size": 8,
    "embed_dims": 24,
    "num_heads": 3,
    "num_transformer_layers": 3,
}


WITH_SWITCH = [(name, False) for name in SCHEMES] + [
    ("divided_space_time", True),
    ("axial", True),
]
"""Every scheme, and those with the class token in time (equation 13)."""


def tiny(scheme: str, **changes) -> SpaceTimeTransformer:
    torch.manual_seed(0)
    model = SpaceTimeTransformer(**TINY | changes, attention_type=scheme).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


class Recogniser(torch.nn.Module):
    """A backbone and a linear head with 3 classes, as mmaction2 has them."""

    def __init__(self, scheme: str, **changes):
        super().__init__()
        self.backbone = tiny(scheme, **changes)
        self.cls_head = torch.nn.Linear(24, 3)
        self.eval()


def full_matrix(model: SpaceTimeTransformer, step, weights: torch.Tensor, mean: bool):
    """One step's weights [groups, tokens, tokens] among class token and all patches of one clip.

    The class token's rows are those of its copies in the groups, their mean or their sum.
    """
    frames, rows, columns = model.grid
    count = frames * rows * columns
    places = step.gather(torch.arange(count).view(1, frames, rows, columns, 1))[..., 0]
    matrix = torch.zeros(1 + count, 1 + count)
    for group, members in enumerate(places):
        tokens = 1 + members
        share = torch.ones(len(tokens), 1)
        if step.class_token:
            tokens = torch.cat((torch.zeros(1, dtype=torch.long), tokens))
            share = torch.ones(len(tokens), 1)
            share[0] = 1 / len(places) if mean else 1
        matrix[tokens[:, None], tokens[None]] += share * weights[group]
    return matrix


def as_patches(row: torch.Tensor, grid: tuple[int, int, int]) -> torch.Tensor:
    return row[1:].view(grid) / row[1:].sum()


def recorded(model, clip, score=None):
    """Per layer and step the weights [groups, heads, tokens, tokens] and their gradients."""
    backbone = model.backbone
    with backbone.explaining() as steps:
        score = (lambda x: x.sum()) if score is None else score
        score(model.cls_head(backbone(clip))).backward()
    return steps


@pytest.mark.parametrize(("scheme", "switch"), WITH_SWITCH)
@pytest.mark.parametrize("most", [2**24, 40])
def test_carried_row_is_that_of_the_full_product(scheme, switch, most, monkeypatch):
    monkeypatch.setattr(layers.StepRecord.blocks, "__defaults__", (most,))
    model, clip = Recogniser(scheme, class_token_in_time=switch), torch.randn(1, 3, 4, 32, 32)
    backbone = model.backbone
    frames = 4 if scheme == "space_only" else 1
    rows = 0
    for frame in range(frames):  # the frames of space only meet at the very end
        product = torch.eye(1 + 64 // frames)
        for steps in recorded(model, clip):
            for step, weights in zip(backbone.scheme, steps, strict=True):
                mean = weights.detach().mean(1)
                if frames > 1:
                    step_matrix = mean[frame]
                else:
                    step_matrix = full_matrix(backbone, step, mean, mean=True)
                    if not step.class_token:
                        step_matrix[0, 0] = 1
                product = (step_matrix + torch.eye(len(product))) / 2 @ product
        rows = (
            rows + torch.nn.functional.pad(product[0, 1:], (16 * frame, 48 - 16 * frame))
            if (frames > 1)
            else product[0, 1:]
        )
    expected = as_patches(torch.nn.functional.pad(rows, (1, 0)), backbone.grid)
    torch.testing.assert_close(rollout(backbone, clip)[0], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("scheme", "switch"), [one for one in WITH_SWITCH if one[0] != "space_only"]
)
@pytest.mark.parametrize("most", [2**24, 40])
@pytest.mark.parametrize("against_the_row", [False, True])
def test_gradient_rollout_is_that_of_the_full_product(
    scheme, switch, most, against_the_row, monkeypatch
):
    monkeypatch.setattr(layers.StepRecord.blocks, "__defaults__", (most,))
    model, clip = Recogniser(scheme, class_token_in_time=switch), torch.randn(1, 3, 4, 32, 32)
    direction = torch.tensor([[1.0, 0.0, -1.0]])
    product = torch.eye(1 + 64)
    for steps in recorded(model, clip, lambda scores: (scores * direction).sum()):
        for step, weights in zip(model.backbone.scheme, steps, strict=True):
            gradient = weights.grad
            if against_the_row:
                gradient = gradient - gradient.mean(-1, keepdim=True)
            speaks = (weights * gradient).detach().clamp_min(0).mean(1)
            product = product + full_matrix(model.backbone, step, speaks, mean=False) @ product
    expected = as_patches(product[0], model.backbone.grid)
    weigh = for_the_score_against_the_row if against_the_row else for_the_score
    found = gradient_rollout(model, clip, direction, weigh)[0]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_gradient_rollout_of_space_only_is_that_of_its_frames():
    model, clip = Recogniser("space_only"), torch.randn(1, 3, 4, 32, 32)
    steps = recorded(model, clip, lambda scores: scores[:, 1].sum())
    rows = []
    for frame in range(4):
        product = torch.eye(17)
        for (weights,) in steps:
            product = product + (weights * weights.grad)[frame].clamp_min(0).mean(0) @ product
        rows.append(product[0, 1:].detach().view(4, 4))
    expected = torch.stack(rows) / torch.stack(rows).sum()
    found = gradient_rollout(model, clip, torch.tensor([[0.0, 1.0, 0.0]]))[0]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clips_of_a_batch_do_not_mix_and_maps_sum_to_one(scheme):
    model, clips = Recogniser(scheme), torch.randn(3, 3, 4, 32, 32)
    asked = class_direction(torch.tensor([0, 1, 2]), 3)
    for together, alone in (
        (rollout(model.backbone, clips), rollout(model.backbone, clips[1:2])),
        (last_layer(model.backbone, clips), last_layer(model.backbone, clips[1:2])),
        (gradient_rollout(model, clips, asked), gradient_rollout(model, clips[1:2], asked[1:2])),
    ):
        assert together.shape == (3, 4, 4, 4)
        torch.testing.assert_close(together.sum((1, 2, 3)), torch.ones(3))
        torch.testing.assert_close(together[1], alone[0], atol=1e-6, rtol=1e-4)


def test_a_model_for_which_only_the_class_token_is_computed_has_the_same_maps():
    clip = torch.randn(1, 3, 4, 32, 32)
    whole, lean = (tiny("divided_space_time", class_token_only=only) for only in (False, True))
    torch.testing.assert_close(rollout(whole, clip), rollout(lean, clip))
    assert lean.class_token_only


def seek_brightness(model: SpaceTimeTransformer) -> None:
    """Make every head look for bright patches: one channel holds brightness, keys read it."""
    for parameter in model.parameters():
        parameter.data.zero_()
    dims = model.norm.weight.shape[0]
    model.patch_embed.projection.weight.data[0] = 1 / 8**2
    model.patch_embed.projection.bias.data[1] = 1.0  # so that dark tokens are not zero
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.data.fill_(1.0)
    for layer in model.transformer_layers.layers:
        for attention in layer.attentions:
            attention.attn.in_proj_bias.data[:dims] = 2.0
            attention.attn.in_proj_weight.data[dims : 2 * dims, 0] = 1.0


METHODS = {
    "rollout": lambda model, clip: rollout(model.backbone, clip),
    "value norm": lambda model, clip: rollout(model.backbone, clip, by_value_norm),
    "last layer": lambda model, clip: last_layer(model.backbone, clip),
    "gradient": lambda model, clip: gradient_rollout(model, clip, torch.tensor([[1.0, 0, 0]])),
    "against the row": lambda model, clip: gradient_rollout(
        model, clip, torch.tensor([[1.0, 0, 0]]), for_the_score_against_the_row
    ),
}


def speak_of_brightness(model: Recogniser) -> None:
    """Make values carry brightness to a channel of its own, which the first class's score reads."""
    seek_brightness(model.backbone)
    for module in model.backbone.modules():
        if hasattr(module, "in_proj_weight"):
            dims = module.in_proj_weight.shape[1]
            module.in_proj_weight.data[2 * dims + 2 :: 8, 0] = 1.0  # values, in every head
            module.out_proj.weight.data[2] = 0.1
    for layer in model.backbone.transformer_layers.layers:
        for attention in layer.attentions:
            if hasattr(attention, "temporal_fc"):
                attention.temporal_fc.weight.data[2, 2] = 1.0
    model.cls_head.weight.data.zero_()
    model.cls_head.weight.data[0, 2] = 1.0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("scheme", "switch"), WITH_SWITCH)
@pytest.mark.parametrize("place", [(2, 1, 3), (0, 3, 0)])
def test_one_bright_patch_of_one_frame_lights_the_map_just_there(scheme, switch, method, place):
    model = Recogniser(scheme, class_token_in_time=switch)
    speak_of_brightness(model)
    clip = torch.zeros(1, 3, 4, 32, 32)
    frame, row, column = place
    clip[:, :, frame, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 3.0
    lit = METHODS[method](model, clip)[0]
    found = np.unravel_index(int(lit.argmax()), lit.shape)
    if (method, scheme) == ("last layer", "axial"):
        assert found[1] == row  # its last step tells rows within each column of each frame
    else:
        assert tuple(map(int, found)) == place


def test_by_value_norm_a_token_that_says_nothing_counts_for_nothing():
    model = tiny("joint_space_time", num_transformer_layers=1)
    (record,) = next(iter(layers.layers_backwards(model, torch.randn(1, 3, 4, 32, 32))))
    (block,) = record.blocks()
    brought = by_value_norm(record, block)
    torch.testing.assert_close(brought.sum(-1), torch.ones(1, 65))
    heads, value = 3, record.values()
    out = record.attention.out_proj.weight
    expected = torch.zeros(65)
    for head in range(heads):
        said = value[0, head] @ out[:, 8 * head : 8 * head + 8].T
        expected += block.weights[0, head, 0] * said.norm(dim=-1)
    torch.testing.assert_close(brought[0, 0], expected / expected.sum())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_class_attention_is_the_recorded_row_of_the_class_token(scheme):
    model, clips = Recogniser(scheme), torch.randn(2, 3, 4, 32, 32)
    maps = class_attention(model.backbone, clips)
    assert maps.shape == (3, 2, 3, 4, 4, 4)
    torch.testing.assert_close(maps.sum((3, 4, 5)), torch.ones(3, 2, 3))
    step, weights = model.backbone.scheme[-1], recorded(model, clips[1:])[1][-1].detach()
    groups = weights[:, 2, 0, 1:].reshape(-1)  # head 2 of layer 1
    count = torch.arange(64).view(1, 4, 4, 4, 1)
    order = step.gather(count)[..., 0].reshape(-1)
    expected = torch.zeros(64)
    expected[order if scheme != "space_only" else torch.arange(64)] = groups
    torch.testing.assert_close(maps[1, 1, 2].reshape(-1), expected / expected.sum())


def test_contrast_asks_for_one_class_and_against_another():
    classes = torch.tensor([0, 2])
    assert class_direction(classes, 3).tolist() == [[1, -0.5, -0.5], [-0.5, -0.5, 1]]
    against = class_direction(classes, 3, torch.tensor([1, 2]))
    assert against.tolist() == [[1, -1, 0], [0, 0, 0]]


def test_why_this_and_not_that_are_two_maps():
    model, clip = Recogniser("divided_space_time"), torch.randn(1, 3, 4, 32, 32)
    maps = [
        gradient_rollout(model, clip, class_direction(torch.tensor([a]), 3, torch.tensor([b])))
        for a, b in ((0, 1), (1, 0))
    ]
    assert (maps[0] - maps[1]).abs().max() > 0.01


def test_a_model_in_training_mode_is_refused():
    model = Recogniser("divided_space_time").train()
    with pytest.raises(ValueError, match=r"call model\.eval\(\) first"):
        rollout(model.backbone, torch.randn(1, 3, 4, 32, 32))


def test_share_inside_of_an_even_map_is_the_boxes_share_of_the_picture():
    boxes = [[(0, 0, 40, 30), None], [(0, 0, 80, 60)]]
    covered = cover(boxes, size=(80, 60), grid=(4, 4))
    assert covered.shape == (2, 4, 4)
    assert covered[0, :2, :2].min() == 1 and covered[0].sum() == 4
    inside, area = share_inside(np.full((2, 4, 4), 1 / 32), covered)
    assert inside == pytest.approx(area) == pytest.approx((0.25 + 1) / 2)


def test_overlapping_boxes_count_once_and_parts_of_patches_count_in_part():
    covered = cover([[(0, 0, 10, 20), (5, 0, 10, 20)]], size=(40, 40), grid=(2, 2))
    assert covered[0].tolist() == [[0.5, 0.0], [0.0, 0.0]]


def test_maps_on_another_grid_or_without_weight_are_refused():
    covered = np.zeros((1, 2, 2))
    with pytest.raises(ValueError, match="different grids"):
        share_inside(np.ones((1, 3, 3)), covered)
    with pytest.raises(ValueError, match="zero everywhere"):
        share_inside(np.zeros((1, 2, 2)), covered)
