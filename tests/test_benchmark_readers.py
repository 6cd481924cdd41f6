"""The comparison of readers: that they read the same frames, what is timed, and what is told."""

import os
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clip_makers import make_video

from benchmarks import compare_readers, readers, timing, videos
from benchmarks.videos import Clip
from helpers.files import read_json


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[dict, Path]:
    """A quick comparison on made videos and on a folder, where one package is missing."""
    folder = tmp_path_factory.mktemp("readers")
    make_video(folder / "mine" / "a" / "clip.MP4", frames=12, container="mp4")
    (folder / "mine" / "broken.mp4").write_bytes(b"no video")
    command = f"--quick --sets yard hd12 --data {folder / 'mine'} --sizes source 24 --frames 4"
    command += f" --repeats 2 --warmups 0 --out {folder / 'quick.json'}"
    cores = os.sched_getaffinity(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "decord", None)
        compare_readers.main(command.split())
    assert os.sched_getaffinity(0) == cores
    return read_json(folder / "quick.json"), folder


def test_every_reader_has_a_row_for_each_set_and_size_also_one_that_is_missing(run):
    rows = compare_readers.summarise(run[0])
    assert len(rows) == 3 * 2 * len(readers.NAMES)
    status = rows.groupby("reader")["status"].unique().map(list).to_dict()
    assert status == {name: ["failed" if name == "decord" else "ok"] for name in readers.NAMES}
    assert (rows.loc[rows["status"] == "ok", "median"] > 0).all()
    told = "\n".join(compare_readers.notes(run[0]))
    assert '- decord: failed (ImportError: Please run "pip install decord"' in told


def test_all_readers_give_the_same_frames(run):
    checks = run[0]["agreement"]
    assert len(checks) == 3 * 2 * (len(readers.NAMES) - 1)
    assert {check["misplaced"] for check in checks} == {0}
    for check in checks:
        assert check["difference"] < (1 if check["size"] == "source" else 8), check


def test_files_that_cannot_be_read_are_told(run):
    results, _ = run
    assert results["sets"]["mine"]["clips"] == 1
    assert list(results["sets"]["mine"]["refused"]) == ["broken.mp4"]
    told = "\n".join(compare_readers.notes(results))
    assert "mine: 1 videos of 12 frames, shorter side 32; not readable: broken.mp4." in told


def test_raw_numbers_tell_versions_and_no_folder(run):
    results, folder = run
    assert {"av", "mmaction2", "decord"} <= set(results["machine"]["packages"])
    assert str(folder) not in (folder / "quick.json").read_text()


def test_ratios_are_to_the_fastest_of_the_others():
    alike = {"set": "yard", "size": "source", "status": "ok", "reason": "", "clips": 2}
    rows = [
        alike | {"reader": reader, "seconds": seconds}
        for reader, seconds in {
            "ours": [0.02, 0.04, 0.9],
            "store": [0.004],
            "pyav": [0.06],
            "opencv": [0.3, 0.08],
        }.items()
    ]
    rows.append(alike | {"reader": "decord", "seconds": [], "status": "failed"})
    results = {"rows": rows}
    summary = compare_readers.summarise(results).set_index("reader")
    assert summary["median"].round(6).dropna().tolist() == [0.02, 0.002, 0.03, 0.095]
    assert summary["ratio"].round(6).dropna().tolist() == [1.5, 15, 1, round(0.03 / 0.095, 6)]
    assert compare_readers.markdown(results).splitlines()[2] == (
        "| yard | source | 20 | 1.50 | 2 | 15.00 | 30 | 95 | failed |"
    )


def test_nothing_to_read_is_said(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    compare_readers.main(["--sets", "--data", str(tmp_path / "empty")])
    assert "No video was read." in capsys.readouterr().out


def test_a_reader_that_gives_the_frame_behind_is_found_out(tmp_path):
    path = make_video(tmp_path / "clip.mp4", frames=12)
    clip = Clip(path, 12, 48, 32, 0)

    def late(clip):
        pictures = videos.pictures_at(clip, range(12))
        return [pictures[index] for index in (2, 5, 8, 10)]  # behind 1, 4, 7, 9

    assert readers.agreement("late", late, [clip], 4)["misplaced"] == 4


def test_made_videos_have_key_frames_and_b_frames_where_they_should(tmp_path):
    size = videos.Sizes(videos.sizes(True, 4, 1).yard, 1, 2, 128, 72)
    folder = videos.make_set("hd12", tmp_path, size)
    with av.open(str(folder / "0.mp4")) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    keys = np.flatnonzero([packet.is_keyframe for packet in packets])
    assert keys[0] == 0 and len(keys) >= 5 and np.diff(keys).max() <= 12
    assert len(packets) == 50 and any(packet.pts != packet.dts for packet in packets)


def test_of_a_large_folder_clips_are_spread_over_all(tmp_path):
    for number in range(10):
        (tmp_path / f"{number}.avi").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.stem for path in videos.find(tmp_path, 3)] == ["0", "3", "6"]
    assert len(videos.find(tmp_path, 20)) == 10


def test_any_clock_can_tell_the_seconds():
    ticks = iter(range(100))
    timings = timing.interleave({"call": lambda: None}, 2, clock=lambda: next(ticks))
    assert timings["call"].seconds == [1, 1]


def test_one_core_and_one_thread_hold_for_the_length_of_the_block():
    threads = cv2.getNumThreads()
    with compare_readers._one_core():
        assert cv2.getNumThreads() == 1
        assert len(os.sched_getaffinity(0)) == 1
    assert cv2.getNumThreads() == threads
