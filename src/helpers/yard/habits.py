"""How machine and workers move in a clip: drawn before the class matters, so it tells nothing.

Habits are drawn once per clip, by the same distribution in every class, and kept while places are
looked for; only relations between places make a class.
"""

from dataclasses import dataclass

import numpy as np

from helpers.yard.cycles import Cycle, sample_cycle
from helpers.yard.objects import BOOM, BOOM_PIVOT, STICK, ExcavatorMotion, WorkerMotion
from helpers.yard.trains import Train, Vehicle, length_of, sample_vehicles

PAINTS = (
    (236, 178, 30), (228, 120, 28), (196, 44, 36), (226, 226, 220),
    (70, 132, 72), (52, 104, 164), (214, 196, 60),
)  # fmt: skip
BUCKET_PAINTS = ((62, 60, 58), (84, 78, 72), (98, 74, 56), (52, 54, 58))
VESTS = ((255, 112, 26), (236, 250, 60), (190, 250, 60), (255, 76, 40))
HELMETS = ((246, 246, 240), (250, 220, 50), (220, 50, 40), (40, 96, 200))
TROUSERS = ((48, 54, 78), (60, 58, 56), (244, 118, 34), (216, 232, 60), (84, 84, 74))

FARTHEST = BOOM_PIVOT[0] + BOOM + STICK - 0.12
"""The reach (m) at which the arm is nearly straight."""
NEAREST = 3.8
LOWEST = 0.92
"""The height (m) of the bucket's pin at which the bucket touches the ground."""
LONGEST_WALK = 1.65
"""No worker walks farther (m) in a clip, so that being near something can last all of it."""
STEP = 0.7
"""Length (m) of a worker's step."""


@dataclass(frozen=True)
class MachineHabit:
    """What an excavator does and how it is painted."""

    speed: float  # m/s along its heading, negative backwards; 0 where it stands
    slewing: float  # rad/s
    wave: np.ndarray  # [4] amplitudes: slew (rad), reach (m), lift (m), curl (rad)
    rate: np.ndarray  # [4] rad/s
    phase: np.ndarray  # [4]
    lift: float  # mean height of the bucket's pin, m
    curl: float
    paint: tuple[int, int, int]
    bucket_paint: tuple[int, int, int]
    cycle: Cycle | None = None  # its work, in place of slewing and waves

    def motion(self, place, heading: float, slew: float, reach: float, times) -> ExcavatorMotion:
        """Its motion at times [T] (s) about a place [2], a slew angle and a reach."""
        middle = times - times.mean()
        way = self.speed * middle[:, None] * np.array([np.cos(heading), np.sin(heading)])
        if self.cycle is None:
            waves = self.wave * np.sin(np.outer(times, self.rate) + self.phase)
            poses = np.array([self.slewing, 0.0, 0.0, 0.0]) * middle[:, None] + waves
            poses[:, 2:] += self.lift, self.curl
        else:
            poses = self.cycle.poses(times)
            poses[:, 0] -= poses[len(times) // 2, 0]
        return ExcavatorMotion(
            position=np.asarray(place) + way,
            heading=np.full(len(times), heading),
            slew=slew + poses[:, 0],
            reach=np.clip(reach + poses[:, 1], NEAREST, FARTHEST),
            lift=np.maximum(poses[:, 2], LOWEST),
            curl=poses[:, 3],
        )


@dataclass(frozen=True)
class WorkerHabit:
    """What a worker does and wears."""

    speed: float  # m/s while walking, 0 where it only stands
    turning: float  # rad/s while walking
    walks: tuple[float, float]  # from when to when it walks (s); it stands before and after
    stoop: float  # mean bend while standing, rad
    busy: float  # amplitude of bend and arms while standing, rad
    rate: float  # rad/s of what the upper body does
    phase: float
    height: float
    vest: tuple[int, int, int]
    helmet: tuple[int, int, int]
    trousers: tuple[int, int, int]

    def path(self, places: np.ndarray, headings: np.ndarray, times) -> np.ndarray:
        """Ways [N, T, 2] through places [N, 2] at the middle of the clip, with headings [N]."""
        walked = self._walked(times)
        angle = self.headings(headings, times)
        if self.turning:
            way = [
                (np.sin(angle) - np.sin(headings)[:, None]) / self.turning,
                (np.cos(headings)[:, None] - np.cos(angle)) / self.turning,
            ]
        else:
            way = [np.cos(angle) * walked, np.sin(angle) * walked]
        return places[:, None] + self.speed * np.stack(way, axis=-1)

    def headings(self, headings: np.ndarray, times) -> np.ndarray:
        """Where it looks on these ways: [N, T] (rad)."""
        return headings[:, None] + self.turning * self._walked(times)

    def along(
        self, position: np.ndarray, heading: np.ndarray, times, gait: float = 1.0
    ) -> WorkerMotion:
        """Its motion on a given way.

        Args:
            position: where it is at `times` (s), [T, 2].
            heading: where it looks, [T].
            gait: how far the legs swing out; less where it walks sideways.
        """
        legs, still = walk(position, times, self.phase)
        wave = np.sin(self.rate * times + self.phase)
        bend = still * (self.stoop + 0.5 * self.busy * (1 + wave))
        return WorkerMotion(
            position=position,
            heading=heading,
            stride=0.06 * still + gait * legs,
            bend=0.04 + bend,
            arms=0.1 + still * (1.2 * self.stoop + self.busy * (1 + wave)),
            height=self.height,
        )

    def _walked(self, times: np.ndarray) -> np.ndarray:
        """Time spent walking since the middle of the clip, [T] (s)."""
        start, stop = self.walks
        return np.clip(times, start, stop) - np.clip(times.mean(), start, stop)


def walk(position: np.ndarray, times: np.ndarray, phase: float) -> tuple[np.ndarray, np.ndarray]:
    """How the legs go on a way [T, 2] at times [T] (s): alike forwards and backwards in time.

    Returns:
        The angle of the left leg (rad) and how far it is a standing one, 0 to 1; each [T].
    """
    if len(times) < 2:
        return np.zeros(len(times)), np.ones(len(times))
    steps = np.linalg.norm(np.diff(position, axis=0), axis=-1)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    speed = np.abs(np.gradient(way, times))
    walking = np.clip(speed / 0.4, 0.0, 1.0)
    return 0.45 * walking * np.sin(np.pi * way / STEP + phase), 1.0 - walking


@dataclass(frozen=True)
class TrainHabit:
    """A train on a track that nobody guards: it passes, or stands."""

    vehicles: tuple[Vehicle, ...]
    other: int  # which of the other tracks, counted around where a site has fewer
    speed: float  # m/s along x, either way
    middle: float  # x of its middle at the middle of the clip (m)

    def train(self, tracks: tuple[float, ...], times: np.ndarray) -> Train | None:
        """The train on one of the other tracks (m) at times [T] (s); None where there is none."""
        if len(tracks) < 2:
            return None
        track = tracks[1:][self.other % (len(tracks) - 1)]
        low = self.middle - length_of(self.vehicles) / 2 + self.speed * (times - times.mean())
        return Train(track, self.vehicles, low)


def sample_train_habit(rng: np.random.Generator) -> TrainHabit:
    """One or two vehicles that pass, or stand, somewhere near the machine."""
    vehicles = sample_vehicles(int(rng.integers(1, 3)), rng, drawn=rng.random() < 0.4)
    speed = rng.choice([-1, 1]) * rng.uniform(0.5, 2.5)
    stands = rng.random() < 0.2
    return TrainHabit(
        vehicles,
        other=int(rng.integers(2)),
        speed=0.0 if stands else float(speed),
        middle=float(rng.uniform(-14, 14)),
    )


def sample_machine_habit(times: np.ndarray, rng: np.random.Generator) -> MachineHabit:
    """An excavator that works in cycles, slews, moves its arm or drives slowly at times [T] (s)."""
    does = rng.choice(["works", "drives", "moves"], p=[0.35, 0.3, 0.35])
    drives, slews = does == "drives", rng.random() < 0.6
    return MachineHabit(
        speed=rng.choice([-1, 1]) * min(rng.uniform(0.12, 0.35), 1.0 / _lasts(times))
        if drives
        else 0.0,
        slewing=rng.uniform(-1, 1) * min(0.14, 0.4 / _lasts(times)) if slews else 0.0,
        wave=rng.uniform(0, 1, 4) * [0.06, 0.2, 0.3, 0.35],
        rate=rng.uniform(0.8, 3.0, 4),
        phase=rng.uniform(0, 2 * np.pi, 4),
        lift=rng.uniform(0.95, 1.7),
        curl=rng.uniform(-0.3, 0.7),
        paint=PAINTS[rng.integers(len(PAINTS))],
        bucket_paint=BUCKET_PAINTS[rng.integers(len(BUCKET_PAINTS))],
        cycle=sample_cycle(times, rng) if does == "works" else None,
    )


def sample_worker_habit(times: np.ndarray, rng: np.random.Generator) -> WorkerHabit:
    """A worker who walks some way, stands or stoops over something at times [T] (s)."""
    does = rng.choice(["walks", "stands", "stoops"], p=[0.4, 0.35, 0.25])
    walks = does == "walks"
    stoops = does == "stoops" or (walks and rng.random() < 0.4)
    speed = rng.uniform(0.3, 0.9)
    lasts = min(rng.uniform(0.6, 1.0) * LONGEST_WALK / speed, _lasts(times))
    start = rng.uniform(0, 1) * (_lasts(times) - lasts)
    return WorkerHabit(
        speed=speed if walks else 0.0,
        turning=rng.choice([-1, 1]) * rng.uniform(0.05, 0.8) if walks else 0.0,
        walks=(start, start + lasts),
        stoop=rng.uniform(0.4, 0.9) if stoops else 0.0,
        busy=rng.uniform(0.05, 0.4),
        rate=rng.uniform(1.5, 5.0),
        phase=rng.uniform(0, 2 * np.pi),
        height=rng.uniform(1.66, 1.9),
        vest=VESTS[rng.integers(len(VESTS))],
        helmet=HELMETS[rng.integers(len(HELMETS))],
        trousers=TROUSERS[rng.integers(len(TROUSERS))],
    )


def _lasts(times: np.ndarray) -> float:
    """How long a clip lasts (s), never nothing."""
    return max(float(times[-1] - times[0]), 1e-3)
