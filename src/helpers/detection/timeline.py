"""From a recording to its timeline: probabilities of the classes in each sliding window.

What is found is written as it comes: a detection that was cut goes on where it was, and one of a
file that has grown since goes on at its old end.
"""

import csv
import hashlib
import json
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from tqdm import tqdm

from helpers.clips.segments import resolved, source_of, state_of
from helpers.detection.detector import Detector
from helpers.detection.sliding import Spent, slide
from helpers.detection.stream import REWIND, RecordingError, seconds_of, timed_frames
from helpers.evaluation.metrics import PROBABILITY
from helpers.files import read_json, whole_file, write_json, write_table

HEAD = 1 << 16
"""A recording is known again by so many bytes at its beginning."""
DIGITS = 5


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
        patience: see `helpers.detection.stream.timed_frames`.

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
    found = {"seconds": spent.end, "bytes": size, "spent": asdict(spent)}
    write_json(about, {"path": str(path), **found, "made_from": made_from})
    return Timeline(str(path), table, spent.end, spent)


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
    spent, first = Spent(end=float(rows[-1][1]) if rows else 0.0), len(rows)
    start = detector.windows.span(first)[0]
    frames = timed_frames(path, max(start - REWIND, 0.0), patience)
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
            bar.update(max(round(spent.end) - bar.n, 0))
    return spent


def _whole_rows(partial: Path, columns: list[str]) -> list[list[str]]:
    """The rows of a file that may have been cut in the middle of one."""
    if not partial.exists():
        return []
    text = partial.read_text(encoding="utf-8")
    lines = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    return lines[1:] if lines and lines[0] == columns else []
