"""Which test clips are explained, and what is known about them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from helpers.explain.boxes import known_cover
from helpers.training.inference import ClipReader


@dataclass(frozen=True)
class Subject:
    """A clip whose maps are measured."""

    path: str
    group: str
    label: str
    inputs: Tensor  # [1, channels, T, height, width], normalised
    covered: np.ndarray | None = None  # of the hazard's boxes, [T, rows, columns]


def draw_subjects(predictions: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """Rows of some clips, as many of each class as far as they go, over many recordings.

    Args:
        predictions: columns path, group, label.
        count: clips wanted; of fewer all are taken.
        seed: of the lots.
    """
    lots = predictions.sample(frac=1, random_state=seed)
    turn = lots.groupby(["label", "group"]).cumcount()  # first one clip of each recording
    lots = lots.assign(turn=turn).sort_values("turn", kind="stable")
    turn = lots.groupby("label").cumcount()
    return (
        lots.assign(turn=turn).sort_values("turn", kind="stable").head(count).drop(columns="turn")
    )


def read_subjects(
    reader: ClipReader, clips: pd.DataFrame, data: Path, grid: tuple[int, int] | None = None
) -> list[Subject]:
    """Clips as the model sees them, with the hazard's boxes where they are known.

    Args:
        reader: of the part that the clips are of.
        clips: columns path, group.
        data: folder that the paths are relative to.
        grid: rows and columns in which the boxes are told; None: those of the model's patches.
    """
    grid = grid or reader.model.backbone.grid[1:]
    subjects = []
    for row in clips.itertuples():
        clip = reader.read(row.path)
        covered = known_cover(data / row.path, clip.label, clip.indices, grid)
        subjects.append(Subject(row.path, row.group, clip.label, clip.inputs, covered))
    return subjects
