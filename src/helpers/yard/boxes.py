"""Where the actors are in the picture, and how much of them can be seen."""

import cv2
import numpy as np

from helpers.yard.camera import Camera, clip_near
from helpers.yard.render import View, paint, view
from helpers.yard.situation import Situation

TRACK_STRETCH = 4.0
"""The box of the track holds the stretch this far (m) to either side of the machine."""
TRACK_HALF_WIDTH = 1.25

Box = list[float] | None


def boxes_of(situation: Situation) -> dict[str, list[Box]]:
    """Boxes [x0, y0, x1, y1] (pixels, clipped to the picture) per actor and frame.

    None where nothing of the actor is inside the picture. Keys: worker, worker2, bucket, cabin,
    excavator, and track, the stretch of the guarded track about the machine.
    """
    camera = situation.camera
    solids = situation.solids
    pixels, _ = camera.project(solids.vertices)
    chosen = {thing.name: solids.select(names=[thing.name]) for thing in situation.actors}
    chosen |= {kind: solids.select(kinds=[kind]) for kind in ("bucket", "cabin")}
    boxes = {}
    for name, parts in chosen.items():
        corners = pixels[:, np.unique(solids.part_vertices[parts])]
        boxes[name] = [_clipped(points, camera.size) for points in corners]
    boxes["track"] = [_track_box(camera, x) for x in situation.machine.position[:, 0]]
    return boxes


def _clipped(points: np.ndarray, size: tuple[int, int]) -> Box:
    if not len(points):
        return None
    low = np.clip(points.min(axis=0), 0, size)
    high = np.clip(points.max(axis=0), 0, size)
    if (high - low < 0.5).any():
        return None
    return [round(float(value), 1) for value in (*low, *high)]


def _track_box(camera: Camera, x: float) -> Box:
    strip = [(x + a * TRACK_STRETCH, b * TRACK_HALF_WIDTH, 0.0) for a, b in _CORNERS]
    own = clip_near(camera.to_camera(np.array(strip)))
    return _clipped(camera.to_pixels(own), camera.size)


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def visible_shares(situation: Situation, frames: list[int]) -> dict[str, np.ndarray]:
    """Share of the actor's own picture that nothing hides, within the picture: [frames] each.

    Returns:
        worker, bucket, cabin: 1 where it stands free and whole in the picture, 0 where hidden.
    """
    solids = situation.solids
    chosen = [
        solids.select(names=["worker"]),
        solids.select(kinds=["bucket"]),
        solids.select(kinds=["cabin"]),
    ]
    marks = np.zeros(len(solids.names), np.uint8)
    for mark, parts in enumerate(chosen, start=1):
        marks[parts] = mark
    # A width of about 224 pixels is enough to judge what is hidden.
    small = situation.camera.reduced(max(situation.camera.size[0] / 224, 1.0))
    seen = view(_in_frames(solids, frames), small)
    shares = np.zeros((3, len(frames)))
    for k in range(len(frames)):
        together = _marks(seen, k, marks, None)
        for mark, parts in enumerate(chosen, start=1):
            whole = _area(seen, k, parts)
            shares[mark - 1, k] = (together == mark).sum() / max(whole, 1)
    return dict(zip(("worker", "bucket", "cabin"), np.minimum(shares, 1.0), strict=True))


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


def _in_frames(solids, frames: list[int]):
    fields = {name: getattr(solids, name) for name in solids.__dataclass_fields__}
    fields |= {name: fields[name][frames] for name in ("vertices", "normals")}
    return type(solids)(**fields)
