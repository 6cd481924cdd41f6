"""The comparison with CNNs: many trainings on the same clips with the same budget, load-or-run.

Each is a training of its own in `runs/<name>/comparison/<labels>/`, those on single frames in
`images/` there; what it stands for is written down beside it in entry.json, so that tables come
from the folders alone. A comparison that is cut goes on where it stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from mmengine.config import Config

from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.files import read_json, write_json, write_table
from helpers.paths import kept_frames
from helpers.profiles import CNNS
from helpers.runs import Run, RunError
from helpers.training.config import build_config
from helpers.training.device import Compute
from helpers.training.entries import DEFAULT, IMAGES, MOTIONS, NOTHING, Entry
from helpers.training.log import read_scalars
from helpers.training.network import begin_with_head, of_one_frame
from helpers.training.plan import keep_frames, training_counts
from helpers.training.study import (
    PREDICTIONS,
    LabelSet,
    label_sets,
    run_trainings,
    train_and_test,
)
from helpers.training.train import load_training


def sets_of(run: Run, grid: str) -> dict[str, LabelSet]:
    """The label sets by name, the run's own clips first; those of motions in the full grid alone.

    Unlike in the study of schemes, all training clips of the run's own split are taken.
    """
    name = "hazards" if run.uses_yard else "own"
    keep_frames(run)
    own = {name: LabelSet(name, run.data, run.manifest, run.split)}
    if grid != "full" or not run.uses_yard:
        return own
    return own | {MOTIONS: label_sets(run)[MOTIONS]}


def share_of(labels: LabelSet, share: float, folder: Path, seed: int = 0) -> LabelSet:
    """A label set with a share of its training clips, drawn alike from every class.

    A smaller share is part of a larger one. Validation and test clips are all there.

    Args:
        labels: to draw from.
        share: above 0, up to 1.
        folder: gets the tables.
        seed: of the draw.

    Raises:
        ValueError: the share lies outside of that, or leaves a class without a clip.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share}: take more than 0 and at most 1 of the training clips.")
    if share == 1:
        return labels
    clips, parts = load_manifest(labels.manifest), load_split(labels.split)
    training = parts[parts["split"] == "train"].sample(frac=1, random_state=seed)
    counts = (training["label"].value_counts() * share).round().astype(int)
    if counts.min() < 1:
        raise ValueError(f"share={share} leaves {counts.idxmin()} without a clip: take more.")
    rank = training.groupby("label").cumcount()
    training = training[rank < training["label"].map(counts)]
    taken = set(training["path"]) | set(parts.loc[parts["split"] != "train", "path"])
    name = f"{labels.name}-{share:.0%}".replace("%", "pc")
    few = LabelSet(labels.name, labels.data, folder / f"{name}.csv", folder / f"{name}-split.csv")
    write_table(few.manifest, clips[clips["path"].isin(taken)])
    write_table(few.split, parts[parts["path"].isin(taken)])
    return few


def comparison_of(run: Run) -> Path:
    """Folder of the comparison."""
    return run.folder / "comparison"


def folder_of(run: Run, entry: Entry) -> Path:
    """Folder of one training of it."""
    return comparison_of(run) / entry.name


def plan_entry(run: Run, entry: Entry, labels: LabelSet, compute: Compute) -> Config:
    """Build the config of one training.

    Args:
        run: whose profile decides sizes and recipes.
        entry: what is trained.
        labels: that it names, with its share of clips.
        compute: device and precision.
    """
    sizes, counts = run.profile.comparison, training_counts(labels.split)
    cnn = CNNS.get(entry.model)
    model = {"num_frames": sizes.num_frames} | dict(entry.changes)
    if cnn:
        model |= {"img_size": sizes.img_size, "width": sizes.width}
    # Of what single frames cannot tell, they are too little to begin with.
    is_begun = entry.start == IMAGES and entry.labels != MOTIONS
    recipe = dict(vars(sizes.recipe if is_begun else sizes.alone))
    if entry.on_frames:
        model |= of_one_frame(cnn or run.profile.model)
        recipe = dict(vars(sizes.images[entry.model if cnn else DEFAULT]))
    start = entry.before and folder_of(run, entry.before) / "best.pth"
    if start:
        recipe["pretrained"] = str(start)
    if not cnn:  # its rates and batches are its own: those of CNNs are too large for it
        own = run.profile.images if entry.on_frames and run.profile.images else run.profile.recipe
        recipe |= {"lr": own.lr, "batch_size": own.batch_size}
    config = build_config(
        replace(run.profile, model=cnn or run.profile.model),
        list(counts),
        list(counts.values()),
        manifest=labels.manifest,
        split=labels.split,
        data=labels.data,
        folder=folder_of(run, entry),
        frames=kept_frames(),
        compute=compute,
        seed=entry.seed,
        model=model,
        recipe=recipe,
    )
    return begin_with_head(config, start) if entry.start == IMAGES else config


def run_entries(
    run: Run,
    wanted: Iterable[Entry],
    sets: Mapping[str, LabelSet],
    compute: Compute,
    workers: int | None = None,
) -> None:
    """Train and test what is not finished, what others start from before them.

    Each folder gets entry.json and, of the test clips, predictions.csv. Entries that start from the
    same training follow it one after another in one process.

    Args:
        run: with manifest and split.
        wanted: from `entries`; their training on single frames need not be among them.
        sets: from `sets_of`.
        compute: device and precision.
        workers: trainings at a time; None: one per core on a CPU, one on a GPU.

    Raises:
        RunError: an entry starts from what is neither there nor wanted.
        TrainingError: a folder holds a training with other settings.
    """
    todo = [entry for entry in wanted if not _is_tested(run, entry)]
    chains: dict[str, list[Entry]] = {}
    for entry in todo:
        *earlier, _ = entry.line
        chain = chains.setdefault(entry.line[0].name, [])
        for one in earlier:
            if one in [*todo, *chain] or _is_tested(run, one):
                continue
            if not one.on_frames:
                where = folder_of(run, one)
                raise RunError(
                    f"{entry.name} starts from {where}, which is not trained: ask for it too."
                )
            chain.append(one)
        chain.append(entry)
    shares = {(entry.labels, entry.share) for chain in chains.values() for entry in chain}
    few = {
        (name, share): share_of(sets[name], share, comparison_of(run) / name, run.settings.seed)
        for name, share in shares
    }
    work = [
        [(run, entry, few[entry.labels, entry.share], compute) for entry in chain]
        for chain in chains.values()
    ]
    run_trainings(_run_chain, work, "Trainings of the comparison", compute, workers)


def _is_tested(run: Run, entry: Entry) -> bool:
    """Whether it is finished, and what it learnt from single frames still there."""
    is_there = (folder_of(run, entry) / PREDICTIONS).exists()
    return is_there and (entry.start != IMAGES or _is_tested(run, entry.before))


def _run_chain(chain: Iterable[tuple[Run, Entry, LabelSet, Compute]]) -> None:
    """Train and test entries one after another, each behind what it starts from."""
    for run, entry, labels, compute in sorted(chain, key=lambda work: len(work[1].line)):
        write_json(folder_of(run, entry) / "entry.json", asdict(entry))
        train_and_test(plan_entry(run, entry, labels, compute), labels, compute)


def finished(run: Run) -> pd.DataFrame:
    """Every finished training of the comparison on clips, from the folders alone.

    Returns:
        columns labels, model, seed, share, start, changes (in words, "" for none), epochs,
        seconds (of training, those on single frames included), folder, images (that of the
        training on single frames, "" for none) and predictions (paths); empty where there is none.
    """
    columns = [
        *("labels", "model", "seed", "share", "start", "changes"),
        *("epochs", "seconds", "folder", "images", "predictions"),
    ]
    rows = []
    for told in sorted(comparison_of(run).glob("*/*/entry.json")):
        entry = Entry(**read_json(told))
        if not _is_tested(run, entry):
            continue
        training, before = load_training(told.parent), entry.before
        images = str(folder_of(run, before)) if before and before.on_frames else ""
        seconds = training.seconds + (load_training(Path(images)).seconds if images else 0)
        changes = ", ".join(f"{key}={value}" for key, value in entry.changes.items())
        rows.append(
            {key: value for key, value in vars(entry).items() if key in columns}
            | {"changes": changes, "epochs": training.epochs, "seconds": seconds}
            | {"folder": str(told.parent), "images": images}
            | {"predictions": str(told.parent / PREDICTIONS)}
        )
    return pd.DataFrame(rows, columns=columns)


def seconds_in_all(trainings: pd.DataFrame) -> float:
    """Seconds of all trainings; one on single frames that many start from counts once.

    Args:
        trainings: from `finished` or `with_run`.
    """
    folders = [*trainings["folder"], *filter(None, trainings["images"].unique())]
    return sum(load_training(Path(folder)).seconds for folder in folders)


def with_run(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """`finished` and, at its head, the run's own TimeSformer as notebooks 02 and 03 made it.

    It had a budget of its own, which its row tells; `start` says "images" where it learnt single
    frames first, and otherwise "nothing", or the file it started from.

    Raises:
        RunError: it is not trained, or not tested.
    """
    run.require(run.training / "training.json", "02_train_timesformer")
    run.require(run.predictions, "03_evaluate")
    training, start, seconds = load_training(run.training), NOTHING, 0.0
    pretrained = Config.fromfile(training.config).model.backbone.pretrained
    images = run.training / "images"
    if (images / "training.json").exists():
        start, seconds = IMAGES, load_training(images).seconds
    elif pretrained:
        start = Path(pretrained).name
    row = {
        "labels": "hazards" if run.uses_yard else "own",
        "model": "run's own", "seed": run.settings.seed, "share": 1.0, "start": start,
        "changes": "", "epochs": training.epochs, "seconds": training.seconds + seconds,
        "folder": str(run.training), "images": str(images) if start == IMAGES else "",
        "predictions": str(run.predictions),
    }  # fmt: skip
    return pd.concat([pd.DataFrame([row]), table], ignore_index=True)


def curves_of(trainings: pd.DataFrame) -> pd.DataFrame:
    """What trainings logged, over epochs and over seconds.

    Args:
        trainings: from `finished` or `with_run`.

    Returns:
        The columns of `read_scalars`, `training` (the row's index) and `seconds`: of training,
        those on single frames before it included, evenly over the epochs on clips.
    """
    parts = []
    for place, row in trainings.iterrows():
        scalars = read_scalars(Path(row["folder"]))
        on_clips = load_training(Path(row["folder"])).seconds
        before = row["seconds"] - on_clips
        seconds = before + scalars["epoch"] / row["epochs"] * on_clips
        parts.append(scalars.assign(training=place, seconds=seconds))
    return pd.concat(parts, ignore_index=True)


def on_frames(trainings: pd.DataFrame) -> pd.DataFrame:
    """The trainings on single frames that others start from, as `curves_of` takes them.

    Args:
        trainings: from `finished` or `with_run`.

    Returns:
        One row for each, under the index of the first that starts from it: the columns of
        `trainings` with folder, epochs and seconds of the training on single frames.
    """
    begun = trainings[trainings["images"] != ""].drop_duplicates("images")
    told = [load_training(Path(folder)) for folder in begun["images"]]
    return begun.assign(
        folder=begun["images"],
        epochs=[training.epochs for training in told],
        seconds=[training.seconds for training in told],
    )
