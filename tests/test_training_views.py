"""Views of a clip in tests: which there are, what they give, and how they are kept."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from training_makers import CPU, TINY, make_run, plan, tiny_project

from helpers import compat  # noqa: F401  # isort: skip
from mmengine.registry import DefaultScope

from helpers.clips.split import load_split
from helpers.clips.transforms import SampleViews, ThreeCrops
from helpers.cost.multiply_adds import multiply_adds, network_multiply_adds
from helpers.evaluation.views import by_views, gain_of_views
from helpers.files import write_table
from helpers.training.inference import input_shape, load_model
from helpers.training.plan import parts_of_clips
from helpers.training.train import train
from helpers.training.views import Views, load_or_predict_views, predict_views


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with (
        tiny_project(tmp_path_factory.mktemp("views")),
        DefaultScope.overwrite_default_scope("mmaction"),
    ):
        yield make_run("tiny")


@pytest.fixture(scope="module")
def trained(run):
    """A short training on clips."""
    return train(plan(run, run.training, recipe={"epochs": 1}), parts_of_clips(run))


@pytest.fixture(scope="module")
def model(trained):
    return load_model(trained, CPU)


@pytest.fixture(scope="module")
def table(model, trained):
    return predict_views(model, trained, CPU).average()


def test_views_are_kept_and_loaded_until_weights_or_clips_change(run, model, trained, tmp_path):
    ask = partial(load_or_predict_views, model, trained, CPU, tmp_path, "val")
    views = Views.parse("2x3+mirror")
    first, again = ask(views), ask(views)
    assert (first.was_loaded, again.was_loaded) == (False, True)
    assert first.probabilities.shape == (4, 12, 2) and first.seconds_per_view > 0
    np.testing.assert_array_equal(again.probabilities, first.probabilities)
    pd.testing.assert_frame_equal(again.average(), first.average())
    assert not ask(Views.parse("1x3")).was_loaded and ask(views).was_loaded
    split = load_split(run.split)
    try:
        write_table(run.split, split.iloc[::-1])
        assert not ask(views).was_loaded
    finally:
        write_table(run.split, split)


def test_the_average_is_the_mean_of_the_views_that_are_chosen(model, trained, table):
    seen = predict_views(model, trained, CPU, views=Views.parse("1x3+mirror"))
    whole = seen.views.table.query("crop == 'whole' and not mirrored").index
    pd.testing.assert_frame_equal(seen.average(whole), table)
    p = seen.average([0, 1])[["p_a", "p_b"]].to_numpy()
    np.testing.assert_allclose(p, seen.probabilities[:, :2].mean(1), rtol=1e-6)


def test_crops_are_left_right_and_whole_or_the_papers_squares():
    picture = np.tile(np.arange(40, dtype=np.uint8)[None, :, None], (20, 1, 3))
    for share, columns in (
        (0.85, [(0, 33), (6, 39), (0, 39)]),
        (None, [(0, 19), (20, 39), (10, 29)]),
    ):
        for turn in (False, True):
            image = picture.swapaxes(0, 1) if turn else picture
            cut = ThreeCrops(share).transform({"imgs": [image]})["imgs"]
            assert [(img.min(), img.max()) for img in cut] == columns
    with pytest.raises(ValueError, match="share=0"):
        ThreeCrops(0)


def test_clips_of_frames_cover_the_video_without_repeating_each_other():
    results = {"total_frames": 12, "start_index": 0}
    sampled = SampleViews(8, num_clips=3).transform(dict(results))
    clips = sampled["frame_inds"].reshape(3, 8)
    assert len({tuple(clip) for clip in clips}) == 3
    assert (np.diff(clips) >= 1).all() and (np.diff(clips, axis=0) >= 0).all()
    assert clips.min() >= 0 and clips.max() <= 11 and sampled["num_clips"] == 3
    single = SampleViews(8).transform(dict(results))["frame_inds"]
    assert single.tolist() == [0, 1, 3, 4, 6, 7, 8, 10]  # of mmaction2's UniformSample


@pytest.mark.parametrize("text", ["1x3", "4x1+mirror", "2x3+square+mirror"])
def test_views_are_read_as_they_are_written(text):
    assert str(Views.parse(text)) == text
    assert len(Views.parse(text).table) == {"1x3": 3, "4x1+mirror": 8}.get(text, 12)


@pytest.mark.parametrize("text", ["3", "1x2", "0x3", "1x1+square", "1x3+flip", ""])
def test_other_views_are_refused(text):
    with pytest.raises(ValueError, match="clips x crops"):
        Views.parse(text)


def test_the_input_of_one_view_has_the_shape_the_network_takes(model, trained):
    shape = input_shape(trained)
    assert shape == (1, 3, 4, 16, 16)
    assert (
        network_multiply_adds(model.backbone, shape)
        == multiply_adds(TINY.model, "divided_space_time", class_token_only=True).total
    )


def test_more_views_are_told_with_their_cost(model, trained):
    seen = predict_views(model, trained, CPU, views=Views.parse("2x3"))
    rows = by_views(seen, 10**9, n=50)
    names = ["left", "right", "1 × 1 (whole)", "1 × 3", "2 × 1 (whole)", "2 × 3"]
    assert rows["views"].tolist() == names
    assert rows["multiply_adds_g"].tolist() == rows["number"].tolist()
    assert rows.iloc[-1][["views", "number"]].tolist() == ["2 × 3", 6]
    gain = gain_of_views(seen, n=50)
    assert gain.names == ("the average of 6 views", "one view") and gain.clips == 4
    assert gain_of_views(predict_views(model, trained, CPU)) is None
