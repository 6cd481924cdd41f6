"""A trained model at work: load it, and read and predict clips. `views` predicts whole parts."""

from dataclasses import dataclass

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_state_dict
from torch import Tensor, nn

from helpers.training.device import Compute
from helpers.training.train import Training


def load_model(training: Training, compute: Compute, which: str = "best") -> nn.Module:
    """Build the recogniser of a finished training and load its weights.

    Args:
        training: finished.
        compute: where the model goes.
        which: "best" (on the validation part) or "last".

    Returns:
        mmaction2's recogniser in evaluation mode.
    """
    config = config_of(training)
    config.model.backbone.pretrained = None  # the training's own weights come instead
    model = MODELS.build(config.model)
    path = {"best": training.best, "last": training.last}[which]
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    load_state_dict(model, checkpoint["state_dict"], strict=True)
    return model.to(compute.device).eval()


def config_of(training: Training) -> Config:
    """The dumped config; what it names is found in mmaction2's registries from now on."""
    config = Config.fromfile(training.config)
    init_default_scope(config.default_scope)
    return config


def classes_of(training: Training) -> list[str]:
    """Class names in the order of the network's outputs."""
    return list(config_of(training).train_dataloader.dataset.classes)


def input_shape(training: Training) -> tuple[int, int, int, int, int]:
    """Shape of one view of one clip as the network takes it: [1, 3, T, height, width]."""
    backbone = config_of(training).model.backbone
    side = backbone.img_size
    height, width = (side, side) if isinstance(side, int) else side
    return 1, 3, backbone.num_frames, height, width


def autocast(compute: Compute) -> torch.autocast:
    """Autocast to the precision of `compute`; without effect for float32."""
    low = compute.precision != "float32"
    dtype = getattr(torch, compute.precision) if low else None
    return torch.autocast(compute.device, dtype=dtype, enabled=low)


def probabilities_of(model: nn.Module, batch: dict, compute: Compute) -> np.ndarray:
    """Probabilities [clips, classes] of one view of a batch."""
    with autocast(compute):
        results = model.test_step(batch)
    return np.stack([result.pred_score.float().cpu().numpy() for result in results])


@dataclass(frozen=True)
class ClipInput:
    """A clip as the network sees it."""

    path: str
    label: str
    frames: np.ndarray  # uint8 [T, H, W, 3], RGB, at the network's size
    indices: np.ndarray  # int64 [T], which frames of the clip these are
    inputs: Tensor  # float32 [1, 3, T, H, W], normalised, on the model's device


class ClipReader:
    """Reads single clips through the pipeline that testing uses."""

    def __init__(self, model: nn.Module, training: Training, part: str = "test") -> None:
        settings = config_of(training).test_dataloader.dataset
        settings.part = part
        self.dataset = DATASETS.build(settings)
        self.dataset.full_init()
        self.model = model
        self.classes = list(settings.classes)
        count = len(self.dataset)
        self.places = {self.dataset.get_data_info(place)["path"]: place for place in range(count)}

    def read(self, path: str) -> ClipInput:
        """Read a clip of the part by its path in the manifest.

        Raises:
            KeyError: the part has no such clip.
        """
        if path not in self.places:
            raise KeyError(f"{path} is no clip of part {self.dataset.part!r}.")
        sample = self.dataset[self.places[path]]
        clip = sample["inputs"]  # uint8 [1, 3, T, H, W]
        batch = {"inputs": [clip], "data_samples": [sample["data_samples"]]}
        inputs = self.model.data_preprocessor(batch)["inputs"].squeeze(1)
        info = self.dataset.get_data_info(self.places[path])
        frames = clip[0].permute(1, 2, 3, 0).numpy()
        return ClipInput(path, self.classes[info["label"]], frames, self._indices(info), inputs)

    def _indices(self, info: dict) -> np.ndarray:
        """Places, among the clip's frames, of those that the pipeline samples."""
        results = dict(info)
        for transform in self.dataset.pipeline.transforms[:2]:
            results = transform(results)
        total = results["total_frames"]
        return np.round(
            results["frame_inds"] * (info["total_frames"] - 1) / max(total - 1, 1)
        ).astype(int)
