"""Textures of drawn surfaces: streaks on metal, stains on cloth, leaves on bushes."""

import cv2
import numpy as np

from helpers.yard.mesh import Solids

PLAIN = 30
STAINS = {
    "body": 52, "cabin": 45, "boom": 52, "stick": 52, "bucket": 110, "crawler": 110,
    "wagon": 120, "shed": 60, "wall": 70, "heap": 130, "crate": 85, "stack": 120, "barrel": 70,
    "bush": 190, "legs": 50, "vest": 35,
}  # fmt: skip
"""How dark stains are, by kind of part: 255 is black; `PLAIN` where nothing is said."""
GRAIN = 0.05
"""Breadth of a stain (m)."""
SPARE = 64
"""The noise reaches this many pixels farther than the canvas, so that it can move with a thing."""


def stains(solids: Solids) -> np.ndarray:
    """How dark the stains of each face are: [F], 1..255. A layer's fourth channel."""
    by_part = np.array([STAINS.get(kind, PLAIN) for kind in solids.kinds], float)
    return by_part[solids.face_part]


class Grime:
    """A noise that darkens what is drawn, longer downwards than across."""

    def __init__(self, size: tuple[int, int], pixels_per_metre: float, number: int):
        """Args: `size` of the canvas (width, height); `number` says which piece of the noise."""
        width, height = size
        cell = max(pixels_per_metre * GRAIN, 1.5)
        rng = np.random.default_rng([9, number])
        small = (int((height + SPARE) / cell) + 2, int((width + SPARE) / cell) + 2)
        fine = rng.random(small, dtype=np.float32)
        mixed = 0.5 * fine + 0.9 * cv2.blur(fine, (2, 5)) + 0.9 * cv2.blur(fine, (7, 7))
        mixed = (mixed - mixed.mean()) / mixed.std()
        noise = cv2.convertScaleAbs(np.clip(110 + 62 * mixed, 0, 255))
        self.noise = cv2.resize(noise, (width + SPARE, height + SPARE))

    def lay(self, layer: np.ndarray, canvas: np.ndarray, at: np.ndarray) -> None:
        """Put a drawn layer onto a canvas, in place.

        Args:
            layer: uint8 [H, W, 4]: RGB and `stains`, 0 where nothing is drawn.
            canvas: uint8 [H, W, 3].
            at: pixel [2] that the noise is tied to.
        """
        mask = np.ascontiguousarray(layer[..., 3])
        x, y, width, height = cv2.boundingRect(mask)
        if not width:
            return
        part = slice(y, y + height), slice(x, x + width)
        right, down = np.rint(-at).astype(int) % SPARE
        noise = self.noise[down + y : down + y + height, right + x : right + x + width]
        dark = cv2.multiply(mask[part], noise, scale=1 / 255)
        colours = cv2.cvtColor(layer[part], cv2.COLOR_RGBA2RGB)
        stained = cv2.multiply(colours, cv2.merge([255 - dark] * 3), scale=1 / 255)
        cv2.copyTo(stained, mask[part], canvas[part])

    def fray(self, layer: np.ndarray) -> None:
        """Make the outlines of a layer ragged, as those of leaves are, in place."""
        mask = cv2.compare(layer[..., 3], 0, cv2.CMP_GT)
        wide = max(layer.shape[0] // 50, 3)
        inner = cv2.blur(mask, (wide, wide))
        height, width = mask.shape
        noise = self.noise[:height, :width]
        kept = cv2.compare(inner, cv2.convertScaleAbs(noise, alpha=0.5, beta=110), cv2.CMP_GT)
        layer[..., 3] &= kept
