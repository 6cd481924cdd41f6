"""Recordings before they are drawn: who is where in every frame of some minutes."""

from dataclasses import dataclass, replace

import numpy as np

from helpers.profiles import RecordingSize
from helpers.yard import zones
from helpers.yard.arrange import in_the_way
from helpers.yard.camera import Camera, look_at
from helpers.yard.events import NONE, find_events
from helpers.yard.habits import sample_train_habit
from helpers.yard.script import LOOKS, Script, write_script
from helpers.yard.site import Site, sample_site
from helpers.yard.situation import Cast, Situation, YardError, sample_cast
from helpers.yard.surroundings import scatter, set_behind
from helpers.yard.trains import Train, length_of

WIDER = 0.72
"""Persons are this much smaller than in clips: the camera has to see all that the machine does."""
WORKERS = 2
FAR = 45.0
"""Trains begin and end their passage this far (m) from the machine, out of the picture."""
BETWEEN = (8.0, 40.0)
"""Seconds between two trains on one track, from-to."""
SELDOM = 45.0
"""There is at least one hazard in so many seconds, on average over a recording."""
ATTEMPTS = 200


@dataclass(frozen=True)
class Recording:
    """What a recording is to be, by its index: cameras take turns."""

    index: int
    camera: int

    @property
    def path(self) -> str:
        """Path of the recording, relative to its folder."""
        return f"cam{self.camera:02d}_{self.index:03d}.mp4"


def plan_recordings(size: RecordingSize) -> list[Recording]:
    """All recordings of a folder."""
    return [
        Recording(k, size.first_camera + k % max(size.cameras, 1)) for k in range(size.recordings)
    ]


def sample_recording(recording: Recording, size: RecordingSize, seed: int) -> Situation:
    """All that happens in a recording, in every frame; which event that is, distances tell.

    Raises:
        YardError: the camera's site has no room for it.
    """
    site = sample_site(seed, recording.camera)
    rng = np.random.default_rng([seed, 7, recording.index])
    seconds = rng.uniform(*size.seconds)
    times = np.arange(max(round(seconds * size.fps), 2)) / size.fps
    camera = _overview(site, (size.width, size.height))
    cast = sample_cast(times[: 6 * size.fps], rng)
    while len(cast.workers) < WORKERS:
        cast = replace(cast, workers=sample_cast(times[: 6 * size.fps], rng).workers + cast.workers)
    cast = replace(cast, workers=cast.workers[:WORKERS])
    for attempt in range(ATTEMPTS):
        drawn = np.random.default_rng([seed, 8, recording.index, attempt])
        script = write_script(site, camera, WORKERS, seconds, drawn)
        if script is None:
            continue
        situation = _stage(site, camera, cast, script, times, drawn)
        events = find_events(situation.distances, size.fps)
        if sum(event.label != NONE for event in events) >= int(seconds / SELDOM):
            return situation
    raise YardError(
        f"{recording.path}: camera {recording.camera} has no room for a recording with seed "
        f"{seed}; choose another seed or another first camera."
    )


def _overview(site: Site, size: tuple[int, int]) -> Camera:
    """The site's camera turned to the middle of all places where the machine works."""
    aim = np.array([0.0, 2.6 * site.side, 0.8])
    return look_at(site.position, aim, WIDER * site.focal(aim, size[1]), size)


def _stage(
    site: Site, camera: Camera, cast: Cast, script: Script, times: np.ndarray, rng
) -> Situation:
    machine = script.machine.motion(times)
    workers = tuple(
        plan.motion(times, habit, rng.uniform(0, 2 * np.pi))
        for plan, habit in zip(script.workers, cast.workers, strict=True)
    )
    trains = _passages(site, times, rng)
    some = np.arange(0, len(times), max(round(1 / (LOOKS * (times[1] - times[0]))), 1))
    around = scatter(
        cast.bystanders, machine.at(some), [person.at(some) for person in workers], site, rng
    )
    beyond = tuple(thing for thing in set_behind(site, 0.0, rng) if not in_the_way(thing, trains))
    distances = zones.measure(machine, list(workers))
    # No label holds for all of it.
    return Situation(NONE, site, camera, cast, machine, workers, trains, around, beyond, distances)


def _passages(site: Site, times: np.ndarray, rng: np.random.Generator) -> tuple[Train, ...]:
    """Trains that pass on the other tracks, one after the other."""
    trains, now = [], rng.uniform(0, BETWEEN[1])
    while len(site.tracks) > 1 and now < times[-1]:
        habit = sample_train_habit(rng)
        speed = rng.choice([-1, 1]) * rng.uniform(1.5, 4.0)
        long = length_of(habit.vehicles)
        track = site.tracks[1 + habit.other % (len(site.tracks) - 1)]
        start = -FAR - long if speed > 0 else FAR
        takes = (2 * FAR + long) / abs(speed)
        low = start + speed * np.clip(times - now, 0, takes)
        trains.append(Train(track, habit.vehicles, low))
        now += takes + rng.uniform(*BETWEEN)
    return tuple(trains)
