"""The layers of a forward pass one at a time, from the last to the first.

Explaining needs each layer's attention, and for a class its gradient, in the order of a backward
pass. Kept for all layers at once they would fill the memory: 96 frames of 224 pixels have 18816
tokens, and a matrix of joint attention as many rows and columns. So only what enters each layer is
kept; a layer is computed a second time when its turn comes (as in gradient checkpointing, Chen et
al., arXiv 1604.06174), and its weights are made a few rows at a time. Memory stays linear in the
number of tokens, for two forward passes and at most one backward pass a clip.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from helpers.models.transformer import SelfAttention, SpaceTimeLayer, SpaceTimeTransformer, Step

MOST = 2**24
"""So many weights are in memory at a time: 64 MiB of float32."""


@dataclass(frozen=True)
class Block:
    """Some rows of a step's weights."""

    groups: slice
    queries: slice
    weights: Tensor  # [groups, heads, queries, tokens], each row sums to 1
    gradient: Tensor | None  # of the score by these weights, same shape


@dataclass(frozen=True)
class StepRecord:
    """One step of one layer, as it was computed; the class token stands first where it joins."""

    step: Step
    attention: SelfAttention
    tokens: Tensor  # [groups, tokens, C], what attention was given
    gradient: Tensor | None = None  # of the score by what the heads mixed, [groups, tokens, C]

    def class_rows(self) -> Tensor:
        """Weights of the class token's own rows, [groups, heads, tokens]."""
        (query,) = self.attention.project(self.tokens[:, :1], 0, 1)
        (key,) = self.attention.project(self.tokens, 1, 2)
        return _weights(query, key)[:, :, 0]

    def values(self) -> Tensor:
        """[groups, heads, tokens, C/heads]."""
        return self.attention.project(self.tokens, 2, 3)[0]

    def blocks(self, most: int = MOST) -> Iterator[Block]:
        """All rows of the weights, at most about `most` numbers at a time."""
        query, key, value = self.attention.project(self.tokens, 0, 3)
        groups, heads, count, _ = query.shape
        mixed = None
        if self.gradient is not None:
            mixed = rearrange(self.gradient, "g l (n d) -> g n l d", n=heads)
        rows = min(count, max(1, most // (heads * count)))
        several = max(1, most // (heads * count * count))
        for first in range(0, groups, several):
            some = slice(first, first + several)
            for start in range(0, count, rows):
                queries = slice(start, start + rows)
                weights = _weights(query[some, :, queries], key[some])
                gradient = None
                if mixed is not None:  # what is mixed is weights @ value
                    gradient = mixed[some, :, queries] @ value[some].transpose(-2, -1)
                yield Block(some, queries, weights, gradient)


def _weights(query: Tensor, key: Tensor) -> Tensor:
    """Equation 5 of arXiv 2102.05095."""
    return ((query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)).softmax(-1)


def layers_backwards(
    backbone: SpaceTimeTransformer,
    clips: Tensor,
    score: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[list[StepRecord]]:
    """The steps of each layer, from the last layer to the first; in a layer in their own order.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].
        score: the clips' features [B, C] → a number; with it the records hold its gradients. It
            must be a sum over clips, so that each clip has the gradient of its own part.

    Raises:
        ValueError: the backbone is in training mode: dropped branches would be explained.
    """
    if backbone.training:
        raise ValueError("Explaining needs the model in evaluation mode: call model.eval() first.")
    layers = list(backbone.transformer_layers.layers)
    entering = []
    with torch.no_grad():
        tokens, class_token = backbone.embed(clips)
        for layer in layers:
            entering.append((tokens, class_token))
            if score is not None or layer is not layers[-1]:
                tokens, class_token = layer(tokens, class_token)
    gradients = None
    if score is not None:
        gradients = torch.zeros_like(tokens), _gradient_of(score, backbone, class_token)
    del tokens, class_token
    while layers:
        records, gradients = _again(layers.pop(), *entering.pop(), gradients)
        yield records


def _gradient_of(
    score: Callable[[Tensor], Tensor], backbone: SpaceTimeTransformer, class_token: Tensor
) -> Tensor:
    """Gradient of the score by the class token behind the last layer."""
    with torch.enable_grad():
        class_token = class_token.detach().requires_grad_()
        feature = backbone.norm(backbone.merge_frames(class_token))[:, 0]
        return torch.autograd.grad(score(feature), class_token)[0]


def _again(
    layer: SpaceTimeLayer,
    tokens: Tensor,
    class_token: Tensor,
    gradients: tuple[Tensor, Tensor] | None,
) -> tuple[list[StepRecord], tuple[Tensor, Tensor] | None]:
    """Compute a layer once more: its records, and the gradients of what enters it."""
    if gradients is None:
        with torch.no_grad(), _watched(layer) as (given, _):
            layer(tokens, class_token)
        return _records(layer, given, [None] * len(given)), None
    with torch.enable_grad(), _watched(layer) as (given, mixed):
        tokens, class_token = (
            tokens.detach().requires_grad_(),
            class_token.detach().requires_grad_(),
        )
        left = layer(tokens, class_token)
        found = torch.autograd.grad(left, [tokens, class_token, *mixed], gradients)
    return _records(layer, given, found[2:]), found[:2]


def _records(layer: SpaceTimeLayer, given: list[Tensor], gradients) -> list[StepRecord]:
    return [
        StepRecord(one.step, one.attn, tokens.detach(), gradient)
        for one, tokens, gradient in zip(layer.attentions, given, gradients, strict=True)
    ]


@contextmanager
def _watched(layer: SpaceTimeLayer) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Note what each step's attention is given and what its heads mix, [groups, tokens, C]."""
    given: list[Tensor] = []
    mixed: list[Tensor] = []
    hooks = []
    for one in layer.attentions:
        hooks.append(one.attn.register_forward_pre_hook(lambda _, args: given.append(args[0])))
        hooks.append(
            one.attn.out_proj.register_forward_pre_hook(lambda _, args: mixed.append(args[0]))
        )
    try:
        yield given, mixed
    finally:
        for hook in hooks:
            hook.remove()
