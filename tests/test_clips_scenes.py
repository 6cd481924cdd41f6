"""Scenes are told by their colours, and what they suggest is used, written down and kept."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from moving_makers import action, background, write_clips

from helpers.clips import scenes as module
from helpers.clips.fingerprints import (
    COLOUR_PICTURE,
    Fingerprints,
    colour_counts,
    load_or_make_fingerprints,
)
from helpers.clips.manifest import build_manifest
from helpers.clips.scenes import (
    agreement,
    find_scenes,
    scene_distances,
    suggest_by_looks,
    suggest_groups,
)
from helpers.clips.split import draw_split

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
COLOURS = [
    (60, 90, 60),
    (130, 120, 90),
    (90, 90, 130),
    (170, 170, 165),
    (90, 60, 50),
    (200, 150, 90),
]


def coloured(scene_of_clip: dict[str, int], shift: float = 0.0) -> Fingerprints:
    """Fingerprints of pictures in the colour of their scene; `shift` changes it clip by clip."""
    random, rows = np.random.default_rng(0), []
    for scene in scene_of_clip.values():
        levels = np.array(COLOURS[scene]) + random.normal(0, 6, (48, 64, 3))
        levels += random.uniform(-shift, shift)
        rows.append(colour_counts(np.clip(levels, 0, 255).astype(np.uint8)[None]))
    return Fingerprints(
        list(scene_of_clip),
        *(np.empty(0) for _ in range(4)),
        np.concatenate(rows),
        np.array([len(row) for row in rows]),
    )


def clips_of(scenes: int, classes: str = "ab", each: int = 2) -> dict[str, int]:
    """Paths and scenes: every class in every scene."""
    return {
        f"{label}/s{scene}_{clip}.mp4": scene
        for label in classes
        for scene in range(scenes)
        for clip in range(each)
    }


def same_grouping(groups: dict[str, str], scene_of_clip: dict[str, int]) -> bool:
    pairs = {(groups[path], scene) for path, scene in scene_of_clip.items()}
    return len(pairs) == len({group for group, _ in pairs}) == len({scene for _, scene in pairs})


def test_every_pixel_of_the_median_picture_is_counted_once():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[:, 40:] = (255, 255, 255)
    counts = colour_counts(np.stack([picture, picture, picture[:, ::-1]]))
    assert counts[:, 1].sum() == np.prod(COLOUR_PICTURE)
    assert counts[:, 1].tolist() == [32 * 48, 32 * 48], "the third picture is outvoted"


def test_distance_is_hellingers():
    prints = Fingerprints(
        ["a", "b", "c"],
        *(np.empty(0) for _ in range(4)),
        np.array([[0, 3072], [0, 768], [1, 2304], [1, 3072]]),
        np.array([1, 2, 1]),
    )
    expected = np.sqrt([[0, 0.5, 1], [0.5, 0, 1 - np.sqrt(0.75)], [1, 1 - np.sqrt(0.75), 0]])
    np.testing.assert_allclose(scene_distances(prints), expected, atol=1e-6)


def test_scenes_are_numbered_in_the_order_of_their_first_clips():
    far = 1 - np.eye(5)
    far[[0, 3], [3, 0]] = far[[1, 4], [4, 1]] = 0.2
    assert find_scenes(far).tolist() == [0, 1, 2, 0, 1]
    assert find_scenes(far[:1, :1]).tolist() == [0] and find_scenes(far[:0, :0]).size == 0


def test_clips_of_one_background_are_one_scene_whatever_happens_there(tmp_path):
    clips = {
        f"{label}/{scene}_{seed}.mp4": action(background(scene, COLOURS[scene]), 10 * scene + seed)
        for label in "ab"
        for scene in range(5)
        for seed in range(2)
    }
    prints = load_or_make_fingerprints(
        tmp_path, write_clips(tmp_path, clips), tmp_path / "p.npz", 1
    )
    scenes = find_scenes(scene_distances(prints))
    truth = [int(path[2]) for path in clips]
    assert agreement(truth, scenes) == {"precision": 1, "recall": 1, "adjusted_rand": 1}


def test_a_suggestion_is_used_written_and_said(tmp_path, caplog):
    clips, file = clips_of(scenes=5), tmp_path / "groups-suggested.csv"
    groups = suggest_groups(coloured(clips), file)
    assert same_grouping(groups, clips)
    written = pd.read_csv(file)
    assert list(written) == ["path", "group"]
    assert dict(zip(written["path"], written["group"], strict=True)) == groups
    assert "20 clips are of 5 scenes, which the split keeps together" in caplog.text
    assert f"Look at {file}, correct it where it is wrong, and copy it" in caplog.text


def test_corrections_are_kept_and_new_clips_join_the_scene_they_look_like(tmp_path):
    clips, file = clips_of(scenes=6), tmp_path / "groups-suggested.csv"
    old = {
        path: scene for path, scene in clips.items() if scene < 5 and not path.endswith("_1.mp4")
    }
    first = suggest_groups(coloured(old), file)
    table = pd.read_csv(file)
    corrected = table["group"].replace({first["a/s0_0.mp4"]: "yard", first["a/s1_0.mp4"]: "yard"})
    table.assign(group=corrected).to_csv(file, index=False)
    groups = suggest_groups(coloured(clips), file)
    assert {groups[path] for path, scene in clips.items() if scene < 2} == {"yard"}
    for path, scene in old.items():
        assert scene < 2 or groups[path] == first[path], "what was known stays"
    truth = {path: max(scene, 1) for path, scene in clips.items()}
    assert same_grouping(groups, truth), "the sixth scene is a new group"
    before = file.stat().st_mtime_ns
    assert suggest_groups(coloured(clips), file) == groups
    assert file.stat().st_mtime_ns == before, "nothing new, nothing written"
    fewer = {path: scene for path, scene in clips.items() if scene != 3}
    suggest_groups(coloured(fewer), file)
    assert suggest_groups(coloured(clips), file) == groups, "clips return to their scene"


def test_scenes_that_would_not_divide_are_made_smaller_and_that_is_said(
    tmp_path, caplog, monkeypatch
):
    near = 1 - np.eye(20)
    of = np.repeat(np.arange(10), 2)  # ten pairs at 0.1, all of these at 0.45 from one another
    near[:] = np.where(of[:, None] == of[None], 0.1, 0.47)
    np.fill_diagonal(near, 0)
    monkeypatch.setattr(module, "scene_distances", lambda prints: near)
    paths = [f"{'ab'[n % 2]}/{n:02d}.mp4" for n in range(20)]
    prints = Fingerprints(paths, *(np.empty(0) for _ in range(6)))
    groups = suggest_groups(prints, tmp_path / "g.csv")
    assert same_grouping(groups, dict(zip(paths, of.tolist(), strict=True)))
    assert "apart by 0.45 in place of 0.50" in caplog.text and "there are only 1" in caplog.text


def test_clips_that_all_look_alike_count_each_for_itself_and_that_is_said(tmp_path, caplog):
    clips = {f"{label}/{n}.mp4": 0 for label in "ab" for n in range(4)}
    groups = suggest_groups(coloured(clips), tmp_path / "g.csv")
    assert groups == {path: path for path in clips}
    assert "look too much alike to tell scenes apart (there are only 1)" in caplog.text


def test_a_class_that_one_scene_alone_has_makes_scenes_too_coarse():
    scenes = np.array([0, 0, 0, 1, 2, 3, 4, 5])
    paths = [f"a/{n}.mp4" for n in range(3)] + [f"b/{n}.mp4" for n in range(5)]
    assert module._indivisible(paths, scenes) == "the 3 clips of class a are of 1 of them"
    assert module._indivisible(paths, np.arange(8)) == ""
    most = np.array([0, 0, 1, 0, 0, 0, 2, 3])
    assert "only 4" in module._indivisible(paths, most)
    most = np.array([0, 0, 1, 0, 0, 0, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0])
    assert "one holds 12 of 16" in module._indivisible(paths + [f"b/{n}x" for n in range(8)], most)


def test_agreement_counts_pairs():
    found = agreement(
        ["x", "x", "x", "y"], [0, 0, 1, 1]
    )  # pairs of a group 3, of a scene 2, both 1
    assert (found["precision"], found["recall"]) == (pytest.approx(1 / 2), pytest.approx(1 / 3))
    assert found["adjusted_rand"] == pytest.approx(0.0)  # expected by chance 3 * 2 / 6 = 1
    assert np.isnan(agreement(["x", "y"], [0, 1])["recall"])


def test_a_file_without_its_columns_is_refused(tmp_path):
    (tmp_path / "g.csv").write_text("path,scene\na/1.mp4,1\n")
    with pytest.raises(ValueError, match="needs the columns path and group"):
        suggest_groups(coloured(clips_of(5)), tmp_path / "g.csv")


def test_where_nothing_tells_the_groups_the_split_keeps_scenes_on_one_side(tmp_path, caplog):
    folder, about = tmp_path / "clips", tmp_path / "run"
    clips = {
        f"{label}/{scene}_{seed}.mp4": action(background(scene, COLOURS[scene]), 10 * scene + seed)
        for label in "ab"
        for scene in range(5)
        for seed in range(2)
    }
    write_clips(folder, clips)
    suggest = partial(suggest_by_looks, folder, about, workers=1)
    manifest = build_manifest(folder, workers=1, suggest=suggest).manifest
    assert same_grouping(
        dict(zip(manifest["path"], manifest["group"], strict=True)),
        {path: int(path[2]) for path in clips},
    )
    assert pd.read_csv(about / "groups-suggested.csv")["path"].tolist() == sorted(clips)
    assert "By their looks 20 clips are of 5 scenes" in caplog.text
    split = draw_split(manifest, seed=0)
    scenes = split["path"].str[2]
    assert (split.groupby(scenes)["split"].nunique() == 1).all()
    pd.read_csv(about / "groups-suggested.csv").to_csv(folder / "groups.csv", index=False)
    (about / "groups-suggested.csv").unlink()
    again = build_manifest(folder, workers=1, suggest=suggest).manifest
    assert again["group"].equals(manifest["group"]), "the file serves as groups.csv as it is"
    assert not (about / "groups-suggested.csv").exists()


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the videos in {DATA}")
def test_scenes_of_interactions_divide_next_to_no_recording(tmp_path):
    clips = build_manifest(DATA / "ut-interaction").manifest
    prints = load_or_make_fingerprints(DATA / "ut-interaction", clips, tmp_path / "p.npz")
    groups = suggest_groups(prints, tmp_path / "g.csv")
    found = agreement(clips["group"], [groups[path] for path in clips["path"]])
    assert found["recall"] > 0.95 and 5 <= len(set(groups.values())) <= 12
