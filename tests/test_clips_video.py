"""What probe finds in a file, and that read_frames gives the frames asked for."""

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from clip_makers import damage_packet, index_of, make_video, picture

from helpers.clips.display import scaled_size
from helpers.clips.video import VideoError, probe, read_frames


def whole_video(path: Path) -> np.ndarray:
    """Every frame, by the plainest use of PyAV."""
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.best("video"))
        return np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def test_probe_says_what_was_written(tmp_path):
    info = probe(make_video(tmp_path / "clip.mp4", frames=12, width=48, height=32, fps=8))
    assert (info.frames, info.container_frames, info.damaged) == (12, 12, 0)
    assert (info.fps, info.duration, info.width, info.height) == (8.0, 1.5, 48, 32)
    assert (info.codec, info.bytes) == ("h264", (tmp_path / "clip.mp4").stat().st_size)
    assert not info.partly_readable


@pytest.mark.parametrize("name", ["no_extension", "UPPER.MP4", "spaces and é ünï.mp4", "x.txt"])
def test_content_decides_what_a_file_is_not_its_name(tmp_path, name):
    path = make_video(tmp_path / name, container="mp4")
    assert probe(path).frames == 12
    assert index_of(read_frames(path, [5])[0]) == 5


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


def test_frames_around_a_damaged_place_are_kept_and_counted_alike(tmp_path):
    path = make_video(tmp_path / "clip.mp4", every_frame_whole=True)
    damage_packet(path, 5)
    info = probe(path)
    assert (info.frames, info.container_frames) == (11, 12)
    assert info.damaged >= 1
    assert info.partly_readable
    assert [index_of(frame) for frame in read_frames(path, range(11))] == [
        *range(5),
        *range(6, 12),
    ]


def test_a_file_cut_at_its_end_keeps_the_frames_before_the_cut(tmp_path):
    path = make_video(tmp_path / "clip.mkv", frames=20, codec="mpeg4", every_frame_whole=True)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    info = probe(path)
    assert 4 <= info.frames < 16
    assert index_of(read_frames(path, [info.frames - 2])[0]) == info.frames - 2
    with pytest.raises(VideoError, match=f"{info.frames} frames decode"):
        read_frames(path, [info.frames])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"these words are no video" * 50, "cannot be opened"),
        (None, "no such file"),
    ],
)
def test_what_is_no_video_is_refused_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=f"clip.mp4: {reason}"):
        probe(path)
    with pytest.raises(VideoError, match=reason):
        read_frames(path, [0])


def test_sound_without_pictures_is_refused(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
    with pytest.raises(VideoError, match="no video stream"):
        probe(path)


def test_a_playlist_cannot_lead_to_other_files(tmp_path):
    make_video(tmp_path / "clip.ts", container="mpegts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/clip.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError):
        probe(playlist)


def test_an_error_crosses_processes_unchanged():
    error = pickle.loads(pickle.dumps(VideoError("clip.mp4", "is cut", 3)))
    assert (str(error), error.frames) == ("clip.mp4: is cut", 3)
