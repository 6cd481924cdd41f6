"""A trained model and how it looks at recordings: probabilities of windows, and its attention."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mmaction.structures import ActionDataSample
from torch import nn

from helpers.detection.sliding import Spent, slide
from helpers.detection.stream import REWIND, RecordingError, timed_frames
from helpers.detection.windows import Windows
from helpers.explain.rollout import rollout
from helpers.models import SpaceTimeTransformer
from helpers.training.device import Compute
from helpers.training.inference import autocast, probabilities_of


@dataclass(frozen=True)
class Detector:
    """A trained model and how it looks at recordings."""

    model: nn.Module
    classes: tuple[str, ...]
    compute: Compute
    windows: Windows
    weights: Path  # that the model has; timelines of other weights are made anew
    batch: int = 16  # windows that go through the network together

    def probabilities(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Of windows uint8 [views, T, H, W, 3]: float [windows, classes], the mean of the views."""
        with torch.no_grad():
            found = probabilities_of(self.model, _batch_of(windows), self.compute)
        return found.reshape(len(windows), -1, found.shape[1]).mean(axis=1)

    def attention(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Attention rollout of windows: float [windows, views, T, rows, columns].

        Each view's map sums to 1.

        Raises:
            RecordingError: the backbone is no transformer of `helpers.models`.
        """
        if not isinstance(self.model.backbone, SpaceTimeTransformer):
            kind = type(self.model.backbone).__name__
            raise RecordingError(f"{kind} has no attention to show; ask for none.")
        with torch.no_grad(), autocast(self.compute):
            inputs = self.model.data_preprocessor(_batch_of(windows))["inputs"].squeeze(1)
            maps = rollout(self.model.backbone, inputs).float().cpu().numpy()
        return maps.reshape(len(windows), -1, *maps.shape[1:])


def _batch_of(windows: Sequence[np.ndarray]) -> dict:
    """Windows as mmaction2's recognisers take clips."""
    inputs = [_as_input(view) for window in windows for view in window]
    return {"inputs": inputs, "data_samples": [ActionDataSample() for _ in windows]}


def _as_input(view: np.ndarray) -> torch.Tensor:
    """uint8 [1, 3, T, H, W], as mmaction2's pipelines pack a clip."""
    return torch.from_numpy(np.ascontiguousarray(view.transpose(3, 0, 1, 2)))[None]


def over_picture(maps: np.ndarray, windows: Windows) -> np.ndarray:
    """Maps [views, rows, columns] as one over the whole picture [rows', columns'].

    Where views overlap it is their mean, and beside them 0.
    """
    rows, columns = (round(side / windows.zoom) for side in maps.shape[1:])
    total, count = np.zeros((2, rows, columns), np.float32)
    for part, one in zip(windows.parts(rows, columns), maps, strict=True):
        total[part] += cv2.resize(one, total[part].shape[::-1], interpolation=cv2.INTER_LINEAR)
        count[part] += 1
    return total / np.maximum(count, 1)


def attention_maps(
    detector: Detector, path: Path | str, start: float, end: float
) -> Iterator[tuple[float, np.ndarray]]:
    """Time (s) and map [rows, columns] of each frame that windows of a stretch show.

    Of every window the frames in its middle are taken, as far as the next window's middle: each
    moment is explained by the window around it, and what comes before by the first one. A map's
    values are relative to even attention.
    """
    windows = detector.windows
    first = max(int((start - windows.seconds) / windows.stride), 0)
    frames = timed_frames(path, max(windows.span(first)[0] - REWIND, 0.0))
    for k, window in slide(frames, windows, first, Spent()):
        if windows.span(k)[0] > end:
            return
        (maps,) = detector.attention([window])
        middle, moments = sum(windows.span(k)) / 2, windows.moments(k)
        near = np.abs(moments - middle) <= windows.stride / 2 + 1e-6
        near[np.abs(moments - middle).argmin()] = True
        if k == first:
            near |= moments <= middle
        relative = maps.swapaxes(0, 1) * maps[0].size  # [T, views, rows, columns]
        for moment, one in zip(moments[near], relative[near], strict=True):
            yield float(moment), over_picture(one, windows)
