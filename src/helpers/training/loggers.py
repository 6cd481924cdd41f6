"""Pictures for TensorBoard and Weights & Biases, beside what a training logged there."""

from collections.abc import Mapping
from pathlib import Path

import cv2
from mmengine.config import Config
from mmengine.registry import VISBACKENDS

from helpers.training.train import Training


def log_pictures(training: Training, pictures: Mapping[str, Path]) -> list[str]:
    """Add pictures to the logs that a training was asked to keep.

    What mmengine writes by itself (scalars, config) is there already. Weights & Biases gets them
    in a run of its own with the same name: one that is finished takes no more while offline.

    Args:
        training: finished.
        pictures: name → png file; those that do not exist, where no browser draws figures, are left
            out.

    Returns:
        The names of the loggers that got them: none where the training keeps its log in files.
    """
    backends = Config.fromfile(training.config).visualizer.vis_backends
    there = {name: path for name, path in pictures.items() if path.exists()}
    told = []
    for settings in backends:
        if settings.type == "LocalVisBackend" or not there:
            continue
        logger = VISBACKENDS.build({**settings, "save_dir": str(training.folder / "pictures")})
        for name, path in there.items():
            logger.add_image(name, cv2.imread(str(path))[..., ::-1].copy())
        logger.close()
        told.append(settings.type.removesuffix("VisBackend"))
    return told
