"""A camera's site: viewpoint, lens, light, ground and tracks, all from (seed, camera index)."""

from dataclasses import dataclass

import numpy as np

PERSON = 1.75
TRACK_SPACING = 4.7


@dataclass(frozen=True)
class Light:
    """A sun or lamp far away, with light from all of the sky beside it."""

    towards: np.ndarray  # [3], unit, from the scene to the light
    ambient: float
    direct: float
    colour: np.ndarray  # [3], factor per channel
    contrast: float  # exponent on the tone curve, 1 is linear

    def shade(self, colours: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Lambert's law: colours [..., 3] of faces with unit normals [..., 3], RGB 0..255."""
        facing = np.maximum(normals @ self.towards, 0.0)
        sky = 0.75 + 0.25 * normals[..., 2]
        return self.tone(colours, (self.ambient * sky + self.direct * facing)[..., None])

    def ground(self, colours: np.ndarray, lit: bool) -> np.ndarray:
        """Colours [..., 3] of level ground in the light, or in the shadow."""
        return self.tone(colours, self.ambient + lit * self.direct * self.towards[2])

    def tone(self, colours: np.ndarray, amount) -> np.ndarray:
        """What the sensor makes of colours under an amount of light: RGB 0..255."""
        seen = np.clip(colours * (amount * self.colour) / 255.0, 0.0, 1.0)
        return 255.0 * (seen if self.contrast == 1 else seen**self.contrast)


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
    sky: np.ndarray
    backdrop: np.ndarray  # trees or buildings far away
    number: int  # which piece of the noise


@dataclass(frozen=True)
class Site:
    """All that stays the same from clip to clip of one camera."""

    name: str
    position: np.ndarray  # [3] of the camera (m)
    zoom: float  # height of a person beside the machine, as a share of the picture's height
    side: int  # the side of the track (+1 or -1 in y) where the machine works
    tracks: tuple[float, ...]  # y of the middles; the first, y = 0, is the one that is guarded
    light: Light
    ground: Ground
    noise: float  # standard deviation of the sensor's noise, in grey levels
    softness: float  # blur of the lens in pixels
    vignette: float  # loss of light in the corners
    shake: float  # of the mast in the wind, pixels at a picture width of 224

    def focal(self, target: np.ndarray, height: int) -> float:
        """Focal length (pixels) zoomed to a target [3], for pictures of a height (pixels)."""
        distance = float(np.linalg.norm(target - self.position))
        return self.zoom * height * distance / PERSON


def sample_site(seed: int, camera: int) -> Site:
    """The site of a camera: the same for every clip of it."""
    rng = np.random.default_rng([seed, 1, camera])
    side = int(rng.choice([-1, 1]))
    # Degrees from "straight across the track, from the machine's side".
    bearing = np.radians(rng.uniform(-80, 80) + (180 if rng.random() < 0.2 else 0))
    away, height = rng.uniform(12.5, 17.0), rng.uniform(4.5, 9.0)
    middle = np.array([0.0, 2.5 * side])
    position = np.array([away * np.sin(bearing), side * away * np.cos(bearing), height])
    position[:2] += middle
    return Site(
        name=f"cam{camera:02d}",
        position=position,
        zoom=rng.uniform(0.21, 0.25),
        side=side,
        tracks=tuple(-side * TRACK_SPACING * k for k in range(int(rng.integers(1, 4)))),
        light=_sample_light(rng),
        ground=_sample_ground(rng, camera),
        noise=rng.uniform(1.0, 3.0),
        softness=rng.uniform(0.25, 0.6),
        vignette=rng.uniform(0.05, 0.3),
        shake=rng.uniform(0.0, 0.5),
    )


def _sample_light(rng: np.random.Generator) -> Light:
    bearing, up = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(28, 65))
    towards = np.array([np.cos(bearing) * np.cos(up), np.sin(bearing) * np.cos(up), np.sin(up)])
    sunny = rng.uniform(0.15, 0.75)  # share of the light that comes straight
    warm = rng.uniform(-0.07, 0.08)
    exposure = rng.uniform(0.95, 1.3)
    return Light(
        towards,
        ambient=exposure * (1.05 - 0.75 * sunny),
        direct=exposure * 1.0 * sunny,
        colour=np.array([1 + warm, 1.0 + rng.uniform(-0.02, 0.02), 1 - warm]),
        contrast=rng.uniform(0.8, 1.1),
    )


def _sample_ground(rng: np.random.Generator, camera: int) -> Ground:
    soils = [(138, 124, 104), (118, 112, 104), (150, 140, 124), (104, 106, 84), (128, 116, 98)]
    patches = [(92, 106, 62), (80, 78, 72), (110, 118, 76), (164, 156, 140)]
    ballasts = [(126, 122, 118), (112, 104, 98), (142, 136, 130), (120, 106, 92)]
    sleepers = [(84, 70, 58), (150, 146, 140), (64, 56, 50), (132, 128, 124)]
    skies = [(205, 214, 222), (178, 200, 226), (190, 192, 194)]
    backdrops = [(78, 92, 70), (120, 116, 112), (96, 104, 100)]

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
        rails=vary([(120, 92, 74), (98, 84, 74), (146, 140, 136)]),
        sky=vary(skies),
        backdrop=vary(backdrops),
        number=camera,
    )
