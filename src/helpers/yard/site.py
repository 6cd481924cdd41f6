"""A camera's site: viewpoint, lens, sensor, lamps, ground, tracks; from (seed, camera index)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from helpers.yard.lights import Lamp

PERSON = 1.75
TRACK_SPACING = 4.7
LAMP_COLOURS = ((1.0, 0.74, 0.42), (1.0, 0.97, 0.9), (0.94, 1.0, 0.98), (1.0, 0.88, 0.7))
"""Sodium, white and cool LED, metal halide."""


@dataclass(frozen=True)
class Ground:
    """What lies between and beside the rails; colours are RGB 0..255."""

    soil: np.ndarray
    patches: np.ndarray  # colour of what grows or was spilt on the soil
    patchiness: float
    ballast: np.ndarray
    roughness: float  # contrast of the stones
    sleepers: np.ndarray
    rails: np.ndarray
    verge: np.ndarray  # colour of what lies beyond the tracks
    path: np.ndarray  # colour of the made path beside the guarded track
    path_at: float  # distance of its middle from the track (m)
    ruts: tuple[float, ...]  # distances (m) from the track of the ways that vehicles take
    sky: np.ndarray
    backdrop: np.ndarray  # trees or buildings far away
    number: int  # which piece of the noise


@dataclass(frozen=True)
class Stamp:
    """The clock that a camera burns into its picture."""

    corner: str  # "top left", "bottom left", "top right" or "bottom right"
    style: str  # strftime, with %f for the camera's name
    height: float  # of the letters, as a share of the picture's height
    year: int


@dataclass(frozen=True, eq=False)
class Site:
    """All that stays the same from clip to clip of one camera."""

    name: str
    position: np.ndarray  # [3] of the camera (m)
    zoom: float  # height of a person beside the machine, as a share of the picture's height
    side: int  # the side of the track (+1 or -1 in y) where the machine works
    tracks: tuple[float, ...]  # y of the middles; the first, y = 0, is the one that is guarded
    latitude: float  # degrees
    north: float  # which way north is, from x towards y (radians)
    ground: Ground
    number: int  # what stands about for good depends on it
    lamps: tuple[Lamp, ...]
    skyglow: float  # light of the night's sky
    infrared: bool  # whether the camera lights the night itself, and sees grey
    contrast: float  # exponent on the tone curve, 1 is plain
    exposure: float  # what the camera exposes for, beside what is usual
    white_balance: np.ndarray  # [3], factor per channel
    balancing: float  # share of the light's colour that the white balance makes up for
    saturation: float  # 1 is plain
    noise: float  # standard deviation of the sensor's noise by day, in grey levels
    softness: float  # blur of the lens in pixels
    sharpening: float  # of edges, by the camera
    vignette: float  # loss of light in the corners
    shake: float  # of the mast in the wind, pixels at a picture width of 224
    coarseness: int  # of the compression, steps beside what is usual
    stamp: Stamp | None

    @property
    def looks_across(self) -> bool:
        """Whether the camera stands on the side of the track where the machine works."""
        return bool(self.position[1] * self.side >= 0)

    def focal(self, target: np.ndarray, height: int) -> float:
        """Focal length (pixels) zoomed to a target [3], for pictures of a height (pixels)."""
        distance = float(np.linalg.norm(target - self.position))
        return self.zoom * height * distance / PERSON


@lru_cache(maxsize=4)
def sample_site(seed: int, camera: int) -> Site:
    """The site of a camera: the same for every clip of it.

    The last ones are kept, for clips of one camera follow each other.
    """
    rng = np.random.default_rng([seed, 1, camera])
    side = int(rng.choice([-1, 1]))
    # Degrees from "straight across the track, from the machine's side".
    bearing = np.radians(rng.uniform(-80, 80) + (180 if rng.random() < 0.2 else 0))
    away, height = rng.uniform(12.5, 17.0), rng.uniform(4.5, 9.0)
    middle = np.array([0.0, 2.5 * side])
    position = np.array([away * np.sin(bearing), side * away * np.cos(bearing), height])
    position[:2] += middle
    warm = rng.uniform(-0.06, 0.06)
    return Site(
        name=f"cam{camera:02d}",
        position=position,
        zoom=rng.uniform(0.21, 0.25),
        side=side,
        tracks=tuple(-side * TRACK_SPACING * k for k in range(int(rng.integers(1, 4)))),
        latitude=rng.uniform(44, 56),
        north=rng.uniform(0, 2 * np.pi),
        ground=_sample_ground(rng),
        number=int(rng.integers(2**31)),
        lamps=_sample_lamps(rng, side),
        skyglow=rng.uniform(0.002, 0.008),
        infrared=bool(rng.random() < 0.4),
        contrast=rng.uniform(0.85, 1.1),
        exposure=rng.uniform(0.8, 1.2),
        white_balance=np.array([1 + warm, 1.0 + rng.uniform(-0.02, 0.02), 1 - warm]),
        balancing=rng.uniform(0.4, 0.9),
        saturation=rng.uniform(0.65, 1.0),
        noise=rng.uniform(1.0, 2.6),
        softness=rng.uniform(0.3, 0.7),
        sharpening=rng.uniform(0.0, 0.7),
        vignette=rng.uniform(0.05, 0.3),
        shake=rng.uniform(0.0, 0.5),
        coarseness=int(rng.integers(-1, 6)),
        stamp=_sample_stamp(rng),
    )


def _sample_lamps(rng: np.random.Generator, side: int) -> tuple[Lamp, ...]:
    """Two or three floodlights on masts about the place of work, each with its own pool."""
    colour = np.array(LAMP_COLOURS[rng.integers(len(LAMP_COLOURS))])
    many, start = int(rng.integers(2, 4)), rng.uniform(0, 2 * np.pi)
    middle = np.array([0.0, 3.0 * side])
    lamps = []
    for k in range(many):
        angle = start + 2 * np.pi * k / many + rng.uniform(-0.5, 0.5)
        outwards = np.array([np.cos(angle), np.sin(angle)])
        foot, height = middle + rng.uniform(7, 12) * outwards, rng.uniform(7.5, 11)
        target = middle + rng.uniform(1.0, 4.5) * outwards
        aim = np.append(target - foot, -height)
        reach = np.linalg.norm(aim)
        strength = rng.uniform(0.5, 1.0) * reach**2 / (height / reach)
        lobe = rng.uniform(2.5, 5.5)
        lamps.append(Lamp(np.append(foot, height), aim / reach, lobe, colour, strength))
    return tuple(lamps)


def _sample_stamp(rng: np.random.Generator) -> Stamp | None:
    corners = ("top left", "top right", "bottom left", "bottom right")
    styles = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%f %d.%m.%Y %H:%M:%S", "%H:%M:%S %f")
    stamp = Stamp(
        corner=corners[rng.integers(4)],
        style=styles[rng.integers(4)],
        height=rng.uniform(0.03, 0.042),
        year=int(rng.integers(2018, 2027)),
    )
    return stamp if rng.random() < 0.35 else None


def _sample_ground(rng: np.random.Generator) -> Ground:
    soils = [(138, 124, 104), (118, 112, 104), (146, 136, 120), (108, 106, 88), (128, 116, 98)]
    patches = [(92, 104, 64), (84, 80, 74), (108, 112, 76), (160, 152, 138)]
    ballasts = [(126, 122, 118), (112, 104, 98), (140, 134, 128), (120, 106, 92)]
    sleepers = [(84, 70, 58), (146, 142, 136), (64, 56, 50), (130, 126, 122)]
    verges = [(86, 96, 58), (104, 108, 70), (112, 104, 90), (96, 92, 84)]
    paths = [(150, 146, 138), (96, 94, 92), (128, 118, 104)]
    skies = [(205, 214, 222), (190, 204, 222), (200, 202, 204)]
    backdrops = [(66, 78, 58), (100, 98, 94), (80, 88, 82)]

    def vary(colours):
        chosen = np.array(colours[rng.integers(len(colours))], float)
        return chosen * rng.uniform(0.9, 1.1) + rng.uniform(-6, 6, 3)

    return Ground(
        soil=vary(soils),
        patches=vary(patches),
        patchiness=rng.uniform(0.2, 0.8),
        ballast=vary(ballasts),
        roughness=rng.uniform(0.12, 0.3),
        sleepers=vary(sleepers),
        rails=vary([(120, 92, 74), (98, 84, 74), (140, 132, 126)]),
        verge=vary(verges),
        path=vary(paths),
        path_at=rng.uniform(2.3, 2.9) if rng.random() < 0.5 else 0.0,
        ruts=tuple(np.sort(rng.uniform(4.0, 14.0, int(rng.integers(1, 4))))),
        sky=vary(skies),
        backdrop=vary(backdrops),
        number=int(rng.integers(2**31)),
    )
