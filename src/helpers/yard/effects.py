"""What moves with the actors on the ground: the pool of a work light, the picture in wet ground."""

from dataclasses import replace

import cv2
import numpy as np

from helpers.yard.backdrop import Backdrop
from helpers.yard.camera import Camera
from helpers.yard.lights import GAMMA, Lamp, Lighting
from helpers.yard.painter import View, facing, paint
from helpers.yard.rain import mirrored, reflectance
from helpers.yard.shadows import Outlines


class Pool:
    """The light that the excavator's lamp throws on the ground, which slews with it."""

    def __init__(
        self,
        backdrop: Backdrop,
        lighting: Lighting,
        lamp: Lamp,
        shadows: Outlines,
        camera: Camera,
    ):
        """Args: `lighting` is the light without the lamp; `shadows` are those that it throws."""
        self.shadows = shadows
        x, y = (
            cv2.resize(one, None, fx=0.25, fy=0.25)
            for one in (backdrop.ground.x, backdrop.ground.y)
        )
        self.points = np.stack([x, y, np.zeros_like(x)], axis=-1)
        level = np.array([0.0, 0.0, 1.0])
        self.before = lighting.irradiance(self.points, level).mean(axis=-1)
        self.lamp, self.size = lamp, camera.size

    def shine(self, t: int, pictures: list[np.ndarray]) -> list[np.ndarray]:
        """Pictures with the light of frame `t` added."""
        lamp = replace(self.lamp, position=self.lamp.position[t, 0], aim=self.lamp.aim[t, 0])
        towards, amount = lamp.at(self.points)
        more = np.clip(amount * towards[..., 2] / self.before, 0, 60)
        factor = ((1 + more) ** (1 / GAMMA)).astype(np.float32)
        large = cv2.merge([cv2.resize(factor, self.size)] * 3)
        return [cv2.multiply(picture, large, dtype=cv2.CV_8U) for picture in pictures]


class Mirror:
    """The actors in the wet ground: faint, upside down, drawn out by the ripples."""

    def __init__(self, seen: View, colours: np.ndarray, backdrop: Backdrop, finer: int):
        """Args: `colours` [T, F, ·] of the actors; the canvas is `finer` than the backdrop."""
        camera = seen.camera.reduced(finer)
        turned = mirrored(seen.solids)
        pixels, depth = camera.project(turned.vertices)
        self.seen = View(turned, camera, pixels, depth, seen.rank, facing(turned, camera))
        self.colours, self.finer = colours, finer
        ground = backdrop.ground
        share = reflectance(camera, ground.far) * (0.25 + 0.75 * ground.water)
        self.share = np.clip(2.0 * share + 0.05, 0, 0.6).astype(np.float32)

    def show(self, t: int, canvas: np.ndarray) -> None:
        """Lay the picture in the wet ground of frame `t` over a canvas, in place."""
        width, height = self.seen.camera.size
        layer = np.zeros((height, width, 4), np.uint8)
        paint(self.seen, t, layer, self.colours[t])
        x, y, wide, high = cv2.boundingRect(layer[..., 3])
        if not wide:
            return
        part = slice(y, y + high), slice(x, x + wide)
        layer[..., 3] = cv2.compare(layer[..., 3], 0, cv2.CMP_GT)
        layer = cv2.blur(layer[part], (2, max(height // 40, 2)))
        share = cv2.multiply(layer[..., 3], self.share[part], dtype=cv2.CV_8U)
        n = self.finer
        target = canvas[n * y : n * (y + high), n * x : n * (x + wide)]
        size = (target.shape[1], target.shape[0])
        weight = cv2.merge([cv2.resize(share, size)] * 3)
        colour = cv2.resize(np.ascontiguousarray(layer[..., :3]), size)
        kept = cv2.multiply(target, 255 - weight, scale=1 / 255)
        cv2.add(kept, cv2.multiply(colour, weight, scale=1 / 255), dst=target)
