"""Stretches of videos and folders of pictures are clips like whole videos."""

import dataclasses
import shutil

import av
import pandas as pd
import pytest
from clip_makers import encode, index_of, make_timed, make_video, picture, whole_video
from list_makers import make_pictures, write

from helpers.clips import cutting
from helpers.clips.folder import find_files
from helpers.clips.frames import FrameStore
from helpers.clips.manifest import build_manifest
from helpers.clips.reading import iter_frames, read_frames
from helpers.clips.segments import numbered, resolved, source_of, state_of, stretch
from helpers.clips.video import VideoError, probe


@pytest.fixture(scope="module")
def long_video(tmp_path_factory):
    """19 frames at 8 a second in three groups of pictures with B-frames: 2.375 s."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=8, options={"bf": "2", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.thread_count, stream.codec_context.gop_size = 1, 7
        encode(file, stream, [picture(index) for index in range(19)])
    return path


def shown(path, frames: int) -> list[int]:
    return [index_of(frame) for frame in read_frames(path, range(frames))]


class TestPaths:
    @pytest.mark.parametrize(
        ("fragment", "unit", "limits"),
        [
            ("#t=10,20", "t", (10, 20)),
            ("#t=10", "t", (10, float("inf"))),
            ("#t=,20", "t", (0, 20)),
            ("#t=npt:1.5,2.25", "t", (1.5, 2.25)),
            ("#f=12,40", "f", (12, 40)),
        ],
    )
    def test_a_fragment_names_a_stretch(self, tmp_path, fragment, unit, limits):
        source = source_of(f"{tmp_path}/a b é.mp4{fragment}")
        assert (source.place, source.fragment) == (tmp_path / "a b é.mp4", fragment)
        assert (source.unit, source.start, source.end) == (unit, *limits)

    @pytest.mark.parametrize("name", ["a#1.mp4", "a.mp4#t=", "a.mp4#t=x,2", "a.mp4#T=1,2", "#.mp4"])
    def test_other_signs_behind_a_hash_belong_to_the_name(self, name):
        assert source_of(name) == (source_of(name).place, "", "", 0, float("inf"))

    def test_a_file_of_exactly_this_name_wins(self, tmp_path):
        make_video(tmp_path / "a.mp4", frames=16)
        odd = make_video(tmp_path / "x" / "b.mp4", frames=9)
        odd.rename(tmp_path / "a.mp4#t=0,1")
        assert probe(tmp_path / "a.mp4#t=0,1").frames == 9
        (tmp_path / "a.mp4#t=0,1").unlink()
        assert probe(tmp_path / "a.mp4#t=0,1").frames == 8

    def test_a_stretch_is_written_in_milliseconds_and_read_back(self):
        assert stretch("a.mp4", 10, 20.5) == "a.mp4#t=10,20.5"
        assert stretch("a.mp4", 7200.12345, float("inf")) == "a.mp4#t=7200.123"
        assert source_of(stretch("a.mp4", 1 / 3, 2 / 3))[3:] == (0.333, 0.667)


class TestStretches:
    def test_frames_are_those_shown_from_the_start_on_and_before_the_end(self, long_video):
        assert shown(f"{long_video}#t=0.5,1.5", 8) == list(range(4, 12))
        assert shown(f"{long_video}#t=,1", 8) == list(range(8))
        assert shown(f"{long_video}#t=1.375", 8) == list(range(11, 19))
        assert shown(f"{long_video}#f=3,12", 9) == list(range(3, 12))

    def test_every_start_gives_the_frames_that_decoding_in_order_gives(
        self, long_video, monkeypatch
    ):
        starts = [f"{long_video}#t={start / 8:.3f}" for start in range(18)]
        fast = [read_frames(path, range(probe(path).frames)) for path in starts]
        monkeypatch.setattr(cutting, "SEEKABLE", ())
        whole = whole_video(long_video)
        for start, (path, frames) in enumerate(zip(starts, fast, strict=True)):
            assert len(frames) == probe(path).frames == 19 - start
            assert (read_frames(path, range(len(frames))) == frames).all()
            assert (frames == whole[start:]).all()

    def test_it_begins_at_a_key_frame_where_there_is_one(self, long_video, monkeypatch):
        decoded, count = cutting.decoded, []

        def counted(*given):
            for frame in decoded(*given):
                count.append(1)
                yield frame

        monkeypatch.setattr(cutting, "decoded", counted)
        assert shown(f"{long_video}#t=1.875,2.25", 1) == [15]
        assert len(count) == 2  # frame 14 is a key frame

    def test_times_typed_in_milliseconds_meet_frames_at_thirds(self, tmp_path):
        path = make_video(tmp_path / "a.mp4", frames=15, fps=3)
        assert shown(f"{path}#t=0.333,2.667", 7) == list(range(1, 8))

    @pytest.mark.parametrize("name", ["a.avi", "a.mpg", "a.mkv", "a.webm"])
    def test_formats_without_key_frames_or_time_stamps_serve_too(self, tmp_path, name):
        codec = {"a.avi": "mpeg4", "a.mpg": "mpeg2video", "a.webm": "libvpx-vp9"}
        fps = 25
        path = make_video(tmp_path / name, frames=19, fps=fps, codec=codec.get(name, "libx264"))
        info = probe(f"{path}#t=0.2,0.6")
        assert info.frames == 10
        assert abs(index_of(read_frames(f"{path}#t=0.2,0.6", [0])[0]) - 5) <= 1

    def test_variable_frame_rates_are_cut_by_time_not_by_count(self, tmp_path):
        stamps = [0, 100, 200, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800]
        path = make_timed(tmp_path / "a.mp4", stamps)
        assert shown(f"{path}#t=1,1.75", 8) == list(range(3, 11))

    def test_facts_are_those_of_the_stretch(self, long_video):
        info = probe(f"{long_video}#t=0.5,1.5")
        size = long_video.stat().st_size
        assert (info.frames, info.fps, info.duration, info.note) == (8, 8, 1, "")
        assert info.bytes == round(size / 2.375)

    @pytest.mark.parametrize(
        ("fragment", "words"),
        [
            ("#t=5,6", r"no frame lies in the stretch #t=5,6, the video ends at 2\.\d+ s"),
            ("#t=1,3", r"reaches beyond the end.*frames end at 2\.375 s; correct the times"),
            ("#f=10,30", "reaches beyond the end.*frames end at 19 frames"),
        ],
    )
    def test_a_stretch_beyond_the_end_is_refused(self, long_video, fragment, words):
        with pytest.raises(VideoError, match=words):
            probe(f"{long_video}{fragment}")

    def test_a_little_beyond_the_end_is_used_and_noted(self, tmp_path):
        path = make_video(tmp_path / "a.mp4", frames=19, fps=4)
        assert probe(f"{path}#t=0,5").note == ""
        path = make_video(tmp_path / "b.mp4", frames=19, fps=19)
        short = probe(f"{path}#t=0,1.11")
        assert (short.frames, short.note) == (19, "ends 0.11 s before the stretch does")

    def test_asking_behind_the_stretch_is_refused(self, long_video):
        with pytest.raises(VideoError, match="8 frames decode, frame 8 was asked for"):
            read_frames(f"{long_video}#t=0.5,1.5", [8])
        assert len(list(iter_frames(f"{long_video}#t=0.5,1.5", [0, 7]))) == 2

    def test_the_file_of_a_stretch_has_to_be_there(self, tmp_path):
        with pytest.raises(VideoError, match=r"a\.mp4: no such file"):
            probe(tmp_path / "a.mp4#t=1,2")


class TestPictures:
    def test_a_folder_of_numbered_pictures_is_one_clip(self, tmp_path):
        make_pictures(tmp_path / "a" / "one clip é", frames=9)
        make_pictures(tmp_path / "a" / "two", frames=9, first=0, name="{}.png")
        make_video(tmp_path / "b" / "1.mp4")
        manifest, quarantine, ignored = build_manifest(tmp_path, "(.)", picture_rate=5)
        rows = manifest.set_index("path")
        assert rows.index.tolist() == ["a/one clip é", "a/two", "b/1.mp4"]
        assert rows["frames"].tolist() == [9, 9, 12]
        assert rows.loc["a/two", ["fps", "duration", "codec"]].tolist() == [5, 1.8, "png"]
        assert rows.loc["a/two", "note"] == "pictures, taken as 5 a second"
        assert len(quarantine) == len(ignored) == 0

    def test_frames_are_in_the_order_of_their_numbers(self, tmp_path):
        folder = make_pictures(tmp_path / "clip", frames=12, first=8, name="{}.png")
        assert shown(folder, 12) == list(range(12))
        assert [index_of(frame) for frame in read_frames(folder, [11, 2], frames=12)] == [11, 2]
        assert shown(f"{folder}#f=2,11", 9) == list(range(2, 11))
        assert read_frames(folder, [0], short_side=16).shape == (1, 16, 24, 3)

    def test_other_files_make_no_clip(self, tmp_path):
        assert numbered(["img_2.jpg", "img_10.jpg", ".x.jpg", "a.txt"]) == [
            "img_2.jpg",
            "img_10.jpg",
        ]
        assert numbered(["img_1.jpg", "flow_x_1.jpg", "flow_y_1.jpg"]) == ["img_1.jpg"]
        for names in (
            ["a_1.jpg", "b_2.jpg"],
            ["1.jpg", "01.jpg"],
            ["1.jpg", "cover.jpg"],
            ["1.mp4"],
        ):
            assert numbered(names) == []
        make_pictures(tmp_path / "a", frames=9)  # a class, not a clip
        make_pictures(tmp_path / "b" / "beside")
        make_video(tmp_path / "b" / "beside" / "1.mp4")
        assert [clip.path for clip in find_files(tmp_path).clips] == ["b/beside/1.mp4"]

    def test_gaps_and_broken_pictures_are_said(self, tmp_path):
        folder = make_pictures(tmp_path / "clip", frames=12)
        (folder / "img_00004.jpg").unlink()
        write(folder / "img_00007.jpg", "no picture")
        info = probe(folder)
        assert (info.frames, info.container_frames, info.missing) == (10, 11, 1)
        assert "10 of 11 frames decode, damaged in 1 place" in info.note
        assert "numbers are missing (1)" in info.note
        assert shown(folder, 10) == [0, 1, 2, 4, 5, 7, 8, 9, 10, 11]

    def test_unusable_folders_are_refused_in_words(self, tmp_path):
        (tmp_path / "other").mkdir()
        with pytest.raises(VideoError, match=r"is a folder, not a video$"):
            probe(tmp_path / "other")
        write(tmp_path / "other" / "cover.jpg", "x")
        with pytest.raises(VideoError, match="its pictures are no one series with numbers"):
            probe(tmp_path / "other")
        folder = make_pictures(tmp_path / "clip")
        with pytest.raises(VideoError, match=r"pictures have no times \(#t=1,2\); name frames"):
            probe(f"{folder}#t=1,2")
        with pytest.raises(VideoError, match="more frames than there are pictures"):
            probe(f"{folder}#f=2,12")
        with pytest.raises(VideoError, match="10 frames decode, frame 10 was asked for"):
            read_frames(folder, [10], frames=10)


class TestStore:
    def test_frames_of_stretches_and_pictures_are_kept_apart(self, tmp_path, long_video):
        data = tmp_path / "data"
        make_pictures(data / "clip")
        shutil.copy(long_video, data / "long.mp4")
        paths = ["clip", "long.mp4#t=0,1", "long.mp4#t=1,2"]
        infos = [dataclasses.asdict(probe(data / path)) for path in paths]
        manifest = pd.DataFrame(infos).assign(path=paths)
        store = FrameStore(tmp_path / "store", short_side=32, max_frames=64)
        assert store.fill(data, manifest, workers=1) == 3
        assert store.fill(data, manifest, workers=1) == 0
        kept = [[index_of(frame) for frame in store.open(data / path)] for path in paths]
        assert kept == [list(range(10)), list(range(8)), list(range(8, 16))]

    def test_a_changed_picture_changes_the_state_of_its_clip(self, tmp_path):
        folder = make_pictures(tmp_path / "clip")
        before = state_of(folder)
        write(folder / "img_00003.jpg", "other")
        assert state_of(folder) != before

    def test_the_state_of_a_stretch_is_its_files(self, long_video):
        assert state_of(f"{long_video}#t=1,2") == state_of(long_video)
        assert resolved(f"{long_video.parent}/../{long_video.parent.name}/long.mp4#t=1,2") == (
            f"{long_video.resolve()}#t=1,2"
        )
