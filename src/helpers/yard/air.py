"""What hangs in the air between scene and camera: fog and dust."""

from dataclasses import dataclass

import cv2
import numpy as np

from helpers.yard.camera import Camera
from helpers.yard.conditions import Conditions
from helpers.yard.lights import GAMMA, Lighting
from helpers.yard.objects import ExcavatorMotion

CLEAR = 1500.0
"""From this visibility (m) on the air is taken to be clear."""
PUFFS = 3.0
"""Puffs of dust per second."""
THICKEST_DUST = 0.6
"""Share of the light that dust takes at most: what is in it can still be seen."""
COARSER = 8
"""Dust is computed on a canvas this many times coarser."""


@dataclass(frozen=True)
class Air:
    """Koschmieder's law (1924): L(d) = L(0) e^(-βd) + A (1 - e^(-βd)), with β = 3.912 / V.

    V is the visibility, at which contrast falls to a fiftieth. Luminances are linear, 0..1.
    """

    visibility: float  # m
    light: np.ndarray  # [3], luminance A of endlessly thick air

    @property
    def is_clear(self) -> bool:
        """Whether nothing of it is to be seen."""
        return self.visibility >= CLEAR

    def left(self, distance: np.ndarray) -> np.ndarray:
        """Share of the light [...] that comes through, at distances [...] (m)."""
        return np.exp(-3.912 / self.visibility * distance)

    def veil(self, colours: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Colours [..., 3], 0..255, as seen from distances [...] (m): float of the same shape."""
        left = self.left(distance).astype(np.float32)[..., None]
        linear = (np.asarray(colours, np.float32) / 255) ** np.float32(GAMMA)
        mixed = linear * left + self.light.astype(np.float32) * (1 - left)
        return 255 * mixed ** np.float32(1 / GAMMA)

    def veil_picture(self, picture: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """The same for a picture uint8 [H, W, 3] and distances float32 [H, W] (m)."""
        linear = (np.arange(256, dtype=np.float32) / 255) ** np.float32(GAMMA)
        left = cv2.merge([cv2.exp(distance * np.float32(-3.912 / self.visibility))] * 3)
        light = self.light.astype(np.float32)
        mixed = cv2.multiply(cv2.LUT(picture, linear) - light, left) + light
        return cv2.convertScaleAbs(cv2.pow(mixed, 1 / GAMMA), alpha=255)


def air_of(conditions: Conditions, lighting: Lighting, place: np.ndarray) -> Air:
    """The air of a clip; lamps light it less than the sky does.

    Args:
        place: where the work is [3] (m).
    """
    level = np.array([0.0, 0.0, 1.0])
    whole = lighting.irradiance(place, level)
    lamps = np.maximum(whole - lighting.sky - lighting.sun * max(lighting.towards[2], 0), 0)
    light = lighting.gain * (0.7 * (whole - lamps) + 0.16 * lamps)
    return Air(conditions.visibility, np.clip(light, 0.0, 0.75))


class Dust:
    """Puffs that rise about bucket and crawlers.

    A puff swells and fades alike before and after the moment its source was there, and keeps its
    size: a clip run backwards has the same dust, so dust tells nothing of the order of time.
    """

    def __init__(
        self,
        machine: ExcavatorMotion,
        times: np.ndarray,
        conditions: Conditions,
        camera: Camera,
        rng: np.random.Generator,
    ):
        many = rng.poisson(PUFFS * (times[-1] + 3.0)) + 3
        self.at = rng.uniform(-1.5, times[-1] + 1.5, many)
        frame = np.abs(times[None] - self.at[:, None]).argmin(axis=1)
        ahead = np.stack([np.cos(machine.heading), np.sin(machine.heading)], axis=-1)
        end = rng.choice([-1.4, 1.4], many)[:, None]
        crawler = machine.position[frame] + end * ahead[frame]
        bucket = machine.bucket_middle[frame, :2]
        source = np.where(rng.random((many, 1)) < 0.65, bucket, crawler)
        self.place = np.column_stack([source, np.zeros(many)])
        self.place += rng.normal(0, 1, (many, 3)) * [0.5, 0.5, 0.0] + [0, 0, 0.35]
        self.place[:, 2] += rng.uniform(0, 0.5, many)
        self.life = rng.uniform(0.7, 1.6, many)
        self.size = rng.uniform(0.35, 0.9, many)
        self.thick = rng.uniform(0.15, 0.5, many) * rng.uniform(0.5, 1.0)
        bearing = np.radians(conditions.wind_bearing)
        self.wind = 0.25 * conditions.wind * np.array([np.cos(bearing), np.sin(bearing), 0.0])
        self.times, self.camera = times, camera.reduced(COARSER)
        self.middle = camera.to_camera(np.append(machine.position.mean(axis=0), 0.6))[2]
        width, height = self.camera.size
        down, across = np.indices((height, width), np.float32) + 0.5
        self.grid = across, down
        noise = rng.random((height, width), dtype=np.float32)
        self.wisps = 0.55 + 0.9 * cv2.GaussianBlur(noise, (0, 0), 1.5)

    def blow(self, canvas: np.ndarray, frame: int, colour: np.ndarray, before: bool) -> None:
        """Draw the dust of a frame on a canvas [H, W, 3], in place.

        Args:
            colour: of the lit dust, RGB 0..255.
            before: what is nearer than the machine's middle, or what is farther.
        """
        past = self.times[frame] - self.at
        swell = np.clip(1 - np.abs(past) / self.life, 0, 1)
        place = self.place + past[:, None] * self.wind
        pixels, depth = self.camera.project(place)
        shown = (swell > 0) & (depth > 4.0) & ((depth < self.middle) == before)
        if not shown.any():
            return
        across, down = self.grid
        cover = np.zeros(across.shape, np.float32)
        for k in np.flatnonzero(shown):
            wide = self.size[k] * self.camera.focal / depth[k]
            away = ((across - pixels[k, 0]) ** 2 + 1.6 * (down - pixels[k, 1]) ** 2) / wide**2
            cover += np.float32(self.thick[k] * swell[k]) * np.exp(-away)
        cover *= self.wisps
        mask = cv2.convertScaleAbs(np.minimum(cover, THICKEST_DUST), alpha=255)
        x, y, wide, high = cv2.boundingRect(cv2.compare(mask, 2, cv2.CMP_GT))
        if not wide:
            return
        part = (
            slice(y * COARSER, (y + high) * COARSER),
            slice(x * COARSER, (x + wide) * COARSER),
        )
        target = canvas[part]
        soft = cv2.resize(mask, (canvas.shape[1], canvas.shape[0]))[part]
        mist = cv2.merge([soft] * 3)
        share = np.arange(256.0)[:, None] / 255 * colour
        added = cv2.LUT(mist, np.rint(share).astype(np.uint8)[None])
        cv2.add(cv2.multiply(target, 255 - mist, scale=1 / 255), added, dst=target)
