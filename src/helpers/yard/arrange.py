"""Arrangements of machine, workers and things about, looked for until a class's rules hold."""

from collections.abc import Sequence

import numpy as np

from helpers.yard import zones
from helpers.yard.camera import Camera, look_at
from helpers.yard.habits import MachineHabit
from helpers.yard.mesh import Thing
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.site import Site
from helpers.yard.situation import Cast, Situation
from helpers.yard.surroundings import scatter, set_behind
from helpers.yard.trains import Train
from helpers.yard.walks import place_worker, within


def arrange(
    label: str, site: Site, cast: Cast, size: tuple[int, int], times: np.ndarray, rng
) -> Situation | None:
    """Try one arrangement of the cast such that `label` holds; None where it does not come out.

    Args:
        size: width and height of the picture (pixels).
        times: of the frames, [T] (s).
    """
    machine = place_machine(label == "Track-Excavator", site, cast.machine, times, rng)
    clearance = zones.track_distance(machine)
    on_track = label == "Track-Excavator"
    if on_track and clearance.max() > zones.WELL_ON_TRACK:
        return None
    if not on_track and clearance.min() < zones.CLEAR_OF_GAUGE:
        return None
    trains = passing(site, cast, times)
    if not keeps_clear(site, machine, trains):
        return None
    camera = aim_camera(site, machine, size, rng)
    if camera is None:
        return None
    first = {"Bucket-Worker": "bucket", "Cabin-Worker": "body"}.get(label, "clear")
    situation = stage(label, first, site, camera, cast, machine, trains, times, rng)
    if situation is None or zones.label_of(situation.distances) != label:
        return None
    return situation


def place_machine(
    on_track: bool, site: Site, habit: MachineHabit, times: np.ndarray, rng: np.random.Generator
) -> ExcavatorMotion:
    """Set the machine on the guarded track, or beside it at a place that is clear of the gauge."""
    # Mostly along the track, whether on it or beside it: the heading must not tell the class.
    heading = rng.choice([0.0, np.pi]) + rng.normal(0, 0.2)
    if rng.random() < 0.3:
        heading = rng.uniform(0, 2 * np.pi)
    if on_track:
        y = rng.uniform(-0.7, 0.7)
    else:
        edge = zones.GAUGE + zones.half_width_across(heading) + zones.CLEAR_OF_GAUGE
        y = site.side * (edge + rng.uniform(0.1, 2.6))
    place = np.array([rng.uniform(-2.5, 2.5), y])
    slew, reach = rng.uniform(0, 2 * np.pi), rng.uniform(4.1, 5.2)
    return habit.motion(place, heading, slew, reach, times)


def passing(site: Site, cast: Cast, times: np.ndarray) -> tuple[Train, ...]:
    """The train of the cast, where the site has another track for it."""
    train = cast.train.train(site.tracks, times) if cast.train else None
    return (train,) if train else ()


def keeps_clear(site: Site, machine: ExcavatorMotion, trains: Sequence[Train]) -> bool:
    """Whether crawlers and bucket stay out of the gauge of every track on which vehicles move."""
    crawlers = site.side * machine.position[:, 1] - zones.half_width_across(machine.heading)
    nearest = np.minimum(crawlers, site.side * machine.bucket_middle[:, 1]).min()
    return all(nearest >= site.side * train.track + zones.GAUGE for train in trains)


def aim_camera(
    site: Site,
    machine: ExcavatorMotion,
    size: tuple[int, int],
    rng: np.random.Generator,
    about: np.ndarray | None = None,
) -> Camera | None:
    """The site's camera turned to the machine; None where it misses the bucket or the track.

    Args:
        about: look between the machine and this place [2] (m); by default the bucket, which then
            has to be in the picture in every frame.
    """
    bucket = machine.bucket_middle
    at = machine.usual
    aim = machine.position[at] + 0.42 * (
        (bucket[at, :2] if about is None else about) - machine.position[at]
    )
    aim = np.append(aim + rng.uniform(-0.9, 0.9, 2), rng.uniform(0.5, 1.2))
    camera = look_at(site.position, aim, site.focal(aim, size[1]), size)
    if about is None and not inside(camera, bucket).all():
        return None
    return camera if _sees_track(camera, machine.position[at, 0]) else None


def stage(
    label: str,
    first: str,
    site: Site,
    camera: Camera,
    cast: Cast,
    machine: ExcavatorMotion,
    trains: tuple[Train, ...],
    times: np.ndarray,
    rng: np.random.Generator,
) -> Situation | None:
    """Set the workers and the things about a machine; None where there is no room for a worker.

    Args:
        first: what the first worker is to the machine, see `place_worker`; the others keep clear
            of it.
    """
    placed = []
    for k, habit in enumerate(cast.workers):
        relation = first if k == 0 else "clear"
        found = place_worker(relation, habit, machine, placed, trains, site, camera, times, rng)
        if found is None:
            return None
        placed.append(found)
    distances = zones.measure(machine, placed)
    around = scatter(cast.bystanders, machine, placed, site, rng)
    beyond = set_behind(site, machine.position[len(times) // 2, 0], rng)
    beyond = tuple(thing for thing in beyond if not in_the_way(thing, trains))
    return Situation(
        label, site, camera, cast, machine, tuple(placed), trains, around, beyond, distances
    )


def in_the_way(thing: Thing, trains: Sequence[Train]) -> bool:
    """Whether a parked wagon stands where vehicles move, or before them."""
    if thing.name != "wagon":
        return False
    track = abs(thing.poses["root"].shift[0, 1])
    return any(track < abs(train.track) + 1.0 for train in trains)


def inside(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Which points [..., 3] (m) are in the picture, and not at its very edge: bool [...]."""
    pixels, depth = camera.project(points)
    return (depth > 4.0) & within(camera, pixels)


def _sees_track(camera: Camera, x: float) -> bool:
    """Whether a good part of the guarded track about `x` (m) is in the picture."""
    along = np.zeros((13, 3))
    along[:, 0] = x + np.linspace(-6, 6, 13)
    return inside(camera, along).sum() >= 3
