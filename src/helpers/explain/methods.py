"""Ways to explain by name: each makes a map of a clip for a class, whatever the network is.

What measures maps (deletion, insertion, pointing, randomised weights) takes any `Explainer`. A
network of another kind brings its own, such as `helpers.explain.grad_cam.grad_cam` of a CNN.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from helpers.explain.embedding import to_patches
from helpers.explain.gradients import Score, input_x_gradient, integrated_gradients
from helpers.explain.perturbation import blurred
from helpers.explain.rollout import (
    by_value_norm,
    class_direction,
    for_the_score_against_the_row,
    gradient_rollout,
    last_layer,
    rollout,
)


class Explainer(Protocol):
    """(model, clips [B, channels, T, height, width], classes int64 [B]) → maps [B, t, h, w].

    The larger a map, the more its place speaks for the class; what is negative speaks against it.
    t, h and w divide T, height and width. The model is in evaluation mode.
    """

    def __call__(self, model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor: ...


def logits(model: nn.Module, clips: Tensor) -> Tensor:
    """Outputs of the head before softmax, float32 [B, classes]; of any recogniser of mmaction2."""
    return model.cls_head(model.backbone(clips)).float()


def scorer(model: nn.Module, classes: Tensor) -> Score:
    """Score of each clip: the class's output over the mean of the others."""

    def score(clips: Tensor) -> Tensor:
        outputs = logits(model, clips)
        return (outputs * class_direction(classes, outputs.shape[1])).sum(1)

    return score


def _last_layer(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    return to_patches(model.backbone, clips, last_layer(model.backbone, clips))


def _rollout(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    return to_patches(model.backbone, clips, rollout(model.backbone, clips))


def _value_rollout(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    return to_patches(model.backbone, clips, rollout(model.backbone, clips, by_value_norm))


def gradient_weighted(
    model: nn.Module, clips: Tensor, classes: Tensor, against: Tensor | None = None
) -> Tensor:
    """Gradient-weighted rollout for a class, set against another or the mean of all others."""
    count = model.cls_head.num_classes
    direction = class_direction(classes, count, against)
    maps = gradient_rollout(model, clips, direction, for_the_score_against_the_row)
    return to_patches(model.backbone, clips, maps)


def _input_x_gradient(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    return input_x_gradient(scorer(model, classes), clips, model.backbone.grid)


def _integrated_gradients(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
    grid = model.backbone.grid
    baseline = blurred(clips, clips.shape[-1] / grid[-1])
    return integrated_gradients(scorer(model, classes), clips, grid, baseline)


METHODS: Mapping[str, Explainer] = {
    "last layer": _last_layer,
    "rollout": _rollout,
    "value rollout": _value_rollout,
    "gradient rollout": gradient_weighted,
    "input × gradient": _input_x_gradient,
    "integrated gradients": _integrated_gradients,
}
"""For a `SpaceTimeTransformer` below an mmaction2 head; maps of tokens are carried to the patches
that a convolutional stem made them of."""

CENTRE, RANDOM = "centre prior", "random order"


def centre_prior(grid: tuple[int, int, int]) -> Tensor:
    """A map that knows nothing but that what matters stands in the middle: [t, h, w], sum 1.

    A Gaussian over the picture, a quarter of each side wide, the same in all frames.
    """
    places = [(torch.arange(side) + 0.5) / side - 0.5 for side in grid[1:]]
    bells = [torch.exp(-(place**2) / (2 * 0.25**2)) for place in places]
    picture = bells[0][:, None] * bells[1][None]
    return picture.expand(grid) / (picture.sum() * grid[0])


def explain(
    explainers: Mapping[str, Explainer], model: nn.Module, clips: Tensor, classes: Tensor
) -> dict[str, Tensor]:
    """Maps of each method, float32 [B, t, h, w].

    Raises:
        ValueError: a method gives maps that are not finite, or of the wrong shape.
    """
    maps = {}
    for name, explainer in explainers.items():
        made = explainer(model, clips, classes).detach().float()
        if made.ndim != 4 or len(made) != len(clips) or not made.isfinite().all():
            raise ValueError(
                f"{name}: maps must be finite [{len(clips)}, t, h, w], got {list(made.shape)}"
                f"{'' if made.isfinite().all() else ' with values that are not finite'}."
            )
        maps[name] = made
    return maps
