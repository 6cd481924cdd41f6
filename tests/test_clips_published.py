"""The split that lists publish is taken; what it lacks is drawn, and what it leaks is said."""

import pandas as pd
import pytest

from helpers.clips.published import load_or_take_split
from helpers.clips.split import SplitError, draw_split, load_split


def make_manifest(groups: int = 10, clips: int = 2) -> pd.DataFrame:
    """Clips of two classes in each recording."""
    rows = [
        {"path": f"{label}/{group}_{clip}.mp4", "label": label, "group": f"g{group}"}
        for label in "ab"
        for group in range(groups)
        for clip in range(clips)
    ]
    return pd.DataFrame(rows)


def parts_of(manifest: pd.DataFrame, choose) -> dict[str, str]:
    """Part by the recording's number; clips without one are left out."""
    numbers = manifest["group"].str[1:].astype(int)
    parts = dict(zip(manifest["path"], map(choose, numbers), strict=True))
    return {path: part for path, part in parts.items() if part}


def thirds(number: int) -> str:
    return ("train", "val", "test")[number % 3]


def test_the_published_split_is_taken_and_kept(tmp_path, caplog):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    parts = parts_of(manifest, thirds)
    split = load_or_take_split(manifest, file, 0, parts)
    assert dict(zip(split["path"], split["split"], strict=True)) == parts
    assert "The split is the published one (train 16, val 12, test 12)" in caplog.text
    assert "drawn" not in caplog.text and "divides" not in caplog.text
    written = file.stat().st_mtime_ns
    pd.testing.assert_frame_equal(load_or_take_split(manifest, file, 9, parts), split)
    pd.testing.assert_frame_equal(load_split(file).sort_values("path", ignore_index=True), split)
    assert file.stat().st_mtime_ns == written


def test_without_published_parts_it_is_drawn(tmp_path):
    manifest = make_manifest()
    split = load_or_take_split(manifest, tmp_path / "split.csv", 3, {})
    pd.testing.assert_frame_equal(split, draw_split(manifest, 3))


def test_a_part_that_is_not_published_is_drawn_from_training_by_whole_recordings(tmp_path, caplog):
    manifest, file = make_manifest(groups=20), tmp_path / "split.csv"
    parts = parts_of(manifest, lambda number: "val" if number < 4 else "train")
    split = load_or_take_split(manifest, file, 0, parts)
    own = split["path"].map(parts)
    assert set(split.loc[own == "val", "split"]) == {"val"}
    assert set(split.loc[own == "train", "split"]) == {"train", "test"}
    assert (split.groupby("group")["split"].nunique() == 1).all()
    test = split[split["split"] == "test"]
    assert 8 <= len(test) <= 16 and set(test["label"]) == {"a", "b"}
    assert f"{len(test)} clips are drawn, since the lists lack their part" in caplog.text
    pd.testing.assert_frame_equal(load_or_take_split(manifest, file, 7, parts), split)


def test_clips_in_no_list_join_their_recording_or_are_drawn(tmp_path):
    manifest = make_manifest(groups=12)
    parts = parts_of(manifest, lambda number: thirds(number) if number < 9 else "")
    first = manifest["path"].iloc[0]
    own = parts.pop(first)
    split = load_or_take_split(manifest, tmp_path / "split.csv", 0, parts)
    assert split.set_index("path").loc[first, "split"] == own
    assert split["split"].isin(["train", "val", "test"]).all()
    assert (split.groupby("group")["split"].nunique() == 1).all()


def test_recordings_on_both_sides_are_told_and_kept(tmp_path, caplog):
    manifest = make_manifest(groups=6)
    parts = dict(zip(manifest["path"], ["train", "test"] * 11 + ["val", "val"], strict=True))
    split = load_or_take_split(manifest, tmp_path / "split.csv", 0, parts)
    assert dict(zip(split["path"], split["split"], strict=True)) == parts
    assert "The published split divides 6 recordings, such as g0: 11 test clips" in caplog.text


def test_gone_clips_keep_their_part_in_the_file_and_new_ones_come_beside(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    parts = parts_of(manifest, thirds)
    whole = load_or_take_split(manifest, file, 0, parts)
    fewer = load_or_take_split(manifest.iloc[4:], file, 0, parts)
    assert len(fewer) == len(whole) - 4
    assert len(load_split(file)) == len(whole)
    again = load_or_take_split(manifest, file, 0, parts)
    pd.testing.assert_frame_equal(again, whole)


def test_changed_lists_are_refused_once_the_split_is_written(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    parts = parts_of(manifest, thirds)
    load_or_take_split(manifest, file, 0, parts)
    path = manifest["path"].iloc[0]
    with pytest.raises(SplitError, match=rf"{path} stands in train, the lists say test now \(1 "):
        load_or_take_split(manifest, file, 0, parts | {path: "test"})


def test_lists_without_training_clips_are_refused(tmp_path):
    manifest = make_manifest()
    with pytest.raises(SplitError, match="no usable clip for train and test"):
        load_or_take_split(manifest, tmp_path / "s.csv", 0, parts_of(manifest, lambda _: "val"))
    with pytest.raises(SplitError, match="no part test, and it cannot be drawn from"):
        parts = parts_of(manifest, lambda number: "train" if number < 2 else "val")
        load_or_take_split(manifest, tmp_path / "s.csv", 0, parts)


def test_copies_in_test_and_training_are_told(tmp_path, caplog):
    manifest = make_manifest()
    pairs = pd.DataFrame(
        {"path": ["a/0_0.mp4", "a/0_0.mp4"], "other": ["a/2_0.mp4", "a/3_0.mp4"], "kind": "exact"}
    )
    parts = parts_of(manifest, thirds)
    split = load_or_take_split(manifest, tmp_path / "split.csv", 0, parts, pairs)
    assert dict(zip(split["path"], split["split"], strict=True)) == parts
    assert "1 pairs of a test clip" in caplog.text
    assert "a/0_0.mp4 and a/2_0.mp4" in caplog.text
    caplog.clear()
    load_or_take_split(manifest, tmp_path / "split.csv", 0, parts, pairs[1:])
    assert "copies" not in caplog.text


def test_a_drawn_split_keeps_copies_together(tmp_path):
    manifest = make_manifest()
    drawn = draw_split(manifest, 0).set_index("path")["split"]
    one, other = drawn[drawn == "train"].index[0], drawn[drawn == "test"].index[0]
    pairs = pd.DataFrame({"path": [one], "other": [other], "kind": "exact"})
    split = load_or_take_split(manifest, tmp_path / "split.csv", 0, {}, pairs).set_index("path")
    assert split.loc[one, "split"] == split.loc[other, "split"]
