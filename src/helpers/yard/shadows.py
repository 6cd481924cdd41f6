"""Shadows on the ground: thrown by sun and lamps, and those that lie under things on any day."""

from dataclasses import dataclass

import cv2
import numpy as np

from helpers.yard.camera import NEAR, Camera
from helpers.yard.lights import Lamp
from helpers.yard.mesh import Solids

RAISED = 1.2
"""Parts whose lowest point is higher (m) take no light from the ground below them."""


@dataclass(frozen=True)
class Outlines:
    """Corners on a canvas of the flat pictures of N parts in T frames."""

    corners: np.ndarray  # int32 [T, N, K, 2]
    seen: np.ndarray  # bool [T, N]

    def hulls(self, frame: int) -> list[np.ndarray]:
        """Convex outlines [·, 1, 2] of the parts to be seen in a frame."""
        return [cv2.convexHull(points) for points in self.corners[frame, self.seen[frame]]]


def shadow_outlines(
    solids: Solids, source: np.ndarray | Lamp, camera: Camera, parts=slice(None)
) -> Outlines:
    """Outlines of the shadows that parts throw on the ground.

    Args:
        source: the direction to the sun [3], or a lamp.
        parts: which of them, bool [N]; all by default.
    """
    vertices = solids.vertices
    if isinstance(source, Lamp):
        # What is as high as the lamp itself throws its shadow far, but not to infinity.
        below = np.maximum(source.position[..., 2:] - vertices[..., 2:], 0.35)
        cast = vertices + (vertices - source.position) * (vertices[..., 2:] / below)
    else:
        cast = vertices - source * (vertices[..., 2:] / source[2])
    return _outlines(cast, solids.part_vertices[parts], camera)


def _outlines(points: np.ndarray, corners: np.ndarray, camera: Camera) -> Outlines:
    """Outlines of points [T, V, 3] put down on the ground, per row of `corners` [N, K]."""
    pixels, depth = camera.project(points * np.array([1.0, 1.0, 0.0]))
    pixels = np.rint(pixels - 0.5).astype(np.int32)
    found = pixels[:, corners.T]
    low, high = found.min(axis=1), found.max(axis=1)
    width, height = camera.size
    seen = (high >= 0).all(axis=-1) & (low[..., 0] <= width) & (low[..., 1] <= height)
    return Outlines(
        np.ascontiguousarray(pixels[:, corners]), seen & (depth[:, corners.T].min(axis=1) >= NEAR)
    )


def throw_shadows(
    lit: np.ndarray, shaded: np.ndarray, hulls: list[np.ndarray], onto: np.ndarray | None = None
) -> np.ndarray:
    """The lit picture with the shaded one inside the outlines, soft at their edges.

    Args:
        onto: a picture that is drawn on, and that other shadows lie on already; where given, the
            darker of it and this shadow counts. By default a copy of `lit`.
    """
    picture = lit.copy() if onto is None else onto
    mask = np.zeros(lit.shape[:2], np.uint8)
    for hull in hulls:
        cv2.fillConvexPoly(mask, hull, 255)
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return picture
    part = slice(max(y - 2, 0), y + height + 2), slice(max(x - 2, 0), x + width + 2)
    share = cv2.blur(mask[part], (5, 5))
    half = cv2.addWeighted(lit[part], 0.5, shaded[part], 0.5, 0.0)
    dark = shaded[part]
    if onto is not None:
        half, dark = cv2.min(half, picture[part]), cv2.min(dark, picture[part])
    cv2.copyTo(half, cv2.compare(share, 60, cv2.CMP_GT), picture[part])
    cv2.copyTo(dark, cv2.compare(share, 170, cv2.CMP_GT), picture[part])
    return picture


def in_shadow(
    points: np.ndarray, solids: Solids, source: np.ndarray | Lamp, parts: np.ndarray
) -> np.ndarray:
    """Which points are in the shadow of a scene's parts: bool [T, P].

    A ray to the light meets a convex part if it enters the last of its faces before it leaves the
    first (Cyrus and Beck, Computers & Graphics 3, 1978).

    Args:
        points: [T, P, 3] (m).
        source: the direction to the sun [3], or a lamp.
        parts: which throw the shadow, bool [N].
    """
    far = not isinstance(source, Lamp)
    way = np.broadcast_to(source, points.shape) if far else source.position - points
    faces = solids.part_faces[parts]
    normals = solids.normals[:, faces]
    corner = solids.vertices[:, solids.faces[faces, 0]]
    level = (normals * corner).sum(axis=-1)[:, None]
    towards = np.einsum("tnfk,tpk->tpnf", normals, way)
    room = level - np.einsum("tnfk,tpk->tpnf", normals, points)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = room / towards
    enter = np.where(towards < 0, reach, -np.inf).max(axis=-1)
    leave = np.where(towards > 0, reach, np.inf).min(axis=-1)
    beside = ((towards == 0) & (room < 0)).any(axis=-1)
    # A lamp is one such way off, the sun endlessly many.
    return ((enter < leave) & (leave > 0) & ~beside & (far | (enter < 1))).any(axis=-1)


class Occlusion:
    """The dark that lies under and about what stands on the ground: there it sees less sky."""

    def __init__(self, solids: Solids, camera: Camera, parts=slice(None)):
        """Args: `parts` says which, bool [N]; all by default."""
        corners = solids.part_vertices[parts]
        lowest = solids.vertices[:, corners.T, 2].min(axis=1)
        self.weight = 255 * np.clip(1 - lowest / RAISED, 0, 1)
        self.camera = camera.reduced(2)
        self.outlines = _outlines(solids.vertices, corners, self.camera)
        # Some decimetres to either side, at the distance of the camera's axis.
        away = np.linalg.norm(camera.position)
        self.wide = max(round(0.35 * self.camera.focal / away), 2)

    def darken(self, picture: np.ndarray, frame: int, amount: float) -> None:
        """Darken a picture of the camera's size, in place.

        Args:
            amount: share of the light that is lost right under a thing.
        """
        mask = np.zeros(self.camera.size[::-1], np.uint8)
        weight, corners = self.weight[frame], self.outlines.corners[frame]
        # The darkest comes last.
        for part in np.argsort(weight * self.outlines.seen[frame]).tolist():
            if weight[part] > 0 and self.outlines.seen[frame, part]:
                cv2.fillConvexPoly(mask, cv2.convexHull(corners[part]), weight[part])
        x, y, width, height = cv2.boundingRect(mask)
        if not width:
            return
        wide = self.wide
        part = (
            slice(max(y - wide, 0), y + height + wide),
            slice(max(x - wide, 0), x + width + wide),
        )
        soft = cv2.blur(cv2.blur(mask[part], (wide, wide)), (wide, wide))
        left = cv2.convertScaleAbs(soft, alpha=-amount, beta=255)
        target = picture[tuple(slice(2 * one.start, 2 * one.stop) for one in part)]
        left = cv2.resize(left, target.shape[1::-1])
        cv2.multiply(target, cv2.merge([left] * 3), dst=target, scale=1 / 255)
