"""Ways on foot around a machine that stands: the shortest over a net of places about it."""

import heapq

import numpy as np

from helpers.yard import zones
from helpers.yard.objects import ExcavatorMotion

CLEARANCES = ((2.4, 2.9), (0.6, 1.0))
"""Metres that a way keeps from the machine's body and from its arm: at best it stays outside the
zones, else it leads close by."""
CLEAR_OF_PEOPLE = 0.8
RINGS = ((2.9, 14), (4.4, 18), (6.2, 22), (8.0, 26))
"""Radius (m) about the machine, and how many places on it."""
LONGEST, STEP = 7.0, 0.25
"""No stretch of a way is longer (m), and it is looked at every so many metres."""


def find_way(
    start: np.ndarray, goal: np.ndarray, machine: ExcavatorMotion, people: np.ndarray, free
) -> np.ndarray | None:
    """The shortest way from `start` to `goal` [2] (m): points [K, 2] without the start; or None.

    Where start or goal is nearer to something than a way may be, the way there only leads on or
    away from it.

    Args:
        machine: in one frame.
        people: places of those who stand about, [K, 2] (m).
        free: tells of points [..., 2] whether one may walk there at all, bool [...].
    """
    ring = [
        machine.position[0] + radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        for radius, many in RINGS
        for turn in [np.arange(many) * (2 * np.pi / many)]
    ]
    net = np.concatenate([np.stack([start, goal]), *ring])
    net = net[free(net) | (np.arange(len(net)) < 2)]
    for body, arm in CLEARANCES:
        found = _shortest(_passable(net, machine, people, body, arm, free))
        if found is not None:
            return net[found[1:]]
    return None


def _passable(net, machine, people, body: float, arm: float, free) -> dict[int, list]:
    """To which places of the net [N, 2] one may go straight from each of them, and how far it is.

    The first two are start and goal.
    """
    spare = _room(net, machine, people, body, arm)
    good = np.flatnonzero((spare >= 0).all(axis=-1) | (np.arange(len(net)) < 2))
    first, second = (good[k] for k in np.triu_indices(len(good), 1))
    length = np.linalg.norm(net[first] - net[second], axis=-1)
    short = length < LONGEST
    first, second, length = first[short], second[short], length[short]
    share = np.linspace(0, 1, int(np.ceil(LONGEST / STEP)) + 1)[:, None, None]
    between = net[first] + share * (net[second] - net[first])
    needed = np.minimum(np.minimum(spare[first], spare[second]), 0.0)
    clear = (_room(between, machine, people, body, arm) >= needed - 1e-6).all(axis=-1)
    fine = (clear & free(between)).all(axis=0)
    beside: dict[int, list[tuple[int, float]]] = {}
    for a, b, far in zip(*(one[fine].tolist() for one in (first, second, length)), strict=True):
        beside.setdefault(a, []).append((b, far))
        beside.setdefault(b, []).append((a, far))
    return beside


def _room(points: np.ndarray, machine: ExcavatorMotion, people: np.ndarray, body, arm):
    """How much farther (m) points [..., 2] are than a way has to be, from each thing: [..., 2 + K].

    From the machine's body, from its arm, and from each of the people.
    """
    pivot = machine.position[0]
    along = machine.bucket_middle[0, :2] - pivot
    share = np.clip((points - pivot) @ along / (along @ along), 0.0, 1.0)
    found = [
        zones.body_distance(points[..., None, :], machine)[..., 0] - body,
        np.linalg.norm(points - pivot - share[..., None] * along, axis=-1) - arm,
    ]
    found += [np.linalg.norm(points - person, axis=-1) - CLEAR_OF_PEOPLE for person in people]
    return np.stack(found, axis=-1)


def _shortest(beside: dict[int, list[tuple[int, float]]]) -> list[int] | None:
    """The nodes from 0 to 1 (Dijkstra, 1959); None where there is no way."""
    heap, before = [(0.0, 0, 0)], {}
    while heap:
        far, node, last = heapq.heappop(heap)
        if node in before:
            continue
        before[node] = last
        if node == 1:
            way = [1]
            while way[-1] != 0:
                way.append(before[way[-1]])
            return way[::-1]
        for other, length in beside.get(node, ()):
            if other not in before:
                heapq.heappush(heap, (far + length, other, node))
    return None
