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
    low, high = extent(pixels, solids)
    middle = depth[:, solids.part_vertices.T].mean(axis=1)
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


def extent(pixels: np.ndarray, solids: Solids) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest pixels [T, N, 2] of every part, from those of its vertices [T, V, 2]."""
    # The axis that is reduced is not the last one: numpy is several times faster then.
    corners = pixels[:, solids.part_vertices.T]
    return corners.min(axis=1), corners.max(axis=1)


def _gap(solids: Solids, eye, frame, owner, other) -> tuple[np.ndarray, np.ndarray]:
    """The widest gap (m) that a face plane of `owner` leaves to `other`, and the eye's distance."""
    faces = solids.part_faces[owner].T
    # Pairs along the last axis, and one corner at a time: numpy is several times faster then.
    normals = np.moveaxis(solids.normals[frame, faces], -1, 0).astype(np.float32, order="C")
    points = np.moveaxis(solids.vertices[frame, solids.faces[faces, 0]], -1, 0)
    level = _dot(normals, points.astype(np.float32))
    lowest = np.full_like(level, np.inf)
    for corner in solids.part_vertices[other].T:
        place = solids.vertices[frame, corner].T.astype(np.float32, order="C")
        np.minimum(lowest, _dot(normals, place[:, None]), out=lowest)
    gaps = lowest - level
    widest = gaps.argmax(axis=0)
    pair = np.arange(len(frame))
    eye_gap = _dot(normals, np.asarray(eye, np.float32)[:, None, None]) - level
    return gaps[widest, pair], eye_gap[widest, pair]


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Products of vectors along the first axis, of length 3."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


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
