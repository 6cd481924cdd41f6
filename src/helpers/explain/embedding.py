"""From tokens to the patches of the picture that they were made of.

A linear embedding makes each token of its own patch alone, and a map of tokens is a map of patches.
A convolutional stem looks further: with patches of 8 pixels a token sees 39 pixels along each side,
and its strides put their middle on the upper left corner of its patch. What a token says may stand
in a patch beside. There the embedding is one more matrix to carry the row through, before the first
layer.
"""

import torch
from torch import Tensor

from helpers.explain.perturbation import blurred
from helpers.models.stem import ConvolutionalStem
from helpers.models.transformer import SpaceTimeTransformer


@torch.no_grad()
def embedding_shares(backbone: SpaceTimeTransformer, clips: Tensor) -> Tensor:
    """How much of each token was made by each patch of its frame, in the clip's middle frame.

    By occlusion: one patch after the other is blurred, and the length by which a token changes is
    what it got from that patch. One frame stands for all, whose embedding is the same: each would
    take as many passes through the stem as it has patches.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].

    Returns:
        float32 [B, tokens, patches], rows sum to 1; places row by row. A token that no patch
        changes counts as made of its own.
    """
    _, rows, columns = backbone.grid
    tall, wide = clips.shape[-2] // rows, clips.shape[-1] // columns
    middle = clips.shape[2] // 2
    frames = clips[:, :, middle : middle + 1]  # [B, channels, 1, height, width]
    soft = blurred(frames, wide)
    whole = backbone.patch_embed(frames)
    changes = []
    for row in range(rows):  # the patches of a row at a time
        occluded = frames.repeat(columns, 1, 1, 1, 1)  # [columns·B, ...]
        down = slice(row * tall, (row + 1) * tall)
        for column, some in enumerate(occluded.split(len(clips))):
            along = slice(column * wide, (column + 1) * wide)
            some[..., down, along] = soft[..., down, along]
        tokens = backbone.patch_embed(occluded).float().unflatten(0, (columns, -1))
        changes += (tokens - whole.float()).norm(dim=-1).unbind(0)
    change = torch.stack(changes, dim=-1)
    rounding = 1e-5 * whole.float().norm(dim=-1, keepdim=True)
    change = torch.where(change > rounding, change, 0.0)
    total = change.sum(-1, keepdim=True)
    own = torch.eye(rows * columns, device=clips.device).expand_as(change)
    return torch.where(total > 0, change / total.clamp_min(1e-30), own)


def to_patches(backbone: SpaceTimeTransformer, clips: Tensor, maps: Tensor) -> Tensor:
    """Carry a map of tokens through the embedding to the patches of the picture.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].
        maps: of tokens, [B, T, H, W], at least 0.

    Returns:
        of patches, [B, T, H, W], with the same sum; of a linear embedding the map as it is.
    """
    if not isinstance(backbone.patch_embed, ConvolutionalStem):
        return maps
    shares = embedding_shares(backbone, clips)
    return torch.einsum("btp,bpq->btq", maps.flatten(2), shares).view_as(maps)
