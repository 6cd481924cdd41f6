"""What happens in a recording: acts one after the other, planned so that nobody is run over.

An act is meant to become a stretch of its class. Which class a frame is of follows from the
distances afterwards, and on the way from act to act others may come about too.
"""

from dataclasses import dataclass, field

import numpy as np

from helpers.yard import zones
from helpers.yard.arrange import inside
from helpers.yard.camera import Camera
from helpers.yard.cycles import Cycle, seconds_for
from helpers.yard.detours import find_way
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.places import find_places, stands_clear
from helpers.yard.plans import MachinePlan, WorkerPlan
from helpers.yard.site import Site
from helpers.yard.walks import FARTHEST_BEHIND, within

ACTS = ("Bucket-Worker", "Cabin-Worker", "Track-Excavator")
RELATIONS = {"Bucket-Worker": "bucket", "Cabin-Worker": "body"}
OTHER = 0.4
"""Share of the hazards that are followed by an act of Other, beside what lies between any two."""
STROLLS, STROLLS_IN_OTHER = 0.15, 0.6
"""How often a worker walks who might as well stay."""
LOOKS = 4.0
"""Plans are looked at so many times a second."""
HEIGHT, PERSON = 1.8, 0.1
"""Height (m) of a person, and at least which share of the picture's that is."""
TRIES = 40
CARRIED = (4.2, 1.9, 0.6)
"""Reach, lift (m) and curl (rad) of the arm while the machine drives."""


@dataclass
class Script:
    """The plans of all actors and where they act."""

    site: Site
    camera: Camera
    machine: MachinePlan
    workers: list[WorkerPlan] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)  # as they were meant

    @property
    def now(self) -> float:
        """The time (s) up to which everybody has a plan."""
        return min(self.machine.now, *(worker.now for worker in self.workers))

    def free(self, points: np.ndarray) -> np.ndarray:
        """Whether one may walk at points [..., 2] (m), and is in the picture: bool [...]."""
        feet = np.concatenate([points, np.zeros((*points.shape[:-1], 1))], axis=-1)
        below, depth = self.camera.project(feet)
        above, _ = self.camera.project(feet + np.array([0.0, 0.0, HEIGHT]))
        tall = (below - above)[..., 1] >= PERSON * self.camera.size[1]
        seen = (depth > 4.0) & tall & within(self.camera, below) & within(self.camera, above)
        return seen & (points[..., 1] * self.site.side > FARTHEST_BEHIND)

    def shows(self, machine: ExcavatorMotion) -> bool:
        """Whether the machine is in the picture in all frames, its bucket off the other tracks."""
        middle = np.column_stack([machine.position, np.ones(len(machine.heading))])
        bucket = machine.bucket_middle
        off = bucket[:, 1] * self.site.side > FARTHEST_BEHIND
        return bool(inside(self.camera, middle).all() and off.all()) and bool(
            inside(self.camera, bucket).mean() > 0.9
        )


def write_script(
    site: Site, camera: Camera, workers: int, seconds: float, rng: np.random.Generator
) -> Script | None:
    """Plan acts until `seconds` are filled; None where the beginning does not come out."""
    script = Script(site, camera, MachinePlan.at(_pose(site, False, rng)))
    standing = script.machine.motion(np.zeros(1))
    if not script.shows(standing):
        return None
    for _ in range(workers):
        people = np.reshape([worker.place for worker in script.workers], (-1, 2))
        places = find_places("clear", [standing], people, camera, script.free, rng)
        if not len(places):
            return None
        script.workers.append(WorkerPlan([np.array([0.0, *places[0]])]))
    left: list[str] = []
    while script.now < seconds:
        act = "Other"
        if script.acts and (script.acts[-1] == "Other" or rng.random() > OTHER):
            left = left or rng.permutation(ACTS).tolist()
            act = left.pop()
        if any(_act(script, act, rng) for _ in range(TRIES)):
            script.acts.append(act)
        else:
            script.machine.wait_until(script.machine.now + rng.uniform(2, 4))
            _meet(script)
    return script


def _act(script: Script, act: str, rng: np.random.Generator) -> bool:
    """Plan one act: clear the way, move the machine, walk up to it, stay. False: not found."""
    machine = script.machine
    move = _move(script.site, machine.last, act == "Track-Excavator", act == "Other", rng)
    stay = _stay(move.last, act, rng)
    moving, staying = _looks(move), _looks(stay)
    if not (script.shows(moving) and script.shows(staying)):
        return False
    now = np.array([machine.now])
    before, after = machine.motion(now), move.motion(np.array([move.now]))
    relation, who = RELATIONS.get(act, "clear"), int(rng.integers(len(script.workers)))
    strolls = STROLLS_IN_OTHER if act == "Other" else STROLLS
    ways: list[np.ndarray] = []
    places = [worker.place for worker in script.workers]
    for k, worker in enumerate(script.workers):
        # Out of the way of all that the machine is about to do; but one of them may come back.
        ahead = [moving] if k == who and relation != "clear" else [moving, staying]
        others = np.array(places[:k] + places[k + 1 :]).reshape(-1, 2)
        stays = rng.random() > strolls and stands_clear(worker.place[None], ahead)[0]
        way = None if stays else _find(script, worker.place, "clear", ahead, before, others, rng)
        if way is None and not stays:
            return False
        ways.append(np.zeros((0, 2)) if stays else way)
        places[k] = worker.place if stays else way[-1]
    near = np.zeros((0, 2))
    if relation != "clear":
        others = np.array(places[:who] + places[who + 1 :]).reshape(-1, 2)
        near = _find(script, places[who], relation, [staying], after, others, rng)
        if near is None:
            return False
    for worker, way in zip(script.workers, ways, strict=True):
        worker.walk(way, rng.uniform(0.9, 1.4))
        _meet(script)
    machine.then(move)
    _meet(script)
    script.workers[who].walk(near, rng.uniform(0.8, 1.3))
    _meet(script)
    machine.then(stay)
    _meet(script)
    return True


def _meet(script: Script) -> None:
    """Everybody waits for the last one."""
    time = max(script.machine.now, *(worker.now for worker in script.workers))
    script.machine.wait_until(time)
    for worker in script.workers:
        worker.stay_until(time)


def _pose(site: Site, on_track: bool, rng: np.random.Generator) -> np.ndarray:
    """Where the machine stands, x, y (m) and heading, and its arm as it is carried: [7]."""
    heading = rng.choice([0.0, np.pi]) + rng.normal(0, 0.25)
    x, y = rng.uniform(-1.6, 1.6), rng.uniform(-0.5, 0.5)
    if not on_track:
        edge = zones.GAUGE + float(zones.half_width_across(heading)) + zones.CLEAR_OF_GAUGE
        y = site.side * (edge + rng.uniform(0.0, 1.2))
    return np.array([x, y, heading, rng.uniform(0, 2 * np.pi), *CARRIED])


def _move(site: Site, pose: np.ndarray, on_track: bool, may_stay: bool, rng) -> MachinePlan:
    """How the machine comes from a pose to where an act is."""
    plan = MachinePlan.at(pose)
    x, y, heading, slew, *_ = _pose(site, on_track, rng)
    was_on_track = abs(pose[1]) < zones.GAUGE
    if was_on_track != on_track or (not may_stay and rng.random() < 0.4):
        plan.reach_for(pose[3], *CARRIED)
        plan.drive_to(x, y)
        plan.turn(heading)
    elif rng.random() < 0.3:
        slew = pose[3]
    plan.reach_for(slew, rng.uniform(4.1, 4.8), rng.uniform(1.0, 1.7), rng.uniform(-0.2, 0.7))
    return plan


def _stay(pose: np.ndarray, act: str, rng: np.random.Generator) -> MachinePlan:
    """What the machine does while an act lasts: it works in cycles, or rests."""
    plan = MachinePlan.at(pose)
    seconds = rng.uniform(2, 6) if act == "Other" else rng.uniform(4, 10)
    if rng.random() < 0.35:
        plan.wait_until(seconds)
        return plan
    widest = 1.6 if act in ("Other", "Track-Excavator") else 0.5
    swing = float(rng.choice([-1, 1]) * rng.uniform(0.2, widest))
    reach, cycle = float(rng.uniform(4.2, 4.7)), Cycle(swing, seconds_for(swing, rng), 0.0)
    _, _, out, lift, curl = cycle.stations()[0]
    plan.reach_for(pose[3], reach + out, lift, curl)
    plan.work(cycle, reach, seconds)
    return plan


def _looks(plan: MachinePlan) -> ExcavatorMotion:
    return plan.motion(np.linspace(0, plan.now, int(plan.now * LOOKS) + 2))


def _find(script: Script, start, relation: str, ahead, standing, people, rng) -> np.ndarray | None:
    """A way [K, 2] (m) to a place that stands in the relation; None where none is found."""
    some = find_places(relation, ahead, people, script.camera, script.free, rng)[:8]
    nearest = np.argsort(np.linalg.norm(some - start, axis=-1), kind="stable")
    for goal in some[nearest[:3]]:
        way = find_way(start, goal, standing, people, script.free)
        if way is not None:
            return way
    return None
