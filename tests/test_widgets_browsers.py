import base64
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.widgets.attention_browser import HEAD, Choices, Question, attention_browser
from helpers.widgets.clip_browser import ALL, HEIGHT, LARGEST, MOST, STRIP, WIDTH, clip_browser
from helpers.widgets.feature_browser import feature_browser

MANIFEST = pd.DataFrame(
    {
        "path": ["a/1.mp4", "a/2.mp4", "b/1.mp4", "b/broken.mp4"],
        "label": ["Bucket-Worker", "Bucket-Worker", "Other", "Other"],
        "group": ["cam0", "cam1", "cam0", "cam2"],
        "frames": [4, 200, 3, 5],
        "duration": [0.5, 8.0, 1.0, 1.0],
    }
)
SPLIT = pd.DataFrame(
    {"path": ["a/1.mp4", "a/2.mp4", "b/1.mp4", "b/broken.mp4"], "split": ["train", "test"] * 2}
)


def read(path, indices):
    if "broken" in path:
        raise OSError("frame 3 of 5 cannot be decoded")
    start = 10 * list(MANIFEST["path"]).index(path)
    return np.stack([np.full((60, 80, 3), start + 20 * i % 200, np.uint8) for i in indices])


def pixels(browser):
    return cv2.imdecode(np.frombuffer(browser.picture.value, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_the_first_clip_is_open_with_its_row_and_its_frame():
    browser = clip_browser(MANIFEST, SPLIT, read)
    assert browser.clip.value == "a/1.mp4"
    assert "Bucket-Worker" in browser.note.value and "train" in browser.note.value
    assert pixels(browser).shape == (60 * LARGEST, 80 * LARGEST, 3)
    assert browser.frame.max == browser.play.max == 3
    assert browser.play.interval == 125


def test_moving_the_slider_changes_the_picture():
    browser = clip_browser(MANIFEST, SPLIT, read)
    before = browser.picture.value
    browser.frame.value = 3
    assert browser.picture.value != before
    assert pixels(browser).mean() == pytest.approx(60, abs=2)


def test_choosing_class_and_part_leaves_only_their_clips():
    browser = clip_browser(MANIFEST, SPLIT, read)
    before = browser.picture.value
    browser.label.value = "Other"
    assert browser.clip.options == ("b/1.mp4", "b/broken.mp4")
    browser.part.value = "train"
    assert browser.clip.options == ("b/1.mp4",)
    assert browser.picture.value != before
    browser.label.value = browser.part.value = ALL
    assert len(browser.clip.options) == 4


def test_another_clip_starts_at_its_first_frame_and_long_ones_are_thinned():
    browser = clip_browser(MANIFEST, SPLIT, read)
    browser.frame.value = 2
    browser.clip.value = "a/2.mp4"
    assert browser.frame.value == 0
    assert browser.frame.max == MOST - 1
    assert pixels(browser).mean() == pytest.approx(10, abs=2)


def test_a_choice_without_clips_and_a_clip_that_breaks_are_told_and_left_again():
    browser = clip_browser(MANIFEST, SPLIT.assign(split=["train", "train", "test", "test"]), read)
    browser.label.value = "Bucket-Worker"
    browser.part.value = "test"
    assert browser.clip.value is None and "No clip" in browser.note.value
    browser.label.value = "Other"
    browser.clip.value = "b/broken.mp4"
    assert "frame 3 of 5 cannot be decoded" in browser.note.value
    browser.clip.value = "b/1.mp4"
    assert pixels(browser).shape == (60 * LARGEST, 80 * LARGEST, 3)


def test_choosing_a_recording_leaves_its_clips_and_survives_another_class_that_has_it():
    browser = clip_browser(MANIFEST, SPLIT, read)
    assert browser.recording.options == (ALL, "cam0", "cam1", "cam2")
    browser.recording.value = "cam0"
    assert browser.clip.options == ("a/1.mp4", "b/1.mp4")
    browser.label.value = "Other"
    assert browser.recording.options == (ALL, "cam0", "cam2")
    assert browser.recording.value == "cam0" and browser.clip.options == ("b/1.mp4",)
    browser.recording.value = ALL
    browser.recording.value = "cam2"
    browser.label.value = "Bucket-Worker"  # which has no clip of it
    assert browser.recording.value == ALL
    assert browser.clip.options == ("a/1.mp4", "a/2.mp4")


def test_a_clip_is_read_once_for_each_choice():
    asked = []

    def count(path, indices):
        asked.append(path)
        return read(path, indices)

    browser = clip_browser(MANIFEST, SPLIT, count)
    assert asked == ["a/1.mp4"]
    browser.recording.value = "cam1"
    assert asked == ["a/1.mp4", "a/2.mp4"]
    browser.label.value = "Other"
    assert asked[2:] == ["b/1.mp4"]


def test_buttons_go_through_the_clips_that_are_offered_and_round():
    browser = clip_browser(MANIFEST, SPLIT, read)
    browser.label.value = "Bucket-Worker"
    browser.next.click()
    assert browser.clip.value == "a/2.mp4"
    browser.next.click()
    assert browser.clip.value == "a/1.mp4"
    browser.back.click()
    assert browser.clip.value == "a/2.mp4"


def test_a_manifest_without_recordings_can_be_browsed():
    browser = clip_browser(MANIFEST.drop(columns="group"), SPLIT, read)
    browser.label.value = "Other"
    assert browser.clip.options == ("b/1.mp4", "b/broken.mp4")


def test_frame_and_second_are_told_also_where_a_long_clip_is_thinned():
    browser = clip_browser(MANIFEST, SPLIT, read)
    assert browser.place.value == "frame 1 of 4, at 0.00 s"
    browser.clip.value = "a/2.mp4"
    browser.frame.value = MOST - 1
    assert browser.place.value == "frame 200 of 200, at 7.96 s"


def test_tall_and_wide_frames_are_fitted():
    for shape in ((1000, 100), (100, 1000), (720, 1280)):
        browser = clip_browser(
            MANIFEST,
            SPLIT,
            lambda path, indices, s=shape: np.zeros((len(indices), *s, 3), np.uint8),
        )
        height, width = pixels(browser).shape[:2]
        assert height <= HEIGHT and width <= WIDTH
        assert height == HEIGHT or width == WIDTH
        assert height / width == pytest.approx(shape[0] / shape[1], rel=0.03)


def test_boxes_are_drawn_on_the_frames_they_belong_to_and_can_be_left_out():
    boxes = {"worker": [[10, 10, 60, 50], None, None, None]}
    browser = clip_browser(MANIFEST, SPLIT, read, lambda path: boxes)
    assert np.ptp(pixels(browser)) > 100
    assert "#F0E442" in browser.note.value and "worker" in browser.note.value
    drawn = pixels(browser).astype(int)
    edge = np.abs(drawn[10 * LARGEST, 10 * LARGEST : 60 * LARGEST] - [0xF0, 0xE4, 0x42]).mean()
    assert edge < 40  # the box lies where it is said, enlarged with the frame
    browser.marks.value = False
    assert np.ptp(pixels(browser)) < 10
    browser.marks.value = True
    browser.frame.value = 1
    assert np.ptp(pixels(browser)) < 10


def test_boxes_cannot_be_chosen_where_there_are_none():
    browser = clip_browser(
        MANIFEST, SPLIT, read, lambda path: {"worker": [None] * 4} if "a/1" in path else {}
    )
    assert not browser.marks.disabled
    browser.clip.value = "b/1.mp4"
    assert browser.marks.disabled


def test_without_a_kernel_frames_of_the_clip_are_shown():
    bundle = clip_browser(MANIFEST, SPLIT, read)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    start = '<img src="data:image/jpeg;base64,'
    assert data["text/html"].startswith(start)
    encoded = base64.b64decode(data["text/html"][len(start) :].split('"')[0])
    strip = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    frames = min(STRIP, 4)
    assert strip.shape[1] == 160 * frames + 4 * (frames - 1)
    assert strip[10, 10, 0] == pytest.approx(0, abs=2)  # the first frame
    assert strip[10, -10, 0] == pytest.approx(60, abs=2)  # the fourth


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)

    def clip(path, frames):
        return {
            "path": path,
            "label": "Other",
            "predicted": "Cabin-Worker",
            "frames": rng.integers(0, 255, (frames, 24, 32, 3), dtype=np.uint8),
            "probabilities": {"Other": 0.25, "Cabin-Worker": 0.75},
        }

    return [clip("a.mp4", 8), clip("b.mp4", 4)]


CHOICES = Choices(
    ["gradient", "rollout", HEAD], ["gradient"], ["Cabin-Worker", "Other"], 3, 2, "divided"
)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def browser(clips, asked):
    def explain(clip, question):
        asked.append(question)
        seed = abs(hash((clip["path"], *vars(question).values()))) % 2**32
        return np.random.default_rng(seed).random((len(clip["frames"]), 3, 3))

    return attention_browser(clips, explain, CHOICES)


def test_every_control_of_the_attention_browser_changes_the_picture(browser):
    assert "taken for Cabin-Worker" in browser.clip.label
    for control, value in (
        (browser.frame, 6),
        (browser.label, "Other"),
        (browser.against, "Cabin-Worker"),
        (browser.method, "rollout"),
        (browser.method, HEAD),
        (browser.layer, 1),
        (browser.head, 2),
        (browser.opacity, 0.2),
        (browser.clip, 1),
    ):
        before = browser.picture.value
        control.value = value
        assert browser.picture.value != before


def test_a_map_is_made_once_and_controls_that_do_not_matter_ask_for_nothing(browser, asked):
    assert asked == [Question("gradient", "Cabin-Worker", None, 1, 1)]
    browser.layer.value = 2
    browser.frame.value = 3
    assert len(asked) == 1 and browser.layer.disabled and not browser.label.disabled
    browser.method.value = HEAD
    assert asked[1:] == [Question(HEAD, "Cabin-Worker", None, 2, 1)]
    assert browser.label.disabled and browser.against.disabled and not browser.head.disabled
    browser.method.value = "gradient"
    assert len(asked) == 2


def test_another_clip_is_asked_about_the_class_that_it_was_taken_for(browser, asked):
    browser.label.value, browser.against.value = "Other", "Cabin-Worker"
    assert asked[-1] == Question("gradient", "Other", "Cabin-Worker", 1, 1)
    browser.frame.value = 7
    browser.clip.value = 1
    assert browser.frame.max == 3 and browser.frame.value == 0
    assert asked[-1] == Question("gradient", "Cabin-Worker", None, 1, 1)


def test_the_attention_browser_sets_frame_and_overlay_side_by_side(browser):
    browser.opacity.value = 0.0
    left, _, right = np.split(pixels(browser).astype(int)[:, :721], [360, 361], axis=1)
    assert np.abs(left - right).mean() < 3
    browser.opacity.value = 1.0
    left, _, right = np.split(pixels(browser).astype(int)[:, :721], [360, 361], axis=1)
    assert np.abs(left - right).mean() > 10


def test_probabilities_are_listed_from_the_largest_with_the_true_class_in_bold(browser):
    note = browser.note.value
    assert note.index("Cabin-Worker") < note.index("<b>Other</b>")
    assert "75.0 %" in note and "attention: divided" in note


def test_without_a_kernel_frames_and_the_same_under_the_map_are_shown(browser):
    still = browser.still()
    assert still.shape == (2 * 120, 6 * 160 + 5 * 4, 3)
    bundle = browser._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/html"].startswith('<img src="data:image/jpeg;base64,')


def test_a_map_of_another_length_is_told_in_the_browser_and_no_clips_are_refused(clips):
    browser = attention_browser(clips, lambda clip, question: np.ones((5, 3, 3)), CHOICES)
    assert "a.mp4, gradient: the map is [5, 3, 3], it must be [8, h, w]" in browser.note.value
    with pytest.raises(ValueError, match="No clip"):
        attention_browser([], lambda clip, question: np.ones((5, 3, 3)), CHOICES)


PLANE_TABLE = pd.DataFrame(
    {
        "path": ["a", "b", "broken"],
        "label": ["Other", "Other", "Cabin-Worker"],
        "predicted": ["Other", "Cabin-Worker", "Cabin-Worker"],
        "group": ["cam0", "cam1", "cam0"],
    }
)
PLANES = {
    "t-SNE": np.array([[0.0, 0], [1, 1], [2, 0]]),
    "PCA": np.array([[5.0, 0], [1, 1], [2, 0]]),
}


def frame_of(path):
    if path == "broken":
        raise OSError("cannot be decoded")
    return np.full((6, 8, 3), {"a": 40, "b": 200}[path], np.uint8)


def test_hovering_over_a_point_shows_its_frame():
    browser = feature_browser(PLANES, PLANE_TABLE, frame_of)
    assert pixels(browser).mean() == pytest.approx(40, abs=2)
    other = next(trace for trace in browser.plane.data if trace.name == "Other")
    browser._hover(other, SimpleNamespace(point_inds=[1]), None)
    assert pixels(browser).mean() == pytest.approx(200, abs=2)
    assert "predicted Cabin-Worker" in browser.note.value and "cam1" in browser.note.value
    browser.look(2)
    assert "broken cannot be shown: cannot be decoded" in browser.note.value


def test_plane_and_colours_can_be_chosen():
    browser = feature_browser(PLANES, PLANE_TABLE, frame_of)
    assert [trace.name for trace in browser.plane.data] == ["Cabin-Worker", "Other"]
    browser.colour.value = "recording"
    assert len(browser.plane.data) == 1
    browser.layout_name.value = "PCA"
    assert list(browser.plane.data[0].x) == [5, 1, 2]
    with pytest.raises(ValueError, match="3 clips"):
        feature_browser({"t-SNE": np.zeros((2, 2))}, PLANE_TABLE, frame_of)
