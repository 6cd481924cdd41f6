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
from helpers.explain.intervals import mean_interval, ratio_interval
from helpers.explain.methods import CENTRE, RANDOM, Explainer, centre_prior, explain, logits
from helpers.explain.perturbation import area, blurred, curves

RANDOM_ORDERS = 3
"""Orders drawn for each clip, whose mean a map is compared with."""


@dataclass(frozen=True)
class Subject:
    """A clip whose maps are measured."""

    path: str
    group: str
    label: str
    inputs: Tensor  # [1, channels, T, height, width], normalised
    covered: np.ndarray | None = None  # of the hazard's boxes, [T, rows, columns]


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


def perturbation_table(measured: Measured, against: str = RANDOM, n: int = 1000) -> pd.DataFrame:
    """Areas of each method, and how much better than another's they are, with 95 % intervals.

    Args:
        measured: from `measure`.
        against: what the methods are compared with, on the same clips.
        n: draws of the bootstrap over recordings.

    Returns:
        method, deletion, insertion (mean areas), and for each of both `<name> gain`, `<name> low`,
        `<name> high`: positive where the method is better (less area in deletion, more in
        insertion).
    """
    rows = []
    wide = measured.perturbed.pivot(index="path", columns="method")
    groups = measured.perturbed.drop_duplicates("path").set_index("path")["group"][wide.index]
    for method in measured.deletion:
        row = {"method": method}
        for name, sign in (("deletion", -1), ("insertion", 1)):
            areas = wide[name]
            gain = sign * (areas[method] - areas[against])
            limits = mean_interval(gain, groups, n)
            row |= {name: float(areas[method].mean()), f"{name} gain": limits["value"]}
            row |= {f"{name} low": limits["low"], f"{name} high": limits["high"]}
        rows.append(row)
    return pd.DataFrame(rows)


def boxes_table(measured: Measured, n: int = 1000) -> pd.DataFrame:
    """How much of each method's maps falls into the hazard's boxes, all clips and by class.

    Args:
        measured: from `measure`.
        n: draws of the bootstrap over recordings.

    Returns:
        method, clips ("all", "right", "wrong" by the prediction, then each class), n, inside and
        area (means), ratio of both with low and high, hits and chance of the pointing game.
    """
    columns = ["method", "clips", "n", "inside", "area", "ratio", "low", "high", "hits", "chance"]
    rows = []
    for method, own in measured.boxes.groupby("method", sort=False):
        right = own["label"] == own["predicted"]
        parts = {"all": own, "right": own[right], "wrong": own[~right]}
        parts |= dict(tuple(own.groupby("label")))
        for name, part in parts.items():
            if part.empty:
                continue
            ratio = ratio_interval(part["inside"], part["area"], part["group"], n)
            means = part[["inside", "area", "hits", "chance"]].mean().to_dict()
            limits = {"ratio": ratio["value"], "low": ratio["low"], "high": ratio["high"]}
            rows.append({"method": method, "clips": name, "n": len(part)} | means | limits)
    return pd.DataFrame(rows, columns=columns)


def sanity_table(sanity: pd.DataFrame, groups: list[str], n: int = 1000) -> pd.DataFrame:
    """Mean rank correlation by method and stage, with 95 % intervals.

    Args:
        sanity: from `helpers.explain.randomisation.sanity_check`.
        groups: recording of each of its clips.
        n: draws of the bootstrap over recordings.

    Returns:
        method, stage, value, low, high. Maps without an order count as unlike: 0.
    """
    rows = []
    for (method, stage), own in sanity.groupby(["method", "stage"], sort=False):
        names = [groups[clip] for clip in own["clip"]]
        limits = mean_interval(own["correlation"].fillna(0.0), names, n)
        rows.append({"method": method, "stage": stage} | limits)
    return pd.DataFrame(rows)
