"""Load a finished training, resume a cut one, else train."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config

from helpers.files import read_json, whole_file, write_json
from helpers.models.checkpoints import UNREADABLE
from helpers.runs import provenance
from helpers.training.config import identity
from helpers.training.runner import METRIC

log = logging.getLogger(__name__)


class TrainingError(RuntimeError):
    """The folder holds another training, or a training that cannot be used."""


@dataclass(frozen=True)
class Training:
    """A finished training."""

    folder: Path
    epochs: int
    seconds: float  # of training and validating, over all resumptions
    best_epoch: int
    best_score: float  # mean class accuracy on the validation part
    was_loaded: bool  # it was finished before

    @property
    def best(self) -> Path:
        """Weights of the best epoch: a plain state dict."""
        return self.folder / "best.pth"

    @property
    def last(self) -> Path:
        """Weights of the last epoch: a plain state dict."""
        return self.folder / "last.pth"

    @property
    def config(self) -> Path:
        """The dumped config."""
        return self.folder / "config.py"


def load_training(folder: Path) -> Training:
    """Open a finished training.

    Raises:
        TrainingError: there is none, or it is not finished.
    """
    marker = folder / "training.json"
    if not marker.exists():
        raise TrainingError(f"{folder}: no finished training. Run notebook 02_train_timesformer.")
    told = read_json(marker)
    keys = ("epochs", "seconds", "best_epoch", "best_score")
    return Training(folder, **{key: told[key] for key in keys}, was_loaded=True)


def train(config: Config, clips: Sequence[tuple[str, str]]) -> Training:
    """Load the training of `config.work_dir` if it is finished, resume it if cut, else train.

    Args:
        config: from `build_config`.
        clips: path and part of each clip of the split.

    Raises:
        TrainingError: the folder holds a training with other settings or other clips.
    """
    folder = Path(config.work_dir)
    asked = identity(config, clips)
    finished, latest = (folder / "training.json").exists(), newest_checkpoint(folder)
    if finished or latest is not None:
        _check_identity(folder / "asked.json", asked)
    if finished:
        return load_training(folder)
    write_json(folder / "asked.json", asked)
    with whole_file(folder / "config.py") as part:
        config.dump(part)

    settings = Config(config.to_dict() | {"resume": latest is not None})
    if latest is not None:
        settings.load_from = str(latest)
    runner = RUNNERS.get(config.runner_type).from_cfg(settings)
    runner.train()
    return _finish(folder, runner)


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest epoch in `folder` that opens; None where there is none."""
    found = sorted(folder.glob("epoch_*.pth"), key=_epoch_of, reverse=True)
    for path in found:
        try:
            torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except UNREADABLE as error:
            log.warning("%s does not open (%s): an earlier one is taken", path, error)
        else:
            return path
    return None


def _epoch_of(path: Path) -> int:
    return int(path.stem.rsplit("_", 1)[1])


def _check_identity(path: Path, asked: dict) -> None:
    if not path.exists():
        return
    before = read_json(path)
    changed = sorted(key for key in asked if before.get(key) != asked[key])
    if changed:
        raise TrainingError(
            f"{path.parent} holds a training with other {', '.join(changed)}. Give this one "
            f"another NAME, or remove {path.parent} to train anew."
        )


def _finish(folder: Path, runner) -> Training:
    """Keep best and last weights as plain state dicts, remove the rest, and set the mark."""
    hub = runner.message_hub
    best = Path(hub.get_info("best_ckpt"))
    last = folder / f"epoch_{runner.max_epochs}.pth"
    for source, name in ((best, "best.pth"), (last, "last.pth")):
        checkpoint = torch.load(source, map_location="cpu", weights_only=True)
        meta = {
            "classes": checkpoint["meta"]["dataset_meta"]["classes"],
            "cfg": checkpoint["meta"]["cfg"],
            "mean": list(runner.cfg.model.data_preprocessor.mean),
            "std": list(runner.cfg.model.data_preprocessor.std),
        }
        with whole_file(folder / name) as part:
            torch.save({"state_dict": checkpoint["state_dict"], "meta": meta}, part)
    finished = {
        "epochs": runner.max_epochs,
        "seconds": round(float(hub.get_info("train_seconds")), 2),
        "best_epoch": _epoch_of(best),
        "best_score": round(float(hub.get_info("best_score")), 4),
        "metric": METRIC,
        "made": provenance(),
    }
    write_json(folder / "training.json", finished)
    for pattern in ("epoch_*.pth", "best_*.pth", ".*.part*"):  # of a kill's parts too
        for path in folder.glob(pattern):
            path.unlink()
    (folder / "last_checkpoint").unlink(missing_ok=True)
    return replace(load_training(folder), was_loaded=False)
