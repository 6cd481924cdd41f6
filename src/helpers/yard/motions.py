"""When a situation is which motion: rules in metres for classes that only the order of time tells.

Classes come in pairs. A rule says when a course of events is the first of a pair; the second is,
by definition, a course that is the first when run backwards.

Bucket-Lifting       the bucket's middle is at least LIFTED higher in the last frame than in the
                     first, and never sinks by more than SLACK on the way; a worker is within
                     BUCKET_ZONE of it (in plan) in every frame
Bucket-Lowering      the same backwards
Excavator-Entering   the crawlers are at least ACROSS outside the structure gauge of the track in
                     the first frame and at least as far inside in the last, and never move away
                     from it by more than SLACK on the way
Excavator-Leaving    the same backwards
Wagons-Coupling      the buffers of two trains on one track are at least PARTED apart in the first
                     frame, never draw apart by more than SLACK, and touch (TOUCH) in the last
                     quarter
Wagons-Uncoupling    the same backwards
Train-Arriving       the nearer end of a train comes at least ARRIVED nearer to the machine along
                     the track, never draws away by more than SLACK, and stands (TOUCH) in the last
                     quarter
Train-Departing      the same backwards
Worker-Approaching   a worker comes at least APPROACHED nearer to the slewing axis of a machine that
                     stands (SLACK), and never draws away by more than SLACK
Worker-Leaving       the same backwards
Where several hold, the first one counts; where none does, there is no label.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np

from helpers.yard.objects import ExcavatorMotion, WorkerMotion
from helpers.yard.trains import Train, gap
from helpers.yard.zones import BUCKET_ZONE, bucket_distance, track_distance

LIFTED = 1.0
"""Height (m) that the bucket gains."""
ACROSS = 0.25
"""How far (m) the crawlers are on either side of the gauge's edge."""
PARTED = 1.0
"""How far (m) the buffers of two trains are apart that are not coupled."""
ARRIVED = 1.5
"""How far (m) a train comes nearer."""
APPROACHED = 1.2
"""How far (m) a worker comes nearer."""
SLACK = 0.1
TOUCH = 0.05
LAST = 0.25
"""Share of the time in which a train stands, or stays coupled, at the end."""

# What a made clip keeps to, so that no label is a matter of centimetres.
WELL_LIFTED = 1.5
WELL_ACROSS = 0.5
WELL_PARTED = 1.4
WELL_ARRIVED = 2.0
WELL_APPROACHED = 1.5
CALM_BUCKET = 0.75
"""The bucket's height changes by less than this (m) while the machine drives."""


@dataclass(frozen=True)
class Course:
    """What the motions depend on, over T frames, with W workers, K trains and P pairs of them (m).

    Trains of a pair are on one track. Times run along the last axis of everything.
    """

    bucket_height: np.ndarray  # [T] of the bucket's middle above the ground
    excavator_track: np.ndarray  # [T] from crawlers to gauge; negative: how deep inside it
    machine_way: np.ndarray  # [T] from the first place of the slewing axis
    worker_bucket: np.ndarray  # [W, T] in plan, from the bucket's middle
    worker_machine: np.ndarray  # [W, T] in plan, from the slewing axis
    train_machine: np.ndarray  # [K, T] along the track, from the slewing axis to the nearer end
    wagon_gap: np.ndarray  # [P, T] from buffer to buffer

    @property
    def backwards(self) -> "Course":
        """The same course with its last frame first."""
        return Course(**{one.name: getattr(self, one.name)[..., ::-1] for one in fields(self)})


def measure(
    machine: ExcavatorMotion, workers: Sequence[WorkerMotion], trains: Sequence[Train]
) -> Course:
    """All that the label depends on."""
    frames = len(machine.heading)
    places = np.reshape([person.position for person in workers], (-1, frames, 2))
    aways = [train.away(machine.position[:, 0]) for train in trains]
    gaps = [gap(a, b) for a, b in combinations(trains, 2) if a.track == b.track]
    return Course(
        machine.bucket_middle[:, 2],
        track_distance(machine),
        np.linalg.norm(machine.position - machine.position[0], axis=-1),
        bucket_distance(places, machine),
        np.linalg.norm(places - machine.position, axis=-1),
        np.reshape(aways, (-1, frames)),
        np.reshape(gaps, (-1, frames)),
    )


def bucket_lifts(course: Course) -> bool:
    """Whether the rule of Bucket-Lifting holds."""
    height = course.bucket_height
    near = (course.worker_bucket <= BUCKET_ZONE).all(axis=-1).any()
    return bool(near and height[-1] - height[0] >= LIFTED and _rises(height))


def excavator_enters(course: Course) -> bool:
    """Whether the rule of Excavator-Entering holds."""
    outside = course.excavator_track
    return bool(outside[0] >= ACROSS and outside[-1] <= -ACROSS and _rises(-outside))


def wagons_couple(course: Course) -> bool:
    """Whether the rule of Wagons-Coupling holds."""
    return any(
        between[0] >= PARTED and _rises(-between) and np.abs(_last(between)).max() <= TOUCH
        for between in course.wagon_gap
    )


def train_arrives(course: Course) -> bool:
    """Whether the rule of Train-Arriving holds."""
    return any(
        away[0] - away[-1] >= ARRIVED and _rises(-away) and np.ptp(_last(away)) <= TOUCH
        for away in course.train_machine
    )


def worker_approaches(course: Course) -> bool:
    """Whether the rule of Worker-Approaching holds."""
    stands = np.ptp(course.machine_way) <= SLACK
    comes = (away[0] - away[-1] >= APPROACHED and _rises(-away) for away in course.worker_machine)
    return bool(stands and any(comes))


RULES: dict[tuple[str, str], Callable[[Course], bool]] = {
    ("Bucket-Lifting", "Bucket-Lowering"): bucket_lifts,
    ("Excavator-Entering", "Excavator-Leaving"): excavator_enters,
    ("Wagons-Coupling", "Wagons-Uncoupling"): wagons_couple,
    ("Train-Arriving", "Train-Departing"): train_arrives,
    ("Worker-Approaching", "Worker-Leaving"): worker_approaches,
}
"""Per pair the rule of its first class."""

CLASSES = tuple(sorted(name for pair in RULES for name in pair))
FORWARDS = {name: pair[0] for pair in RULES for name in pair}
"""The first of the pair that a class belongs to."""


def label_of(course: Course) -> str | None:
    """The class of a course of events by the rules above; None where no rule holds."""
    for (first, second), holds in RULES.items():
        if holds(course):
            return first
        if holds(course.backwards):
            return second
    return None


def _rises(values: np.ndarray) -> bool:
    return bool((np.maximum.accumulate(values) - values).max() <= SLACK)


def _last(values: np.ndarray) -> np.ndarray:
    """The values [T] of the last quarter of the time."""
    return values[int(np.ceil((1 - LAST) * (len(values) - 1))) :]
