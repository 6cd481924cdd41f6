"""The ground of an empty site in its own colours: soil, ballast, path, ruts, puddles."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from helpers.yard.camera import Camera
from helpers.yard.site import Ground, Site

TILE = 256
BED = 1.75
"""Half the width of a track's bed of ballast (m)."""
VERGE = 4.2
"""How far (m) beyond the last track the verge begins."""
RUST = (0.86, 0.76, 0.66)
"""What the dust of brakes makes of the ballast between the rails."""


@dataclass(frozen=True)
class GroundPicture:
    """The ground as a camera sees it, pixel by pixel."""

    albedo: np.ndarray  # uint8 [height, width, 3], RGB under full light
    x: np.ndarray  # [height, width], m
    y: np.ndarray
    far: np.ndarray  # distance from the camera (m), infinite above the horizon
    water: np.ndarray | None  # share of the place that water stands on; None where it is dry


def survey(site: Site, camera: Camera, wet: bool) -> GroundPicture:
    """Look at the ground of a site, without light and shadow.

    Args:
        wet: whether it rains: then the ground is darker, and water stands in places.
    """
    x, y, far = camera.ground()
    ground = site.ground
    grain, blotches = _tiles(ground.number)
    coarse = _look_up(blotches, x, y, 1 / 0.3)
    fine = _look_up(blotches, y, x, 1 / 0.055)
    stones = _look_up(grain, x, y, 1 / 0.045)
    stones *= np.clip(22.0 / far, 0.1, 1.2)
    ragged = coarse - 0.5
    bed, between = _beds(site, y, ragged)
    ruts = _ruts(site, x, y, coarse)
    tufts = 2.4 * ragged + 1.2 * (fine - 0.5) + 0.16 * stones
    patch = np.clip(tufts + 0.25, 0, 1) * ground.patchiness
    patch *= 1 - 0.8 * ruts
    free = 1 - bed
    beyond = -site.side * y - (abs(site.tracks[-1]) + VERGE)
    verge = free * np.clip(0.5 + (beyond + 1.2 * ragged + 0.8 * (fine - 0.5)) / 0.8, 0, 1)
    soil = free - verge
    path = soil * _path(ground, site.side * y, ragged)
    soil -= path
    weights = np.stack([soil * (1 - patch), soil * patch, verge, path, bed - between, between], -1)
    relief = 1.0 + stones * ground.roughness * (0.5 + 0.8 * bed - 0.3 * path / (1 - bed + 1e-3))
    relief *= 1.0 + 0.2 * (fine - 0.5) * (1 - bed)
    relief *= 1.0 - 0.22 * ruts * (1 - bed)
    water = None
    if wet:
        water = np.clip((0.34 + 0.2 * ruts - coarse) * 10.0 + 3.0 * (0.45 - fine), 0, 1)
        water *= (1 - bed) * (1 - 0.7 * verge)
        relief *= 0.72 - 0.16 * water
    weights *= relief[..., None]
    ballast = ground.ballast, ground.ballast * np.array(RUST)
    colours = np.stack([ground.soil, ground.patches, ground.verge, ground.path, *ballast]).astype(
        np.float32
    )
    albedo = cv2.convertScaleAbs(weights.reshape(-1, 6) @ colours).reshape(*x.shape, 3)
    return GroundPicture(albedo, x, y, far, water)


def _beds(site: Site, y: np.ndarray, ragged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where ballast lies, and where it is soiled between the rails: shares."""
    bed, between = np.zeros_like(y), np.zeros_like(y)
    for middle in site.tracks:
        off = np.abs(y - np.float32(middle))
        bed = np.maximum(bed, np.clip((BED + 0.3 * ragged - off) / 0.4 + 0.5, 0, 1))
        between = np.maximum(between, np.clip((0.85 + 0.5 * ragged - off) / 0.5, 0, 0.8))
    return bed, np.minimum(between, bed)


def _ruts(site: Site, x: np.ndarray, y: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """How much a place has been driven over: pairs of lines along the track, 0 to 1."""
    worn = np.zeros_like(y)
    for k, way in enumerate(site.ground.ruts):
        turn = np.sin(x * np.float32(0.09) + np.float32(2.1 * k + way))
        off = np.abs(np.abs(site.side * y - np.float32(way) - turn) - np.float32(0.95))
        worn = np.maximum(worn, np.clip(1.3 - off / 0.28, 0, 1))
    return worn * np.clip(1.6 * coarse, 0.2, 1)


def _path(ground: Ground, away: np.ndarray, ragged: np.ndarray) -> np.ndarray:
    """The made path: a strip of one width."""
    if not ground.path_at:
        return np.zeros_like(away)
    off = np.abs(away - np.float32(ground.path_at))
    return np.clip((0.45 + 0.15 * ragged - off) / 0.15 + 0.5, 0, 1)


@lru_cache(maxsize=2)
def _tiles(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Stones and blotches of a site; kept, for clips of one camera follow each other."""
    rng = np.random.default_rng([2, number])
    return tuple(
        np.pad(tile, ((0, 1), (0, 1)), mode="wrap") for tile in (_grain(rng), _blotches(rng))
    )


def _grain(rng: np.random.Generator) -> np.ndarray:
    """Stones: a tile of noise, about -1 to 1, that joins itself at the edges."""
    fine = rng.standard_normal((TILE, TILE), dtype=np.float32)
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
    # Faster than OpenCV's own wrapping: the tile has a rim for the last pixel's neighbours.
    size = np.float32(TILE)
    x, y = (place * np.float32(per_metre / TILE) for place in (x, y))
    across, down = (size * (place - np.floor(place)) for place in (x, y))
    return cv2.remap(tile, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
