"""Everything that a model costs in one table."""

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd
import torch
from torch import nn

from helpers.cost.latency import Latency, measure_latency
from helpers.cost.memory import GB, predict_memory
from helpers.cost.multiply_adds import VIEWS, multiply_adds
from helpers.cost.network import build_network
from helpers.models.transformer import SCHEMES
from helpers.profiles import ModelSize
from helpers.training.device import Compute

OUT_OF_MEMORY = "out of memory"


def cost_table(
    sizes: Iterable[ModelSize],
    schemes: Iterable[str] = tuple(SCHEMES),
    attentions: Iterable[str] = ("fused",),
    precisions: Iterable[str] = ("float32",),
    batch_size: int = 1,
    classes: int = 400,
    compute: Compute | None = None,
    warmup: int = 2,
    repeats: int = 5,
    **backbone,
) -> pd.DataFrame:
    """The cost of every combination.

    Args:
        sizes: of the transformer and of the clip; `replace` makes others of one.
        schemes: keys of `SCHEMES`.
        attentions: see `build_network`.
        precisions: see `predict_memory`.
        batch_size: clips in a batch, for memory and latency.
        classes: outputs of the head.
        compute: measure latency on its device, in each of the precisions; None measures nothing.
        warmup: see `measure_latency`.
        repeats: see `measure_latency`.
        backbone: further keywords of `SpaceTimeTransformer`.

    Returns:
        One row per combination. Columns scheme, frames, img_size (pixels), attention, precision,
        batch_size; parameters_m (millions, with the head); multiply_adds_g (10⁹ per view) and
        video_t (10¹² per video of three views, the "TFLOPs" of the paper); saved_gb and peak_gb
        (10⁹ bytes, predicted). Where measured also device, forward_s and step_s (seconds a batch),
        measured_peak_gb (missing on a CPU) and note, which says where memory ran out.

    Raises:
        ValueError: see `build_network` and `predict_memory`.
    """
    schemes, attentions, precisions = list(schemes), list(attentions), list(precisions)
    rows = []
    for size in sizes:
        for scheme in schemes:
            products = multiply_adds(size, scheme, **backbone).total
            for attention in attentions:
                asked = (size, scheme, attention)
                for precision in precisions:
                    memory = predict_memory(*asked, precision, batch_size, classes, **backbone)
                    row = {
                        "scheme": scheme,
                        "frames": size.num_frames,
                        "img_size": size.img_size,
                        "attention": attention,
                        "precision": precision,
                        "batch_size": batch_size,
                        "parameters_m": memory.parameters / 4e6,
                        "multiply_adds_g": products / 1e9,
                        "video_t": VIEWS * products / 1e12,
                        "saved_gb": memory.saved / GB,
                        "peak_gb": memory.peak / GB,
                    }
                    if compute is not None:
                        network = build_network(*asked, classes, **backbone)
                        network[0].init_weights()
                        shape = (batch_size, 3, size.num_frames, size.img_size, size.img_size)
                        there = replace(compute, precision=precision)
                        row |= _measured(network, shape, there, warmup, repeats)
                    rows.append(row)
    return pd.DataFrame(rows)


def _measured(
    network: nn.Module, clips: tuple[int, ...], compute: Compute, warmup: int, repeats: int
) -> dict:
    try:
        latency, note = measure_latency(network, clips, compute, warmup, repeats), ""
    except torch.OutOfMemoryError:
        latency, note = Latency(float("nan"), float("nan"), None), OUT_OF_MEMORY
    finally:
        network.to("meta")  # frees the GPU for the next one
        if compute.device == "cuda":
            torch.cuda.empty_cache()
    return {
        "device": compute.name,
        "forward_s": latency.forward,
        "step_s": latency.step,
        "measured_peak_gb": float("nan") if latency.peak is None else latency.peak / GB,
        "note": note,
    }
