"""When a situation is which class: rules on distances in metres, so that a label is a fact.

Bucket-Worker    a worker is within BUCKET_ZONE of the bucket's middle (in plan)
Cabin-Worker     a worker is within BODY_ZONE of the machine's body or crawlers, and outside the
                 bucket's zone: the blind spots beside and behind the cabin
Track-Excavator  the crawlers stand or drive within the structure gauge of the track
Other            none of these
Each has to hold in at least MOST of the frames; where several do, the first one counts.
"""

from dataclasses import dataclass

import numpy as np

from helpers.yard.objects import BODY, UNDERCARRIAGE, ExcavatorMotion, WorkerMotion

CLASSES = ("Bucket-Worker", "Cabin-Worker", "Other", "Track-Excavator")

BUCKET_ZONE = 2.5
BODY_ZONE = 2.0
GAUGE = 2.0
"""Half the width of the structure gauge, from the middle of the track (m)."""
MOST = 0.6
"""Share of the frames in which a relation has to hold."""

# What a made clip keeps to in every frame, so that no label is a matter of centimetres. Only a
# bucket may be elsewhere for a while, since machines at work swing it: a worker is well in its
# zone in WELL_FOR of the frames.
WELL_FOR = 0.8
WELL_IN_BUCKET_ZONE = 1.9
WELL_IN_BODY_ZONE = 1.4
CLEAR_OF_OTHER_ZONE = 0.9
"""A worker in one zone is outside the other by at least this much (m)."""
CLEAR_OF_ZONES = 4.5
"""A worker in neither zone keeps this distance from bucket and body (m)."""
CLEAR_OF_GAUGE = 0.8
WELL_ON_TRACK = -1.0
"""Signed distance of crawlers and gauge: at least a metre inside."""


@dataclass(frozen=True)
class Distances:
    """Distances of a situation (m): W workers, T frames, measured in plan."""

    worker_bucket: np.ndarray  # [W, T] from the worker's middle to the bucket's
    worker_body: np.ndarray  # [W, T] to the nearest edge of body or crawlers, 0 inside
    excavator_track: np.ndarray  # [T] from crawlers to gauge; negative: how deep inside it

    def at(self, frames: slice | list[int]) -> "Distances":
        """The same distances in some of the frames, in their order."""
        return Distances(
            self.worker_bucket[:, frames],
            self.worker_body[:, frames],
            self.excavator_track[frames],
        )


def rectangle_distance(points: np.ndarray, centre, heading, extent) -> np.ndarray:
    """Distance of points from a turned rectangle, 0 inside.

    Args:
        points: [..., T, 2] (m).
        centre, heading: of the rectangle's own axes, [T, 2] (m) and [T] (radians).
        extent: x from-to and y from-to in those axes (m).
    """
    away = points - centre
    cosine, sine = np.cos(heading), np.sin(heading)
    along = away[..., 0] * cosine + away[..., 1] * sine
    across = away[..., 1] * cosine - away[..., 0] * sine
    beyond = [
        np.maximum(np.maximum(low - value, value - high), 0.0)
        for value, (low, high) in zip((along, across), extent, strict=True)
    ]
    return np.hypot(*beyond)


def body_distance(points: np.ndarray, machine: ExcavatorMotion) -> np.ndarray:
    """Distance [..., T] of points [..., T, 2] from the machine's body or crawlers (m)."""
    crawlers = rectangle_distance(points, machine.position, machine.heading, UNDERCARRIAGE)
    turned = machine.heading + machine.slew
    return np.minimum(crawlers, rectangle_distance(points, machine.position, turned, BODY))


def bucket_distance(points: np.ndarray, machine: ExcavatorMotion) -> np.ndarray:
    """Distance [..., T] in plan of points [..., T, 2] from the bucket's middle (m)."""
    return np.linalg.norm(points - machine.bucket_middle[:, :2], axis=-1)


def half_width_across(heading: np.ndarray) -> np.ndarray:
    """How far the crawlers reach to either side across the track at a heading (m)."""
    (_, length), (_, width) = UNDERCARRIAGE
    return np.abs(length * np.sin(heading)) + np.abs(width * np.cos(heading))


def track_distance(machine: ExcavatorMotion) -> np.ndarray:
    """Signed distance [T] of the crawlers from the gauge of the track along y = 0 (m)."""
    return np.abs(machine.position[:, 1]) - half_width_across(machine.heading) - GAUGE


def measure(machine: ExcavatorMotion, workers: list[WorkerMotion]) -> Distances:
    """All distances that the label depends on."""
    places = np.stack([person.position for person in workers])
    return Distances(
        bucket_distance(places, machine), body_distance(places, machine), track_distance(machine)
    )


def label_of(distances: Distances) -> str:
    """The class of a situation, computed from its distances by the rules above."""
    in_bucket_zone = distances.worker_bucket <= BUCKET_ZONE
    in_body_zone = (distances.worker_body <= BODY_ZONE) & ~in_bucket_zone
    if (in_bucket_zone.mean(axis=-1) >= MOST).any():
        return "Bucket-Worker"
    if (in_body_zone.mean(axis=-1) >= MOST).any():
        return "Cabin-Worker"
    if (distances.excavator_track < 0).mean() >= MOST:
        return "Track-Excavator"
    return "Other"
