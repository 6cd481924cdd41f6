"""The frames asked for come, upright and at the size asked for, also where others are skipped."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clip_makers import damage_packet, index_of, make_video, picture, whole_video

from helpers.clips import packets, reading, seeking
from helpers.clips.display import scaled_size
from helpers.clips.reading import iter_frames, read_frames
from helpers.clips.video import VideoError, probe

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
VIDEOS = sorted(p for p in DATA.rglob("*") if p.suffix.lower() in (".mp4", ".mov", ".mkv", ".avi"))
FRAMES = 40


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


def moving_pictures(seed: int = 0) -> Iterator[np.ndarray]:
    """40 pictures [48, 64, 3] of a textured ground that moves under a bar, with two cuts."""
    ground = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    ground = ground.repeat(4, 0).repeat(4, 1)
    for index in range(FRAMES):
        image = ground[index:][:48, (2 * index) % 30 :][:, :64].copy()
        image[10:20, (5 * index) % 56 :][:, :8] = (255, 4 * index, 0)
        yield 255 - image if index in (13, 29) else image


@contextmanager
def same_priority() -> Iterator[None]:
    """Take back the priority that an encoder gives to the thread that calls it.

    SVT-AV1 makes it real-time where it may (as root). Every thread and process begun later would
    inherit that, and one that is busy starves the machine: a browser beside it, for hours.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def make_moving(
    path: Path,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    stamps: Sequence[int] | None = None,
    seed: int = 0,
) -> Path:
    """Write 40 frames, shown at `stamps` (ms) or 25 a second, with a key frame in every ten."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    with same_priority(), av.open(str(path), "w") as file:
        rate = 25 if stamps is None else 1000
        stream = file.add_stream(codec, rate=rate, options=dict(options or {}))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.thread_count, stream.codec_context.gop_size = 1, 10
        for place, image in enumerate(moving_pictures(seed)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = place if stamps is None else stamps[place]
            frame.time_base = Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def remux(source: Path, target: Path, change=lambda packet: packet) -> Path:
    """Copy the packets of a video, each changed or, where `change` gives None, left out."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size and (packet := change(packet)) is not None:
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.fixture
def in_order(monkeypatch):
    """Counts how often a video is decoded in order; however early the frames, skipping is tried."""
    calls, plain = [], reading._in_order
    monkeypatch.setattr(reading, "DEMUXING", 0)
    monkeypatch.setattr(reading, "_in_order", lambda *given: calls.append(1) or plain(*given))
    return calls


def all_equal(path: Path, frames: int | None = None) -> bool:
    """Whether frames come as in a decode of everything, for many choices of indices."""
    count = probe(path).frames
    full, draw = read_frames(path, range(count)), np.random.default_rng(1)
    choices = [[index] for index in range(count)]
    choices += [sorted(draw.choice(count, min(count, 6), replace=False)) for _ in range(4)]
    choices += [[*range(count)], [count - 1, 0, count // 2, 0]]
    return all(
        np.array_equal(read_frames(path, choice, frames=count if frames is None else frames), x)
        for choice in choices
        for x in [full[choice]]
    )


X264 = {"bf": "3", "preset": "veryfast"}
X265 = "keyint=10:min-keyint=10:log-level=none:pools=none:frame-threads=1"
SKIPPABLE = {
    "b_frames.mp4": ("libx264", X264),
    "b_frames.mkv": ("libx264", X264),
    "b_frames.ts": ("libx264", X264),
    "no_b_frames.avi": ("libx264", {"bf": "0"}),
    "deep_pyramid.mov": ("libx264", {"bf": "5", "x264-params": "b-pyramid=strict:b-adapt=0"}),
    "temporal.mp4": ("libx264", X264 | {"x264-params": "direct=temporal:b-pyramid=none:ref=4"}),
    "slices.mp4": ("libx264", X264 | {"x264-params": "slices=3"}),
    "interlaced.mp4": ("libx264", X264 | {"flags": "+ilme+ildct", "x264-params": "tff=1"}),
    "open_group.mp4": ("libx264", X264 | {"x264-params": "open-gop=1"}),
    "no_key_frames.mp4": ("libx264", {"bf": "0", "x264-params": "intra-refresh=1"}),
    "each_key.mp4": ("libx264", {"g": "1"}),
    "hevc.mp4": ("libx265", {"x265-params": X265 + ":open-gop=0"}),
    "hevc_open_group.mkv": ("libx265", {"x265-params": X265 + ":open-gop=1"}),
    "vp9.webm": ("libvpx-vp9", {"cpu-used": "8", "lag-in-frames": "8"}),
    "av1.mp4": ("libsvtav1", {"preset": "13", "g": "10", "svtav1-params": "lp=1"}),
    "mjpeg.avi": ("mjpeg", {}),
}
NOT_SKIPPABLE = {  # nothing says the order of display, or it is not looked into
    "b_frames.avi": ("libx264", X264),
    "mpeg4.avi": ("mpeg4", {}),
    "mpeg4_b_frames.avi": ("mpeg4", {"bf": "2"}),
    "hidden_frames.webm": ("libvpx", {"cpu-used": "8", "lag-in-frames": "8", "auto-alt-ref": "1"}),
}


@pytest.mark.parametrize("kept", [True, False], ids=["in memory", "by seeking"])
@pytest.mark.parametrize("name", SKIPPABLE)
def test_skipping_gives_the_frames_of_decoding_in_order(
    tmp_path, monkeypatch, in_order, name, kept
):
    path = make_moving(tmp_path / name, *SKIPPABLE[name])
    if not kept:
        monkeypatch.setattr(packets, "KEEP_BYTES", 0)
    assert all_equal(path)
    assert len(in_order) == 1  # the decode of everything that is compared with


@pytest.mark.parametrize("name", NOT_SKIPPABLE)
def test_where_skipping_is_not_sure_all_is_decoded_in_order(tmp_path, in_order, name):
    path = make_moving(tmp_path / name, *NOT_SKIPPABLE[name])
    assert all_equal(path)
    assert len(in_order) > FRAMES - 5


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
@pytest.mark.parametrize(("start", "skips"), [(0, True), (3000, True), (-200, False)])
def test_variable_rate_and_any_start_give_the_same_frames(
    tmp_path, in_order, extension, start, skips
):
    gaps = np.random.default_rng(0).integers(5, 120, FRAMES)
    stamps = (start + np.cumsum(gaps) - gaps[0]).tolist()
    path = make_moving(tmp_path / f"clip.{extension}", options=X264, stamps=stamps)
    assert all_equal(path)
    # MP4 leaves out what an edit list cuts off; Matroska moves all to the start.
    assert (len(in_order) == 1) is (skips or extension == "mkv")


def test_frames_cut_off_by_an_edit_list_do_not_count(tmp_path):
    whole = make_moving(tmp_path / "whole.mp4", options=X264)
    places = iter(range(FRAMES))
    cut = remux(whole, tmp_path / "cut.mp4", lambda p: p if next(places) >= 5 else None)
    assert probe(cut).frames < FRAMES - 5
    assert all_equal(cut)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_time_stamps_that_lie_about_the_order_are_found_out(tmp_path, in_order, codec):
    def shown_as_decoded(packet):
        packet.pts = packet.dts
        return packet

    options = X264 if codec == "libx264" else {"x265-params": X265 + ":open-gop=0"}
    honest = make_moving(tmp_path / "honest.mp4", codec, options)
    assert all_equal(remux(honest, tmp_path / "lies.mp4", shown_as_decoded))
    assert len(in_order) > FRAMES


@pytest.mark.parametrize("packet", [0, 4, 10, 25])
@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_lost_packets_are_found_out(tmp_path, in_order, packet, codec):
    path = make_moving(tmp_path / "clip.mov", codec, X264 if codec == "libx264" else {})
    damage_packet(path, packet)
    assert probe(path).frames < FRAMES
    assert all_equal(path)
    assert len(in_order) > probe(path).frames


def test_pictures_that_the_decoder_had_to_mend_are_found_out(tmp_path, in_order):
    """A decoder that begins at a damaged key frame has other frames to mend it with."""
    path = make_moving(tmp_path / "clip.mp4", options=X264 | {"x264-params": "slices=4"})
    with av.open(str(path)) as file:
        key = [packet for packet in file.demux(video=0) if packet.is_keyframe][-2]
        place, size = key.pos + key.size // 2, key.size // 8
    content = bytearray(path.read_bytes())
    content[place : place + size] = b"\x55" * size
    path.write_bytes(content)
    assert (probe(path).frames, probe(path).damaged > 0) == (FRAMES, True)
    assert all_equal(path)
    assert 1 < len(in_order) < FRAMES  # groups before and behind it are read by themselves


@pytest.mark.parametrize(
    ("extension", "header"), [("ts", 0), ("flv", 13)], ids=["in packets", "beside packets"]
)
def test_settings_that_change_midway_are_found_out(tmp_path, in_order, extension, header):
    """Two encodings in one stream; their picture parameter sets have the same number."""
    content = b""
    for part, extra in enumerate(({}, {"x264-params": "cabac=0"})):
        stamps = [40 * place + 2000 * part for place in range(FRAMES)]
        path = make_moving(tmp_path / f"{part}.{extension}", "libx264", X264 | extra, stamps, part)
        content += path.read_bytes()[header if part else 0 :]
    path = tmp_path / f"both.{extension}"
    path.write_bytes(content)
    assert all_equal(path)
    assert len(in_order) > 2 * FRAMES


def test_of_several_streams_the_same_is_read(tmp_path, in_order):
    with av.open(str(tmp_path / "two.mp4"), "w") as file:
        streams = []
        for side in (32, 64):
            stream = file.add_stream("libx264", rate=8)
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
            streams.append(stream)
        for index in range(12):
            for stream in streams:
                image = picture(index, stream.width, stream.height)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = index
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode())
    path = tmp_path / "two.mp4"
    np.testing.assert_array_equal(read_frames(path, [3], frames=12), read_frames(path, [3]))
    assert len(in_order) == 2


def test_a_wrong_name_or_a_wrong_count_gives_the_same_frames(tmp_path):
    path = make_moving(tmp_path / "clip.mkv", options=X264)
    assert all_equal(path.rename(tmp_path / "clip.avi"))
    assert all_equal(tmp_path / "clip.avi", frames=FRAMES + 1)
    assert all_equal(path.with_suffix(".avi").rename(path), frames=FRAMES - 1)


def test_only_packets_that_wanted_frames_need_are_decoded(tmp_path, monkeypatch):
    """Of groups of ten with three B frames between others, two of these three are spare."""
    taken, decoded = [], seeking._decoded_group

    def spy(container, stream, table, begin, needed):
        taken.append((begin, needed))
        return decoded(container, stream, table, begin, needed)

    monkeypatch.setattr(seeking, "_decoded_group", spy)
    fixed = {"bf": "3", "x264-params": "keyint=10:min-keyint=10:scenecut=0:b-adapt=0"}
    path = make_moving(tmp_path / "clip.mp4", options=fixed)
    read_frames(path, [24], frames=FRAMES)  # I at 20, P at 24
    assert taken == [(20, [True, True])]
    taken.clear()
    read_frames(path, [9, 28], frames=FRAMES)  # P at 28 is behind three B frames in between
    assert [begin for begin, _ in taken] == [0, 20]
    assert taken[1] == (20, [True, True, True, False, False, True])


def test_turn_and_size_hold_where_frames_are_skipped(tmp_path):
    path = make_video(tmp_path / "clip.mp4", width=96, height=64, turn=(90, False, False))
    plain, skipped = (read_frames(path, [6], 16, frames) for frames in (None, 12))
    assert skipped.shape == (1, 24, 16, 3)
    np.testing.assert_array_equal(skipped, plain)


@pytest.mark.parametrize("frames", [None, FRAMES])
def test_frames_come_one_after_another(tmp_path, frames):
    path = make_moving(tmp_path / "clip.mp4", options=X264)
    wanted = [0, 7, 8, 25, 39]
    given = []
    for frame in iter_frames(path, wanted, frames=frames):
        given.append(frame.copy())
        frame[:] = 0  # it is the caller's
    np.testing.assert_array_equal(given, read_frames(path, wanted))
    with pytest.raises(VideoError, match="40 frames decode, frame 40"):
        list(iter_frames(path, [3, 40], frames=frames))


@pytest.mark.parametrize("indices", [[], [-1, 2], [3, 3], [4, 2]])
def test_one_after_another_means_rising_indices(tmp_path, indices):
    with pytest.raises(ValueError, match="rising ones, from 0"):
        next(iter_frames(tmp_path / "clip.mp4", indices))


def test_the_first_frames_of_a_long_video_need_no_look_at_all_packets(tmp_path, monkeypatch):
    path = make_moving(tmp_path / "clip.mp4", options=X264)
    monkeypatch.setattr(reading, "picked_frames", None)  # would fail
    assert read_frames(path, [0], frames=FRAMES).shape == (1, 48, 64, 3)


@pytest.mark.skipif(not VIDEOS, reason=f"needs the videos in {DATA}")
def test_skipping_gives_the_same_frames_of_all_shared_videos():
    differ = []
    for path in VIDEOS[:: 1 if len(VIDEOS) < 50 else 5]:
        try:
            count = probe(path).frames
        except VideoError:
            continue
        wanted = sorted({count // 3, count // 2, min(count - 1, count // 2 + 3)})
        if not np.array_equal(
            read_frames(path, wanted, 48), read_frames(path, wanted, 48, frames=count)
        ):
            differ.append(path)
    assert differ == []
