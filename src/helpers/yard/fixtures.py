"""What stands at a site for good, behind all actors: masts, fences, walls, sheds, bushes."""

from functools import lru_cache

import numpy as np

from helpers.yard.crowd import boxes, drums
from helpers.yard.mesh import Solids
from helpers.yard.site import Site

FARTHEST_FORE = 22.0
"""No actor works farther (m) from the guarded track on its side: there a site may end."""
ENDS = (-42.0, 42.0)
"""How far (m) along the track it reaches."""
GREENS = np.array([(88, 108, 58), (108, 118, 68), (78, 94, 64), (126, 118, 80)])
WALLS = np.array([(146, 142, 134), (120, 104, 92), (128, 128, 126)])
WIRES = np.array([(120, 124, 122), (88, 94, 90), (150, 146, 136)])
SHEDS = np.array([(150, 146, 138), (118, 92, 78), (92, 108, 120), (134, 60, 48), (96, 106, 88)])


@lru_cache(maxsize=4)
def fixtures(site: Site) -> list[Solids]:
    """Rows along the tracks, beyond the last one and beyond the place of work, the farthest first.

    Nothing of them can hide an actor: they lie on the far side of a line that neither the camera
    nor any actor crosses. A row that the camera itself is beyond is left out. Those of the last
    sites are kept, for clips of one camera follow each other.
    """
    rows = []
    far, fore = abs(site.tracks[-1]) + 3.2, FARTHEST_FORE
    for number, (away, y) in enumerate(((-site.side, far), (site.side, fore))):
        rng = np.random.default_rng([6, site.number, number])
        if away * site.position[1] < y:
            rows += _bushes_and_sheds(away, y, rng)
            rows += _limit(away, y + rng.uniform(1.5, 3.0), rng)
            rows += _masts(site, away, y, rng) if away != site.side else []
    return rows


def _bushes_and_sheds(away: int, y: float, rng: np.random.Generator) -> list[Solids]:
    kind = rng.choice(["bushes", "sheds", "both", "none"], p=[0.4, 0.2, 0.25, 0.15])
    rows = []
    if kind in ("sheds", "both"):
        rows += _sheds(away * (y + rng.uniform(8.5, 11)), rng)
    if kind in ("bushes", "both"):
        rows.append(_bushes(away, y + 4.5, rng))
    return rows


def _bushes(away: int, y: float, rng: np.random.Generator) -> Solids:
    """Bushes and young trees, each a few lumps of leaves."""
    many = int(rng.integers(14, 40))
    lumps = 3
    at = np.column_stack([rng.uniform(*ENDS, many), away * (y + rng.uniform(0, 2.5, many))])
    tall = rng.uniform(0.7, 1.0, many) * rng.uniform(1.2, 3.5)
    green = GREENS[rng.integers(len(GREENS), size=many)] * rng.uniform(0.8, 1.15, (many, 1))
    place = np.repeat(at, lumps, axis=0) + rng.normal(0, 0.5, (many * lumps, 2))
    wide = rng.uniform(0.4, 1.0, many * lumps)
    top = np.repeat(tall, lumps) * rng.uniform(0.5, 1.0, many * lumps)
    tint = np.repeat(green, lumps, axis=0) * rng.uniform(0.8, 1.2, (many * lumps, 1))
    nothing = np.zeros_like(top)
    radii = np.concatenate([np.stack([0.7 * wide, wide], -1), np.stack([wide, 0.35 * wide], -1)])
    heights = np.concatenate([np.stack([nothing, 0.5 * top], -1), np.stack([0.5 * top, top], -1)])
    colours = np.concatenate([0.75 * tint, tint])
    return drums(np.tile(place, (2, 1)), radii, heights, colours, "bush", "bush")


def _sheds(y: float, rng: np.random.Generator) -> list[Solids]:
    """Sheds, or containers of their size, with flat roofs, doors and windows."""
    start, low, high, colours = rng.uniform(-44, -30), [], [], []
    while start < ENDS[1]:
        long, deep, tall = rng.uniform(5, 12), rng.uniform(1.3, 2.2), rng.uniform(2.5, 3.6)
        colour = SHEDS[rng.integers(len(SHEDS))] * rng.uniform(0.8, 1.05)
        low += [(start, y - deep, 0), (start - 0.15, y - deep - 0.15, tall)]
        high += [
            (start + long, y + deep, tall),
            (start + long + 0.15, y + deep + 0.15, tall + 0.15),
        ]
        colours += [colour, 0.6 * colour]
        for x in np.arange(start + 0.8, start + long - 1.2, rng.uniform(1.4, 3.0)):
            below, above = (0.05, 2.0) if rng.random() < 0.3 else (1.1, 1.8)
            low.append((x, y - deep - 0.03, below))
            high.append((x + 0.9, y + deep + 0.03, above))
            colours.append(0.45 * colour)
        start += long + rng.uniform(2, 14)
    return [boxes(np.array(low), np.array(high), np.array(colours), "shed", "shed")]


def _limit(away: int, y: float, rng: np.random.Generator) -> list[Solids]:
    """A fence of posts and wires, a low wall of slabs, or nothing."""
    kind = rng.choice(["fence", "wall", "none"], p=[0.4, 0.25, 0.35])
    if kind == "none":
        return []
    if kind == "wall":
        colour, high, step = WALLS[rng.integers(len(WALLS))], rng.uniform(0.7, 1.9), 2.5
        x = np.arange(*ENDS, step)
        low = _places(x + 0.03, away * y - 0.12, 0.0)
        tints = colour * rng.uniform(0.88, 1.08, (len(x), 1))
        return [boxes(low, low + np.array([step - 0.06, 0.24, high]), tints, "wall", "wall")]
    colour, high, step = WIRES[rng.integers(len(WIRES))], rng.uniform(1.5, 2.2), 2.8
    posts = _places(np.arange(*ENDS, step), away * y, 0.0)
    x, z = np.meshgrid(np.arange(*ENDS, 4 * step), np.linspace(0.25, high - 0.1, 4))
    wires = _places(x.ravel(), away * y - 0.03, z.ravel())
    sizes = np.repeat(
        [[0.08, 0.08, high], [4 * step, 0.02, 0.04]], [len(posts), len(wires)], axis=0
    )
    low = np.concatenate([posts, wires])
    return [boxes(low, low + sizes, np.repeat(colour[None], len(low), axis=0), "fence", "fence")]


def _masts(site: Site, away: int, y: float, rng: np.random.Generator) -> list[Solids]:
    """Masts of the overhead line, and those of the lamps that stand beyond the tracks."""
    poles = _places(rng.uniform(-24, -14) + 24 * np.arange(3), away * y, 0.0)
    lamps = [lamp.position for lamp in site.lamps if away * lamp.position[1] > y - 1]
    feet = np.array([*poles, *(place * [1, 1, 0] for place in lamps)])
    tops = np.array([7.0] * len(poles) + [place[2] for place in lamps])
    half = np.array([0.13, 0.13, 0.0])
    high = feet + half
    high[:, 2] = tops
    grey = np.full((len(feet), 3), (126.0, 128, 126))
    rows = [boxes(feet - half, high, grey, "mast", "mast")]
    if lamps:
        heads, pale = np.array(lamps), np.full((len(lamps), 3), (205.0, 200, 190))
        half = np.array([0.3, 0.3, 0.12])
        rows.append(boxes(heads - half, heads + half, pale, "lamp", "lamp"))
    return rows


def _places(x, y, z) -> np.ndarray:
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(float)
