"""What probe finds in a file, and that read_frames counts its frames alike."""

import pickle

import av
import numpy as np
import pytest
from clip_makers import damage_packet, index_of, make_video

from helpers.clips.reading import read_frames
from helpers.clips.video import VideoError, probe


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
