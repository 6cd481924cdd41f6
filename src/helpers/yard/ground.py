"""The picture of an empty site: ground, ballast, sky; once in the light, once in the shadow."""

import cv2
import numpy as np

from helpers.yard.camera import Camera
from helpers.yard.site import Site

TILE = 256
BED = 1.75
"""Half the width of a track's bed of ballast (m)."""


def paint_ground(site: Site, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The ground as the camera sees it: lit and shaded, each uint8 [height, width, 3] RGB."""
    x, y, far = camera.ground()
    ground = site.ground
    rng = np.random.default_rng([2, ground.number])
    grain, blotches = _grain(rng), _blotches(rng)
    coarse = _look_up(blotches, x, y, 1 / 0.3)
    stones = _look_up(grain, x, y, 1 / 0.045)
    stones *= np.clip(22.0 / far, 0.1, 1.2)
    edge = BED + 0.25 * (coarse - 0.5)
    bed = np.zeros_like(x)
    for middle in site.tracks:
        bed = np.maximum(bed, np.clip((edge - np.abs(y - middle)) / 0.4 + 0.5, 0.0, 1.0))
    patch = np.clip((coarse - 0.5) * 3.0 + 0.3, 0.0, 1.0) * ground.patchiness
    relief = 1.0 + stones * ground.roughness * (0.55 + 0.75 * bed)
    oil = 1.0 - 0.25 * bed * np.clip(0.75 - np.abs(y), 0.0, 0.5)
    weights = cv2.merge([(1 - bed) * (1 - patch), (1 - bed) * patch, bed])
    weights *= (relief * oil)[..., None]
    colours = np.stack([ground.soil, ground.patches, ground.ballast]).astype(np.float32)
    albedo = cv2.transform(weights, colours.T)
    pictures = []
    for lit in (True, False):
        picture = _tone(site, albedo, lit)
        _paint_sky(picture, site, far)
        pictures.append(picture)
    return pictures[0], pictures[1]


def _tone(site: Site, albedo: np.ndarray, lit: bool) -> np.ndarray:
    levels = site.light.ground(np.repeat(np.arange(256.0)[:, None], 3, axis=1), lit)
    table = np.clip(levels, 0, 255).round().astype(np.uint8)[None]
    return cv2.LUT(cv2.convertScaleAbs(albedo), table)


def _paint_sky(picture: np.ndarray, site: Site, far: np.ndarray) -> None:
    """Above the horizon the sky, with a low dark backdrop along it."""
    rows = np.flatnonzero(~np.isfinite(far[:, far.shape[1] // 2]))
    if not len(rows):
        return
    horizon, height = rows[-1] + 1, len(picture)
    rise = max(int(0.05 * height), 1)
    light = site.light.tone(np.stack([site.ground.sky, site.ground.backdrop]), 1.0)
    picture[:horizon] = np.clip(light[0] * 1.05, 0, 255)
    picture[max(horizon - rise, 0) : horizon] = light[1]


def _grain(rng: np.random.Generator) -> np.ndarray:
    """Stones: a tile of noise, about -1 to 1, that joins itself at the edges."""
    fine = rng.standard_normal((TILE, TILE)).astype(np.float32)
    around = cv2.copyMakeBorder(fine, 4, 4, 4, 4, cv2.BORDER_WRAP)
    broad = cv2.GaussianBlur(around, (0, 0), 1.0)[4:-4, 4:-4]
    return (0.45 * fine + 1.2 * broad).clip(-2, 2)


def _blotches(rng: np.random.Generator) -> np.ndarray:
    """Large blotches: a tile of smooth noise, 0 to 1, that joins itself at the edges."""
    tile = np.zeros((TILE, TILE), np.float32)
    for cells, share in ((16, 0.5), (32, 0.3), (64, 0.2)):
        small = np.pad(rng.random((cells, cells)).astype(np.float32), 2, mode="wrap")
        scale = TILE // cells
        large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        tile += share * large[2 * scale : -2 * scale, 2 * scale : -2 * scale]
    return tile


def _look_up(tile: np.ndarray, x: np.ndarray, y: np.ndarray, per_metre: float) -> np.ndarray:
    """Read a tile that repeats for ever at places x, y (m)."""
    scale = np.float32(per_metre)
    return cv2.remap(tile, x * scale, y * scale, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
