"""Figures of the evaluation: what is drawn where, from tables with known numbers."""

import numpy as np
import pandas as pd
import pytest

from helpers.figures import confidence, danger, evaluation, threshold_curves
from helpers.figures.style import COLUMN, PAGE
from helpers.figures.view_costs import by_views
from helpers.figures.weak_spots import MOST, WORSE, slices


def lines(fig):
    return {trace.name: trace for trace in fig.data if trace.name}


def test_roc_names_areas_and_draws_averages_dashed_over_chance():
    rows = pd.DataFrame(
        {
            "class": ["a", "a", "micro average", "micro average"],
            "false_positives": [0.0, 1, 0, 1],
            "true_positives": [0.0, 1, 0, 1],
        }
    )
    areas = pd.DataFrame({"class": ["a", "micro average"], "AUC": [0.75, 0.8]})
    fig = threshold_curves.roc(rows, areas)
    assert set(lines(fig)) == {"a, AUC 0.750", "micro average, AUC 0.800"}
    assert lines(fig)["micro average, AUC 0.800"].line.dash == "dash"
    assert list(fig.data[0].x) == list(fig.data[0].y) == [0, 1]


def bins(accuracy):
    return pd.DataFrame(
        {
            "low": [0.4, 0.8],
            "high": [0.6, 1.0],
            "clips": [10, 30],
            "confidence": [0.5, 0.9],
            "accuracy": accuracy,
            "accuracy_low": np.array(accuracy) - 0.1,
            "accuracy_high": np.array(accuracy) + 0.05,
        }
    )


def test_reliability_sets_both_beside_the_diagonal_and_counts_below():
    fig = confidence.reliability(bins([0.4, 0.7]), bins([0.5, 0.9]), (0.18, 0.0))
    drawn = lines(fig)
    assert set(drawn) == {"as it is, ECE 0.180", "with temperature, ECE 0.000"}
    raw = drawn["as it is, ECE 0.180"]
    assert list(raw.y) == [0.4, 0.7] and raw.error_y.arrayminus == pytest.approx([0.1, 0.1])
    assert any(list(trace.y) == [10, 30, 30] for trace in fig.data)
    assert fig.layout.width == COLUMN


def test_risk_begins_at_the_surest_and_ends_at_the_share_of_errors():
    curve = pd.DataFrame(
        {"coverage": [0.5, 1.0], "risk": [0.0, 0.25], "low": [0, 0.1], "high": [0.1, 0.4]}
    )
    areas = {name: {"value": value} for name, value in
             (("aurc", 0.1), ("best", 0.05), ("random", 0.25))}  # fmt: skip
    drawn = lines(confidence.risk_coverage(curve, areas))
    assert list(drawn["model, area 0.100"].y) == [0, 0.25]
    assert list(drawn["best order, 0.050"].y) == [0, 0.25]
    assert list(drawn["any order, 0.250"].y) == [0.25, 0.25]


def test_the_threshold_stands_in_both_parts():
    rows = pd.DataFrame({"threshold": [0, 0.5], "recall": [1, 0.8], "false_alarms": [1, 0.2]})
    fig = danger.trade_off(rows, rows, 0.3, (0.2, 0.4))
    assert len(fig.data) == 4
    assert [shape.x0 for shape in fig.layout.shapes] == [0.2, 0.3]
    assert fig.layout.annotations[0].text == "threshold 0.300"


def test_costs_show_trivial_rules_and_mark_places():
    x = np.array([0.0, 0.5, 1.0])
    curve = pd.DataFrame({"x": x, "chosen": 0 * x, "fixed": x / 2, "always": 1 - x, "never": x})
    fig = danger.costs(curve, {"1 : 10": 0.1})
    assert set(lines(fig)) == {
        "alarm on every clip", "never alarm", "operating point", "threshold for each"
    }  # fmt: skip
    assert [(a.text, a.x) for a in fig.layout.annotations] == [("1 : 10", 0.1)]


def test_slices_take_the_page_show_the_lowest_and_mark_what_is_worse():
    rows = [("recording", f"cam{k:02d}", 0.3 + k / 100, False) for k in range(12)]
    rows += [("light", "night", 0.4, True), ("light", "day", 0.8, False)]
    table = pd.DataFrame(rows, columns=["property", "slice", "top1", "worse"]).assign(clips=30)
    table = table.assign(low=table["top1"] - 0.1, high=table["top1"] + 0.1)
    fig = slices(table, 0.7)
    assert fig.layout.width == PAGE
    names = [trace.name for trace in fig.data if trace.mode == "markers"]
    assert names == [*(f"cam{k:02d}" for k in range(MOST)), "night", "day"]
    worse = [trace.name for trace in fig.data if trace.marker.color == WORSE]
    assert worse == ["night"]
    assert fig.layout.annotations[0].text == "<b>recording</b>, lowest 8 of 12"


def test_views_tell_their_cost():
    table = pd.DataFrame(
        {
            "views": ["1 × 1 (whole)", "1 × 3"],
            "number": [1, 3],
            "top1": [0.7, 0.75],
            "low": [0.6, 0.7],
            "high": [0.8, 0.8],
            "multiply_adds_g": [0.76, 2.28],
            "milliseconds": [6.0, 18.0],
        }
    )
    assert by_views(table).data[0].y[1] == "1 × 3<br>2.28 G, 18 ms"


def test_missed_and_false_alarms_tell_the_probability_of_danger():
    rows = pd.DataFrame({"path": ["x.mp4"], "label": ["Other"], "score": [0.126]})
    fig = evaluation.alarms_sheet([np.zeros((3, 20, 30, 3), np.uint8)], rows, "False alarms")
    assert fig.layout.annotations[0].text == "Other, danger 13 %<br>x.mp4"
