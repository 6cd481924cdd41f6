"""What stands about in a yard and means nothing: wagons, signals, heaps, barrels, cones."""

from collections.abc import Sequence

import numpy as np

from helpers.yard.crowd import boxes, repeat
from helpers.yard.mesh import Part, Solids, Thing, box, drum, shift, slab, turn_z

SLEEPER_SPACING = 0.65
RAIL_GAUGE = 1.435
SLEEPERS_END, RAILS_END = 40.0, 60.0
"""How far (m) to either side they are drawn; farther away the eye does not miss them."""


def sleepers(tracks: Sequence[float], shown: tuple[float, float], colour, number: int) -> Solids:
    """The sleepers of tracks along each y of `tracks`, as far as x (m) is shown.

    No two are quite alike, nor quite straight; `number` says which piece of the noise.
    """
    x = np.arange(-SLEEPERS_END, SLEEPERS_END, SLEEPER_SPACING)
    x, y = (one.ravel() for one in np.meshgrid(x, tracks))
    aside, along, worn = np.random.default_rng([8, number]).normal(0, 1, (3, len(x)))
    low = np.stack([x - 0.13 + 0.03 * along, y - 1.25 + 0.03 * aside, np.zeros_like(x)], axis=-1)
    colours = np.asarray(colour) * (0.97 + 0.09 * np.clip(worn, -2, 2))[:, None]
    seen = (x > shown[0] - 1) & (x < shown[1] + 1)
    high = low + np.array([0.26, 2.5, 0.06])
    return boxes(low[seen], high[seen], colours[seen], "sleeper", "track")


def rails(tracks: Sequence[float], shown: tuple[float, float], colour) -> Solids:
    """The two rails of tracks along each y of `tracks`, bright where the wheels run."""
    bright = np.minimum(np.asarray(colour) * 0.4 + 125, 255)
    rail = box((0, -0.05, 0.06), (3, 0.05, 0.2), colour, "rail", paint={1: bright})
    x = np.arange(-RAILS_END, RAILS_END, 3.0)
    x = x[(x > shown[0] - 4) & (x < shown[1] + 1)]
    x, y = np.meshgrid(x, np.add.outer(tracks, [-RAIL_GAUGE / 2, RAIL_GAUGE / 2]))
    return repeat(rail, np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3), "track")


def wagon(x: float, y: float, length: float, colour, high_sided: bool) -> Thing:
    """A goods wagon on the track along y, its middle at x."""
    colour = np.asarray(colour, float)
    half, top = length / 2, 3.3 if high_sided else 2.0
    parts = [box((-half, -1.2, 0.85), (half, 1.2, 1.15), (60, 58, 56), "wagon")]
    parts.append(box((-half, -1.35, 1.15), (half, 1.35, top), colour, "wagon"))
    for rib in np.linspace(-half + 0.1, half - 0.1, int(length // 1.5)):
        for low, high in ((-1.42, -1.35), (1.35, 1.42)):
            at = (rib - 0.06, low, 1.15), (rib + 0.06, high, top)
            parts.append(box(*at, colour * 0.75, "wagon"))
    angles = np.arange(8) * (np.pi / 4)
    for axle in (-half + 1.0, -half + 2.6, half - 2.6, half - 1.0):
        rim = np.stack([axle + 0.46 * np.cos(angles), 0.62 + 0.46 * np.sin(angles)], axis=-1)
        for low in (-0.8, 0.68):
            parts.append(slab(rim, low, low + 0.12, (52, 48, 46), "wagon"))
    return Thing("wagon", tuple(parts), {"root": shift(x, y)})


def mast(place, height: float) -> Thing:
    """A mast of the overhead line."""
    parts = (box((-0.14, -0.14, 0), (0.14, 0.14, height), (128, 130, 128), "mast"),)
    return Thing("mast", parts, {"root": shift(*place)})


def bystander(kind: str, place, rng: np.random.Generator) -> Thing:
    """A small object of a kind in `KINDS` at a place [2] (m)."""
    return Thing(kind, KINDS[kind](rng), {"root": shift(*place) @ turn_z(rng.uniform(0, np.pi))})


def _heap(rng: np.random.Generator) -> tuple[Part, ...]:
    radius, high = rng.uniform(0.7, 1.1), rng.uniform(0.35, 0.65)
    grey = np.array([118, 110, 100]) * rng.uniform(0.8, 1.15)
    foot = drum((0, 0), (radius, 0.7 * radius), (0, 0.5 * high), grey, "heap", corners=8)
    top = drum((0.04, 0.03), (0.7 * radius, 0.16 * radius), (0.5 * high, high), grey * 1.06, "heap")
    return foot, top


def _barrel(rng: np.random.Generator) -> tuple[Part, ...]:
    colours = [(40, 80, 150), (150, 50, 40), (70, 110, 80)]
    return (drum((0, 0), (0.3, 0.3), (0, 0.88), colours[rng.integers(3)], "barrel"),)


def _cone(rng: np.random.Generator) -> tuple[Part, ...]:
    orange, white = (240, 96, 30), (236, 236, 232)
    rings = [(0.17, 0.12, 0.0, 0.25, orange), (0.12, 0.08, 0.25, 0.42, white)]
    rings.append((0.08, 0.03, 0.42, 0.7, orange))
    return tuple(drum((0, 0), (a, b), (low, high), c, "cone") for a, b, low, high, c in rings)


def _signal(rng: np.random.Generator) -> tuple[Part, ...]:
    post = box((-0.06, -0.06, 0), (0.06, 0.06, 2.3), (120, 122, 124), "signal")
    lamp = {3: (210, 60, 40) if rng.random() < 0.5 else (60, 190, 90)}
    head = box((-0.12, -0.2, 2.3), (0.12, 0.2, 3.0), (34, 34, 36), "signal")
    light = box((0.12, -0.1, 2.6), (0.15, 0.1, 2.85), (30, 30, 30), "signal", paint=lamp)
    return post, head, light


def _stack(rng: np.random.Generator) -> tuple[Part, ...]:
    wood = np.array([112, 92, 70]) * rng.uniform(0.7, 1.2)
    tiers = (0.0, 0.22)
    return tuple(box((-1.2, -0.5 + z, z), (1.2, 0.5 - z, z + 0.2), wood, "stack") for z in tiers)


def _crate(rng: np.random.Generator) -> tuple[Part, ...]:
    colour = np.array([(150, 120, 80), (96, 104, 112), (170, 168, 160)][rng.integers(3)])
    half, high = rng.uniform(0.35, 0.6), rng.uniform(0.5, 1.0)
    return (box((-half, -half, 0), (half, half, high), colour, "crate"),)


KINDS = {
    "heap": _heap,
    "barrel": _barrel,
    "cone": _cone,
    "signal": _signal,
    "stack": _stack,
    "crate": _crate,
}
