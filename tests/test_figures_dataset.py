import numpy as np
import pandas as pd
import pytest

from helpers.figures import dataset, dataset_meaning
from helpers.figures import dataset_clips as clips
from helpers.figures import dataset_pictures as pictures
from helpers.figures.style import COLUMN, INK, PAGE, class_colours


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


def test_class_distribution_stacks_clips_and_seconds_and_shows_clips_that_no_part_has(
    manifest, split
):
    fig = dataset.class_distribution(manifest, split)
    clips, seconds = (
        {bar.name: list(bar.x) for bar in fig.data if bar.xaxis == axis} for axis in ("x", "x2")
    )
    assert list(fig.data[0].y) == ["Bucket-Worker", "Other"]
    assert clips == {"train": [2, 1], "val": [0, 1], "test": [1, 0], "unused": [0, 1]}
    assert seconds == {"train": [3, 4], "val": [0, 5], "test": [3, 0], "unused": [0, 6]}
    assert {a.text for a in fig.layout.annotations} == {"3", "6", "15"}
    assert fig.layout.title.text == "Classes (6 clips, 0.3 minutes)"


def test_histograms_hold_every_clip_and_mark_the_median(manifest):
    for fig, column, unit in (
        (clips.durations(manifest), "duration", "duration (s)"),
        (clips.frames_per_video(manifest), "frames", "frames"),
    ):
        assert list(fig.data[0].x) == list(manifest[column])
        assert fig.layout.shapes[0].x0 == manifest[column].median()
        assert fig.layout.xaxis.title.text == unit


def panels(fig):
    """Title of each panel → its boxes by class."""
    found = {}
    for place, title in enumerate(fig.layout.annotations, start=1):
        axis = "x" if place == 1 else f"x{place}"
        found[title.text] = {box.name: box for box in fig.data if box.xaxis == axis}
    return found


def test_each_class_has_a_box_in_its_colour_in_every_panel(manifest):
    found = panels(clips.lengths_by_class(manifest))
    assert list(found) == ["duration", "frames"]
    other = found["frames"]["Other"]
    assert (other.q1[0], other.median[0], other.q3[0]) == (45, 50, 55)
    assert other.lowerfence[0] == pytest.approx(41) and other.upperfence[0] == pytest.approx(59)
    assert list(other.x[0]) == [40, 50, 60]
    assert other.line.color == class_colours(manifest["label"])["Other"]


def test_of_many_clips_only_the_quantiles_are_drawn(manifest):
    many = pd.concat([manifest] * 80, ignore_index=True)
    box = panels(clips.lengths_by_class(many))["frames"]["Other"]
    assert box.median[0] == 50 and box.x is None


def test_sizes_by_class_are_in_the_units_of_their_axes(manifest):
    fig = clips.sizes_by_class(manifest.assign(bytes=5000))
    found = panels(fig)
    assert found["size of a frame"]["Other"].median[0] == pytest.approx(76.8)
    assert found["size of the file"]["Other"].median[0] == 5
    assert fig.layout.xaxis3.title.text == "kB"


def test_statistics_of_a_clip_stand_with_its_class_and_missing_ones_are_left_out(manifest):
    statistics = pd.DataFrame({"path": manifest["path"][::-1]})
    for column in clips.PANELS:
        statistics[column] = [60.0, 50, 40, 30, 20, 10]
    statistics.loc[statistics["path"] == "b/1.mp4", "time_scale"] = np.nan
    statistics.loc[statistics["path"].str.startswith("a/"), "shift"] = np.nan
    found = panels(clips.statistics_by_class(manifest, statistics))
    assert list(found["brightness"]["Bucket-Worker"].x[0]) == [10, 20, 30]
    assert found["moving pixels"]["Other"].median[0] == 5000
    assert list(found["time scale of motion"]["Other"].x[0]) == [50, 60]
    assert found["motion of the camera"]["Bucket-Worker"].median is None


def test_resolutions_count_the_clips_of_each_size(manifest):
    points = clips.resolutions(manifest).data[0]
    found = list(zip(points.x, points.y, points.customdata, strict=True))
    assert found == [(320, 240, 5), (640, 480, 1)]


def test_the_networks_input_is_marked_among_the_sizes(manifest):
    fig = clips.resolutions(manifest, 800)
    (square,) = fig.layout.shapes
    assert (square.x0, square.y0, square.x1, square.y1) == (0, 0, 800, 800)
    assert fig.layout.xaxis.range[1] > 800
    assert [trace.name for trace in fig.data if trace.name] == ["the network's input, 800 × 800"]


def test_frame_rates_are_rounded_and_counted(manifest):
    bar = clips.frame_rates(manifest).data[0]
    assert list(zip(bar.x, bar.y, strict=True)) == [("8", 1), ("25", 2), ("29.97", 3)]


def test_recordings_show_their_clips_by_class_within_their_part(split):
    small = pd.DataFrame([("a/9.mp4", "Other", "before", "train")], columns=list(split))
    fig = dataset.recordings(pd.concat([small, split]))
    heat = fig.data[0]
    assert list(heat.y) == ["Bucket-Worker", "Other"]
    assert list(fig.layout.xaxis.ticktext) == ["cam0", "before", "cam2", "cam1"]
    np.testing.assert_array_equal(heat.z, [[2, 0, 0, 1], [1, 1, 1, 0]])
    assert [a.text for a in fig.layout.annotations] == ["train<br>2", "val<br>1", "test<br>1"]
    assert [a.x for a in fig.layout.annotations] == [0.5, 2, 3]
    assert [line.x0 for line in fig.layout.shapes] == [1.5, 2.5]


def test_many_recordings_take_the_width_of_the_page_and_go_unnamed(split):
    many = pd.concat([split.assign(group=split["group"] + f"-{i}") for i in range(20)])
    fig = dataset.recordings(many)
    assert fig.layout.width == PAGE and fig.layout.xaxis.ticktext is None
    assert dataset.recordings(split).layout.width == COLUMN
    np.testing.assert_array_equal(np.sum(fig.data[0].z, axis=1), [60, 40])


def test_pairs_that_look_alike_are_counted_by_kind_over_their_distance():
    pairs = pd.DataFrame(
        {"path": list("abcd"), "other": list("efgh"), "kind": ["exact"] + ["near"] * 3}
    ).assign(distance=[0, 2.5, 2.5, 5.0])
    bars = traces(dataset.duplicates(pairs))
    assert list(bars) == ["exact (1)", "near (3)"]
    assert list(bars["near (3)"].x) == [2.5, 2.5, 5]
    assert bars["exact (1)"].xbins == bars["near (3)"].xbins
    assert bars["near (3)"].xbins.end > 5


def test_no_pairs_give_an_empty_figure_that_says_so():
    none = pd.DataFrame({"path": [], "other": [], "kind": [], "distance": []})
    fig = dataset.duplicates(none)
    assert not fig.data and "0 pairs" in fig.layout.title.text


def test_split_balance_gives_shares_of_a_part_in_per_cent(split):
    bars = traces(dataset.split_balance(split))
    assert list(bars["Bucket-Worker"].x) == pytest.approx([200 / 3, 0, 100])
    assert list(bars["Other"].x) == pytest.approx([100 / 3, 100, 0])


def test_a_contact_sheet_has_every_frame_with_its_title():
    frames = [np.zeros((20, 30, 3), np.uint8), np.zeros((40, 30, 3), np.uint8)]
    fig = pictures.contact_sheet(frames, ["one", "two"], boxes=[{}, {"worker": [1, 2, 3, 4]}])
    assert [a.text for a in fig.layout.annotations] == ["one", "two"]
    assert len(fig.layout.images) == 2 and len(fig.layout.shapes) == 2


def test_a_film_strip_numbers_frames_and_draws_boxes_only_where_visible():
    frames = np.zeros((10, 20, 30, 3), np.uint8)
    boxes = {"worker": [None] * 9 + [[1, 2, 3, 4]]}
    fig = pictures.film_strip(frames, "clip", boxes)
    assert [a.text for a in fig.layout.annotations] == [str(t) for t in range(1, 11)]
    assert len(fig.layout.shapes) == 2
    assert len({image.y for image in fig.layout.images}) == 2


def test_a_class_sheet_has_a_row_for_each_class_and_leaves_gaps_where_clips_lack():
    frame = np.zeros((20, 30, 3), np.uint8)
    fig = pictures.class_sheet(
        {"a": [frame] * 3, "b": [frame]}, {"a": ["cam0", "<cam1>", "cam2"], "b": ["cam3"]}
    )
    texts = [a.text for a in fig.layout.annotations]
    assert texts == ["a", "cam0", "&lt;cam1>", "cam2", "b", "cam3"]
    assert len(fig.layout.images) == 4 and len({image.y for image in fig.layout.images}) == 2


def test_of_a_long_name_below_a_small_picture_the_end_is_shown():
    frame = np.zeros((20, 30, 3), np.uint8)
    name = "Bucket-Worker/a/very/long/folder/clip_0123.mp4"
    fig = pictures.class_sheet({"a": [frame] * 5}, {"a": [name] * 5})
    text = fig.layout.annotations[1].text
    assert text.startswith("…") and name.endswith(text[1:]) and len(text) == 21


def test_a_pair_stands_side_by_side_and_two_pairs_in_a_row():
    frame = np.zeros((20, 30, 3), np.uint8)
    pairs = [(frame, frame)] * 3
    fig = pictures.pair_sheet(pairs, [(f"{k}a", f"{k}b") for k in range(3)])
    assert [a.text for a in fig.layout.annotations] == ["0a", "0b", "1a", "1b", "2a", "2b"]
    tops = [image.y for image in fig.layout.images]
    assert tops[0] == tops[3] < tops[4] == tops[5]


def test_nuisance_is_drawn_with_intervals_beside_chance():
    table = pd.DataFrame(
        {
            "feature": ["all together", "red"],
            "value": [0.5, 0.3],
            "low": [0.4, 0.28],
            "high": [0.7, 0.33],
        }
    )
    fig = dataset_meaning.nuisance(table, 0.25, 0.1)
    points = fig.data[0]
    assert list(points.y) == ["all together", "mean red"]
    assert list(points.x) == pytest.approx([50, 30])
    assert list(points.error_x.array) == pytest.approx([20, 3])
    assert list(points.error_x.arrayminus) == pytest.approx([10, 2])
    assert points.marker.color[0] == INK != points.marker.color[1]
    band, line = fig.layout.shapes
    assert (band.x0, band.x1) == (25, 35) and line.x0 == 25


def test_intervals_stand_above_the_time_scale_of_motion():
    table = pd.DataFrame({"seen": [8] * 3 + [16] * 3, "seconds": [1.0, 2, 3, 0.5, 1, 1.5]})
    fig = dataset_meaning.intervals(table, pd.Series([0.4, np.nan, 0.8]))
    spans = {trace.y[0]: list(trace.x) for trace in fig.data if trace.mode == "lines"}
    assert list(spans) == ["8 frames", "16 frames", "motion"]
    assert spans["8 frames"] == pytest.approx([1.1, 2.9])
    ticks = [(t.y[0], t.x[0]) for t in fig.data if t.mode == "markers+text"]
    assert ticks == [("8 frames", 2), ("16 frames", 1), ("motion", pytest.approx(0.6))]
    assert fig.layout.shapes[0].x0 == pytest.approx(0.6)
    still = dataset_meaning.intervals(table, pd.Series([np.nan]))
    assert not still.layout.shapes and len(still.data) == 4
