"""A network as an ONNX file, checked in onnxruntime against torch."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

INPUT, OUTPUT = "clips", "scores"
"""Names of the network's input and output in the file."""
TOLERANCE = 1e-4
"""Largest difference from torch's scores that is let pass; of scores above 1, as a share."""
TRACED, CHECKED = 2, (1, 3)
"""Clips in the batch that is traced, and in those that are compared: sizes it has not seen."""


class ExportError(RuntimeError):
    """A network cannot be exported, or the file computes something else."""


class Classifier(nn.Module):
    """Backbone and head of a recogniser as one network.

    Takes normalised clips float32 [B, 3, T, H, W], gives scores before the softmax, float32
    [B, classes].
    """

    def __init__(self, recognizer: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = recognizer.backbone, recognizer.cls_head

    def forward(self, clips: Tensor) -> Tensor:
        return self.head(self.backbone(clips))


@dataclass(frozen=True)
class Check:
    """How far onnxruntime's scores are from torch's."""

    difference: float  # the largest
    batches: tuple[int, ...]  # clips in those that were compared


def to_onnx(network: nn.Module, shape: Sequence[int]) -> "ONNXProgram":
    """Translate a network, in evaluation mode, for batches of any size.

    Args:
        network: takes one tensor and gives one.
        shape: of one clip, without the batch: [3, T, H, W].

    Raises:
        ExportError: torch's exporter does not take it.
    """
    batch = ({0: torch.export.Dim("batch")},)
    clips = torch.zeros(TRACED, *shape)
    try:
        with torch.no_grad(), _quiet():
            traced = torch.export.export(network, (clips,), dynamic_shapes=batch)
            traced = traced.run_decompositions(_DECOMPOSITIONS)
            return torch.onnx.export(
                traced,
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=batch,
                verbose=False,
            )
    # The tracer raises whatever the network's code raises under it, and many errors of its own.
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise ExportError(
            f"torch's ONNX exporter does not take this network ({type(error).__name__}: {first}). "
            "Choose another MODEL or VARIANT, or a newer torch and onnxscript."
        ) from error


def check(network: nn.Module, file: Path, shape: Sequence[int]) -> Check:
    """Compare the file with the network it was made from, on noise, in batches of other sizes.

    Raises:
        ExportError: the scores differ by more than `TOLERANCE`, or onnxruntime refuses the file.
    """
    draw, worst = torch.Generator().manual_seed(0), 0.0
    for count in CHECKED:
        clips = torch.randn(count, *shape, generator=draw)
        with torch.no_grad():
            expected = network(clips).numpy()
        given = run(file, clips.numpy())
        if given.shape != expected.shape:
            raise ExportError(f"{file.name} gives {given.shape}, torch {expected.shape}.")
        worst = max(worst, float(np.abs(given - expected).max()))
        if not worst <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ExportError(
                f"In onnxruntime the scores are {worst:.2g} from torch's, {TOLERANCE:g} is let "
                "pass. The file is not kept; try another version of onnxruntime or onnxscript."
            )
    return Check(worst, CHECKED)


def run(file: Path, clips: np.ndarray) -> np.ndarray:
    """Scores [B, classes] of normalised clips [B, 3, T, H, W], on the CPU in onnxruntime.

    Raises:
        ExportError: onnxruntime refuses the file or the clips.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        return session.run([OUTPUT], {INPUT: clips})[0]
    except Exception as error:  # onnxruntime's errors have no common class that it promises
        raise ExportError(f"onnxruntime refuses {file.name}: {error}") from error


def _pool(clips: Tensor, size: Sequence[int]) -> Tensor:
    """`adaptive_avg_pool3d`, axis by axis as products with matrices: ONNX has no operator for it.

    [B, C, T, H, W] → [B, C, *size]. A mean over a box is the mean over one axis after the other.
    """
    time, rows, columns = (
        averaging(before, after).to(clips)
        for before, after in zip(clips.shape[2:], size, strict=True)
    )
    clips = rows @ (clips @ columns.T)
    return torch.einsum("st,bcthw->bcshw", time, clips)


def averaging(before: int, after: int) -> Tensor:
    """Matrix [after, before] whose rows average the places that adaptive pooling takes together."""
    matrix = torch.zeros(after, before)
    for row in range(after):
        begin, end = row * before // after, -((-(row + 1) * before) // after)
        matrix[row, begin:end] = 1 / (end - begin)
    return matrix


_DECOMPOSITIONS = {
    torch.ops.aten.adaptive_avg_pool3d.default: _pool,
    torch.ops.aten._adaptive_avg_pool3d.default: _pool,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings about its own internals and packages that are not needed."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
