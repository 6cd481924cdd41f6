"""A clip before it is drawn: who takes part, where everything is in each frame, and the label."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from helpers.yard import zones
from helpers.yard.bystanders import KINDS
from helpers.yard.camera import Camera
from helpers.yard.habits import (
    MachineHabit,
    TrainHabit,
    WorkerHabit,
    sample_machine_habit,
    sample_train_habit,
    sample_worker_habit,
)
from helpers.yard.mesh import Solids, Thing, gather
from helpers.yard.objects import ExcavatorMotion, WorkerMotion, excavator, worker
from helpers.yard.site import Site
from helpers.yard.trains import Train

TRAINS = 0.4
"""Share of the clips with a train on another track, where there is another track."""


class YardError(RuntimeError):
    """The simulated yard cannot be made as asked."""


@dataclass(frozen=True)
class Cast:
    """Who takes part and what they do: drawn without regard to the class."""

    machine: MachineHabit
    workers: tuple[WorkerHabit, ...]  # the first is the one that the class is about
    bystanders: tuple[str, ...]
    train: TrainHabit | None  # on another track, where there is one


@dataclass(frozen=True)
class Situation:
    """A clip before it is drawn, T frames."""

    label: str
    site: Site
    camera: Camera
    cast: Cast
    machine: ExcavatorMotion
    workers: tuple[WorkerMotion, ...]
    trains: tuple[Train, ...]  # vehicles that move
    around: tuple[Thing, ...]  # small things that may hide an actor
    beyond: tuple[Thing, ...]  # wagons and masts, behind all actors
    distances: zones.Distances

    @property
    def frames(self) -> int:
        """How many frames it lasts."""
        return len(self.machine.heading)

    @cached_property
    def actors(self) -> tuple[Thing, ...]:
        """The things that move: excavator, worker, worker2, …; train, train2, as far as seen."""
        habit = self.cast.machine
        things = [excavator(self.machine, habit.paint, habit.bucket_paint)]
        for k, (motion, wears) in enumerate(zip(self.workers, self.cast.workers, strict=True)):
            name = numbered("worker", k)
            things.append(worker(motion, name, wears.vest, wears.helmet, wears.trousers))
        for k, train in enumerate(self.trains):
            thing = train.thing(numbered("train", k), self.camera)
            things += [thing] if thing else []
        return tuple(things)

    @cached_property
    def solids(self) -> Solids:
        """The actors and the small things about them, which may hide one another."""
        return gather([*self.actors, *self.around], self.frames)

    @property
    def moving(self) -> np.ndarray:
        """Which parts of `solids` are actors': bool [N]."""
        return self.solids.select(names=[thing.name for thing in self.actors])

    def at(self, frames: slice | list[int]) -> "Situation":
        """The same situation in some of the frames, in their order; the label stays."""
        return replace(
            self,
            machine=self.machine.at(frames),
            workers=tuple(person.at(frames) for person in self.workers),
            trains=tuple(train.at(frames) for train in self.trains),
            distances=self.distances.at(frames),
        )


def numbered(name: str, k: int) -> str:
    """The name of the k-th thing of a kind, from 0: worker, worker2, worker3, …"""
    return name if k == 0 else f"{name}{k + 1}"


def sample_cast(times: np.ndarray, rng: np.random.Generator) -> Cast:
    """One excavator, one or two workers, some things about, perhaps a train.

    Args:
        times: of the frames, [T] (s); the longer the clip, the slower are those who keep moving.
    """
    return Cast(
        sample_machine_habit(times, rng),
        tuple(sample_worker_habit(times, rng) for _ in range(int(rng.integers(1, 3)))),
        tuple(rng.choice(list(KINDS), size=int(rng.integers(3, 8)))),
        sample_train_habit(rng) if rng.random() < TRAINS else None,
    )
