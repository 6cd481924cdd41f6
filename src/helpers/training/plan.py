"""From a run to its training: the frames it reads, its clips and its config."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from helpers.clips.frames import FrameStore
from helpers.clips.manifest import load_manifest
from helpers.clips.split import load_split
from helpers.paths import kept_frames
from helpers.runs import Run
from helpers.training.config import build_config
from helpers.training.device import Compute

EXPLORE = "01_explore_dataset"


def classes_of_run(run: Run) -> list[str]:
    """Class names of a run, sorted: the order of the network's outputs."""
    return sorted(load_split(run.require(run.split, EXPLORE))["label"].unique())


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


def plan_images(run: Run, compute: Compute) -> Config | None:
    """Build the config of the training on single frames that comes before the one on clips.

    The image transformer is the same model with one frame and attention in space only. None where
    the profile has no such start.
    """
    if run.profile.images is None:
        return None
    return plan_training(
        run,
        compute,
        folder=run.training / "images",
        model={"num_frames": 1, "attention_type": "space_only"},
        recipe=vars(run.profile.images),
    )


def plan_training(
    run: Run,
    compute: Compute,
    folder: Path | None = None,
    model: Mapping | None = None,
    recipe: Mapping | None = None,
    images: Config | None = None,
    **switches: bool,
) -> Config:
    """Build the config of a training on a run's clips.

    Args:
        run: with manifest and split.
        compute: device and precision.
        folder: of the training; the run's own when None.
        model: changes to the backbone's keywords.
        recipe: changes to the profile's recipe.
        images: finished training on single frames that it starts from.
        switches: `tensorboard` and `wandb`.
    """
    if images is not None:
        start = Path(images.work_dir) / "best.pth"
        recipe = {"pretrained": str(start)} | dict(recipe or {})
    split = load_split(run.require(run.split, EXPLORE))
    counts = split.loc[split["split"] == "train", "label"].value_counts()
    classes = classes_of_run(run)
    return build_config(
        run.profile,
        classes,
        [int(counts.get(name, 0)) for name in classes],
        manifest=run.manifest,
        split=run.split,
        data=run.data,
        folder=folder or run.training,
        frames=kept_frames(),
        compute=compute,
        seed=run.settings.seed,
        model=model,
        recipe=recipe,
        **switches,
    )
