"""Whole recordings per part, classes alike in all, and no clip that ever changes its part."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.clips.assignment import assign_groups, split_cost
from helpers.clips.split import SplitError, draw_split, load_or_draw_split, load_split

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
COLUMNS = ["path", "label", "group", "split"]


def make_manifest(groups: int = 20, classes: int = 4, clips: int = 2) -> pd.DataFrame:
    """Every group has `clips` clips of each class."""
    rows = [
        {"path": f"{label}/cam{group:02}_{clip}.mp4", "label": label, "group": f"cam{group:02}"}
        for group in range(groups)
        for label in "abcdefgh"[:classes]
        for clip in range(clips)
    ]
    return pd.DataFrame(rows).sort_values("path", ignore_index=True)


def groups_per_part(split: pd.DataFrame) -> dict[str, int]:
    return split.groupby("split")["group"].nunique().to_dict()


def test_split_keeps_clips_of_one_recording_together():
    split = draw_split(make_manifest(), seed=0)
    assert list(split) == COLUMNS
    assert (split.groupby("group")["split"].nunique() == 1).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("groups", "expected"), [(60, (42, 6, 12)), (20, (14, 2, 4))])
def test_equal_recordings_are_divided_by_the_fractions(groups, expected, seed):
    found = groups_per_part(draw_split(make_manifest(groups), seed))
    assert (found["train"], found["val"], found["test"]) == expected


def test_classes_are_alike_in_parts_when_recordings_differ():
    random = np.random.default_rng(0)
    manifest = make_manifest(groups=60, clips=30)
    keep = random.random(len(manifest)) < manifest["group"].map(
        {group: random.uniform(0.1, 1) for group in manifest["group"].unique()}
    ) * manifest["label"].map({"a": 1, "b": 0.7, "c": 0.5, "d": 0.3})  # fmt: skip
    split = draw_split(manifest[keep], seed=1)
    shares = pd.crosstab(split["label"], split["split"], normalize="index")
    expected = {"train": 0.7, "val": 0.1, "test": 0.2}
    for part, fraction in expected.items():
        assert (shares[part] - fraction).abs().max() < 0.03


def test_seed_decides_and_the_order_of_rows_does_not():
    manifest = make_manifest()
    first = draw_split(manifest, seed=5)
    shuffled = draw_split(manifest.sample(frac=1, random_state=0), seed=5)
    pd.testing.assert_frame_equal(shuffled.sort_values("path", ignore_index=True), first)
    assert (draw_split(manifest, seed=6)["split"] != first["split"]).any()


def test_each_class_is_in_each_part_when_three_recordings_have_it(caplog):
    rows = [{"path": f"a/{n}.mp4", "label": "a", "group": f"g{n}"} for n in range(40)]
    rows += [{"path": f"b/{n}.mp4", "label": "b", "group": f"g{n}"} for n in (3, 17, 31)]
    for seed in range(10):
        split = draw_split(pd.DataFrame(rows), seed)
        assert set(split.loc[split["label"] == "b", "split"]) == {"train", "val", "test"}
    assert not caplog.records


def test_class_with_too_few_recordings_is_named_and_kept_in_training(caplog):
    manifest = make_manifest(groups=10, classes=1)
    extra = pd.DataFrame({"path": ["z/1.mp4", "z/2.mp4"], "label": "z", "group": "cam03"})
    split = draw_split(pd.concat([manifest, extra]), seed=0)
    assert set(split.loc[split["label"] == "z", "split"]) == {"train"}
    assert "Class z has no clip in val and test: its 2 clips come from 1 recordings" in caplog.text


def test_three_recordings_fill_three_parts():
    assert groups_per_part(draw_split(make_manifest(groups=3), 0)) == {
        "train": 1,
        "val": 1,
        "test": 1,
    }


def test_thousands_of_single_clips_are_divided_exactly():
    manifest = make_manifest(groups=500)
    split = draw_split(manifest.assign(group=manifest["path"]), seed=0)
    assert (split.groupby(["label", "split"]).size().unstack()["train"] == 700).all()
    assert (split.groupby(["label", "split"]).size().unstack()["test"] == 200).all()


def test_unusable_input_is_refused_in_words():
    manifest = make_manifest()
    with pytest.raises(SplitError, match=r"2 groups .*cannot fill 3 parts"):
        draw_split(make_manifest(groups=2), 0)
    with pytest.raises(SplitError, match=r"a/cam00_0\.mp4 stands twice"):
        draw_split(pd.concat([manifest, manifest.head(1)]), 0)
    for fractions in ((0.7, 0.2), (0.8, 0.0, 0.2), (0.7, 0.2, 0.2)):
        with pytest.raises(SplitError, match="three numbers above 0"):
            draw_split(manifest, 0, fractions)


def test_split_is_drawn_once_and_then_loaded(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    first = load_or_draw_split(manifest, file, seed=0)
    written = file.stat().st_mtime_ns
    second = load_or_draw_split(manifest, file, seed=99, fractions=(0.5, 0.25, 0.25))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(load_split(file), first)
    assert file.stat().st_mtime_ns == written


def test_new_clips_join_their_recording_and_new_recordings_leave_the_old_in_place(tmp_path):
    everything, file = make_manifest(groups=40, clips=3), tmp_path / "split.csv"
    old = everything[(everything["group"] < "cam20") & ~everything["path"].str.endswith("_2.mp4")]
    first = load_or_draw_split(old, file, seed=0).set_index("path")["split"]
    split = load_or_draw_split(everything, file, seed=0)
    assert len(split) == len(everything)
    assert (split.set_index("path")["split"][first.index] == first).all()
    assert (split.groupby("group")["split"].nunique() == 1).all()
    assert groups_per_part(split) == {"train": 28, "val": 4, "test": 8}
    pd.testing.assert_frame_equal(load_split(file), split)


def test_clips_that_are_gone_drop_out_and_return_to_their_part(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    first = load_or_draw_split(manifest, file, seed=0)
    fewer = manifest[manifest["group"] != "cam07"]
    split = load_or_draw_split(fewer, file, seed=0)
    assert "cam07" not in set(split["group"])
    pd.testing.assert_frame_equal(load_or_draw_split(manifest, file, seed=0), first)


def test_regrouping_that_would_divide_a_recording_is_refused(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    load_or_draw_split(manifest.assign(group=manifest["path"]), file, seed=0)
    with pytest.raises(SplitError, match=r"group 'cam00' stands in .*Remove the file"):
        load_or_draw_split(manifest, file, seed=0)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a/1.mp4,a,g,train", "a/2.mp4,a,h,testing"], "unknown part 'testing' in 1 lines"),
        (["a/1.mp4,a,g,train", "a/1.mp4,a,g,train"], "a/1.mp4 stands twice"),
    ],
)
def test_damaged_split_file_is_refused_in_words(tmp_path, lines, words):
    file = tmp_path / "split.csv"
    file.write_text("\n".join([",".join(COLUMNS), *lines]))
    with pytest.raises(SplitError, match=words):
        load_or_draw_split(make_manifest(), file, seed=0)
    file.write_text("path,label\n")
    with pytest.raises(SplitError, match="no column group, split"):
        load_split(file)


def test_assignment_is_as_good_as_trying_every_one():
    random = np.random.default_rng(3)
    counts = random.integers(0, 6, (7, 2)) + 1
    fractions = np.array([0.5, 0.2, 0.3])
    shares = counts / counts.sum(axis=0)
    every = np.stack(np.meshgrid(*[range(3)] * 7), axis=-1).reshape(-1, 7)
    totals = np.stack([(every == part) @ shares for part in range(3)], axis=1)
    best = split_cost(totals, fractions).min()
    found = assign_groups(counts, fractions, np.full(7, -1), seed=0)
    reached = np.stack([shares[found == part].sum(axis=0) for part in range(3)])
    assert split_cost(reached, fractions) <= best * 1.2 + 1e-9


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the videos in {DATA}")
def test_interactions_are_split_by_recording_with_every_class_in_every_part():
    with (DATA / "ut-interaction" / "groups.csv").open() as file:
        rows = [
            {"path": row["path"], "label": row["label"], "group": f"{row['set']}-{row['sequence']}"}
            for row in csv.DictReader(file)
        ]
    split = draw_split(pd.DataFrame(rows), seed=0)
    assert groups_per_part(split) == {"train": 14, "val": 2, "test": 4}
    assert (pd.crosstab(split["label"], split["split"]) > 0).all(axis=None)


def copies(*pairs: tuple[str, str]) -> pd.DataFrame:
    """A table of duplicates."""
    rows = [(*sorted(pair), "near", 0.02, False) for pair in pairs]
    return pd.DataFrame(rows, columns=["path", "other", "kind", "distance", "mirrored"])


def test_recordings_that_share_copies_are_kept_on_one_side_and_that_is_said(caplog):
    manifest = make_manifest()
    duplicates = copies(
        ("a/cam03_0.mp4", "b/cam11_1.mp4"), ("c/cam11_0.mp4", "d/cam17_0.mp4"), ("a/x", "a/y")
    )
    for seed in range(5):
        split = draw_split(manifest, seed, duplicates=duplicates)
        assert split.loc[split["group"].isin(["cam03", "cam11", "cam17"]), "split"].nunique() == 1
        assert (split.groupby("group")["split"].nunique() == 1).all()
    assert "2 groups stay on one side of the split with another one" in caplog.text
    assert "2 pairs; a/cam03_0.mp4 and b/cam11_1.mp4, near" in caplog.text
    assert "cam11 with cam03, cam17 with cam03" in caplog.text
    assert list(split["group"]) == list(manifest["group"]), "the recordings keep their names"


def test_copies_within_a_recording_change_nothing(caplog):
    manifest = make_manifest()
    duplicates = copies(("a/cam03_0.mp4", "b/cam03_1.mp4"))
    pd.testing.assert_frame_equal(
        draw_split(manifest, 4, duplicates=duplicates), draw_split(manifest, 4)
    )
    assert not caplog.records


def test_too_few_recordings_without_common_copies_are_refused():
    duplicates = copies(("a/cam00_0.mp4", "a/cam01_0.mp4"))
    with pytest.raises(SplitError, match=r"2 groups .*that hold no copies of each other's clips"):
        draw_split(make_manifest(groups=3), 0, duplicates=duplicates)


def test_a_new_clip_that_copies_a_test_clip_joins_the_test(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    first = load_or_draw_split(manifest, file, seed=0).set_index("path")["split"]
    for part in ("train", "val", "test"):
        original = first.index[first == part][0]
        fresh = [f"a/{part}_copy.mp4", f"b/{part}_neighbour.mp4"]
        rows = pd.DataFrame({"path": fresh, "label": ["a", "b"], "group": f"new_{part}"})
        manifest = pd.concat([manifest, rows], ignore_index=True)
        duplicates = copies((fresh[0], original))
        split = load_or_draw_split(manifest, file, seed=0, duplicates=duplicates)
        assert (split.set_index("path")["split"][fresh] == part).all(), "with its recording"
        assert (split.set_index("path")["split"][first.index] == first).all()


def test_a_split_that_divides_copies_is_refused_with_the_pair_and_the_remedy(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    first = load_or_draw_split(manifest, file, seed=0).set_index("path")["split"]
    one, other = (first.index[first == part][0] for part in ("test", "train"))
    pair = sorted([one, other])
    words = (
        rf"{pair[0]} \({first[pair[0]]}\) and {pair[1]} \({first[pair[1]]}; near\).*"
        "Take one of each pair out of the data folder; or remove the file"
    )
    with pytest.raises(SplitError, match=words):
        load_or_draw_split(manifest, file, seed=0, duplicates=copies((one, other)))
    pd.testing.assert_series_equal(load_split(file).set_index("path")["split"], first)


@pytest.fixture
def two_parts(tmp_path):
    """A manifest, its split and file, and a clip of the test and one of training."""
    manifest, file = make_manifest(), tmp_path / "split.csv"
    first = load_or_draw_split(manifest, file, seed=0).set_index("path")["split"]
    return manifest, file, first, *(first.index[first == part][0] for part in ("test", "train"))


def with_clips(manifest: pd.DataFrame, **group_of: str) -> pd.DataFrame:
    """The manifest with more clips of class a, named as said, of these groups."""
    rows = [(f"a/{name}.mp4", "a", group) for name, group in group_of.items()]
    return pd.concat(
        [manifest, pd.DataFrame(rows, columns=["path", "label", "group"])], ignore_index=True
    )


def test_a_new_clip_that_copies_clips_of_two_parts_is_left_out_and_that_is_said(two_parts, caplog):
    manifest, file, first, one, other = two_parts
    more = with_clips(manifest, new="new", beside="new")
    duplicates = copies(("a/new.mp4", one), ("a/new.mp4", other))
    split = load_or_draw_split(more, file, seed=0, duplicates=duplicates).set_index("path")["split"]
    assert "a/new.mp4" not in split and split["a/beside.mp4"] in ("train", "val", "test")
    assert (split[first.index] == first).all()
    assert "1 clips are left out" in caplog.text and "a/new.mp4" in caplog.text
    assert "a/new.mp4" not in set(load_split(file)["path"])
    everything = load_split(file, unused=True).set_index("path")["split"]
    assert everything["a/new.mp4"] == "unused"
    written = file.stat().st_mtime_ns
    again = load_or_draw_split(more, file, seed=0, duplicates=duplicates).set_index("path")["split"]
    pd.testing.assert_series_equal(again, split)
    assert file.stat().st_mtime_ns == written, "nothing new, nothing written"
    fewer = more[more["path"] != one]
    split = load_or_draw_split(fewer, file, seed=0, duplicates=copies(("a/new.mp4", other)))
    assert split.set_index("path")["split"]["a/new.mp4"] == "train", "it joins what is left"
    gone = load_or_draw_split(manifest, file, seed=0).set_index("path")["split"]
    assert (gone[first.index] == first).all()


def test_a_new_clip_of_a_training_recording_that_copies_a_test_clip_is_left_out(two_parts):
    manifest, file, _, one, other = two_parts
    known = manifest.set_index("path").loc[other, "group"]
    more = with_clips(manifest, new=known, beside=known)
    split = load_or_draw_split(more, file, seed=0, duplicates=copies(("a/new.mp4", one)))
    split = split.set_index("path")["split"]
    assert "a/new.mp4" not in split and split["a/beside.mp4"] == "train"


def test_new_clips_that_tie_two_parts_in_a_chain_are_left_out(two_parts):
    manifest, file, first, one, other = two_parts
    more = with_clips(manifest, p="new_p", q="new_q", r="new_q")
    chain = copies((one, "a/p.mp4"), ("a/p.mp4", "a/q.mp4"), ("a/q.mp4", other))
    split = load_or_draw_split(more, file, seed=0, duplicates=chain).set_index("path")["split"]
    assert not {"a/p.mp4", "a/q.mp4"} & set(split.index) and "a/r.mp4" in split
    assert (split[first.index] == first).all()


def test_copies_of_clips_that_are_gone_do_not_count(tmp_path):
    manifest, file = make_manifest(), tmp_path / "split.csv"
    first = load_or_draw_split(manifest, file, seed=0).set_index("path")["split"]
    one, other = (first.index[first == part][0] for part in ("test", "train"))
    fewer = manifest[manifest["path"] != one]
    split = load_or_draw_split(fewer, file, seed=0, duplicates=copies((one, other)))
    assert (split.set_index("path")["split"] == first.drop(one)).all()
