"""How many frames still train within the memory of a GPU."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.cost.memory import GB, predict_memory
from helpers.cost.network import ATTENTIONS
from helpers.models.transformer import SCHEMES
from helpers.profiles import ModelSize

BUDGETS = (16, 24, 80, 141)
"""Memory of GPUs in GB: V100 or T4, RTX 4090 or L4, A100 or H100, H200."""


def most_frames(
    size: ModelSize,
    scheme: str,
    budget: float,
    attention: str = "fused",
    precision: str = "float32",
    batch_size: int = 1,
    multiple: int = 2,
    **backbone,
) -> int:
    """The largest number of frames that a training step is predicted to have room for.

    Args:
        size: of the transformer and of the clip; its frames do not matter.
        scheme: a key of `SCHEMES`.
        budget: memory of the GPU in GB (10⁹ bytes).
        attention: see `build_network`.
        precision: see `predict_memory`.
        batch_size: clips in a batch.
        multiple: frames are a multiple of this one; even ones for sparse_local_global.
        backbone: further keywords of `SpaceTimeTransformer`.

    Returns:
        The frames, or 0 where not even `multiple` fit.

    Raises:
        ValueError: the budget or `multiple` is not positive; or see `predict_memory`.
    """
    if budget <= 0 or multiple < 1:
        raise ValueError(f"budget {budget} GB, multiple {multiple}: both have to be positive.")

    def peak(count: int) -> int:
        clip = replace(size, num_frames=count * multiple)
        return predict_memory(clip, scheme, attention, precision, batch_size, **backbone).peak

    return multiple * _largest(peak, budget * GB)


def _largest(cost: Callable[[int], int], budget: float) -> int:
    """The largest count whose cost is within budget; 0 if that of 1 is not. Costs grow.

    Memory grows with frames nearly as a polynomial of degree two, so one through the three counts
    that lie nearest to the budget finds the next to try; halving sees to it that the search ends.
    """
    known = {0: 0}
    within, beyond, guess = 0, None, 4
    while beyond is None or beyond - within > 1:
        known[guess] = cost(guess)
        if known[guess] <= budget:
            within = guess
        else:
            beyond = guess
        if beyond is not None and not 3 < len(known) < 9:
            guess = (within + beyond) // 2
        else:
            most = 8 * guess if beyond is None else beyond - 1
            guess = max(within + 1, min(_solve(known, budget), most))
    return within


def _solve(known: dict[int, int], budget: float) -> int:
    """Where a parabola through the counts that lie nearest to the budget meets it."""
    nearest = sorted((abs(cost - budget), count) for count, cost in known.items() if count)[:3]
    counts = [count for _, count in nearest]
    if len(counts) < 3:
        return 2 * max(counts)
    terms = np.polyfit(counts, [known[count] - budget for count in counts], 2)
    roots = [root.real for root in np.roots(terms) if abs(root.imag) < 1e-9 and root.real > 0]
    return int(min(roots, default=0, key=lambda root: abs(root - counts[0])))


def limits_table(
    size: ModelSize,
    budgets: Iterable[float] = BUDGETS,
    img_sizes: Iterable[int] = (224, 448),
    schemes: Iterable[str] = tuple(SCHEMES),
    attentions: Iterable[str] = ATTENTIONS,
    precision: str = "float32",
    batch_size: int = 1,
    **backbone,
) -> pd.DataFrame:
    """`most_frames` of every combination.

    Returns:
        Columns scheme, attention, precision, batch_size, img_size (pixels), budget_gb, frames.
    """
    budgets, img_sizes, attentions = list(budgets), list(img_sizes), list(attentions)
    rows = [
        {
            "scheme": scheme,
            "attention": attention,
            "precision": precision,
            "batch_size": batch_size,
            "img_size": img_size,
            "budget_gb": budget,
            "frames": most_frames(
                replace(size, img_size=img_size),
                *(scheme, budget, attention, precision, batch_size),
                **backbone,
            ),
        }
        for scheme in schemes
        for attention in attentions
        for img_size in img_sizes
        for budget in budgets
    ]
    return pd.DataFrame(rows)
