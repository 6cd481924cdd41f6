"""Events from timelines: hand-computed cases of smoothing, thresholds, gaps and short ones."""

import numpy as np
import pandas as pd
import pytest

from helpers.detection.baselines import argmax_events, constant_events
from helpers.detection.events import find_events, hysteresis, smoothed
from helpers.detection.rules import Rule
from helpers.detection.timeline import Timeline


def timeline(danger: list[float], second: list[float] | None = None) -> Timeline:
    """Windows of 2 s, one a second; "a" and "b" are dangers, "Other" is the rest."""
    second = second or [0.0] * len(danger)
    start = np.arange(len(danger), dtype=float)
    other = 1 - np.array(danger) - np.array(second)
    columns = {"start": start, "end": start + 2, "p_Other": other, "p_a": danger, "p_b": second}
    return Timeline("x.mp4", pd.DataFrame(columns), seconds=len(danger) + 1.0)


def intervals(events: pd.DataFrame) -> list[tuple]:
    return [(row.start, row.end, row.label) for row in events.itertuples()]


RULE = Rule(("a", "b"), begin=0.6, end=0.4)


class TestCells:
    def test_windows_stand_for_what_lies_around_their_middles(self):
        # middles are 1, 2, 3
        assert timeline([0, 0, 0]).cells.tolist() == [0, 1.5, 2.5, 4]


class TestThresholds:
    def test_a_score_between_the_thresholds_goes_on_but_does_not_begin(self):
        score = np.array([0.5, 0.6, 0.5, 0.39, 0.5, 0.7])
        found = hysteresis(score, 0.6, 0.4)
        assert found.tolist() == [False, True, True, False, False, True]

    def test_events_reach_from_cell_to_cell(self):
        found = find_events(timeline([0, 0.9, 0.5, 0.1, 0]), RULE)
        assert intervals(found) == [(1.5, 3.5, "a")]
        assert found["peak"].tolist() == [0.9]

    def test_the_score_is_the_sum_of_the_dangers(self):
        found = find_events(timeline([0, 0.35, 0], [0, 0.3, 0]), RULE)
        assert intervals(found) == [(1.5, 2.5, "a")]

    def test_no_event_leaves_an_empty_table_with_columns(self):
        found = find_events(timeline([0, 0]), RULE)
        assert found.empty
        assert list(found) == ["start", "end", "label", "peak", "alarm"]

    def test_where_all_classes_are_events_the_largest_counts(self):
        rule = Rule(("Other", "a", "b"), begin=0.6, end=0.4)
        assert intervals(find_events(timeline([0.5, 0.5], [0.4, 0.4]), rule)) == []
        assert intervals(find_events(timeline([0.7, 0.1]), rule)) == [
            (0, 1.5, "a"),
            (1.5, 3, "Other"),
        ]


class TestSmoothing:
    def test_means_take_fewer_windows_at_the_ends(self):
        values = np.array([[0.0], [3.0], [6.0]])
        assert smoothed(values, 3)[:, 0].tolist() == [1.5, 3.0, 4.5]
        assert smoothed(values, 1)[:, 0].tolist() == [0, 3, 6]

    def test_a_single_high_window_is_smoothed_away(self):
        rule = Rule(("a", "b"), begin=0.6, end=0.4, smooth=2.0)
        assert find_events(timeline([0, 0, 0.9, 0, 0]), rule).empty


class TestDurations:
    def test_gaps_up_to_the_limit_are_closed(self):
        line = timeline([0.9, 0, 0.9, 0, 0, 0.9])
        found = find_events(line, Rule(("a", "b"), 0.6, 0.4, gap=1.0))
        assert intervals(found) == [(0, 3.5, "a"), (5.5, 7, "a")]

    def test_what_is_too_short_is_no_event(self):
        line = timeline([0, 0.9, 0, 0.9, 0.9, 0])
        found = find_events(line, Rule(("a", "b"), 0.6, 0.4, shortest=2.0))
        assert intervals(found) == [(3.5, 5.5, "a")]

    def test_a_class_that_does_not_last_goes_to_the_longer_neighbour(self):
        first, second = [0.9, 0.9, 0.1, 0.9, 0.9, 0.9], [0, 0, 0.8, 0, 0, 0]
        rule = Rule(("a", "b"), 0.6, 0.4, shortest=2.0)
        assert intervals(find_events(timeline(first, second), rule)) == [(0, 7, "a")]

    def test_one_stretch_may_hold_two_classes_one_after_the_other(self):
        line = timeline([0.9, 0.9, 0.1, 0.1], [0, 0, 0.8, 0.8])
        assert intervals(find_events(line, RULE)) == [(0, 2.5, "a"), (2.5, 5, "b")]


class TestAlarm:
    def test_it_sounds_when_the_last_frame_needed_was_seen(self):
        line = timeline([0, 0, 0.9, 0.9, 0.9, 0])
        # the window from 2 to 4 s shows the event first
        assert find_events(line, RULE)["alarm"].tolist() == [4]
        # two windows have to last, which the one from 3 to 5 s tells
        assert find_events(line, Rule(("a", "b"), 0.6, 0.4, shortest=2.0))["alarm"].tolist() == [5]

    def test_smoothing_waits_for_the_windows_that_it_averages(self):
        line = timeline([0, 0, 0, 0.9, 0.9, 0.9, 0, 0])
        (found,) = find_events(line, Rule(("a", "b"), 0.55, 0.5, smooth=2.0)).itertuples()
        # of the means 0, 0, 0.3, 0.6, 0.9, 0.6, … that of window 3 passes; it needs window 4
        assert found.start == 3.5
        assert found.alarm == 6


class TestBaselines:
    def test_argmax_makes_an_event_of_each_run(self):
        line = timeline([0.6, 0.6, 0.1, 0.6], [0, 0, 0, 0])
        assert intervals(argmax_events(line, ("a", "b"))) == [(0, 2.5, "a"), (3.5, 5, "a")]

    def test_the_constant_is_one_event(self):
        assert intervals(constant_events(timeline([0, 0]), "b")) == [(0, 3, "b")]


class TestRefusals:
    @pytest.mark.parametrize(
        "wrong", [{"end": 0.7}, {"end": -0.1}, {"gap": -1}, {"shortest": -1}, {"smooth": np.nan}]
    )
    def test_numbers_that_cannot_be_are_refused(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Rule(**{"events": ("a",), "begin": 0.6, "end": 0.4} | wrong)

    def test_a_rule_without_events_names_the_remedy(self):
        with pytest.raises(ValueError, match="DANGERS"):
            Rule((), 0.6, 0.4)

    def test_a_class_the_model_lacks_is_named(self):
        with pytest.raises(ValueError, match="Fire"):
            find_events(timeline([0, 0]), Rule(("Fire",), 0.6, 0.4))
