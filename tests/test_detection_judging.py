"""Judging events: overlap, average precision and alarms, against numbers computed by hand."""

import numpy as np
import pandas as pd
import pytest

from helpers.detection.judging import (
    judge_windows,
    match_alarms,
    quiet_time_alarmed,
    summarise,
)
from helpers.detection.precision import (
    TruthError,
    average_precision,
    mean_average_precision,
    read_truth,
    temporal_iou,
)
from helpers.detection.timeline import Timeline


def found(*rows: tuple) -> pd.DataFrame:
    """Detections from (start, end, label, peak, alarm), all of recording x."""
    table = pd.DataFrame(list(rows), columns=["start", "end", "label", "peak", "alarm"])
    return table.assign(path="x")


def true(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["start", "end", "label"]).assign(path="x")


class TestOverlap:
    def test_intersection_over_union_of_intervals(self):
        starts, ends = np.array([0.0, 5.0, 10.0, 2.0]), np.array([10.0, 15.0, 20.0, 4.0])
        shares = temporal_iou(0, 10, starts, ends)
        assert shares == pytest.approx([1, 5 / 15, 0, 0.2])


class TestAveragePrecision:
    TRUTH = true((0, 10, "a"), (20, 30, "a"))

    def test_all_found_and_nothing_else_is_one(self):
        table = found((0, 10, "a", 0.9, 1), (20, 30, "a", 0.8, 21))
        assert average_precision(table, self.TRUTH, 0.7) == 1

    def test_a_wrong_one_between_two_right_ones(self):
        table = found((0, 10, "a", 0.9, 1), (12, 18, "a", 0.8, 13), (20, 30, "a", 0.7, 21))
        # precision 1 at recall 1/2, then 2/3 at recall 1
        assert average_precision(table, self.TRUTH, 0.5) == pytest.approx((1 + 2 / 3) / 2)

    def test_precision_is_made_to_fall(self):
        table = found((12, 18, "a", 0.9, 13), (0, 10, "a", 0.8, 1), (20, 30, "a", 0.7, 21))
        # precisions at the hits are 1/2 and 2/3: the second holds for both
        assert average_precision(table, self.TRUTH, 0.5) == pytest.approx(2 / 3)

    def test_an_event_is_taken_once(self):
        table = found((0, 10, "a", 0.9, 1), (0, 10, "a", 0.8, 1))
        assert average_precision(table, self.TRUTH, 0.5) == 0.5

    def test_the_overlap_decides(self):
        table = found((0, 5, "a", 0.9, 1))
        assert average_precision(table, self.TRUTH, 0.5) == 0.5
        assert average_precision(table, self.TRUTH, 0.51) == 0

    def test_another_recording_does_not_count(self):
        table = found((0, 10, "a", 0.9, 1)).assign(path="y")
        assert average_precision(table, self.TRUTH, 0.3) == 0

    def test_nothing_found_is_zero_and_nothing_true_is_nan(self):
        assert average_precision(found(), self.TRUTH, 0.3) == 0
        assert np.isnan(average_precision(found((0, 1, "a", 1, 1)), true(), 0.3))

    def test_the_mean_is_over_classes_that_have_events(self):
        truth = true((0, 10, "a"), (20, 30, "b"))
        table = mean_average_precision(found((0, 10, "a", 0.9, 1), (40, 50, "c", 1, 1)), truth)
        assert table["class"].tolist() == ["a", "b", "mean (mAP)"]
        assert table["AP@0.5"].tolist() == [1, 0, 0.5]


class TestAlarms:
    TRUTH = true((10, 20, "a"), (20, 30, "b"), (50, 60, "a"), (70, 72, "b"))

    def test_delay_runs_from_the_beginning_to_the_first_alarm(self):
        events, _ = match_alarms(found((12, 28, "a", 0.9, 14)), self.TRUTH)
        assert events["found"].tolist() == [True, True, False, False]
        assert events["named"].tolist() == [True, False, False, False]
        assert events["delay"].tolist()[:2] == [4, 0]  # it sounds already when the second begins
        assert events["delay"].isna().tolist() == [False, False, True, True]

    def test_an_alarm_after_the_event_is_over_comes_too_late(self):
        events, _ = match_alarms(found((70, 73, "b", 0.9, 75)), self.TRUTH)
        assert events["found"].iloc[3]
        assert np.isnan(events["delay"].iloc[3])

    def test_false_alarms_touch_no_event_of_any_class(self):
        table = found((0, 5, "a", 0.9, 2), (25, 28, "a", 0.9, 26), (30, 50, "a", 0.9, 33))
        assert match_alarms(table, self.TRUTH)[1]["false"].tolist() == [True, False, True]

    def test_summary_of_all_recordings(self):
        table = found((0, 5, "a", 0.9, 2), (10, 20, "a", 0.8, 13), (40, 45, "b", 0.7, 43))
        told = summarise(table, self.TRUTH, {"x": 900.0, "y": 900.0})
        assert told["false alarms an hour"] == 4
        assert (told["events"], told["missed"], told["misnamed"]) == (4, 3, 0)
        assert told["median delay (s)"] == told["largest delay (s)"] == 3
        # class a: wrong at 0.9, right at 0.8, one of two; class b: nothing
        assert told["mAP@0.5"] == pytest.approx((0.5 * 0.5 + 0) / 2)

    def test_recordings_without_events_have_alarms_but_no_precision(self):
        told = summarise(found((0, 5, "a", 0.9, 2)), true(), {"x": 3600.0})
        assert told["false alarms an hour"] == 1
        assert np.isnan(told["mAP@0.5"])


class TestQuietTime:
    def test_an_endless_alarm_covers_all_of_it(self):
        # quiet are 0 to 10, 30 to 50, 60 to 70 and 72 to 100
        table = found((0, 100, "a", 1, 0))
        assert quiet_time_alarmed(table, TestAlarms.TRUTH, {"x": 100.0}) == 1

    def test_overlapping_detections_count_once(self):
        table = found((0, 4, "a", 1, 0), (2, 12, "b", 1, 0), (40, 45, "b", 1, 0))
        share = quiet_time_alarmed(table, TestAlarms.TRUTH, {"x": 100.0})
        assert share == pytest.approx((10 + 5) / 68)

    def test_where_something_always_happens_it_is_not_known(self):
        assert np.isnan(quiet_time_alarmed(found(), true((0, 9, "a")), {"x": 9.0}))


class TestWindows:
    def test_windows_across_the_edge_of_an_event_are_left_out(self):
        start = np.arange(5.0)  # windows of 2 s; the event lasts from 2 to 4.5 s
        columns = {"start": start, "end": start + 2, "p_a": [0, 0, 1, 0, 0], "p_none": 0.5}
        line = Timeline("x", pd.DataFrame(columns), 6.0)
        judged = judge_windows(line, true((2, 4.5, "a")), "none")
        assert judged["label"].tolist() == ["none", "a"]
        assert judged["predicted"].tolist() == ["none", "a"]


class TestTruth:
    def test_what_cannot_be_is_refused_with_its_place(self):
        with pytest.raises(TruthError, match="label"):
            read_truth(true((0, 1, "a")).drop(columns="label"), {"x": 9.0}, ["a"])
        with pytest.raises(TruthError, match="Fire"):
            read_truth(true((0, 1, "Fire")), {"x": 9.0}, ["a"])
        with pytest.raises(TruthError, match="from 2 to 1"):
            read_truth(true((2, 1, "a")), {"x": 9.0}, ["a"])

    def test_events_of_other_recordings_are_left_out(self):
        table = pd.concat([true((0, 1, "a")), true((0, 1, "Fire")).assign(path="y")])
        assert len(read_truth(table, {"x": 9.0}, ["a"])) == 1
