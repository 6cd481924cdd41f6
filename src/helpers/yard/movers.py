"""How the first motion of each pair is made: what moves, from where to where, by how much."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from helpers.yard import motions, zones
from helpers.yard.arrange import place_machine
from helpers.yard.habits import FARTHEST, NEAREST
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.site import Site
from helpers.yard.situation import Cast
from helpers.yard.trains import Train, Vehicle, length_of, sample_vehicles
from helpers.yard.walks import SHIFT, share_done

BODY_MIDDLE = 1.2
"""Height (m) of the points whose ways are followed where the machine drives."""
BODY_ABOUT = 1.3 * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
"""Those points from the slewing axis, [5, 3] (m)."""
END_HEIGHT = 1.6
"""Height (m) of the point that is followed where a train moves."""
TRAIN_SHIFT = 0.1
"""As `SHIFT`: trains run along the track, and some cameras look along it."""
NOBODY_MOVES = np.zeros((0, 1, 3))


@dataclass(frozen=True)
class Draft:
    """What is decided about a motion before the camera is aimed and the workers are placed."""

    machine: ExcavatorMotion
    moved: np.ndarray  # [P, T, 3]: ways (m) that stay in the picture; the first one goes far
    trains: tuple[Train, ...] = ()
    about: np.ndarray | None = None  # [2], where the camera looks beside the machine; the bucket


@dataclass(frozen=True)
class Maker:
    """How the first of a pair is made."""

    draw: Callable[..., Draft]  # of site, cast, times and generator
    well: Callable[[motions.Course], bool]  # whether its rule holds by a good margin
    first: str = "clear"  # what the first worker is to the machine
    shift: float = SHIFT  # how far what moves is shifted at least, as a share of the width


def _lift_bucket(site: Site, cast: Cast, times, rng) -> Draft:
    """The machine stands beside the track and brings its bucket up."""
    heading = rng.uniform(0, 2 * np.pi)
    edge = zones.GAUGE + zones.half_width_across(heading) + zones.CLEAR_OF_GAUGE
    place = np.array([rng.uniform(-2.5, 2.5), site.side * (edge + rng.uniform(0.1, 2.6))])
    slew, reach = rng.uniform(0, 2 * np.pi), rng.uniform(4.0, 4.7)
    motion = cast.machine.motion(place, heading, slew, reach, times)
    share = share_done(times, rng)
    motion = replace(
        motion,
        reach=np.clip(motion.reach + rng.uniform(-0.5, 0.3) * share, NEAREST, FARTHEST),
        lift=rng.uniform(0.95, 1.4) + rng.uniform(1.6, 2.3) * share,
        curl=motion.curl + rng.uniform(-0.4, 0.4) * share,
    )
    return Draft(motion, motion.bucket_middle[None])


def _drive_in(site: Site, cast: Cast, times, rng) -> Draft:
    """The machine drives into the gauge, forwards or backwards, straight or a little slantwise."""
    towards = -site.side * rng.uniform(np.radians(50), np.radians(130))
    along = np.array([np.cos(towards), np.sin(towards)])
    backwards = rng.random() < 0.5
    heading = towards + np.pi * backwards
    edge = zones.GAUGE + float(zones.half_width_across(heading)) + rng.uniform(-0.4, 0.4)
    middle = np.array([rng.uniform(-2.5, 2.5), site.side * edge])
    slew, reach = rng.uniform(0, 2 * np.pi), rng.uniform(4.1, 5.2)
    motion = cast.machine.motion(middle, heading, slew, reach, times)
    way = rng.uniform(2.3, 3.3) * (share_done(times, rng) - 0.5)
    motion = replace(motion, position=motion.position + way[:, None] * along)
    middle = np.column_stack([motion.position, np.full(len(times), BODY_MIDDLE)])
    return Draft(motion, middle + BODY_ABOUT[:, None])


def _couple(site: Site, cast: Cast, times, rng) -> Draft:
    """One train runs up to another that stands, and stays."""
    machine = place_machine(False, site, cast.machine, times, rng)
    track, side = site.tracks[rng.integers(len(site.tracks))], rng.choice([-1, 1])
    meet = machine.position[0, 0] + rng.uniform(-6, 6)
    left = rng.uniform(1.5, 3.8) * (1 - share_done(times, rng, until=1 - motions.LAST))
    trains = (
        _with_end_at(meet + 0 * left, side, track, sample_vehicles(1, rng, drawn=False)),
        _with_end_at(meet - side * left, -side, track, _vehicles(rng)),
    )
    return _with_trains(machine, trains, meet - side * left, track, also=meet + 0 * left)


def _arrive(site: Site, cast: Cast, times, rng) -> Draft:
    """A train comes from one side and stops short of the machine."""
    machine = place_machine(False, site, cast.machine, times, rng)
    track, side = site.tracks[rng.integers(len(site.tracks))], rng.choice([-1, 1])
    stop = machine.position[0, 0] + side * rng.uniform(0.5, 4.0)
    # Braked evenly to a stand: what is left of the way goes with the square of the time left.
    until = rng.uniform(0.85, 1.0) * (1 - motions.LAST) * times[-1]
    share = np.clip(1 - times / until, 0, 1)
    left = rng.uniform(2.2, 3.8) * (0.5 * share + 0.5 * share**2)
    train = _with_end_at(stop + side * left, side, track, _vehicles(rng))
    return _with_trains(machine, (train,), stop + side * left, track)


def _vehicles(rng: np.random.Generator) -> tuple[Vehicle, ...]:
    return sample_vehicles(int(rng.integers(1, 3)), rng, drawn=rng.random() < 0.4)


def _with_end_at(x: np.ndarray, side: int, track: float, vehicles) -> Train:
    """A train that lies on one side of places x [T] (m) and ends there."""
    return Train(track, vehicles, x if side > 0 else x - length_of(vehicles))


def _with_trains(machine, trains, x: np.ndarray, track: float, also=None) -> Draft:
    ends = np.array([x] if also is None else [x, also])
    moved = np.stack([ends, np.full_like(ends, track), np.full_like(ends, END_HEIGHT)], axis=-1)
    return Draft(machine, moved, trains, moved[0, len(x) // 2, :2])


def _approach(site: Site, cast: Cast, times, rng) -> Draft:
    """The machine stands beside the track; the worker is set on the way once the camera is."""
    machine = place_machine(False, site, cast.machine, times, rng)
    return Draft(machine, NOBODY_MOVES)


def _well_lifted(course: motions.Course) -> bool:
    return bool(course.bucket_height[-1] - course.bucket_height[0] >= motions.WELL_LIFTED)


def _well_driven_in(course: motions.Course) -> bool:
    outside = course.excavator_track
    across = outside[0] >= motions.WELL_ACROSS and outside[-1] <= -motions.WELL_ACROSS
    return bool(across and np.ptp(course.bucket_height) < motions.CALM_BUCKET)


def _well_coupled(course: motions.Course) -> bool:
    return bool(course.wagon_gap[0, 0] >= motions.WELL_PARTED)


def _well_arrived(course: motions.Course) -> bool:
    away = course.train_machine[0]
    return bool(away[0] - away[-1] >= motions.WELL_ARRIVED)


MAKERS = {
    "Bucket-Lifting": Maker(_lift_bucket, _well_lifted, "bucket"),
    "Excavator-Entering": Maker(_drive_in, _well_driven_in),
    "Wagons-Coupling": Maker(_couple, _well_coupled, shift=TRAIN_SHIFT),
    "Train-Arriving": Maker(_arrive, _well_arrived, shift=TRAIN_SHIFT),
    "Worker-Approaching": Maker(_approach, lambda course: True, "approach"),
}
