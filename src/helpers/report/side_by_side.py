"""Several runs in one table: their headline numbers with intervals, and whether they compare."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from helpers.files import read_json
from helpers.pipeline.report import HEADLINES
from helpers.report.gather import Gathered
from helpers.report.hashes import data_hash, tested_hash

COUNTS = {"n_test": "test clips", "n_groups": "recordings in the test", "best_epoch": "best epoch"}


def compare_runs(runs: Sequence[Gathered]) -> pd.DataFrame:
    """Headline numbers, a row each, with a column for each run; "--" where a run has none.

    The first column, named "number", says what the row is. Numbers with limits are all those at
    the top of metrics.json.
    """
    columns = {run.name: _headlines(run) for run in runs}
    rows = list(dict.fromkeys(key for column in columns.values() for key in column))
    table = {name: [column.get(row, "--") for row in rows] for name, column in columns.items()}
    return pd.DataFrame({"number": rows} | table)


def _headlines(gathered: Gathered) -> dict[str, str]:
    run = gathered.run
    metrics = read_json(run.metrics) if run.metrics.exists() else {}
    made = read_json(run.folder / "run.json")["made"]
    limited = {
        HEADLINES.get(key, key.replace("_", " ")): plain_interval(value)
        for key, value in metrics.items()
        if is_limited(value)
    }
    counts = {title: f"{metrics[key]}" for key, title in COUNTS.items() if key in metrics}
    seconds = {"training (s)": f"{spent:.0f}"} if (spent := run.seconds.get("train")) else {}
    return (
        limited
        | counts
        | seconds
        | {"size": run.settings.profile, "seed": f"{run.settings.seed}"}
        | {"commit": made["commit"] or "unknown", "data": short(data_hash(run))}
    )


def is_limited(value: Any) -> bool:
    """Whether an entry of metrics.json is a number with its limits."""
    return isinstance(value, dict) and {"value", "low", "high"} <= set(value)


def plain_interval(entry: dict[str, float | None]) -> str:
    """A number with its limits, "0.842 [0.805, 0.871]"; a dash for what was not measured."""
    value, low, high = (
        "--" if entry[key] is None else f"{entry[key]:.3f}" for key in ("value", "low", "high")
    )
    return f"{value} [{low}, {high}]"


def short(digest: str | None) -> str:
    """The first twelve letters of a hash, as git shows them."""
    return digest[:12] if digest else "unknown"


def comparability(runs: Sequence[Gathered]) -> str:
    """A sentence on whether the runs were tested on the same clips; empty for a single one."""
    if len(runs) < 2:
        return ""
    tested = {run.name: tested_hash(run.run) for run in runs}
    if None in tested.values():
        absent = ", ".join(name for name, digest in tested.items() if digest is None)
        return f"Not tested yet: {absent}."
    if len(set(tested.values())) == 1:
        return (
            "All were tested on the same clips. That intervals overlap does not say that "
            "two runs are alike: notebook 03 with COMPARE measures the difference clip by clip."
        )
    return "They were tested on different clips: the numbers do not say which model is better."
