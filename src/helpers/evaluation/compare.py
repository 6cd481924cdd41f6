"""Two models on the same clips: which is better, by how much, and whether the clips can tell.

Both models see the same clips of the same recordings, and what is hard for one is hard for the
other. Differences are therefore taken clip by clip, and recordings are drawn once for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from helpers.evaluation.draws import clip_draws, drawn_confusions, interval
from helpers.evaluation.metrics import SCORES_OF_CONFUSION, classes_of

SIGNIFICANT = 0.05
"""A difference counts as shown below this probability of chance."""


@dataclass(frozen=True)
class Comparison:
    """The first model against the second, on the same clips."""

    names: tuple[str, str]
    intervals: Mapping[str, Mapping[str, float]]  # metric → value, low, high of first − second
    only_first: int  # clips that the first alone gets right
    only_second: int  # clips that the second alone gets right
    p_value: float  # McNemar's exact test of equal top-1
    clips: int
    groups: int

    @property
    def difference(self) -> float:
        """Top-1 of the first minus that of the second, -1 to 1."""
        return self.intervals["top1"]["value"]

    @property
    def low(self) -> float:
        """Lower limit of `difference`."""
        return self.intervals["top1"]["low"]

    @property
    def high(self) -> float:
        """Upper limit of `difference`."""
        return self.intervals["top1"]["high"]

    def as_json(self) -> dict:
        """For metrics.json: intervals of the differences, and what the tests say."""
        return {
            **{name: dict(told) for name, told in self.intervals.items()},
            "p_value": self.p_value,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "shown": self.shown,
        }

    @property
    def shown(self) -> bool:
        """Whether test and interval both say that top-1 differs.

        McNemar's test takes clips for independent trials. Those of one recording are not, so that
        by itself it finds too much; the interval draws recordings.
        """
        return self.p_value < SIGNIFICANT and (self.low > 0 or self.high < 0)

    @property
    def sentence(self) -> str:
        """What is found about top-1; a difference that is shown is that of the better model."""
        first, second = self.names
        alone = f"{first} alone is right on {self.only_first} clips, {second} on {self.only_second}"
        limits = self.difference, self.low, self.high
        if not self.shown:
            found = f"No difference shown: {first} − {second}"
        elif self.difference > 0:
            found = f"{first} is better than {second}"
        else:
            found = f"{second} is better than {first}"
            limits = -self.difference, -self.high, -self.low
        value, low, high = map(signed, limits)
        return f"{found}: {value} [{low}, {high}], {say_probability(self.p_value)} ({alone})."


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    names: tuple[str, str] = ("A", "B"),
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Compare two models by their predictions of the same clips.

    Top-1 is tested by McNemar's exact test. The differences of all scores have percentile intervals
    of a bootstrap that draws recordings, the same for both models (`clip_draws`).

    Args:
        first: table of predictions.
        second: table of predictions of the same clips, in any order.
        names: of the two models, for the sentence.
        n: number of draws.
        seed: of the draws.
        level: share of the draws that lies between the limits.

    Raises:
        ValueError: see `same_clips`.
    """
    tables = same_clips({"first": first, "second": second})
    one, two = tables.values()
    classes = sorted({name for table in (one, two) for name in classes_of(table)})
    draws = clip_draws(one["group"], n, seed)
    intervals = {}
    matrices = [drawn_confusions(table, classes, draws) for table in (one, two)]
    for name, metric in SCORES_OF_CONFUSION.items():
        (whole_one, drawn_one), (whole_two, drawn_two) = (map(metric, pair) for pair in matrices)
        intervals[name] = interval(whole_one - whole_two, drawn_one - drawn_two, level)
    right_one, right_two = ((t["label"] == t["predicted"]).to_numpy() for t in (one, two))
    only_first, only_second = int((right_one > right_two).sum()), int((right_two > right_one).sum())
    return Comparison(
        names=tuple(names),
        intervals=intervals,
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
        clips=len(one),
        groups=one["group"].nunique(),
    )


def compare_with(
    table: pd.DataFrame, others: Mapping[str, pd.DataFrame], name: str, n: int = 1000, seed: int = 0
) -> list[Comparison]:
    """Compare one model with several others, each on the same clips.

    Args:
        table: predictions of the one.
        others: predictions of the others, by name.
        name: of the one.
        n: number of draws.
        seed: of the draws.

    Raises:
        ValueError: see `same_clips`.
    """
    return [compare(table, other, (name, told), n, seed) for told, other in others.items()]


def compare_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Comparisons as a table.

    Returns:
        first, second, metric, difference (first minus second), low, high; and only_first,
        only_second, p_value (McNemar), of top-1.
    """
    rows = []
    for found in comparisons:
        for metric, told in found.intervals.items():
            row = {"first": found.names[0], "second": found.names[1], "metric": metric}
            row |= {"difference": told["value"], "low": told["low"], "high": told["high"]}
            if metric == "top1":
                row |= {"only_first": found.only_first, "only_second": found.only_second}
                row |= {"p_value": found.p_value}
            rows.append(row)
    return pd.DataFrame(rows)


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test (Psychometrika 12, 1947), two-sided, from the discordant clips.

    If both models were right equally often, the clips that one alone gets right would fall to
    either like a coin; those that both get right or wrong say nothing.

    Args:
        only_first: clips that the first model alone gets right.
        only_second: clips that the second model alone gets right.

    Returns:
        Probability of a split at least as uneven; 1 where no clip is discordant.
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjust the p values of several tests, so that one may look at all of them.

    Each may then be held against 0.05, and the chance that any true hypothesis is rejected stays
    below that, however the tests depend on each other (Holm, Scandinavian Journal of Statistics 6,
    1979).

    Raises:
        ValueError: a value is no probability.
    """
    p = np.asarray(p_values, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"p values lie in 0 to 1, got {p.tolist()}: leave out what was not tested."
        )
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def same_clips(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Tables of predictions in one order of clips, that of the paths.

    Args:
        tables: by a name that errors tell.

    Raises:
        ValueError: a clip stands twice in a table or not in all of them, or two tables give it
            different labels or recordings.
    """
    ordered = {}
    for name, table in tables.items():
        twice = table["path"][table["path"].duplicated()]
        if len(twice):
            raise ValueError(f"The {name} table has {_some(twice)} twice: predict each clip once.")
        ordered[name] = table.sort_values("path", ignore_index=True)
    (start, base), *others = ordered.items()
    for name, table in others:
        for one, has, two, lacks in ((start, base, name, table), (name, table, start, base)):
            alone = sorted(set(has["path"]) - set(lacks["path"]))
            if alone:
                raise ValueError(
                    f"Only the {one} table has {_some(alone)}, the {two} one has not: compare "
                    "models on the same part of the same split."
                )
        for column in ("label", "group"):
            differs = base["path"][base[column].astype(str) != table[column].astype(str)]
            if len(differs):
                raise ValueError(
                    f"The {start} and the {name} table have another {column} for {_some(differs)}: "
                    "predict both with one split."
                )
    return ordered


def signed(value: float, decimals: int = 3) -> str:
    """A difference with its sign, a true minus: "+0.031", "−0.012"."""
    return f"{value:+.{decimals}f}".replace("-", "−")


def say_probability(p_value: float) -> str:
    """A p value as reports write it: "p = 0.003", "p < 0.001"."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _some(paths: Sequence[str], most: int = 5) -> str:
    """The first of some clips, and how many more there are."""
    more = f" and {len(paths) - most} more clips" if len(paths) > most else ""
    return ", ".join(list(paths)[:most]) + more
