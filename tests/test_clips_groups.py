"""Recordings from folders and from suggestions, and which of them stay together."""

import logging
import unicodedata

import pandas as pd
import pytest

from helpers.clips.duplicates import DUPLICATE_COLUMNS
from helpers.clips.groups import GroupError, find_groups, merge_groups, undivided


def in_folders(recordings: int, classes: str = "ab", each: int = 2) -> list[str]:
    """Paths such as a/rec1/0.mp4."""
    return [
        f"{label}/rec{recording}/{clip}.mp4"
        for label in classes
        for recording in range(recordings)
        for clip in range(each)
    ]


def pairs(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [(*sorted(row), "near", 0.02, False) for row in rows], columns=DUPLICATE_COLUMNS
    )


def test_folders_below_the_class_folders_are_recordings_also_across_classes(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        groups = find_groups(tmp_path, in_folders(3))
    assert groups["a/rec1/0.mp4"] == groups["b/rec1/1.mp4"] == "rec1"
    assert set(groups.values()) == {"rec0", "rec1", "rec2"}
    assert "12 clips are of 3 recordings, by their folders" in caplog.text


def test_deeper_folders_are_recordings_by_their_whole_path(tmp_path):
    paths = [f"a/{site}/{day}/{n}.mp4" for site in "xy" for day in "12" for n in "01"]
    groups = find_groups(tmp_path, paths)
    assert set(groups.values()) == {"x/1", "x/2", "y/1", "y/2"}


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ([*in_folders(3), "a/loose.mp4"], "1 of 13 clips lie in none"),
        (in_folders(3, each=1, classes="a"), "each holds one clip"),
        (in_folders(2), "the 4 clips of class a are of 2 of them"),
        ([f"{c}/{c}-clips/{n}.mp4" for c in "abc" for n in range(3)], "are of 1 of them"),
    ],
)
def test_folders_that_are_no_recordings_are_not_taken_and_that_is_said(
    tmp_path, caplog, paths, reason
):
    groups = find_groups(tmp_path, paths)
    assert groups == {path: path for path in paths}
    assert reason in caplog.text and "'/(.+)/'" in caplog.text


def test_the_pattern_that_the_warning_names_takes_folders_all_the_same(tmp_path):
    groups = find_groups(tmp_path, in_folders(2), "/(.+)/")
    assert set(groups.values()) == {"rec0", "rec1"}


def test_what_is_given_comes_before_folders_and_these_before_a_suggestion(tmp_path):
    def suggest():
        return {path: "suggested" for path in paths}

    paths = in_folders(3)
    assert set(find_groups(tmp_path, paths, None, suggest).values()) == {"rec0", "rec1", "rec2"}
    assert set(find_groups(tmp_path, paths, "(.)", suggest).values()) == {"a", "b"}
    loose = ["a/1.mp4", "b/1.mp4"]
    paths = loose
    assert find_groups(tmp_path, loose, None, suggest) == dict.fromkeys(loose, "suggested")
    table = pd.DataFrame({"path": loose, "group": ["x", "y"]})
    table.to_csv(tmp_path / "groups.csv", index=False)
    assert find_groups(tmp_path, loose, None, suggest) == {"a/1.mp4": "x", "b/1.mp4": "y"}


def test_groups_that_share_copies_are_merged_and_chains_too():
    groups = {"a/1": "w", "a/2": "x", "a/3": "y", "a/4": "z", "a/5": "y"}
    assert merge_groups(groups) == {"w": "w", "x": "x", "y": "y", "z": "z"}
    merged = merge_groups(groups, pairs(("a/4", "a/3"), ("a/5", "a/2"), ("a/1", "elsewhere")))
    assert merged == {"w": "w", "x": "x", "y": "x", "z": "x"}
    within = pairs(("a/3", "a/5"))
    assert merge_groups(groups, within) == merge_groups(groups)


def test_a_class_needs_three_groups_or_as_many_as_it_has_clips():
    paths = ["a/1", "a/2", "a/3", "b/1", "b/2"]
    assert undivided(paths, ["x", "y", "z", "x", "y"]) == ""
    assert undivided(paths, ["x", "y", "y", "x", "y"]) == "the 3 clips of class a are of 2 of them"
    assert undivided(paths, ["x", "y", "z", "x", "x"]) == "the 2 clips of class b are of 1 of them"


def test_accents_of_one_sign_or_two_name_the_same_clip(tmp_path):
    one, two = (unicodedata.normalize(form, "Größe/Gleis_ä.mp4") for form in ("NFC", "NFD"))
    assert one != two
    for written, found in ((one, two), (two, one)):
        table = pd.DataFrame({"path": [written, "b/1.mp4"], "group": ["x", "y"]})
        table.to_csv(tmp_path / "groups.csv", index=False)
        assert find_groups(tmp_path, [found, "b/1.mp4"]) == {found: "x", "b/1.mp4": "y"}
    pd.DataFrame({"path": [one, two], "group": ["x", "y"]}).to_csv(
        tmp_path / "groups.csv", index=False
    )
    assert find_groups(tmp_path, [one, two]) == {one: "x", two: "y"}, "sign by sign comes first"
    mixed = unicodedata.normalize("NFC", "Größe/") + unicodedata.normalize("NFD", "Gleis_ä.mp4")
    with pytest.raises(GroupError, match="in two groups; keep one line"):
        find_groups(tmp_path, [mixed])
