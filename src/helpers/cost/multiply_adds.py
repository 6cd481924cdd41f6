"""Multiply-adds of a forward pass, by formula and by counting the real one.

The "TFLOPs" of the paper (arXiv 2102.05095, tables 2 and 5) are multiply-adds, summed over the
views of a video: its 0.59 for TimeSformer is 3 crops × 195.8 G.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import Step
from helpers.profiles import ModelSize

VIEWS = 3
"""Views of a video in the paper's tests: one clip, three crops (section 4)."""


@dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds of one clip's way through the backbone (one view), by what spends them."""

    patch_embedding: int
    projections: int  # query, key, value, output; and the linear layer that ends an extra step
    attention: int  # the two products, query · key and weights · value
    feed_forward: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.patch_embedding + self.projections + self.attention + self.feed_forward


def multiply_adds(size: ModelSize, scheme: str, **backbone) -> MultiplyAdds:
    """Multiply-adds by formula, from the steps of a scheme.

    A step with g groups of m tokens, the class token counted into each group that it joins, takes
    4·g·m·C² for its projections, g·m·C² more for its own last layer where it has one, and 2·g·m²·C
    for attention. The feed-forward network takes 8·C² a token, the linear embedding of patches
    channels·P²·C a patch; a convolutional stem is counted. Norms, softmax and GELU are no products.
    Of a last layer with `class_token_only`, one token asks in each group of the last step, and one
    goes through the feed-forward network.

    Args:
        size: of the transformer and of the clip.
        scheme: a key of `SCHEMES`.
        backbone: further keywords of `SpaceTimeTransformer`, such as `class_token_in_time`.

    Raises:
        ValueError: see `SpaceTimeTransformer`.
    """
    with torch.device("meta"):
        model = SpaceTimeTransformer(**vars(size), attention_type=scheme, **backbone)
    frames, rows, columns = model.grid
    alone = scheme == "space_only"  # each frame then goes its own way, with its own class token
    clips, grid = (frames, (1, rows, columns)) if alone else (1, model.grid)
    layers = [_layer(model.scheme, grid, size.embed_dims)] * size.num_transformer_layers
    if model.class_token_only:
        layers[-1] = _layer(model.scheme, grid, size.embed_dims, class_token_only=True)
    projections, attention, feed_forward = (clips * sum(part) for part in zip(*layers, strict=True))
    return MultiplyAdds(
        patch_embedding=_patch_embedding(model, size, backbone.get("in_channels", 3)),
        projections=projections,
        attention=attention,
        feed_forward=feed_forward,
    )


def _layer(
    scheme: tuple[Step, ...], grid: tuple[int, int, int], width: int, class_token_only: bool = False
) -> tuple[int, int, int]:
    """What projections, attention and feed-forward network of a layer take."""
    projections = attention = 0
    for step in scheme:
        last = step is scheme[-1]
        groups, members = _division(step, grid)
        members += step.class_token
        asking = 1 if last and class_token_only else members
        own = 0 if last else asking
        projections += groups * (2 * asking + 2 * members + own) * width**2
        attention += 2 * groups * asking * members * width
    tokens = 1 if class_token_only else grid[0] * grid[1] * grid[2] + 1
    return projections, attention, 8 * tokens * width**2


def count_multiply_adds(network: nn.Module, clips: tuple[int, ...]) -> int:
    """Count the multiply-adds of a real forward pass, attention's products included.

    Build the network under `torch.device("meta")`, and nothing is computed or allocated.

    Args:
        network: any; its input is made on its own device.
        clips: shape of the input, such as [1, 3, T, height, width].
    """
    inputs = torch.empty(clips, device=next(network.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(inputs)
    return counter.get_total_flops() // 2  # torch counts a multiply-add as two operations


def network_multiply_adds(network: nn.Module, clips: tuple[int, ...]) -> int:
    """`count_multiply_adds` of a network that is there, without computing anything on its device.

    Args:
        network: any; it stays as it is.
        clips: shape of the input, such as [1, 3, T, height, width].
    """
    return count_multiply_adds(deepcopy(network).to("meta"), clips)


def _division(step: Step, grid: tuple[int, int, int]) -> tuple[int, int]:
    """Groups of a step on a grid of T, H, W tokens, and tokens in each."""
    groups, members, _ = step.gather(torch.empty(1, *grid, 1, device="meta")).shape
    return groups, members


def _patch_embedding(model: SpaceTimeTransformer, size: ModelSize, channels: int) -> int:
    frames, rows, columns = model.grid
    if size.patch_embedding == "convolutional":
        pixels = (frames, rows * size.patch_size, columns * size.patch_size)
        return count_multiply_adds(model.patch_embed, (1, channels, *pixels))
    return frames * rows * columns * channels * size.patch_size**2 * size.embed_dims
