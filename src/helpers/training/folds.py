"""Cross-validation: a training for each fold of the recordings, load-or-run, and every clip tested.

Each fold is a run of its own in `runs/<name>/folds/<fold>/`, with manifest, split and training, all
of it, the start on single frames too: an image transformer that had seen the fold's clips would
know them. Folds differ in their seed as well, so that the scatter of their scores has in it what
another start would change. A cross-validation that is cut goes on where it stopped.
"""

import os
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import pandas as pd
import torch
from mmengine.config import Config

from helpers.clips.duplicates import DUPLICATES, load_duplicates
from helpers.clips.folds import load_folds, load_or_draw_folds, most_folds, split_of_fold
from helpers.clips.manifest import load_manifest
from helpers.clips.parallel import map_in_processes
from helpers.clips.split import PARTS, load_split
from helpers.files import write_table
from helpers.runs import Run
from helpers.training.choices import Choices
from helpers.training.device import Compute
from helpers.training.inference import load_model
from helpers.training.plan import EXPLORE, keep_frames, parts_of_clips, plan_images, plan_training
from helpers.training.train import load_training, train
from helpers.training.views import ONE_VIEW, Views, load_or_predict_views

TRAIN = "02_train_timesformer"
FOLDER = "folds"
DRAWN = "folds.csv"
PREDICTIONS = "predictions.csv"
GROUPS = "groups"
"""In place of a number of folds: as many as leave one recording out at a time."""
OF_TRAINING = ("epochs", "seconds", "best_epoch", "best_score")
COLUMNS = ["fold", *PARTS, "recordings", "classes", *OF_TRAINING]


def count_folds(run: Run, asked: int | str = 0) -> int:
    """How many folds a run's cross-validation has.

    Args:
        run: with a manifest.
        asked: how many; "groups" to leave one recording out at a time; 0: as many as were drawn
            before, none if none were.
    """
    drawn = run.folder / FOLDER / DRAWN
    if asked == GROUPS:
        manifest = load_manifest(run.require(run.manifest, EXPLORE))
        return most_folds(manifest, load_duplicates(run.folder / DUPLICATES))
    if asked or not drawn.exists():
        return int(asked)
    return load_folds(drawn)["fold"].nunique()


def open_folds(run: Run, k: int) -> list[Run]:
    """Draw the folds of a run's clips, or load them, and make a run of each.

    The copies that notebook 01 found (duplicates.csv) stay together.

    Args:
        run: with a manifest.
        k: number of folds.

    Returns:
        k runs with manifest.csv and split.csv, in the order of the folds.

    Raises:
        FoldError: the recordings do not make k folds, or other ones were drawn before.
    """
    manifest = load_manifest(run.require(run.manifest, EXPLORE))
    duplicates = load_duplicates(run.folder / DUPLICATES)
    file, seed = run.folder / FOLDER / DRAWN, run.settings.seed
    folds = load_or_draw_folds(manifest, file, k, seed, duplicates)
    runs = [_fold_run(run, fold) for fold in range(k)]
    splits = [split_of_fold(folds, fold, seed, duplicates) for fold in range(k)]
    for one, split in zip(runs, splits, strict=True):
        write_table(one.manifest, manifest)
        write_table(one.split, split)
    return runs


def _fold_run(run: Run, fold: int) -> Run:
    settings = replace(run.settings, seed=run.settings.seed + fold)
    return Run(run.name, run.folder / FOLDER / str(fold), settings)


def train_folds(
    run: Run,
    k: int,
    compute: Compute,
    choices: Choices | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Train a model for every fold that has none.

    Args:
        run: with a manifest.
        k: number of folds.
        compute: device and precision.
        choices: what the trainings do differently from the profile.
        workers: folds at a time, each on its share of the cores; None: one per core on a CPU, one
            on a GPU.

    Returns:
        One row per fold: fold, train, val, test (clips), recordings and classes (of the tested
        clips), epochs, seconds (with the start on single frames), best_epoch, best_score (mean
        class accuracy on validation).

    Raises:
        FoldError: as `open_folds`.
        TrainingError: a fold was trained with other settings or clips.
    """
    runs = open_folds(run, k)
    keep_frames(run)
    cores = os.cpu_count() or 1
    workers = min(workers or (1 if compute.device == "cuda" else cores), k)
    work = []
    for one in runs:
        images = plan_images(one, compute, choices)
        configs = [plan_training(one, compute, choices, images=images)]
        work.append(([images, *configs] if images else configs, parts_of_clips(one)))
    one = partial(_train_fold, threads=max(1, cores // workers))
    for _ in map_in_processes(one, work, "Trainings of the folds", workers, heavy=True):
        pass
    return finished_folds(run)


def _train_fold(work: tuple[Sequence[Config], list[tuple[str, str]]], threads: int) -> None:
    """Train one fold; what that would print is left to its log."""
    configs, clips = work
    torch.set_num_threads(threads)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        for config in configs:
            train(config, clips)


def finished_folds(run: Run) -> pd.DataFrame:
    """Every finished fold of a run: the table of `train_folds`; empty where there is none."""
    rows = []
    for fold in range(count_folds(run)):
        one = _fold_run(run, fold)
        if not (one.training / "training.json").exists():
            continue
        training = load_training(one.training)
        split = load_split(one.split)
        tested = split[split["split"] == "test"]
        parts = split["split"].value_counts()
        images = one.training / "images"
        start = load_training(images).seconds if (images / "training.json").exists() else 0.0
        rows.append(
            {"fold": fold}
            | {part: int(parts[part]) for part in PARTS}
            | {"recordings": tested["group"].nunique(), "classes": tested["label"].nunique()}
            | {name: getattr(training, name) for name in OF_TRAINING}
            | {"seconds": training.seconds + start}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def predict_folds(run: Run, compute: Compute, views: Views = ONE_VIEW) -> pd.DataFrame:
    """Predict every clip by the model that was trained without its fold.

    Args:
        run: whose folds are all trained.
        compute: device and precision.
        views: of each clip, averaged; those that are up to date are not predicted again.

    Returns:
        The table of `ViewPredictions.average` with the column fold; also written to
        `runs/<name>/folds/predictions.csv`.

    Raises:
        RunError: the folds are not drawn, or one is not trained.
    """
    run.require(run.folder / FOLDER / DRAWN, TRAIN)
    tables = []
    for fold in range(count_folds(run)):
        one = _fold_run(run, fold)
        one.require(one.training / "training.json", TRAIN)
        training = load_training(one.training)
        model = load_model(training, compute)
        seen = load_or_predict_views(model, training, compute, one.folder / "views", views=views)
        tables.append(seen.average().assign(fold=fold))
    pooled = pd.concat(tables, ignore_index=True)
    write_table(pooled_predictions(run), pooled)
    return pooled


def pooled_predictions(run: Run) -> Path:
    """Where the predictions of all folds lie."""
    return run.folder / FOLDER / PREDICTIONS
