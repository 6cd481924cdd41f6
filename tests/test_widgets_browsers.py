import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.widgets.attention_browser import attention_browser
from helpers.widgets.clip_browser import ALL, MOST, clip_browser

MANIFEST = pd.DataFrame(
    {
        "path": ["a/1.mp4", "a/2.mp4", "b/1.mp4", "b/broken.mp4"],
        "label": ["Bucket-Worker", "Bucket-Worker", "Other", "Other"],
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
    assert pixels(browser).shape == (60, 80, 3)
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
    assert pixels(browser).shape == (60, 80, 3)


def test_boxes_are_drawn_on_the_frames_they_belong_to():
    boxes = {"worker": [[10, 10, 60, 50], None, None, None]}
    browser = clip_browser(MANIFEST, SPLIT, read, lambda path: boxes)
    assert np.ptp(pixels(browser)) > 100
    browser.frame.value = 1
    assert np.ptp(pixels(browser)) < 10


def test_without_a_kernel_the_current_frame_is_shown():
    bundle = clip_browser(MANIFEST, SPLIT, read)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"].startswith('<img src="data:image/jpeg;base64,')


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)

    def clip(path, frames, kinds):
        return {
            "path": path,
            "label": "Other",
            "predicted": "Cabin-Worker",
            "frames": rng.integers(0, 255, (frames, 24, 32, 3), dtype=np.uint8),
            "maps": {kind: rng.random((frames, 3, 3)) for kind in kinds},
            "probabilities": {"Other": 0.25, "Cabin-Worker": 0.75},
        }

    return [clip("a.mp4", 8, ["rollout", "last"]), clip("b.mp4", 4, ["gradient", "last"])]


def test_every_control_of_the_attention_browser_changes_the_picture(clips):
    browser = attention_browser(clips)
    assert "taken for Cabin-Worker" in browser.clip.label
    for control, value in (
        (browser.frame, 6),
        (browser.kind, "last"),
        (browser.opacity, 0.2),
        (browser.clip, 1),
    ):
        before = browser.picture.value
        control.value = value
        assert browser.picture.value != before


def test_the_attention_browser_sets_frame_and_overlay_side_by_side(clips):
    browser = attention_browser(clips)
    browser.opacity.value = 0.0
    left, right = np.split(pixels(browser).astype(int), 2, axis=1)
    assert np.abs(left - right).mean() < 3
    browser.opacity.value = 1.0
    left, right = np.split(pixels(browser).astype(int), 2, axis=1)
    assert np.abs(left - right).mean() > 10


def test_another_clip_keeps_the_kind_of_map_where_it_has_it(clips):
    browser = attention_browser(clips)
    browser.kind.value = "last"
    browser.frame.value = 7
    browser.clip.value = 1
    assert browser.kind.value == "last" and browser.frame.max == 3
    browser.kind.value = "gradient"
    browser.clip.value = 0
    assert browser.kind.value == "rollout"


def test_probabilities_are_listed_from_the_largest_with_the_true_class_in_bold(clips):
    note = attention_browser(clips).note.value
    assert note.index("Cabin-Worker") < note.index("<b>Other</b>")
    assert "75.0 %" in note


def test_maps_of_another_length_than_their_clip_and_no_clips_are_refused(clips):
    clips[0]["maps"]["rollout"] = clips[0]["maps"]["rollout"][:5]
    with pytest.raises(ValueError, match=r"a\.mp4: maps 'rollout' are \[5, 3, 3\]"):
        attention_browser(clips)
    with pytest.raises(ValueError, match="No clip"):
        attention_browser([])
