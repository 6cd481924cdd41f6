"""Clips through a real mmaction2 pipeline, from files and from kept frames."""

import numpy as np
import pytest
import torch
from clip_makers import index_of, make_data, make_video
from mmengine.registry import DefaultScope

from helpers.clips.dataset import ClipDataset, DatasetError
from helpers.clips.frames import FrameStore
from helpers.clips.manifest import build_manifest
from helpers.clips.split import draw_split
from helpers.clips.transforms import OpenClip, ReadClip
from helpers.files import write_table

SAMPLE = {"type": "UniformSample", "clip_len": 4}
FORMAT = [
    {"type": "FormatShape", "input_format": "NCTHW"},
    {"type": "PackActionInputs", "meta_keys": ("path", "group", "filename")},
]
TRAIN = [
    {"type": "OpenClip"},
    SAMPLE,
    {"type": "ReadClip"},
    {"type": "RandomResizedCrop", "area_range": (0.5, 1.0)},
    {"type": "Resize", "scale": (16, 16), "keep_ratio": False},
    {"type": "Flip", "flip_ratio": 0.5},
    *FORMAT,
]


@pytest.fixture(autouse=True)
def mmaction_scope():
    with DefaultScope.overwrite_default_scope("mmaction"):
        yield


@pytest.fixture
def make_dataset(tmp_path):
    """A function that opens a part of eight clips of 12 frames, 48×32, from four recordings."""
    folder = make_data(tmp_path / "data", clips=4)
    manifest = build_manifest(folder, r"(cam\d)").manifest
    write_table(tmp_path / "manifest.csv", manifest)
    write_table(tmp_path / "split.csv", draw_split(manifest, seed=0))

    def opened(part="train", pipeline=TRAIN, classes=("a", "b"), **settings):
        return ClipDataset(
            manifest=str(tmp_path / "manifest.csv"),
            split=str(tmp_path / "split.csv"),
            part=part,
            data_folder=str(folder),
            classes=classes,
            pipeline=pipeline,
            **settings,
        )

    opened.folder, opened.manifest = folder, manifest
    return opened


def test_parts_hold_all_clips_once_with_labels_in_the_classes_order(make_dataset):
    parts = {part: make_dataset(part, classes=["b", "a"]) for part in ("train", "val", "test")}
    infos = [info for part in parts.values() for info in map(part.get_data_info, range(len(part)))]
    assert sorted(info["path"] for info in infos) == sorted(make_dataset.manifest["path"])
    assert all(info["label"] == ["b", "a"].index(info["path"][0]) for info in infos)
    assert all(info["total_frames"] == 12 for info in infos)
    assert {info["group"] for info in infos} == {"cam0", "cam1", "cam2", "cam3"}
    assert parts["train"].metainfo["classes"] == ["b", "a"]


def test_training_pipeline_gives_the_networks_input(make_dataset):
    np.random.seed(0)
    sample = make_dataset()[0]
    assert sample["inputs"].shape == (1, 3, 4, 16, 16)
    assert sample["inputs"].dtype == torch.uint8
    assert sample["data_samples"].gt_label.tolist() == [0]
    assert sample["data_samples"].path == "a/" + sample["data_samples"].filename.split("/")[-1]


@pytest.mark.parametrize("kept", [False, True])
def test_frames_are_those_that_mmaction_sampled(make_dataset, tmp_path, kept):
    store = {"folder": str(tmp_path / "store"), "short_side": 32, "max_frames": 32}
    FrameStore(**store).fill(make_dataset.folder, make_dataset.manifest)
    opening = {"type": "OpenClip", "store": store if kept else None}
    pipeline = [opening, SAMPLE | {"test_mode": True}, {"type": "ReadClip"}]
    results = make_dataset("test", pipeline, test_mode=True)[0]
    assert results["frame_inds"].tolist() == [1, 4, 7, 9]
    assert [index_of(image) for image in results["imgs"]] == [1, 4, 7, 9]
    assert results["img_shape"] == results["original_shape"] == (32, 48)
    assert "video_reader" not in results


def test_total_frames_are_the_kept_ones_when_frames_are_kept(make_dataset, tmp_path):
    store = {"folder": str(tmp_path / "store"), "short_side": 16, "max_frames": 5}
    FrameStore(**store).fill(make_dataset.folder, make_dataset.manifest)
    results = make_dataset("test", [{"type": "OpenClip", "store": store}, SAMPLE])[0]
    assert results["total_frames"] == 5
    assert results["frame_inds"].max() <= 4


def test_training_draws_other_frames_each_time_and_testing_the_same(make_dataset):
    np.random.seed(0)
    for test_mode, different in ((False, True), (True, False)):
        pipeline = [{"type": "OpenClip"}, SAMPLE | {"test_mode": test_mode}]
        dataset = make_dataset("train", pipeline)
        drawn = {tuple(dataset[0]["frame_inds"].tolist()) for _ in range(20)}
        assert (len(drawn) > 1) is different


def test_frame_sampled_twice_is_flipped_once(make_dataset):
    results = {"filename": str(make_dataset.folder / "a" / "cam0_a.mp4")}
    results = OpenClip().transform(results)
    results["frame_inds"] = np.array([3, 3])
    images = ReadClip().transform(results)["imgs"]
    images[0][:] = 0
    assert images[1].any()


def test_clip_without_a_dataset_is_counted_by_decoding(tmp_path):
    path = make_video(tmp_path / "clip.mp4", frames=9)
    results = OpenClip().transform({"filename": path})
    assert (results["total_frames"], results["start_index"], results["modality"]) == (9, 0, "RGB")


def test_several_views_of_a_clip_come_in_one_sample(make_dataset):
    sampling = {"type": "UniformSample", "clip_len": 4, "num_clips": 2, "test_mode": True}
    pipeline = [{"type": "OpenClip"}, sampling, {"type": "ReadClip"}, *FORMAT]
    assert make_dataset("test", pipeline)[0]["inputs"].shape == (2, 3, 4, 32, 48)


def test_tables_that_do_not_fit_are_refused_in_words(make_dataset, tmp_path):
    with pytest.raises(DatasetError, match="part='exam': choose one of train, val, test"):
        make_dataset("exam")
    with pytest.raises(DatasetError, match=r"classes b are not among \['a'\]"):
        make_dataset(classes=["a"])
    split = draw_split(make_dataset.manifest, seed=0)
    write_table(tmp_path / "split.csv", split.assign(split="train"))
    with pytest.raises(DatasetError, match="no clip in part 'test'"):
        make_dataset("test")
    write_table(tmp_path / "split.csv", split.iloc[1:])
    with pytest.raises(DatasetError, match=r"no part for 1 clips .*a/cam0_a\.mp4"):
        make_dataset()
