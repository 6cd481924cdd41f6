"""Copies among clips: the same file twice, and the same clip under another coat.

Two clips are near duplicates when they show the same content: one is the other encoded again,
scaled, brightened, cropped a little, begun or ended a little elsewhere, at another frame rate, or
mirrored. Clips that only share a background are none; `helpers.clips.scenes` is about those.

A pair is near when its still pictures are alike (`STILL_ALIKE`) and its motion is too
(`MOTION_APART`), each by the cosine of what `helpers.clips.fingerprints` keeps, the best over crops
and spans. Where the limits come from:

- Different clips: the highest likeness of still pictures among all pairs of the simulated yard
  (3600 clips of hazards, 480 of motions) and of UT-Interaction (120 clips) is 0.80.
- Copies of 240 of these clips, each made anew in eleven ways (H.264 at CRF 35; half the size; 2.5
  or 5 % cut off at each edge; brighter and flatter; gamma; without the first eighth; without a
  twelfth at both ends; every other frame; mirrored; and most of these in one): 2636 of 2640 are
  found, with no pair of different clips. Without the first quarter: 87 %, of the longer clips half.
- Missed are most copies with 6 % cut off on one side or 8 % on all, or with a stamp over a
  twentieth of the picture.
- Pieces of 2 s out of four recordings of fixed cameras, 3718 pairs of one view: 9 % have still
  pictures above the limit, 0.4 % are near. In those next to nothing moves, or the same over again;
  they belong on one side of a split.

The last point is why hashes of frames do not serve: by `imagehash.phash`, mean of five frames, half
of such pieces are nearer to each other than clips to their copies with 5 % cut off.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from helpers.clips.fingerprints import (
    CROPS,
    FILE,
    VIEWS,
    Fingerprints,
    load_or_make_fingerprints,
    mirror_signs,
)
from helpers.clips.frames import FrameStore
from helpers.files import write_table

log = logging.getLogger(__name__)

DUPLICATES = "duplicates.csv"
KINDS = {"path": str, "other": str, "kind": str, "distance": float, "mirrored": bool}
DUPLICATE_COLUMNS = list(KINDS)
EXACT, NEAR = "exact", "near"

MOTION_APART = 0.15
"""Near duplicates differ by less: 1 - likeness of motion, the `distance` of the table."""

STILL_ALIKE = 0.85
"""And their still pictures are at least so alike."""

WHOLE, LATE, EARLY = 0, VIEWS.index((0, 1)), VIEWS.index((0, 2))
MOTION_PAIRS = (
    *((view, WHOLE) for view in range(len(VIEWS))),
    *((WHOLE, view) for view in range(1, len(VIEWS))),
    (LATE, EARLY),
    (EARLY, LATE),
)
"""Which view of a clip is held against which of the other."""
STILL_PAIRS = (
    *((crop, WHOLE) for crop in range(len(CROPS))),
    *((WHOLE, crop) for crop in range(1, len(CROPS))),
)

BLOCK = 512
MOST_PAIRS = 100_000


def list_duplicates(
    folder: Path | str,
    manifest: pd.DataFrame,
    about: Path,
    workers: int | None = None,
    store: FrameStore | None = None,
) -> pd.DataFrame:
    """Look for copies among the clips of a folder, and write them to duplicates.csv.

    Args:
        folder: what the manifest's paths are relative to.
        manifest: columns path and frames.
        about: folder of the run, which keeps fingerprints.npz and duplicates.csv.
        workers: processes; None for one per core.
        store: kept frames, which save decoding.

    Returns:
        The table of `find_duplicates`.

    Raises:
        VideoError: a clip cannot be read, or is shorter than the manifest says.
    """
    prints = load_or_make_fingerprints(folder, manifest, about / FILE, workers, store)
    table = find_duplicates(prints)
    file = about / DUPLICATES
    if not file.exists() or not load_duplicates(file).equals(table):
        write_table(file, table)
    return table


def find_duplicates(prints: Fingerprints) -> pd.DataFrame:
    """List the pairs of clips that are copies of each other.

    Of several identical files the first by path stands for all: the others are listed with it, and
    it alone is looked at for near duplicates. All pairs are compared, in blocks by matrix products;
    ten thousand clips take some 10 s on one core. Where more than `MOST_PAIRS` pairs are near (long
    recordings of nothing), those are listed that hold the same clips together, nearest first.

    Returns:
        One row per pair: path and other (path < other), kind ("exact" or "near"), distance (0 for
        exact, below `MOTION_APART` for near) and mirrored (whether the mirror image is the nearer
        one); sorted by path, other.
    """
    order = np.argsort(np.array(prints.paths, dtype=object), kind="stable")
    _, first, of = np.unique(prints.digest[order], return_index=True, return_inverse=True)
    kept = order[first[of]]  # for each clip the first with its content
    exact = [
        (prints.paths[one], prints.paths[other], EXACT, 0.0, False)
        for one, other in zip(kept, order, strict=True)
        if one != other
    ]
    distinct = np.sort(order[first])
    near = [
        (*sorted((prints.paths[distinct[i]], prints.paths[distinct[j]])), NEAR, distance, mirrored)
        for i, j, distance, mirrored in _near(prints.motion[distinct], prints.still[distinct])
    ]
    return _table(exact + near)


def load_duplicates(path: Path) -> pd.DataFrame:
    """Read duplicates.csv, the table of `find_duplicates`; no pair where there is no such file.

    Raises:
        ValueError: a column is missing.
    """
    if not path.exists():
        return none_found()
    table = pd.read_csv(path, dtype={"path": str, "other": str}, keep_default_na=False)
    missing = [name for name in DUPLICATE_COLUMNS if name not in table]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}; remove it to look anew")
    return table[DUPLICATE_COLUMNS].astype(KINDS)


def none_found() -> pd.DataFrame:
    """The table of `find_duplicates` where there is no pair."""
    return _table([])


def _table(pairs: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(pairs, columns=DUPLICATE_COLUMNS).astype(KINDS)
    return table.sort_values(["path", "other"], ignore_index=True)


def _near(motion: np.ndarray, still: np.ndarray) -> list[tuple[int, int, float, bool]]:
    """Pairs i < j that are near: i, j, distance, mirrored."""
    motion, still = motion.astype(np.float32), still.astype(np.float32)
    turn_motion, turn_still = mirror_signs()
    found: list[np.ndarray] = []
    n, listed, reduced = len(motion), 0, False
    for top in range(0, n, BLOCK):
        for left in range(top, n, BLOCK):
            rows, columns = slice(top, top + BLOCK), slice(left, left + BLOCK)
            one, other = (motion[rows], still[rows]), (motion[columns], still[columns])
            direct = _likeness(one, other)
            turned = _likeness(one, (other[0] * turn_motion, other[1] * turn_still))
            likeness = np.maximum(direct, turned)
            i, j = np.nonzero(likeness > 1 - MOTION_APART)
            above = top + i < left + j
            i, j = i[above], j[above]
            distance = 1 - likeness[i, j].astype(float)
            block = np.column_stack([top + i, left + j, distance, turned[i, j] > direct[i, j]])
            found.append(block)
            listed += len(block)
        if listed > MOST_PAIRS:
            found = [_spanning(np.concatenate(found), n)]
            listed, reduced = len(found[0]), True
    pairs = np.concatenate([np.empty((0, 4)), *found])
    if reduced:
        pairs = _spanning(pairs, n)
        log.warning(
            "More than %d pairs of clips are near duplicates, as where nothing moves for long: "
            "%d are listed, which hold the same clips together",
            MOST_PAIRS,
            len(pairs),
        )
    return [
        (int(i), int(j), round(max(distance, 0.0), 4), bool(mirrored))
        for i, j, distance, mirrored in pairs
    ]


def _likeness(one: tuple, other: tuple) -> np.ndarray:
    """Likeness of motion [A, B] of the clips whose still pictures are alike; -1 elsewhere."""
    alike = _best(one[1], other[1], STILL_PAIRS) >= STILL_ALIKE
    likeness = np.full(alike.shape, -1, np.float32)
    rows, columns = alike.any(axis=1), alike.any(axis=0)  # most clips are like no other one
    if rows.any():
        motion = _best(one[0][rows], other[0][columns], MOTION_PAIRS)
        place = np.ix_(rows, columns)
        likeness[place] = np.where(alike[place], motion, np.float32(-1))
    return likeness


def _best(one: np.ndarray, other: np.ndarray, pairs: tuple) -> np.ndarray:
    """Highest cosine [A, B] over pairs of views of [A, views, numbers] and [B, views, numbers]."""
    best = np.full((len(one), len(other)), -1, np.float32)
    for mine, theirs in pairs:
        np.maximum(best, one[:, mine] @ other[:, theirs].T, out=best)
    return best


def _spanning(pairs: np.ndarray, n: int) -> np.ndarray:
    """The fewest pairs, nearest first, that connect the same clips."""
    i, j = pairs[:, :2].T.astype(int)
    # A weight of zero would count as no pair.
    graph = coo_array((pairs[:, 2] + 1, (i, j)), shape=(n, n)).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    kept = set(zip(tree.row.tolist(), tree.col.tolist(), strict=True))
    return pairs[[pair in kept for pair in zip(i.tolist(), j.tolist(), strict=True)]]
