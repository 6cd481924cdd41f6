"""A run with tiny clips whose two classes are easy to tell apart, and configs that train on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mmengine.config import Config

import helpers.paths
import helpers.runs
from helpers.clips.frames import FrameStore
from helpers.clips.manifest import MANIFEST_COLUMNS
from helpers.files import write_table
from helpers.paths import kept_frames
from helpers.profiles import (
    CNNS,
    PROFILES,
    Comparison,
    ModelSize,
    Profile,
    Recipe,
    Study,
    YardSize,
)
from helpers.runs import Run, open_run
from helpers.training.choices import Choices
from helpers.training.device import Compute
from helpers.training.plan import plan_training
from helpers.yard.video import write_video

RECIPE = Recipe(
    epochs=3,
    batch_size=4,
    optimizer="AdamW",
    lr=6e-3,
    weight_decay=0.05,
    warmup_epochs=0.5,
    keep_short_side=24,
    keep_frames=6,
    pretrained=None,
)
TINY = Profile(
    "tiny",
    YardSize(clips=16, cameras=4, frames=8, fps=8, width=32, height=24),
    ModelSize(
        num_frames=4,
        img_size=16,
        patch_size=8,
        embed_dims=24,
        num_heads=3,
        num_transformer_layers=2,
        patch_embedding="convolutional",
    ),
    RECIPE,
    replace(RECIPE, epochs=1),
    Study(
        "smoke",
        YardSize(clips=16, cameras=4, frames=8, fps=8, width=96, height=72),
        num_frames=2,
        time_embed_std=0.5,
        recipe=RECIPE,
        epochs={"hazards": 1, "motions": 1, "own": 1},
        clips=4,
    ),
    Comparison(
        num_frames=4,
        img_size=16,
        width=0.125,
        recipe=replace(RECIPE, epochs=1),
        images=dict.fromkeys(CNNS, replace(RECIPE, epochs=1)),
        alone=replace(RECIPE, epochs=2),
    ),
)
CPU = Compute("cpu", "float32", "CPU")

PARTS = {"cam0": "train", "cam1": "train", "cam2": "val", "cam3": "test"}
FRAMES = 8


def clip_frames(label: str, seed: int) -> np.ndarray:
    """uint8 [8, 24, 32, 3]: noise with a bright upper half ("a") or lower half ("b")."""
    noise = np.random.default_rng(seed).integers(0, 60, (FRAMES, 24, 32, 3), np.uint8)
    half = slice(0, 12) if label == "a" else slice(12, 24)
    noise[:, half] += 150
    return noise


def make_run(name: str, clips: int = 2) -> Run:
    """Open a run of the profile "tiny" with `clips` clips per class and camera, frames kept."""
    data = kept_frames().parent / "clips"
    rows = []
    for label in "ab":
        for camera in PARTS:
            for number in range(clips):
                path = f"{label}/{camera}_{number}.mp4"
                frames = clip_frames(label, seed=len(rows))
                size = write_video(data / path, frames, fps=8).stat().st_size
                values = (path, label, camera, FRAMES, 8.0, 1.0, 32, 24, "h264", size)
                rows.append(dict(zip(MANIFEST_COLUMNS, values, strict=True)))
    manifest = pd.DataFrame(rows)
    run = open_run(name, "tiny", data, seed=2)
    write_table(run.manifest, manifest)
    split = manifest[["path", "label", "group"]].assign(split=manifest["group"].map(PARTS))
    write_table(run.split, split)
    FrameStore(kept_frames(), RECIPE.keep_short_side, RECIPE.keep_frames).fill(data, manifest, 1)
    return run


def plan(run: Run, folder: Path, compute: Compute = CPU, **settings) -> Config:
    """Plan a training of the run in `folder`."""
    choices = Choices(model=settings.pop("model", {}), recipe=settings.pop("recipe", {}))
    return plan_training(run, compute, choices, folder=folder, **settings)


@contextmanager
def tiny_project(folder: Path) -> Iterator[None]:
    """Data and runs below `folder`, and the profile "tiny", for the length of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helpers.paths, "DATA", folder / "data")
        patch.setattr(helpers.runs, "RUNS", folder / "runs")
        patch.setitem(PROFILES, "tiny", TINY)
        # Laying a config's text out takes longer than an epoch here, and each checkpoint has it.
        patch.setattr("mmengine.config.config.FormatCode", lambda text, **_: (text, True))
        yield
