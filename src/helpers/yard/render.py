"""Draw a situation: frames, boxes and how much of the actors can be seen."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from helpers.yard.bystanders import rails, sleepers
from helpers.yard.camera import NEAR, Camera, clip_near
from helpers.yard.ground import paint_ground
from helpers.yard.mesh import Solids, Thing, gather
from helpers.yard.order import draw_order
from helpers.yard.site import Light, Site
from helpers.yard.situation import Situation

FINER = 2
"""The canvas is this many times finer than the picture, so that edges come out smooth."""
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
        corners = self.pixels[:, self.solids.part_vertices]
        seen = (corners.max(axis=2) >= 0) & (corners.min(axis=2) <= self.camera.size)
        return seen.all(axis=-1)[:, self.solids.face_part]


def view(solids: Solids, camera: Camera) -> View:
    """Project a scene and put its parts in the order of drawing."""
    pixels, depth = camera.project(solids.vertices)
    rank = draw_order(solids, camera.position, pixels, depth)
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


def shadow_hulls(
    solids: Solids, light: Light, camera: Camera, frame: int, parts=slice(None)
) -> list[np.ndarray]:
    """Outlines on the canvas of the shadows that parts throw on the ground in a frame."""
    vertices = solids.vertices[frame]
    cast = vertices - light.towards * (vertices[:, 2:] / light.towards[2])
    pixels, depth = camera.project(cast)
    pixels = np.rint(pixels - 0.5).astype(np.int32)
    corners = solids.part_vertices[parts]
    ahead = (depth >= NEAR)[corners].all(axis=1)
    return [cv2.convexHull(points) for points in pixels[corners[ahead]]]


def throw_shadows(lit: np.ndarray, shaded: np.ndarray, hulls: list[np.ndarray]) -> np.ndarray:
    """The lit picture with the shaded one inside the outlines, soft at their edges."""
    mask = np.zeros(lit.shape[:2], np.uint8)
    for hull in hulls:
        cv2.fillConvexPoly(mask, hull, 255)
    picture = lit.copy()
    x, y, width, height = cv2.boundingRect(mask)
    if width:
        part = slice(max(y - 2, 0), y + height + 2), slice(max(x - 2, 0), x + width + 2)
        share = cv2.blur(mask[part], (5, 5))
        half = cv2.addWeighted(lit[part], 0.5, shaded[part], 0.5, 0.0)
        cv2.copyTo(half, cv2.compare(share, 60, cv2.CMP_GT), picture[part])
        cv2.copyTo(shaded[part], cv2.compare(share, 170, cv2.CMP_GT), picture[part])
    return picture


def paint_background(
    site: Site, camera: Camera, beyond: tuple[Thing, ...], around: Solids | None
) -> tuple[np.ndarray, np.ndarray]:
    """All that stands still behind the actors: lit and in shadow, uint8 [height, width, 3]."""
    lit, shaded = paint_ground(site, camera.reduced(FINER))
    lit, shaded = (cv2.resize(one, camera.size) for one in (lit, shaded))
    for y in site.tracks:
        for flat in (
            sleepers(y, -26, 26, site.ground.sleepers),
            rails(y, -60, 60, site.ground.rails),
        ):
            _paint_flat(flat, site, camera, lit, shaded)
    behind = gather(list(beyond), 1) if beyond else None
    for solids in (behind, around):
        if solids is not None:
            lit = throw_shadows(lit, shaded, shadow_hulls(solids, site.light, camera, 0))
    if behind is not None:
        seen = view(behind, camera)
        colours = site.light.shade(behind.colours, behind.normals[0])
        paint(seen, 0, lit, colours)
        paint(seen, 0, shaded, colours)
    return lit, shaded


def _paint_flat(solids: Solids, site: Site, camera: Camera, lit, shaded) -> None:
    """Low things that hide nothing: drawn in any order, also on the shaded ground.

    What reaches behind the camera is left out: cameras hang high, so it lies below the picture.
    """
    pixels, depth = camera.project(solids.vertices)
    flat = View(
        solids, camera, pixels, depth, np.zeros((1, len(solids.names)), int), facing(solids, camera)
    )
    corners, ahead = pixels[0, solids.faces], depth[0, solids.faces] >= NEAR
    outside = (corners < 0).all(axis=1) | (corners > camera.size).all(axis=1)
    shown = flat.facing[0] & ahead.all(axis=1) & ~outside.any(axis=1)
    faces = np.flatnonzero(shown)
    _fill(flat, 0, lit, faces, site.light.shade(solids.colours, solids.normals[0]))
    dark = replace(site.light, direct=0.0)
    _fill(flat, 0, shaded, faces, dark.shade(solids.colours, solids.normals[0]))


def render(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """Draw the frames of a situation: uint8 [T, height, width, 3], RGB.

    Args:
        rng: for the sensor's noise and the shaking of the mast.
    """
    site = situation.site
    frames, (width, height) = situation.frames, situation.camera.size
    sway = site.shake * width / 224 * FINER
    margin = FINER * (int(np.ceil(2 * sway / FINER)) + 1)
    camera = situation.camera.enlarged(FINER, margin)
    still = gather(list(situation.around), 1) if situation.around else None
    lit, shaded = paint_background(site, camera, situation.beyond, still)
    seen = view(situation.solids, camera)
    colours = site.light.shade(seen.solids.colours, seen.solids.normals)
    offsets = np.rint(np.clip(rng.normal(0, sway / 2, (frames, 2)), -margin, margin)).astype(int)
    finish = _Sensor(site, (width, height), rng)
    pictures = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        hulls = shadow_hulls(seen.solids, site.light, camera, t, situation.moving)
        canvas = throw_shadows(lit, shaded, hulls)
        paint(seen, t, canvas, colours[t])
        x, y = margin + offsets[t]
        window = canvas[y : y + height * FINER, x : x + width * FINER]
        pictures[t] = finish(window)
    return pictures


class _Sensor:
    """What lens and sensor make of a canvas: softness, dark corners, noise."""

    def __init__(self, site: Site, size: tuple[int, int], rng: np.random.Generator):
        width, height = size
        self.size, self.rng, self.softness = size, rng, site.softness
        across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        corners = 255 * (1 - site.vignette * (across**2 + down**2) / 2)
        self.corners = np.repeat(corners.astype(np.uint8)[..., None], 3, axis=2)
        grey = rng.standard_normal((height + 40, width + 40), dtype=np.float32)
        channels = [grey[8:, 8:] + 0.4 * grey[k : k - 8, 5 - k : -3 - k] for k in range(3)]
        self.noise = np.rint(site.noise * np.stack(channels, axis=-1)).astype(np.int16)

    def __call__(self, canvas: np.ndarray) -> np.ndarray:
        picture = cv2.resize(canvas, self.size, interpolation=cv2.INTER_AREA)
        picture = cv2.GaussianBlur(picture, (3, 3), self.softness)
        picture = cv2.multiply(picture, self.corners, scale=1 / 255)
        width, height = self.size
        x, y = self.rng.integers(0, 32, 2)
        grain = self.noise[y : y + height, x : x + width]
        return cv2.add(picture, grain, dtype=cv2.CV_8U)
