"""Draw a situation: the frames of a clip, in its light and weather."""

from collections.abc import Callable, Iterator

import numpy as np

from helpers.yard.air import air_of
from helpers.yard.backdrop import Look
from helpers.yard.camera import Camera
from helpers.yard.conditions import ORDINARY, Conditions
from helpers.yard.exposure import illuminate
from helpers.yard.painter import View, paint, view
from helpers.yard.rain import Drops, Streaks
from helpers.yard.scene import Scene
from helpers.yard.sensor import Clock, Sensor, sway
from helpers.yard.situation import Situation

# View, paint and view are what boxes are found with.
__all__ = ["View", "draw_frames", "paint", "render", "view"]

FINER = 2
"""The canvas is this many times finer than the picture, so that edges come out smooth."""


def render(
    situation: Situation,
    rng: np.random.Generator,
    conditions: Conditions = ORDINARY,
    fps: float = 12.0,
    start: float = 0.0,
    place: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the frames of a situation: uint8 [T, height, width, 3], RGB.

    Args:
        rng: for the sensor's noise, the wind and where rain and dust are.
        conditions: light and weather.
        fps: frames per second.
        start: when the first frame is (s): of a piece of a longer course.
        place: what the camera exposes for, [2] (m); by default the machine's mean place.
    """
    width, height = situation.camera.size
    pictures = np.empty((situation.frames, height, width, 3), np.uint8)
    for t, picture in enumerate(draw_frames(situation, rng, conditions, fps, start, place)):
        pictures[t] = picture
    return pictures


def draw_frames(
    situation: Situation,
    rng: np.random.Generator,
    conditions: Conditions = ORDINARY,
    fps: float = 12.0,
    start: float = 0.0,
    place: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The same one by one, uint8 [height, width, 3] each: for recordings too long to be kept."""
    site, frames, (width, height) = situation.site, situation.frames, situation.camera.size
    times = start + np.arange(frames) / fps
    since = rng.uniform(0, 60)  # drawn first, so that it is the same for pieces of any length
    offsets = np.rint(FINER * sway(site, conditions, times, width, rng)).astype(int)
    # The canvas reaches farther by what the mast sways, and by a rim for blurs.
    margin = FINER * (int(np.abs(offsets).max() / FINER) + 2)
    camera = situation.camera.enlarged(FINER, margin)
    if place is None:
        place = situation.machine.position.mean(axis=0)
    lighting = illuminate(site, conditions, camera, place)
    air = air_of(conditions, lighting, np.append(place, 0.0))
    look = Look(site, conditions, lighting, air)
    scene = Scene(situation, look, camera, FINER, times, rng)
    sensor = Sensor(
        site, conditions, (width, height), rng, _window(situation.camera, conditions, rng)
    )
    clock = None
    if site.stamp is not None:
        clock = Clock(site.stamp, site.name, conditions, (width, height), since)
    for t in range(frames):
        canvas = scene.draw(t)
        x, y = margin + offsets[t]
        picture = sensor(canvas[y : y + height * FINER, x : x + width * FINER])
        if clock is not None:
            clock.burn(picture, times[t])
        yield picture


def _window(
    camera: Camera, conditions: Conditions, rng: np.random.Generator
) -> Callable[[np.ndarray], np.ndarray] | None:
    """What rain does before the lens; None where it is dry."""
    if not conditions.rain:
        return None
    streaks = Streaks(conditions, camera, rng)
    if not conditions.lens_drops:
        return streaks.fall
    drops = Drops(camera.size, rng)
    return lambda picture: drops.on(streaks.fall(picture))
