"""Sliding windows over real small videos: each frame once, the right ones, bounded memory."""

import threading
import time
from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pandas as pd
import pytest
from clip_makers import make_timed, make_video
from mmaction.registry import DATASETS
from mmengine.registry import init_default_scope
from training_makers import make_run, plan, tiny_project

from helpers.detection import sliding
from helpers.detection.detector import over_picture
from helpers.detection.sliding import Ring, Scaler, Spent, slide
from helpers.detection.stream import RecordingError, find_recordings, timed_frames
from helpers.detection.windows import WindowError, Windows, windows_of

LOOK = Windows(offsets=(0.0, 0.25, 0.5), seconds=1.0, stride=0.5, size=(8, 8), short_side=None)


def greys(window: np.ndarray) -> list[int]:
    """The indices of a window's frames, from the grey in their middle (see `clip_makers`)."""
    return [round((float(frame[3:5, 3:5].mean()) - 20) / 12) for frame in window[0]]


def slid(path, look=LOOK, first=0, start=0.0):
    spent = Spent()
    return list(slide(timed_frames(path, start), look, first, spent)), spent


class TestSliding:
    def test_windows_show_the_frames_at_their_moments(self, tmp_path):
        found, _ = slid(make_video(tmp_path / "a.mp4", frames=16, fps=8))  # 2 s
        assert [k for k, _ in found] == [0, 1, 2]
        assert [greys(window) for _, window in found] == [[0, 2, 4], [4, 6, 8], [8, 10, 12]]

    def test_each_frame_is_decoded_once_and_only_seen_ones_are_scaled(self, tmp_path):
        _, spent = slid(make_video(tmp_path / "a.mp4", frames=16, fps=8))
        assert spent.frames == 16
        assert spent.scaled == 9  # 0, 2, …, 14, and the last one, on show for whatever comes
        assert spent.seconds == pytest.approx(2.0)

    def test_between_two_frames_the_earlier_one_is_on_show(self, tmp_path):
        path = make_timed(tmp_path / "a.mkv", [0, 100, 300, 520, 1000, 1400, 2000])
        (_, window), *_ = slid(path)[0]
        assert greys(window) == [0, 1, 2]  # at 0, 0.25 and 0.5 s

    def test_beginning_later_gives_the_same_windows(self, tmp_path):
        path = make_video(tmp_path / "a.mp4", frames=19, fps=4, every_frame_whole=True)
        whole, _ = slid(path)
        rest, _ = slid(path, first=7, start=3.4)
        assert [k for k, _ in rest] == [k for k, _ in whole][7:]
        for (_, one), (_, other) in zip(rest, whole[7:], strict=True):
            assert np.array_equal(one, other)

    def test_a_recording_shorter_than_a_window_gives_one(self, tmp_path):
        ((k, window),), _ = slid(make_video(tmp_path / "a.mp4", frames=3, fps=8))
        assert k == 0
        assert greys(window) == [0, 2, 2]

    def test_memory_does_not_grow_with_the_recording(self, tmp_path, monkeypatch):
        most = []

        class Watched(Ring):
            def add(self, moment, picture):
                super().add(moment, picture)
                most.append(len(self.frames))

        monkeypatch.setattr(sliding, "Ring", Watched)
        frames = list(timed_frames(make_video(tmp_path / "a.mp4", frames=16, fps=8)))
        long = ((k / 8, frames[k % 16][1]) for k in range(4000))
        assert len(list(slide(long, LOOK, 0, Spent()))) > 900
        assert max(most) <= 8


class TestViews:
    def test_all_of_the_picture_is_one_part(self):
        assert LOOK.views == 1
        assert LOOK.parts(6, 8) == [(slice(0, 6), slice(0, 8))]

    def test_parts_side_by_side_cover_the_width_at_half_the_height(self):
        assert replace(LOOK, zoom=0.72).views == 2
        assert replace(LOOK, zoom=0.5).parts(8, 12) == [
            (slice(2, 6), slice(0, 6)),
            (slice(2, 6), slice(6, 12)),
        ]
        lefts = [columns.start for _, columns in replace(LOOK, zoom=0.4).parts(10, 10)]
        assert lefts == [0, 3, 6]

    def test_each_view_shows_its_part(self):
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, 32:] = 200
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        left, right = Scaler(replace(LOOK, zoom=0.5))(frame)
        assert left.shape == right.shape == (8, 8, 3)
        assert (left == 0).all()
        assert (right == 200).all()

    def test_maps_of_views_lie_where_the_views_do(self):
        maps = np.stack([np.full((4, 4), 1.0), np.full((4, 4), 3.0)]).astype(np.float32)
        whole = over_picture(maps, replace(LOOK, zoom=0.8))  # parts of 4 in 5 rows and columns
        assert whole.tolist() == [[1, 2, 2, 2, 3]] * 4 + [[0] * 5]

    @pytest.mark.parametrize("zoom", [0.0, 1.1])
    def test_a_zoom_that_cannot_be_is_refused(self, zoom):
        clips = pd.DataFrame({"duration": [1.0], "frames": [8]})
        with pytest.raises(WindowError, match="zoom"):
            windows_of(None, clips, zoom=zoom)


class TestAsInTraining:
    def test_a_clip_as_a_recording_is_seen_as_by_the_test_of_clips(self, tmp_path):
        with tiny_project(tmp_path):
            run = make_run("one", clips=1)
            config = plan(run, tmp_path / "training")
            init_default_scope(config.default_scope)
            dataset = DATASETS.build(config.test_dataloader.dataset)
            look = windows_of(config, pd.read_csv(run.manifest))
            for place in range(len(dataset)):
                seen = dataset[place]["inputs"]  # [1, 3, T, H, W]
                path = run.data / dataset.get_data_info(place)["path"]
                ((_, window), *_), _ = slid(path, look)
                assert np.array_equal(window, seen.permute(0, 2, 3, 4, 1).numpy())


class TestStream:
    def test_times_begin_at_zero_and_rise(self, tmp_path):
        path = make_timed(tmp_path / "a.mkv", [500, 600, 900])
        times = [moment for moment, _ in timed_frames(path)]
        assert times == pytest.approx([0, 0.1, 0.4])

    def test_a_folder_gives_its_videos(self, tmp_path):
        make_video(tmp_path / "b.mp4")
        make_video(tmp_path / "a.mp4")
        (tmp_path / "events.csv").write_text("path\n")
        assert [path.name for path in find_recordings(tmp_path)] == ["a.mp4", "b.mp4"]

    def test_an_empty_or_missing_place_is_refused(self, tmp_path):
        with pytest.raises(RecordingError, match="no video"):
            find_recordings(tmp_path)
        with pytest.raises(RecordingError, match="no such"):
            find_recordings(tmp_path / "absent")

    @pytest.mark.parametrize("suffix", [".ts", ".mkv"])
    def test_a_file_that_is_being_written_is_read_to_its_end(self, tmp_path, suffix):
        whole = make_video(tmp_path / f"whole{suffix}", frames=19)
        content, growing = whole.read_bytes(), tmp_path / f"growing{suffix}"
        cuts = [0, len(content) // 2, 3 * len(content) // 4, len(content)]
        growing.write_bytes(content[: cuts[1]])

        def write():
            for a, b in pairwise(cuts[1:]):
                time.sleep(0.3)
                with growing.open("ab") as file:
                    file.write(content[a:b])

        writer = threading.Thread(target=write)
        writer.start()
        times = [moment for moment, _ in timed_frames(growing, patience=1.0)]
        writer.join()
        assert times == pytest.approx([moment for moment, _ in timed_frames(whole)])
        assert len(times) == 19

    def test_an_mp4_cannot_be_followed_and_that_is_said(self, tmp_path):
        with pytest.raises(RecordingError, match="mkv or ts"):
            next(timed_frames(make_video(tmp_path / "a.mp4"), patience=0.1))
