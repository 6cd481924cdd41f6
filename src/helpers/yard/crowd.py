"""Scenes of one frame that are made all at once: many parts of one build, and several joined."""

from collections.abc import Sequence

import numpy as np

from helpers.yard.mesh import CORNERS, Part, Solids, box, drum, unit_normals


def alike(vertices: np.ndarray, faces, colours: np.ndarray, kind: str, name: str) -> Solids:
    """A scene of one frame: M parts of one build.

    Args:
        vertices: [M, V, 3] (m).
        faces: of each, see `Part`.
        colours: [M, F, 3], RGB 0..255, or what broadcasts to it.
    """
    many, corners = vertices.shape[:2]
    one = np.array([face + (face[-1],) * (CORNERS - len(face)) for face in faces])
    a, b, c = (vertices[:, one[:, corner]] for corner in range(3))
    number = np.arange(many)
    return Solids(
        vertices.reshape(1, -1, 3),
        (one + corners * number[:, None, None]).reshape(-1, CORNERS),
        np.broadcast_to(colours, (many, len(one), 3)).reshape(-1, 3),
        np.repeat(number, len(one)),
        np.arange(many * corners).reshape(many, corners),
        np.arange(many * len(one)).reshape(many, len(one)),
        (name,) * many,
        (kind,) * many,
        unit_normals(a, b, c).reshape(1, -1, 3),
    )


def repeat(part: Part, places: np.ndarray, name: str) -> Solids:
    """A scene of one frame: the same part at M places [M, 3] (m), unturned."""
    return alike(places[:, None] + part.vertices, part.faces, part.colours, part.kind, name)


def boxes(low: np.ndarray, high: np.ndarray, colours: np.ndarray, kind: str, name: str) -> Solids:
    """M upright boxes from corners `low` to `high` [M, 3] (m) of colours [M, 3]."""
    unit = box((0, 0, 0), (1, 1, 1), (0, 0, 0), kind)
    vertices = low[:, None] + unit.vertices * (high - low)[:, None]
    return alike(vertices, unit.faces, colours[:, None], kind, name)


def drums(
    places: np.ndarray, radii: np.ndarray, heights: np.ndarray, colours: np.ndarray, kind: str, name
) -> Solids:
    """M upright drums or cones at places [M, 2]; radii and heights [M, 2] (m) below and above."""
    unit = drum((0, 0), (1, 1), (0, 1), (0, 0, 0), kind, corners=6)
    upper = np.repeat([0, 1], len(unit.vertices) // 2)
    vertices = unit.vertices * [1, 1, 0] * radii[:, upper, None]
    vertices[..., :2] += places[:, None]
    vertices[..., 2] += heights[:, upper]
    return alike(vertices, unit.faces, colours[:, None], kind, name)


def join(scenes: Sequence[Solids]) -> Solids:
    """Several scenes of as many frames in one; their parts follow one another."""
    vertices = np.cumsum([0, *(one.vertices.shape[1] for one in scenes)])
    faces = np.cumsum([0, *(len(one.faces) for one in scenes)])
    parts = np.cumsum([0, *(len(one.names) for one in scenes)])
    return Solids(
        np.concatenate([one.vertices for one in scenes], axis=1),
        np.concatenate([one.faces + v for one, v in zip(scenes, vertices, strict=False)]),
        np.concatenate([one.colours for one in scenes]),
        np.concatenate([one.face_part + p for one, p in zip(scenes, parts, strict=False)]),
        _stacked([one.part_vertices + v for one, v in zip(scenes, vertices, strict=False)]),
        _stacked([one.part_faces + f for one, f in zip(scenes, faces, strict=False)]),
        tuple(name for one in scenes for name in one.names),
        tuple(kind for one in scenes for kind in one.kinds),
        np.concatenate([one.normals for one in scenes], axis=1),
    )


def _stacked(tables: list[np.ndarray]) -> np.ndarray:
    """Tables [N, ·] of indices under one another, narrow ones padded by their last column."""
    wide = max(table.shape[1] for table in tables)
    return np.concatenate(
        [np.pad(table, ((0, 0), (0, wide - table.shape[1])), mode="edge") for table in tables]
    )
