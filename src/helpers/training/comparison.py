"""The comparison with CNNs: many trainings on the same clips with the same budget, load-or-run.

Each is a training of its own in `runs/<name>/comparison/<labels>/`; what it stands for is written
down beside it in entry.json, so that tables come from the folders alone. A comparison that is cut
goes on where it stopped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path

import pandas as pd
from mmengine.config import Config

from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.files import read_json, write_json, write_table
from helpers.models.networks import NETWORKS
from helpers.paths import kept_frames
from helpers.profiles import CNNS, GRIDS
from helpers.runs import Run, RunError
from helpers.training.config import build_config
from helpers.training.device import Compute
from helpers.training.log import read_scalars
from helpers.training.network import begin_with_head, of_one_frame
from helpers.training.plan import keep_frames, training_counts
from helpers.training.study import PREDICTIONS, LabelSet, label_sets, train_and_test
from helpers.training.train import load_training

TRANSFORMER = "timesformer"
"""The run's own backbone, trained with the budget of the others."""
NOTHING, IMAGES = "nothing", "images"
"""What an entry starts from: drawn weights, or a training of it on single frames of its clips;
else the name of a label set that it learnt before."""
DEFAULT = "resnet18_attention"
SHARES = (0.25, 0.5, 0.75)
"""Of the training clips, beside all of them, as in figure 4 of arXiv 2102.05095."""
ABLATED: Mapping[str, Mapping[str, tuple]] = {
    DEFAULT: {
        "encoder_layers": (0, 2, 4),
        "encoder_heads": (1, 2, 4),
        "pool": (1, 2, 4),
        "readout": ("mean",),
        "trained": ("last_stage",),
    },
    "r3d18_attention": {"encoder_layers": (0,), "readout": ("mean",), "pool": (1, 2, 4)},
    "i3d_r50": {"encoder_layers": (1,)},
}
"""Changes of a CNN, one at a time; at `IMAGES` too, where they start."""


@dataclass(frozen=True)
class Entry:
    """One training of the comparison."""

    labels: str
    model: str  # a key of `CNNS`, or `TRANSFORMER`
    seed: int = 0
    share: float = 1.0  # of the training clips
    start: str = NOTHING
    changes: Mapping[str, int | float | str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder of the entry, relative to the comparison's."""
        words = [self.model, *(f"{key}={value}" for key, value in self.changes.items())]
        words += [f"{self.share:.0%}".replace("%", "pc"), f"from_{self.start}", str(self.seed)]
        return f"{self.labels}/{'-'.join(words)}"


def entries(
    grid: str, labels: Sequence[str], seeds: int = 3, img_size: int | None = None
) -> list[Entry]:
    """The trainings of a named grid, the most telling first.

    Args:
        grid: "reduced" to one CNN that starts from single frames, or "full".
        labels: names of the label sets, the run's own clips first.
        seeds: of the models in the full grid, from 0; all else has a single seed.
        img_size: pixels; pooling that leaves the map of such frames as it is, is left out then.

    Raises:
        ValueError: there is no such grid, or no seed.
    """
    if grid not in GRIDS or seeds < 1:
        raise ValueError(
            f"GRID={grid!r}, SEEDS={seeds}: take {' or '.join(GRIDS)}, and a seed or more."
        )
    own = labels[0]
    reduced = [Entry(own, DEFAULT, start=IMAGES)]
    if grid == "reduced":
        return reduced
    models = (TRANSFORMER, *CNNS)
    listed = [Entry(own, model, s, start=IMAGES) for s, model in product(range(seeds), models)]
    listed += [
        Entry(own, model, share=share, start=IMAGES) for share, model in product(SHARES, models[:3])
    ]
    listed += [Entry(own, model) for model in models[:3]]
    for first, then in zip(labels, labels[::-1], strict=True):
        if first != then:
            listed += [Entry(then, model) for model in models[:3] if then != own]
            listed += [Entry(then, model, start=first) for model in models[:3]]
    listed += [
        Entry(own, model, start=IMAGES, changes={key: value})
        for model, changes in ABLATED.items()
        for key, values in changes.items()
        for value in values
        if key != "pool" or img_size is None or value < _side_of_map(model, img_size)
    ]
    return reduced + [entry for entry in listed if entry not in reduced]


def _side_of_map(model: str, img_size: int) -> int:
    return -(-img_size // NETWORKS[CNNS[model].network].stride)


def sets_of(run: Run, grid: str) -> dict[str, LabelSet]:
    """The label sets by name, the run's own clips first; those of motions in the full grid alone.

    Unlike in the study of schemes, all training clips of the run's own split are taken.
    """
    name = "hazards" if run.uses_yard else "own"
    keep_frames(run)
    own = {name: LabelSet(name, run.data, run.manifest, run.split)}
    if grid != "full" or not run.uses_yard:
        return own
    return own | {"motions": label_sets(run)["motions"]}


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


def folder_of(run: Run) -> Path:
    """Folder of the comparison."""
    return run.folder / "comparison"


def plan_entry(
    run: Run, entry: Entry, labels: LabelSet, compute: Compute, images: bool = False
) -> Config:
    """Build the config of one training.

    Args:
        run: whose profile decides sizes and recipes.
        entry: what is trained.
        labels: that it names, with its share of clips.
        compute: device and precision.
        images: of the start on single frames, not of the entry itself.
    """
    sizes, counts = run.profile.comparison, training_counts(labels.split)
    cnn = CNNS.get(entry.model)
    folder = folder_of(run) / entry.name
    model = {"num_frames": sizes.num_frames} | dict(entry.changes)
    if cnn:
        model |= {"img_size": sizes.img_size, "width": sizes.widths[entry.model]}
    recipe = dict(vars(sizes.recipe if entry.start == IMAGES else sizes.alone))
    if images:
        model |= of_one_frame(cnn or run.profile.model)
        recipe = dict(vars(sizes.images[entry.model if cnn else DEFAULT]))
    elif entry.start != NOTHING:
        recipe["pretrained"] = str(_start_of(run, entry) / "best.pth")
    if not cnn:  # its rates and batches are its own: those of CNNs are too large for it
        own = run.profile.images if images and run.profile.images else run.profile.recipe
        recipe |= {"lr": own.lr, "batch_size": own.batch_size}
    config = build_config(
        replace(run.profile, model=cnn or run.profile.model),
        list(counts),
        list(counts.values()),
        manifest=labels.manifest,
        split=labels.split,
        data=labels.data,
        folder=folder / "images" if images else folder,
        frames=kept_frames(),
        compute=compute,
        seed=entry.seed,
        model=model,
        recipe=recipe,
    )
    own_frames = entry.start == IMAGES and not images
    return begin_with_head(config, folder / "images" / "best.pth") if own_frames else config


def _start_of(run: Run, entry: Entry) -> Path:
    """Folder of the training that an entry starts from."""
    if entry.start != IMAGES:
        return folder_of(run) / replace(entry, labels=entry.start, start=NOTHING).name
    return folder_of(run) / entry.name / "images"


def run_entries(
    run: Run,
    wanted: Iterable[Entry],
    sets: Mapping[str, LabelSet],
    compute: Compute,
    workers: int | None = None,
) -> None:
    """Train and test what is not finished, starts before what starts from them.

    Each folder gets entry.json and, of the test clips, predictions.csv.

    Args:
        run: with manifest and split.
        wanted: from `entries`.
        sets: from `sets_of`.
        compute: device and precision.
        workers: trainings at a time; None: one per core on a CPU, one on a GPU.

    Raises:
        RunError: an entry starts from what is neither there nor wanted.
        TrainingError: a folder holds a training with other settings.
    """
    todo = [entry for entry in wanted if not (folder_of(run) / entry.name / PREDICTIONS).exists()]
    shares = {(e.labels, e.share) for e in todo}
    few = {
        (name, share): share_of(sets[name], share, folder_of(run) / name, run.settings.seed)
        for name, share in shares
    }
    own = [
        (plan_entry(run, entry, few[entry.labels, entry.share], compute, images=True), entry)
        for entry in todo
        if entry.start == IMAGES
    ]
    first = [entry for entry in todo if entry.start in (NOTHING, IMAGES)]
    frames = [
        (config, few[entry.labels, entry.share], compute)
        for config, entry in own
        if not (Path(config.work_dir) / PREDICTIONS).exists()
    ]
    train_and_test(frames, "Starts on single frames", compute, workers)
    for stage, chosen in (
        ("Trainings of the comparison", first),
        ("Trainings that learnt other labels before", [e for e in todo if e not in first]),
    ):
        for entry in chosen:
            _check_start(run, entry)
            write_json(folder_of(run) / entry.name / "entry.json", asdict(entry))
        work = [(e, few[e.labels, e.share]) for e in chosen]
        work = [(plan_entry(run, e, labels, compute), labels, compute) for e, labels in work]
        train_and_test(work, stage, compute, workers)


def _check_start(run: Run, entry: Entry) -> None:
    if entry.start == NOTHING:
        return
    start = _start_of(run, entry)
    if not (start / "best.pth").exists():
        raise RunError(f"{entry.name} starts from {start}, which is not trained: ask for it too.")


def finished(run: Run) -> pd.DataFrame:
    """Every finished training of the comparison, from the folders alone.

    Returns:
        columns labels, model, seed, share, start, changes (in words, "" for none), epochs,
        seconds (of training, those on single frames included), folder and
        predictions (paths); empty where there is none.
    """
    columns = [
        *("labels", "model", "seed", "share", "start", "changes"),
        *("epochs", "seconds", "folder", "predictions"),
    ]
    rows = []
    for told in sorted(folder_of(run).glob("*/*/entry.json")):
        if not (told.parent / PREDICTIONS).exists():
            continue
        entry, training = Entry(**read_json(told)), load_training(told.parent)
        seconds = training.seconds
        if entry.start == IMAGES:
            seconds += load_training(told.parent / "images").seconds
        changes = ", ".join(f"{key}={value}" for key, value in entry.changes.items())
        rows.append(
            asdict(entry)
            | {"changes": changes, "epochs": training.epochs, "seconds": seconds}
            | {"folder": str(told.parent), "predictions": str(told.parent / PREDICTIONS)}
        )
    return pd.DataFrame(rows, columns=columns)


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
    if (run.training / "images" / "training.json").exists():
        start, seconds = IMAGES, load_training(run.training / "images").seconds
    elif pretrained:
        start = Path(pretrained).name
    row = {
        "labels": "hazards" if run.uses_yard else "own",
        "model": "run's own", "seed": run.settings.seed, "share": 1.0, "start": start,
        "changes": "", "epochs": training.epochs, "seconds": training.seconds + seconds,
        "folder": str(run.training), "predictions": str(run.predictions),
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
