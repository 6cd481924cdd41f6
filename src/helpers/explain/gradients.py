"""Maps from the gradient by the pixels, for any network: what attention has to beat.

Written out here, since captum, which has them too, is bound to numpy below 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d

Grid = tuple[int, int, int]
Score = Callable[[Tensor], Tensor]
"""Clips [B, channels, T, height, width] → what is explained of each, [B]."""


def input_x_gradient(score: Score, clips: Tensor, grid: Grid) -> Tensor:
    """Input times gradient (Shrikumar et al., arXiv 1605.01713), summed over each patch.

    Args:
        score: what is explained.
        clips: normalised input, whose 0 is the mean colour.
        grid: frames, rows and columns of patches.

    Returns:
        float32 [B, *grid]; what speaks against is negative.

    Raises:
        ValueError: the grid does not divide the clips.
    """
    return patch_sums(clips * gradient_by_pixels(score, clips), grid)


def integrated_gradients(
    score: Score, clips: Tensor, grid: Grid, baseline: Tensor, steps: int = 8
) -> Tensor:
    """Integrated gradients (Sundararajan et al., arXiv 1703.01365, equation 1), over each patch.

    Each clip's sum is about score(clip) - score(baseline), the nearer the more steps.

    Args:
        score: what is explained.
        clips: normalised input.
        grid: frames, rows and columns of patches.
        baseline: of the clips' shape, what is without content.
        steps: places on the straight way from the baseline, in the middles of equal parts.

    Returns:
        float32 [B, *grid]; what speaks against is negative.

    Raises:
        ValueError: the grid does not divide the clips, or `steps` is below 1.
    """
    if steps < 1:
        raise ValueError(f"steps={steps}: at least 1 gradient is needed.")
    total = torch.zeros_like(clips)
    for step in range(steps):
        part = (step + 0.5) / steps
        total += gradient_by_pixels(score, baseline + part * (clips - baseline))
    return patch_sums((clips - baseline) * total / steps, grid)


def gradient_by_pixels(score: Score, clips: Tensor) -> Tensor:
    """Gradient of each clip's score, of the clips' shape."""
    with torch.enable_grad():
        clips = clips.detach().requires_grad_()
        return torch.autograd.grad(score(clips).sum(), clips)[0]


def patch_sums(values: Tensor, grid: Grid) -> Tensor:
    """Sums over channels and the pixels of each patch: [B, channels, T, H, W] → [B, *grid].

    Raises:
        ValueError: the grid does not divide T, H, W.
    """
    sides = values.shape[2:]
    if any(side % count for side, count in zip(sides, grid, strict=True)):
        raise ValueError(f"A grid of {grid} patches does not divide clips of {tuple(sides)}.")
    kernel = tuple(side // count for side, count in zip(sides, grid, strict=True))
    volume = kernel[0] * kernel[1] * kernel[2]
    return avg_pool3d(values.sum(1, keepdim=True).float(), kernel)[:, 0] * volume
