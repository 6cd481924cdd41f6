"""Arrangements of machine, workers and things about, looked for until a class's rules hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from helpers.yard import zones
from helpers.yard.bystanders import KINDS
from helpers.yard.camera import Camera, look_at
from helpers.yard.habits import MachineHabit, WorkerHabit, sample_machine_habit, sample_worker_habit
from helpers.yard.mesh import Solids, Thing, gather
from helpers.yard.objects import ExcavatorMotion, WorkerMotion, excavator, worker
from helpers.yard.site import Site
from helpers.yard.surroundings import scatter, set_behind

SMALLEST_WORKER = 0.17
"""The first worker is at least this high in every clip, as a share of the picture's height."""
CANDIDATES = 300
"""Places that are tried for a worker in one arrangement."""

FARTHEST_BEHIND = -2.8
"""No actor walks farther (m) beyond the guarded track: the next track's wagons stand there."""


class YardError(RuntimeError):
    """The simulated yard cannot be made as asked."""


@dataclass(frozen=True)
class Cast:
    """Who takes part and what they do: drawn without regard to the class."""

    machine: MachineHabit
    workers: tuple[WorkerHabit, ...]  # the first is the one that the class is about
    bystanders: tuple[str, ...]


@dataclass(frozen=True)
class Situation:
    """A clip before it is drawn."""

    label: str
    site: Site
    camera: Camera
    cast: Cast
    machine: ExcavatorMotion
    workers: tuple[WorkerMotion, ...]
    around: tuple[Thing, ...]  # small things that may hide an actor
    beyond: tuple[Thing, ...]  # wagons and masts, behind all actors
    distances: zones.Distances

    @property
    def frames(self) -> int:
        """How many frames it lasts."""
        return len(self.machine.heading)

    @cached_property
    def actors(self) -> tuple[Thing, ...]:
        """The things that move: excavator, worker, worker2, …"""
        habit = self.cast.machine
        things = [excavator(self.machine, habit.paint, habit.bucket_paint)]
        for k, (motion, wears) in enumerate(zip(self.workers, self.cast.workers, strict=True)):
            name = "worker" if k == 0 else f"worker{k + 1}"
            things.append(worker(motion, name, wears.vest, wears.helmet, wears.trousers))
        return tuple(things)

    @cached_property
    def solids(self) -> Solids:
        """The actors and the small things about them, which may hide one another."""
        return gather([*self.actors, *self.around], self.frames)

    @property
    def moving(self) -> np.ndarray:
        """Which parts of `solids` are actors': bool [N]."""
        return self.solids.select(names=[thing.name for thing in self.actors])


def sample_cast(rng: np.random.Generator) -> Cast:
    """One excavator, one or two workers, some things about."""
    return Cast(
        sample_machine_habit(rng),
        tuple(sample_worker_habit(rng) for _ in range(int(rng.integers(1, 3)))),
        tuple(rng.choice(list(KINDS), size=int(rng.integers(3, 8)))),
    )


def arrange(
    label: str, site: Site, cast: Cast, size: tuple[int, int], times: np.ndarray, rng
) -> Situation | None:
    """Try one arrangement of the cast such that `label` holds; None where it does not come out.

    Args:
        size: width and height of the picture (pixels).
        times: of the frames, [T] (s).
    """
    machine = _place_machine(label, site, cast.machine, times, rng)
    clearance = zones.track_distance(machine)
    on_track = label == "Track-Excavator"
    if on_track and clearance.max() > zones.WELL_ON_TRACK:
        return None
    if not on_track and clearance.min() < zones.CLEAR_OF_GAUGE:
        return None
    camera = aim_camera(site, machine, size, rng)
    if camera is None:
        return None
    first = {"Bucket-Worker": "bucket", "Cabin-Worker": "body"}.get(label, "clear")
    situation = stage(label, first, site, camera, cast, machine, times, rng)
    if situation is None or zones.label_of(situation.distances) != label:
        return None
    return situation


def aim_camera(
    site: Site, machine: ExcavatorMotion, size: tuple[int, int], rng: np.random.Generator
) -> Camera | None:
    """The site's camera turned to the machine; None where it misses the bucket or the track."""
    bucket = machine.bucket_middle
    at = len(bucket) // 2
    aim = machine.position[at] + 0.42 * (bucket[at, :2] - machine.position[at])
    aim = np.append(aim + rng.uniform(-0.9, 0.9, 2), rng.uniform(0.5, 1.2))
    camera = look_at(site.position, aim, site.focal(aim, size[1]), size)
    if not inside(camera, bucket).all() or not _sees_track(camera, machine.position[at, 0]):
        return None
    return camera


def stage(
    label: str,
    first: str,
    site: Site,
    camera: Camera,
    cast: Cast,
    machine: ExcavatorMotion,
    times: np.ndarray,
    rng: np.random.Generator,
) -> Situation | None:
    """Set the workers and the things about a machine; None where there is no room for a worker.

    Args:
        first: how the first worker stands to the machine, "bucket", "body" or "clear"; the others
            keep clear of it.
    """
    placed: list[WorkerMotion] = []
    for k, habit in enumerate(cast.workers):
        relation = first if k == 0 else "clear"
        found = _place_worker(relation, habit, machine, placed, site, camera, times, rng)
        if found is None:
            return None
        placed.append(found)
    distances = zones.measure(machine, placed)
    around = scatter(cast.bystanders, machine, placed, site, rng)
    beyond = set_behind(site, machine.position[len(times) // 2, 0], rng)
    return Situation(label, site, camera, cast, machine, tuple(placed), around, beyond, distances)


def _place_machine(label: str, site: Site, habit: MachineHabit, times, rng) -> ExcavatorMotion:
    # Mostly along the track, whether on it or beside it: the heading must not tell the class.
    heading = rng.choice([0.0, np.pi]) + rng.normal(0, 0.2)
    if rng.random() < 0.3:
        heading = rng.uniform(0, 2 * np.pi)
    if label == "Track-Excavator":
        y = rng.uniform(-0.7, 0.7)
    else:
        edge = zones.GAUGE + zones.half_width_across(heading) + zones.CLEAR_OF_GAUGE
        y = site.side * (edge + rng.uniform(0.1, 2.6))
    place = np.array([rng.uniform(-2.5, 2.5), y])
    slew, reach = rng.uniform(0, 2 * np.pi), rng.uniform(4.1, 5.2)
    return habit.motion(place, heading, slew, reach, times)


def _place_worker(
    relation: str,
    habit: WorkerHabit,
    machine: ExcavatorMotion,
    others: Sequence[WorkerMotion],
    site: Site,
    camera: Camera,
    times: np.ndarray,
    rng: np.random.Generator,
) -> WorkerMotion | None:
    at = len(times) // 2
    around = machine.bucket_middle[at, :2] if relation == "bucket" else machine.position[at]
    spread = {"bucket": 2.2, "body": 3.6, "clear": 11.0}[relation]
    places = around + rng.uniform(-spread, spread, (CANDIDATES, 2))
    headings = rng.uniform(0, 2 * np.pi, CANDIDATES)
    paths = habit.path(places, headings, times)
    good = np.ones(CANDIDATES, bool)
    # The middle frame first: it rules most places out at little cost.
    for frames in (slice(at, at + 1), slice(None)):
        chosen = np.flatnonzero(good)
        part = machine.at(frames)
        good[chosen] = _fits(relation, paths[chosen, frames], part, camera, habit.height)
        good &= (paths[:, frames, 1] * site.side > FARTHEST_BEHIND).all(axis=-1)
        for other in others:
            gap = np.linalg.norm(paths[:, frames] - other.position[frames], axis=-1)
            good &= (gap > 0.9).all(axis=-1)
        if not good.any():
            return None
    first = int(np.flatnonzero(good)[0])
    return habit.motion(places[first], headings[first], times)


def _fits(
    relation: str, paths: np.ndarray, machine: ExcavatorMotion, camera: Camera, height: float
) -> np.ndarray:
    """Which paths [N, T, 2] stand in the relation in all frames and are in the picture: [N]."""
    bucket = zones.bucket_distance(paths, machine)
    body = zones.body_distance(paths, machine)
    if relation == "bucket":
        near, other = bucket <= zones.WELL_IN_BUCKET_ZONE, body
        stands = near & (bucket > 0.75) & (other > zones.BODY_ZONE + zones.CLEAR_OF_OTHER_ZONE)
    elif relation == "body":
        near, other = body <= zones.WELL_IN_BODY_ZONE, bucket
        stands = near & (body > 0.4) & (other > zones.BUCKET_ZONE + zones.CLEAR_OF_OTHER_ZONE)
    else:
        stands = (bucket > zones.CLEAR_OF_ZONES) & (body > zones.CLEAR_OF_ZONES)
    feet = np.concatenate([paths, np.zeros((*paths.shape[:-1], 1))], axis=-1)
    below, depth = camera.project(feet)
    above, _ = camera.project(feet + np.array([0.0, 0.0, height]))
    tall = (below - above)[..., 1] >= SMALLEST_WORKER * camera.size[1]
    seen = (depth > 4.0) & tall & _within(camera, below) & _within(camera, above)
    return (stands & seen).all(axis=-1)


def _within(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    width, height = camera.size
    x, y = pixels[..., 0] / width, pixels[..., 1] / height
    return (x > 0.02) & (x < 0.98) & (y > 0.01) & (y < 0.99)


def inside(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Which points [..., 3] (m) are in the picture, and not at its very edge: bool [...]."""
    pixels, depth = camera.project(points)
    return (depth > 4.0) & _within(camera, pixels)


def _sees_track(camera: Camera, x: float) -> bool:
    """Whether a good part of the guarded track about `x` (m) is in the picture."""
    along = np.zeros((13, 3))
    along[:, 0] = x + np.linspace(-6, 6, 13)
    return inside(camera, along).sum() >= 3
