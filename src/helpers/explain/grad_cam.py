"""Grad-CAM of the convolutional networks (Selvaraju et al., arXiv 1610.02391, equations 1 and 2).

An explainer as the measures of faithfulness take them: (model, clips, classes) → maps [B, t, h, w].
"""

import torch
from torch import Tensor, nn

from helpers.explain.rollout import class_direction
from helpers.models import CnnTransformer


def grad_cam(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    """Where the network's last map speaks for a class.

    Each channel of the map weighs as much as its mean gradient of the class's score, over the mean
    of the other classes' as in the other methods; what speaks against is cut off.

    Args:
        model: a recogniser with a `CnnTransformer` as its backbone, in evaluation mode.
        clips: normalised input [B, 3, T, height, width].
        classes: int64 [B].

    Returns:
        float32 [B, t, h, w], at least 0. A network that leaves fewer moments than the clip has
        frames, or one, tells as much of when it looks. Sides divide those of the clips: a map that
        does not is averaged into the next smaller number of places that does.

    Raises:
        TypeError: the model has no such backbone.
    """
    backbone = model.backbone
    if not isinstance(backbone, CnnTransformer):
        raise TypeError(
            f"Grad-CAM needs the map of a CnnTransformer, {type(backbone).__name__} has none: take "
            "rollout for a transformer."
        )
    with torch.no_grad():
        features = backbone.feature_map(clips)
    features = features.detach().requires_grad_()
    with torch.enable_grad():
        outputs = model.cls_head(backbone.read_out(features)).float()
        total = (outputs * class_direction(classes, outputs.shape[1])).sum()
        (gradient,) = torch.autograd.grad(total, features)
    weights = gradient.mean((2, 3, 4), keepdim=True)
    maps = (weights * features.detach()).sum(1).clamp_min(0).float()
    grid = [
        _divisor(places, side) for places, side in zip(maps.shape[1:], clips.shape[2:], strict=True)
    ]
    if list(maps.shape[1:]) != grid:
        maps = nn.functional.adaptive_avg_pool3d(maps[:, None], grid)[:, 0]
    return maps


def _divisor(places: int, side: int) -> int:
    """The largest number up to `places` that divides `side`."""
    return next(n for n in range(min(places, side), 0, -1) if side % n == 0)
