"""The actors: an excavator on crawlers and workers in high-visibility clothing."""

from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache

import numpy as np

from helpers.yard.mesh import Part, Pose, Thing, box, drum, frustum, raise_x, shift, slab, turn_z

UNDERCARRIAGE = ((-1.45, 1.45), (-1.1, 1.1))
"""Footprint of the crawlers: x from-to, y from-to (m) about the slewing axis."""
BODY = ((-1.75, 1.15), (-1.05, 1.05))
"""Footprint of the slewing body with its cabin (m) about the slewing axis."""
BOOM_PIVOT = (0.35, -0.1, 1.25)
BOOM = 3.1
STICK = 1.9
BUCKET_MIDDLE = (-0.08, 0.0, -0.38)
"""Middle of the bucket from the pin at the stick's end (m)."""

STEEL = (70, 68, 66)
RUBBER = (44, 43, 42)
GLASS = (58, 78, 92)
SKIN = (190, 140, 110)
SILVER = (228, 228, 224)

Colour = tuple[int, int, int]
"""RGB 0..255."""


@dataclass(frozen=True)
class ExcavatorMotion:
    """Where an excavator is in each of T frames; angles in radians, lengths in metres."""

    position: np.ndarray  # [T, 2] of the slewing axis
    heading: np.ndarray  # [T] of the crawlers, from x towards y
    slew: np.ndarray  # [T] of the body against the crawlers
    reach: np.ndarray  # [T] from the slewing axis to the bucket's pin
    lift: np.ndarray  # [T] height of the bucket's pin
    curl: np.ndarray  # [T] the bucket's turn towards the cabin

    def at(self, frames: slice | list[int]) -> "ExcavatorMotion":
        """The same motion in some of the frames, in their order."""
        part = ExcavatorMotion(
            **{one.name: getattr(self, one.name)[frames] for one in fields(self)}
        )
        # Poses cost most of an arrangement's time: what is known of them is not found anew.
        if "bucket_middle" in vars(self):
            vars(part)["bucket_middle"] = self.bucket_middle[frames]
        return part

    @cached_property
    def poses(self) -> dict[str, Pose]:
        """Pose of every bone. Boom and stick follow from reach and lift by the law of cosines."""
        under = shift(self.position[:, 0], self.position[:, 1]) @ turn_z(self.heading)
        body = under @ turn_z(self.slew)
        along, up = self.reach - BOOM_PIVOT[0], self.lift - BOOM_PIVOT[2]
        span = np.clip(np.hypot(along, up), BOOM - STICK + 0.05, BOOM + STICK - 0.005)
        at_pivot = np.arccos((BOOM**2 + span**2 - STICK**2) / (2 * BOOM * span))
        at_elbow = np.arccos((BOOM**2 + STICK**2 - span**2) / (2 * BOOM * STICK))
        boom = body @ shift(*BOOM_PIVOT) @ raise_x(np.arctan2(up, along) + at_pivot)
        stick = boom @ shift(BOOM) @ raise_x(at_elbow - np.pi)
        pin = stick.apply(np.array([[STICK, 0.0, 0.0]]))[:, 0]
        bucket = Pose(body.rotation, pin) @ raise_x(-self.curl)
        return {"under": under, "body": body, "boom": boom, "stick": stick, "bucket": bucket}

    @property
    def usual(self) -> int:
        """The frame in which the body is slewed as in the middle of all it does."""
        return int(np.abs(self.slew - np.median(self.slew)).argmin())

    @cached_property
    def bucket_middle(self) -> np.ndarray:
        """Middle of the bucket in the world, [T, 3] (m)."""
        return self.poses["bucket"].apply(np.array([BUCKET_MIDDLE]))[:, 0]


@dataclass(frozen=True)
class WorkerMotion:
    """Where a worker is in each of T frames; angles in radians, lengths in metres."""

    position: np.ndarray  # [T, 2]
    heading: np.ndarray  # [T]
    stride: np.ndarray  # [T] angle of the left leg, forwards
    bend: np.ndarray  # [T] of the upper body, forwards
    arms: np.ndarray  # [T] mean angle of the arms, forwards
    height: float

    def at(self, frames: slice | list[int]) -> "WorkerMotion":
        """The same motion in some of the frames, in their order."""
        names = ("position", "heading", "stride", "bend", "arms")
        return replace(self, **{name: getattr(self, name)[frames] for name in names})


def excavator(motion: ExcavatorMotion, paint: Colour, bucket_paint: Colour) -> Thing:
    """An excavator of about eight tonnes, painted RGB `paint`, its bucket `bucket_paint`."""
    return Thing("excavator", _excavator_parts(paint, bucket_paint), motion.poses)


@lru_cache(maxsize=16)
def _excavator_parts(paint: Colour, bucket_paint: Colour) -> tuple[Part, ...]:
    paint, dark = np.asarray(paint, float), np.asarray(paint, float) * 0.55
    parts = []
    chain = [(-1.45, 0.3), (-1.2, 0.05), (1.2, 0.05), (1.45, 0.3)]
    chain += [(1.45, 0.45), (1.2, 0.7), (-1.2, 0.7), (-1.45, 0.45)]
    for right in (-1.1, 0.65):
        parts.append(slab(chain, right, right + 0.45, RUBBER, "crawler", "under"))
    parts.append(box((-0.9, -0.65, 0.25), (0.9, 0.65, 0.6), dark * 0.6, "crawler", "under"))
    parts.append(drum((0, 0), (0.5, 0.5), (0.62, 0.82), STEEL, "crawler", "under"))
    grille = {2: dark, 4: dark}
    parts.append(box((-1.5, -1.05, 0.82), (-0.1, 1.05, 1.75), paint, "body", "body", grille))
    parts.append(box((-1.75, -0.95, 0.84), (-1.5, 0.95, 1.6), dark, "body", "body"))
    parts.append(box((-0.1, -1.05, 0.82), (0.75, -0.4, 1.35), paint, "body", "body"))
    parts.append(box((-0.1, 0.15, 0.82), (1.15, 1.05, 1.45), paint, "cabin", "body"))
    parts.append(box((-0.06, 0.19, 1.45), (1.1, 1.01, 2.35), GLASS, "cabin", "body", {5: paint}))
    parts.append(box((-0.1, 0.15, 2.35), (1.15, 1.05, 2.5), paint, "cabin", "body"))
    lower = [(-0.1, -0.16), (0.15, -0.2), (1.5, 0.3), (1.35, 0.66), (-0.1, 0.16)]
    upper = [(1.5, 0.3), (BOOM, -0.13), (BOOM + 0.1, 0.12), (1.35, 0.66)]
    parts.append(slab(lower, -0.16, 0.16, paint, "boom", "boom"))
    parts.append(slab(upper, -0.15, 0.15, paint, "boom", "boom"))
    arm = [(-0.4, 0.05), (0.0, -0.17), (STICK, -0.1), (STICK, 0.1), (0.0, 0.2), (-0.4, 0.18)]
    parts.append(slab(arm, -0.13, 0.13, paint, "stick", "stick"))
    shell = [(0.3, 0.08), (0.38, -0.3), (0.2, -0.72), (-0.2, -0.86), (-0.55, -0.62), (-0.28, 0.08)]
    inside = {6: np.asarray(bucket_paint) * 0.45}
    parts.append(slab(shell, -0.48, 0.48, bucket_paint, "bucket", "bucket", inside))
    return tuple(parts)


def worker(
    motion: WorkerMotion, name: str, vest: Colour, helmet: Colour, trousers: Colour
) -> Thing:
    """A worker in vest, helmet and trousers of the given RGB colours, with reflective bands."""
    scale = motion.height / 1.8
    hip, shoulder = 0.88 * scale, 0.55 * scale
    root = shift(motion.position[:, 0], motion.position[:, 1]) @ turn_z(motion.heading)
    torso = root @ shift(z=hip) @ raise_x(-motion.bend)
    poses = {"torso": torso}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        leg, arm = f"{side} leg", f"{side} arm"
        poses[leg] = root @ shift(y=sign * 0.11, z=hip) @ raise_x(sign * motion.stride)
        swing = motion.arms - 0.8 * sign * motion.stride
        poses[arm] = torso @ shift(y=sign * 0.28, z=shoulder - 0.03) @ raise_x(swing)
    return Thing(name, _worker_parts(scale, vest, helmet, trousers), poses)


@lru_cache(maxsize=16)
def _worker_parts(scale: float, vest: Colour, helmet: Colour, trousers: Colour) -> tuple[Part, ...]:
    hip, shoulder = 0.88 * scale, 0.55 * scale
    parts = []
    for leg, arm in (("left leg", "left arm"), ("right leg", "right arm")):
        parts.append(_limb(0.085, 0.1, -hip, 0.02, trousers, "legs", leg))
        parts.append(_limb(0.06, 0.075, -0.62 * scale, 0.03, vest, "vest", arm))
    bands = [(-0.06, 0.12, vest), (0.12, 0.2, SILVER), (0.2, 0.55, vest)]
    for low, high, colour in bands:
        parts.append(_barrel(low * scale, high * scale, colour))
    head = shoulder + 0.05 * scale
    parts.append(drum((0.02, 0), (0.09, 0.1), (head, head + 0.18), SKIN, "head", "torso"))
    parts.append(drum((0.02, 0), (0.16, 0.07), (head + 0.18, head + 0.31), helmet, "head", "torso"))
    return tuple(parts)


def _limb(below: float, above: float, low: float, high: float, colour, kind: str, bone: str):
    plan = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    lower, upper = (
        np.column_stack([plan * half, np.full(4, z)]) for half, z in ((below, low), (above, high))
    )
    return frustum(lower, upper, colour, kind, bone)


def _barrel(low: float, high: float, colour):
    angles = (np.arange(8) + 0.5) * (np.pi / 4)
    plan = np.stack([0.16 * np.cos(angles), 0.25 * np.sin(angles)], axis=-1)
    lower, upper = (np.column_stack([plan, np.full(8, z)]) for z in (low, high))
    return frustum(lower, upper, colour, "vest", "torso")
