"""Arrangements for the motions: each is looked for as the first of its pair, and the second of a
pair is such an arrangement run backwards.

So the frames of both come from one distribution, and one frame cannot tell which it is from.
"""

from dataclasses import replace

import numpy as np

from helpers.yard import motions
from helpers.yard.arrange import aim_camera, inside, keeps_clear, passing, stage
from helpers.yard.camera import Camera
from helpers.yard.movers import MAKERS
from helpers.yard.site import Site
from helpers.yard.situation import Cast, Situation


def arrange_forwards(
    label: str, site: Site, cast: Cast, size: tuple[int, int], times: np.ndarray, rng
) -> Situation | None:
    """Try one arrangement of the first of a pair; None where it does not come out.

    Only what the class is about walks or works: the way that someone else walks, or a machine digs,
    would show which way time runs.

    Args:
        label: first class of a pair.
        size: width and height of the picture (pixels).
        times: of the frames, [T] (s).
    """
    maker = MAKERS[label]
    stand = tuple(replace(habit, speed=0.0, turning=0.0) for habit in cast.workers)
    cast = replace(cast, workers=stand, machine=replace(cast.machine, cycle=None, speed=0.0))
    draft = maker.draw(site, cast, times, rng)
    # A draft with trains of its own needs no other.
    trains = draft.trains or passing(site, cast, times)
    if not maker.well(motions.measure(draft.machine, (), trains)):
        return None
    if not keeps_clear(site, draft.machine, trains):
        return None
    camera = aim_camera(site, draft.machine, size, rng, draft.about)
    if camera is None or not _is_large(camera, draft.moved, maker.shift):
        return None
    situation = stage(label, maker.first, site, camera, cast, draft.machine, trains, times, rng)
    if situation is None or label_of(situation) != label:
        return None
    return situation


def label_of(situation: Situation) -> str | None:
    """The motion of a situation by the rules of `motions`; None where no rule holds."""
    course = motions.measure(situation.machine, situation.workers, situation.trains)
    return motions.label_of(course)


def run_backwards(situation: Situation) -> Situation:
    """The same situation with its last frame first, under the label it then has.

    Raises:
        ValueError: no rule of the motions holds.
    """
    back = situation.at(slice(None, None, -1))
    label = label_of(back)
    if label is None:
        raise ValueError(f"{situation.label} run backwards is none of {motions.CLASSES}.")
    return replace(back, label=label)


def _is_large(camera: Camera, moved: np.ndarray, shift: float) -> bool:
    """Whether what moves [P, T, 3] (m) stays in the picture, and its first point moves far."""
    if not len(moved):
        return True
    pixels, _ = camera.project(moved)
    far = np.linalg.norm(pixels[0, -1] - pixels[0, 0]) > shift * camera.size[0]
    return bool(far) and bool(inside(camera, moved).all())
