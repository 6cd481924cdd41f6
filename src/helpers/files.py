"""Files that are either whole or absent: written beside their name, then renamed."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    A reader, and a process that is killed at any moment, sees the old file, the new file or none,
    never a part. The temporary name keeps the suffix, since encoders choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as indented JSON, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def null_for_nan(value: Any) -> Any:
    """Numbers that are not finite as None, at any depth: JSON has no NaN, and others refuse it."""
    if isinstance(value, dict):
        return {key: null_for_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [null_for_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: "pd.DataFrame") -> Path:
    """Write a table as CSV without its index, whole or not at all."""
    with whole_file(path) as part:
        table.to_csv(part, index=False)
    return path
