"""A pinhole camera in metres: the world has x along the track, y across it and z up."""

from dataclasses import dataclass

import numpy as np

NEAR = 0.3
"""Nothing nearer than this is drawn (m)."""


@dataclass(frozen=True)
class Camera:
    """Where a camera stands, where it looks and what it sees.

    `axes` holds its unit vectors right, down and forward as rows; `centre` is the picture point
    (pixels, x right, y down) of the axis it looks along.
    """

    position: np.ndarray  # [3], m
    axes: np.ndarray  # [3, 3]
    focal: float  # pixels
    centre: tuple[float, float]  # pixels
    size: tuple[int, int]  # width, height, pixels

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points [..., 3] in the camera's own axes: right, down, forward (m)."""
        return (points - self.position) @ self.axes.T

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [..., 2] and depth [...] (m along the viewing axis) of world points [..., 3].

        Pixels of points that are nearer than `NEAR` mean nothing: look at the depth first.
        """
        own = self.to_camera(points)
        depth = own[..., 2]
        return self.to_pixels(own), depth

    def to_pixels(self, own: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of points [..., 3] in the camera's own axes."""
        depth = np.maximum(own[..., 2:3], NEAR)
        return self.focal * own[..., :2] / depth + np.asarray(self.centre)

    def enlarged(self, factor: int, margin: int) -> "Camera":
        """The same view on a canvas `factor` times as fine, with `margin` canvas pixels around."""
        width, height = self.size
        return Camera(
            self.position,
            self.axes,
            self.focal * factor,
            (self.centre[0] * factor + margin, self.centre[1] * factor + margin),
            (width * factor + 2 * margin, height * factor + 2 * margin),
        )

    def reduced(self, factor: float) -> "Camera":
        """The same view on a picture `factor` times as coarse."""
        size = (round(self.size[0] / factor), round(self.size[1] / factor))
        centre = (self.centre[0] / factor, self.centre[1] / factor)
        return Camera(self.position, self.axes, self.focal / factor, centre, size)

    def ground(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the rays through the pixels meet the ground z = 0.

        Returns:
            x, y (m) and distance from the camera (m), each float32 [height, width]; distance is
            infinite above the horizon.
        """
        width, height = self.size
        across = (np.arange(width, dtype=np.float32) + 0.5 - self.centre[0]) / self.focal
        down = (np.arange(height, dtype=np.float32) + 0.5 - self.centre[1]) / self.focal
        axes, position = self.axes.astype(np.float32), self.position.astype(np.float32)
        rays = [
            (axes[0, k] * across)[None, :] + (axes[1, k] * down + axes[2, k])[:, None]
            for k in range(3)
        ]
        reach = position[2] / np.maximum(-rays[2], np.float32(1e-4))
        far = np.where(rays[2] < -1e-3, reach, np.float32(np.inf))
        return position[0] + rays[0] * reach, position[1] + rays[1] * reach, far


def look_at(
    position: np.ndarray, target: np.ndarray, focal: float, size: tuple[int, int]
) -> Camera:
    """A camera at `position` [3] whose axis goes through `target` [3], held upright.

    Args:
        focal: focal length in pixels: something 1 m high, 1 m away, is this many pixels high.
        size: width and height of the picture (pixels).
    """
    forward = np.asarray(target, float) - np.asarray(position, float)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    axes = np.stack([right, down, forward])
    return Camera(np.asarray(position, float), axes, float(focal), (size[0] / 2, size[1] / 2), size)


def clip_near(polygon: np.ndarray) -> np.ndarray:
    """The part of a polygon [K, 3] (camera's axes) beyond `NEAR`; [0, 3] where there is none.

    One plane of the Sutherland-Hodgman algorithm (Communications of the ACM 17, 1974).
    """
    kept = []
    for first, second in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if first[2] >= NEAR:
            kept.append(first)
        if (first[2] >= NEAR) != (second[2] >= NEAR):
            share = (NEAR - first[2]) / (second[2] - first[2])
            kept.append(first + share * (second - first))
    return np.array(kept).reshape(-1, 3)
