"""Maps of several networks measured alike: on the same clips, in pieces of the same size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from helpers.explain import faithfulness
from helpers.explain.faithfulness import Measured
from helpers.explain.methods import CENTRE, RANDOM, Explainer, explain
from helpers.explain.subjects import read_subjects
from helpers.training.device import Compute
from helpers.training.inference import ClipInput, ClipReader, autocast, config_of
from helpers.training.train import Training


@dataclass(frozen=True)
class Contender:
    """A network with the ways to explain it."""

    name: str
    model: nn.Module  # recogniser in evaluation mode
    training: Training
    explainers: Mapping[str, Explainer]


def on_grid(explainer: Explainer, rows: int, columns: int) -> Explainer:
    """The same maps in other pieces: every frame, so many rows and columns, in between linear.

    What takes away and puts back pieces of a clip compares two maps only if the pieces are alike.
    A map in which nothing speaks for the class says the same of every place, and becomes even.
    """

    def explained(model: nn.Module, clips: Tensor, classes: Tensor) -> Tensor:
        maps = explainer(model, clips, classes).float()
        silent = (maps <= 0).flatten(1).all(1)
        maps = torch.where(silent[:, None, None, None], torch.ones_like(maps), maps)
        if tuple(maps.shape[1:]) == (clips.shape[2], rows, columns):
            return maps
        sides = (clips.shape[2], rows, columns)
        return nn.functional.interpolate(maps[:, None], sides, mode="trilinear")[:, 0]

    return explained


def common_grid(contenders: Sequence[Contender], finest: int = 14) -> tuple[int, int]:
    """Rows and columns, at most `finest`, that divide the square pictures of all networks."""
    sides = [config_of(one.training).model.backbone.img_size for one in contenders]
    return (max(n for n in range(1, finest + 1) if all(side % n == 0 for side in sides)),) * 2


def measure_each(
    contenders: Sequence[Contender],
    clips: pd.DataFrame,
    data: Path,
    compute: Compute,
    grid: tuple[int, int] | None = None,
) -> dict[str, Measured]:
    """Deletion, insertion and shares inside boxes for each network, by its name.

    Args:
        contenders: their trainings have the same test part.
        clips: columns path, group; test clips.
        data: folder that the paths are relative to.
        compute: device and precision.
        grid: rows and columns of the pieces; None: `common_grid`.
    """
    grid = grid or common_grid(contenders)
    measured = {}
    for contender in contenders:
        reader = ClipReader(contender.model, contender.training)
        subjects = read_subjects(reader, clips, data, grid)
        explainers = {name: on_grid(one, *grid) for name, one in contender.explainers.items()}
        measured[contender.name] = faithfulness.measure(
            subjects, contender.model, reader.classes, explainers, partial(autocast, compute)
        )
    return measured


def in_one(
    table: Callable[[Measured], pd.DataFrame], measured: Mapping[str, Measured]
) -> pd.DataFrame:
    """A table of every network under one another; the column `method` begins with its name.

    Args:
        table: of `helpers.explain.tables`. The rows of a random order and of the middle are left
            out: methods of each network are compared with its own.
        measured: from `measure_each`.
    """
    parts = []
    for name, one in measured.items():
        part = table(one)
        part = part[~part["method"].isin([RANDOM, CENTRE])]
        parts.append(part.assign(method=name + ", " + part["method"].astype(str)))
    return pd.concat(parts, ignore_index=True)


def maps_of_clip(
    contender: Contender, path: str, label: str
) -> tuple[ClipInput, dict[str, np.ndarray]]:
    """A test clip as a network sees it, and its maps [T, h, w] for a class by each method.

    A map in which nothing speaks for the class is left out: there is nothing to show. One of fewer
    moments than the clip has frames stands for several frames each.
    """
    reader = ClipReader(contender.model, contender.training)
    clip = reader.read(path)
    asked = torch.tensor([reader.classes.index(label)], device=clip.inputs.device)
    maps = explain(contender.explainers, contender.model, clip.inputs, asked)
    frames = clip.inputs.shape[2]
    maps = {name: one.repeat_interleave(frames // one.shape[1], 1) for name, one in maps.items()}
    return clip, {name: one[0].cpu().numpy() for name, one in maps.items() if (one > 0).any()}


def sentence(perturbed: pd.DataFrame) -> str:
    """What the areas of deletion and insertion say of each network's maps.

    Args:
        perturbed: from `helpers.explain.tables.perturbation_table`, by `in_one`.
    """
    told = []
    for row in perturbed.to_dict("records"):
        better = [name for name in ("deletion", "insertion") if row[f"{name} low"] > 0]
        told.append(f"{row['method']}: {' and '.join(better) or 'neither'}")
    return f"Maps shown to beat a random order in: {'; '.join(told)}."
