"""Rollout against the full matrix product, a planted signal, and shares inside boxes."""

import numpy as np
import pytest
import torch

from helpers.explain.boxes import cover, share_inside
from helpers.explain.rollout import carry, rollout
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


def tiny(scheme: str, **changes) -> SpaceTimeTransformer:
    torch.manual_seed(0)
    model = SpaceTimeTransformer(**TINY | changes, attention_type=scheme).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


def full_matrix(model: SpaceTimeTransformer, step, weights: torch.Tensor) -> torch.Tensor:
    """One step's matrix over class token and all patches, for one clip, written out in full."""
    frames, rows, columns = model.grid
    count = frames * rows * columns
    places = step.gather(torch.arange(count).view(1, frames, rows, columns, 1))[..., 0]
    mean, matrix = weights.mean(1), torch.zeros(1 + count, 1 + count)
    for group, members in enumerate(places):
        tokens = 1 + members
        if step.class_token:
            tokens = torch.cat((torch.zeros(1, dtype=torch.long), tokens))
        share = torch.ones(len(tokens), 1)
        if step.class_token:
            share[0] = 1 / len(places)  # the class token's rows are averaged over the groups
        matrix[tokens[:, None], tokens[None]] += share * mean[group]
    if not step.class_token:
        matrix[0, 0] = 1
    return (matrix + torch.eye(1 + count)) / 2


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "space_only"])
def test_carried_row_equals_the_row_of_the_full_product(scheme):
    model, clip = tiny(scheme), torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad(), model.explaining() as layers:
        model(clip)
    product = torch.eye(1 + 64)
    for steps in layers:
        for step, weights in zip(model.scheme, steps, strict=True):
            product = full_matrix(model, step, weights) @ product
    expected = product[0, 1:].view(4, 4, 4) / product[0, 1:].sum()
    torch.testing.assert_close(carry(model, layers, 1)[0], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clips_of_a_batch_do_not_mix_and_maps_sum_to_one(scheme):
    model, clips = tiny(scheme), torch.randn(3, 3, 4, 32, 32)
    together = rollout(model, clips)
    assert together.shape == (3, 4, 4, 4)
    torch.testing.assert_close(together.sum((1, 2, 3)), torch.ones(3))
    torch.testing.assert_close(together[1], rollout(model, clips[1:2])[0], atol=1e-6, rtol=1e-4)


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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_bright_patch_of_one_frame_lights_the_map_just_there(scheme):
    model = tiny(scheme)
    seek_brightness(model)
    clip = torch.zeros(1, 3, 4, 32, 32)
    clip[:, :, 2, 8:16, 24:32] = 3.0  # frame 2, row 1, column 3
    lit = rollout(model, clip)[0]
    assert np.unravel_index(int(lit.argmax()), lit.shape) == (2, 1, 3)


def test_two_forward_passes_in_one_record_are_refused():
    model = tiny("divided_space_time")
    with torch.no_grad(), model.explaining() as layers:
        model(torch.randn(1, 3, 4, 32, 32))
        model(torch.randn(1, 3, 4, 32, 32))
    with pytest.raises(ValueError, match="exactly one forward pass"):
        carry(model, layers, 1)


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
