"""Draws of test clips for intervals: whole recordings, drawn with replacement.

Clips of one recording are alike, so 800 clips of 12 cameras do not weigh as 800 independent
trials. Drawing recordings (groups) with replacement, all their clips with them, keeps that
likeness in the interval: the cluster bootstrap with percentile limits (Davison & Hinkley,
Bootstrap Methods and their Application, 1997, sections 2.4 and 5.3). Every interval of the
evaluation, and every comparison of models, is made from these draws.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

logger = logging.getLogger(__name__)

FEW_GROUPS = 10
"""With fewer recordings than this, clips are drawn within the drawn recordings too."""


def clip_draws(
    groups: Sequence[str], n: int = 1000, seed: int = 0, warn: bool = True
) -> np.ndarray:
    """How often each clip stands in each draw of recordings with replacement.

    With fewer than `FEW_GROUPS` groups the clips of each drawn group are drawn too (two stages, as
    in section 3.8 of the book above), and a logged warning says so: groups that happen to score
    alike would otherwise give an interval without width. With a single group single clips are
    drawn, and a logged warning says that the interval is too narrow where clips resemble each
    other.

    Args:
        groups: recording of each clip.
        n: number of draws.
        seed: of the draws.
        warn: whether the warnings are logged.

    Returns:
        int [n, clips].
    """
    names = np.asarray(groups).astype(str)
    group = np.unique(names, return_inverse=True)[1]
    count = group.max() + 1
    level = logging.WARNING if warn else logging.DEBUG
    if count == 1:
        logger.log(
            level,
            "All %d clips belong to one group (%r): intervals draw single clips instead of groups "
            "and are too narrow if clips resemble each other. Give GROUP_PATTERN or a groups.csv "
            "to tell recordings apart.",
            len(group),
            str(names[0]),
        )
        group = np.arange(len(group))
    units = group.max() + 1
    rng = np.random.default_rng(seed)
    times = rng.multinomial(units, np.full(units, 1 / units), size=n)
    draws = times[:, group]
    if 1 < count < FEW_GROUPS:
        logger.log(
            level,
            "Only %d recordings: their clips are drawn too, since so few draws of whole recordings "
            "would tell little. Take the intervals as rough.",
            count,
        )
        for index in range(count):
            clips = np.flatnonzero(group == index)
            even = np.full(len(clips), 1 / len(clips))
            draws[:, clips] = rng.multinomial(times[:, index] * len(clips), even)
    return draws


def drawn_confusions(
    table: pd.DataFrame, classes: Sequence[str], draws: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Confusion matrix of a table [K, K], and of each draw of its clips [n, K, K].

    Args:
        table: predictions.
        classes: in the order of the matrix.
        draws: from `clip_draws`, [n, clips].
    """
    k, clips = len(classes), len(table)
    index = {name: place for place, name in enumerate(classes)}
    true, predicted = (table[column].map(index).to_numpy(int) for column in ("label", "predicted"))
    places = (np.arange(clips), true * k + predicted)
    cells = csr_array((np.ones(clips, np.int64), places), shape=(clips, k * k))
    whole = np.asarray(cells.sum(axis=0)).reshape(k, k)
    return whole, np.asarray(draws @ cells).reshape(-1, k, k)


def limits(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentiles that enclose the middle `level` of the finite values; NaN if there is none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval(value: float, drawn: np.ndarray, level: float = 0.95) -> dict[str, float]:
    """A number with the limits of its draws: {"value", "low", "high"}."""
    low, high = limits(np.asarray(drawn, dtype=float), level)
    return {"value": float(value), "low": low, "high": high}


def share_interval(hits: np.ndarray, draws: np.ndarray, level: float = 0.95) -> dict[str, float]:
    """A mean over clips, such as a share of clips that are right, with its interval.

    Args:
        hits: one number per clip; booleans for a share.
        draws: from `clip_draws`, [n, clips].
    """
    hits = np.asarray(hits, dtype=float)
    value = hits.mean() if len(hits) else np.nan
    return interval(value, drawn_means(hits, draws), level)


def drawn_means(hits: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Mean of one number per clip in every draw, [n]; NaN where a draw holds no clip."""
    count = draws.sum(axis=1)
    total = draws @ np.asarray(hits, dtype=float)
    return np.divide(total, count, out=np.full(len(draws), np.nan), where=count > 0)


@contextmanager
def warnings_once() -> Iterator[None]:
    """Let `clip_draws` say once what holds for every table that is drawn within the block."""
    is_new = _news()
    logger.addFilter(is_new)
    try:
        yield
    finally:
        logger.removeFilter(is_new)


def warn_once() -> None:
    """From now on let `clip_draws` say each warning a single time, for a notebook of many draws."""
    logger.addFilter(_news())


def _news() -> Callable[[logging.LogRecord], bool]:
    """A filter that lets each message through once."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        new = record.getMessage() not in said
        said.add(record.getMessage())
        return new

    return is_new
