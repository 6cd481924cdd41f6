"""Wagons and trains that move: vehicles in a row on a track, their ends and their looks."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from helpers.yard.bystanders import wagon
from helpers.yard.camera import NEAR, Camera
from helpers.yard.mesh import Part, Thing, box, shift, slab

BUFFER = 0.6
"""How far (m) the buffers stand out at either end of a vehicle; coupled ones touch with them."""
BESIDE = 0.25
"""Parts are drawn that are so far beside the picture, as a share of its size: shadows reach in."""

WAGON_COLOURS = (
    (122, 66, 48), (80, 92, 104), (104, 108, 84), (136, 120, 96), (60, 84, 110),
)  # fmt: skip
LOCOMOTIVE_COLOURS = ((176, 52, 40), (222, 170, 40), (52, 96, 70), (64, 84, 128))
STEEL, GLASS = (52, 50, 48), (58, 78, 92)


@dataclass(frozen=True)
class Vehicle:
    """A wagon or a shunting locomotive."""

    kind: str  # "wagon" or "locomotive"
    length: float  # of its body, without buffers (m)
    colour: tuple[float, float, float]  # RGB
    high_sided: bool

    @property
    def over_buffers(self) -> float:
        """Its length from buffer to buffer (m)."""
        return self.length + 2 * BUFFER


@dataclass(frozen=True)
class Train:
    """Coupled vehicles on a track along x, in each of T frames."""

    track: float  # y of the track's middle (m)
    vehicles: tuple[Vehicle, ...]  # from its low end to its high one
    low: np.ndarray  # [T], x of the buffers at its low end (m)

    @property
    def high(self) -> np.ndarray:
        """The x of the buffers at its high end, [T] (m)."""
        return self.low + length_of(self.vehicles)

    def at(self, frames: slice | list[int]) -> "Train":
        """The same train in some of the frames, in their order."""
        return replace(self, low=self.low[frames])

    def away(self, x: np.ndarray) -> np.ndarray:
        """Distance along the track from places x [T] to its nearer end, 0 beside it: [T] (m)."""
        return np.maximum(np.maximum(self.low - x, x - self.high), 0.0)

    def thing(self, name: str, camera: Camera) -> Thing | None:
        """What the camera ever sees of the train, and a little more; None where it sees nothing."""
        pose = shift(self.low, self.track)
        parts = tuple(
            part for part in _parts(self.vehicles) if _is_near(camera, pose.apply(part.vertices))
        )
        return Thing(name, parts, {"root": pose}) if parts else None


def _is_near(camera: Camera, corners: np.ndarray) -> bool:
    """Whether corners [T, V, 3] (m) are ever in the picture or beside it, where a shadow starts."""
    pixels, depth = camera.project(corners)
    size = np.array(camera.size)
    ahead = (depth > NEAR).any(axis=1)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    return bool((ahead & ((high > -BESIDE * size) & (low < (1 + BESIDE) * size)).all(-1)).any())


@lru_cache(maxsize=32)
def _parts(vehicles: tuple[Vehicle, ...]) -> tuple[Part, ...]:
    """All parts of coupled vehicles, in metres from the low end's buffers."""
    parts, start = _end(0.0, 1.0), 0.0
    for vehicle in vehicles:
        middle = np.array([start + vehicle.over_buffers / 2, 0.0, 0.0])
        parts += [replace(part, vertices=part.vertices + middle) for part in _parts_of(vehicle)]
        start += vehicle.over_buffers
        if vehicle is not vehicles[-1]:
            at = (start - BUFFER, -0.12, 0.9), (start + BUFFER, 0.12, 1.1)
            parts.append(box(*at, STEEL, "coupling"))
    return (*parts, *_end(start, -1.0))


def length_of(vehicles: tuple[Vehicle, ...]) -> float:
    """Length of coupled vehicles from buffer to buffer (m)."""
    return sum(vehicle.over_buffers for vehicle in vehicles)


def gap(one: Train, other: Train) -> np.ndarray:
    """How far two trains on one track are apart, [T] (m); negative where they overlap."""
    return np.maximum(one.low - other.high, other.low - one.high)


def sample_vehicles(many: int, rng: np.random.Generator, drawn: bool) -> tuple[Vehicle, ...]:
    """Wagons of one kind; where `drawn`, a locomotive at one end."""
    shade = rng.uniform(0.85, 1.1)
    colour = tuple(shade * c for c in WAGON_COLOURS[rng.integers(len(WAGON_COLOURS))])
    length, high_sided = float(rng.uniform(9, 12)), bool(rng.random() < 0.5)
    wagons = [Vehicle("wagon", length, colour, high_sided)] * many
    if not drawn:
        return tuple(wagons)
    paint = LOCOMOTIVE_COLOURS[rng.integers(len(LOCOMOTIVE_COLOURS))]
    engine = Vehicle("locomotive", float(rng.uniform(8, 10)), paint, True)
    return tuple([engine, *wagons[1:]] if rng.random() < 0.5 else [*wagons[1:], engine])


def _parts_of(vehicle: Vehicle) -> tuple[Part, ...]:
    if vehicle.kind == "wagon":
        return wagon(0.0, 0.0, vehicle.length, vehicle.colour, vehicle.high_sided).parts
    half, paint = vehicle.length / 2, np.array(vehicle.colour, float)
    parts = [
        box((-half, -1.25, 0.75), (half, 1.25, 1.15), STEEL, "locomotive"),
        box((-half + 0.5, -0.95, 1.15), (half - 3.2, 0.95, 2.5), paint, "locomotive"),
        box((half - 3.2, -1.3, 1.15), (half - 0.7, 1.3, 2.2), paint, "locomotive"),
        box((half - 3.2, -1.3, 2.2), (half - 0.7, 1.3, 3.1), GLASS, "locomotive"),
        box((half - 3.3, -1.35, 3.1), (half - 0.6, 1.35, 3.3), paint * 0.8, "locomotive"),
    ]
    angles = np.arange(8) * (np.pi / 4)
    for axle in (-half + 1.6, 0.0, half - 1.6):
        rim = np.stack([axle + 0.5 * np.cos(angles), 0.64 + 0.5 * np.sin(angles)], axis=-1)
        parts += [slab(rim, low, low + 0.12, STEEL, "locomotive") for low in (-0.8, 0.68)]
    return tuple(parts)


def _end(x: float, inwards: float) -> list[Part]:
    """The two buffers at an end of a train."""
    near, far = sorted((x, x + inwards * BUFFER))
    return [
        box((near, y - 0.16, 0.88), (far, y + 0.16, 1.14), STEEL, "buffer") for y in (-0.8, 0.8)
    ]
