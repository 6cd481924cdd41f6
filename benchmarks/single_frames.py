"""What single frames and nuisance tell about the classes of the simulated yard.

python -m benchmarks.single_frames --out benchmarks/results/yard.json

Motions are meant to be told by the order of time alone. A small network sees one frame of a clip,
at a random time; within a pair of motions it should guess. That it can learn is shown by the same
network on two frames in their order, and on single frames of hazards. Tests are on cameras that
training did not see. A forest of numbers that ignore what happens is measured beside it.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

from benchmarks.machine import describe_machine
from helpers.clips.manifest import build_manifest
from helpers.clips.reading import read_frames
from helpers.clips.statistics import load_or_measure
from helpers.evaluation.bootstrap import bootstrap_intervals
from helpers.evaluation.nuisance import nuisance
from helpers.files import write_json
from helpers.profiles import YardSize
from helpers.yard import make_yard
from helpers.yard.motions import RULES

TEST_SHARE = 0.3
"""Of the cameras."""
BATCH = 64
LOOKED_AT = 4
"""Times at which a test clip is looked at, each a prediction of its own."""
SIZE = (64, 48)
"""Width and height (pixels) at which frames are looked at."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--clips", type=int, default=4000, help="of the ten motions (%(default)s)")
    add("--cameras", type=int, default=120, help="(%(default)s)")
    add("--steps", type=int, default=1500, help="of training, 64 clips each (%(default)s)")
    add("--seed", type=int, default=0, help="of yard, network and bootstrap (%(default)s)")
    add("--folder", type=Path, help="where the yards are kept (a temporary folder)")
    add("--out", type=Path, help="JSON file for the numbers")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> dict:
    """Make the yards, train, test, print; return the numbers."""
    asked = parse(arguments)
    machine = describe_machine("cpu", sys.argv if arguments is None else arguments, None)
    with TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        found = _measure(asked, folder)
    found |= {"machine": machine}
    print(table(found).to_string(index=False))
    if asked.out:
        write_json(asked.out, found)
    return found


def table(found: dict) -> pd.DataFrame:
    """What was found as rows: of which clips, what was looked at, accuracy, interval, chance."""
    return pd.DataFrame(found["rows"]).round(3)


def _measure(asked: argparse.Namespace, folder: Path) -> dict:
    rows = []
    size = YardSize(asked.clips, asked.cameras, frames=12, fps=6, width=192, height=144)
    for labels in ("motions", "hazards"):
        yard = make_yard(folder / labels, size, asked.seed, labels=labels)
        clips = build_manifest(yard).manifest
        statistics = load_or_measure(clips, yard, folder / f"{labels}.csv")
        told = nuisance(clips, statistics, seed=asked.seed)
        rows.append(_row(labels, "nuisance", told.together, told.chance))
        frames = _load(yard, clips)
        for looks in (1, 2) if labels == "motions" else (1,):
            seen = predict(frames, clips, looks, asked.steps, asked.seed)
            rows += _rows(labels, seen, looks)
    return {"size": asdict(size), "steps": asked.steps, "rows": rows}


def _row(clips: str, looks_at: str, interval: dict, chance: float) -> dict:
    return {"clips": clips, "looks_at": looks_at, **interval, "chance": chance}


def _rows(labels: str, seen: pd.DataFrame, looks: int) -> list[dict]:
    looks_at = "one frame" if looks == 1 else "two frames in order"
    metric = {"top1": lambda matrix: np.trace(matrix, axis1=-2, axis2=-1) / matrix.sum((-2, -1))}
    whole = partial(bootstrap_intervals, metrics=metric)
    classes = seen["label"].nunique()
    rows = [_row(labels, looks_at, whole(seen)["top1"], 1 / classes)]
    if labels == "motions":
        for first, second in RULES:
            pair = within(seen, [first, second])
            rows.append(_row(f"{first} / {second}", looks_at, whole(pair)["top1"], 0.5))
    return rows


def within(seen: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """The clips of some classes, told apart among these alone."""
    some = seen[seen["label"].isin(classes)].reset_index(drop=True)
    columns = [f"p_{name}" for name in classes]
    best = some[columns].to_numpy().argmax(axis=1)
    return some[["path", "group", "label", *columns]].assign(predicted=np.array(classes)[best])


def _load(yard: Path, clips: pd.DataFrame) -> np.ndarray:
    """All frames, small: uint8 [N, T, 3, H, W]."""
    return np.stack([_small(yard / one.path, one.frames) for one in clips.itertuples()])


def _small(clip: Path, many: int) -> np.ndarray:
    frames = read_frames(clip, range(many))
    small = [cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack(small).transpose(0, 3, 1, 2)


def predict(
    frames: np.ndarray, clips: pd.DataFrame, looks: int, steps: int, seed: int
) -> pd.DataFrame:
    """Train on some cameras, and predict random frames of the clips of the others.

    Args:
        frames: uint8 [N, T, 3, H, W].
        clips: N rows with path, group, label.
        looks: frames that are seen of a clip, in their order.
        steps: of training.

    Returns:
        A table of predictions, as `helpers.evaluation.metrics` takes it.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    groups = np.array(sorted(clips["group"].unique()))
    held_out = rng.permutation(groups)[: max(round(TEST_SHARE * len(groups)), 1)]
    is_test = clips["group"].isin(held_out).to_numpy()
    classes = sorted(clips["label"].unique())
    labels = np.searchsorted(classes, clips["label"])
    network = build(looks, len(classes))
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    train = np.flatnonzero(~is_test)
    for _ in range(steps):
        some = rng.choice(train, BATCH)
        pictures = _pick(frames, some, looks, rng)
        shift = tuple(rng.integers(-4, 5, 2).tolist())
        pictures = pictures.roll(shift, (2, 3))
        if rng.random() < 0.5:
            pictures = pictures.flip(-1)
        loss = nn.functional.cross_entropy(network(pictures), torch.from_numpy(labels[some]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    test = np.repeat(np.flatnonzero(is_test), LOOKED_AT)
    with torch.no_grad():
        logits = [
            network(_pick(frames, some, looks, rng))
            for some in np.array_split(test, -(-len(test) // BATCH))
        ]
    probabilities = torch.cat(logits).softmax(-1).numpy()
    seen = clips.loc[test, ["path", "group", "label"]].reset_index(drop=True)
    seen["predicted"] = np.array(classes)[probabilities.argmax(axis=1)]
    return seen.assign(**{f"p_{name}": probabilities[:, k] for k, name in enumerate(classes)})


def _pick(frames: np.ndarray, clips: np.ndarray, looks: int, rng) -> torch.Tensor:
    """Frames at random times, in their order: float32 [B, looks * 3, H, W]."""
    times = np.sort(
        [rng.choice(frames.shape[1], looks, replace=False) for _ in range(len(clips))], axis=1
    )
    pictures = frames[clips[:, None], times].astype(np.float32) / 127.5 - 1
    return torch.from_numpy(pictures).flatten(1, 2)


def build(looks: int, classes: int) -> nn.Sequential:
    """A small convolutional network."""
    layers: list[nn.Module] = []
    width = 3 * looks
    for wider in (24, 48, 96, 128):
        layers += [
            *(nn.Conv2d(width, wider, 3, 2, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()),
            *(nn.Conv2d(wider, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()),
        ]
        width = wider
    # Where things are matters, so places are not averaged away.
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(12 * width, classes)
    )  # fmt: skip


if __name__ == "__main__":
    main()
