"""Which part is drawn before which: the painter's algorithm over convex parts."""

import numpy as np

from helpers.yard.mesh import Solids


def draw_order(
    solids: Solids, eye: np.ndarray, pixels: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Rank [T, N] of every part in every frame; parts of a low rank are drawn first.

    Two parts whose pictures overlap are told apart by a plane between them: of two convex solids
    on either side of a plane, the one on the eye's side hides the other (as in Newell, Newell and
    Sancha, 1972). Only where no face gives such a plane do their mean depths decide.

    Args:
        eye: position of the camera [3] (m).
        pixels, depth: projected vertices, [T, V, 2] and [T, V].
    """
    frames, parts = len(pixels), len(solids.names)
    corners = pixels[:, solids.part_vertices]
    low, high = corners.min(axis=2), corners.max(axis=2)
    middle = depth[:, solids.part_vertices].mean(axis=2)
    apart = (low[:, :, None] > high[:, None]) | (low[:, None] > high[:, :, None])
    overlap = ~apart.any(axis=-1) & np.triu(np.ones((parts, parts), bool), 1)
    frame, first, second = np.nonzero(overlap)
    gap_first, eye_first = _gap(solids, eye, frame, first, second)
    gap_second, eye_second = _gap(solids, eye, frame, second, first)
    # Positive on the eye's side: the other part is nearer than the one that owns the plane.
    by_plane = np.where(gap_first >= gap_second, eye_first > 0, eye_second <= 0)
    by_depth = middle[frame, first] > middle[frame, second]
    first_below = np.where(np.maximum(gap_first, gap_second) > -0.02, by_plane, by_depth)
    below = np.where(first_below, first, second)
    above = np.where(first_below, second, first)
    rank = np.empty((frames, parts), int)
    starts = np.searchsorted(frame, np.arange(frames + 1))
    for t in range(frames):
        pairs = slice(starts[t], starts[t + 1])
        order = _sorted(middle[t], below[pairs].tolist(), above[pairs].tolist())
        rank[t, order] = np.arange(parts)
    return rank


def _gap(solids: Solids, eye, frame, owner, other) -> tuple[np.ndarray, np.ndarray]:
    """The widest gap (m) that a face plane of `owner` leaves to `other`, and the eye's distance."""
    faces = solids.part_faces[owner]
    normals = solids.normals[frame[:, None], faces]
    points = solids.vertices[frame[:, None], solids.faces[faces, 0]]
    corners = solids.vertices[frame[:, None], solids.part_vertices[other]]
    level = (normals * points).sum(axis=-1)
    gaps = (normals @ corners.swapaxes(1, 2)).min(axis=-1) - level
    widest = gaps.argmax(axis=1)
    pair = np.arange(len(frame))
    return gaps[pair, widest], (normals @ eye - level)[pair, widest]


def _sorted(depth: np.ndarray, below: list[int], above: list[int]) -> list[int]:
    """Sort parts so that each `below` comes before its `above`, the farthest first otherwise.

    In a ring of parts that hide each other in turn, the farthest one is drawn first.
    """
    waits = [0] * len(depth)
    upon: list[list[int]] = [[] for _ in waits]
    for low, high in zip(below, above, strict=True):
        waits[high] += 1
        upon[low].append(high)
    remaining = np.argsort(-depth, kind="stable").tolist()
    order = []
    while remaining:
        position = next((k for k, part in enumerate(remaining) if waits[part] == 0), 0)
        part = remaining.pop(position)
        order.append(part)
        for high in upon[part]:
            waits[high] -= 1
    return order
