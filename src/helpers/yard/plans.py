"""Plans over minutes: what a machine and a worker do one after the other, at plausible speeds."""

from dataclasses import dataclass, field

import numpy as np

from helpers.yard.cycles import Cycle, ease
from helpers.yard.habits import WorkerHabit
from helpers.yard.objects import ExcavatorMotion, WorkerMotion

TURNING = 0.45
"""Mean angular speed (rad/s) of crawlers that turn on the spot."""
DRIVING = 0.7
"""Mean speed (m/s) of a machine from standing to standing; the highest is half as much again."""
ARM = np.array([0.45, 0.7, 0.8, 0.9])
"""Mean speeds of slew (rad/s), reach, lift (m/s) and curl (rad/s)."""
SOFT = 0.35
"""Seconds over which a worker's corners, starts and stops are rounded off."""


@dataclass
class MachinePlan:
    """What a machine does: it comes to rest between any two things.

    Rows of `keys`: time (s), x, y (m), heading, slew (rad), reach, lift (m), curl (rad).
    """

    keys: list[np.ndarray] = field(default_factory=list)

    @property
    def now(self) -> float:
        """The time (s) up to which the plan is made."""
        return float(self.keys[-1][0])

    @property
    def last(self) -> np.ndarray:
        """The last pose: x, y, heading, slew, reach, lift, curl."""
        return self.keys[-1][1:]

    @staticmethod
    def at(pose: np.ndarray) -> "MachinePlan":
        """A plan that begins at time 0 with a pose [7]: x, y, heading, slew, reach, lift, curl."""
        return MachinePlan([np.concatenate([[0.0], pose])])

    def then(self, other: "MachinePlan") -> None:
        """Go on with another plan, which begins with the pose in which this one ends."""
        now = self.now
        self.keys += [np.concatenate([[now + row[0]], row[1:]]) for row in other.keys[1:]]

    def wait_until(self, time: float) -> None:
        """Rest until a time (s)."""
        if time > self.now:
            self.keys.append(np.concatenate([[time], self.last]))

    def reach_for(self, slew: float, reach: float, lift: float, curl: float) -> None:
        """Bring the arm to a pose, the shorter way round."""
        arm = np.array([slew, reach, lift, curl])
        arm[0] = self.last[3] + _shorter(slew - self.last[3])
        seconds = float((np.abs(arm - self.last[3:]) / ARM).max())
        self._go(seconds, [*self.last[:3], *arm])

    def turn(self, heading: float) -> None:
        """Turn on the spot to a heading (rad), the shorter way round."""
        by = _shorter(heading - self.last[2])
        x, y, old, *arm = self.last
        self._go(abs(by) / TURNING, [x, y, old + by, *arm])

    def drive_to(self, x: float, y: float) -> None:
        """Turn and drive straight to a place (m), forwards or backwards as needs less turning."""
        way = np.array([x, y]) - self.last[:2]
        length = float(np.linalg.norm(way))
        if length < 0.05:
            return
        heading = float(np.arctan2(way[1], way[0]))
        if abs(_shorter(heading - self.last[2])) > np.pi / 2:
            heading += np.pi
        self.turn(heading)
        self._go(length / DRIVING, [x, y, *self.last[2:]])

    def work(self, cycle: Cycle, reach: float, seconds: float) -> None:
        """Whole cycles about the present slew for at least some seconds."""
        until = self.now + seconds
        x, y, heading, slew, *_ = self.last
        while self.now < until:
            start = self.now
            for time, swung, out, lift, curl in cycle.stations():
                self._go(
                    start + time - self.now, [x, y, heading, slew + swung, reach + out, lift, curl]
                )

    def _go(self, seconds: float, pose) -> None:
        if seconds > 1e-6:
            self.keys.append(np.array([self.now + seconds, *pose], float))

    def motion(self, times: np.ndarray) -> ExcavatorMotion:
        """The plan at times [T] (s)."""
        keys = np.array(self.keys)
        found = ease(keys[:, 0], keys[:, 1:], times)
        return ExcavatorMotion(found[:, :2], *found[:, 2:].T)


def _shorter(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


@dataclass
class WorkerPlan:
    """Where a worker goes: rows of `keys` are time (s), x, y (m), at even speed between them."""

    keys: list[np.ndarray] = field(default_factory=list)

    @property
    def now(self) -> float:
        """The time (s) up to which the plan is made."""
        return float(self.keys[-1][0])

    @property
    def place(self) -> np.ndarray:
        """The last place [2] (m)."""
        return self.keys[-1][1:]

    def stay_until(self, time: float) -> None:
        """Stay where it is until a time (s)."""
        if time > self.now:
            self.keys.append(np.concatenate([[time], self.place]))

    def walk(self, points: np.ndarray, speed: float) -> None:
        """Walk over points [K, 2] (m) at a speed (m/s)."""
        for point in points:
            seconds = float(np.linalg.norm(point - self.place)) / speed
            if seconds > 1e-6:
                self.keys.append(np.array([self.now + seconds, *point]))

    def places(self, times: np.ndarray) -> np.ndarray:
        """Where it is at times [T] (s), corners not rounded: [T, 2] (m)."""
        keys = np.array(self.keys)
        return np.stack([np.interp(times, keys[:, 0], keys[:, k]) for k in (1, 2)], axis=-1)

    def motion(self, times: np.ndarray, habit: WorkerHabit, facing: float) -> WorkerMotion:
        """The plan at times [T] (s), carried out by a worker who first looks along `facing`."""
        offsets = np.linspace(-SOFT, SOFT, 9)
        position = np.mean([self.places(times + one) for one in offsets], axis=0)
        return habit.along(position, _look_ahead(position, times, facing), times)


def _look_ahead(position: np.ndarray, times: np.ndarray, facing: float) -> np.ndarray:
    """Headings [T] (rad) that follow the way, and stay where the worker stands."""
    steps = np.gradient(position, times, axis=0)
    speeds, ways = np.linalg.norm(steps, axis=-1), np.arctan2(steps[:, 1], steps[:, 0])
    share = 1 - np.exp(-(times[1] - times[0]) / SOFT)
    headings = np.empty(len(times))
    for k, (speed, way) in enumerate(zip(speeds.tolist(), ways.tolist(), strict=True)):
        if speed > 0.2:
            facing += share * _shorter(way - facing)
        headings[k] = facing
    return headings
