"""All that stands still behind the actors, painted once: in the light, and in each shadow."""

from dataclasses import dataclass

import cv2
import numpy as np

from helpers.yard.air import Air
from helpers.yard.bystanders import rails, sleepers
from helpers.yard.camera import Camera
from helpers.yard.conditions import Conditions
from helpers.yard.crowd import join
from helpers.yard.detail import (
    NEAR_INFRARED,
    as_seen,
    glowing,
    in_infrared,
    worn_colours,
)
from helpers.yard.fixtures import fixtures
from helpers.yard.grime import Grime, stains
from helpers.yard.ground import GroundPicture, survey
from helpers.yard.lights import Lamp, Lighting
from helpers.yard.mesh import Solids, Thing, gather
from helpers.yard.painter import (
    View,
    flat_view,
    paint,
    paint_flat,
    view,
    view_in_rows,
)
from helpers.yard.rain import sheen
from helpers.yard.shadows import Occlusion, shadow_outlines, throw_shadows
from helpers.yard.site import Site

OCCLUDED = 0.45
"""Share of the light that is lost right under things."""
AIRY = ("fence", "mast", "lamp")
"""What hides nothing of the sky from the ground about it."""
NIGHT_COLOURS, DUSK_COLOURS = 0.75, 0.9
"""What is left of the colours when a camera turns its gain up."""


@dataclass(frozen=True)
class Look:
    """How a camera sees a clip's scene: all that turns a thing's colours into the picture's."""

    site: Site
    conditions: Conditions
    lighting: Lighting
    air: Air

    def occluded(self, distance: float) -> float:
        """Share of the light that is lost right under things, as seen from a distance (m)."""
        return OCCLUDED * float(self.air.left(distance))

    @property
    def saturation(self) -> float:
        """Of the picture's colours; 0 in infrared."""
        if self.conditions.infrared:
            return 0.0
        faded = {"day": 1.0, "dusk": DUSK_COLOURS, "night": NIGHT_COLOURS}
        return self.site.saturation * faded[self.conditions.light]

    def colours(self, solids: Solids, camera: Camera) -> np.ndarray:
        """Colours [T, F, 4] of faces: RGB and `stains`."""
        worn = worn_colours(solids, self.site.ground.soil)
        if self.conditions.infrared:
            worn = in_infrared(solids, worn)
        else:
            worn = as_seen(worn, self.saturation)
        points = solids.vertices[:, solids.faces[:, :4]].mean(axis=2)
        seen = self.lighting.shade(worn, points, solids.normals)
        if self.conditions.lamps or self.conditions.infrared:
            glow = glowing(solids)
            seen[:, glow] = np.minimum(worn[glow] * 1.6 + 60, 255)
        dark = np.broadcast_to(stains(solids)[:, None], (*seen.shape[:2], 1))
        if not self.air.is_clear:
            distance = np.linalg.norm(points - camera.position, axis=-1)
            seen = self.air.veil(seen, distance)
            dark = np.maximum(dark * self.air.left(distance)[..., None], 1)
        return np.concatenate([seen, dark], axis=-1)


@dataclass(frozen=True)
class Backdrop:
    """The empty scene on the canvas, uint8 [height, width, 3] each."""

    lit: np.ndarray
    sources: list[tuple[np.ndarray | Lamp, Lighting]]  # what throws shadows: `Lighting.sources`
    shaded: list[np.ndarray]  # without each of them
    ground: GroundPicture  # coarser than the canvas


def paint_backdrop(
    look: Look,
    camera: Camera,
    finer: int,
    beyond: tuple[Thing, ...],
    around: Solids | None,
    grime: Grime,
) -> Backdrop:
    """Paint all that stands still.

    Args:
        camera: of the canvas, `finer` times as fine as the picture.
        beyond: things that are behind all actors.
        around: things that are drawn later, among the actors; here they only throw shadows.
        grime: of the canvas's size.
    """
    site, lighting = look.site, look.lighting
    ground = survey(site, camera.reduced(finer), bool(look.conditions.rain))
    albedo = cv2.resize(ground.albedo, camera.size)
    _lay_tracks(site, ground, albedo, camera)
    albedo = cv2.transform(albedo, _sensitivity(look))
    place = np.array([0.0, 3.0 * site.side, 0.0])
    sources = [] if look.conditions.infrared else lighting.sources(place)
    pictures = [_light(look, albedo, ground, light, camera) for light in _lightings(look, sources)]
    rows = fixtures(site)
    wagons = gather(list(beyond), 1) if beyond else None
    standing = [*rows, *(one for one in (wagons, around) if one is not None)]
    if standing:
        _shade(join(standing), sources, pictures, camera)
    for picture in pictures:
        _paint_sky(picture, look, ground.far)
    if not look.air.is_clear:
        far = cv2.resize(np.minimum(ground.far, 1e4), camera.size)
        pictures = [look.air.veil_picture(picture, far) for picture in pictures]
    for seen in (
        view_in_rows(rows, camera) if rows else None,
        view(wagons, camera) if wagons else None,
    ):
        if seen is not None:
            _paint_behind(look, seen, grime, pictures)
    return Backdrop(pictures[0], sources, pictures[1:], ground)


def _shade(solids: Solids, sources, pictures: list[np.ndarray], camera: Camera) -> None:
    """Throw the shadows of what stands still, in place; the first picture is the lit one."""
    lit, *shaded = pictures
    for (source, _), dark in zip(sources, shaded, strict=True):
        throw_shadows(lit, dark, shadow_outlines(solids, source, camera).hulls(0), lit)
    dense = ~solids.select(kinds=AIRY)
    if dense.any():
        under = Occlusion(solids, camera, dense)
        for picture in pictures:
            under.darken(picture, 0, OCCLUDED)


def _lay_tracks(site: Site, ground: GroundPicture, albedo: np.ndarray, camera: Camera) -> None:
    along = np.abs(ground.y) < abs(site.tracks[-1]) + 2
    if not along.any():
        return
    shown = float(ground.x[along].min()), float(ground.x[along].max())
    for flat in (
        sleepers(site.tracks, shown, site.ground.sleepers, site.number),
        rails(site.tracks, shown, site.ground.rails),
    ):
        # Under full light all but the upper faces are darker.
        level = 0.62 + 0.38 * np.maximum(flat.normals[0, :, 2:], 0)
        paint_flat(flat_view(flat, camera), albedo, flat.colours * level)


def _lightings(look: Look, sources) -> list[Lighting]:
    return [look.lighting, *(shadow for _, shadow in sources)]


def _sensitivity(look: Look) -> np.ndarray:
    """How the sensor's three channels answer to red, green and blue: [3, 3]."""
    if look.conditions.infrared:
        return np.repeat(NEAR_INFRARED[None], 3, axis=0)
    return as_seen(np.eye(3), look.saturation).T


def _light(
    look: Look, albedo: np.ndarray, ground: GroundPicture, lighting: Lighting, camera: Camera
) -> np.ndarray:
    """The ground under a light: uint8 of the canvas's size."""
    coarse = [cv2.resize(one, None, fx=0.4, fy=0.4) for one in (ground.x, ground.y)]
    factor = lighting.ground(*coarse).astype(np.float32)
    levels = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    if factor.ndim == 1:
        picture = cv2.LUT(albedo, _table(lighting.tone(levels * factor)))
    else:
        picture = cv2.multiply(albedo, cv2.resize(factor, camera.size), dtype=cv2.CV_8U)
        if lighting.contrast != 1:
            picture = cv2.LUT(picture, _table(lighting.tone(levels)))
    if ground.water is not None:
        picture = sheen(picture, ground, camera, lighting)
    return picture


def _table(levels: np.ndarray) -> np.ndarray:
    return np.clip(levels, 0, 255).round().astype(np.uint8)[None]


def _paint_sky(picture: np.ndarray, look: Look, far: np.ndarray) -> None:
    """Above the horizon the sky, with a low dark backdrop along it."""
    rows = np.flatnonzero(~np.isfinite(far[:, far.shape[1] // 2]))
    if not len(rows):
        return
    horizon, height = (rows[-1] + 1) * len(picture) // len(far), len(picture)
    rise = max(int(0.05 * height), 1)
    ground, lighting = look.site.ground, look.lighting
    whole = lighting.sky + lighting.sun * max(lighting.towards[2], 0)
    colours = as_seen(np.stack([ground.sky, ground.backdrop]), look.saturation)
    light = lighting.tone(colours * lighting.factor(np.stack([1.2 * lighting.sky, whole * 0.6])))
    picture[:horizon] = np.clip(light[0], 0, 255)
    picture[max(horizon - rise, 0) : horizon] = np.clip(light[1], 0, 255)


def _paint_behind(look: Look, seen: View, grime: Grime, pictures: list[np.ndarray]) -> None:
    colours = look.colours(seen.solids, seen.camera)[0]
    leaves = seen.solids.select(kinds=("bush",))
    for parts, frayed in ((leaves, True), (~leaves, False)):
        if parts.any():
            layer = np.zeros((*pictures[0].shape[:2], 4), np.uint8)
            paint(seen, 0, layer, colours, parts)
            if frayed:
                grime.fray(layer)
            for picture in pictures:
                grime.lay(layer, picture, np.zeros(2))
