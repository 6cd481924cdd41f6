"""The recording beside its timeline: clicks, sliders and the page without a kernel."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers.detection.rules import Rule
from helpers.detection.timeline import Timeline
from helpers.widgets import video as videos
from helpers.widgets.recording_player import recording_player

RULE = Rule(("a", "b"), begin=0.6, end=0.4)
TRUTH = pd.DataFrame([(2.0, 4.0, "a"), (5.0, 6.0, "b")], columns=["start", "end", "label"])


@pytest.fixture
def player(tmp_path):
    danger = [0.1, 0.9, 0.9, 0.1, 0.1, 0.7, 0.1]
    start = np.arange(len(danger), dtype=float)
    columns = {"start": start, "end": start + 2, "p_Other": 1 - np.array(danger), "p_a": danger}
    line = Timeline("yard/x.mp4", pd.DataFrame(columns | {"p_b": 0.0}), 8.0)
    file = tmp_path / "annotated.mp4"
    file.write_bytes(b"a video")
    return recording_player(file, line, RULE, TRUTH)


def bars(player) -> list[tuple[float, float]]:
    """The detected events as they are drawn: the lower row of bars."""
    shapes = [shape for shape in player.figure.layout.shapes if shape.yref == "y2"]
    return [(shape.x0, shape.x1) for shape in shapes if shape.y1 < 0.5 and not shape.xref]


def playheads(player) -> list[float]:
    return [shape.x0 for shape in player.figure.layout.shapes if shape.name == "playhead"]


def click(player, axis: str | None, *xs: float) -> None:
    """As plotly tells a click: to all traces of the axes that have a point for each window."""
    for trace in player.figure.data:
        if trace.yaxis == axis and trace.hoverinfo != "skip":
            trace._dispatch_on_click(SimpleNamespace(xs=list(xs)), None)


@pytest.mark.parametrize("axis", [None, "y2"], ids=["lines", "bars"])
def test_a_click_seeks_the_video_and_again_to_the_same_place(player, axis):
    for count in (1, 2):
        click(player, axis, 3.5)
        assert player.video.wanted == (3.5, count)


def test_a_click_without_a_point_does_nothing(player):
    click(player, "y2")
    assert player.video.wanted == (0.0, 0)


def test_a_line_shows_where_the_video_is(player):
    assert playheads(player) == [0]
    player.video.time = 4.25
    assert playheads(player) == [4.25]


def test_a_higher_threshold_redraws_the_events_at_once(player):
    assert bars(player) == [(1.5, 3.5), (5.5, 6.5)]
    player.begin.value = 0.8
    assert bars(player) == [(1.5, 3.5)]
    assert playheads(player) == [0]


def test_durations_redraw_them_too(player):
    player.gap.value = 2.0
    assert bars(player) == [(1.5, 6.5)]
    player.gap.value = 0.0
    player.shortest.value = 1.5
    assert bars(player) == [(1.5, 3.5)]
    player.smooth.value = 2.0  # the means of three windows: 0.37, 0.63, 0.63, 0.37, …
    assert player.figure.data[0].y[2] == pytest.approx(1.9 / 3)


def test_the_lower_threshold_follows_the_upper_one_down(player):
    player.begin.value = 0.3
    assert (player.rule.begin, player.rule.end) == (0.3, 0.3)


def test_the_note_counts_what_is_missed_and_false(player):
    assert "2 events, 0 of them false; 0 of 2 missed" in player.note.value
    player.begin.value = 0.8
    assert "1 events, 0 of them false; 1 of 2 missed" in player.note.value


def test_without_a_kernel_the_video_remains(player, monkeypatch):
    (data, *_) = player._repr_mimebundle_()
    page = data["text/html"] if isinstance(data, dict) else player._repr_mimebundle_()["text/html"]
    assert "data:video/mp4;base64,YSB2aWRlbw==" in page
    monkeypatch.setattr(videos, "LARGEST", 3)
    assert "annotated.mp4" in videos.as_html(player._file)
    assert "base64" not in videos.as_html(player._file)
