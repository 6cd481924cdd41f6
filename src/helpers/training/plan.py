"""From a run to its training: the frames it reads, its clips and its config."""

from dataclasses import replace
from pathlib import Path

from mmengine.config import Config

from helpers.clips.frames import FrameStore
from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.paths import kept_frames
from helpers.profiles import CnnSize
from helpers.runs import Run
from helpers.training.choices import Choices
from helpers.training.config import build_config
from helpers.training.device import Compute
from helpers.training.network import begin_with_head, of_one_frame

EXPLORE = "01_explore_dataset"


def classes_of_run(run: Run) -> list[str]:
    """Class names of a run, sorted: the order of the network's outputs."""
    return sorted(load_split(run.require(run.split, EXPLORE))["label"].unique())


def training_counts(split_file: Path) -> dict[str, int]:
    """Training clips of each class, the classes in the order of the network's outputs."""
    split = load_split(split_file)
    counts = split.loc[split["split"] == "train", "label"].value_counts()
    return {name: int(counts.get(name, 0)) for name in sorted(split["label"].unique())}


def parts_of_clips(run: Run) -> list[tuple[str, str]]:
    """Path and part of each clip that a training of the run may see."""
    known = set(load_manifest(run.require(run.manifest, EXPLORE))["path"])
    split = load_split(run.require(run.split, EXPLORE))
    return [pair for pair in zip(split["path"], split["split"], strict=True) if pair[0] in known]


def keep_frames(run: Run) -> FrameStore | None:
    """Decode the clips once and keep their frames; None where the profile decodes each time."""
    recipe = run.profile.recipe
    if recipe.keep_short_side is None:
        return None
    store = FrameStore(kept_frames(), recipe.keep_short_side, recipe.keep_frames)
    store.fill(run.data, load_manifest(run.require(run.manifest, EXPLORE)))
    return store


def plan_images(run: Run, compute: Compute, choices: Choices | None = None) -> Config | None:
    """Build the config of the training on single frames that comes before the one on clips.

    The image transformer is the same model with one frame and attention in space only; of a CNN
    it is the plain network with one frame, at its rate in the comparison with CNNs. None where the
    profile has no such start, or a checkpoint to start from was chosen.

    Args:
        run: with manifest and split.
        compute: device and precision.
        choices: what the training on clips does differently; its model is the same.
    """
    choices = choices or Choices()
    if run.profile.images is None or choices.recipe.get("pretrained"):
        return None
    size = choices.apply(run.profile).model
    model = {key: value for key, value in choices.model.items() if key != "class_token_in_time"}
    recipe = run.profile.images
    if isinstance(size, CnnSize):
        recipe = run.profile.comparison.images[choices.variant]
    return plan_training(
        run,
        compute,
        replace(choices, model=model | of_one_frame(size), recipe=vars(recipe)),
        folder=run.training / "images",
    )


def plan_training(
    run: Run,
    compute: Compute,
    choices: Choices | None = None,
    folder: Path | None = None,
    images: Config | None = None,
    **switches: bool,
) -> Config:
    """Build the config of a training on a run's clips.

    Args:
        run: with manifest and split.
        compute: device and precision.
        choices: changes to the profile's model and recipe.
        folder: of the training; the run's own when None.
        images: finished training on single frames that it starts from.
        switches: `tensorboard` and `wandb`.
    """
    choices = choices or Choices()
    recipe = dict(choices.recipe)
    if images is not None:
        recipe = {"pretrained": str(Path(images.work_dir) / "best.pth")} | recipe
    counts = training_counts(run.require(run.split, EXPLORE))
    config = build_config(
        choices.apply(run.profile),
        list(counts),
        list(counts.values()),
        manifest=run.manifest,
        split=run.split,
        data=run.data,
        folder=folder or run.training,
        frames=kept_frames(),
        compute=compute,
        seed=run.settings.seed,
        model=choices.model,
        recipe=recipe,
        **switches,
    )
    if images is None or choices.recipe.get("pretrained"):
        return config
    return begin_with_head(config, Path(images.work_dir) / "best.pth")
