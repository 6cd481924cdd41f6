"""The paper's study of schemes and positional embeddings: many small trainings, load-or-run.

Each cell of the grid is a training of its own in `runs/<name>/study/<labels>/`, started from the
same image transformer, on the same clips, with the same recipe; only what the cell names differs.
A study that is cut goes on where it stopped.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path
from typing import TypeVar

import pandas as pd
import torch
from mmengine.config import Config

from helpers.clips.frames import FrameStore
from helpers.clips.manifest import load_manifest, load_or_build_manifest
from helpers.clips.parallel import map_in_processes
from helpers.clips.split import load_or_draw_split, load_split
from helpers.files import write_table
from helpers.models.transformer import POSITIONS, SCHEMES
from helpers.paths import kept_frames, motions_folder
from helpers.profiles import GRIDS
from helpers.runs import Run
from helpers.training.config import build_config
from helpers.training.device import Compute
from helpers.training.inference import load_model
from helpers.training.plan import plan_images, training_counts
from helpers.training.train import load_training, train
from helpers.training.views import predict_views
from helpers.yard import make_yard

Work = TypeVar("Work")

TRAIN = "02_train_timesformer"
PREDICTIONS = "predictions.csv"
COLUMNS = [
    *("labels", "attention_type", "positional_embedding", "seed"),
    *("epochs", "seconds", "predictions"),
]


@dataclass(frozen=True)
class LabelSet:
    """Clips with labels, and their split."""

    name: str
    data: Path  # folder that the manifest's paths are relative to
    manifest: Path
    split: Path


@dataclass(frozen=True)
class Cell:
    """One training of the study."""

    labels: str
    attention_type: str
    positional_embedding: str
    seed: int

    @property
    def name(self) -> str:
        """Folder of the cell, relative to the study's."""
        what = f"{self.attention_type}-{self.positional_embedding}-{self.seed}"
        return f"{self.labels}/{what}"


def grid(
    labels: Iterable[str], schemes: Iterable[str], positions: Iterable[str], seeds: Iterable[int]
) -> list[Cell]:
    """All cells, the most telling first: every scheme once before the next positions and seeds.

    Attention in space only has no positions in time: "space" and "space_time" are the same model
    there, and only the latter is listed.
    """
    cells = [
        Cell(label, scheme, position, seed)
        for seed, position, scheme, label in product(seeds, positions, schemes, labels)
    ]
    listed = set(cells)
    return [
        cell
        for cell in cells
        if (cell.attention_type, cell.positional_embedding) != ("space_only", "space")
        or replace(cell, positional_embedding="space_time") not in listed
    ]


def cells_of(name: str, labels: Iterable[str], seeds: int = 3) -> list[Cell]:
    """The cells of a named grid: "full", or "reduced" to what takes minutes on a CPU.

    Args:
        name: of the grid.
        labels: label sets that it is trained on.
        seeds: of the full grid, from 0; the reduced one has a single seed.

    Raises:
        ValueError: there is no such grid, or no seed.
    """
    if name not in GRIDS or seeds < 1:
        raise ValueError(
            f"GRID={name!r}, SEEDS={seeds}: take {' or '.join(GRIDS)}, and a seed or more."
        )
    if name == "full":
        return grid(labels, SCHEMES, POSITIONS[::-1], range(seeds))
    return grid(labels, ("space_only", "divided_space_time"), ("space_time",), (0,))


def label_sets(run: Run) -> dict[str, LabelSet]:
    """The label sets of a run, by name; what is missing of them is made.

    The simulated yard has two, like Kinetics and Something-Something in the paper: "hazards", which
    a single frame may tell, and "motions", pairs that differ in the order of time alone. A folder
    of one's own has the one it comes with, "own".
    """
    if not run.uses_yard:
        return {"own": _few(run, "own", run.data, run.manifest, run.split)}
    folder = motions_folder(run.settings.profile)
    make_yard(folder, run.profile.study.motions, labels="motions")
    about = run.folder / "study" / "motions"
    manifest, split = about / "all-clips.csv", about / "all-split.csv"
    clips = load_or_build_manifest(folder, manifest, about / "quarantine.csv").manifest
    load_or_draw_split(clips, split, run.settings.seed)
    return {
        "hazards": _few(run, "hazards", run.data, run.manifest, run.split),
        "motions": _few(run, "motions", folder, manifest, split),
    }


def _few(run: Run, name: str, data: Path, manifest: Path, split: Path) -> LabelSet:
    """The clips of a label set with as many of its training clips as the study takes.

    They are drawn alike from every class; validation and test clips are all there.
    """
    clips, parts = load_manifest(manifest), load_split(split)
    clips = clips[clips["path"].isin(parts["path"])]
    training = parts[parts["split"] == "train"].sample(frac=1, random_state=run.settings.seed)
    most = run.profile.study.clips
    if most is not None:
        training = training.groupby("label").head(most // training["label"].nunique())
    taken = set(training["path"]) | set(parts.loc[parts["split"] != "train", "path"])
    labels = LabelSet(
        name,
        data,
        run.folder / "study" / name / "manifest.csv",
        run.folder / "study" / name / "split.csv",
    )
    clips = clips[clips["path"].isin(taken)]
    write_table(labels.manifest, clips)
    write_table(labels.split, parts[parts["path"].isin(taken)])
    recipe = run.profile.study.recipe
    if recipe.keep_short_side is not None:
        store = FrameStore(kept_frames(), recipe.keep_short_side, recipe.keep_frames)
        store.fill(data, clips)
    return labels


def plan_cell(
    run: Run, cell: Cell, labels: LabelSet, compute: Compute, images: Path | None
) -> Config:
    """Build the config of one cell.

    Args:
        run: whose profile decides model and recipe.
        cell: what is trained.
        labels: that the cell names.
        compute: device and precision.
        images: weights of the image transformer that every cell starts from; None: as the
            profile's recipe says.
    """
    study, counts = run.profile.study, training_counts(labels.split)
    recipe = vars(study.recipe) | {"epochs": study.epochs[labels.name]}
    return build_config(
        run.profile,
        list(counts),
        list(counts.values()),
        manifest=labels.manifest,
        split=labels.split,
        data=labels.data,
        folder=run.folder / "study" / cell.name,
        frames=kept_frames(),
        compute=compute,
        seed=cell.seed,
        model={
            "num_frames": study.num_frames,
            "attention_type": cell.attention_type,
            "positional_embedding": cell.positional_embedding,
            "time_embed_std": study.time_embed_std,
        },
        recipe=recipe | ({"pretrained": str(images)} if images else {}),
    )


def run_cells(
    run: Run,
    cells: Sequence[Cell],
    sets: Mapping[str, LabelSet],
    compute: Compute,
    workers: int | None = None,
) -> None:
    """Train and test every cell that is not finished.

    Beside its training each cell's folder gets `predictions.csv`, of the test clips.

    Args:
        run: with a finished image transformer, where its profile has one.
        cells: from `grid`.
        sets: from `label_sets`.
        compute: device and precision.
        workers: cells at a time, each on its share of the cores; None: one per core on a CPU, one
            on a GPU.

    Raises:
        RunError: the image transformer is missing.
        TrainingError: a cell was trained with other settings.
    """
    images = plan_images(run, compute)
    start = images and run.require(Path(images.work_dir) / "training.json", TRAIN)
    start = start and start.with_name("best.pth")
    work = [
        (plan_cell(run, cell, sets[cell.labels], compute, start), sets[cell.labels], compute)
        for cell in cells
        if not (run.folder / "study" / cell.name / PREDICTIONS).exists()
    ]
    run_trainings(_run_cell, work, "Trainings of the study", compute, workers)


def _run_cell(work: tuple[Config, LabelSet, Compute]) -> None:
    train_and_test(*work)


def run_trainings(
    function: Callable[[Work], None],
    work: Sequence[Work],
    description: str,
    compute: Compute,
    workers: int | None = None,
) -> None:
    """Call a function that trains on each piece of work, several at a time.

    Args:
        function: of a module's top level.
        work: what it is called with, one by one.
        description: stands beside the progress bar.
        compute: device that they share.
        workers: trainings at a time, see `run_cells`.
    """
    cores = os.cpu_count() or 1
    workers = workers or (1 if compute.device == "cuda" else cores)
    threads = max(1, cores // max(1, min(workers, len(work))))
    one = partial(_on_threads, function, threads)
    for _ in map_in_processes(one, work, description, workers, heavy=True):
        pass


def _on_threads(function: Callable[[Work], None], threads: int, work: Work) -> None:
    torch.set_num_threads(threads)
    function(work)


def train_and_test(config: Config, labels: LabelSet, compute: Compute) -> None:
    """Load, resume or train a config, and keep the predictions of its test clips beside it.

    What it would print is left to its log.

    Args:
        config: from `build_config`.
        labels: that it trains on.
        compute: device and precision.

    Raises:
        TrainingError: the folder holds a training with other settings.
    """
    split = load_split(labels.split)
    clips = list(zip(split["path"], split["split"], strict=True))
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        training = train(config, clips)
        model = load_model(training, compute)
        predictions = predict_views(model, training, compute).average()
        write_table(training.folder / PREDICTIONS, predictions)


def finished(run: Run) -> pd.DataFrame:
    """Every finished cell of a run's study: its labels, scheme, positional embedding and seed.

    Returns:
        columns labels, attention_type, positional_embedding, seed, epochs, seconds (of training),
        predictions (path of its predictions.csv); empty where there is none.
    """
    rows = []
    for predictions in sorted((run.folder / "study").glob(f"*/*/{PREDICTIONS}")):
        scheme, positions, seed = predictions.parent.name.rsplit("-", 2)
        training = load_training(predictions.parent)
        rows.append(
            {
                "labels": predictions.parent.parent.name,
                "attention_type": scheme,
                "positional_embedding": positions,
                "seed": int(seed),
                "epochs": training.epochs,
                "seconds": training.seconds,
                "predictions": str(predictions),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
