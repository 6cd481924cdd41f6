"""Light and weather of the simulated yard: drawn apart from the class, and physically right."""

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from helpers.profiles import YardSize
from helpers.yard.air import THICKEST_DUST, Air, Dust
from helpers.yard.backdrop import Look
from helpers.yard.camera import look_at
from helpers.yard.conditions import (
    DUST,
    FOG,
    LIGHTS,
    ORDINARY,
    RAIN,
    THICKEST_FOG,
    sample_conditions,
    sun_position,
)
from helpers.yard.exposure import illuminate, work_light
from helpers.yard.fixtures import FARTHEST_FORE, fixtures
from helpers.yard.grime import Grime
from helpers.yard.ground import survey
from helpers.yard.lights import GAMMA, Lamp, Lighting
from helpers.yard.make import plan, sample_situation
from helpers.yard.mesh import Thing, box, gather, shift
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.painter import paint, view
from helpers.yard.rain import Drops, Streaks, reflectance
from helpers.yard.render import draw_frames, render
from helpers.yard.scene import Scene
from helpers.yard.sensor import Clock, sway
from helpers.yard.shadows import Occlusion, in_shadow, shadow_outlines
from helpers.yard.site import Stamp, sample_site
from helpers.yard.video import ENCODER, FRAME_BY_FRAME, encoder

SIZE = YardSize(clips=64, cameras=16, frames=3, fps=6, width=128, height=96)
NIGHT = replace(ORDINARY, light="night", sun_height=-30.0, hour=1.0, lamps=True, work_light=True)
INFRARED = replace(NIGHT, infrared=True, work_light=False)
RAINY = replace(ORDINARY, weather="rain", cloud=1.0, rain=10.0, visibility=1200.0, lens_drops=True)
FOGGY = replace(ORDINARY, weather="fog", cloud=1.0, visibility=THICKEST_FOG["day"])
DUSTY = replace(ORDINARY, dust=True)
KINDS = {
    "ordinary": ORDINARY,
    "low sun": replace(ORDINARY, light="dusk", sun_height=7.0),
    "night": NIGHT,
    "infrared": INFRARED,
    "rain": RAINY,
    "rain at night": replace(NIGHT, weather="rain", rain=10.0, visibility=1200.0, cloud=1.0),
    "fog": FOGGY,
    "fog at night": replace(NIGHT, weather="fog", visibility=THICKEST_FOG["night"], cloud=1.0),
    "dust": DUSTY,
}


@pytest.fixture(scope="module")
def situations():
    """Twelve situations by three cameras, three of each class."""
    return [sample_situation(clip, SIZE, seed=3) for clip in plan(SIZE)[:12]]


@pytest.fixture(scope="module")
def drawn():
    """A thousand conditions, drawn as for the clips of a yard."""
    return [
        sample_conditions(np.random.default_rng([0, 7, k]), sample_site(0, k // 100))
        for k in range(1000)
    ]


def draw(situation, conditions, seed=0):
    return render(situation, np.random.default_rng(seed), conditions, SIZE.fps)


def lighting(**given) -> Lighting:
    """Plain light: a sky of 0.2, no sun and no lamps unless given."""
    plain = {
        "sky": np.full(3, 0.2),
        "sun": np.zeros(3),
        "towards": np.array([0.0, 0.0, 1.0]),
        "lamps": (),
        "gain": np.ones(3),
        "contrast": 1.0,
    }
    return Lighting(**(plain | given))


def sample_machine(site) -> ExcavatorMotion:
    """A machine that drives towards the track and lifts its bucket, over three frames."""
    zero = np.zeros(3)
    return ExcavatorMotion(
        position=np.array([[0.0, 7.0], [0.0, 5.5], [0.0, 4.0]]) * [1, site.side],
        heading=zero + np.pi / 2,
        slew=zero + np.array([0.0, 0.2, 0.4]),
        reach=zero + 4.5,
        lift=np.array([1.0, 2.0, 3.0]),
        curl=zero,
    )


def pole(x=0.0, y=0.0, height=1.0) -> Thing:
    part = box((-0.001, -0.001, 0), (0.001, 0.001, height), (255, 0, 0), "pole")
    return Thing("pole", (part,), {"root": shift(x, y)})


def from_above() -> object:
    """A camera 100 m up that looks (nearly) straight down: 10 pixels are a metre."""
    return look_at(np.array([0.0, -1e-3, 100.0]), np.zeros(3), 1000.0, (200, 200))


def test_the_sun_stands_where_astronomy_says():
    # Equinox: at noon 90 degrees less the latitude, due south; at six on the horizon, due east.
    height, bearing = sun_position(81, 12.0, 50.0)
    assert (height, bearing) == pytest.approx((40.0, 180.0), abs=0.1)
    height, bearing = sun_position(81, 6.0, 50.0)
    assert (height, bearing) == pytest.approx((0.0, 90.0), abs=0.1)
    # Midsummer adds the tilt of the Earth's axis; midnight at the pole equals noon.
    assert sun_position(172, 12.0, 50.0)[0] == pytest.approx(63.4, abs=0.1)
    assert sun_position(172, 0.0, 90.0)[0] == pytest.approx(23.4, abs=0.1)
    assert sun_position(81, 15.0, 50.0)[1] > 180


def test_light_and_weather_come_in_the_stated_shares(drawn):
    def share(holds):
        return np.mean([holds(one) for one in drawn])

    for light, wanted in LIGHTS.items():
        assert share(lambda one, light=light: one.light == light) == pytest.approx(wanted, abs=0.04)
    assert share(lambda one: one.weather == "rain") == pytest.approx(RAIN, abs=0.03)
    assert share(lambda one: one.weather == "fog") == pytest.approx(FOG, abs=0.03)
    assert share(lambda one: one.dust) == pytest.approx(DUST, abs=0.03)
    assert sum(LIGHTS.values()) == pytest.approx(1.0)


def test_conditions_agree_with_themselves(drawn):
    for one in drawn:
        assert {"day": one.sun_height >= 12, "night": one.sun_height <= -6}.get(
            one.light, -6 < one.sun_height < 12
        )
        assert one.lamps == (one.sun_height < 2)
        assert (one.rain > 0) == (one.weather == "rain")
        assert (one.visibility <= 300) == (one.weather == "fog")
        assert not one.dust or one.weather in ("clear", "overcast")
        assert not one.infrared or one.light == "night"
        assert not one.work_light or one.sun_height < 0


def test_conditions_of_a_clip_are_repeatable_and_fit_into_json(drawn):
    again = sample_conditions(np.random.default_rng([0, 7, 421]), sample_site(0, 4))
    assert again == drawn[421] != drawn[422]
    known = json.loads(json.dumps(again.describe()))
    assert known["light"] in LIGHTS and known["dust"] in (True, False)
    assert known["hour"] == pytest.approx(again.hour, abs=1e-3)


def test_conditions_are_alike_in_all_classes(drawn):
    # Classes take turns with the index, so this is the table of class and light.
    nights = [np.mean([one.light == "night" for one in drawn[k::4]]) for k in range(4)]
    rains = [np.mean([one.rain > 0 for one in drawn[k::4]]) for k in range(4)]
    assert np.ptp(nights) < 0.1 and np.ptp(rains) < 0.1


def test_light_follows_lamberts_law():
    towards = np.array([0.6, 0.0, 0.8])
    light = lighting(sun=np.full(3, 1.0), towards=towards, sky=np.full(3, 0.5))
    normals = np.array([[0.0, 0, 1], [1.0, 0, 0], [-1.0, 0, 0], [0.0, 0, -1]])
    found = light.irradiance(np.zeros((4, 3)), normals)[:, 0]
    bounce = 0.22 * (0.5 + 0.8)
    by_hand = [0.5 + 0.8, 0.25 + 0.5 * bounce + 0.6, 0.25 + 0.5 * bounce, bounce]
    np.testing.assert_allclose(found, by_hand)


def test_a_lamp_falls_off_with_the_square_and_to_its_sides():
    down = Lamp(np.array([0.0, 0.0, 4.0]), np.array([0.0, 0.0, -1.0]), 2.0, np.ones(3), 8.0)
    points = np.array([[0.0, 0, 0], [0.0, 0, 2], [4.0, 0, 0], [0.0, 0, 6]])
    towards, amount = down.at(points)
    # Straight below 8 / 16; half as far four times as much; aside cos² 45° over twice the way.
    np.testing.assert_allclose(amount, [0.5, 2.0, 0.125, 0.0])
    np.testing.assert_allclose(towards[2], [-np.sqrt(0.5), 0, np.sqrt(0.5)])


def test_a_product_in_linear_light_is_one_with_the_root_on_the_screen():
    light = lighting(sky=np.full(3, 0.25))
    shown = light.shade(np.array([[200.0, 100.0, 0.0]]), np.zeros(3), np.array([[0.0, 0, 1]]))
    linear = (np.array([200, 100, 0]) / 255) ** GAMMA * 0.25
    np.testing.assert_allclose(shown[0], 255 * linear ** (1 / GAMMA))


def test_only_what_gives_much_of_the_light_throws_shadows():
    lamp = Lamp(np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, -1.0]), 1.0, np.ones(3), 25.0)
    low = np.array([0.0, 0.0, 1.0])
    assert lighting().sources(np.zeros(3)) == []
    ((source, shadow),) = lighting(sun=np.full(3, 1.0), towards=low).sources(np.zeros(3))
    np.testing.assert_array_equal(source, low)
    assert not shadow.sun.any()
    bright = lighting(lamps=(replace(lamp, strength=5.0), lamp))
    assert [found for found, _ in bright.sources(np.zeros(3))] == [lamp, bright.lamps[0]]
    assert lighting(lamps=(replace(lamp, strength=0.1),)).sources(np.zeros(3)) == []


def test_shadows_begin_at_the_foot_and_end_where_the_ray_does():
    camera = from_above()
    solids = gather([pole()], 1)
    sun = np.array([-1.0, 0.0, 1.0]) / np.sqrt(2)
    (hull,) = shadow_outlines(solids, sun, camera).hulls(0)
    # The sun stands 45 degrees high in the west: a metre of pole, a metre of shadow to the east.
    assert (hull[:, 0, 0].min(), hull[:, 0, 0].max()) == pytest.approx((100, 110), abs=1)
    lamp = Lamp(np.array([-3.0, 0.0, 4.0]), np.array([0.0, 0.0, -1.0]), 1.0, np.ones(3), 1.0)
    (hull,) = shadow_outlines(solids, lamp, camera).hulls(0)
    # From 4 m up and 3 m away over a metre: 3 m * 1 / (4 - 1) on the ground.
    assert (hull[:, 0, 0].min(), hull[:, 0, 0].max()) == pytest.approx((100, 110), abs=1)


def test_a_point_behind_a_solid_is_in_its_shadow():
    cube = Thing("cube", (box((0, 0, 0), (1, 1, 1), (0, 0, 0), "x"),), {"root": shift()})
    solids, every = gather([cube], 1), np.ones(1, bool)
    # Behind it, too far behind it, before it, beside it, above it.
    points = [[-0.5, 0.5, 0.2], [-2.0, 0.5, 0.2], [1.5, 0.5, 0.2], [-0.5, 1.5, 0.2], [0.5, 0.5, 2]]
    points = np.array([points])
    sun = np.array([1.0, 0.0, 1.0]) / np.sqrt(2)
    found = in_shadow(points, solids, sun, every)
    np.testing.assert_array_equal(found, [[True, False, False, False, False]])
    lamp = Lamp(np.array([4.0, 0.5, 1.0]), np.array([-1.0, 0.0, 0.0]), 1.0, np.ones(3), 1.0)
    found = in_shadow(points, solids, lamp, every)
    np.testing.assert_array_equal(found, [[True, True, False, False, False]])
    near = replace(lamp, position=np.array([-1.0, 0.5, 1.0]))
    assert not in_shadow(points[:, 1:2], solids, near, every).any()
    assert not in_shadow(points, solids, sun, ~every).any()


def test_a_worker_in_the_shadow_of_the_machine_is_darker(situations):
    situation, low = situations[0], replace(KINDS["low sun"], cloud=0.0)
    place = situation.machine.position.mean(axis=0)
    cast = replace(situation.cast, workers=situation.cast.workers[:1])
    angle = situation.site.north - np.radians(low.sun_bearing)
    level = {}
    for name, side in (("sunny", 1.0), ("shaded", -1.0)):
        spot = place + 2.6 * side * np.array([np.cos(angle), np.sin(angle)])
        stand = np.repeat(spot[None], SIZE.frames, axis=0)
        person = replace(situation.workers[0], position=stand)
        one = replace(situation, cast=cast, workers=(person,), around=())
        camera = one.camera.enlarged(2, 8)
        light = illuminate(one.site, low, camera, one.machine.position.mean(axis=0))
        look = Look(one.site, low, light, Air(20_000.0, np.zeros(3)))
        scene = Scene(one, look, camera, 2, np.arange(SIZE.frames) / 6, np.random.default_rng(0))
        faces = scene.seen.solids.select(kinds=["vest"])[scene.seen.solids.face_part]
        level[name] = scene.colours[:, faces, :3].mean(axis=2).max()
    assert level["shaded"] < 0.75 * level["sunny"]


def test_ground_is_dark_under_what_stands_and_less_so_under_what_hangs():
    camera = from_above()
    picture = np.full((200, 200, 3), 200, np.uint8)
    low = Thing("low", (box((-1, -1, 0), (1, 1, 1), (0, 0, 0), "x"),), {"root": shift(-5.0)})
    raised = replace(low, poses={"root": shift(5.0, z=0.6)})
    high = replace(low, poses={"root": shift(0.0, 6.0, z=3.0)})
    Occlusion(gather([low, raised, high], 1), camera).darken(picture, 0, 0.5)
    assert picture[100, 50, 0] == pytest.approx(100, abs=3)
    assert picture[100, 150, 0] == pytest.approx(150, abs=3)
    assert (picture[:60] == 200).all() and (picture[180:] == 200).all()


def test_fog_takes_contrast_by_koschmieders_law():
    air = Air(100.0, np.full(3, 0.5))
    # The visibility is where a fiftieth of the contrast is left.
    assert air.left(np.array([0.0, 100.0])) == pytest.approx([1.0, 0.02], abs=1e-4)
    seen = air.veil(np.array([[[0.0] * 3, [255.0] * 3]]), np.array([[50.0, 50.0]]))
    linear = (seen / 255) ** GAMMA
    left = np.exp(-3.912 / 2)
    np.testing.assert_allclose(linear[0, :, 0], [0.5 * (1 - left), left + 0.5 * (1 - left)], 1e-4)
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 1] = 255
    whole = air.veil_picture(picture, np.full((1, 2), 50.0, np.float32))
    np.testing.assert_allclose(whole[0], seen[0], atol=1)


def test_water_mirrors_little_from_above_and_much_at_a_grazing_angle():
    camera = look_at(np.array([0.0, 0.0, 5.0]), np.array([0.0, 10.0, 0.0]), 100.0, (20, 20))
    steep, flat = reflectance(camera, np.array([5.0, 1e6]))
    assert (steep, flat) == pytest.approx((0.02, 1.0), abs=1e-3)


def test_wet_ground_is_darker_and_dry_ground_holds_no_water():
    site = sample_site(0, 3)
    camera = look_at(site.position, np.array([0.0, 3.0 * site.side, 0.0]), 200.0, (96, 72))
    dry, wet = survey(site, camera, False), survey(site, camera, True)
    assert dry.water is None and 0 <= wet.water.min() <= wet.water.max() <= 1
    assert wet.albedo.mean() < 0.8 * dry.albedo.mean()


def test_rain_brightens_and_drops_leave_the_middle_free():
    camera = look_at(np.array([0.0, 0.0, 5.0]), np.array([0.0, 10.0, 0.0]), 100.0, (160, 120))
    grey = np.full((120, 160, 3), 90, np.uint8)
    wet = Streaks(RAINY, camera, np.random.default_rng(0)).fall(grey)
    assert (wet >= grey).all() and 0.01 < (wet > grey).mean() < 0.5
    light = replace(RAINY, rain=1.5)
    drizzle = Streaks(light, camera, np.random.default_rng(0)).fall(grey)
    assert (drizzle > grey).sum() < (wet > grey).sum()
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    seen = Drops((160, 120), np.random.default_rng(2)).on(noise)
    middle = slice(36, 84), slice(48, 112)
    np.testing.assert_allclose(seen[middle], noise[middle], atol=1)
    assert np.abs(seen.astype(int) - noise).max() > 20


def test_dust_is_the_same_before_and_after_and_never_hides_all(situations):
    situation = situations[0]
    machine = situation.machine
    still = replace(machine, position=machine.position * 0 + machine.position[:1])
    calm = replace(DUSTY, wind=0.0)
    camera = situation.camera.enlarged(2, 8)
    times = np.array([0.0, 0.5, 1.0])
    dust = Dust(still, times, calm, camera, np.random.default_rng(0))
    dust.at[:], dust.thick[:] = 0.5, 5.0
    pictures = [np.zeros((camera.size[1], camera.size[0], 3), np.uint8) for _ in times]
    for t, picture in enumerate(pictures):
        for before in (False, True):
            dust.blow(picture, t, np.array([200.0, 150.0, 100.0]), before)
    np.testing.assert_array_equal(pictures[0], pictures[2])
    thickest = 1 - (1 - THICKEST_DUST) ** 2
    assert 50 < pictures[1][..., 0].max() <= 200 * thickest + 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_weather_is_drawn_the_same_each_time(situations, kind):
    situation = situations[5]
    first, again = draw(situation, KINDS[kind]), draw(situation, KINDS[kind])
    assert first.shape == (3, 96, 128, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert first.std() > 6
    other = draw(situation, KINDS[kind], seed=1)
    assert 0.5 < np.abs(first.astype(int) - other).mean() < 25


@pytest.mark.parametrize("kind", ["ordinary", "low sun", "night", "infrared", "fog at night"])
def test_a_frame_does_not_tell_which_way_time_runs(situations, kind):
    # With all that is drawn by chance left out, a course run backwards gives the frames backwards.
    site = replace(situations[0].site, stamp=None, noise=0.0, shake=0.0)
    machine = sample_machine(site)
    cast = replace(situations[0].cast, workers=())
    forwards = replace(situations[0], site=site, cast=cast, workers=(), machine=machine)
    backwards = replace(forwards, machine=machine.at(slice(None, None, -1)))
    first, second = (draw(one, KINDS[kind]).astype(int) for one in (forwards, backwards))
    assert np.abs(first[0] - first[2]).max() > 50
    assert np.abs(first - second[::-1]).max() <= 2


def test_frames_one_by_one_are_those_of_the_clip(situations):
    rng = np.random.default_rng(4)
    frames = list(draw_frames(situations[2], rng, NIGHT, SIZE.fps))
    np.testing.assert_array_equal(np.stack(frames), draw(situations[2], NIGHT, seed=4))


def test_infrared_is_grey_and_night_is_noisier_than_day(situations):
    plain = replace(situations[1].site, stamp=None, white_balance=np.ones(3))
    situation = replace(situations[1], site=plain)
    grey = draw(situation, INFRARED).astype(int)
    assert np.ptp(grey, axis=-1).max() <= 2
    day, night = (draw(situation, one).astype(float) for one in (ORDINARY, NIGHT))
    assert np.ptp(day, axis=-1).mean() > 5
    restless = [np.abs(np.diff(one, axis=0))[:, :20].mean() for one in (day, night)]
    assert restless[1] > 1.5 * restless[0]


def test_the_work_light_slews_with_the_body(situations):
    machine = situations[0].machine
    quarter = replace(machine, slew=machine.slew + np.pi / 2)
    light = lighting()
    one, other = work_light(machine, light), work_light(quarter, light)
    assert one.position.shape == one.aim.shape == (SIZE.frames, 1, 3)
    turned = one.aim[:, 0] @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(other.aim[:, 0], turned, atol=1e-12)
    assert (one.aim[..., 2] < 0).all()


def test_exposure_makes_up_for_the_amount_of_light(situations):
    situation = situations[0]
    levels = {}
    for name in ("ordinary", "low sun", "night"):
        place = situation.machine.position.mean(axis=0)
        light = illuminate(situation.site, KINDS[name], situation.camera, place)
        place = np.append(situation.machine.position[0], 0.0)
        levels[name] = light.factor(light.irradiance(place, np.array([0.0, 0.0, 1.0]))).mean()
    assert 0.8 < levels["ordinary"] < 1.6
    assert 0.35 < levels["night"] < levels["ordinary"]
    assert 0.4 < levels["low sun"] < levels["ordinary"]


def vest_contrast(situation, conditions) -> float:
    """Distance (grey levels, RGB) of the first worker's vest and what is about the worker."""
    frame = draw(situation, conditions)[1].astype(float)
    solids = situation.solids
    person = solids.select(names=["worker"])
    vest = person & solids.select(kinds=["vest"])
    marks = np.zeros(frame.shape[:2], np.uint8)
    level = np.where(vest, 2, np.where(person, 1, 0)).astype(np.uint8)
    paint(view(solids, situation.camera), 1, marks, level[solids.face_part][:, None])
    rows, columns = np.nonzero(marks)
    low, high = (np.array([rows, columns]) for _ in range(2))
    low, high = low.min(axis=1) - 6, high.max(axis=1) + 7
    about = np.zeros_like(marks, bool)
    about[max(low[0], 0) : high[0], max(low[1], 0) : high[1]] = True
    vest, ground = frame[marks == 2], frame[about & (marks == 0)]
    return float(np.linalg.norm(vest.mean(axis=0) - ground.mean(axis=0)))


@pytest.mark.parametrize("kind", ["night", "infrared", "fog", "fog at night", "rain at night"])
def test_the_worker_can_be_told_from_the_ground(situations, kind):
    found = [vest_contrast(situation, KINDS[kind]) for situation in situations]
    assert min(found) > 9 and np.median(found) > 18


def test_what_stands_for_good_is_behind_all_actors():
    for camera in range(40):
        site = sample_site(2, camera)
        limit = abs(site.tracks[-1]) + 2
        for solids in fixtures(site):
            away = site.side * solids.vertices[0, :, 1]
            if away.mean() > 0:
                assert away.min() > FARTHEST_FORE - 1 > site.side * site.position[1] - 3
            else:
                assert away.max() < -limit and site.side * site.position[1] > -limit - 1.5


def test_a_site_keeps_what_stands_on_it():
    first = [solids.vertices for solids in fixtures(sample_site(5, 7))]
    sample_site.cache_clear()
    fixtures.cache_clear()
    again = [solids.vertices for solids in fixtures(sample_site(5, 7))]
    assert len(first) == len(again) > 0
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_grime_only_darkens_and_only_what_is_drawn():
    grime = Grime((64, 48), 30.0, number=1)
    canvas = np.full((48, 64, 3), 77, np.uint8)
    layer = np.zeros((48, 64, 4), np.uint8)
    layer[10:30, 20:50] = (200, 100, 50, 120)
    grime.lay(layer, canvas, np.array([3.0, 4.0]))
    inside = canvas[10:30, 20:50]
    assert (inside <= (200, 100, 50)).all() and inside[..., 0].std() > 3
    canvas[10:30, 20:50] = 77
    assert (canvas == 77).all()


def test_grime_moves_with_what_it_is_tied_to():
    grime = Grime((64, 48), 30.0, number=1)
    layer = np.full((48, 64, 4), 200, np.uint8)
    pictures = [np.zeros((48, 64, 3), np.uint8) for _ in range(2)]
    for picture, at in zip(pictures, ((10.0, 10.0), (14.0, 13.0)), strict=True):
        grime.lay(layer, picture, np.array(at))
    np.testing.assert_array_equal(pictures[0][:-3, :-4], pictures[1][3:, 4:])


def test_the_clock_tells_the_conditions_time_in_its_corner():
    stamp = Stamp("bottom right", "%d/%m/%Y %H:%M:%S %f", 0.04, 2024)
    clock = Clock(stamp, "cam07", replace(ORDINARY, day=60, hour=13.5), (320, 240), 20.0)
    # 2024 is a leap year: its 60th day is the 29th of February.
    assert clock.start == datetime(2024, 2, 29, 13, 30, 20)
    picture = np.full((240, 320, 3), 100, np.uint8)
    clock.burn(picture, 1.5)
    rows, columns = np.nonzero((picture != 100).any(axis=-1))
    assert rows.min() > 215 and columns.min() > 20 and columns.max() < 320
    assert picture.max() > 200 and picture.min() < 50


def test_a_mast_sways_with_the_wind_and_never_far():
    site = replace(sample_site(0, 1), shake=0.5)
    times = np.arange(60) / 12
    calm, storm = (
        sway(site, replace(ORDINARY, wind=wind), times, 320, np.random.default_rng(0))
        for wind in (0.0, 12.0)
    )
    assert storm.std() > 4 * calm.std() > 0
    assert np.abs(storm).max() <= 4
    firm = sway(replace(site, shake=0.0), ORDINARY, times, 320, np.random.default_rng(0))
    assert not firm.any()


def test_cameras_compress_differently():
    site = replace(sample_site(0, 1), coarseness=3)
    assert encoder(site) == {**ENCODER, "crf": str(int(ENCODER["crf"]) + 3)}
    frames = encoder(site, frame_by_frame=True)
    assert frames == {**FRAME_BY_FRAME, "qp": str(int(FRAME_BY_FRAME["qp"]) + 3)}
    assert len({sample_site(0, camera).coarseness for camera in range(30)}) > 3
