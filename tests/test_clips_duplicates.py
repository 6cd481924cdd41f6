"""Copies are found under any coat, and clips that only share a background are none."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from moving_makers import action, background, listed, write_clips

from helpers.clips import duplicates as module
from helpers.clips import fingerprints
from helpers.clips.duplicates import find_duplicates, list_duplicates, load_duplicates
from helpers.clips.fingerprints import (
    CROPS,
    VIEWS,
    Fingerprints,
    load_or_make_fingerprints,
    mirror_signs,
    transform,
)
from helpers.clips.frames import FrameStore
from helpers.clips.measures import SHORT_SIDE
from helpers.clips.video import VideoError
from helpers.yard.video import write_video

COLUMNS = ["path", "other", "kind", "distance", "mirrored"]


def cropped(frames: np.ndarray) -> np.ndarray:
    return frames[:, 2:-2, 2:-2]


def brighter(frames: np.ndarray) -> np.ndarray:
    return np.clip(frames * 0.8 + 40, 0, 255).astype(np.uint8)


def smaller(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(frame, (48, 36), interpolation=cv2.INTER_AREA) for frame in frames])


COATS = {
    "encoded again": (lambda frames: frames, {"crf": "36"}),
    "smaller": (smaller, {}),
    "cropped": (cropped, {}),
    "brighter and flatter": (brighter, {}),
    "begun later": (lambda frames: frames[2:], {}),
    "ended earlier": (lambda frames: frames[:-2], {}),
    "at half the frame rate": (lambda frames: frames[::2], {}),
    "all of it": (lambda frames: smaller(brighter(cropped(frames)))[1:], {"crf": "30"}),
}


def look(folder, manifest, **settings) -> Fingerprints:
    return load_or_make_fingerprints(folder, manifest, folder / "prints.npz", 1, **settings)


def pairs_of(table: pd.DataFrame) -> list[tuple]:
    return list(zip(table["path"], table["other"], table["kind"], strict=True))


@pytest.fixture
def three(tmp_path):
    """Three actions before one background, and their manifest."""
    clips = {f"a/{seed}.mp4": action(background(0), seed) for seed in range(3)}
    return tmp_path, clips, write_clips(tmp_path, clips)


def test_clips_that_share_a_background_are_no_duplicates(three):
    folder, _, manifest = three
    prints = look(folder, manifest)
    still = prints.still[:, 0].astype(float)
    assert (still @ still.T).min() > module.STILL_ALIKE, "their motion alone tells them apart"
    table = find_duplicates(prints)
    assert table.empty and list(table) == COLUMNS


@pytest.mark.parametrize("coat", COATS)
def test_a_copy_is_near_its_original_and_no_other(three, coat):
    folder, clips, manifest = three
    change, options = COATS[coat]
    copy = change(clips["a/1.mp4"])
    size = (len(copy), copy.shape[1] // 2 * 2, copy.shape[2] // 2 * 2)
    copy = np.ascontiguousarray(copy[:, : size[1], : size[2]])
    write_video(folder / "b" / "copy.mp4", copy, 8, {"preset": "veryfast"} | options)
    manifest = pd.concat([manifest, listed({"b/copy.mp4": copy})], ignore_index=True)
    table = find_duplicates(look(folder, manifest))
    assert pairs_of(table) == [("a/1.mp4", "b/copy.mp4", "near")]
    assert 0 <= table["distance"][0] < module.MOTION_APART and not table["mirrored"][0]


def test_a_mirrored_copy_is_found_and_called_so(three):
    folder, clips, manifest = three
    copy = clips["a/2.mp4"][:, :, ::-1]
    manifest = pd.concat([manifest, write_clips(folder, {"b/copy.mp4": copy})], ignore_index=True)
    table = find_duplicates(look(folder, manifest))
    assert pairs_of(table) == [("a/2.mp4", "b/copy.mp4", "near")]
    assert table["mirrored"].tolist() == [True]


def test_the_signs_of_a_mirror_image_are_those_of_the_mirrored_pictures():
    pictures = action(background(3), 4)
    motion, still = transform(pictures)
    turned_motion, turned_still = transform(np.ascontiguousarray(pictures[:, :, ::-1]))
    signs_motion, signs_still = mirror_signs()
    np.testing.assert_allclose(motion * signs_motion, turned_motion, atol=3e-3)
    np.testing.assert_allclose(still * signs_still, turned_still, atol=3e-3)


def test_identical_files_are_exact_and_only_the_first_is_held_against_others(three):
    folder, clips, manifest = three
    for name in ("a/1_again.mp4", "b/1_once_more.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "a/1.mp4", folder / name)
        manifest = pd.concat([manifest, listed({name: clips["a/1.mp4"]})], ignore_index=True)
    brighter_copy = {"0/bright.mp4": brighter(clips["a/1.mp4"])}
    manifest = pd.concat([manifest, write_clips(folder, brighter_copy)], ignore_index=True)
    table = find_duplicates(look(folder, manifest))
    assert pairs_of(table) == [
        ("0/bright.mp4", "a/1.mp4", "near"),
        ("a/1.mp4", "a/1_again.mp4", "exact"),
        ("a/1.mp4", "b/1_once_more.mp4", "exact"),
    ]
    assert table["distance"].tolist()[1:] == [0, 0]


def test_clips_in_which_nothing_moves_are_alike_where_their_picture_is(tmp_path):
    noise = np.random.default_rng(0).normal(0, 2, (3, 16, 72, 96, 3))
    pictures = [background(0), background(0), background(1)]
    clips = {
        f"a/{n}.mp4": np.clip(picture + noise[n], 0, 255).astype(np.uint8)
        for n, picture in enumerate(pictures)
    }
    clips["a/moves.mp4"] = action(background(0), 5)
    table = find_duplicates(look(tmp_path, write_clips(tmp_path, clips)))
    assert pairs_of(table) == [("a/0.mp4", "a/1.mp4", "near")]


def made_up(motion: np.ndarray, still: np.ndarray) -> Fingerprints:
    """Fingerprints with given motion [N, M] and still [N, S], the same in all views."""
    n = len(motion)
    motion = motion / np.linalg.norm(motion, axis=1, keepdims=True)
    still = still / np.linalg.norm(still, axis=1, keepdims=True)
    return Fingerprints(
        [f"a/{place:03d}.mp4" for place in range(n)],
        np.zeros((n, 2), int),
        np.array([f"{place}" for place in range(n)]),
        np.repeat(motion[:, None], len(VIEWS), axis=1).astype(np.float16),
        np.repeat(still[:, None], len(CROPS), axis=1).astype(np.float16),
        np.empty((0, 2), int),
        np.zeros(n, int),
    )


def test_blocks_find_what_comparing_every_pair_finds(monkeypatch):
    random = np.random.default_rng(1)
    of = random.integers(0, 12, 30)  # 30 clips around 12 contents
    motion = random.normal(size=(12, 257))[of] + random.normal(0, 0.35, (30, 257))
    still = random.normal(size=(4, 256))[of % 4] + random.normal(0, 0.2, (30, 256))
    prints = made_up(motion, still)
    expected = set()
    for i in range(30):
        for j in range(i + 1, 30):
            alike = prints.still[i, 0].astype(float) @ prints.still[j, 0].astype(float)
            moves = prints.motion[i, 0].astype(float) @ prints.motion[j, 0].astype(float)
            if alike >= 0.85 and moves > 0.85:
                expected.add((prints.paths[i], prints.paths[j], "near"))
    assert len(expected) > 10
    for block in (512, 7):
        monkeypatch.setattr(module, "BLOCK", block)
        assert set(pairs_of(find_duplicates(prints))) == expected


def test_of_very_many_pairs_those_are_listed_that_hold_all_together(monkeypatch, caplog):
    random = np.random.default_rng(2)
    motion = random.normal(size=(1, 257)) + random.normal(0, 0.1, (40, 257))
    prints = made_up(motion, np.ones((40, 256)))
    everything = find_duplicates(prints)
    assert len(everything) == 40 * 39 / 2
    monkeypatch.setattr(module, "MOST_PAIRS", 50)
    monkeypatch.setattr(module, "BLOCK", 10)
    few = find_duplicates(prints)
    assert len(few) == 39 and "39 are listed" in caplog.text
    nearest = everything.nsmallest(1, "distance")
    assert pairs_of(nearest)[0] in pairs_of(few)
    joined = {few["path"][0]}
    for _ in range(40):
        for path, other, _ in pairs_of(few):
            joined |= {path, other} if joined & {path, other} else set()
    assert len(joined) == 40


def test_fingerprints_of_unchanged_clips_are_kept(three, monkeypatch):
    folder, clips, manifest = three
    looked = []
    original = fingerprints.fingerprint
    monkeypatch.setattr(
        fingerprints, "fingerprint", lambda work: looked.append(work[0].name) or original(work)
    )
    first = look(folder, manifest)
    assert sorted(looked) == ["0.mp4", "1.mp4", "2.mp4"]
    again = look(folder, manifest)
    assert len(looked) == 3
    for name in ("motion", "still", "digest", "colours", "colour_counts"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    write_clips(folder, {"a/1.mp4": clips["a/0.mp4"][::-1]})
    changed = look(folder, manifest.iloc[[1, 2]])
    assert looked[3:] == ["1.mp4"] and changed.paths == ["a/1.mp4", "a/2.mp4"]
    assert changed.digest[0] != first.digest[1] and changed.digest[1] == first.digest[2]
    monkeypatch.setattr(fingerprints, "VERSION", 0)
    look(folder, manifest.iloc[[1, 2]])
    assert looked[4:] == ["1.mp4", "2.mp4"]


def test_kept_frames_give_the_same_numbers_and_no_clip_is_decoded(three, monkeypatch):
    folder, _, manifest = three
    decoded = look(folder, manifest)
    store = FrameStore(folder / "kept", SHORT_SIDE, 16)
    store.fill(folder, manifest.assign(width=96, height=72), 1)
    monkeypatch.setattr(fingerprints, "read_frames", lambda *_: pytest.fail("decoded"))
    kept = load_or_make_fingerprints(folder, manifest, folder / "kept.npz", 1, store)
    for name in ("motion", "still", "colours"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(decoded, name))
    few = FrameStore(folder / "few", SHORT_SIDE, 8)
    few.fill(folder, manifest.assign(width=96, height=72), 1)
    with pytest.raises(pytest.fail.Exception, match="decoded"):
        load_or_make_fingerprints(folder, manifest, folder / "few.npz", 1, few)


def test_processes_find_what_one_process_finds(tmp_path):
    clips = {f"a/{seed:02d}.mp4": action(background(seed), seed, 8) for seed in range(17)}
    manifest = write_clips(tmp_path, clips)
    alone = look(tmp_path, manifest)
    together = load_or_make_fingerprints(tmp_path, manifest, tmp_path / "other.npz", 2)
    np.testing.assert_array_equal(together.motion, alone.motion)
    np.testing.assert_array_equal(together.digest, alone.digest)


def test_a_clip_that_is_shorter_than_listed_is_named(three):
    folder, _, manifest = three
    with pytest.raises(VideoError, match=r"2\.mp4: listed as usable, but 16 frames decode"):
        look(folder, manifest.assign(frames=[16, 16, 20]))


def test_the_list_of_duplicates_is_written_when_it_changes_and_read_as_it_was(three, tmp_path):
    folder, clips, manifest = three
    about, copy = tmp_path / "run", {"b/NA.mp4": brighter(clips["a/1.mp4"])}
    file = about / "duplicates.csv"
    assert load_duplicates(file).empty
    assert list_duplicates(folder, manifest, about, 1).empty and load_duplicates(file).empty
    manifest = pd.concat([manifest, write_clips(folder, copy)], ignore_index=True)
    table = list_duplicates(folder, manifest, about, 1)
    assert pairs_of(table) == [("a/1.mp4", "b/NA.mp4", "near")]
    pd.testing.assert_frame_equal(load_duplicates(file), table)
    written = file.stat().st_mtime_ns
    list_duplicates(folder, manifest, about, 1)
    assert file.stat().st_mtime_ns == written
    table.drop(columns="kind").to_csv(file, index=False)
    with pytest.raises(ValueError, match="no column kind; remove it"):
        load_duplicates(file)


def test_stretches_of_one_video_are_no_exact_copies(three):
    folder, _, manifest = three
    path, frames = manifest.loc[0, ["path", "frames"]]
    half = int(frames) // 2
    stretches = [f"{path}#f=0,{half}", f"{path}#f={half},{frames}", f"{path}#f=0,{half}"]
    parts = pd.DataFrame({"path": stretches, "frames": half})
    digests = look(folder, parts).digest
    assert digests[0] == digests[2] != digests[1]
