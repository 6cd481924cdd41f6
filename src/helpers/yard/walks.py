"""Where workers stand and walk: places that are tried until one stands as asked to the machine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.yard import zones
from helpers.yard.camera import Camera
from helpers.yard.habits import WorkerHabit
from helpers.yard.objects import ExcavatorMotion, WorkerMotion
from helpers.yard.site import Site
from helpers.yard.trains import Train

SMALLEST_WORKER = 0.17
"""The first worker is at least this high in every clip, as a share of the picture's height."""
CANDIDATES = 300
"""Places that are tried for a worker in one arrangement."""
FARTHEST_BEHIND = -2.8
"""No actor walks farther (m) beyond the guarded track: the next track's wagons stand there."""
SHIFT = 0.13
"""What a motion is about moves by at least this share of the picture's width in a clip."""
SPREAD = {"bucket": 2.2, "body": 3.6, "clear": 11.0}
"""How far (m) from bucket or machine places are tried, either way in x and y."""


@dataclass(frozen=True)
class Ways:
    """Ways that are tried for a worker: N ways, T frames."""

    paths: np.ndarray  # [N, T, 2], m
    headings: np.ndarray  # [N, T], rad
    gait: float = 1.0  # how far the legs swing out


def place_worker(
    relation: str,
    habit: WorkerHabit,
    machine: ExcavatorMotion,
    others: Sequence[WorkerMotion],
    trains: Sequence[Train],
    site: Site,
    camera: Camera,
    times: np.ndarray,
    rng: np.random.Generator,
) -> WorkerMotion | None:
    """A worker's motion in which it is well to be seen and stands as asked; None if none is found.

    Args:
        relation: "bucket" or "body" (near it in all frames), "clear" (of both) or "approach" (walks
            towards the machine and stays out of everybody's way).
        others: workers that are placed already, 0.9 m from them is kept.
        trains: the gauge of their tracks is kept free.
    """
    if relation == "approach":
        ways = _approaches(machine, times, rng)
    else:
        ways = _strolls(relation, habit, machine, times, rng)
    behind = max([FARTHEST_BEHIND, *(site.side * one.track + zones.GAUGE for one in trains)])
    at = machine.usual
    good = np.ones(CANDIDATES, bool)
    # The usual frame first: it rules most places out at little cost.
    for frames in (slice(at, at + 1), slice(None)):
        chosen = np.flatnonzero(good)
        part = machine.at(frames)
        good[chosen] = _fits(relation, ways.paths[chosen, frames], part, camera, habit.height)
        good &= (ways.paths[:, frames, 1] * site.side > behind).all(axis=-1)
        for other in others:
            gap = np.linalg.norm(ways.paths[:, frames] - other.position[frames], axis=-1)
            good &= (gap > 0.9).all(axis=-1)
        if not good.any():
            return None
    first = int(np.flatnonzero(good)[0])
    return habit.along(ways.paths[first], ways.headings[first], times, ways.gait)


def _strolls(relation: str, habit: WorkerHabit, machine, times, rng) -> Ways:
    """Ways as the worker is used to walk, about bucket or machine."""
    at = machine.usual
    around = machine.bucket_middle[at, :2] if relation == "bucket" else machine.position[at]
    spread = SPREAD[relation]
    places = around + rng.uniform(-spread, spread, (CANDIDATES, 2))
    headings = rng.uniform(0, 2 * np.pi, CANDIDATES)
    return Ways(habit.path(places, headings, times), habit.headings(headings, times))


def _approaches(machine: ExcavatorMotion, times: np.ndarray, rng) -> Ways:
    """Ways towards the machine; whether the worker looks where it goes has nothing to do with it.

    It walks forwards as often as backwards, or sideways: so the way it looks is the same for the
    way back, and no single frame tells which it is.
    """
    bearing = rng.uniform(0, 2 * np.pi, CANDIDATES)
    outwards = bearing + rng.uniform(-0.6, 0.6, CANDIDATES)
    near, length = rng.uniform(2.2, 4.6, CANDIDATES), rng.uniform(1.7, 2.6, CANDIDATES)
    end = machine.position[len(times) // 2] + near[:, None] * _towards(bearing)
    far = (1 - share_done(times, rng)) * length[:, None]
    turned = rng.choice([0.0, np.pi, np.pi / 2, -np.pi / 2], p=[0.36, 0.36, 0.14, 0.14])
    turned += rng.uniform(-0.35, 0.35)
    headings = np.repeat((outwards + turned)[:, None], len(times), axis=1)
    paths = end[:, None] + far[..., None] * _towards(outwards)[:, None]
    return Ways(paths, headings, gait=0.25 + 0.75 * abs(np.cos(turned)))


def _towards(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def share_done(times: np.ndarray, rng: np.random.Generator, until: float = 1.0) -> np.ndarray:
    """How much of a move is done, [T] from 0 to 1: it may start late, end early, and ease in.

    Args:
        until: the share of the time at which it is done at the latest.
    """
    start, stop = rng.uniform(0, 0.08), rng.uniform(0.92, 1) * until
    share = np.clip((times / times[-1] - start) / (stop - start), 0, 1)
    soft = rng.uniform(0, 0.5)
    return (1 - soft) * share + soft * share**2 * (3 - 2 * share)


def _fits(
    relation: str, paths: np.ndarray, machine: ExcavatorMotion, camera: Camera, height: float
) -> np.ndarray:
    """Which paths [N, T, 2] stand in the relation in all frames and are in the picture: [N]."""
    bucket = zones.bucket_distance(paths, machine)
    body = zones.body_distance(paths, machine)
    if relation == "bucket":
        near = (bucket <= zones.WELL_IN_BUCKET_ZONE).mean(axis=-1, keepdims=True) >= zones.WELL_FOR
        stands = near & (bucket > 0.75) & (body > zones.BODY_ZONE + zones.CLEAR_OF_OTHER_ZONE)
    elif relation == "body":
        near, other = body <= zones.WELL_IN_BODY_ZONE, bucket
        stands = near & (body > 0.4) & (other > zones.BUCKET_ZONE + zones.CLEAR_OF_OTHER_ZONE)
    elif relation == "approach":
        stands = (body > 0.5) & (bucket > 1.0)
    else:
        stands = (bucket > zones.CLEAR_OF_ZONES) & (body > zones.CLEAR_OF_ZONES)
    feet = np.concatenate([paths, np.zeros((*paths.shape[:-1], 1))], axis=-1)
    below, depth = camera.project(feet)
    above, _ = camera.project(feet + np.array([0.0, 0.0, height]))
    tall = (below - above)[..., 1] >= SMALLEST_WORKER * camera.size[1]
    seen = (depth > 4.0) & tall & within(camera, below) & within(camera, above)
    fits = (stands & seen).all(axis=-1)
    if relation == "approach" and paths.shape[1] > 1:
        fits &= np.linalg.norm(below[:, -1] - below[:, 0], axis=-1) >= SHIFT * camera.size[0]
    return fits


def within(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Which pixels [..., 2] are in the picture, and not at its very edge: bool [...]."""
    width, height = camera.size
    x, y = pixels[..., 0] / width, pixels[..., 1] / height
    return (x > 0.02) & (x < 0.98) & (y > 0.01) & (y < 0.99)
