import numpy as np
import pandas as pd
import pytest

from helpers.figures import dataset
from helpers.figures.style import COLUMN, PAGE, PARTS, class_colours


@pytest.fixture
def split():
    rows = [
        ("a/1.mp4", "Bucket-Worker", "cam0", "train"),
        ("a/2.mp4", "Bucket-Worker", "cam0", "train"),
        ("a/3.mp4", "Bucket-Worker", "cam1", "test"),
        ("b/1.mp4", "Other", "cam0", "train"),
        ("b/2.mp4", "Other", "cam2", "val"),
    ]
    return pd.DataFrame(rows, columns=["path", "label", "group", "split"])


@pytest.fixture
def manifest(split):
    extra = pd.DataFrame([("b/3.mp4", "Other", "cam9")], columns=["path", "label", "group"])
    table = pd.concat([split[["path", "label", "group"]], extra], ignore_index=True)
    return table.assign(
        frames=[10, 20, 30, 40, 50, 60],
        fps=[25.0, 25.0, 29.97003, 29.97003, 29.97003, 8.0],
        duration=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        width=[320] * 5 + [640],
        height=[240] * 5 + [480],
    )


def traces(fig):
    return {trace.name: trace for trace in fig.data}


def test_class_distribution_stacks_parts_and_shows_clips_that_no_part_has(manifest, split):
    bars = traces(dataset.class_distribution(manifest, split))
    assert list(bars) == ["train", "val", "test", "unused"]
    assert list(bars["train"].y) == ["Bucket-Worker", "Other"]
    assert {name: list(bar.x) for name, bar in bars.items()} == {
        "train": [2, 1],
        "val": [0, 1],
        "test": [1, 0],
        "unused": [0, 1],
    }


def test_histograms_hold_every_clip_and_mark_the_median(manifest):
    for fig, column, unit in (
        (dataset.durations(manifest), "duration", "duration (s)"),
        (dataset.frames_per_video(manifest), "frames", "frames"),
    ):
        assert list(fig.data[0].x) == list(manifest[column])
        assert fig.layout.shapes[0].x0 == manifest[column].median()
        assert fig.layout.xaxis.title.text == unit


def test_frames_per_class_has_a_box_per_class_in_its_colour(manifest):
    boxes = traces(dataset.frames_per_class(manifest))
    assert list(boxes["Other"].x) == [40, 50, 60]
    assert boxes["Other"].line.color == class_colours(manifest["label"])["Other"]


def test_resolutions_count_the_clips_of_each_size(manifest):
    points = dataset.resolutions(manifest).data[0]
    found = list(zip(points.x, points.y, points.customdata, strict=True))
    assert found == [(320, 240, 5), (640, 480, 1)]


def test_frame_rates_are_rounded_and_counted(manifest):
    bar = dataset.frame_rates(manifest).data[0]
    assert list(zip(bar.x, bar.y, strict=True)) == [("8", 1), ("25", 2), ("29.97", 3)]


def test_group_sizes_show_each_recording_in_its_part(split):
    bars = traces(dataset.group_sizes(split))
    assert list(bars) == ["train (1)", "val (1)", "test (1)"]
    assert list(bars["train (1)"].x) == ["cam0"] and list(bars["train (1)"].y) == [3]
    assert bars["test (1)"].marker.color == PARTS["test"]


def test_many_recordings_take_the_width_of_the_page(split):
    many = pd.concat([split.assign(group=split["group"] + f"-{i}") for i in range(10)])
    assert dataset.group_sizes(many).layout.width == PAGE
    assert dataset.group_sizes(split).layout.width == COLUMN


def test_split_balance_gives_shares_of_a_part_in_per_cent(split):
    bars = traces(dataset.split_balance(split))
    assert list(bars["Bucket-Worker"].x) == pytest.approx([200 / 3, 0, 100])
    assert list(bars["Other"].x) == pytest.approx([100 / 3, 100, 0])


def test_a_contact_sheet_has_every_frame_with_its_title():
    frames = [np.zeros((20, 30, 3), np.uint8), np.zeros((40, 30, 3), np.uint8)]
    fig = dataset.contact_sheet(frames, ["one", "two"], boxes=[{}, {"worker": [1, 2, 3, 4]}])
    assert [a.text for a in fig.layout.annotations] == ["one", "two"]
    assert len(fig.layout.images) == 2 and len(fig.layout.shapes) == 2


def test_a_film_strip_numbers_frames_and_draws_boxes_only_where_visible():
    frames = np.zeros((10, 20, 30, 3), np.uint8)
    boxes = {"worker": [None] * 9 + [[1, 2, 3, 4]]}
    fig = dataset.film_strip(frames, "clip", boxes)
    assert [a.text for a in fig.layout.annotations] == [str(t) for t in range(1, 11)]
    assert len(fig.layout.shapes) == 2
    assert len({image.y for image in fig.layout.images}) == 2
