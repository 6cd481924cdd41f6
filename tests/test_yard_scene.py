"""The scene behind the simulated yard: camera, solids, order of drawing, boxes in pixels."""

import subprocess
import sys

import numpy as np
import pytest

from helpers.yard.camera import NEAR, clip_near, look_at
from helpers.yard.crowd import repeat
from helpers.yard.mesh import Pose, Thing, box, drum, gather, raise_x, shift, turn_z
from helpers.yard.objects import BOOM, BOOM_PIVOT, STICK, ExcavatorMotion, excavator
from helpers.yard.painter import paint, view
from helpers.yard.shadows import throw_shadows
from helpers.yard.site import sample_site
from helpers.yard.video import write_video

RED, BLUE = (255.0, 0.0, 0.0), (0.0, 0.0, 255.0)


def camera_ahead(size=(200, 100)):
    """Ten metres up, looking level along +y; 100 pixels focal length."""
    return look_at(np.array([0.0, 0.0, 10.0]), np.array([0.0, 1.0, 10.0]), 100.0, size)


def one(part, **pose) -> Thing:
    return Thing("thing", (part,), {"root": shift(**pose)})


def test_projection_agrees_with_a_case_worked_by_hand():
    points = np.array([[0.0, 20.0, 10.0], [4.0, 20.0, 10.0], [0.0, 20.0, 7.0], [0.0, -5.0, 10.0]])
    pixels, depth = camera_ahead().project(points)
    # 4 m to the right at 20 m: 100 * 4 / 20 = 20 pixels; 3 m below: 15 pixels down.
    np.testing.assert_allclose(pixels[:3], [[100, 50], [120, 50], [100, 65]])
    np.testing.assert_allclose(depth, [20, 20, 20, -5])


def test_ground_is_the_inverse_of_the_projection():
    camera = look_at(np.array([3.0, -9.0, 6.0]), np.array([0.0, 2.0, 0.0]), 120.0, (40, 30))
    x, y, far = camera.ground()
    place = np.array([x[20, 10], y[20, 10], 0.0])
    pixels, depth = camera.project(place)
    np.testing.assert_allclose(pixels, [10.5, 20.5], atol=1e-3)
    np.testing.assert_allclose(depth, far[20, 10], rtol=1e-5)
    assert np.isinf(camera_ahead().ground()[2][:50]).all()


def test_enlarged_and_reduced_keep_the_view():
    camera, point = camera_ahead(), np.array([2.0, 15.0, 9.0])
    pixels, _ = camera.project(point)
    np.testing.assert_allclose(camera.enlarged(2, 6).project(point)[0], 2 * pixels + 6)
    np.testing.assert_allclose(camera.reduced(2).project(point)[0], pixels / 2)


def test_what_is_behind_the_near_plane_is_cut_off():
    square = np.array([[-1.0, 0, 1], [1.0, 0, 1], [1.0, 0, -1], [-1.0, 0, -1]])
    kept = clip_near(square)
    assert len(kept) == 4 and kept[:, 2].min() == pytest.approx(NEAR)
    assert len(clip_near(square - [0, 0, 3])) == 0


def test_faces_of_solids_look_outwards():
    parts = [box((0, 0, 0), (1, 2, 3), RED, "b"), drum((0, 0), (1, 0.2), (0, 1), RED, "d")]
    for part in parts:
        solids = gather([one(part)], 1)
        middle = part.vertices.mean(axis=0)
        for face, normal in zip(part.faces, solids.normals[0], strict=True):
            assert (part.vertices[list(face)].mean(axis=0) - middle) @ normal > 0
    same = repeat(parts[0], np.array([[5.0, 0.0, 0.0]]), "again")
    moved = gather([one(parts[0], x=5.0)], 1)
    np.testing.assert_allclose(same.vertices, moved.vertices)
    np.testing.assert_allclose(same.normals, moved.normals)


def test_a_cube_covers_the_pixels_that_its_projection_says():
    camera = camera_ahead()
    seen = view(gather([one(box((-1, -1, -1), (1, 1, 1), RED, "cube"), y=11.0, z=10.0)], 1), camera)
    canvas = np.zeros((100, 200, 3), np.uint8)
    paint(seen, 0, canvas, seen.solids.colours)
    rows, columns = np.nonzero(canvas[..., 0])
    # Its front is 10 m away, 2 m wide: 20 pixels about the middle.
    assert (columns.min(), columns.max()) == pytest.approx((90, 109), abs=1)
    assert (rows.min(), rows.max()) == pytest.approx((40, 59), abs=1)


def test_the_nearer_of_two_solids_is_drawn_over_a_long_one_beside_it():
    # The long wall's middle is nearer than the post, yet the post stands before its far end.
    wall = one(box((-0.1, 5, 8), (0.1, 41, 12), RED, "wall"), x=2.0)
    post = one(box((-0.2, -0.2, 8), (0.2, 0.2, 12), BLUE, "post"), x=1.5, y=30.0)
    camera = camera_ahead()
    for things in ([wall, post], [post, wall]):
        seen = view(gather(things, 1), camera)
        canvas = np.zeros((100, 200, 3), np.uint8)
        paint(seen, 0, canvas, seen.solids.colours)
        column = round(float(camera.project(np.array([1.5, 29.8, 10.0]))[0][0]))
        assert tuple(canvas[50, column]) == (0, 0, 255)


def test_poses_follow_one_another():
    pose = shift(x=1.0) @ turn_z(np.pi / 2) @ shift(x=2.0) @ raise_x(np.pi / 2)
    assert isinstance(pose, Pose)
    np.testing.assert_allclose(pose.apply(np.array([[1.0, 0.0, 0.0]]))[0, 0], [1, 2, 1], atol=1e-12)


def test_boom_and_stick_bring_the_pin_where_reach_and_lift_say():
    frames = 3
    zero = np.zeros(frames)
    motion = ExcavatorMotion(
        position=np.zeros((frames, 2)),
        heading=zero,
        slew=np.full(frames, np.pi / 2),
        reach=np.array([3.9, 4.5, 5.0]),
        lift=np.array([1.0, 1.6, 2.0]),
        curl=zero,
    )
    poses = motion.poses
    np.testing.assert_allclose(poses["bucket"].shift[:, 1], motion.reach, atol=1e-9)
    np.testing.assert_allclose(poses["bucket"].shift[:, 2], motion.lift, atol=1e-9)
    elbow = poses["stick"].shift
    pivot = poses["body"].apply(np.array([BOOM_PIVOT]))[:, 0]
    np.testing.assert_allclose(np.linalg.norm(elbow - pivot, axis=1), BOOM)
    np.testing.assert_allclose(np.linalg.norm(elbow - poses["bucket"].shift, axis=1), STICK)
    assert gather([excavator(motion, RED, BLUE)], frames).vertices[..., 2].min() > -0.05


def test_shadow_darkens_inside_its_outline_only():
    lit, shaded = np.full((40, 60, 3), 200, np.uint8), np.full((40, 60, 3), 80, np.uint8)
    outline = np.array([[[20, 10]], [[40, 10]], [[40, 30]], [[20, 30]]], np.int32)
    picture = throw_shadows(lit, shaded, [outline])
    assert (picture[15:26, 25:36] == 80).all()
    assert (picture[:5] == 200).all() and (picture[:, :10] == 200).all()
    assert (throw_shadows(lit, shaded, []) == lit).all()


def test_a_camera_keeps_its_site_and_differs_from_others():
    first, again, other = (sample_site(0, camera) for camera in (4, 4, 5))
    np.testing.assert_array_equal(first.position, again.position)
    assert first.contrast == again.contrast
    assert not np.allclose(first.position, other.position)
    for camera in range(60):
        position = sample_site(0, camera).position
        assert 4 <= position[2] <= 9 and 10 <= np.hypot(position[0], position[1]) <= 20


def test_video_needs_even_sizes(tmp_path):
    with pytest.raises(ValueError, match="even sizes"):
        write_video(tmp_path / "odd.mp4", np.zeros((2, 15, 16, 3), np.uint8), 8)
    assert not list(tmp_path.iterdir())


def test_importing_the_yard_does_not_import_torch():
    code = "import sys, helpers.yard; print({'torch', 'mmaction', 'mmengine'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
