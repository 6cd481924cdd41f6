"""What a query patch sees in each step of a scheme (figure 2 of arXiv 2102.05095).

Nothing here knows the schemes: the patches are numbered, put through the steps that the backbone
computes with, and looked up. What is shown is therefore what is done.
"""

import torch
from torch import Tensor

from helpers.models.transformer import Step

Grid = tuple[int, int, int]
SCHEME_NAMES = {
    "space_only": "space",
    "joint_space_time": "joint",
    "divided_space_time": "divided",
    "sparse_local_global": "local-global",
    "axial": "axial",
}
"""Short names of the keys of `SCHEMES`, for sentences, tables and figures."""


def step_pattern(step: Step, grid: Grid, query: Grid) -> Tensor:
    """Patches that share the query's group in one step, the query among them.

    The class token, which joins the groups of all steps but those over time, is left out: it has
    no place on the grid. What passes through it is told by `reachable`.

    Args:
        step: of a scheme.
        grid: frames T, rows H and columns W of patches.
        query: frame, row and column of the query patch, counted from 0.

    Returns:
        bool [T, H, W].

    Raises:
        ValueError: the query lies outside of the grid, or the step halves a side that is odd.
    """
    _check(step, grid, query)
    numbers = torch.arange(grid[0] * grid[1] * grid[2])
    groups = step.gather(numbers.view(1, *grid, 1)).squeeze(-1)  # [groups, members]
    own = numbers.view(grid)[query]
    members = groups[(groups == own).any(1)]
    return torch.isin(numbers, members).view(grid)


def scheme_patterns(scheme: tuple[Step, ...], grid: Grid, query: Grid) -> dict[str, Tensor]:
    """`step_pattern` of each step of a scheme, by the step's name, in the order of the steps."""
    return {step.name: step_pattern(step, grid, query) for step in scheme}


def reachable(scheme: tuple[Step, ...], grid: Grid, query: Grid, class_token: bool) -> Tensor:
    """Patches that the query's token depends on behind one layer: all steps, one after the other.

    Each step adds to a token what its group holds, and the group's tokens hold what the steps
    before have put there: divided attention reaches the whole clip in one layer, since each patch
    of the query's frame has looked along time before. So do the paper's other schemes but that of
    space only, on frames of at least 4 × 4 patches.

    The class token is one more way: the groups of a step each have a copy of it, and the mean of
    what they make of it enters the next step. Two steps that it joins carry every patch of the
    clip to every other. What it brings into the layer from layers before is not counted.

    Args:
        scheme: a value of `SCHEMES`, or another tuple of steps.
        grid: frames T, rows H and columns W of patches.
        query: frame, row and column of the query patch, counted from 0.
        class_token: count the ways through the class token too.

    Returns:
        bool [T, H, W], the query among them.

    Raises:
        ValueError: as `step_pattern`.
    """
    seen = torch.zeros(grid, dtype=torch.bool)
    seen[query] = True
    from_class_token = False  # whether what is sought depends on the class token at this depth
    for step in reversed(scheme):
        before = seen.clone()
        for place in seen.nonzero().tolist():
            before |= step_pattern(step, grid, tuple(place))
        if class_token and step.class_token:
            if from_class_token:
                before[:] = True  # its mean over the groups holds all of their members
            from_class_token = True
        seen = before
    return seen


def _check(step: Step, grid: Grid, query: Grid) -> None:
    if not all(0 <= place < side for place, side in zip(query, grid, strict=True)):
        raise ValueError(
            f"Query {query} (frame, row, column) lies outside of the grid {grid}: count from 0."
        )
    for axis, half, side in zip("thw", "fij", grid, strict=True):
        if half in step.grid and side % 2:
            raise ValueError(
                f"Step {step.name} halves axis {axis} of the grid {grid}: make {side} even."
            )
