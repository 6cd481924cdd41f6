"""Rain: streaks in the air, sheen and mirror of the wet ground, drops on the camera's window."""

from dataclasses import replace

import cv2
import numpy as np

from helpers.yard.camera import Camera
from helpers.yard.conditions import Conditions
from helpers.yard.ground import GroundPicture
from helpers.yard.lights import Lighting
from helpers.yard.mesh import Solids

FALL = 7.0
"""Speed of the drops (m/s)."""
STREAKS = {"day": 22.0, "dusk": 26.0, "night": 36.0, "infrared": 80.0}
"""How much brighter (grey levels) the nearest drops are than what is behind them, by light."""
GLOSS = 150.0
"""Exponent of the highlight of a lamp on wet ground (Blinn, SIGGRAPH 1977)."""


def reflectance(camera: Camera, far: np.ndarray) -> np.ndarray:
    """Share of light that water on level ground mirrors to the camera, [height, width].

    Schlick's approximation (Computer Graphics Forum 13, 1994) of Fresnel's equations, water: 0.02.

    Args:
        far: distance of the ground (m).
    """
    steep = np.clip(camera.position[2] / far, 0.0, 1.0).astype(np.float32)
    return np.float32(0.02) + np.float32(0.98) * (1 - steep) ** 5


def sheen(
    picture: np.ndarray, ground: GroundPicture, camera: Camera, lighting: Lighting
) -> np.ndarray:
    """Wet ground: the sky and the lamps in it, on top of its own colours.

    Args:
        picture: of the ground, uint8 [H, W, 3]; `ground` may be coarser.
    """
    mirror = reflectance(camera, ground.far) * (0.25 + 0.75 * ground.water)
    sky = lighting.factor(0.8 * lighting.sky) * 255
    share = np.clip(1.2 * mirror, 0, 0.5)
    added = share[..., None] * np.minimum(sky, 235).astype(np.float32)
    for lamp in lighting.lamps:
        added += _highlight(lamp, ground, camera, lighting)
    size = (picture.shape[1], picture.shape[0])
    left = cv2.resize(cv2.convertScaleAbs(share, alpha=-255, beta=255), size)
    added = cv2.resize(cv2.convertScaleAbs(added), size)
    return cv2.add(cv2.multiply(picture, cv2.merge([left] * 3), scale=1 / 255), added)


def _highlight(lamp, ground: GroundPicture, camera: Camera, lighting: Lighting) -> np.ndarray:
    points = np.stack([ground.x, ground.y, np.zeros_like(ground.x)], axis=-1)
    towards, amount = lamp.at(points)
    eye = camera.position - points
    eye /= np.linalg.norm(eye, axis=-1, keepdims=True)
    half = towards + eye
    upright = half[..., 2] / np.linalg.norm(half, axis=-1)
    shine = upright**GLOSS * (0.25 + ground.water) * np.sqrt(np.maximum(amount, 0))
    colour = np.sqrt(lighting.gain.mean()) * lamp.colour * 130
    return (shine[..., None] * colour).astype(np.float32)


def mirrored(solids: Solids) -> Solids:
    """The same solids upside down below the ground, as still water shows them."""
    flip = np.array([1.0, 1.0, -1.0])
    return replace(solids, vertices=solids.vertices * flip, normals=solids.normals * flip)


class Streaks:
    """Drops that fall past the camera, each seen as a short line."""

    def __init__(self, conditions: Conditions, camera: Camera, rng: np.random.Generator):
        """Args: `camera` of the picture itself."""
        width, height = camera.size
        self.size, self.rng = camera.size, rng
        self.many = int(45 * conditions.rain**0.5 * (width / height) * 0.75)
        bearing = np.radians(conditions.wind_bearing)
        wind = conditions.wind * np.array([np.cos(bearing), np.sin(bearing), 0.0])
        across = float(wind @ camera.axes[0])
        self.slant = np.clip(across / FALL, -0.8, 0.8)
        kind = "infrared" if conditions.infrared else conditions.light
        self.brightness = STREAKS[kind]

    def fall(self, picture: np.ndarray) -> np.ndarray:
        """A picture uint8 [H, W, 3] with the streaks of one frame."""
        width, height = self.size
        near = self.rng.random(self.many) ** 2
        start = self.rng.uniform(-0.1, 1.1, (self.many, 2)) * self.size
        long = height * (0.02 + 0.09 * near)
        way = np.stack([self.slant * long, long], axis=-1)
        light = self.brightness * self.rng.uniform(0.2, 1.0, self.many) * (0.4 + 0.6 * near)
        mask = np.zeros((height, width), np.uint8)
        ends = np.rint(np.stack([start, start + way], axis=1) * 8).astype(np.int32)
        for (first, last), level in zip(ends.tolist(), light.tolist(), strict=True):
            cv2.line(mask, first, last, level, 1, cv2.LINE_AA, 3)
        if height > 200:
            mask = cv2.blur(mask, (2, 3))
        return cv2.add(picture, cv2.merge([mask] * 3))


class Drops:
    """Drops that stick to the window before the lens: blurred patches with the picture in them."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator):
        width, height = size
        self.size = size
        mask = np.zeros((height, width), np.uint8)
        for _ in range(int(rng.integers(2, 6))):
            # Not in the middle, where what the clip is about is to be seen.
            centre = rng.uniform(0.05, 0.95, 2)
            while np.abs(centre - 0.5).max() < 0.3:
                centre = rng.uniform(0.05, 0.95, 2)
            radius = height * rng.uniform(0.02, 0.055)
            axes = (round(radius), round(radius * rng.uniform(1.0, 1.4)))
            middle = (round(centre[0] * width), round(centre[1] * height))
            cv2.ellipse(mask, middle, axes, 0, 0, 360, 255, -1)
        wide = max(height // 80, 1) * 2 + 1
        self.mask = cv2.merge([cv2.blur(mask, (wide, wide))] * 3)
        self.wide = height // 12 * 2 + 1

    def on(self, picture: np.ndarray) -> np.ndarray:
        """A picture uint8 [H, W, 3] seen through the window."""
        blurred = cv2.blur(picture, (self.wide, self.wide))
        blurred = cv2.convertScaleAbs(blurred, alpha=1.08, beta=8)
        kept = cv2.multiply(picture, 255 - self.mask, scale=1 / 255)
        return cv2.add(kept, cv2.multiply(blurred, self.mask, scale=1 / 255))
