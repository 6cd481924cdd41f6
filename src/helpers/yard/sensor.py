"""What mast, lens and sensor make of a drawn canvas: sway, softness, dark corners, noise, clock."""

from collections.abc import Callable
from datetime import datetime, timedelta

import cv2
import numpy as np

from helpers.yard.conditions import Conditions
from helpers.yard.site import Site, Stamp

GRAIN = {"day": 1.0, "dusk": 1.7, "night": 3.0}
"""Noise by light, as a multiple of the sensor's own."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
LETTER = 22.0
"""Height (pixels) of the font's letters at scale 1."""


def sway(
    site: Site, conditions: Conditions, times: np.ndarray, width: int, rng: np.random.Generator
) -> np.ndarray:
    """How far the mast has bent in each frame: [T, 2], pixels of a picture of a width.

    A sum of slow swings of random phase and a little unrest, which runs backwards alike.
    """
    amount = site.shake * (0.25 + conditions.wind / 6) * width / 224
    rate, phase = rng.uniform(0.25, 1.6, (4, 2)), rng.uniform(0, 2 * np.pi, (4, 2))
    swings = np.sin(2 * np.pi * rate * times[:, None, None] + phase).sum(axis=1) / 4
    return np.clip(amount * (swings + 0.35 * rng.normal(0, 1, (len(times), 2))), -4, 4)


class Sensor:
    """From canvas to picture: lens, noise and what the camera adds."""

    def __init__(
        self,
        site: Site,
        conditions: Conditions,
        size: tuple[int, int],
        rng: np.random.Generator,
        through: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        """Args: `through` is what a picture passes on its way, such as rain."""
        width, height = size
        self.size, self.rng, self.through = size, rng, through
        self.softness, self.sharpening = site.softness, site.sharpening
        across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        corners = 255 * (1 - site.vignette * (across**2 + down**2) / 2)
        self.corners = cv2.merge([corners.astype(np.uint8)] * 3)
        grey = rng.standard_normal((height + 40, width + 40), dtype=np.float32)
        blotch = cv2.blur(grey, (2, 2)) * 1.3
        colour = 0.0 if conditions.infrared else 0.45
        level = site.noise * GRAIN[conditions.light]
        channels = [
            0.6 * grey[8:, 8:] + 0.6 * blotch[8:, 8:] + colour * blotch[k : k - 8, 5 - k : -3 - k]
            for k in range(3)
        ]
        self.noise = np.rint(level * cv2.merge(channels)).astype(np.int16)

    def __call__(self, canvas: np.ndarray) -> np.ndarray:
        """The picture uint8 [height, width, 3] of a canvas that is finer."""
        picture = cv2.resize(canvas, self.size, interpolation=cv2.INTER_AREA)
        if self.through is not None:
            picture = self.through(picture)
        soft = cv2.GaussianBlur(picture, (3, 3), self.softness)
        if self.sharpening > 0.1:
            broad = cv2.blur(soft, (3, 3))
            soft = cv2.addWeighted(soft, 1 + self.sharpening, broad, -self.sharpening, 0.0)
        picture = cv2.multiply(soft, self.corners, scale=1 / 255)
        width, height = self.size
        x, y = self.rng.integers(0, 32, 2)
        grain = self.noise[y : y + height, x : x + width]
        return cv2.add(picture, grain, dtype=cv2.CV_8U)


class Clock:
    """Burns the time into pictures, as many cameras do."""

    def __init__(
        self, stamp: Stamp, name: str, conditions: Conditions, size: tuple[int, int], second: float
    ):
        """Args: `second` is how many seconds after the conditions' time the clip begins."""
        day = datetime(stamp.year, 1, 1) + timedelta(days=conditions.day - 1)
        self.start = day + timedelta(hours=conditions.hour, seconds=second)
        self.style = stamp.style.replace("%f", name.upper())
        width, height = size
        self.scale = stamp.height * height / LETTER
        text = self.start.strftime(self.style)
        (wide, high), _ = cv2.getTextSize(text, FONT, self.scale, 1)
        upper, left = (word in stamp.corner for word in ("top", "left"))
        edge = max(height // 50, 2)
        self.place = (
            edge if left else width - wide - edge,
            edge + high if upper else height - edge,
        )

    def burn(self, picture: np.ndarray, seconds: float) -> None:
        """Write the time, `seconds` after the clip's beginning, into a picture."""
        text = (self.start + timedelta(seconds=seconds)).strftime(self.style)
        x, y = self.place
        for place, level in (((x + 1, y + 1), 0), ((x - 1, y), 0), (self.place, 245)):
            cv2.putText(picture, text, place, FONT, self.scale, (level,) * 3, 1, cv2.LINE_AA)
