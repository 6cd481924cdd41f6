"""Attention rollout over space and time, for every scheme of the backbone.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (arXiv 2005.00928), section 3: half
of a layer's output comes through the residual connection, half through attention, and layers
multiply. Only the class token's row of the product is asked for, so it alone is carried, from the
last layer to the first: memory stays linear in the number of tokens.
"""

import torch
from einops import rearrange, repeat
from torch import Tensor

from helpers.models.transformer import SpaceTimeTransformer, Step


@torch.no_grad()
def rollout(backbone: SpaceTimeTransformer, clips: Tensor) -> Tensor:
    """How much of the class token's output comes from each patch.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].

    Returns:
        float32 [B, T, H, W] on the patch grid; each clip's map sums to 1.
    """
    with backbone.explaining() as layers:
        backbone(clips)
    return carry(backbone, layers, clips.shape[0])


def carry(backbone: SpaceTimeTransformer, layers: list[list[Tensor]], clips: int) -> Tensor:
    """Carry the class token's row through recorded weights, from the last layer to the first.

    Args:
        backbone: that recorded them.
        layers: from `backbone.explaining()`, after one forward pass.
        clips: how many went through it.

    Returns:
        float32 [clips, T, H, W], each clip's map sums to 1.

    Raises:
        ValueError: the records are not those of one forward pass.
    """
    if any(len(steps) != len(backbone.scheme) for steps in layers):
        raise ValueError("Record exactly one forward pass inside `explaining()`.")
    frames, rows, columns = backbone.grid
    single = backbone.attention_type == "space_only"  # its frames are clips of their own
    grid = (1, rows, columns) if single else backbone.grid
    count = clips * frames if single else clips
    device = layers[0][0].device
    patches = torch.zeros(count, *grid, device=device)
    class_share = torch.full((count,), 1 / frames if single else 1.0, device=device)
    for steps in reversed(layers):
        for step, weights in zip(reversed(backbone.scheme), reversed(steps), strict=True):
            patches, class_share = _through(step, weights, patches, class_share)
    maps = patches.view(clips, *backbone.grid)
    return maps / maps.sum((1, 2, 3), keepdim=True)


def _through(step: Step, weights: Tensor, patches: Tensor, class_share: Tensor):
    """Multiply the row (`class_share` [B], `patches` [B, T, H, W]) with one step's matrix.

    The step's matrix is (weights, mean of heads, + identity) / 2. Each group has a copy of the
    class token, and the mean of what they make of it goes on: each carries an equal share.
    """
    mean = weights.float().mean(1)
    clips, *grid = patches.shape
    row = step.gather(patches.unsqueeze(-1)).squeeze(-1)
    groups = row.shape[0] // clips
    if step.class_token:
        copies = repeat(class_share / groups, "b -> (b g) 1", g=groups)
        row = torch.cat((copies, row), dim=1)
    row = (row + torch.einsum("gi,gij->gj", row, mean)) / 2
    if step.class_token:
        class_share = rearrange(row[:, 0], "(b g) -> b g", g=groups).sum(1)
        row = row[:, 1:]
    return step.scatter(row.unsqueeze(-1), tuple(grid)).squeeze(-1), class_share
