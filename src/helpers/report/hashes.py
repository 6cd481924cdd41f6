"""What tells whether two runs saw, and were tested on, the same clips."""

import hashlib

import numpy as np
import pandas as pd

from helpers.runs import Run


def data_hash(run: Run) -> str | None:
    """SHA-256 over paths, labels and contents of a run's clips; None before notebook 01.

    Contents enter by the hash that notebook 01 takes of each file (`fingerprints.npz`). Without
    those, the sizes of the files stand in for them.
    """
    if not run.manifest.exists():
        return None
    clips = pd.read_csv(run.manifest, dtype=str, keep_default_na=False)
    contents = dict(zip(clips["path"], clips["bytes"], strict=True))
    if (prints := run.folder / "fingerprints.npz").exists():
        with np.load(prints) as kept:
            contents |= dict(zip(kept["paths"].tolist(), kept["digest"].tolist(), strict=True))
    lines = sorted(
        f"{path}\t{label}\t{contents[path]}\n"
        for path, label in zip(clips["path"], clips["label"], strict=True)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def tested_hash(run: Run) -> str | None:
    """SHA-256 over paths and labels of the test clips that were predicted; None before that."""
    if not run.predictions.exists():
        return None
    clips = pd.read_csv(run.predictions, dtype=str, keep_default_na=False)
    lines = sorted(
        f"{path}\t{label}\n" for path, label in zip(clips["path"], clips["label"], strict=True)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
