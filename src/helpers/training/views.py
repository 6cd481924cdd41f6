"""Views of a clip in tests: which there are, and the predictions of each, kept in a file.

The paper tests on one clip of frames and three square crops (arXiv 2102.05095, section 4), and
averages the probabilities of the views. Here training squeezes nearly whole pictures into the
square, and what a label is about may stand at the edge: the crops are those of training, and the
third one is the whole picture.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from mmengine.runner import Runner
from torch import nn
from tqdm import tqdm

from helpers.files import whole_file
from helpers.training.device import Compute
from helpers.training.inference import config_of, probabilities_of
from helpers.training.train import Training

CROPS = {1: ("whole",), 3: ("left", "right", "whole")}
"""Crops of a picture, all squeezed into the square that the network sees, as in training; where the
height is the longer side, left is top and right is bottom."""
SQUARES = ("left", "right", "middle")
"""The paper's: three squares along the longer side, not squeezed."""
SHARE = 0.85
"""Of the longer side, that the left and the right crop keep: as little as training keeps."""
SQUARE, MIRROR = "square", "mirror"


@dataclass(frozen=True)
class Views:
    """Temporal clips × spatial crops, and whether each is also seen mirrored."""

    clips: int
    crops: int
    square: bool = False  # three squares, as the paper has them
    mirror: bool = False

    @classmethod
    def parse(cls, text: str) -> "Views":
        """Views from text: clips x crops, then "+square" or "+mirror" or both.

        "1x3" is one clip of frames and three crops: the whole picture, and its left and right
        parts. "4x1+mirror" are four clips of the whole picture, each mirrored too. "1x3+square" is
        the paper's test.

        Raises:
            ValueError: the text says something else.
        """
        size, *added = text.replace(" ", "").split("+")
        found = re.fullmatch(r"([1-9]\d?)x([13])", size)
        if not found or not set(added) <= {SQUARE, MIRROR} or (SQUARE in added and found[2] == "1"):
            raise ValueError(
                f"VIEWS={text!r}: give clips x crops, the crops 1 or 3, such as 1x3, 4x1+mirror or "
                "1x3+square."
            )
        return cls(int(found[1]), int(found[2]), SQUARE in added, MIRROR in added)

    def __str__(self) -> str:
        added = (f"+{SQUARE}" if self.square else "") + (f"+{MIRROR}" if self.mirror else "")
        return f"{self.clips}x{self.crops}{added}"

    @property
    def table(self) -> pd.DataFrame:
        """One row per view, in the order of predictions: clip (from 0), crop, mirrored."""
        rows = [
            {"clip": clip, "crop": crop, "mirrored": mirrored}
            for mirrored in ((False, True) if self.mirror else (False,))
            for crop in (SQUARES if self.square else CROPS[self.crops])
            for clip in range(self.clips)
        ]
        return pd.DataFrame(rows)

    def pipeline(self, steps: Sequence[dict]) -> list[dict]:
        """The pipeline of tests, changed so that it gives all views but the mirrored ones.

        Args:
            steps: from `helpers.training.config.pipelines`.
        """
        changed = []
        for step in steps:
            if step["type"] == "UniformSample":
                changed.append(
                    {
                        "type": "SampleViews",
                        "clip_len": step["clip_len"],
                        "num_clips": self.clips,
                    }
                )
            elif step["type"] == "Resize" and self.crops == 3:
                changed += [{"type": "ThreeCrops", "share": None if self.square else SHARE}, step]
            else:
                changed.append(step)
        return changed


ONE_VIEW = Views(1, 1)
"""One clip of frames, of the whole picture."""


@dataclass(frozen=True)
class ViewPredictions:
    """What the model says of every view of every clip of a part."""

    clips: pd.DataFrame  # path, group, label
    classes: tuple[str, ...]
    views: Views
    probabilities: np.ndarray  # float32 [clip, view, class]
    seconds: float  # of the network alone, over all clips and views
    was_loaded: bool = False

    @property
    def seconds_per_view(self) -> float:
        """Seconds of the network for one view of one clip, in the batches of the tests."""
        return self.seconds / (self.probabilities.shape[0] * self.probabilities.shape[1])

    def average(self, chosen: Sequence[int] | None = None) -> pd.DataFrame:
        """The table of predictions: probabilities averaged over views.

        Args:
            chosen: places of views in `Views.table`; None for all of them.

        Returns:
            One row per clip: path, group, label, predicted, and `p_<class>` for each class.
        """
        scores = self.probabilities if chosen is None else self.probabilities[:, list(chosen)]
        scores = scores.mean(axis=1)
        table = self.clips.reset_index(drop=True)
        table["predicted"] = [self.classes[best] for best in scores.argmax(1)]
        return table.join(pd.DataFrame(scores, columns=[f"p_{name}" for name in self.classes]))


@torch.no_grad()
def predict_views(
    model: nn.Module,
    training: Training,
    compute: Compute,
    part: str = "test",
    views: Views = ONE_VIEW,
) -> ViewPredictions:
    """Predict every view of every clip of a part.

    Args:
        model: from `helpers.training.inference.load_model`.
        training: that it comes from.
        compute: where it is.
        part: "train", "val" or "test".
        views: which views.
    """
    loader = config_of(training).test_dataloader
    loader.dataset.part = part
    loader.dataset.pipeline = views.pipeline(loader.dataset.pipeline)
    batches = Runner.build_dataloader(loader)
    classes, dataset = tuple(loader.dataset.classes), batches.dataset
    probabilities, seconds = [], 0.0
    for batch in tqdm(batches, desc=f"Predicting {part}, views {views}", mininterval=2):
        seen = [batch["inputs"]]  # of each clip uint8 [views, 3, T, H, W]
        if views.mirror:
            seen.append([clip.flip(-1) for clip in batch["inputs"]])
        start = perf_counter()
        scores = [
            probabilities_of(
                model, batch | {"inputs": [clip[place : place + 1] for clip in clips]}, compute
            )
            for clips in seen
            for place in range(len(clips[0]))
        ]
        seconds += perf_counter() - start
        probabilities.append(np.stack(scores, axis=1))
    rows = [dataset.get_data_info(place) for place in range(len(dataset))]
    clips = pd.DataFrame(
        [
            {"path": row["path"], "group": row["group"], "label": classes[row["label"]]}
            for row in rows
        ]
    )
    return ViewPredictions(clips, classes, views, np.concatenate(probabilities), seconds)


def load_or_predict_views(
    model: nn.Module,
    training: Training,
    compute: Compute,
    folder: Path,
    part: str = "test",
    views: Views = ONE_VIEW,
    weights: str = "best",
) -> ViewPredictions:
    """Predictions of all views from `folder`, or made anew where weights or clips have changed.

    Args:
        model: from `load_model(training, compute, weights)`.
        training: that it comes from.
        compute: where it is.
        folder: gets `<part>_<views>.npz`: probabilities float32 [clip, view, class], path, group,
            label, classes, seconds, and `made_from`, by which they are known to be up to date.
        part: "train", "val" or "test".
        views: which views.
        weights: "best" or "last".
    """
    settings = config_of(training).test_dataloader.dataset
    files = {
        "weights": {"best": training.best, "last": training.last}[weights],
        "manifest": Path(settings.manifest),
        "split": Path(settings.split),
    }
    made_from = {name: _digest(file) for name, file in files.items()}
    made_from |= {"part": part, "views": str(views), "precision": compute.precision}
    file = folder / f"{part}_{views}.npz"
    found = _load(file, made_from, views)
    if found is not None:
        return found
    made = predict_views(model, training, compute, part, views)
    names = {name: made.clips[name].to_numpy(str) for name in made.clips}
    with whole_file(file) as part_of_file:
        np.savez_compressed(
            part_of_file,
            probabilities=made.probabilities,
            classes=np.array(made.classes),
            seconds=made.seconds,
            made_from=json.dumps(made_from),
            **names,
        )
    return made


def _load(file: Path, made_from: dict, views: Views) -> ViewPredictions | None:
    """What a file holds; None where it is absent or was made from something else."""
    if not file.exists():
        return None
    with np.load(file) as kept:
        if json.loads(str(kept["made_from"])) != made_from:
            return None
        clips = pd.DataFrame({name: kept[name].tolist() for name in ("path", "group", "label")})
        classes = tuple(kept["classes"].tolist())
        return ViewPredictions(
            clips, classes, views, kept["probabilities"], float(kept["seconds"]), was_loaded=True
        )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]
