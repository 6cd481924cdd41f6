"""Timelines of small videos by a stand-in for the network: written as they come, gone on with."""

import json
from dataclasses import dataclass

import av
import numpy as np
import pandas as pd
import pytest
from clip_makers import make_video

from helpers.detection.detector import Detector
from helpers.detection.events import COLUMNS
from helpers.detection.material import Material, detect_all, events_of_all, truth_of, write_events
from helpers.detection.rules import Rule
from helpers.detection.timeline import detect
from helpers.detection.windows import Windows
from helpers.figures.annotated_video import annotate
from helpers.training.device import Compute

LOOK = Windows(offsets=(0.0, 0.25, 0.5), seconds=1.0, stride=0.5, size=(8, 8), short_side=None)


@dataclass(frozen=True)
class Brightness(Detector):
    """Says "bright" with the mean brightness of a window, and counts what it is asked."""

    def probabilities(self, windows):
        ASKED.append(len(windows))
        bright = np.array([window.mean() / 255 for window in windows])
        return np.stack([1 - bright, bright], axis=1)


ASKED: list[int] = []


@pytest.fixture
def detector(tmp_path):
    ASKED.clear()
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"weights")
    compute = Compute("cpu", "float32", "CPU")
    return Brightness(None, ("Other", "bright"), compute, LOOK, weights, batch=2)


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "in" / "a.mp4", frames=19, fps=4)  # 4.75 s, ever brighter


class TestTimeline:
    def test_it_has_a_row_for_each_window(self, detector, video, tmp_path):
        found = detect(detector, video, tmp_path / "out")
        assert found.table["start"].tolist() == [0.5 * k for k in range(9)]
        assert found.classes == ["Other", "bright"]
        assert (np.diff(found.probabilities[:, 1]) > 0).all()
        assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(9), abs=1e-4)
        assert found.seconds == pytest.approx(4.75)
        assert ASKED == [2, 2, 2, 2, 1]

    def test_a_finished_one_is_loaded(self, detector, video, tmp_path):
        first = detect(detector, video, tmp_path / "out")
        again = detect(detector, video, tmp_path / "out")
        assert again.was_loaded
        assert sum(ASKED) == 9
        pd.testing.assert_frame_equal(again.table, first.table)

    def test_one_that_was_cut_in_the_middle_of_a_line_goes_on(self, detector, video, tmp_path):
        whole = detect(detector, video, tmp_path / "out").table
        text = (tmp_path / "out" / "timeline.csv").read_text().splitlines(keepends=True)
        (tmp_path / "out" / "timeline.csv").unlink()
        (tmp_path / "out" / "timeline.partial.csv").write_text("".join(text[:5]) + text[5][:7])
        ASKED.clear()
        rest = detect(detector, video, tmp_path / "out")
        assert sum(ASKED) == 5
        pd.testing.assert_frame_equal(rest.table, whole)
        assert not (tmp_path / "out" / "timeline.partial.csv").exists()

    def test_other_weights_make_it_anew(self, detector, video, tmp_path):
        detect(detector, video, tmp_path / "out")
        detector.weights.write_bytes(b"other")
        assert not detect(detector, video, tmp_path / "out").was_loaded
        assert sum(ASKED) == 18


class TestMaterial:
    def test_events_of_all_recordings_become_files(self, detector, video, tmp_path):
        truth = pd.DataFrame([{"path": "a.mp4", "start": 1.0, "end": 2.0, "label": "bright"}])
        material = Material({"a.mp4": str(video)}, truth, "one")
        lines = detect_all(detector, material, tmp_path / "out")
        assert len(truth_of(material, lines)) == 1
        rule = Rule(("bright",), begin=0.5, end=0.5)
        none = events_of_all(lines, lambda line: pd.DataFrame(columns=COLUMNS))
        assert list(none) == ["path", *COLUMNS]
        row = {"start": 1.0, "end": 2.0, "label": "bright", "peak": 0.9, "alarm": 2.0}
        found = events_of_all(lines, lambda line: pd.DataFrame([row]))
        write_events(tmp_path / "out", found, rule, lines)
        told = json.loads((tmp_path / "out" / "events.json").read_text())
        assert told["recordings"]["a.mp4"]["events"] == [row]
        assert told["rule"]["begin"] == 0.5
        assert len(pd.read_csv(tmp_path / "out" / "events.csv")) == 1


class TestAnnotatedVideo:
    def test_it_is_h264_that_browsers_play_with_every_frame(self, detector, video, tmp_path):
        line = detect(detector, video, tmp_path / "out")
        events = pd.DataFrame([(1.0, 2.0, "bright", 0.9, 2.0)], columns=COLUMNS)
        rule = Rule(("bright",), begin=0.5, end=0.5)
        maps = iter([(0.0, np.zeros((2, 2), np.float32)), (1.0, np.full((2, 2), 9.0, np.float32))])
        file = annotate(video, line, events, rule, tmp_path / "seen.mp4", maps)
        content = file.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")  # it begins to play at once
        with av.open(str(file)) as container:
            (stream,) = container.streams
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            frames = list(container.decode(stream))
        assert [float(frame.time) for frame in frames] == pytest.approx(np.arange(19) / 4)
        banner = [frame.to_ndarray(format="rgb24")[4, -4].astype(int) for frame in frames]
        assert np.abs(banner[0] - banner[5]).max() > 30  # another colour during the event
        assert np.abs(banner[0] - banner[9]).max() < 12
