"""From a recording to its timeline: probabilities of the classes in each sliding window.

What is found is written as it comes: a detection that was cut goes on where it was, and one of a
file that has grown since goes on at its old end.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from mmaction.structures import ActionDataSample
from torch import nn
from tqdm import tqdm

from helpers.clips.segments import resolved, source_of, state_of
from helpers.detection.stream import REWIND, RecordingError, growing_frames, seconds_of
from helpers.detection.windows import Spent, Windows, slide
from helpers.evaluation.metrics import PROBABILITY
from helpers.explain.rollout import rollout
from helpers.files import read_json, whole_file, write_json, write_table
from helpers.models import SpaceTimeTransformer
from helpers.training.device import Compute
from helpers.training.inference import autocast, probabilities_of

HEAD = 1 << 16
"""A recording is known again by so many bytes at its beginning."""
DIGITS = 5


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
        """Of windows uint8 [T, H, W, 3]: float [windows, classes]."""
        batch = {
            "inputs": [_as_input(window) for window in windows],
            "data_samples": [ActionDataSample() for _ in windows],
        }
        with torch.no_grad():
            return probabilities_of(self.model, batch, self.compute)

    def attention(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Attention rollout of windows: float [windows, T, rows, columns], each sums to 1.

        Raises:
            RecordingError: the backbone is no transformer of `helpers.models`.
        """
        if not isinstance(self.model.backbone, SpaceTimeTransformer):
            kind = type(self.model.backbone).__name__
            raise RecordingError(f"{kind} has no attention to show; ask for none.")
        batch = {
            "inputs": [_as_input(window) for window in windows],
            "data_samples": [ActionDataSample() for _ in windows],
        }
        with torch.no_grad(), autocast(self.compute):
            inputs = self.model.data_preprocessor(batch)["inputs"].squeeze(1)
            return rollout(self.model.backbone, inputs).float().cpu().numpy()


def _as_input(window: np.ndarray) -> torch.Tensor:
    """uint8 [1, 3, T, H, W], as mmaction2's pipelines pack a clip."""
    return torch.from_numpy(np.ascontiguousarray(window.transpose(3, 0, 1, 2)))[None]


@dataclass(frozen=True)
class Timeline:
    """What the model says over a recording."""

    path: str
    table: pd.DataFrame  # one row per window: start, end (s), and `p_<class>` for each class
    seconds: float  # length of the recording
    spent: Spent = field(default_factory=Spent)
    was_loaded: bool = False

    @property
    def classes(self) -> list[str]:
        """Their names, in the order of the columns."""
        return [name.removeprefix(PROBABILITY) for name in self.table if _is_class(name)]

    @property
    def probabilities(self) -> np.ndarray:
        """float [windows, classes]."""
        return self.table[[name for name in self.table if _is_class(name)]].to_numpy(float)

    @property
    def cells(self) -> np.ndarray:
        """Limits [windows + 1] (s) of the stretches that windows stand for: around their middles.

        The first one begins with the recording and the last one ends with it.
        """
        middles = (self.table["start"] + self.table["end"]).to_numpy(float) / 2
        between = (middles[1:] + middles[:-1]) / 2
        return np.concatenate([[0.0], between, [max(self.seconds, *middles)]])


def _is_class(name: str) -> bool:
    return name.startswith(PROBABILITY)


def detect(detector: Detector, path: Path | str, folder: Path, patience: float = 0.0) -> Timeline:
    """The timeline of a recording: loaded, gone on with, or made.

    Args:
        detector: the model.
        path: the recording; a clip of the manifest serves too.
        folder: gets timeline.csv (start, end, `p_<class>`) and timeline.json (length, what it was
            made from, where the time went).
        patience: see `helpers.detection.stream.growing_frames`.

    Raises:
        VideoError: the recording cannot be opened.
        RecordingError: it holds no frame.
    """
    final, partial, about = (folder / f"timeline{end}" for end in (".csv", ".partial.csv", ".json"))
    made_from, size = _made_from(detector, path), state_of(path).bytes
    known = read_json(about) if about.exists() else {}
    if known.get("made_from") != made_from:
        known = {}
        final.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
        write_json(about, {"made_from": made_from})
    if known.get("bytes") == size and final.exists() and not patience:
        spent = Spent(**known["spent"])
        return Timeline(str(path), pd.read_csv(final), known["seconds"], spent, True)
    if final.exists():  # the file has grown: what was its last window may show more now
        write_table(partial, pd.read_csv(final).iloc[:-1])
        final.unlink()
    spent = _fill(detector, path, partial, patience)
    table = pd.read_csv(partial)
    if table.empty:
        raise RecordingError(f"{path}: no frame of it decodes.")
    write_table(final, table)
    partial.unlink()
    size = state_of(path).bytes if patience else size
    found = {"seconds": spent.seconds, "bytes": size, "spent": asdict(spent)}
    write_json(about, {"path": str(path), **found, "made_from": made_from})
    return Timeline(str(path), table, spent.seconds, spent)


def _made_from(detector: Detector, path: Path | str) -> dict:
    """What decides a timeline, as JSON gives it back."""
    place, head = source_of(path).place, b""
    if place.is_file():
        with place.open("rb") as content:
            head = content.read(HEAD)
    with detector.weights.open("rb") as content:
        weights = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    facts = {
        "recording": resolved(path),
        # A file that grows past this is the same one; its first bytes decide.
        "head": hashlib.sha256(head).hexdigest()[:16] if len(head) == HEAD else "short",
        "weights": weights,
        "precision": detector.compute.precision,
        "classes": list(detector.classes),
        "windows": detector.windows.as_json(),
    }
    return json.loads(json.dumps(facts))


def _fill(detector: Detector, path: Path | str, partial: Path, patience: float) -> Spent:
    """Append a row per window behind those that are there."""
    columns = ["start", "end", *(PROBABILITY + name for name in detector.classes)]
    rows = _whole_rows(partial, columns)
    with whole_file(partial) as part, part.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([columns, *rows])
    spent, first = Spent(), len(rows)
    start = detector.windows.span(first)[0]
    frames = growing_frames(path, max(start - REWIND, 0.0), patience)
    found = slide(frames, detector.windows, first, spent)
    total = None if patience else seconds_of(path)
    with (
        partial.open("a", newline="", encoding="utf-8") as lines,
        tqdm(total=total and round(total), desc=Path(path).name, unit="s", mininterval=2) as bar,
    ):
        bar.update(round(start))
        while group := list(islice(found, detector.batch)):
            began = perf_counter()
            scores = detector.probabilities([window for _, window in group])
            spent.model += perf_counter() - began
            spent.windows += len(group)
            for (k, _), score in zip(group, scores, strict=True):
                told = [*detector.windows.span(k), *score.tolist()]
                csv.writer(lines).writerow([round(value, DIGITS) for value in told])
            lines.flush()
            bar.update(max(round(spent.seconds) - bar.n, 0))
    return spent


def _whole_rows(partial: Path, columns: list[str]) -> list[list[str]]:
    """The rows of a file that may have been cut in the middle of one."""
    if not partial.exists():
        return []
    text = partial.read_text(encoding="utf-8")
    lines = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    return lines[1:] if lines and lines[0] == columns else []


def attention_maps(
    detector: Detector, path: Path | str, start: float, end: float
) -> Iterator[tuple[float, np.ndarray]]:
    """Time (s) and map [rows, columns] of each frame that windows of a stretch show.

    Of every window the frames in its middle are taken, as far as the next window's middle: each
    moment is explained by the window around it. A map's values are relative to even attention.
    """
    windows = detector.windows
    first = max(int((start - windows.seconds) / windows.stride), 0)
    frames = growing_frames(path, max(windows.span(first)[0] - REWIND, 0.0))
    for k, window in slide(frames, windows, first, Spent()):
        if windows.span(k)[0] > end:
            return
        (maps,) = detector.attention([window])
        middle, moments = sum(windows.span(k)) / 2, windows.moments(k)
        near = np.abs(moments - middle) <= windows.stride / 2 + 1e-6
        near[np.abs(moments - middle).argmin()] = True
        for moment, one in zip(moments[near], maps[near], strict=True):
            yield float(moment), one * maps.size
