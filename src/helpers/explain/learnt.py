"""What the model has learnt, read from its weights and from where its heads attend."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from helpers.explain.layers import StepRecord, layers_backwards
from helpers.models.transformer import SpaceTimeTransformer


@torch.no_grad()
def position_similarity(backbone: SpaceTimeTransformer) -> dict[str, np.ndarray]:
    """Cosine similarity of the learnt positions with one another.

    Returns:
        "space": [H, W, H, W], of each place with each (figure 7 of arXiv 2010.11929), the class
        token's left out; "time": [T, T]. Those that the model does not have are absent.
    """
    found = {}
    _, rows, columns = backbone.grid
    if hasattr(backbone, "pos_embed"):
        places = normalize(backbone.pos_embed[0, 1:].float(), dim=-1)
        found["space"] = (places @ places.T).view(rows, columns, rows, columns).cpu().numpy()
    if hasattr(backbone, "time_embed"):
        times = normalize(backbone.time_embed[0].float(), dim=-1)
        found["time"] = (times @ times.T).cpu().numpy()
    return found


@torch.no_grad()
def branch_strength(backbone: SpaceTimeTransformer, clips: Tensor) -> pd.DataFrame:
    """Whether the branches that start at zero have come to life.

    Each step but a scheme's last ends in a linear layer (`temporal_fc`) that is zero before
    training: while its norm is zero the step does nothing.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].

    Returns:
        layer (from 1), step, norm (Frobenius, of the layer's weight), share: mean length of what
        the branch adds to a patch token over the length of the token it is added to. No row for a
        scheme of one step.
    """
    lengths: list[float] = []
    hooks, rows = [], []

    def note(module, given, left):
        patches = left[0] - given[0]
        lengths.append(float((patches.norm(dim=-1) / given[0].norm(dim=-1)).mean()))

    for number, layer in enumerate(backbone.transformer_layers.layers, start=1):
        for one in layer.attentions:
            if hasattr(one, "temporal_fc"):
                hooks.append(one.register_forward_hook(note))
                norm = float(one.temporal_fc.weight.norm())
                rows.append({"layer": number, "step": one.step.name, "norm": norm})
    try:
        backbone.tokens(clips)
    finally:
        for hook in hooks:
            hook.remove()
    return pd.DataFrame(rows, columns=["layer", "step", "norm"]).assign(share=lengths)


@torch.no_grad()
def attention_distances(backbone: SpaceTimeTransformer, clips: Tensor) -> pd.DataFrame:
    """How far a patch looks on average, by layer, step and head (figure 7 of arXiv 2010.11929).

    The mean over all pairs of patches of a group, weighted by attention; the class token, which has
    no place, is left out, and what attends to nothing else has no part in the mean.

    Args:
        backbone: in evaluation mode.
        clips: normalised input [B, channels, T, height, width].

    Returns:
        layer (from 1), step, head (from 1), patches and pixels (in the picture), frames (in time);
        `even_patches`, `even_frames`: of attention that is the same everywhere.
    """
    side = clips.shape[-1] // backbone.grid[-1]
    parts = []
    depth = len(backbone.transformer_layers.layers)
    for back, records in enumerate(layers_backwards(backbone, clips)):
        for record in records:
            places = _places(backbone, record, len(clips))
            found, even = _distances(record, places)
            table = pd.DataFrame(found, columns=["patches", "frames"])
            heads = np.arange(1, len(found) + 1)
            parts.append(
                table.assign(
                    layer=depth - back,
                    step=record.step.name,
                    head=heads,
                    even_patches=even[0],
                    even_frames=even[1],
                )
            )
    table = pd.concat(parts[::-1], ignore_index=True)
    table["pixels"] = table["patches"] * side
    names = [step.name for step in backbone.scheme]
    order = table["step"].map(names.index)
    return table.assign(order=order).sort_values(["layer", "order", "head"]).drop(columns="order")


def _places(backbone: SpaceTimeTransformer, record: StepRecord, clips: int) -> Tensor:
    """Frame, row and column of the members of one clip's groups: float [groups, members, 3]."""
    grid = backbone.grid
    if backbone.attention_type == "space_only":
        grid = (1, *grid[1:])
    axes = torch.meshgrid(*(torch.arange(float(side)) for side in grid), indexing="ij")
    return record.step.gather(torch.stack(axes, dim=-1)[None]).to(record.tokens.device)


def _distances(record: StepRecord, places: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance by head, [heads, (patches, frames)], and that of even attention [2]."""
    first = int(record.step.class_token)
    groups, count = record.tokens.shape[0], record.tokens.shape[1]
    total = torch.zeros(record.attention.num_heads, 2, device=record.tokens.device)
    mass = torch.zeros(record.attention.num_heads, device=record.tokens.device)
    even = torch.zeros(2, device=record.tokens.device)
    for block in record.blocks():
        start = max(first, block.queries.start)
        stop = min(count, block.queries.stop)
        if stop <= start:
            continue
        numbers = torch.arange(block.groups.start, min(block.groups.stop, groups)) % len(places)
        members = places[numbers.to(places.device)]  # [g, members, 3]
        asking = members[:, start - first : stop - first]
        apart = (asking[:, :, None] - members[:, None]).abs()  # [g, queries, members, 3]
        lengths = torch.stack((apart[..., 1:].norm(dim=-1), apart[..., 0]), dim=-1)
        weights = block.weights[:, :, start - block.queries.start :, first:].float()
        total += torch.einsum("ghqm,gqmk->hk", weights, lengths)
        mass += weights.sum((0, 2, 3))
        even += lengths.mean(2).sum((0, 1))
    queries = groups * (count - first)
    return (total / mass[:, None]).cpu().numpy(), (even / queries).cpu().numpy()
