"""Light and weather of a clip: drawn per clip, from one distribution whatever its class."""

from dataclasses import asdict, dataclass

import numpy as np

from helpers.yard.site import Site

LIGHTS = {"day": 0.65, "dusk": 0.15, "night": 0.20}
"""Shares of clips by light."""
RAIN, FOG, DUST = 0.15, 0.08, 0.15
"""Shares of clips in which it rains, in which there is fog, and in which dust rises."""
OVERCAST = 0.3
"""Share of the overcast among the clips without rain and fog."""

DAY_SUN, NIGHT_SUN = 12.0, -6.0
"""Height of the sun (degrees) above which it is day, and below which it is night (civil dusk)."""
THICKEST_FOG = {"day": 75.0, "dusk": 95.0, "night": 120.0}
"""Visibility (m). Through thicker fog a worker 20 m away could not be told from the ground."""
THINNEST_FOG = 2.5
"""The thinnest fog, as a multiple of the thickest."""
CLEAR_AIR = 20_000.0


@dataclass(frozen=True)
class Conditions:
    """Light and weather; angles in degrees.

    `light` is day, dusk (from low sun to the end of civil twilight) or night; `weather` is clear,
    overcast, rain or fog.
    """

    light: str
    weather: str
    dust: bool
    day: int  # of the year
    hour: float  # true solar time
    sun_height: float  # above the horizon
    sun_bearing: float  # clockwise from north
    cloud: float  # share of the sun's direct light that clouds take
    visibility: float  # m, at which contrast falls to a fiftieth
    rain: float  # mm/h
    wind: float  # m/s
    wind_bearing: float  # where it blows to, from x towards y
    lens_drops: bool  # whether rain sticks to the camera's window
    lamps: bool  # whether the yard's lamps are on
    infrared: bool  # whether the camera lights the scene itself and sees grey
    work_light: bool  # whether the excavator's is on
    exposure: float  # what the automatic exposure makes too bright or too dark, as a factor

    def describe(self) -> dict:
        """As in the JSON beside a clip: numbers to three places."""
        rounded = (
            round(value, 3) if isinstance(value, float) else value
            for value in asdict(self).values()
        )
        return dict(zip(asdict(self), rounded, strict=True))


ORDINARY = Conditions(
    light="day",
    weather="clear",
    dust=False,
    day=121,
    hour=10.0,
    sun_height=45.0,
    sun_bearing=130.0,
    cloud=0.3,
    visibility=CLEAR_AIR,
    rain=0.0,
    wind=2.0,
    wind_bearing=0.0,
    lens_drops=False,
    lamps=False,
    infrared=False,
    work_light=False,
    exposure=1.0,
)
"""A spring morning with some clouds."""


def sun_position(day: float, hour: float, latitude: float) -> tuple[float, float]:
    """Height above the horizon and bearing clockwise from north of the sun (degrees).

    Declination after Cooper (Solar Energy 12, 1969), the rest by spherical trigonometry.

    Args:
        day: of the year, from 1.
        hour: true solar time: at 12 the sun is in the south (of northern latitudes).
        latitude: degrees.
    """
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day) / 365)
    turned, phi = np.radians(15.0 * (hour - 12.0)), np.radians(latitude)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(turned)
    east = -np.cos(declination) * np.sin(turned)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(turned)
    return float(np.degrees(np.arcsin(up))), float(np.degrees(np.arctan2(east, north)) % 360)


def sample_conditions(rng: np.random.Generator, site: Site) -> Conditions:
    """Draw light and weather of one clip by a camera; the label is not known here.

    Args:
        rng: of this clip and this purpose alone, so that nothing else moves the draw.
        site: for its latitude, and whether its camera turns to infrared at night.
    """
    light = str(rng.choice(list(LIGHTS), p=list(LIGHTS.values())))
    weather = _sample_weather(rng)
    dry = weather in ("clear", "overcast")
    dust = bool(rng.random() < DUST / (1 - RAIN - FOG)) and dry
    day, hour, height, bearing = _sample_time(rng, light, site.latitude)
    cloud = rng.uniform(0.0, 0.6) if weather == "clear" else 1.0
    visibility = {
        "fog": THICKEST_FOG[light] * float(np.exp(rng.uniform(0, np.log(THINNEST_FOG)))),
        "rain": float(rng.uniform(500.0, 3000.0)),
    }.get(weather, CLEAR_AIR)
    wind = float(min(rng.weibull(2.0) * 4.0, 14.0))
    night = light == "night"
    return Conditions(
        light=light,
        weather=weather,
        dust=dust,
        day=day,
        hour=hour,
        sun_height=height,
        sun_bearing=bearing,
        cloud=float(cloud),
        visibility=visibility,
        rain=float(np.exp(rng.uniform(np.log(1.5), np.log(25)))) if weather == "rain" else 0.0,
        wind=0.3 * wind if weather == "fog" else wind,
        wind_bearing=float(rng.uniform(0, 360)),
        lens_drops=bool(rng.random() < 0.25) and weather == "rain",
        lamps=height < 2.0,
        infrared=night and site.infrared,
        work_light=bool(rng.random() < 0.6) and (night or height < 0.0),
        exposure=float(np.exp(rng.normal(0, 0.1))),
    )


def _sample_weather(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < RAIN:
        return "rain"
    if draw < RAIN + FOG:
        return "fog"
    return "overcast" if draw < RAIN + FOG + OVERCAST * (1 - RAIN - FOG) else "clear"


def _sample_time(rng: np.random.Generator, light: str, latitude: float):
    """A day and an hour at which the sun stands as the light says, over the whole year."""
    while True:
        day, hour = int(rng.integers(1, 366)), float(rng.uniform(0, 24))
        height, bearing = sun_position(day, hour, latitude)
        found = "day" if height >= DAY_SUN else "night" if height <= NIGHT_SUN else "dusk"
        if found == light:
            return day, hour, height, bearing
