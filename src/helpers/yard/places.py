"""Where people stand in a recording: near to what the machine is going to do, or clear of it."""

from collections.abc import Callable, Sequence

import numpy as np

from helpers.yard import zones
from helpers.yard.camera import Camera
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.walks import SPREAD

SAFE_OF_BUCKET, SAFE_OF_BODY = 3.2, 2.7
"""Who is not meant to be near keeps so far (m) from bucket and body: outside the zones."""
PLACES = 200


def find_places(
    relation: str,
    ahead: Sequence[ExcavatorMotion],
    people: np.ndarray,
    camera: Camera,
    free: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Places [N, 2] (m) that stand in a relation to all that the machine is going to do.

    Args:
        relation: "bucket" or "body" (near it, in the last of `ahead`), or "clear" of all of them.
        ahead: what the machine is going to do, one after the other.
        people: where others stand, [K, 2] (m).
        camera: that is to see them.
        free: tells of points [..., 2] whether one may be there at all, bool [...].
    """
    machine = ahead[-1]
    around = machine.bucket_middle[0, :2] if relation == "bucket" else machine.position[0]
    spread = SPREAD[relation]
    places = around + rng.uniform(-spread, spread, (PLACES, 2))
    good = free(places) & ~_is_hidden(camera, places, machine)
    for person in people:
        good &= np.linalg.norm(places - person, axis=-1) > 1.2
    bucket = zones.bucket_distance(places[:, None], machine)
    body = zones.body_distance(places[:, None], machine)
    if relation == "bucket":
        near = (bucket <= zones.WELL_IN_BUCKET_ZONE).mean(axis=-1) >= 0.5
        good &= near & (bucket > 0.9).all(axis=-1) & (body > zones.BODY_ZONE + 0.3).all(axis=-1)
    elif relation == "body":
        good &= (body <= zones.WELL_IN_BODY_ZONE).all(axis=-1) & (body > 0.5).all(axis=-1)
        good &= (bucket > SAFE_OF_BUCKET).all(axis=-1)
    else:
        good &= stands_clear(places, ahead)
    return places[good]


def stands_clear(places: np.ndarray, ahead: Sequence[ExcavatorMotion]) -> np.ndarray:
    """Which places [N, 2] (m) are safe from all that the machine is going to do: bool [N]."""
    safe = np.ones(len(places), bool)
    for machine in ahead:
        safe &= (zones.bucket_distance(places[:, None], machine) > SAFE_OF_BUCKET).all(axis=-1)
        safe &= (zones.body_distance(places[:, None], machine) > SAFE_OF_BODY).all(axis=-1)
    return safe


def _is_hidden(camera: Camera, places: np.ndarray, machine: ExcavatorMotion) -> np.ndarray:
    """Whether body or bucket stands between the camera and people at places [N, 2]: bool [N]."""
    chest = np.column_stack([places, np.full(len(places), 1.0)])
    share = np.linspace(0, 0.4, 33)[:, None, None]
    sight = chest + share * (camera.position - chest)
    first = machine.at([0])
    by_body = zones.body_distance(sight[..., None, :2], first)[..., 0] < 0.2
    by_bucket = np.linalg.norm(sight - first.bucket_middle[0], axis=-1) < 0.7
    return (by_bucket | (by_body & (sight[..., 2] < 2.4))).any(axis=0)
