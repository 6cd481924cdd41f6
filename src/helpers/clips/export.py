"""Write a run's clips as lists that mmaction2's own datasets and tools read.

    python -m helpers.clips.export --name mine [--kind rawframes] [--out folder]

Videos are listed where they lie. mmaction2 knows no stretches of videos, so each is cut to a file
of its own, decoded and encoded anew since only key frames could begin a cut without that; a folder
of pictures becomes a video too. As raw frames (`--kind rawframes`) everything becomes pictures;
folders that already have mmaction2's names (img_00001.jpg and so on) are listed where they lie, and
stretches of them by their first frame.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from helpers.clips.manifest import load_manifest
from helpers.clips.parallel import map_in_processes
from helpers.clips.segments import pictures_in, source_of
from helpers.clips.split import PARTS, load_split
from helpers.clips.writing import name_of, write_pictures, write_video
from helpers.files import whole_file
from helpers.runs import open_run

KINDS = ("videos", "rawframes")
TEMPLATE = "img_{:05}.jpg"
"""mmaction2's names of raw frames; the first has number 1."""


class ExportError(ValueError):
    """The clips cannot be exported as asked."""


class Export(NamedTuple):
    """What was written."""

    config: Path  # dataset.py, for `_base_` of a config
    clips: dict[str, int]  # listed, by part
    made: int  # videos, or folders of pictures, that did not lie there


@dataclass(frozen=True)
class _Listed:
    """What a line of a list names."""

    path: str  # relative to the data folder where it lies there
    first: int = 0  # of a folder's pictures
    made_by: Callable | None = None  # writes it; None where it lies there


def export_lists(
    manifest: pd.DataFrame,
    split: pd.DataFrame,
    data_folder: Path | str,
    out: Path | str,
    kind: str = "videos",
    workers: int | None = None,
) -> Export:
    """Write train.txt, val.txt, test.txt, label_map.txt and dataset.py, and what they need.

    Labels count from 0 in the order of the class names, as the network's outputs do. What was made
    before of unchanged clips is not made again.

    Args:
        manifest: columns path, label, frames, fps.
        split: columns path, split.
        data_folder: what the paths are relative to.
        out: folder; made when needed.
        kind: "videos" for mmaction2's VideoDataset, "rawframes" for its RawframeDataset.
        workers: processes; None for one per core.

    Raises:
        ExportError: an unknown kind, or a clip without a part.
        VideoError: a clip cannot be read.
    """
    if kind not in KINDS:
        raise ExportError(f"kind={kind!r}: choose one of {', '.join(KINDS)}")
    data, out = Path(data_folder).absolute(), Path(out).absolute()
    parts = manifest["path"].map(dict(zip(split["path"], split["split"], strict=True)))
    if parts.isna().any():
        path = manifest.loc[parts.isna(), "path"].iloc[0]
        raise ExportError(f"{path} stands in no part of the split; run notebook 01 again")
    place = _video if kind == "videos" else _frames
    listed = [place(data, out, clip) for clip in manifest.itertuples()]
    missing = [entry.made_by for entry in listed if entry.made_by and not Path(entry.path).exists()]
    made = sum(map_in_processes(_call, missing, "Writing", workers))
    classes = sorted(manifest["label"].unique())
    lines = pd.DataFrame(
        {
            "part": parts.to_numpy(),
            "path": [entry.path for entry in listed],
            "first": [entry.first for entry in listed],
            "frames": manifest["frames"].to_numpy(),
            "label": [classes.index(label) for label in manifest["label"]],
        }
    )
    settings = _write_lists(out, lines, kind)
    _write(out / "label_map.txt", "\n".join(classes) + "\n")
    _write(out / "dataset.py", _config(data, out, classes, kind, settings))
    return Export(out / "dataset.py", dict(Counter(lines["part"])), made)


def _call(work: Callable[[], None]) -> int:
    work()
    return 1


def _video(data: Path, out: Path, clip) -> _Listed:
    """A video where it lies; cut, encoded or linked where mmaction2 could not read it there."""
    path = data / clip.path
    source = source_of(path)
    if source.unit or source.place.is_dir():
        file = out / "videos" / name_of(path, ".mp4")
        return _Listed(str(file), 0, partial(write_video, path, int(clip.frames), clip.fps, file))
    if clip.path != clip.path.strip() or "\t" in clip.path:
        file = out / "videos" / name_of(path, path.suffix)
        return _Listed(str(file), 0, partial(_link, path, file))
    return _Listed(clip.path)


def _frames(data: Path, out: Path, clip) -> _Listed:
    """A folder of pictures where it lies, if its names are mmaction2's; else one that is made."""
    path = data / clip.path
    source = source_of(path)
    if source.place.is_dir():
        names = [picture.name for picture in pictures_in(source.place)]
        usual = names == [TEMPLATE.format(number) for number in range(1, len(names) + 1)]
        whole = int(min(source.end, len(names)) - source.start) == clip.frames
        relative = clip.path.removesuffix(source.fragment)
        if usual and whole and not any(sign.isspace() for sign in relative):
            return _Listed(relative, int(source.start))
    folder = out / "rawframes" / name_of(path, "")
    make = partial(write_pictures, path, int(clip.frames), folder, TEMPLATE)
    return _Listed(str(folder), 0, make)


def _link(path: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(path)


def _write_lists(out: Path, lines: pd.DataFrame, kind: str) -> dict:
    """Write the three lists; give the settings with which mmaction2 has to read them."""
    if kind == "videos":
        delimiter = "\t" if lines["path"].str.contains(" ", regex=False).any() else " "
        columns, settings = ["path", "label"], {"delimiter": delimiter}
    else:
        if any(sign.isspace() for sign in str(out)):
            raise ExportError(
                f"{out}: mmaction2 reads no raw frames below a folder with spaces; name another"
            )
        offset = bool(lines["first"].any())
        columns = ["path", *["first"] * offset, "frames", "label"]
        delimiter, settings = " ", {"with_offset": offset}
    for part in PARTS:
        rows = lines.loc[lines["part"] == part, columns].astype(str)
        text = "".join(delimiter.join(row) + "\n" for row in rows.itertuples(index=False))
        _write(out / f"{part}.txt", text)
    return settings


def _config(data: Path, out: Path, classes: list[str], kind: str, settings: dict) -> str:
    """A part of a config of mmaction2, to be named in the `_base_` of a whole one."""
    names = {"videos": ("VideoDataset", "video"), "rawframes": ("RawframeDataset", "img")}
    type_, prefix = names[kind]
    opening = [] if kind == "rawframes" else [{"type": "OpenCVInit"}]
    decoding = {"type": "RawFrameDecode" if kind == "rawframes" else "OpenCVDecode"}
    blocks = [
        '"""The clips of a run, for mmaction2: `_base_ = [a model, a schedule, this file]`."""',
        'custom_imports = dict(imports=["helpers.compat"], allow_failed_imports=True)',
        'default_scope = "mmaction"',
        f"classes = {classes!r}",
        f"num_classes = {len(classes)}",
    ]
    for part in PARTS:
        training = part == "train"
        sampling = {"type": "UniformSample", "clip_len": 8, "test_mode": not training}
        ending = (
            [{"type": "RandomResizedCrop"}, {"type": "Resize", "scale": (224, 224)}]
            if training
            else [{"type": "Resize", "scale": (-1, 224)}, {"type": "CenterCrop", "crop_size": 224}]
        )
        if training:
            ending[1]["keep_ratio"] = False
        form = [{"type": "FormatShape", "input_format": "NCTHW"}, {"type": "PackActionInputs"}]
        dataset = {
            "type": type_,
            "ann_file": str(out / f"{part}.txt"),
            "data_prefix": {prefix: str(data)},
            **settings,
            "test_mode": not training,
            "pipeline": [*opening, sampling, decoding, *ending, *form],
        }
        loader = {
            "batch_size": 8 if training else 1,
            "num_workers": 2,
            "persistent_workers": True,
            "sampler": {"type": "DefaultSampler", "shuffle": training},
            "dataset": dataset,
        }
        blocks.append(f"{part}_dataloader = {loader!r}")
    blocks.append('val_evaluator = test_evaluator = dict(type="AccMetric", metric_options=dict(')
    blocks[-1] += "top_k_accuracy=dict(topk=(1,))))"
    return "\n".join(blocks) + "\n"


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> Export:
    """Export a run; say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.clips.export",
        description=__doc__.split("\n\n", 1)[0],
        epilog=__doc__.split("\n\n")[-1],
    )
    parser.add_argument("--name", default="", help="of the run; demo where none is given")
    parser.add_argument("--kind", choices=KINDS, default="videos")
    parser.add_argument("--out", type=Path, help="folder; by default mmaction2 in the run's folder")
    parser.add_argument("--workers", type=int, help="processes; by default one a core")
    asked = parser.parse_args(arguments)
    run = open_run(asked.name or "demo")
    manifest = load_manifest(run.require(run.manifest, "01_explore_dataset"))
    split = load_split(run.require(run.split, "01_explore_dataset"))
    out = asked.out or run.folder / "mmaction2"
    made = export_lists(manifest, split, run.data, out, asked.kind, asked.workers)
    listed = ", ".join(f"{made.clips.get(part, 0)} for {part}" for part in PARTS)
    print(f"{listed}; {made.made} written anew\n{made.config}")
    return made


if __name__ == "__main__":
    main()
