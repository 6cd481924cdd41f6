"""Turn the lights of a site on as the conditions say, and expose for them."""

import numpy as np

from helpers.yard.camera import Camera
from helpers.yard.conditions import Conditions
from helpers.yard.lights import Lamp, Lighting
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.site import Site

AIMED = {"day": 1.3, "dusk": 0.85, "night": 0.6}
"""Light on the mean face that the automatic exposure brings about."""
FACES = np.array([[0, 0, 1.0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
FACE_SHARES = np.array([0.6, 0.1, 0.1, 0.1, 0.1])


def illuminate(site: Site, conditions: Conditions, camera: Camera, place: np.ndarray) -> Lighting:
    """The light of a clip, exposed for a place.

    Args:
        place: [2] (m). The machine's mean place, as what a clip begins with must not show in it.
    """
    towards, sun, sky = _daylight(site, conditions)
    lamps = ()
    if conditions.infrared:
        lamps = (_own_lamp(camera),)
    elif conditions.lamps:
        lamps = site.lamps
    lighting = Lighting(sky, sun, towards, lamps, np.ones(3), site.contrast)
    mean = _mean_light(lighting, np.append(place, 0.0))
    # A camera makes up for the colour of the light in part, and for the amount almost wholly.
    cast = (mean / mean.mean()) ** -site.balancing
    target = AIMED[conditions.light] * site.exposure * conditions.exposure
    # Wet ground is darker than the meter takes for granted.
    target *= 1.25 if conditions.rain else 1.0
    gain = site.white_balance * cast * target / float((mean * cast).mean())
    return Lighting(sky, sun, towards, lamps, gain, site.contrast)


def work_light(machine: ExcavatorMotion, lighting: Lighting) -> Lamp:
    """The lamp at the root of the boom: it shines forwards and down, and slews with the body."""
    body = machine.poses["body"]
    position = body.apply(np.array([[0.9, -0.25, 1.9]]))
    aim = np.array([1.0, 0.0, -0.48]) / np.hypot(1.0, 0.48)
    turned = (body.rotation @ aim)[:, None]
    # As bright at the bucket's place as the target of the exposure.
    return Lamp(position, turned, 5.0, np.array([1.0, 0.97, 0.9]), 14.0 / lighting.gain.mean())


def _mean_light(lighting: Lighting, place: np.ndarray) -> np.ndarray:
    offsets = np.array([[0, 0, 0.5], [3, 0, 0.5], [-3, 0, 0.5], [0, 3, 0.5], [0, -3, 0.5]])
    light = lighting.irradiance((place + offsets)[:, None], FACES[None])
    return (light * FACE_SHARES[:, None]).sum(axis=1).mean(axis=0)


def _daylight(site: Site, conditions: Conditions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Direction to the sun, its light and the sky's."""
    height = np.radians(conditions.sun_height)
    # World angles run from x towards y, bearings clockwise from north.
    angle = site.north - np.radians(conditions.sun_bearing)
    flat = np.cos(height)
    towards = np.array([np.cos(angle) * flat, np.sin(angle) * flat, np.sin(height)])
    up = max(towards[2], 0.0)
    low = np.clip((conditions.sun_height - 2.0) / 35.0, 0.0, 1.0) ** 0.6
    warm = (1 - low) * np.array([1.25, 0.92, 0.55]) + low * np.array([1.03, 1.0, 0.95])
    # Nothing of the sun below two degrees: something stands before it.
    direct = np.exp(-0.11 / max(up, 0.03)) * (conditions.sun_height > 2.0)
    sun = 0.95 * direct * (1 - conditions.cloud) * warm
    twilight = np.clip((conditions.sun_height + 7.0) / 12.0, 0.002, 1.0) ** 2.5
    blue = np.array([0.84, 0.97, 1.2]) if conditions.cloud < 1 else np.array([0.97, 1.0, 1.05])
    sky = twilight * (0.05 + (0.17 + 0.4 * conditions.cloud) * up) * blue
    # Towns light the sky at night.
    return towards, sun, sky + site.skyglow * np.array([1.05, 1.0, 0.92])


def _own_lamp(camera: Camera) -> Lamp:
    """The camera's infrared lamps: they shine where it looks."""
    beside = camera.position + 0.15 * camera.axes[0]
    return Lamp(beside, camera.axes[2], 14.0, np.ones(3), 30.0)
