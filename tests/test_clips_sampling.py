"""Clip length, interval and input size against the clips, beside mmaction2's own samplers."""

import numpy as np
import pandas as pd
import pytest

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.datasets.transforms import SampleFrames, UniformSample
from sklearn.utils.class_weight import compute_class_weight

from helpers.clips.balance import (
    class_weights,
    recordings_by_class,
    share_of_one_class,
    weight_table,
)
from helpers.clips.sampling import (
    compare_intervals,
    compare_sizes,
    compare_windows,
    frames_needed,
    quantiles,
    uniform_intervals,
)


def clips(frames, fps=25.0, size=(320, 240)) -> pd.DataFrame:
    frames = np.asarray(frames)
    return pd.DataFrame(
        {
            "path": [f"a/{k}.mp4" for k in range(len(frames))],
            "frames": frames,
            "duration": frames / fps,
            "width": size[0],
            "height": size[1],
        }
    )


def indices(sampler, frames: int) -> np.ndarray:
    return sampler.transform({"total_frames": frames, "start_index": 0})["frame_inds"]


class TestIntervals:
    @pytest.mark.parametrize("seen", [4, 8, 32])
    def test_the_interval_is_that_of_the_sampler(self, seen):
        table = uniform_intervals(clips([201]), [seen])
        taken = indices(UniformSample(seen, test_mode=True), 201)
        assert table["interval"].item() == pytest.approx(np.diff(taken).mean(), abs=0.2)
        assert table["seconds"].item() == pytest.approx(200 / seen / 25)
        assert table["span"].item() == pytest.approx((taken[-1] - taken[0]) / 25, abs=0.05)

    def test_each_number_of_frames_is_summed_up_over_the_clips(self):
        manifest = clips([9, 81, 161])
        scale = pd.DataFrame({"path": manifest["path"], "time_scale": [0.1, 0.3, np.nan]})
        table = compare_intervals(manifest, [8, 16], scale).set_index("frames seen")
        # 8 frames: intervals of 1, 10 and 20 frames, 0.04, 0.4 and 0.8 s
        assert table.loc[8, "interval (frames), median"] == pytest.approx(10)
        assert table.loc[8, "interval (s), median"] == pytest.approx(0.4)
        assert table.loc[8, "interval (s), low"] == pytest.approx(0.04 + 0.1 * 0.36)
        assert table.loc[8, "interval (s), high"] == pytest.approx(0.8 - 0.1 * 0.4)
        assert table.loc[8, "seconds covered"] == pytest.approx(7 * 0.4)
        assert table["repeats"].tolist() == pytest.approx([0, 1 / 3])
        assert table["sparse"].tolist() == [0.5, 0]  # of the two clips with a time scale

    def test_without_time_scales_nothing_is_said_about_them(self):
        manifest = clips([20, 30])
        none = pd.DataFrame({"path": manifest["path"], "time_scale": np.nan})
        assert compare_intervals(manifest, [8], none)["sparse"].isna().all()
        assert np.isnan(frames_needed(manifest, none)["median"])

    def test_frames_needed_bring_the_interval_down_to_the_time_scale(self):
        manifest = clips([101] * 3)
        scale = pd.DataFrame({"path": manifest["path"], "time_scale": [0.2, 0.4, 0.8]})
        needed = frames_needed(manifest, scale)
        assert needed["median"] == 10  # 100 frames of 0.04 s in steps of 0.4 s
        assert frames_needed(manifest, scale.assign(time_scale=0.39))["median"] == 11
        sparse = compare_intervals(manifest, [10, 9], scale)["sparse"].tolist()
        assert sparse == pytest.approx([1 / 3, 2 / 3])

    def test_missing_values_are_no_part_of_the_quantiles(self):
        assert quantiles(pd.Series([1.0, np.nan, 3.0]))["median"] == 2


class TestWindows:
    @pytest.mark.parametrize("frames", [224, 225, 255, 256])
    @pytest.mark.parametrize("test_mode", [True, False])
    def test_a_wrapped_clip_is_one_whose_frames_the_sampler_takes_out_of_order(
        self, frames, test_mode
    ):
        taken = indices(SampleFrames(8, 32, test_mode=test_mode), frames)
        row = compare_windows(clips([frames]), [(8, 32)]).iloc[0]
        assert row["wrapped"] == float((np.diff(taken) < 0).any())
        assert row["shorter"] == float(frames < 256)

    def test_windows_are_named_and_measured_in_seconds(self):
        table = compare_windows(clips([100, 300]))
        assert table["window"].tolist() == ["8 × 32", "16 × 16", "96 × 4"]
        assert table["frames"].tolist() == [256, 256, 384]
        assert table["seconds"].tolist() == pytest.approx([10.24, 10.24, 15.36])
        assert table["shorter"].tolist() == [0.5, 0.5, 1]


def test_sizes_are_compared_with_the_square_input():
    table = compare_sizes(clips([9], size=(240, 320)), 160).set_index("quantity")
    assert table.loc["pixels per pixel of the input", "median"] == 3
    assert table.loc["width / height", "median"] == 0.75
    assert table.loc["squeeze", "median"] == pytest.approx(4 / 3)


@pytest.fixture
def split():
    rows = [
        ("a/1", "a", "cam0", "train"),
        ("a/2", "a", "cam0", "train"),
        ("a/3", "a", "cam1", "test"),
        ("b/1", "b", "cam0", "train"),
        ("b/2", "b", "cam2", "val"),
    ]
    return pd.DataFrame(rows, columns=["path", "label", "group", "split"])


class TestBalance:
    def test_class_weights_are_those_that_scikit_learn_calls_balanced(self):
        labels = ["a"] * 6 + ["b"] * 3 + ["c"]
        expected = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=labels)
        assert class_weights([6, 3, 1]) == pytest.approx(expected.tolist())

    def test_weights_count_training_clips_alone(self, split):
        table = weight_table(split)
        assert table["clips"].tolist() == [2, 1]
        assert table["weight"].tolist() == [0.75, 1.5]
        with pytest.raises(ValueError, match=r"no clip to train on .*\[0, 1\]"):
            weight_table(split[~split["path"].isin(["a/1", "a/2"])])

    def test_recordings_are_counted_once_for_each_class_they_show(self, split):
        table = recordings_by_class(split)
        assert table.to_dict("index") == {
            "a": {"train": 1, "val": 0, "test": 1},
            "b": {"train": 1, "val": 1, "test": 0},
        }
        assert list(table) == ["train", "val", "test"]

    def test_recordings_of_one_class_are_told_by_their_clips_share(self, split):
        assert share_of_one_class(split) == pytest.approx(2 / 5)
