"""Convex parts, the poses that move them, and the arrays that a whole scene is drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CORNERS = 8
"""Corners of the faces in the arrays; a face with fewer repeats its last one."""


@dataclass(frozen=True)
class Part:
    """A convex solid in the axes of its bone."""

    kind: str  # what it is part of in words: "bucket", "cabin", "vest", …
    bone: str  # which pose moves it
    vertices: np.ndarray  # [V, 3], m
    faces: tuple[tuple[int, ...], ...]  # at most CORNERS each, same turning sense from outside
    colours: np.ndarray  # [F, 3], RGB 0..255 under full light


@dataclass(frozen=True)
class Pose:
    """Where a bone is in each frame."""

    rotation: np.ndarray  # [T or 1, 3, 3]
    shift: np.ndarray  # [T or 1, 3], m

    def __matmul__(self, inner: "Pose") -> "Pose":
        """This pose after `inner`, which is given in this one's axes."""
        return Pose(self.rotation @ inner.rotation, self.apply(inner.shift[:, None])[:, 0])

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points [V, 3] or [T, V, 3] moved by the pose: [T, V, 3]."""
        return points @ self.rotation.swapaxes(-1, -2) + self.shift[:, None]


@dataclass(frozen=True)
class Thing:
    """Something in the scene: its parts and, per bone, where that is over time."""

    name: str
    parts: tuple[Part, ...]
    poses: Mapping[str, Pose]


@dataclass(frozen=True)
class Solids:
    """A scene as arrays; T frames, V vertices, F faces, N parts.

    Padded indices repeat the last one.
    """

    vertices: np.ndarray  # [T, V, 3]
    faces: np.ndarray  # [F, CORNERS] into V
    colours: np.ndarray  # [F, 3]
    face_part: np.ndarray  # [F] into N
    part_vertices: np.ndarray  # [N, ·] into V
    part_faces: np.ndarray  # [N, ·] into F
    names: tuple[str, ...]  # per part, of its thing
    kinds: tuple[str, ...]  # per part
    normals: np.ndarray  # [T, F, 3], unit, outwards

    def select(self, names: Sequence[str] = (), kinds: Sequence[str] = ()) -> np.ndarray:
        """Which parts belong to the named things or are of the named kinds: bool [N]."""
        pairs = zip(self.names, self.kinds, strict=True)
        return np.array([name in names or kind in kinds for name, kind in pairs])

    def pick(self, parts: np.ndarray) -> "Solids":
        """Only some of the parts, bool [N]; at least one."""
        faces = parts[self.face_part]
        number = np.cumsum(parts) - 1
        numbers = np.cumsum(faces) - 1
        chosen = np.flatnonzero(parts)
        return Solids(
            self.vertices,
            self.faces[faces],
            self.colours[faces],
            number[self.face_part[faces]],
            self.part_vertices[chosen],
            numbers[self.part_faces[chosen]],
            tuple(self.names[k] for k in chosen),
            tuple(self.kinds[k] for k in chosen),
            self.normals[:, faces],
        )


def shift(x=0.0, y=0.0, z=0.0) -> Pose:
    """A pose that only shifts; each of x, y, z (m) is a number or [T]."""
    moved = np.stack(np.broadcast_arrays(*map(np.atleast_1d, (x, y, z))), axis=-1)
    return Pose(np.eye(3)[None], moved.astype(float))


def turn_z(angle) -> Pose:
    """A turn about the vertical (radians, a number or [T]), from x towards y."""
    angle = np.atleast_1d(np.asarray(angle, float))
    rotation = np.zeros((len(angle), 3, 3))
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(angle)
    rotation[:, 1, 0] = np.sin(angle)
    rotation[:, 0, 1] = -rotation[:, 1, 0]
    rotation[:, 2, 2] = 1
    return Pose(rotation, np.zeros((1, 3)))


def raise_x(angle) -> Pose:
    """A turn about y that raises the x axis (radians, a number or [T])."""
    angle = np.atleast_1d(np.asarray(angle, float))
    rotation = np.zeros((len(angle), 3, 3))
    rotation[:, 0, 0] = rotation[:, 2, 2] = np.cos(angle)
    rotation[:, 2, 0] = np.sin(angle)
    rotation[:, 0, 2] = -rotation[:, 2, 0]
    rotation[:, 1, 1] = 1
    return Pose(rotation, np.zeros((1, 3)))


def _faces(corners: int) -> tuple[tuple[int, ...], ...]:
    """Faces of a frustum whose lower polygon turns left as seen from the upper one."""
    below, above = tuple(range(corners))[::-1], tuple(range(corners, 2 * corners))
    following = [(k + 1) % corners for k in range(corners)]
    sides = ((k, n, n + corners, k + corners) for k, n in enumerate(following))
    return (below, above, *sides)


_FACES = {corners: _faces(corners) for corners in range(3, CORNERS + 1)}


def frustum(
    lower: np.ndarray,
    upper: np.ndarray,
    colour: Sequence[float],
    kind: str,
    bone: str = "root",
    paint: Mapping[int, Sequence[float]] | None = None,
) -> Part:
    """The solid between two convex polygons [K, 3] of equally many corners.

    Args:
        colour: of all faces; `paint` overrides it per face: 0 lower, 1 upper, 2 + k the side
            between corners k and k + 1.
    """
    corners = len(lower)
    vertices = np.concatenate([lower, upper]).astype(float)
    faces = _FACES[corners]
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = vertices[:3].tolist()
    ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - bx, cy - by, cz - bz
    up = (vertices[corners:].sum(axis=0) - vertices[:corners].sum(axis=0)).tolist()
    turn = (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx)
    if turn[0] * up[0] + turn[1] * up[1] + turn[2] * up[2] < 0:
        faces = tuple(face[::-1] for face in faces)
    colours = np.empty((len(faces), 3))
    colours[:] = colour
    for face, other in (paint or {}).items():
        colours[face] = other
    return Part(kind, bone, vertices, faces, colours)


def box(low, high, colour, kind: str, bone: str = "root", paint=None) -> Part:
    """An upright box from corner `low` to corner `high` [3] (m).

    Sides for `paint`: 0 below, 1 above, 2 right (low y), 3 front (high x), 4 left, 5 back.
    """
    (x0, y0, z0), (x1, y1, z1) = low, high
    plan = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return frustum(_at(plan, z0), _at(plan, z1), colour, kind, bone, paint)


def drum(centre, radii, heights, colour, kind: str, bone: str = "root", corners=8) -> Part:
    """An upright drum or cone: `radii` and `heights` (m) below and above, `centre` [2]."""
    angles = (np.arange(corners) + 0.5) * (2 * np.pi / corners)
    plan = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    lower, upper = (
        _at(plan * radius + centre, z) for radius, z in zip(radii, heights, strict=True)
    )
    return frustum(lower, upper, colour, kind, bone)


def slab(profile, right, left, colour, kind: str, bone: str = "root", paint=None) -> Part:
    """A convex side view `profile` [K, 2] (x, z) drawn out from y = `right` to y = `left`."""
    profile = np.asarray(profile, float)
    sides = [
        np.stack([profile[:, 0], np.full(len(profile), y), profile[:, 1]], axis=-1)
        for y in (right, left)
    ]
    return frustum(*sides, colour, kind, bone, paint)


def _at(plan: np.ndarray, z: float) -> np.ndarray:
    return np.column_stack([plan, np.full(len(plan), z)])


def gather(things: Sequence[Thing], frames: int) -> Solids:
    """Put all things into the arrays of a scene of `frames` frames."""
    vertices, faces, colours, face_part, part_vertices, part_faces = [], [], [], [], [], []
    names, kinds = [], []
    start = 0
    for thing in things:
        for part in thing.parts:
            moved = thing.poses[part.bone].apply(part.vertices)
            vertices.append(np.broadcast_to(moved, (frames, *moved.shape[1:])))
            first = len(faces)
            for face in part.faces:
                padded = face + (face[-1],) * (CORNERS - len(face))
                faces.append([start + corner for corner in padded])
            colours.append(part.colours)
            face_part += [len(names)] * len(part.faces)
            part_vertices.append(list(range(start, start + len(part.vertices))))
            part_faces.append(list(range(first, len(faces))))
            start += len(part.vertices)
            names.append(thing.name)
            kinds.append(part.kind)
    every = np.concatenate(vertices, axis=1)
    index = np.array(faces)
    a, b, c = (every[:, index[:, corner]] for corner in range(3))
    normals = unit_normals(a, b, c)
    return Solids(
        every,
        index,
        np.concatenate(colours),
        np.array(face_part),
        _padded(part_vertices),
        _padded(part_faces),
        tuple(names),
        tuple(kinds),
        normals,
    )


def unit_normals(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Normals [..., 3] of faces whose first corners are a, b, c, each [..., 3]."""
    (ux, uy, uz), (vx, vy, vz) = np.moveaxis(b - a, -1, 0), np.moveaxis(c - b, -1, 0)
    normals = np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], axis=-1)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def _padded(rows: list[list[int]]) -> np.ndarray:
    longest = max(map(len, rows))
    return np.array([row + [row[-1]] * (longest - len(row)) for row in rows])
