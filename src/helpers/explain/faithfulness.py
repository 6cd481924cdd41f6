"""Measure maps on test clips: what the model needs, and what falls on the hazard."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from helpers.explain.boxes import pointing, share_inside
from helpers.explain.methods import CENTRE, RANDOM, Explainer, centre_prior, explain, logits
from helpers.explain.perturbation import area, blurred, curves
from helpers.explain.subjects import Subject

RANDOM_ORDERS = 3
"""Orders drawn for each clip, whose mean a map is compared with."""


@dataclass
class Measured:
    """What was measured, one row per clip and method.

    `perturbed`: path, group, label, predicted, method, deletion, insertion (areas), for the class
    that is predicted. `boxes`: path, group, label, predicted, method, inside, area, hits, chance,
    for the class that is there. `deletion`, `insertion`: method → mean curve over the clips.
    """

    perturbed: pd.DataFrame
    boxes: pd.DataFrame
    deletion: dict[str, np.ndarray] = field(default_factory=dict)
    insertion: dict[str, np.ndarray] = field(default_factory=dict)


@torch.no_grad()
def measure(
    subjects: Iterable[Subject],
    model: nn.Module,
    classes: list[str],
    explainers: Mapping[str, Explainer],
    autocast=nullcontext,
    seed: int = 0,
) -> Measured:
    """Deletion, insertion and shares inside boxes of each method, a random order and the middle.

    Args:
        subjects: clips.
        model: recogniser in evaluation mode.
        classes: in the order of its outputs.
        explainers: methods by name.
        autocast: makes the context in which changed clips go through the model; the maps
            themselves are made in float32.
        seed: of the random orders.
    """
    perturbed, boxes = [], []
    lines: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def probabilities(clips: Tensor) -> Tensor:
        with autocast():
            return logits(model, clips).softmax(1)

    for number, subject in enumerate(tqdm(list(subjects), desc="Measuring maps", mininterval=2)):
        clip = subject.inputs
        predicted = int(probabilities(clip)[0].argmax())
        told = {"path": subject.path, "group": subject.group, "label": subject.label}
        told |= {"predicted": classes[predicted]}
        maps = explain(explainers, model, clip, torch.tensor([predicted], device=clip.device))
        grid = tuple(next(iter(maps.values())).shape[1:])
        own = maps
        if subject.covered is not None:
            there = classes.index(subject.label)
            if there != predicted:
                own = explain(explainers, model, clip, torch.tensor([there], device=clip.device))
            for name, one in (own | {CENTRE: centre_prior(grid)[None]}).items():
                boxes.append(told | {"method": name} | _on_boxes(one[0], subject.covered))
        changed = _curves(probabilities, clip, maps, predicted, seed + number)
        for name, (deletion, insertion) in changed.items():
            lines.setdefault(name, []).append((deletion, insertion))
            areas = {"deletion": float(area(deletion)), "insertion": float(area(insertion))}
            perturbed.append(told | {"method": name} | areas)
    means = {name: np.mean(pairs, axis=0) for name, pairs in lines.items()}
    return Measured(
        pd.DataFrame(perturbed),
        pd.DataFrame(boxes),
        {name: mean[0] for name, mean in means.items()},
        {name: mean[1] for name, mean in means.items()},
    )


def _on_boxes(one: Tensor, covered: np.ndarray) -> dict[str, float]:
    values = one.cpu().numpy()
    inside, share = share_inside(values, covered)
    hits, chance = pointing(values, covered)
    return {"inside": inside, "area": share, "hits": hits, "chance": chance}


def _curves(probabilities, clip: Tensor, maps: Mapping[str, Tensor], target: int, seed: int):
    """Method → its deletion and insertion curve, for a clip; the random order's is a mean."""
    grid = next(iter(maps.values())).shape[1:]
    generator = torch.Generator().manual_seed(seed)
    lots = torch.rand(RANDOM_ORDERS, *grid, generator=generator)
    given = [*(one[0].cpu() for one in maps.values()), centre_prior(tuple(grid)), *lots]
    baseline = blurred(clip, clip.shape[-1] / grid[-1])
    stacked = torch.stack(given).to(clip.device)
    deletion, insertion = curves(probabilities, clip, baseline, stacked, target)
    pairs = list(zip(deletion, insertion, strict=True))
    found = dict(zip((*maps, CENTRE), pairs, strict=False))
    found[RANDOM] = tuple(np.mean(pairs[-RANDOM_ORDERS:], axis=0))
    return found
