"""Kept frames equal read ones, never outlive their video, and are whole or absent."""

import multiprocessing
import os
import shutil
import signal
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from clip_makers import index_of, make_data, make_video

from helpers.clips import frames as frames_module
from helpers.clips.frames import FrameStore, FrameStoreError, kept_indices
from helpers.clips.manifest import build_manifest
from helpers.clips.reading import read_frames
from helpers.clips.video import VideoError


@pytest.fixture
def data(tmp_path):
    """Folder and manifest of four clips of 12 frames, 48×32."""
    folder = make_data(tmp_path / "data")
    return folder, build_manifest(folder, r"(cam\d)").manifest


@pytest.fixture
def store(tmp_path):
    return FrameStore(tmp_path / "store", short_side=16, max_frames=32)


def test_kept_indices_are_all_or_uniformly_spaced_from_first_to_last():
    assert kept_indices(5, 8).tolist() == [0, 1, 2, 3, 4]
    assert kept_indices(9, 3).tolist() == [0, 4, 8]
    assert kept_indices(100, 1).tolist() == [0]
    indices = kept_indices(1000, 32)
    assert len(indices) == 32
    assert set(np.diff(indices)) == {32, 33}


def test_kept_frames_equal_read_frames(data, store):
    folder, manifest = data
    assert store.fill(folder, manifest) == 4
    clip = folder / "a" / "cam1_a.mp4"
    kept = store.open(clip)
    assert (kept.shape, kept.dtype) == ((12, 16, 24, 3), np.uint8)
    np.testing.assert_array_equal(kept, read_frames(clip, range(12), short_side=16))
    np.testing.assert_array_equal(store.read(clip, [7, 0, 7]), kept[[7, 0, 7]])


def test_long_clip_keeps_at_most_so_many_frames(data, tmp_path):
    folder, manifest = data
    store = FrameStore(tmp_path / "store", 16, max_frames=5)
    store.fill(folder, manifest)
    clip = folder / "a" / "cam0_a.mp4"
    assert [index_of(frame) for frame in store.open(clip)] == kept_indices(12, 5).tolist()


def test_read_frames_are_a_copy_that_may_be_changed(data, store):
    folder, manifest = data
    store.fill(folder, manifest)
    clip = folder / "a" / "cam0_a.mp4"
    frames = store.read(clip, [0, 0])
    frames[0] = 0
    assert frames[1].any()
    assert store.read(clip, [0]).any()
    with pytest.raises(ValueError, match="read-only"):
        store.open(clip)[0] = 0


def test_only_missing_clips_are_decoded(data, store):
    folder, manifest = data
    assert store.fill(folder, manifest.head(3)) == 3
    assert store.fill(folder, manifest) == 1
    assert store.fill(folder, manifest) == 0


def test_processes_keep_what_one_process_keeps(tmp_path):
    folder = make_data(tmp_path / "data", clips=9, frames=8)
    manifest = build_manifest(folder, r"(cam\d)", workers=1).manifest
    stores = [FrameStore(tmp_path / name, 16, 4) for name in ("alone", "together")]
    assert stores[0].fill(folder, manifest, workers=1) == 18
    assert stores[1].fill(folder, manifest, workers=2) == 18
    for path in manifest["path"]:
        np.testing.assert_array_equal(stores[0].open(folder / path), stores[1].open(folder / path))


def test_changed_video_never_meets_old_frames(data, store):
    folder, manifest = data
    store.fill(folder, manifest)
    clip = folder / "a" / "cam0_a.mp4"
    os.utime(clip, (1, 1))
    with pytest.raises(FrameStoreError, match=r"cam0_a\.mp4: no frames kept .*call FrameStore"):
        store.read(clip, [0])
    make_video(clip, frames=20)
    manifest = build_manifest(folder, r"(cam\d)").manifest
    assert store.fill(folder, manifest) == 1
    assert len(store.open(clip)) == 20
    assert len(list(store.folder.iterdir())) == 4  # what was kept of the former state is gone


def test_change_behind_an_opened_clip_is_seen(data, store):
    folder, manifest = data
    store.fill(folder, manifest)
    clip = folder / "a" / "cam0_a.mp4"
    assert len(store.open(clip)) == len(store.open(clip)) == 12
    make_video(clip, frames=20)
    with pytest.raises(FrameStoreError, match="changed since"):
        store.open(clip)
    store.fill(folder, build_manifest(folder, r"(cam\d)").manifest)
    assert len(store.open(clip)) == 20
    store.file_of(clip).unlink()
    with pytest.raises(FrameStoreError, match="no frames kept"):
        store.open(clip)


def test_link_that_leads_elsewhere_gives_the_other_clips_frames(data, store):
    """Both files are of one size and time, so that only the place tells them apart."""
    folder, _ = data
    targets = [make_video(folder.parent / f"{n}.avi", frames=n, codec="mpeg4") for n in (9, 11)]
    size = max(target.stat().st_size for target in targets)
    for target in targets:
        target.write_bytes(target.read_bytes().ljust(size, b"\0"))
        os.utime(target, (1, 1))
    link = folder / "a" / "link.avi"
    for target, frames in zip(targets, (9, 11), strict=True):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        store.fill(folder, build_manifest(folder, "(cam|link)").manifest)
        assert len(store.open(link)) == frames


def test_clip_that_changes_while_it_is_read_is_not_kept(data, store, monkeypatch):
    folder, manifest = data

    def slowly(path, *settings):
        frames = read_frames(path, *settings)
        os.utime(path, (1, 1))
        return frames

    monkeypatch.setattr(frames_module, "read_frames", slowly)
    with pytest.raises(VideoError, match=r"cam0_a\.mp4: has changed while it was read; call"):
        store.fill(folder, manifest)
    assert not list(store.folder.iterdir())


def test_only_sound_clips_are_skipped_in(data, store, monkeypatch):
    """Frames of a damaged one are counted by decoding them all."""
    folder, manifest = data
    counts = {}

    def spy(path, indices, short_side, frames):
        counts[path.name] = frames
        return read_frames(path, indices, short_side, frames)

    monkeypatch.setattr(frames_module, "read_frames", spy)
    store.fill(folder, manifest.assign(damaged=[0, 2, 0, 0]))
    assert list(counts.values()) == [12, None, 12, 12]


def test_other_settings_share_a_folder_and_are_kept_apart(data, tmp_path):
    folder, manifest = data
    stores = [FrameStore(tmp_path / "store", side, 32) for side in (16, 8)]
    assert [store.fill(folder, manifest) for store in stores] == [4, 4]
    clip = folder / "a" / "cam0_a.mp4"
    assert [store.open(clip).shape[1] for store in stores] == [16, 8]


def test_interrupted_filling_leaves_whole_files_and_goes_on(data, store, monkeypatch):
    folder, manifest = data
    save, calls = np.save, []

    def interrupted(file, array):
        calls.append(file)
        if len(calls) == 3:
            file.write_bytes(b"half a file")
            raise KeyboardInterrupt
        save(file, array)

    monkeypatch.setattr(frames_module.np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.fill(folder, manifest)
    names = [file.name for file in store.folder.iterdir()]
    assert len(names) == 2
    assert not any("part" in name for name in names)
    assert store.fill(folder, manifest) == 2
    assert all(len(store.open(folder / path)) == 12 for path in manifest["path"])


def test_killed_filling_goes_on_and_its_half_file_is_removed_in_time(data, store):
    folder, manifest = data

    def killed_midway(file, array):
        file.write_bytes(b"half a file")
        os.kill(os.getpid(), signal.SIGKILL)

    def fill():
        frames_module.np.save = killed_midway  # of the child process only
        store.fill(folder, manifest, workers=1)

    child = multiprocessing.get_context("fork").Process(target=fill)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    half = list(store.folder.iterdir())
    assert [file.suffix for file in half] == [".npy"]
    assert store.fill(folder, manifest) == 4  # another process might still be writing it
    assert half[0].exists()
    os.utime(half[0], (1, 1))
    assert store.fill(folder, manifest) == 0
    assert len(list(store.folder.iterdir())) == 4


def test_size_is_shown_before_the_first_clip_is_decoded(data, store, monkeypatch, capsys):
    folder, manifest = data
    shown = []

    def spy(*given):
        shown.append(capsys.readouterr().err)
        return read_frames(*given)

    monkeypatch.setattr(frames_module, "read_frames", spy)
    monkeypatch.setattr(FrameStore, "estimate", lambda self, missing: len(missing) * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**11))
    store.fill(folder, manifest)
    assert "Keeping frames, 4.00 GB" in shown[0]


def test_estimate_is_what_the_disk_then_holds(data, tmp_path):
    folder, manifest = data
    turned = make_video(folder / "b" / "turned.mp4", turn=(90, False, False))
    assert turned.exists()
    manifest = build_manifest(folder, "(cam|turned)").manifest
    for store in (FrameStore(tmp_path / "x", 16, 32), FrameStore(tmp_path / "y", 20, 5)):
        store.fill(folder, manifest)
        assert store.estimate(manifest) == sum(f.stat().st_size for f in store.folder.iterdir())


def test_full_disk_is_said_before_the_work(data, store, monkeypatch):
    folder, manifest = data
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(FrameStoreError, match=r"4 clips need 0\.00 GB, 0\.00 GB are free.*fewer"):
        store.fill(folder, manifest)
    assert not list(store.folder.iterdir())


def test_index_behind_the_kept_frames_is_refused(data, store):
    folder, manifest = data
    store.fill(folder, manifest)
    for indices in ([12], [-1]):
        with pytest.raises(FrameStoreError, match="12 are kept"):
            store.read(folder / "a" / "cam0_a.mp4", indices)


def test_clip_shorter_than_its_manifest_is_named(data, store):
    folder, manifest = data
    with pytest.raises(VideoError, match=r"cam0_a\.mp4: listed as usable, but 12 frames decode"):
        store.fill(folder, manifest.assign(frames=13))


@pytest.mark.parametrize("sizes", [(0, 8), (16, 0)])
def test_store_without_size_is_refused(tmp_path, sizes):
    with pytest.raises(ValueError, match="both start at 1"):
        FrameStore(tmp_path, *sizes)


def test_reading_kept_frames_takes_less_than_a_millisecond(data, tmp_path):
    folder, manifest = data
    store = FrameStore(tmp_path / "store", 72, 32)
    store.fill(folder, pd.DataFrame(manifest.head(1)))
    clip = folder / manifest["path"][0]
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        store.read(clip, range(8))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1e-3
