"""That the frames asked for come, upright and at the size asked for."""

import numpy as np
import pytest
from clip_makers import index_of, make_video, picture, whole_video

from helpers.clips.display import scaled_size
from helpers.clips.reading import read_frames
from helpers.clips.video import VideoError, probe


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("flipped", [False, True])
def test_turned_and_mirrored_videos_are_read_as_displayed(tmp_path, degrees, mirrored, flipped):
    path = make_video(tmp_path / "clip.mp4", frames=2, turn=(degrees, mirrored, flipped))
    shown = np.rot90(picture(0), degrees // 90)
    shown = shown[:, ::-1] if mirrored else shown
    shown = shown[::-1] if flipped else shown
    frame = read_frames(path, [0])[0]
    assert frame.shape == shown.shape
    assert np.abs(frame.astype(int) - shown).mean() < 8
    assert (probe(path).width, probe(path).height) == (shown.shape[1], shown.shape[0])


def test_frames_come_in_the_order_asked_for_and_repeated(tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    frames = read_frames(path, [7, 0, 7, 11, 3])
    assert frames.dtype == np.uint8
    assert frames.shape == (5, 32, 48, 3)
    assert [index_of(frame) for frame in frames] == [7, 0, 7, 11, 3]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libvpx-vp9"])
def test_frames_equal_those_of_a_full_decode(tmp_path, codec):
    path = make_video(tmp_path / "clip.mkv", codec=codec)
    np.testing.assert_array_equal(read_frames(path, [2, 9, 4]), whole_video(path)[[2, 9, 4]])


def test_short_side_keeps_the_aspect_ratio_and_the_picture(tmp_path):
    path = make_video(tmp_path / "clip.mp4", width=96, height=64)
    frames = read_frames(path, [6], short_side=16)
    assert frames.shape == (1, 16, 24, 3)
    assert np.abs(frames[0].astype(int) - picture(6, 24, 16)).mean() < 8
    turned = make_video(tmp_path / "turned.mp4", width=96, height=64, turn=(90, False, False))
    assert read_frames(turned, [0], short_side=16).shape == (1, 24, 16, 3)


@pytest.mark.parametrize(
    ("width", "height", "short_side", "expected"),
    [
        (224, 168, 72, (96, 72)),
        (320, 568, 72, (72, 128)),
        (101, 60, 30, (50, 30)),
        (9, 9, 5, (5, 5)),
    ],
)
def test_scaled_size_has_the_short_side_and_an_even_long_one(width, height, short_side, expected):
    assert scaled_size(width, height, short_side) == expected


def test_asking_past_the_end_names_file_frames_and_remedy(tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    with pytest.raises(
        VideoError, match=r"clip\.mp4: 12 frames decode, frame 12 .*rebuild"
    ) as caught:
        read_frames(path, [3, 12])
    assert caught.value.frames == 12


@pytest.mark.parametrize("indices", [[], [-1]])
def test_asking_for_no_frame_or_a_negative_one_is_refused(tmp_path, indices):
    with pytest.raises(ValueError, match="from 0"):
        read_frames(make_video(tmp_path / "clip.mp4"), indices)
