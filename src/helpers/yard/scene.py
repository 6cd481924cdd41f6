"""The canvas of a clip's frames: what stands still, shadows, actors, and what is in the air."""

from dataclasses import replace

import numpy as np

from helpers.yard.air import Dust
from helpers.yard.backdrop import Look, paint_backdrop
from helpers.yard.camera import Camera
from helpers.yard.detail import as_seen
from helpers.yard.effects import Mirror, Pool
from helpers.yard.exposure import work_light
from helpers.yard.grime import Grime
from helpers.yard.lights import Lamp
from helpers.yard.mesh import gather
from helpers.yard.painter import paint, view
from helpers.yard.shadows import Occlusion, in_shadow, shadow_outlines, throw_shadows
from helpers.yard.situation import Situation

BODY = np.array([0.1, 0.35, 0.6, 0.85])
"""Heights, as shares of a worker's, at which it is asked whether the machine shades them."""


class Scene:
    """The canvas of any frame: backdrop, shadows, actors, and what is in the air."""

    def __init__(
        self,
        situation: Situation,
        look: Look,
        camera: Camera,
        finer: int,
        times: np.ndarray,
        rng: np.random.Generator,
    ):
        """Paint what stands still, and prepare all frames.

        Args:
            camera: of the canvas, `finer` times as fine as the picture.
            times: of the frames, [T] (s).
            rng: for where dust rises.
        """
        still = gather(list(situation.around), 1) if situation.around else None
        foot = np.column_stack([situation.machine.position, np.zeros(situation.frames)])
        self.tied, depth = camera.project(foot)
        self.grime = Grime(camera.size, camera.focal / depth.mean(), look.site.number)
        beyond = situation.beyond
        self.backdrop = paint_backdrop(look, camera, finer, beyond, still, self.grime)
        self.look, self.camera = look, camera
        if look.conditions.work_light:
            lamp = work_light(situation.machine, look.lighting)
            lamps = (*look.lighting.lamps, lamp)
            look = replace(look, lighting=replace(look.lighting, lamps=lamps))
        self.seen = seen = view(situation.solids, camera)
        self.colours = look.colours(seen.solids, camera)
        for source, light in self.backdrop.sources:
            # The work light is not what is shaded here, so it stays.
            lamps = look.lighting.lamps[len(self.look.lighting.lamps) :]
            dim = replace(look, lighting=replace(light, lamps=(*light.lamps, *lamps)))
            self._shade_workers(situation, dim, source)
        self.under = Occlusion(seen.solids, camera, situation.moving)
        self.shadows = [
            shadow_outlines(seen.solids, source, camera, situation.moving)
            for source, _ in self.backdrop.sources
        ]
        away = situation.machine.position.mean(axis=0) - camera.position[:2]
        self.occluded = look.occluded(float(np.linalg.norm(away)))
        self.pool = None
        if look.conditions.work_light:
            others = situation.moving & ~seen.solids.select(names=["excavator"])
            shadows = shadow_outlines(seen.solids, lamp, camera, others)
            self.pool = Pool(self.backdrop, self.look.lighting, lamp, shadows, camera)
        self.mirror = None
        if look.conditions.rain:
            self.mirror = Mirror(seen, self.colours, self.backdrop, finer)
        self.dust = None
        if look.conditions.dust:
            self.dust = Dust(situation.machine, times, look.conditions, camera, rng)
            self.dust_colour = _dust_colour(self.look)

    def _shade_workers(self, situation: Situation, dim: Look, source: np.ndarray | Lamp) -> None:
        """Colour workers as by a dimmer light, as far as the machine stands before a source."""
        solids, machine = self.seen.solids, self.seen.solids.select(names=["excavator"])
        names = [thing.name for thing in situation.actors if thing.name.startswith("worker")]
        for motion, name in zip(situation.workers, names, strict=True):
            place = np.column_stack([motion.position, np.zeros(situation.frames)])
            body = place[:, None] + motion.height * BODY[:, None] * np.array([0.0, 0.0, 1.0])
            share = in_shadow(body, solids, source, machine).mean(axis=1)[:, None, None]
            if share.any():
                own = solids.select(names=[name])
                faces = own[solids.face_part]
                dark = dim.colours(solids.pick(own), self.camera)
                self.colours[:, faces] += share * (dark - self.colours[:, faces])

    def draw(self, t: int) -> np.ndarray:
        """The canvas of frame `t`: uint8 [height, width, 3]."""
        backdrop = self.backdrop
        lit, shaded = backdrop.lit, backdrop.shaded
        canvas = None
        if self.pool is not None:
            lit, *shaded = self.pool.shine(t, [lit, *shaded])
            canvas = throw_shadows(lit, backdrop.lit, self.pool.shadows.hulls(t))
        for outlines, dark in zip(self.shadows, shaded, strict=True):
            canvas = throw_shadows(lit, dark, outlines.hulls(t), canvas)
        canvas = lit.copy() if canvas is None else canvas
        if self.mirror is not None:
            self.mirror.show(t, canvas)
        self.under.darken(canvas, t, self.occluded)
        if self.dust is not None:
            self.dust.blow(canvas, t, self.dust_colour, before=False)
        layer = np.zeros((*canvas.shape[:2], 4), np.uint8)
        paint(self.seen, t, layer, self.colours[t])
        self.grime.lay(layer, canvas, self.tied[t])
        if self.dust is not None:
            self.dust.blow(canvas, t, self.dust_colour, before=True)
        return canvas


def _dust_colour(look: Look) -> np.ndarray:
    """RGB 0..255 [3] of dust in the light: paler than the soil that it comes from."""
    pale = 0.5 * look.site.ground.soil + 0.5 * np.array([235.0, 228.0, 215.0])
    pale = as_seen(pale, look.saturation)
    place = np.array([0.0, 3.0 * look.site.side, 0.0])
    return look.lighting.shade(pale, place, np.array([0.0, 0.0, 1.0]))
