"""The threshold from which on an alarm is given: chosen on validation, judged on test."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from helpers.evaluation.draws import clip_draws, interval, limits

HOURS = 24


@dataclass(frozen=True)
class Demand:
    """What is asked of the alarm, and where it is to work."""

    recall: float = 0.95  # share of dangers that have to be reported
    alarms_a_day: float | None = None  # false ones that are bearable; asked for instead of recall
    clips_an_hour: float = 1800.0  # that the camera gives
    prevalence: float = 0.01  # share of them that show a danger

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is out of its range.
        """
        checks = {
            "recall": 0 < self.recall <= 1,
            "alarms_a_day": self.alarms_a_day is None or self.alarms_a_day >= 0,
            "clips_an_hour": self.clips_an_hour > 0,
            "prevalence": 0 < self.prevalence < 1,
        }
        for name, holds in checks.items():
            if not holds:
                raise ValueError(
                    f"ALARM: {name}={getattr(self, name)} cannot be. recall lies in 0 to 1, "
                    "prevalence between 0 and 1, clips_an_hour above 0, alarms_a_day from 0."
                )

    @property
    def words(self) -> str:
        """What is asked for, as text."""
        if self.alarms_a_day is None:
            return f"at least {100 * self.recall:g} % of the dangers reported"
        return f"at most {self.alarms_a_day:g} false alarms a day"

    @property
    def harmless_a_day(self) -> float:
        """Clips without a danger in a day."""
        return HOURS * self.clips_an_hour * (1 - self.prevalence)

    @property
    def dangers_a_day(self) -> float:
        """Clips with a danger in a day."""
        return HOURS * self.clips_an_hour * self.prevalence


def demand(asked: dict, clip_seconds: float) -> Demand:
    """A demand from settings; without `clips_an_hour` clips follow each other without a gap.

    Args:
        asked: fields of `Demand`.
        clip_seconds: usual duration of a clip.

    Raises:
        ValueError: a name is unknown, or a number is out of its range.
    """
    known = [field.name for field in fields(Demand)]
    if unknown := sorted(set(asked) - set(known)):
        raise ValueError(f"ALARM: {', '.join(unknown)} is unknown. Choose from {', '.join(known)}.")
    if not 0 < clip_seconds < np.inf:
        clip_seconds = 3600 / Demand.clips_an_hour
    return Demand(**({"clips_an_hour": 3600 / clip_seconds} | dict(asked)))


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the probability of danger: alarm where the score reaches it."""

    threshold: float
    low: float  # limits of the threshold over draws of the validation recordings
    high: float
    recall: float  # on validation
    false_alarm_rate: float  # on validation: share of harmless clips with an alarm
    met: bool  # whether the demand can be met on validation

    def as_json(self) -> dict:
        """For metrics.json."""
        return asdict(self)


def rates(
    danger: np.ndarray, score: np.ndarray, thresholds: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Recall and false-alarm rate of alarms at score >= threshold.

    Args:
        danger: bool [m].
        score: float [m].
        thresholds: [k].
        weights: of the clips, [..., m]; None for one each.

    Returns:
        Two arrays [..., k]; NaN where there is no danger, or no clip without one.
    """
    weights = np.ones(len(score)) if weights is None else np.asarray(weights, dtype=float)
    order = np.argsort(score, kind="stable")
    first = np.searchsorted(score[order], thresholds, side="left")  # clips below raise no alarm
    found = []
    for asked in (danger, ~danger):
        part = (weights * asked)[..., order]
        below = np.concatenate([np.zeros((*part.shape[:-1], 1)), np.cumsum(part, axis=-1)], axis=-1)
        total = below[..., -1:]
        hits = total - below[..., first]
        empty = np.full(hits.shape, np.nan)
        found.append(np.divide(hits, total, out=empty, where=total > 0))
    return found[0], found[1]


def choose_threshold(
    validation: pd.DataFrame, asked: Demand, n: int = 1000, seed: int = 0
) -> OperatingPoint:
    """Choose the threshold on validation clips.

    Of the thresholds that meet the demand: the highest where a recall is required, since it gives
    the fewest false alarms; the lowest where false alarms are limited, since it misses least.
    Thresholds lie midway between scores. Where no false alarm is bearable nothing may meet the
    demand but silence, or few clips may hide what would: `met` is then false, or the limits wide.

    Args:
        validation: from `helpers.evaluation.dangers.danger_of`.
        asked: the demand.
        n: number of draws, for the limits.
        seed: of the draws.

    Raises:
        ValueError: validation has no danger, or no clip without one.
    """
    danger = validation["danger"].to_numpy(bool)
    score = validation["score"].to_numpy(float)
    if danger.all() or not danger.any():
        raise ValueError(
            f"{int(danger.sum())} of {len(danger)} validation clips show a danger: a threshold "
            "needs clips with and without one. Give DANGERS, or add recordings."
        )
    thresholds = thresholds_of(score)
    draws = clip_draws(validation["group"], n, seed)
    weights = np.concatenate([np.ones((1, len(score))), draws])
    recall, false = rates(danger, score, thresholds, weights)
    chosen = _first_that_meets(recall, false, asked)
    place = chosen[0]
    held = _meets(recall[0, place], false[0, place], asked)
    low, high = limits(thresholds[chosen[1:]])
    return OperatingPoint(
        threshold=float(thresholds[place]), low=low, high=high,
        recall=float(recall[0, place]), false_alarm_rate=float(false[0, place]),
        met=bool(held and recall[0, place] > 0),
    )  # fmt: skip


def thresholds_of(score: np.ndarray) -> np.ndarray:
    """Every threshold that divides scores otherwise, rising: 0, midway between them, above all."""
    values = np.unique(score)
    return np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [np.nextafter(values[-1], 2.0)]])


def _meets(recall: np.ndarray, false: np.ndarray, asked: Demand) -> np.ndarray:
    if asked.alarms_a_day is None:
        return recall >= asked.recall - 1e-12
    return false * asked.harmless_a_day <= asked.alarms_a_day + 1e-9


def _first_that_meets(recall: np.ndarray, false: np.ndarray, asked: Demand) -> np.ndarray:
    """Place of the threshold chosen under each weighting [n, k]; both rates fall along k."""
    meets = _meets(recall, false, asked)
    if asked.alarms_a_day is None:
        return np.maximum(meets.sum(axis=1) - 1, 0)  # NaN meets nothing: the lowest threshold
    return np.where(meets.any(axis=1), meets.argmax(axis=1), recall.shape[1] - 1)


def judge(
    test: pd.DataFrame, threshold: float, asked: Demand, n: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """What an alarm at this threshold does to the test clips, with intervals over recordings.

    Intervals are those of the test clips at this threshold; what another validation part would
    have chosen is in `OperatingPoint.low` and `.high`.

    Args:
        test: from `helpers.evaluation.dangers.danger_of`.
        threshold: from `choose_threshold`.
        asked: where the alarm works.
        n: number of draws.
        seed: of the draws.

    Returns:
        quantity, value, low, high. Quantities: recall, false-alarm rate, precision on the test
        clips, precision at the demand's prevalence (share of alarms that are true; by Bayes),
        missed dangers a day, false alarms a day.
    """
    draws = clip_draws(test["group"], n, seed)
    weights = np.concatenate([np.ones((1, len(test))), draws])
    danger = test["danger"].to_numpy(bool)
    recall, false = rates(danger, test["score"].to_numpy(float), [threshold], weights)
    recall, false = recall[:, 0], false[:, 0]
    share = weights @ danger / weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        quantities = {
            "recall": recall,
            "false-alarm rate": false,
            "precision, test clips": _precision(recall, false, share),
            f"precision, prevalence {asked.prevalence:g}": _precision(
                recall, false, asked.prevalence
            ),
            "missed dangers a day": (1 - recall) * asked.dangers_a_day,
            "false alarms a day": false * asked.harmless_a_day,
        }
    rows = [
        {"quantity": name, **interval(value[0], value[1:])} for name, value in quantities.items()
    ]
    return pd.DataFrame(rows)


def _precision(recall: np.ndarray, false: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    return recall * share / (recall * share + false * (1 - share))


def trade_off(part: pd.DataFrame) -> pd.DataFrame:
    """Recall and false-alarm rate at every threshold: columns threshold, recall, false_alarms."""
    danger, score = part["danger"].to_numpy(bool), part["score"].to_numpy(float)
    thresholds = thresholds_of(score)
    recall, false = rates(danger, score, thresholds)
    return pd.DataFrame({"threshold": thresholds, "recall": recall, "false_alarms": false})


def cost_curve(
    validation: pd.DataFrame, test: pd.DataFrame, threshold: float, points: int = 101
) -> pd.DataFrame:
    """What errors cost, by how often dangers come and how much dearer it is to miss one.

    Drummond & Holte, Cost Curves (Machine Learning 65, 2006). The horizontal axis is the share of
    the greatest possible cost that missed dangers would make up, π c_miss / (π c_miss + (1 - π)
    c_alarm); with it the cost, as a share of that of being wrong on every clip, is
    x (1 - recall) + (1 - x) false-alarm rate. At each x the threshold that is cheapest on
    validation is taken, and its cost measured on test.

    Args:
        validation: from `helpers.evaluation.dangers.danger_of`.
        test: the same of the test part.
        threshold: the operating point's.
        points: of the axis.

    Returns:
        x; chosen (cost on test with the threshold chosen at x), fixed (with the operating
        point's), always, never (alarming on every clip, or on none), threshold (chosen at x).
    """
    x = np.linspace(0, 1, points)[:, None]
    truth, score = (validation[name].to_numpy() for name in ("danger", "score"))
    thresholds = thresholds_of(score)
    recall, false = rates(truth, score, thresholds)
    # the middle of equally cheap thresholds: either end would lie at the edge of the other part
    costs = np.round(x * (1 - recall) + (1 - x) * false, 12)
    cheapest = costs == costs.min(axis=1, keepdims=True)
    middle = [
        np.flatnonzero(row)[cheap // 2]
        for row, cheap in zip(cheapest, cheapest.sum(1), strict=True)
    ]
    chosen = thresholds[middle]
    truth, score = (test[name].to_numpy() for name in ("danger", "score"))
    recall, false = rates(truth, score, chosen)
    fixed_recall, fixed_false = rates(truth, score, [threshold])
    x = x[:, 0]
    return pd.DataFrame(
        {
            "x": x,
            "chosen": x * (1 - recall) + (1 - x) * false,
            "fixed": x * (1 - fixed_recall) + (1 - x) * fixed_false,
            "always": 1 - x,
            "never": x,
            "threshold": chosen,
        }
    )


def axis_of(miss_costs: float, prevalence: float) -> float:
    """The place on the cost curve's axis where a missed danger costs so many false alarms."""
    return miss_costs * prevalence / (miss_costs * prevalence + 1 - prevalence)
