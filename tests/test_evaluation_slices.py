"""Slices against planted weaknesses, and what is read beside clips."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.clips.beside import HEIGHT, facts_of
from helpers.evaluation.slices import (
    FEWEST,
    recording_spread,
    sentences,
    slice_table,
    slice_values,
    worst_slices,
)

CAMERAS = 24


def table(right, cameras=CAMERAS):
    """Predictions of two classes; `right` says of each clip whether it is recognised."""
    right = np.asarray(right, bool)
    true = np.arange(len(right)) // 2 % 2
    predicted = np.where(right, true, 1 - true)
    return pd.DataFrame(
        {
            "path": [f"{i:04d}.mp4" for i in range(len(right))],
            "group": [f"cam{i % cameras:02d}" for i in range(len(right))],
            "label": np.array(["a", "b"])[true],
            "predicted": np.array(["a", "b"])[predicted],
            "p_a": 1.0 - predicted,
            "p_b": 1.0 * predicted,
        }
    )


@pytest.fixture(scope="module")
def clips():
    """720 clips of which 85 % are right, but 50 % of those at night; fog changes nothing."""
    rng = np.random.default_rng(0)
    night, fog = rng.random(720) < 0.2, rng.random(720) < 0.3
    right = rng.random(720) < np.where(night, 0.5, 0.85)
    facts = pd.DataFrame(
        {
            "path": [f"{i:04d}.mp4" for i in range(720)],
            "light": np.where(night, "night", "day"),
            "fog": fog,
            "duration (s)": rng.uniform(1, 9, 720),
            "resolution": "192×144",
        }
    )
    return table(right), facts


def test_properties_become_names_and_what_is_the_same_everywhere_is_told(clips):
    named, constant = slice_values(clips[1])
    assert list(named) == ["path", "light", "fog", "duration (s)"] and constant == ["resolution"]
    assert set(named["fog"]) == {"yes", "no"}
    counts = named["duration (s)"].value_counts()
    assert len(counts) == 3 and counts.between(235, 245).all()
    assert all(" to " in name for name in counts.index)


def test_missing_numbers_are_in_no_slice_and_few_values_stay_as_they_are():
    facts = pd.DataFrame({"path": list("abcd"), "fps": [25.0, 30, np.nan, 25]})
    assert slice_values(facts)[0]["fps"].tolist() == ["25", "30", "", "25"]


def test_where_most_numbers_agree_the_others_are_set_apart_from_them():
    facts = pd.DataFrame({"path": [f"{i}" for i in range(12)], "x": [1.0] * 9 + [2, 3, 0]})
    counts = slice_values(facts)[0]["x"].value_counts().to_dict()
    assert counts == {"1": 9, "above 1": 2, "below 1": 1}


def test_yes_and_no_stay_so_where_some_clips_lack_them():
    facts = pd.DataFrame({"path": list("abc"), "dust": [True, np.nan, False]})
    assert slice_values(facts)[0]["dust"].tolist() == ["yes", "", "no"]


def test_the_planted_weakness_is_found_and_nothing_else(clips):
    predictions, facts = clips
    found = slice_table(predictions, slice_values(facts)[0])
    worst = worst_slices(found)
    assert worst[["property", "slice"]].to_numpy().tolist() == [["light", "night"]]
    row = found[(found["property"] == "light") & (found["slice"] == "night")].iloc[0]
    inside = facts["light"] == "night"
    right = predictions["label"] == predictions["predicted"]
    assert row["top1"] == pytest.approx(right[inside].mean())
    surplus = right - right.groupby(predictions["label"]).transform("mean")
    assert row["difference"] == pytest.approx(surplus[inside].mean() - surplus[~inside].mean())
    assert row["difference"] == pytest.approx(-0.35, abs=0.1)
    assert row["low"] < row["top1"] < row["high"]
    assert sentences(found)[0].startswith("light night: top-1 0.")


def test_a_slice_of_a_hard_class_is_not_weak_by_that():
    hard = np.arange(720) // 2 % 2 == 0
    predictions = table(np.random.default_rng(4).random(720) < np.where(hard, 0.4, 0.95))
    facts = pd.DataFrame({"path": predictions["path"], "near": hard})
    found = slice_table(predictions, slice_values(facts)[0]).set_index("slice")
    assert found.loc["yes", "top1"] < 0.5 < found.loc["no", "top1"]
    assert found.loc["yes", "difference"] == pytest.approx(0) and not found["worse"].any()


def test_where_nothing_is_planted_nothing_is_named(clips):
    _, facts = clips
    named = slice_values(facts)[0]
    rng = np.random.default_rng(1)
    for _ in range(8):
        found = slice_table(table(rng.random(720) < 0.8), named, n=200)
        assert not found["worse"].any()
    assert sentences(found)[0].startswith("None of ")
    assert "may be chance" in sentences(found)[0]


def test_every_recording_is_a_slice_with_an_interval_from_its_clips(clips):
    predictions, facts = clips
    found = slice_table(predictions, slice_values(facts)[0])
    rows = found[found["property"] == "recording"]
    assert len(rows) == CAMERAS and (rows["clips"] == 30).all()
    assert rows["top1"].is_monotonic_increasing
    share = rows["top1"].iloc[0]
    expected = 2 * 1.96 * np.sqrt(share * (1 - share) / 30)
    assert rows["high"].iloc[0] - rows["low"].iloc[0] == pytest.approx(expected, rel=0.25)


def test_slices_of_few_clips_are_shown_but_not_tested():
    right = np.ones(200, bool)
    right[: FEWEST - 1] = False
    facts = pd.DataFrame(
        {
            "path": [f"{i:04d}.mp4" for i in range(200)],
            "weather": np.where(np.arange(200) < FEWEST - 1, "fog", "clear"),
        }
    )
    found = slice_table(table(right), facts).set_index("slice")
    assert found.loc["fog", "top1"] == 0 and np.isnan(found.loc["fog", "p_value"])
    assert not found["worse"].any()


def test_few_recordings_are_warned_of_once(caplog):
    facts = pd.DataFrame({"path": [f"{i:04d}.mp4" for i in range(120)], "x": ["u", "v"] * 60})
    slice_table(table(np.ones(120), cameras=4), facts)
    assert sum("Only %d recordings" in record.msg for record in caplog.records) == 1


def test_recordings_that_differ_are_told_from_lots():
    rng = np.random.default_rng(2)
    even = recording_spread(table(rng.random(720) < 0.7))
    assert even["p_value"] > 0.05 and even["spread"] == pytest.approx(even["chance"], rel=0.5)
    hard = np.tile(np.arange(CAMERAS) % 2 == 0, 30)
    assert recording_spread(table(rng.random(720) < np.where(hard, 0.5, 0.9)))["p_value"] < 0.01


@pytest.fixture
def yard(tmp_path):
    known = {
        "size": [200, 100],
        "boxes": {
            "worker": [[0, 0, 10, 30], [0, 0, 10, 50], None],
            "worker_2": [[0, 0, 5, 40], None, None],
            "bucket": [[0, 0, 90, 90]] * 3,
        },
        "distances": {"worker_bucket": [[3.0, 2.5, 4.0], [7.0, 7, 7]], "excavator_track": [-1, 2]},
        "conditions": {"light": "night", "weather": "fog", "lens_drops": True, "rain": 3.5},
    }
    (tmp_path / "a.json").write_text(json.dumps(known))
    (tmp_path / "b.json").write_text("[1]")
    return pd.DataFrame(
        {
            "path": ["a.mp4", "b.mp4", "c.mp4"],
            "duration": [2.0, 3.0, 4.0],
            "fps": 25.0,
            "width": 200,
            "height": 100,
        }
    ), tmp_path


def test_what_lies_beside_a_clip_is_read_and_what_is_missing_left_out(yard):
    manifest, folder = yard
    statistics = pd.DataFrame({"path": ["a.mp4"], "brightness": [40.0]})
    statistics.to_csv(folder / "statistics.csv", index=False)
    file = folder / "statistics.csv"
    facts = facts_of(["c.mp4", "a.mp4", "b.mp4"], folder, manifest, file).set_index("path")
    known = facts.loc["a.mp4"]
    assert (known["light"], known["weather"], known["lens drops"]) == ("night", "fog", True)
    assert known["worker to bucket (m)"] == 2.5 and known["excavator to track (m)"] == -1
    assert known[HEIGHT] == pytest.approx(45)  # of 40 and 50; in the third frame there is none
    assert "rain" not in facts and facts.loc["c.mp4", "duration (s)"] == 4
    assert facts.loc[["b.mp4", "c.mp4"], "light"].isna().all()
    assert facts.loc["a.mp4", "brightness"] == 40 and np.isnan(facts.loc["c.mp4", "brightness"])
    assert facts["resolution"].tolist() == ["200×100"] * 3


def test_without_json_what_the_manifest_knows_remains(yard):
    manifest, folder = yard
    facts = facts_of(["c.mp4"], folder, manifest)
    assert list(facts) == ["path", "resolution", "duration (s)", "frames per second"]
