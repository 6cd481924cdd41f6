"""Arrangements for the motions: each is looked for as the first of its pair, and the second of a
pair is such an arrangement run backwards.

So the frames of both come from one distribution, and one frame cannot tell which it is from.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from helpers.yard import motions, zones
from helpers.yard.camera import Camera
from helpers.yard.habits import FARTHEST, MachineHabit
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.site import Site
from helpers.yard.situation import Cast, Situation, aim_camera, inside, stage

SHIFT = 0.13
"""What moves is shifted by at least this share of the picture's width from first to last frame."""
BODY_MIDDLE = 1.2
"""Height (m) of the points whose ways are followed where the machine drives."""
BODY_ABOUT = 1.3 * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
"""Those points from the slewing axis, [5, 3] (m)."""


def arrange_forwards(
    label: str, site: Site, cast: Cast, size: tuple[int, int], times: np.ndarray, rng
) -> Situation | None:
    """Try one arrangement of the first of a pair; None where it does not come out.

    Workers stay where they are, for the way that someone walks shows which way time runs.

    Args:
        label: first class of a pair.
        size: width and height of the picture (pixels).
        times: of the frames, [T] (s).
    """
    machine, moved = MAKERS[label].draw(site, cast.machine, times, rng)
    course = motions.measure(machine)
    if motions.label_of(course) != label or not MAKERS[label].well(course):
        return None
    camera = aim_camera(site, machine, size, rng)
    if camera is None or not _is_large(camera, moved):
        return None
    stand = tuple(replace(habit, speed=0.0, turning=0.0) for habit in cast.workers)
    cast = replace(cast, workers=stand)
    return stage(label, "clear", site, camera, cast, machine, times, rng)


def run_backwards(situation: Situation) -> Situation:
    """The same situation with the machine's motion reversed in time, under the label it then has.

    Raises:
        ValueError: no rule of the motions holds.
    """
    machine = situation.machine.at(slice(None, None, -1))
    label = motions.label_of(motions.measure(machine))
    if label is None:
        raise ValueError(f"{situation.label} run backwards is none of {motions.CLASSES}.")
    distances = zones.measure(machine, list(situation.workers))
    return replace(situation, label=label, machine=machine, distances=distances)


def _share_done(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much of a move is done, [T] from 0 to 1: it may start late, end early, and ease in."""
    start, stop = rng.uniform(0, 0.08), rng.uniform(0.92, 1)
    share = np.clip((times / times[-1] - start) / (stop - start), 0, 1)
    soft = rng.uniform(0, 0.5)
    return (1 - soft) * share + soft * share**2 * (3 - 2 * share)


Moved = tuple[ExcavatorMotion, np.ndarray]
"""A motion, and the ways [P, T, 3] of points (m): all stay in the picture, the first moves far."""


def _lift_bucket(site: Site, habit: MachineHabit, times, rng) -> Moved:
    """The machine stands beside the track and brings its bucket up."""
    heading = rng.uniform(0, 2 * np.pi)
    edge = zones.GAUGE + zones.half_width_across(heading) + zones.CLEAR_OF_GAUGE
    place = np.array([rng.uniform(-2.5, 2.5), site.side * (edge + rng.uniform(0.1, 2.6))])
    slew, reach = rng.uniform(0, 2 * np.pi), rng.uniform(4.0, 4.7)
    motion = replace(habit, speed=0.0).motion(place, heading, slew, reach, times)
    share = _share_done(times, rng)
    motion = replace(
        motion,
        reach=np.clip(motion.reach + rng.uniform(-0.5, 0.3) * share, 3.8, FARTHEST),
        lift=rng.uniform(0.95, 1.4) + rng.uniform(1.6, 2.3) * share,
        curl=motion.curl + rng.uniform(-0.4, 0.4) * share,
    )
    return motion, motion.bucket_middle[None]


def _drive_in(site: Site, habit: MachineHabit, times, rng) -> Moved:
    """The machine drives into the gauge, forwards or backwards, straight or a little slantwise."""
    towards = -site.side * rng.uniform(np.radians(50), np.radians(130))
    along = np.array([np.cos(towards), np.sin(towards)])
    backwards = rng.random() < 0.5
    heading = towards + np.pi * backwards
    edge = zones.GAUGE + float(zones.half_width_across(heading)) + rng.uniform(-0.4, 0.4)
    middle = np.array([rng.uniform(-2.5, 2.5), site.side * edge])
    slew, reach = rng.uniform(0, 2 * np.pi), rng.uniform(4.1, 5.2)
    motion = replace(habit, speed=0.0).motion(middle, heading, slew, reach, times)
    way = rng.uniform(2.3, 3.3) * (_share_done(times, rng) - 0.5)
    motion = replace(motion, position=motion.position + way[:, None] * along)
    middle = np.column_stack([motion.position, np.full(len(times), BODY_MIDDLE)])
    return motion, middle + BODY_ABOUT[:, None]


def _well_lifted(course: motions.Course) -> bool:
    return bool(course.bucket_height[-1] - course.bucket_height[0] >= motions.WELL_LIFTED)


def _well_driven_in(course: motions.Course) -> bool:
    outside = course.excavator_track
    across = outside[0] >= motions.WELL_ACROSS and outside[-1] <= -motions.WELL_ACROSS
    return bool(across and np.ptp(course.bucket_height) < motions.CALM_BUCKET)


@dataclass(frozen=True)
class Maker:
    """How the first of a pair is made."""

    draw: Callable[..., Moved]  # of site, habit, times and generator
    well: Callable[[motions.Course], bool]  # whether its rule holds by a good margin


MAKERS = {
    "Bucket-Lifting": Maker(_lift_bucket, _well_lifted),
    "Excavator-Entering": Maker(_drive_in, _well_driven_in),
}


def _is_large(camera: Camera, moved: np.ndarray) -> bool:
    """Whether what moves stays in the picture, and is seen to move far."""
    pixels, _ = camera.project(moved)
    far = np.linalg.norm(pixels[0, -1] - pixels[0, 0]) >= SHIFT * camera.size[0]
    return bool(far) and bool(inside(camera, moved).all())
