"""Does a map depend on what was learnt? Weights are destroyed, and the map should fall apart.

Adebayo et al., "Sanity Checks for Saliency Maps" (arXiv 1810.03292), section 4: from the output to
the input one layer after the other loses its weights (cascading randomisation), and the map of what
is left is compared with the map of the trained model by rank correlation. A map that stays alike is
made by the network's build or by the picture, and tells nothing of what was learnt. Here the
entries of each weight are shuffled, which leaves the sizes of all weights as training made them.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from helpers.explain.methods import Explainer, explain

Stage = tuple[str, Sequence[nn.Parameter]]


def stages_of(model: nn.Module) -> list[Stage]:
    """Parameters of a recogniser in parts, from the output to the input.

    For a `SpaceTimeTransformer`: head, each layer from the last, embedding (with the last norm at
    the head). For another backbone: head, then its parts as they are registered, from the last.
    """
    backbone = model.backbone
    if not hasattr(backbone, "transformer_layers"):
        parts = [(name, list(part.parameters())) for name, part in backbone.named_children()]
        own = [("own", list(backbone.parameters(recurse=False)))]
        stages = [("head", list(model.cls_head.parameters())), *reversed(parts), *own]
        return [(name, parameters) for name, parameters in stages if parameters]
    layers = list(backbone.transformer_layers.layers)
    head = [*model.cls_head.parameters(), *backbone.norm.parameters()]
    stages: list[Stage] = [("head", head)]
    for number in range(len(layers), 0, -1):
        stages.append((f"layer {number}", list(layers[number - 1].parameters())))
    taken = {id(parameter) for _, parameters in stages for parameter in parameters}
    rest = [parameter for parameter in backbone.parameters() if id(parameter) not in taken]
    return [*stages, ("embedding", rest)]


def cascade(model: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """The model with more and more weights shuffled, from the output on; itself it stays whole.

    Yields:
        name of the part that was shuffled last, and the model; the same object each time.
    """
    broken = deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for name, parameters in stages_of(broken):
        for parameter in parameters:
            flat = parameter.data.reshape(-1)
            order = torch.randperm(len(flat), generator=generator).to(flat.device)
            parameter.data = flat[order].view_as(parameter)
        yield name, broken


def rank_correlations(maps: Tensor, others: Tensor) -> np.ndarray:
    """Spearman's rank correlation of each pair of maps [B, t, h, w]: float [B].

    NaN where a map is the same everywhere, since it has no order.
    """
    pairs = zip(maps.flatten(1).cpu().numpy(), others.flatten(1).cpu().numpy(), strict=True)
    return np.array(
        [np.nan if np.ptp(a) == 0 or np.ptp(b) == 0 else spearmanr(a, b)[0] for a, b in pairs]
    )


def sanity_check(
    explainers: Mapping[str, Explainer],
    model: nn.Module,
    clips: Tensor,
    classes: Tensor,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank correlation of each method's maps with those of the model before it was broken.

    Args:
        explainers: by name.
        model: trained, in evaluation mode.
        clips: [B, channels, T, height, width].
        classes: int64 [B], the classes that are explained, throughout.
        seed: of the shuffling.

    Returns:
        One row per clip, method and stage: clip (place in the batch), method, stage ("none", the
        trained model, first), correlation.
    """
    whole = explain(explainers, model, clips, classes)
    rows = []
    for stage, broken in chain([("none", model)], cascade(model, seed)):
        made = whole if stage == "none" else explain(explainers, broken, clips, classes)
        for method, maps in made.items():
            for clip, value in enumerate(rank_correlations(whole[method], maps)):
                rows.append({"clip": clip, "method": method, "stage": stage, "correlation": value})
    return pd.DataFrame(rows)
