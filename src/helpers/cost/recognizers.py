"""What a trained recogniser costs, whatever its network is: from its config alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from torch import nn

from helpers.cost.latency import measure_latency
from helpers.cost.memory import GB, step_memory
from helpers.cost.multiply_adds import VIEWS, count_multiply_adds
from helpers.models.networks import OF_FRAMES
from helpers.profiles import CNNS, VARIANTS, CnnSize
from helpers.training.device import Compute
from helpers.training.network import backbone_of, head_of

CNN_VIEWS = 30
"""Views of a video in the tests of 3-D CNNs: ten clips, three crops (table 2 of the paper)."""
TESTED_AT = {"i3d_r50": 256, "slowfast_r50": 256}
"""Pixels of a crop in mmaction2's tests, which its published multiply-adds are of."""
OF_THE_PAPER = {"i3d_r50_8x8": CnnSize("i3d_r50_8x8", 8, 256, {})}
"""What table 2 of the paper has beside TimeSformer and mmaction2 publishes in another size."""


def scores_of(backbone: Mapping, classes: int) -> nn.Sequential:
    """Backbone and linear head: clips [B, 3, T, H, W] → scores [B, classes]; weights not drawn."""
    built = MODELS.build(dict(backbone) | {"pretrained": None})
    return nn.Sequential(built, nn.Linear(head_of(backbone, classes)["in_channels"], classes))


def cost_of(
    backbone: Mapping,
    classes: int = 400,
    compute: Compute | None = None,
    memory: bool = True,
    batch_size: int = 1,
) -> dict[str, float]:
    """The cost of a network.

    Args:
        backbone: its settings, as a config of mmaction2 has them.
        classes: outputs of the head.
        compute: measure latency on its device, in its precision; None measures nothing.
        memory: predict that of a training step, in float32.
        batch_size: clips of the step and of the latency.

    Returns:
        parameters_m (millions, with the head), trained_m (those that learn), multiply_adds_g (10⁹
        per view), views and video_t (10¹² per video of so many views, as the paper has them: 30 of
        a 3-D CNN, which sees a short piece of the video at a time, 3 of a network whose frames are
        spread over all of it); peak_gb (10⁹ bytes, predicted); and where measured forward_s
        and step_s (seconds a batch).
    """
    with torch.device("meta"):
        network = scores_of(backbone, classes)
    one = (1, 3, backbone["num_frames"], *[backbone["img_size"]] * 2)
    products = count_multiply_adds(network.eval(), one)  # one clip is no batch to normalise over
    views = CNN_VIEWS if backbone.get("network", "resnet18") not in OF_FRAMES else VIEWS
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    told = {
        "parameters_m": sum(size for size, _ in sizes) / 1e6,
        "trained_m": sum(size for size, trained in sizes if trained) / 1e6,
        "multiply_adds_g": products / 1e9,
        "views": views,
        "video_t": views * products / 1e12,
    }
    shape = (batch_size, *one[1:])
    if memory:
        told["peak_gb"] = step_memory(lambda: scores_of(backbone, classes), shape).peak / GB
    if compute is not None:
        network = scores_of(backbone, classes)
        network[0].init_weights()
        latency = measure_latency(network, shape, compute, warmup=1, repeats=3)
        told |= {"forward_s": latency.forward, "step_s": latency.step}
    return told


def costs_of_trainings(
    folders: Iterable[str | Path], compute: Compute | None = None, batch_size: int = 4
) -> pd.DataFrame:
    """The cost of trainings by their dumped configs, one row each, in their order.

    Args:
        folders: of the trainings.
        compute: see `cost_of`.
        batch_size: see `cost_of`.
    """
    rows = []
    for folder in folders:
        model = Config.fromfile(Path(folder) / "config.py").model.to_dict()
        classes = model["cls_head"]["num_classes"]
        rows.append(cost_of(model["backbone"], classes, compute, batch_size=batch_size))
    return pd.DataFrame(rows)


def costs_as_published(classes: int = 400) -> pd.DataFrame:
    """Cost of TimeSformer and of the CNNs at the sizes that they were published in.

    Returns:
        One row each: model, frames, img_size, and of `cost_of` what needs no measuring.
    """
    sizes = {"timesformer": VARIANTS["timesformer"]} | dict(CNNS) | OF_THE_PAPER
    rows = []
    for name, size in sizes.items():
        model = {"img_size": TESTED_AT.get(name, size.img_size)}
        model |= {"class_token_only": False} if name in VARIANTS else {}
        backbone = backbone_of(size, model)
        told = cost_of(backbone, classes, memory=False)
        seen = {"frames": size.num_frames, "img_size": backbone["img_size"]}
        rows.append({"model": name} | seen | told)
    return pd.DataFrame(rows).drop(columns="trained_m")
