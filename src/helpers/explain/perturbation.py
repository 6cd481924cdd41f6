"""Deletion and insertion: does the model need what a map says it looks at?

Petsiuk et al., "RISE" (arXiv 1806.07421), section 4.3, over patches of space and time. Deletion
takes the patches away from the highest of the map on: the sooner the class's probability falls, the
better, so the area under it should be small. Insertion begins without any and puts them back, and
its area should be large. A patch is taken away by showing the frame blurred, by a Gaussian as wide
as a patch: what is small vanishes, while light and colours stay what the model is used to.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms.functional import gaussian_blur

FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the patches that are changed; closer where the highest go, and areas heed that."""

Probabilities = Callable[[Tensor], Tensor]
"""Clips [B, channels, T, height, width] → probabilities [B, classes]."""


def blurred(clips: Tensor, sigma: float) -> Tensor:
    """Every frame blurred by a Gaussian of `sigma` pixels; of the clips' shape."""
    side = 2 * min(round(3 * sigma), (min(clips.shape[-2:]) - 1) // 2) + 1
    frames = clips.transpose(1, 2).flatten(0, 1)  # [B·T, channels, height, width]
    soft = gaussian_blur(frames, [side, side], [sigma, sigma])
    return soft.view_as(clips.transpose(1, 2)).transpose(1, 2)


def ranks(maps: Tensor, seed: int = 0) -> Tensor:
    """Place of each patch in the order from the highest, int64 of the maps' shape [B, t, h, w].

    Equal values stand in a random order: in that of the grid, they would favour its first corner.
    """
    flat = maps.flatten(1)
    generator = torch.Generator().manual_seed(seed)
    shuffle = torch.rand(flat.shape, generator=generator).argsort(1).to(flat.device)
    order = flat.gather(1, shuffle).argsort(dim=1, descending=True, stable=True)
    order = shuffle.gather(1, order)
    places = torch.empty_like(order)
    count = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    return places.scatter(1, order, count).view(maps.shape)


def curves(
    probabilities: Probabilities,
    clip: Tensor,
    baseline: Tensor,
    maps: Tensor,
    target: int,
    fractions: Sequence[float] = FRACTIONS,
    batch: int = 32,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of a class while the patches go, and while they come, for several maps of a clip.

    Args:
        probabilities: of the model.
        clip: [1, channels, T, height, width].
        baseline: of the same shape, what a patch that is taken away is replaced by.
        maps: [methods, t, h, w]; t, h and w divide T, height and width.
        target: the class.
        fractions: shares of the patches that are changed, from 0 to 1.
        batch: changed clips that go through the model at a time.

    Returns:
        deletion and insertion, float [methods, len(fractions)] each.

    Raises:
        ValueError: the fractions do not rise from 0 to 1, or the maps' grid does not fit.
    """
    if fractions[0] != 0 or fractions[-1] != 1 or (np.diff(fractions) <= 0).any():
        raise ValueError(f"fractions {tuple(fractions)} must rise from 0 to 1.")
    if any(side % count for side, count in zip(clip.shape[2:], maps.shape[1:], strict=True)):
        raise ValueError(
            f"Maps {list(maps.shape[1:])} do not divide a clip of {list(clip.shape[2:])}."
        )
    places = ranks(maps)
    total = places[0].numel()
    counts = [round(fraction * total) for fraction in fractions[1:-1]]
    # [methods, fractions, t, h, w]: the patches that are changed
    changed = torch.stack([places < count for count in counts], dim=1)
    masks = torch.cat((changed, ~changed), dim=1).flatten(0, 1)
    found = [probabilities(_mixed(clip, baseline, some))[:, target] for some in masks.split(batch)]
    inner = torch.cat(found).float().view(len(maps), 2, -1)
    ends = probabilities(torch.cat((clip, baseline)))[:, target].float()
    whole, empty = (end.expand(len(maps), 1) for end in ends)
    deletion = torch.cat((whole, inner[:, 0], empty), dim=1)
    insertion = torch.cat((empty, inner[:, 1], whole), dim=1)
    return deletion.cpu().numpy(), insertion.cpu().numpy()


def _mixed(clip: Tensor, baseline: Tensor, gone: Tensor) -> Tensor:
    """The clip with the baseline where patches are gone, bool [n, t, h, w]."""
    gone = interpolate(gone[:, None].to(clip.dtype), size=clip.shape[2:], mode="nearest")
    return clip + (baseline - clip) * gone


def area(curve: np.ndarray, fractions: Sequence[float] = FRACTIONS) -> np.ndarray:
    """Area under curves [..., fractions] by the trapezoidal rule."""
    return np.trapezoid(curve, fractions, axis=-1)
