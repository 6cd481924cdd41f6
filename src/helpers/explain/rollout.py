"""Where the class token's output comes from, over space and time, for every scheme.

Attention rollout: Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (arXiv
2005.00928), section 3. Half of a layer's output comes through the residual connection, half through
attention (mean of the heads), and layers multiply.
Gradient-weighted rollout: Chefer, Gur and Wolf (arXiv 2103.15679), equations 5 and 6. Weights count
as far as they speak for a class, E_h[(∇A ⊙ A)⁺], and the residual connection is added whole.

Only the class token's row of the product is asked for, so it alone is carried, from the last layer
to the first: vector times matrix, the matrix a few rows at a time (`helpers.explain.layers`).
"""

from collections.abc import Callable

import torch
from einops import rearrange, reduce, repeat
from torch import Tensor, nn

from helpers.explain.layers import Block, StepRecord, layers_backwards
from helpers.models.transformer import SpaceTimeTransformer

Weigh = Callable[[StepRecord, Block], Tensor]
"""Some rows of a step's weights → what counts of them, [groups, queries, tokens]."""


def mean_of_heads(record: StepRecord, block: Block) -> Tensor:
    """Every head alike."""
    return block.weights.mean(1)


def by_value_norm(record: StepRecord, block: Block) -> Tensor:
    """Weights times the length of what they bring, each row scaled to 1.

    Kobayashi et al., "Attention is Not Only a Weight" (arXiv 2004.10102), equation 5, for each
    head: a token that is attended to but says little counts little.
    """
    out = record.attention.out_proj.weight
    heads = record.attention.num_heads
    value = record.values()[block.groups]
    parts = rearrange(out, "c (n d) -> n c d", n=heads)
    gram = parts.transpose(1, 2) @ parts  # |W v|² = vᵀ (Wᵀ W) v, without making W v
    lengths = torch.einsum("gnld,nde,gnle->gnl", value, gram, value).clamp_min(0).sqrt()
    brought = (block.weights * lengths[:, :, None]).mean(1)
    return brought / brought.sum(-1, keepdim=True).clamp_min(1e-12)


def for_the_score(record: StepRecord, block: Block) -> Tensor:
    """E_h[(∇A ⊙ A)⁺]: weights as far as more of them would raise the score."""
    return (block.weights * block.gradient).clamp_min(0).mean(1)


def for_the_score_against_the_row(record: StepRecord, block: Block) -> Tensor:
    """E_h[(A ⊙ (∇A - mean of ∇A in the row))⁺]: weights that speak more than even attention would.

    The weights of a row sum to 1, so more of one is less of the others, and a part of ∇A that is
    the same along a row tells nothing of places: where it is large and positive the whole row
    speaks for the score, where it is negative none of it. It is taken off.
    """
    beyond = block.gradient - block.gradient.mean(-1, keepdim=True)
    return (block.weights * beyond).clamp_min(0).mean(1)


@torch.no_grad()
def rollout(backbone: SpaceTimeTransformer, clips: Tensor, weigh: Weigh = mean_of_heads) -> Tensor:
    """How much of the class token's output comes from each patch.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].
        weigh: what counts of the weights; its rows must sum to 1.

    Returns:
        float32 [B, T, H, W] on the patch grid; each clip's map sums to 1.

    Raises:
        ValueError: the backbone is in training mode.
    """
    row = Row(backbone, clips, shares=True)
    for records in layers_backwards(backbone, clips):
        for record in reversed(records):
            row.through(record, weigh)
    return row.map()


@torch.no_grad()
def gradient_rollout(
    model: nn.Module, clips: Tensor, direction: Tensor, weigh: Weigh = for_the_score
) -> Tensor:
    """How much each patch speaks for a class, or for one class and against others.

    Args:
        model: a recogniser, `backbone` (a `SpaceTimeTransformer`) and `cls_head`, in evaluation
            mode.
        clips: normalised input [B, channels, T, height, width].
        direction: [B, classes], what is asked about: the score is the sum of the head's outputs
            times this. See `class_direction`.
        weigh: what counts of the weights.

    Returns:
        float32 [B, T, H, W] on the patch grid, at least 0; each clip's map sums to 1.

    Raises:
        ValueError: the model is in training mode.
    """
    row = Row(model.backbone, clips, shares=False)
    layers = layers_backwards(
        model.backbone, clips, lambda feature: (model.cls_head(feature) * direction).sum()
    )
    for records in layers:
        for record in reversed(records):
            row.through(record, weigh)
    return row.map()


def class_direction(classes: Tensor, count: int, against: Tensor | None = None) -> Tensor:
    """What to ask about: "why this class", or "why this class and not that".

    Args:
        classes: int64 [B], the class asked about.
        count: number of classes.
        against: int64 [B], the other class; None for the mean of all others, which takes out what
            speaks for every class alike.

    Returns:
        float32 [B, count]: 1 for the class; for what it is set against a negative share, -1 in
        sum. Zero where both are the same class.
    """
    asked = nn.functional.one_hot(classes, count).float()
    if against is None:
        return asked - (1 - asked) / max(count - 1, 1)
    return asked - nn.functional.one_hot(against, count).float()


class Row:
    """The class token's row of the product of all matrices from here to the last layer."""

    def __init__(self, backbone: SpaceTimeTransformer, clips: Tensor, shares: bool) -> None:
        """Begin at the class token behind the last layer.

        Args:
            backbone: whose layers it will go through.
            clips: [B, ...], of which only number and device are taken.
            shares: whether the residual connection takes half of the row, so that it keeps its
                sum; otherwise all is added to it.
        """
        self.grid, self.clips, self.shares = backbone.grid, len(clips), shares
        single = backbone.attention_type == "space_only"  # its frames are clips of their own
        grid = (1, *self.grid[1:]) if single else self.grid
        count = self.clips * self.grid[0] if single else self.clips
        start = self.clips / count
        self.patches = torch.zeros(count, *grid, device=clips.device)  # [B, T, H, W]
        self.class_share = torch.full((count,), start, device=clips.device)  # [B]

    def through(self, record: StepRecord, weigh: Weigh) -> None:
        """Multiply with one step's matrix.

        Each group has a copy of the class token, and the mean of what they make of it goes on. Its
        weights are therefore those of the copies over their number, while gradients of the copies'
        weights already hold that factor.
        """
        step, clips = record.step, len(self.patches)
        row = step.gather(self.patches.unsqueeze(-1)).squeeze(-1)  # [groups, members]
        groups = row.shape[0] // clips
        if step.class_token:
            copies = self.class_share / groups if self.shares else self.class_share
            row = torch.cat((repeat(copies, "b -> (b g) 1", g=groups), row), dim=1)
        brought = torch.zeros_like(row)
        for block in record.blocks():
            matrix = weigh(record, block).float()
            brought[block.groups] += torch.einsum(
                "gq,gqn->gn", row[block.groups, block.queries], matrix
            )
        left = 0.5 if self.shares else 1.0
        class_share = self.class_share
        if step.class_token:
            class_share = class_share + reduce(brought[:, 0], "(b g) -> b", "sum", g=groups)
            brought = brought[:, 1:]
            self.class_share = left * class_share
        brought = step.scatter(brought.unsqueeze(-1), tuple(self.patches.shape[1:])).squeeze(-1)
        self.patches = left * (self.patches + brought)

    def map(self) -> Tensor:
        """The patches' part, [B, T, H, W], each clip's sum 1 (0 where nothing arrived)."""
        maps = self.patches.view(self.clips, *self.grid)
        return maps / maps.sum((1, 2, 3), keepdim=True).clamp_min(1e-30)


@torch.no_grad()
def class_attention(backbone: SpaceTimeTransformer, clips: Tensor) -> Tensor:
    """The class token's own weights in the last step of every layer, head by head.

    In schemes of several steps these are the weights within each of the step's groups, brought
    together: in divided attention those within each frame, so that all frames have about the same
    share; the temporal profile of such a map says little.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].

    Returns:
        float32 [layers, B, heads, T, H, W]; each head's map sums to 1.

    Raises:
        ValueError: the backbone is in training mode.
    """
    frames, rows, columns = backbone.grid
    single = backbone.attention_type == "space_only"
    grid = (1, rows, columns) if single else backbone.grid
    layers = []
    for *_, record in layers_backwards(backbone, clips):
        weights = record.class_rows()[..., 1:].float()  # [groups, heads, members]
        groups = len(weights) // (len(clips) * (frames if single else 1))
        weights = rearrange(weights, "(b g) n m -> (b n g) m 1", g=groups)
        maps = record.step.scatter(weights, grid).squeeze(-1)
        heads = record.attention.num_heads
        if single:
            maps = rearrange(maps, "(b t n) 1 h w -> b n t h w", t=frames, n=heads)
        else:
            maps = rearrange(maps, "(b n) t h w -> b n t h w", n=heads)
        layers.append(maps / maps.sum((2, 3, 4), keepdim=True).clamp_min(1e-30))
    return torch.stack(layers[::-1])


def last_layer(backbone: SpaceTimeTransformer, clips: Tensor) -> Tensor:
    """Mean over the heads of the last layer's `class_attention`: [B, T, H, W], sum 1."""
    return class_attention(backbone, clips)[-1].mean(1)
