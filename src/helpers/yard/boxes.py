"""Where the actors are in the picture, and how much of them can be seen."""

import cv2
import numpy as np

from helpers.yard.camera import NEAR, Camera, clip_near
from helpers.yard.render import View, paint, view
from helpers.yard.situation import Situation, numbered

TRACK_STRETCH = 4.0
"""The box of the track holds the stretch this far (m) to either side of the machine."""
TRACK_HALF_WIDTH = 1.25

Box = list[float] | None


def boxes_of(situation: Situation) -> dict[str, list[Box]]:
    """Boxes [x0, y0, x1, y1] (pixels, clipped to the picture) per actor and frame.

    None where nothing of the actor is inside the picture. Keys: worker, worker2, bucket, cabin,
    excavator, train, train2 (if ever seen), and track, the stretch of the guarded track about the
    machine.
    """
    camera = situation.camera
    solids = situation.solids
    pixels, depth = camera.project(solids.vertices)
    chosen = {thing.name: solids.select(names=[thing.name]) for thing in situation.actors}
    chosen |= {kind: solids.select(kinds=[kind]) for kind in ("bucket", "cabin")}
    boxes = {}
    for name, parts in chosen.items():
        corners = solids.part_vertices[parts]
        boxes[name] = _about(pixels[:, corners], depth[:, corners], camera.size)
    boxes["track"] = [_track_box(camera, x) for x in situation.machine.position[:, 0]]
    return boxes


def _about(pixels: np.ndarray, depth: np.ndarray, size: tuple[int, int]) -> list[Box]:
    """Boxes [T] about all that is in the picture of parts with corners [T, N, V, 2]."""
    ahead = (depth > NEAR)[..., None]
    low = np.where(ahead, pixels, np.inf).min(axis=2)
    high = np.where(ahead, pixels, -np.inf).max(axis=2)
    seen = ((high > 0) & (low < size)).all(axis=-1)[..., None]
    low = np.clip(np.where(seen, low, np.inf).min(axis=1), 0, size)
    high = np.clip(np.where(seen, high, -np.inf).max(axis=1), 0, size)
    return [_box(a, b) for a, b in zip(low, high, strict=True)]


def _box(low: np.ndarray, high: np.ndarray) -> Box:
    if (high - low < 0.5).any():
        return None
    return [round(float(value), 1) for value in (*low, *high)]


def _clipped(points: np.ndarray, size: tuple[int, int]) -> Box:
    if not len(points):
        return None
    return _box(np.clip(points.min(axis=0), 0, size), np.clip(points.max(axis=0), 0, size))


def _track_box(camera: Camera, x: float) -> Box:
    strip = [(x + a * TRACK_STRETCH, b * TRACK_HALF_WIDTH, 0.0) for a, b in _CORNERS]
    own = clip_near(camera.to_camera(np.array(strip)))
    return _clipped(camera.to_pixels(own), camera.size)


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def visible_shares(situation: Situation, frames: list[int]) -> dict[str, np.ndarray]:
    """Share of the actor's own picture that nothing hides: [frames] each.

    Returns:
        worker, bucket, cabin: 1 where it stands free and whole in the picture, 0 where hidden.
        ends: the least of the trains' ends that face the machine or one another, as far as they are
        in the picture; 1 where no train moves.
    """
    situation = situation.at(frames)
    # A width of about 224 pixels is enough to judge what is hidden.
    small = situation.camera.reduced(max(situation.camera.size[0] / 224, 1.0))
    solids = situation.solids
    trains = [numbered("train", k) for k in range(len(situation.trains))]
    chosen = [
        solids.select(names=["worker"]),
        solids.select(kinds=["bucket"]),
        solids.select(kinds=["cabin"]),
        *(solids.select(names=[name]) for name in trains),
    ]
    marks = np.zeros(len(solids.names), np.uint8)
    for mark, parts in enumerate(chosen, start=1):
        marks[parts] = mark
    seen = view(solids, small)
    windows = _end_windows(situation, small)
    shares = np.ones((len(chosen), len(frames)))
    for k in range(len(frames)):
        together = _marks(seen, k, marks, None)
        for mark, parts in enumerate(chosen, start=1):
            if mark <= 3:
                whole, free = _area(seen, k, parts), (together == mark).sum()
            else:
                window = windows[mark - 4][k]
                whole = cv2.countNonZero(_marks(seen, k, parts.astype(np.uint8), parts)[window])
                free = (together[window] == mark).sum()
            shares[mark - 1, k] = min(free / max(whole, 1), 1.0)
    return {
        "worker": shares[0],
        "bucket": shares[1],
        "cabin": shares[2],
        "ends": shares[3:].min(axis=0, initial=1.0),
    }


def _end_windows(situation: Situation, camera: Camera) -> list[list[tuple[slice, slice]]]:
    """Per train and frame the part of the picture about its end that a motion is about."""
    towards = situation.machine.position[:, 0]
    if len(situation.trains) > 1:
        one, other = situation.trains[:2]
        towards = np.where(one.low > other.low, one.low + other.high, one.high + other.low) / 2
    windows = []
    reach = round(0.1 * camera.size[0])
    for train in situation.trains:
        end = np.where(train.low + train.high > 2 * towards, train.low, train.high)
        places = np.stack([end, np.full_like(end, train.track), np.full_like(end, 1.4)], axis=-1)
        middle = np.rint(camera.project(places)[0]).astype(int)
        low, high = np.maximum(middle - reach, 0), np.maximum(middle + reach, 0)
        windows.append(
            [(slice(a[1], b[1]), slice(a[0], b[0])) for a, b in zip(low, high, strict=True)]
        )
    return windows


def _marks(seen: View, frame: int, marks: np.ndarray, parts) -> np.ndarray:
    canvas = np.zeros((seen.camera.size[1], seen.camera.size[0]), np.uint8)
    paint(seen, frame, canvas, marks[seen.solids.face_part][:, None], parts)
    return canvas


def _area(seen: View, frame: int, parts: np.ndarray) -> int:
    """Pixels that parts would cover alone, also beyond the edges of the picture."""
    margin = seen.camera.size[0] // 2
    wide = seen.camera.enlarged(1, margin)
    shifted = View(seen.solids, wide, seen.pixels + margin, seen.depth, seen.rank, seen.facing)
    return cv2.countNonZero(_marks(shifted, frame, parts.astype(np.uint8), parts))
