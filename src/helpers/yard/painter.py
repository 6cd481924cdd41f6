"""The painter: a scene as a camera sees it, drawn face by face, the farthest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from helpers.yard.camera import NEAR, Camera, clip_near
from helpers.yard.crowd import join
from helpers.yard.mesh import Solids
from helpers.yard.order import draw_order, extent

SUBPIXEL = 3
"""Bits behind the point in OpenCV's coordinates."""


@dataclass(frozen=True)
class View:
    """A scene as a camera sees it: T frames, V vertices, F faces, N parts."""

    solids: Solids
    camera: Camera
    pixels: np.ndarray  # [T, V, 2]
    depth: np.ndarray  # [T, V]
    rank: np.ndarray  # [T, N], order of drawing
    facing: np.ndarray  # [T, F], whether a face looks towards the camera

    @cached_property
    def inside(self) -> np.ndarray:
        """Whether a part is in the picture at least in part, per face: bool [T, F]."""
        low, high = extent(self.pixels, self.solids)
        (x0, y0), (x1, y1) = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
        width, height = self.camera.size
        seen = (x1 >= 0) & (y1 >= 0) & (x0 <= width) & (y0 <= height)
        return seen[:, self.solids.face_part]


def view(solids: Solids, camera: Camera) -> View:
    """Project a scene and put its parts in the order of drawing."""
    pixels, depth = camera.project(solids.vertices)
    rank = draw_order(solids, camera.position, pixels, depth)
    return View(solids, camera, pixels, depth, rank, facing(solids, camera))


def flat_view(solids: Solids, camera: Camera) -> View:
    """The same for low things that hide nothing, in any order."""
    pixels, depth = camera.project(solids.vertices)
    rank = np.zeros((len(pixels), len(solids.names)), int)
    return View(solids, camera, pixels, depth, rank, facing(solids, camera))


def view_in_rows(rows: Sequence[Solids], camera: Camera) -> View | None:
    """The same for rows of things, the farthest first; in a row the farther is drawn first.

    What is not in the picture is left out; None where nothing is.
    """
    solids = join(rows)
    pixels, depth = camera.project(solids.vertices)
    low, high = extent(pixels, solids)
    inside = ((high >= 0) & (low <= camera.size)).all(axis=-1)[0]
    if not inside.any():
        return None
    row = np.repeat(np.arange(len(rows)), [len(one.names) for one in rows])[inside]
    solids = solids.pick(inside)
    middle = depth[0, solids.part_vertices].mean(axis=1)
    rank = np.empty((1, len(row)), int)
    rank[0, np.lexsort((-middle, row))] = np.arange(len(row))
    return View(solids, camera, pixels, depth, rank, facing(solids, camera))


def facing(solids: Solids, camera: Camera) -> np.ndarray:
    """Which faces look towards the camera: bool [T, F]."""
    corner = solids.vertices[:, solids.faces[:, 0]]
    return ((camera.position - corner) * solids.normals).sum(axis=-1) > 0


def paint(view: View, frame: int, canvas: np.ndarray, colours: np.ndarray, parts=None) -> None:
    """Draw the parts of a frame on a canvas, the farthest first.

    Args:
        colours: of the faces, [F, channels].
        parts: which to draw, bool [N]; all by default.
    """
    shown = view.facing[frame] & view.inside[frame]
    if parts is not None:
        shown = shown & parts[view.solids.face_part]
    rank = view.rank[frame, view.solids.face_part]
    faces = np.flatnonzero(shown)
    faces = faces[np.argsort(rank[faces], kind="stable")]
    _fill(view, frame, canvas, faces, colours)


def paint_flat(view: View, canvas: np.ndarray, colours: np.ndarray) -> None:
    """Draw low things of one frame that hide nothing.

    What reaches behind the camera is left out: cameras hang high, so it lies below the picture.
    """
    corners, depth = view.pixels[0, view.solids.faces], view.depth[0, view.solids.faces]
    outside = (corners < 0).all(axis=1) | (corners > view.camera.size).all(axis=1)
    shown = view.facing[0] & (depth >= NEAR).all(axis=1) & ~outside.any(axis=1)
    _fill(view, 0, canvas, np.flatnonzero(shown), colours)


def _fill(view: View, frame: int, canvas: np.ndarray, faces: np.ndarray, colours) -> None:
    index = view.solids.faces[faces]
    # OpenCV counts from the middle of the first pixel, the camera from its corner.
    points = np.rint((view.pixels[frame, index] - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    near = (view.depth[frame, index] < NEAR).any(axis=1).tolist()
    for k, (polygon, colour) in enumerate(zip(points, colours[faces].tolist(), strict=True)):
        if near[k]:
            own = view.camera.to_camera(view.solids.vertices[frame, index[k]])
            beyond = view.camera.to_pixels(clip_near(own)) - 0.5
            polygon = np.rint(beyond * (1 << SUBPIXEL)).astype(np.int32)
            if len(polygon) < 3:
                continue
        cv2.fillConvexPoly(canvas, polygon, colour, cv2.LINE_8, SUBPIXEL)
