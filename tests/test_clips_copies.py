"""Which clips stay together for the sake of their copies, and which are in the way."""

import pandas as pd

from helpers.clips.copies import count_pairs, find_sides, links_between, without
from helpers.clips.duplicates import DUPLICATE_COLUMNS


def table(*pairs: tuple[str, str, str]) -> pd.DataFrame:
    rows = [(one, other, kind, 0.0, False) for one, other, kind in pairs]
    return pd.DataFrame(rows, columns=DUPLICATE_COLUMNS)


def pairs_of(duplicates: pd.DataFrame) -> list[tuple]:
    return list(zip(duplicates["path"], duplicates["other"], duplicates["kind"], strict=True))


def test_the_next_of_identical_files_stands_for_all_when_the_first_goes():
    duplicates = table(
        ("a/1", "a/2", "exact"), ("a/1", "a/3", "exact"), ("a/1", "b/1", "near"), ("c", "d", "near")
    )
    assert pairs_of(without(duplicates, ["a/1"])) == [
        ("a/2", "a/3", "exact"),
        ("a/2", "b/1", "near"),
        ("c", "d", "near"),
    ]
    assert pairs_of(without(duplicates, ["a/1", "a/2", "d"])) == [("a/3", "b/1", "near")]
    assert pairs_of(without(duplicates, [])) == pairs_of(duplicates)


def test_links_are_pairs_between_groups_of_clips_that_are_there():
    duplicates = table(("a", "b", "near"), ("b", "c", "exact"), ("c", "elsewhere", "near"))
    links = links_between(duplicates, {"a": "x", "b": "x", "c": "y"})
    assert [(link.path, link.other, link.group, link.other_group) for link in links] == [
        ("b", "c", "x", "y")
    ]


def test_a_clip_left_out_does_not_hide_that_old_files_are_the_same():
    """New files come first by name, so that old copies of theirs are listed with them alone."""
    groups = {"0/new": "n", "a/1": "x", "b/1": "y"}
    duplicates = table(("0/new", "a/1", "exact"), ("0/new", "b/1", "exact"))
    sides = find_sides(groups, {"x": "train", "y": "test"}, ["0/new"], duplicates)
    assert sides.left_out == ["0/new"]
    assert [(link.path, link.other) for link in sides.divided] == [("a/1", "b/1")]


def test_pairs_are_counted_by_where_they_lie():
    clips = pd.DataFrame(
        [
            ("a/1", "a", "x"),
            ("a/2", "a", "x"),
            ("b/1", "b", "x"),
            ("b/2", "b", "y"),
            ("b/3", "b", "z"),
        ],
        columns=["path", "label", "group"],
    )
    split = pd.DataFrame({"path": ["a/1", "a/2", "b/1", "b/2"], "split": ["val"] * 3 + ["test"]})
    duplicates = table(
        ("a/1", "a/2", "exact"),
        ("a/1", "b/1", "near"),
        ("b/1", "b/2", "near"),
        ("b/2", "b/3", "near"),
    )
    found = count_pairs(duplicates, clips, split).set_index("kind")
    assert list(found) == [
        *("pairs", "within a recording", "across recordings", "across classes", "across parts")
    ]
    assert found.loc["exact"].tolist() == [1, 1, 0, 0, 0]
    assert found.loc["near"].tolist() == [3, 1, 2, 1, 1]
    assert (count_pairs(table(), clips, split).set_index("kind") == 0).all(axis=None)
