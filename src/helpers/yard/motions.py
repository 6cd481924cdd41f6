"""When a situation is which motion: rules in metres for classes that only the order of time tells.

Classes come in pairs. A rule says when a course of events is the first of a pair; the second is,
by definition, a course that is the first when run backwards.

Bucket-Lifting       the bucket's middle is at least LIFTED higher in the last frame than in the
                     first, and never sinks by more than SLACK on the way
Bucket-Lowering      the same backwards
Excavator-Entering   the crawlers are at least ACROSS outside the structure gauge of the track in
                     the first frame and at least as far inside in the last, and never move away
                     from it by more than SLACK on the way
Excavator-Leaving    the same backwards
Where several hold, the first one counts; where none does, there is no label.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.yard.objects import ExcavatorMotion
from helpers.yard.zones import track_distance

LIFTED = 1.0
"""Height (m) that the bucket gains."""
ACROSS = 0.25
"""How far (m) the crawlers are on either side of the gauge's edge."""
SLACK = 0.1

# What a made clip keeps to, so that no label is a matter of centimetres.
WELL_LIFTED = 1.5
WELL_ACROSS = 0.5
CALM_BUCKET = 0.75
"""The bucket's height changes by less than this (m) while the machine drives."""


@dataclass(frozen=True)
class Course:
    """What the motions depend on, over T frames (m)."""

    bucket_height: np.ndarray  # [T] of the bucket's middle above the ground
    excavator_track: np.ndarray  # [T] from crawlers to gauge; negative: how deep inside it

    @property
    def backwards(self) -> "Course":
        """The same course with its last frame first."""
        return Course(self.bucket_height[::-1], self.excavator_track[::-1])


def measure(machine: ExcavatorMotion) -> Course:
    """All that the label depends on."""
    return Course(machine.bucket_middle[:, 2], track_distance(machine))


def bucket_lifts(course: Course) -> bool:
    """Whether the rule of Bucket-Lifting holds."""
    height = course.bucket_height
    return bool(height[-1] - height[0] >= LIFTED and _rises(height))


def excavator_enters(course: Course) -> bool:
    """Whether the rule of Excavator-Entering holds."""
    outside = course.excavator_track
    return bool(outside[0] >= ACROSS and outside[-1] <= -ACROSS and _rises(-outside))


RULES: dict[tuple[str, str], Callable[[Course], bool]] = {
    ("Bucket-Lifting", "Bucket-Lowering"): bucket_lifts,
    ("Excavator-Entering", "Excavator-Leaving"): excavator_enters,
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
