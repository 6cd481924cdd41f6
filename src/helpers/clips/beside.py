"""What is known of clips besides their pictures: the JSON beside each, manifest and statistics.

The simulated yard writes a JSON beside each clip. Other data may do so too: what has the same
entries is read, and what is missing is left out.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

MANIFEST_FACTS = {"duration": "duration (s)", "fps": "frames per second"}
STATISTICS_FACTS = {
    "brightness": "brightness",
    "contrast": "contrast",
    "sharpness": "sharpness",
    "motion": "motion",
}
HEIGHT = "worker's height (%)"
"""Of the picture's height: how near the camera is."""


def facts_of(
    paths: Sequence[str],
    data_folder: Path | str,
    manifest: pd.DataFrame,
    statistics: Path | None = None,
) -> pd.DataFrame:
    """Properties of clips, for slices of an evaluation.

    Args:
        paths: of the clips, as in the manifest.
        data_folder: what they are relative to.
        manifest: columns path, duration (s), fps, width, height (pixels).
        statistics: statistics.csv, columns path, brightness, contrast, sharpness, motion (see
            `helpers.clips.measures.Measures`); None, or a file that is not there, without them.

    Returns:
        One row per path. Of JSON files beside the clips: text and yes/no entries of `conditions`
        by their names, of `distances` the nearest (in m, a column for each), and of `boxes` how
        tall the tallest worker is in the picture, a measure of how near the camera is. Of the
        manifest: resolution, duration, frames per second. Of the statistics: what is given.
    """
    table = pd.DataFrame([{"path": path, **_beside(Path(data_folder, path))} for path in paths])
    rows = manifest.set_index("path").loc[list(paths)].reset_index()
    table["resolution"] = [f"{w}×{h}" for w, h in zip(rows["width"], rows["height"], strict=True)]
    for name, title in MANIFEST_FACTS.items():
        table[title] = rows[name].to_numpy(float)
    if statistics is not None and statistics.exists():
        measured = (
            pd.read_csv(statistics, dtype={"path": str}).set_index("path").reindex(list(paths))
        )
        for name, title in STATISTICS_FACTS.items():
            if name in measured:
                table[title] = measured[name].to_numpy(float)
    return table


def _beside(clip: Path) -> dict[str, Any]:
    """What the JSON beside a clip tells; nothing where there is none."""
    file = clip.with_suffix(".json")
    if not file.exists():
        return {}
    known = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(known, dict):
        return {}
    conditions = known.get("conditions") or {}
    facts = {
        name.replace("_", " "): value
        for name, value in conditions.items()
        if isinstance(value, str | bool)
    }
    for name, values in (known.get("distances") or {}).items():
        facts[f"{name.replace('_', ' to ')} (m)"] = min(_numbers(values), default=math.nan)
    if known.get("boxes") and known.get("size"):
        facts[HEIGHT] = _height(known["boxes"], known["size"])
    return facts


def _numbers(values: Any) -> list[float]:
    """All numbers in lists of lists."""
    if isinstance(values, list):
        return [number for value in values for number in _numbers(value)]
    return [] if values is None else [float(values)]


def _height(boxes: dict, size: Sequence[float]) -> float:
    """Median over frames of the tallest worker's height, in % of the picture; NaN without one."""
    workers = [frames for name, frames in boxes.items() if name.startswith("worker")]
    tallest = [
        max((box[3] - box[1] for box in frame if box is not None), default=math.nan)
        for frame in zip(*workers, strict=False)
    ]
    seen = pd.Series(tallest, dtype=float)
    return float(100 * seen.median() / size[1])
