"""Sun, sky and lamps: how much light falls where, and what colour a camera then sees.

Colours of things are what a screen shows of them under full light, so a product in linear light
becomes a product with its root here: (albedo · light)^(1/GAMMA) = albedo^(1/GAMMA) ·
light^(1/GAMMA).
"""

from dataclasses import dataclass, replace

import numpy as np

GAMMA = 2.2
"""Exponent between linear light and what the screen is sent (close to sRGB's)."""
BOUNCE = 0.22
"""Share of the light that the ground throws back upwards."""
FAINT = 0.12
"""A light that gives less than this share of all there is throws no shadow to be seen."""


@dataclass(frozen=True)
class Lamp:
    """A floodlight: brightest along its aim, less to the sides, falling with the distance."""

    position: np.ndarray  # [3] or, where it moves, [T, 1, 3] (m)
    aim: np.ndarray  # unit, of the same shape
    lobe: float  # exponent on the cosine of the angle from the aim
    colour: np.ndarray  # [3], factor per channel
    strength: float  # light at one metre on the axis; full daylight is 1

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit directions [..., 3] from points [..., 3] to the lamp, and its light there [...]."""
        way = self.position - points
        squared = np.maximum((way * way).sum(axis=-1), 1.0)
        towards = way / np.sqrt(squared)[..., None]
        off = np.maximum(-(towards * self.aim).sum(axis=-1), 0.0)
        return towards, self.strength * off**self.lobe / squared


@dataclass(frozen=True)
class Lighting:
    """All light on a scene, and how the camera's automatic exposure takes it."""

    sky: np.ndarray  # [3], on level ground
    sun: np.ndarray  # [3], on a face that looks at it
    towards: np.ndarray  # [3], unit, from the scene to the sun
    lamps: tuple[Lamp, ...]
    gain: np.ndarray  # [3], exposure and white balance
    contrast: float  # exponent on the tone curve, 1 is plain

    def irradiance(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Light [..., 3] on faces at points with unit normals, each [..., 3].

        Lambert's law for sun and lamps; half of the sky for an upright face, the rest from below.
        """
        up = 0.5 + 0.5 * normals[..., 2:3]
        below = self.sky + self.sun * max(self.towards[2], 0.0)
        light = self.sky * up + BOUNCE * below * (1 - up)
        if self.sun.any():
            light = light + self.sun * np.maximum(normals @ self.towards, 0.0)[..., None]
        for lamp in self.lamps:
            towards, amount = lamp.at(points)
            facing = np.maximum((normals * towards).sum(axis=-1), 0.0)
            # What stands in the light also takes some from the lit ground about it.
            fill = BOUNCE * (0.6 + 0.4 * facing) * np.maximum(towards[..., 2], 0.0)
            light = light + lamp.colour * (amount * (facing + fill))[..., None]
        return light

    def factor(self, light: np.ndarray) -> np.ndarray:
        """What colours are multiplied with under an amount of light [..., 3]."""
        return (light * self.gain) ** (1 / GAMMA)

    def tone(self, colours: np.ndarray) -> np.ndarray:
        """What the sensor makes of exposed colours: RGB 0..255."""
        seen = np.clip(colours / 255.0, 0.0, 1.0)
        return 255.0 * (seen if self.contrast == 1 else seen**self.contrast)

    def shade(self, colours: np.ndarray, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Colours [..., 3] of faces as the camera sees them, RGB 0..255."""
        return self.tone(colours * self.factor(self.irradiance(points, normals)))

    def ground(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The factor for level ground at places x, y (m): [..., 3], or [3] where all is alike."""
        level = np.array([0.0, 0.0, 1.0])
        if not self.lamps:
            return self.factor(self.irradiance(np.zeros(3), level))
        points = np.stack([x, y, np.zeros_like(x)], axis=-1)
        return self.factor(self.irradiance(points, level))

    def sources(self, place: np.ndarray) -> "list[tuple[np.ndarray | Lamp, Lighting]]":
        """What throws shadows about a place [3], the strongest first, with the light without it.

        Returns:
            At most two: the direction to the sun [3] or a lamp, and the lighting in its shadow.
        """
        level = np.array([0.0, 0.0, 1.0])
        whole = self.irradiance(place, level).mean()
        found = []
        if self.sun.mean() * self.towards[2] > FAINT * whole:
            shadow = replace(self, sun=np.zeros(3))
            found.append((shadow.irradiance(place, level).mean(), self.towards, shadow))
        for k, lamp in enumerate(self.lamps):
            others = self.lamps[:k] + self.lamps[k + 1 :]
            shadow = replace(self, lamps=others)
            left = shadow.irradiance(place, level).mean()
            if whole - left > FAINT * whole:
                found.append((left, lamp, shadow))
        found.sort(key=lambda entry: entry[0])
        return [(source, shadow) for _, source, shadow in found[:2]]
