"""Statistics of clips: numbers that can be worked out by hand, measured once and kept."""

import math
import os

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.clips import statistics as module
from helpers.clips.frames import FrameStore
from helpers.clips.manifest import build_manifest
from helpers.clips.measures import (
    INTERVAL,
    MOST,
    RUNS,
    SHORT_SIDE,
    measure,
    measure_clip,
    sampled_runs,
)
from helpers.clips.statistics import STATISTICS_COLUMNS, load_or_measure
from helpers.clips.video import VideoError
from tests.clip_makers import make_data, make_video


def grey(levels, height=12, width=16) -> np.ndarray:
    """One even frame per grey level, uint8 [T, H, W, 3]."""
    shape = (len(levels), height, width, 3)
    return np.broadcast_to(np.uint8(levels)[:, None, None, None], shape).copy()


def texture(height=72, width=96, seed=0) -> np.ndarray:
    """A smooth random picture, float [H, W]."""
    noise = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return 255 * (smooth - smooth.min()) / np.ptp(smooth)


def as_frames(pictures) -> np.ndarray:
    return np.repeat(np.stack(pictures).round().astype(np.uint8)[..., None], 3, axis=-1)


class TestSampling:
    def test_samples_of_a_short_clip_span_it_an_eighth_of_a_second_apart(self):
        (run,) = sampled_runs(110, 30.0)
        assert run[0] == 0 and set(np.diff(run)) == {4} and run[-1] == 108

    def test_slow_clips_give_every_frame_and_so_do_clips_of_unknown_rate(self):
        for fps in (6.0, 8.0, math.nan):
            (run,) = sampled_runs(12, fps)
            assert run.tolist() == list(range(12))

    def test_a_long_clip_gives_runs_from_its_beginning_to_its_end(self):
        runs = sampled_runs(100_000, 25.0)
        assert len(runs) == RUNS and {len(run) for run in runs} == {MOST // RUNS}
        assert runs[0][0] == 0 and runs[-1][-1] >= 100_000 - 3
        assert all(set(np.diff(run)) == {3} for run in runs)
        gaps = np.diff([run[0] for run in runs])
        assert np.ptp(gaps) <= 3


class TestLight:
    def test_brightness_is_luma_and_colours_are_means(self):
        frames = grey([0] * 4)
        frames[..., 0], frames[..., 1], frames[..., 2] = 200, 100, 50
        found = measure([frames])
        assert found.brightness == pytest.approx(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
        assert (found.red, found.green, found.blue) == pytest.approx((200, 100, 50))
        assert found.contrast == pytest.approx(0, abs=1e-3)
        assert found.sharpness == pytest.approx(0, abs=1e-3)

    def test_contrast_is_within_frames_not_between_them(self):
        frames = grey([10, 200])
        assert measure([frames]).contrast == pytest.approx(0, abs=1e-3)
        frames[:, :, ::2] = 0
        assert measure([frames]).contrast == pytest.approx((5 + 100) / 2, rel=1e-4)

    def test_a_blurred_picture_is_less_sharp(self):
        sharp = texture()
        blurred = cv2.GaussianBlur(sharp, (0, 0), 3)
        values = [measure([as_frames([picture] * 2)]).sharpness for picture in (sharp, blurred)]
        assert values[0] > 3 * values[1] > 0


class TestMotion:
    def test_motion_is_the_mean_change_and_moving_the_share_beyond_the_threshold(self):
        frames = grey([100] * 5)
        frames[1::2, :6] += 40  # the upper half goes up and down by 40
        found = measure([frames])
        assert found.motion == pytest.approx(20, rel=1e-4)
        assert found.moving == pytest.approx(0.5)

    def test_change_from_run_to_run_is_no_motion(self):
        found = measure([grey([10] * 3), grey([200] * 3)], 0.125)
        assert found.motion == found.moving == found.cuts == 0

    def test_a_panning_camera_shifts_the_picture_and_a_moving_thing_does_not(self):
        wide = texture(72, 140)
        panning = as_frames([wide[:, 3 * t : 3 * t + 96] for t in range(8)])
        still = as_frames([texture()] * 8)
        walking = still.copy()
        for t in range(8):
            walking[t, 30:42, 10 + 3 * t : 18 + 3 * t] = 255
        assert measure([panning]).shift == pytest.approx(100 * 3 / 96, rel=0.05)
        assert measure([walking]).shift < 0.3
        assert measure([still]).shift < 0.05

    def test_a_cut_is_counted_and_fast_motion_is_not(self):
        one, other = texture(seed=1), texture(seed=2)
        assert measure([as_frames([one] * 5 + [other] * 5)]).cuts == 1
        assert measure([as_frames([one] * 10)]).cuts == 0
        assert measure([as_frames([one, other] * 5)]).cuts == 0

    def test_the_time_scale_of_an_oscillation_is_a_sixth_of_its_period(self):
        # cos(2π τ / P) = 1/2 at τ = P / 6
        period = 24
        pattern = np.sin(2 * np.pi * (np.arange(96) / period + np.random.default_rng(0).random()))
        pictures = [np.full((12, 16), 128 + 100 * value) for value in pattern]
        found = measure([as_frames(pictures)], interval=0.1)
        assert found.time_scale == pytest.approx(0.1 * period / 6, rel=0.04)

    def test_the_time_scale_is_that_of_what_moves_not_of_noise(self):
        noise = np.random.default_rng(0)
        pictures = []
        for t in range(48):
            picture = np.full((36, 48), 100.0) + noise.uniform(-8, 8, (36, 48))
            picture[:6, :6] += 80 * np.sin(2 * np.pi * t / 24)
            pictures.append(picture)
        assert measure([as_frames(pictures)], 0.1).time_scale == pytest.approx(0.4, rel=0.05)

    def test_a_still_clip_has_no_time_scale(self):
        assert math.isnan(measure([grey([100] * 8)], 0.1).time_scale)

    def test_measuring_leaves_the_frames_as_they_are(self):
        frames = as_frames([texture(seed=t) for t in range(4)])
        before = frames.copy()
        once, twice = measure([frames], 0.1), measure([frames], 0.1)
        np.testing.assert_array_equal(frames, before)
        assert once == twice


@pytest.fixture
def data(tmp_path):
    folder = make_data(tmp_path / "data", clips=2)
    return folder, build_manifest(folder, r"(cam\d+)", workers=1).manifest


@pytest.fixture
def measured(monkeypatch):
    """The clips that were measured, in order."""
    clips = []

    def note(work):
        clips.append(work[0].name)
        return measure_clip(work)

    monkeypatch.setattr(module, "measure_clip", note)
    return clips


class TestTable:
    def test_every_clip_has_a_row_in_the_order_of_the_manifest(self, data, tmp_path):
        folder, manifest = data
        table = load_or_measure(manifest, folder, tmp_path / "statistics.csv", workers=1)
        assert list(table) == STATISTICS_COLUMNS
        assert table["path"].tolist() == manifest["path"].tolist()
        expected = manifest["bytes"] / manifest["duration"]
        assert table["bytes_per_second"].tolist() == pytest.approx(expected.tolist())
        assert table["interval"].tolist() == pytest.approx([INTERVAL] * 4)
        # from frame to frame the videos of clip_makers grow brighter by 12 grey levels
        assert table["motion"].to_numpy() == pytest.approx(12 * 0.875, rel=0.1)

    def test_what_was_measured_is_loaded_and_only_what_changed_is_measured(
        self, data, tmp_path, measured
    ):
        folder, manifest = data
        file = tmp_path / "statistics.csv"
        first = load_or_measure(manifest, folder, file, workers=1)
        written = file.stat().st_mtime_ns
        again = load_or_measure(manifest, folder, file, workers=1)
        pd.testing.assert_frame_equal(again, first)
        assert len(measured) == 4 and file.stat().st_mtime_ns == written
        make_video(folder / "a" / "cam1_a.mp4", frames=9)
        make_video(folder / "a" / "cam2_a.mp4")
        (folder / "b" / "cam0_b.mp4").unlink()
        changed = build_manifest(folder, r"(cam\d+)", workers=1).manifest
        table = load_or_measure(changed, folder, file, workers=1)
        assert measured[4:] == ["cam1_a.mp4", "cam2_a.mp4"]
        assert table["path"].tolist() == changed["path"].tolist()
        assert pd.read_csv(file)["path"].tolist() == changed["path"].tolist()

    def test_a_file_of_other_columns_or_another_version_is_measured_anew(
        self, data, tmp_path, measured, monkeypatch
    ):
        folder, manifest = data
        file = tmp_path / "statistics.csv"
        file.write_text("path,brightness\na/cam0_a.mp4,3\n")
        load_or_measure(manifest, folder, file, workers=1)
        monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
        load_or_measure(manifest, folder, file, workers=1)
        assert len(measured) == 8

    def test_kept_frames_give_the_same_numbers_as_the_files(self, data, tmp_path):
        folder, manifest = data
        store = FrameStore(tmp_path / "kept", SHORT_SIDE, 32)
        store.fill(folder, manifest, workers=1)
        from_files = load_or_measure(manifest, folder, tmp_path / "files.csv", workers=1)
        for path in manifest["path"]:  # the store alone could answer now
            clip = folder / path
            state = clip.stat()
            clip.write_bytes(bytes(state.st_size))
            os.utime(clip, ns=(state.st_atime_ns, state.st_mtime_ns))
        from_store = load_or_measure(manifest, folder, tmp_path / "store.csv", store, workers=1)
        pd.testing.assert_frame_equal(from_store, from_files)

    @pytest.mark.parametrize(("short_side", "most"), [(36, 32), (SHORT_SIDE, 8)])
    def test_a_store_of_another_size_or_of_some_frames_is_not_used(
        self, data, tmp_path, short_side, most
    ):
        folder, manifest = data
        store = FrameStore(tmp_path / "kept", short_side, most)
        store.fill(folder, manifest, workers=1)
        with_store = load_or_measure(manifest, folder, tmp_path / "a.csv", store, workers=1)
        without = load_or_measure(manifest, folder, tmp_path / "b.csv", workers=1)
        pd.testing.assert_frame_equal(with_store, without)

    def test_a_clip_that_is_shorter_than_listed_is_named(self, data, tmp_path):
        folder, manifest = data
        manifest.loc[1, "frames"] = 50
        with pytest.raises(VideoError, match=r"cam1_a\.mp4: listed as usable, but 12 frames"):
            load_or_measure(manifest, folder, tmp_path / "statistics.csv", workers=1)

    def test_a_clip_of_unknown_rate_has_no_times_but_all_else(self, data, tmp_path):
        folder, manifest = data
        manifest[["fps", "duration"]] = math.nan
        file = tmp_path / "statistics.csv"
        table = load_or_measure(manifest, folder, file, workers=1)
        assert table[["interval", "time_scale", "bytes_per_second"]].isna().all(axis=None)
        assert (
            table.drop(columns=["interval", "time_scale", "bytes_per_second"])
            .notna()
            .all(axis=None)
        )
        pd.testing.assert_frame_equal(load_or_measure(manifest, folder, file, workers=1), table)
