"""The working cycle of an excavator: dig, lift, slew, dump, and back."""

from dataclasses import dataclass

import numpy as np

# When a cycle is where: share of its time, share of the swing, reach from the mean one (m),
# height of the bucket's pin (m), curl (rad).
_KEYS = np.array(
    [
        [0.00, 0.0, 0.45, 0.95, -0.2],  # the bucket is set down, far out
        [0.24, 0.0, -0.35, 0.95, 0.9],  # dug: drawn in and curled
        [0.38, 0.0, -0.25, 2.30, 1.0],  # lifted
        [0.58, 1.0, 0.00, 2.40, 1.0],  # slewed aside
        [0.70, 1.0, 0.15, 2.20, -0.6],  # dumped
        [0.90, 0.0, 0.35, 1.60, -0.4],  # slewed back
        [1.00, 0.0, 0.45, 0.95, -0.2],
    ]
)
ROOM = 1.4
"""In most of a clip the bucket of a machine at work stays this near (m) to one place, so that a
worker may be near it as well as clear of it, whatever the class."""
MOST_OF_CLIP = 0.85
ARM = 4.6
"""A usual reach (m)."""
UNHURRIED = 6.5
"""A cycle takes at least so many seconds for each radian of its swing."""


@dataclass(frozen=True)
class Cycle:
    """How an excavator works, over and over."""

    swing: float  # angle between digging and dumping, rad, either way
    seconds: float  # that a cycle takes
    start: float  # share of a cycle that is done at time 0

    def poses(self, times: np.ndarray) -> np.ndarray:
        """Slew (rad), reach from the mean one (m), lift (m) and curl (rad) at times [T]: [T, 4]."""
        done = (self.start + np.asarray(times) / self.seconds) % 1.0
        found = ease(_KEYS[:, 0], _KEYS[:, 1:], done)
        return found * [self.swing, 1.0, 1.0, 1.0]

    def stations(self) -> np.ndarray:
        """One cycle as the poses it goes through: time (s) from its beginning, then as `poses`."""
        return _KEYS * [self.seconds, self.swing, 1.0, 1.0, 1.0]


def ease(at: np.ndarray, keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Values [T, ...] at `wanted` [T] between keys [K, ...] at `at` [K]: at rest at every key.

    The polynomial 3s² − 2s³ between two keys; beyond them the first and the last one.
    """
    after = np.clip(np.searchsorted(at, wanted, side="right"), 1, len(at) - 1)
    span = np.maximum(at[after] - at[after - 1], 1e-9)
    share = np.clip((wanted - at[after - 1]) / span, 0.0, 1.0)
    share = (share**2 * (3 - 2 * share)).reshape(-1, *[1] * (keys.ndim - 1))
    return keys[after - 1] + share * (keys[after] - keys[after - 1])


def sample_cycle(times: np.ndarray, rng: np.random.Generator) -> Cycle:
    """A cycle whose swing is as wide as a clip at these times [T] (s) has room for; see `ROOM`."""
    swing = rng.choice([-1, 1]) * rng.uniform(0.5, 1.6)
    cycle = Cycle(float(swing), seconds_for(swing, rng), float(rng.random()))
    while _most_apart(cycle, times) > 2 * ROOM:
        cycle = Cycle(cycle.swing * 0.8, cycle.seconds, cycle.start)
    return cycle


def seconds_for(swing: float, rng: np.random.Generator) -> float:
    """How long (s) a cycle of a swing (rad) takes; no body slews faster than about 1.2 rad/s."""
    return float(max(rng.uniform(8, 12), UNHURRIED * abs(swing)))


def _most_apart(cycle: Cycle, times: np.ndarray) -> float:
    """Width (m) of the smallest arc that holds the bucket in most of the frames."""
    along = np.sort(cycle.poses(times)[:, 0]) * ARM
    many = int(np.ceil(MOST_OF_CLIP * len(along)))
    return float((along[many - 1 :] - along[: len(along) - many + 1]).min())
