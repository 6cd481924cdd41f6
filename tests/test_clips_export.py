"""mmaction2's own datasets read what is exported, and their labels and frames are ours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clip_makers import index_of, make_video
from list_makers import make_pictures, make_videos, write
from mmengine.config import Config
from mmengine.registry import DefaultScope

from helpers.clips import export
from helpers.clips.export import ExportError, export_lists
from helpers.clips.manifest import build_manifest
from helpers.clips.reading import read_frames
from helpers.files import write_table

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.registry import DATASETS

PARTS = ("train", "val", "test")
DECODERS = ("OpenCV", "PyAV", "Decord")


@pytest.fixture(autouse=True)
def mmaction_scope():
    with DefaultScope.overwrite_default_scope("mmaction"):
        yield


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Videos, one with spaces in its name, stretches of one, and folders of pictures: two each."""
    data = tmp_path_factory.mktemp("mixed") / "data"
    make_videos(data, "v/a.mp4", "v/b b é.mp4", "v/long.mp4", frames=19, width=64)
    make_pictures(data / "p" / "c", width=64)  # decord fails where rows are padded
    make_pictures(data / "p" / "d", first=0, name="{}.png", width=64)
    paths = ["v/a.mp4", "v/b b é.mp4", "v/long.mp4#t=0.25,1.5", "v/long.mp4#t=1,2.25", "p/c", "p/d"]
    labels = ["Pose de voie", "à terre"] * 3
    frames = [19, 19, 10, 10, 10, 10]
    manifest = pd.DataFrame({"path": paths, "label": labels, "frames": frames, "fps": 8.0})
    split = manifest.assign(split=["train", "train", "val", "test", "test", "val"])
    return data, manifest, split


def dataset_of(config: Path, part: str, pipeline: list | None = None):
    settings = Config.fromfile(config)[f"{part}_dataloader"].dataset
    if pipeline is not None:
        settings.pipeline = pipeline
    return DATASETS.build(settings)


def every_frame(opening: list, decoding: dict, frames: int) -> list:
    sampling = {"type": "SampleFrames", "clip_len": frames, "num_clips": 1, "test_mode": True}
    return [*opening, sampling, decoding]


def video_pipeline(decoder: str, frames: int) -> list:
    return every_frame([{"type": f"{decoder}Init"}], {"type": f"{decoder}Decode"}, frames)


def assert_agrees(config, data, manifest, split, pipeline_of):
    """Each line is a clip of its part, with its label and, sampled one by one, its frames."""
    names = (config.parent / "label_map.txt").read_text(encoding="utf-8").splitlines()
    assert names == sorted(manifest["label"].unique())
    for part in PARTS:
        rows = manifest[split["split"] == part]
        dataset = dataset_of(config, part)
        assert [names[dataset.get_data_info(k)["label"]] for k in range(len(dataset))] == list(
            rows["label"]
        )
        for place, clip in enumerate(rows.itertuples()):
            results = dataset_of(config, part, pipeline_of(clip.frames))[place]
            assert names[results["label"]] == clip.label
            ours = read_frames(data / clip.path, range(clip.frames))
            assert [index_of(image) for image in results["imgs"]] == [index_of(x) for x in ours]
            assert np.abs(np.stack(results["imgs"]).astype(int) - ours).mean() < 4


@pytest.mark.parametrize("decoder", DECODERS)
def test_mmactions_videos_have_our_labels_and_frames(mixed, tmp_path, decoder):
    if decoder == "Decord":
        pytest.importorskip("decord", reason="decord is not in the lock")
    data, manifest, split = mixed
    made = export_lists(manifest, split, data, tmp_path / "o u t", workers=1)
    assert made.made == 4
    assert made.clips == {"train": 2, "val": 2, "test": 2}
    train = (tmp_path / "o u t" / "train.txt").read_text(encoding="utf-8")
    assert train == "v/a.mp4\t0\nv/b b é.mp4\t1\n"
    assert_agrees(*(made.config, *mixed), lambda frames: video_pipeline(decoder, frames))


def test_mmactions_raw_frames_have_our_labels_and_frames(mixed, tmp_path):
    data, manifest, split = mixed
    made = export_lists(manifest, split, data, tmp_path, "rawframes", workers=1)
    assert made.made == 5
    assert (tmp_path / "test.txt").read_text().splitlines()[1] == "p/c 10 0"
    decoding = {"type": "RawFrameDecode"}
    assert_agrees(*(made.config, *mixed), lambda frames: every_frame([], decoding, frames))


def test_stretches_of_pictures_are_listed_by_their_first_frame(tmp_path):
    data = tmp_path / "data"
    make_pictures(data / "c", frames=12)
    paths = ["c#f=0,8", "c#f=2,12", "c"]
    manifest = pd.DataFrame({"path": paths, "label": ["x", "y", "x"], "frames": [8, 10, 12]})
    manifest["fps"], split = 25.0, manifest.assign(split=PARTS)
    made = export_lists(manifest, split, data, tmp_path / "out", "rawframes", workers=1)
    assert made.made == 0
    assert (tmp_path / "out" / "val.txt").read_text() == "c 2 10 1\n"
    decoding = {"type": "RawFrameDecode"}
    assert_agrees(
        *(made.config, data, manifest, split), lambda frames: every_frame([], decoding, frames)
    )


def test_the_pipelines_of_the_config_give_a_networks_input(mixed, tmp_path):
    data, manifest, split = mixed
    for kind in export.KINDS:
        made = export_lists(manifest, split, data, tmp_path / kind, kind, workers=1)
        for part in PARTS:
            sample = dataset_of(made.config, part)[0]
            assert sample["inputs"].shape == (1, 3, 8, 224, 224)


def test_what_is_exported_is_read_back_as_the_same_clips(mixed, tmp_path):
    data, manifest, split = mixed
    for kind in export.KINDS:
        made = export_lists(manifest, split, data, tmp_path / kind, kind, workers=1)
        for part in PARTS:
            if set(split.loc[split["split"] == part, "label"]) != set(manifest["label"]):
                continue
            found = build_manifest(data, annotations=made.config.parent / f"{part}.txt", workers=1)
            assert found.quarantine.empty
            rows = manifest[split["split"] == part]
            assert sorted(found.manifest["label"]) == sorted(rows["label"])
            assert sorted(found.manifest["frames"]) == sorted(rows["frames"])


def test_what_exists_is_not_made_again_unless_its_clip_changed(mixed, tmp_path):
    data, manifest, split = mixed
    assert export_lists(manifest, split, data, tmp_path, workers=1).made == 4
    assert export_lists(manifest, split, data, tmp_path, workers=1).made == 0
    picture = data / "p" / "c" / "img_00001.jpg"
    picture.touch()
    assert export_lists(manifest, split, data, tmp_path, workers=1).made == 1


def test_odd_sizes_and_odd_names_are_exported(tmp_path):
    make_pictures(tmp_path / "p" / "x")
    make_video(tmp_path / " a,\t b.mp4", frames=9, width=50, height=34)
    manifest = pd.DataFrame(
        {
            "path": [" a,\t b.mp4", "p/x"],
            "label": ["x", "y"],
            "frames": [9, 10],
            "fps": np.nan,
        }
    )
    split = manifest.assign(split=["train", "val"])
    made = export_lists(manifest, split, tmp_path, tmp_path / "out", workers=1)
    results = dataset_of(made.config, "train", video_pipeline("OpenCV", 9))[0]
    assert [index_of(image) for image in results["imgs"]] == list(range(9))


def test_what_cannot_be_exported_is_refused_in_words(mixed, tmp_path):
    data, manifest, split = mixed
    with pytest.raises(ExportError, match="'flow': choose one of videos, rawframes"):
        export_lists(manifest, split, data, tmp_path, "flow")
    with pytest.raises(ExportError, match="p/d stands in no part of the split"):
        export_lists(manifest, split.head(5), data, tmp_path)
    with pytest.raises(ExportError, match="no raw frames below a folder with spaces"):
        export_lists(manifest, split, data, tmp_path / "a b", "rawframes", workers=1)


def test_the_command_exports_a_run(mixed, tmp_path, monkeypatch, capsys):
    import helpers.runs

    monkeypatch.setattr(helpers.runs, "RUNS", tmp_path / "runs")
    data, _, _ = mixed
    run = helpers.runs.open_run("mine", "smoke", data)
    rows = ("Pose de voie,a,0,2.375,train", "à terre,b b é,0,2.375,val", "à terre,long,0,1.25,test")
    write(tmp_path / "k.csv", "label,youtube_id,time_start,time_end,split", *rows)
    manifest = build_manifest(data, annotations=tmp_path / "k.csv", workers=1).manifest
    write_table(run.manifest, manifest)
    write_table(run.split, manifest.assign(split=PARTS))
    made = export.main(["--name", "mine", "--workers", "1"])
    assert made.config == tmp_path / "runs" / "mine" / "mmaction2" / "dataset.py"
    assert capsys.readouterr().out.startswith("1 for train, 1 for val, 1 for test; 3 written anew")
