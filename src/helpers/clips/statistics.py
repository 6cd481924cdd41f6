"""Statistics of the clips, one row each: light, colour, sharpness, motion, bytes per second.

They are kept in a file, so that unchanged clips are not decoded again.
"""

import logging
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from helpers.clips.frames import FrameStore
from helpers.clips.measures import SHORT_SIDE, Measures, measure_clip
from helpers.clips.parallel import map_in_processes
from helpers.clips.segments import state_of
from helpers.files import write_table

log = logging.getLogger(__name__)

VERSION = 1
"""Raised whenever the same clip gives other numbers."""
MEASURED = [field.name for field in fields(Measures)]
STATISTICS_COLUMNS = ["path", *MEASURED, "bytes_per_second"]
STATE = ["bytes", "modified", "version"]
"""What the file says besides: the state of the clip that was measured, and how it was."""


def load_or_measure(
    manifest: pd.DataFrame,
    data_folder: Path | str,
    file: Path,
    store: FrameStore | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Load the clips' statistics; measure those that are new or have changed, and write the file.

    A clip is unchanged while its bytes and its time of modification are.

    Args:
        manifest: columns path, frames, fps, duration (s).
        data_folder: what the manifest's paths are relative to.
        file: statistics.csv.
        store: kept frames, used for the clips of which it holds every frame at `SHORT_SIDE`;
            the numbers are the same with and without it.
        workers: processes; None for one per core.

    Returns:
        `STATISTICS_COLUMNS` in the manifest's order. See `Measures` for the meanings.

    Raises:
        VideoError: a clip cannot be read, or is shorter than the manifest says.
        OSError: a clip is gone.
    """
    known = _load(file)
    clips = {path: Path(data_folder, path) for path in manifest["path"]}
    states = {path: _state(clip) for path, clip in clips.items()}
    rows = {path: row for path, row in known.items() if _state_of(row) == states.get(path)}
    new = manifest[~manifest["path"].isin(list(rows))]
    work = [
        (
            clips[clip.path],
            int(clip.frames),
            float(clip.fps),
            _usable(store, clips[clip.path], clip),
        )
        for clip in new.itertuples()
    ]
    found = map_in_processes(measure_clip, work, "Measuring", workers)
    for path, measures in zip(new["path"], found, strict=True):
        numbers = {name: _rounded(value) for name, value in asdict(measures).items()}
        rows[path] = numbers | dict(zip(STATE, states[path], strict=True))
    log.info("%d clips measured, %d known", len(new), len(manifest) - len(new))
    table = pd.DataFrame(
        [{"path": path, **rows[path]} for path in manifest["path"]],
        columns=["path", *MEASURED, *STATE],
    )
    if len(new) or set(known) != set(manifest["path"]):
        write_table(file, table)
    rates = manifest["bytes"].to_numpy() / manifest["duration"].to_numpy()
    return table.assign(bytes_per_second=rates)[STATISTICS_COLUMNS]


def _load(file: Path) -> dict[str, dict]:
    """Rows of the file by path; none where it is absent or of other columns."""
    if not file.exists():
        return {}
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if list(table) != ["path", *MEASURED, *STATE]:
        log.warning("%s has other columns than are measured today; measured anew", file)
        return {}
    kinds = {field.name: field.type for field in fields(Measures)} | dict.fromkeys(STATE, int)
    table = table.replace({name: {"": "nan"} for name, kind in kinds.items() if kind is float})
    table = table.astype(kinds)
    return table.set_index("path").to_dict("index")


def _state(clip: Path) -> tuple[int, int, int]:
    found = state_of(clip)
    return found.bytes, found.mtime_ns, VERSION


def _state_of(row: dict) -> tuple[int, ...]:
    return tuple(row[name] for name in STATE)


def _usable(store: FrameStore | None, clip: Path, row) -> FrameStore | None:
    """The store where it holds all frames of the clip in the size that is measured."""
    return store if store and store.holds_all(clip, row.frames, SHORT_SIDE) else None


def _rounded(value: float) -> float:
    """Six significant digits: what the file holds is what was measured."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
