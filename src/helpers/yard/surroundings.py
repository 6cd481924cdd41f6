"""Where the things stand that mean nothing: about the actors, and behind them."""

import numpy as np

from helpers.yard import zones
from helpers.yard.bystanders import bystander, wagon
from helpers.yard.mesh import Thing
from helpers.yard.site import Site


def scatter(kinds, machine, workers, site, rng) -> tuple[Thing, ...]:
    """Small things where no actor walks, drives or slews, and off the tracks."""
    things, taken = [], []
    for kind in kinds:
        for _ in range(20):
            place = np.array([rng.uniform(-9, 9), site.side * rng.uniform(2.4, 11)])
            # Anything near the camera would fill the picture.
            clear = np.linalg.norm(place - site.position[:2]) > 8
            clear &= zones.body_distance(place[None], machine).min() > 1.9
            clear &= zones.bucket_distance(place[None], machine).min() > 1.7
            clear &= all(
                np.linalg.norm(person.position - place, axis=-1).min() > 1.6 for person in workers
            )
            clear &= all(np.linalg.norm(place - other) > 1.5 for other in taken)
            if clear:
                taken.append(place)
                things.append(bystander(kind, place, rng))
                break
    return tuple(things)


def set_behind(site: Site, x: float, rng) -> tuple[Thing, ...]:
    """Wagons on the other tracks, where they cannot hide an actor.

    The next track stays free about `x`, where the machine's arm may swing over it.
    """
    if not site.looks_across:
        return ()
    things = []
    for y in sorted(site.tracks[1:], key=abs, reverse=True):
        if rng.random() < 0.6:
            colours = [(122, 66, 48), (80, 92, 104), (104, 108, 84), (136, 120, 96), (60, 84, 110)]
            colour = np.array(colours[rng.integers(5)]) * rng.uniform(0.85, 1.1)
            start, length = rng.uniform(-16, 4), rng.uniform(9, 12)
            for k in range(int(rng.integers(1, 3))):
                high = bool(rng.random() < 0.5)
                middle = start + k * (length + 1.2)
                if abs(y) > 6 or abs(middle - x) > 6 + length / 2:
                    things.append(wagon(middle, y, length, colour, high))
    return tuple(things)
