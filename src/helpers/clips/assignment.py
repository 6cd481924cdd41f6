"""Put whole groups into parts so that every part has its fraction of every class."""

import numpy as np

RESTARTS = 8
MOST_FOR_SWAPS = 128
"""Above this many free groups (of three parts; fewer of more) only single moves are tried: then
they do as well."""

ABSENCE = np.array([400.0, 100.0, 200.0])
"""Cost of a class that is absent from train, val, test; every other cost is below."""


def assign_groups(
    counts: np.ndarray,
    fractions: np.ndarray,
    fixed: np.ndarray,
    seed: int,
    absence: np.ndarray = ABSENCE,
) -> np.ndarray:
    """Draw a part for each group.

    Several random orders are filled in greedily, large groups first, then bettered by moves and
    exchanges of groups; the best is taken.

    Args:
        counts: int [G, C], clips of each class in each group.
        fractions: float [P], the parts' shares, above 0.
        fixed: int [G], the part of groups that stay where they are, -1 for free ones.
        seed: of the random orders.
        absence: float [P], cost of a class that a part lacks.

    Returns:
        int array [G], the part of each group.
    """
    free = np.flatnonzero(fixed < 0)
    if not len(free):
        return fixed.copy()
    generator = np.random.default_rng(seed)
    shares = counts / counts.sum(axis=0)  # [G, C], of each class's clips
    best, best_cost = fixed, np.inf
    for _ in range(RESTARTS):
        parts = _greedy(shares, fractions, fixed, free, absence, generator)
        cost = _better(shares, fractions, parts, free, absence)
        if cost < best_cost - 1e-12:
            best, best_cost = parts, cost
    return best


def split_cost(
    totals: np.ndarray, fractions: np.ndarray, absence: np.ndarray = ABSENCE
) -> np.ndarray:
    """Cost of class shares per part, float [..., P, C] → [...].

    Sum over parts and classes of (share - fraction)² / fraction, Pearson's statistic for the clips
    of each class, and `absence` [P] for each class that a part lacks.
    """
    fractions = fractions[:, None]
    pearson = ((totals - fractions) ** 2 / fractions).sum(axis=(-2, -1))
    return pearson + ((totals < 1e-12) * absence[:, None]).sum(axis=(-2, -1))


def _totals(shares: np.ndarray, parts: np.ndarray, n: int) -> np.ndarray:
    """Class shares per part, float [P, C]; groups of part -1 are left out."""
    return np.stack([shares[parts == part].sum(axis=0) for part in range(n)])


def _greedy(shares, fractions, fixed, free, absence, generator) -> np.ndarray:
    """Put each free group where the cost falls most; the random order decides between equals."""
    parts = fixed.copy()
    totals = _totals(shares, parts, len(fractions))
    order = generator.permutation(free)
    order = order[np.argsort(-shares[order].sum(axis=1).round(9), kind="stable")]
    for group in order:
        tried = totals[None] + np.eye(len(fractions))[:, :, None] * shares[group]
        parts[group] = part = int(np.argmin(split_cost(tried, fractions, absence)))
        totals[part] += shares[group]
    return parts


def _better(shares, fractions, parts, free, absence) -> float:
    """Move or exchange free groups, the best change first, until none helps; `parts` is changed."""
    n = len(fractions)
    unit = np.eye(n)
    cost = np.inf
    while True:
        totals = _totals(shares, parts, n)
        now = float(split_cost(totals, fractions, absence))
        if now >= cost - 1e-12:
            return now
        cost = now
        own, here = shares[free], parts[free]
        taken = totals - unit[here][:, :, None] * own[:, None]  # [F, P, C], without the group
        moved = taken[:, None] + unit[:, :, None] * own[:, None, None]
        moved = split_cost(moved, fractions, absence)
        group, part = np.unravel_index(np.argmin(moved), moved.shape)  # of [F, P]
        if len(free) ** 2 * n <= MOST_FOR_SWAPS**2 * 3:
            difference = own[None] - own[:, None]  # [F, F, C], second in for the first
            step = (unit[here][:, None] - unit[here][None])[..., None] * difference[:, :, None]
            swapped = split_cost(totals + step, fractions, absence)
            first, second = np.unravel_index(np.argmin(swapped), swapped.shape)
            if swapped[first, second] < moved[group, part] - 1e-12:
                parts[free[[first, second]]] = parts[free[[second, first]]]
                continue
        parts[free[group]] = part
