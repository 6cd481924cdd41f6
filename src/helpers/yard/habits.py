"""How machine and workers move in a clip: drawn before the class matters, so it tells nothing.

Habits are drawn once per clip, by the same distribution in every class, and kept while places are
looked for; only relations between places make a class.
"""

from dataclasses import dataclass

import numpy as np

from helpers.yard.objects import BOOM, BOOM_PIVOT, STICK, ExcavatorMotion, WorkerMotion

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

    def motion(self, place, heading: float, slew: float, reach: float, times) -> ExcavatorMotion:
        """Its motion at times [T] (s) about a place [2], a slew angle and a reach."""
        middle = times - times.mean()
        waves = self.wave * np.sin(np.outer(times, self.rate) + self.phase)
        way = self.speed * middle[:, None] * np.array([np.cos(heading), np.sin(heading)])
        return ExcavatorMotion(
            position=np.asarray(place) + way,
            heading=np.full(len(times), heading),
            slew=slew + self.slewing * middle + waves[:, 0],
            reach=np.clip(reach + waves[:, 1], 3.8, FARTHEST),
            lift=np.maximum(self.lift + waves[:, 2], 0.92),
            curl=self.curl + waves[:, 3],
        )


@dataclass(frozen=True)
class WorkerHabit:
    """What a worker does and wears."""

    speed: float  # m/s, 0 standing
    turning: float  # rad/s while walking
    stoop: float  # mean bend, rad
    busy: float  # amplitude of bend and arms, rad
    rate: float  # rad/s of what the upper body does
    phase: float
    height: float
    vest: tuple[int, int, int]
    helmet: tuple[int, int, int]
    trousers: tuple[int, int, int]

    def path(self, places: np.ndarray, headings: np.ndarray, times) -> np.ndarray:
        """Ways [N, T, 2] through places [N, 2] at the middle of the clip, with headings [N]."""
        middle = times - times.mean()
        angle = headings[:, None] + self.turning * middle
        if self.turning:
            way = [
                (np.sin(angle) - np.sin(headings)[:, None]) / self.turning,
                (np.cos(headings)[:, None] - np.cos(angle)) / self.turning,
            ]
        else:
            way = [np.cos(angle) * middle, np.sin(angle) * middle]
        return places[:, None] + self.speed * np.stack(way, axis=-1)

    def motion(self, place: np.ndarray, heading: float, times) -> WorkerMotion:
        """Its motion at times [T] through one place [2]."""
        middle = times - times.mean()
        wave = np.sin(self.rate * times + self.phase)
        walking = 0.45 * np.sin(2 * np.pi * 1.7 * self.speed**0.5 * times + self.phase)
        return WorkerMotion(
            position=self.path(place[None], np.array([heading]), times)[0],
            heading=heading + self.turning * middle,
            stride=walking if self.speed else np.full(len(times), 0.06),
            bend=self.stoop + 0.5 * self.busy * (1 + wave),
            arms=0.1 + 1.2 * self.stoop + self.busy * (1 + wave),
            height=self.height,
        )


def sample_machine_habit(rng: np.random.Generator) -> MachineHabit:
    """An excavator that slews, moves its arm or drives slowly."""
    drives = rng.random() < 0.35
    return MachineHabit(
        speed=rng.choice([-1, 1]) * rng.uniform(0.12, 0.35) if drives else 0.0,
        slewing=rng.uniform(-0.14, 0.14) if rng.random() < 0.6 else 0.0,
        wave=rng.uniform(0, 1, 4) * [0.06, 0.2, 0.3, 0.35],
        rate=rng.uniform(0.8, 3.0, 4),
        phase=rng.uniform(0, 2 * np.pi, 4),
        lift=rng.uniform(0.95, 1.7),
        curl=rng.uniform(-0.3, 0.7),
        paint=PAINTS[rng.integers(len(PAINTS))],
        bucket_paint=BUCKET_PAINTS[rng.integers(len(BUCKET_PAINTS))],
    )


def sample_worker_habit(rng: np.random.Generator) -> WorkerHabit:
    """A worker who walks, stands or stoops over something."""
    does = rng.choice(["walks", "stands", "stoops"], p=[0.4, 0.35, 0.25])
    walks, stoops = does == "walks", does == "stoops"
    return WorkerHabit(
        speed=rng.uniform(0.3, 0.9) if walks else 0.0,
        turning=rng.choice([-1, 1]) * rng.uniform(0.05, 0.8) if walks else 0.0,
        stoop=rng.uniform(0.4, 0.9) if stoops else 0.04,
        busy=rng.uniform(0.05, 0.4) if not walks else 0.05,
        rate=rng.uniform(1.5, 5.0),
        phase=rng.uniform(0, 2 * np.pi),
        height=rng.uniform(1.66, 1.9),
        vest=VESTS[rng.integers(len(VESTS))],
        helmet=HELMETS[rng.integers(len(HELMETS))],
        trousers=TROUSERS[rng.integers(len(TROUSERS))],
    )
