"""The model as an alarm for dangers: everything that notebook 03 says of it, in one go."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from helpers.evaluation.dangers import choose_dangers, danger_of
from helpers.evaluation.metrics import classes_of
from helpers.evaluation.operating_point import (
    Demand,
    OperatingPoint,
    axis_of,
    choose_threshold,
    cost_curve,
    demand,
    judge,
    trade_off,
)

MISS_COSTS = (10, 100, 1000)
"""How many false alarms a missed danger may cost: places marked on the cost curve."""


@dataclass(frozen=True)
class Alarm:
    """An operating point, and what it does to the test clips."""

    dangers: tuple[str, ...]
    harmless: tuple[str, ...]
    chosen_by: str  # how the dangers were chosen, in words
    demand: Demand
    point: OperatingPoint
    judged: pd.DataFrame  # quantity, value, low, high on test
    validation: pd.DataFrame  # threshold, recall, false_alarms
    test: pd.DataFrame
    costs: pd.DataFrame  # see `cost_curve`
    clips: pd.DataFrame  # of the test part: path, group, label, danger, score, alarm

    @property
    def missed(self) -> pd.DataFrame:
        """Dangers of the test part without an alarm, the least suspected first."""
        rows = self.clips[self.clips["danger"] & ~self.clips["alarm"]]
        return rows.sort_values(["score", "path"], ignore_index=True)

    @property
    def false(self) -> pd.DataFrame:
        """Alarms on harmless test clips, the surest first."""
        rows = self.clips[~self.clips["danger"] & self.clips["alarm"]]
        return rows.sort_values(["score", "path"], ascending=[False, True], ignore_index=True)

    @property
    def places(self) -> dict[str, float]:
        """Places on the axis of the cost curve where one miss costs so many false alarms."""
        prevalence = self.demand.prevalence
        return {f"1 : {cost}": axis_of(cost, prevalence) for cost in MISS_COSTS}

    def value(self, quantity: str) -> dict[str, float]:
        """Value, low and high of a quantity of `judged`."""
        row = self.judged.set_index("quantity").loc[quantity]
        return {name: float(row[name]) for name in ("value", "low", "high")}

    def as_json(self, views: str) -> dict:
        """For metrics.json: all that a later use of the threshold needs to know.

        Args:
            views: over which probabilities were averaged, as text.
        """
        quantities = {row.quantity: self.value(row.quantity) for row in self.judged.itertuples()}
        return {
            "dangers": list(self.dangers),
            "views": views,
            "demand": asdict(self.demand),
            **self.point.as_json(),
            "test": quantities,
        }


def assess(
    validation: pd.DataFrame,
    test: pd.DataFrame,
    dangers: str,
    asked: Mapping[str, float],
    clip_seconds: float,
    n: int = 1000,
    seed: int = 0,
) -> Alarm | str:
    """Choose an operating point on validation and judge it on test.

    Args:
        validation: table of predictions of the validation part, from the same views.
        test: table of predictions of the test part.
        dangers: names of classes with commas between; empty to choose by name.
        asked: fields of `Demand`.
        clip_seconds: usual duration of a clip.
        n: number of draws.
        seed: of the draws.

    Returns:
        The alarm; where there can be none, why, as a sentence.

    Raises:
        ValueError: see `choose_dangers` and `demand`.
    """
    wanted = demand(dict(asked), clip_seconds)
    classes = classes_of(test)
    chosen = choose_dangers(classes, dangers)
    if not chosen:
        return (
            f"No class of {', '.join(classes)} has a name such as Other, None or Normal: which of "
            "them are dangers is not known. Name them with DANGERS, as in DANGERS='"
            f"{','.join(classes[:2])}'."
        )
    parts = {"validation": danger_of(validation, chosen), "test": danger_of(test, chosen)}
    for name, part in parts.items():
        found = int(part["danger"].sum())
        if found in (0, len(part)):
            return (
                f"{found} of {len(part)} {name} clips show a danger: an alarm needs clips with "
                "and without one. Add recordings, or name other DANGERS."
            )
    point = choose_threshold(parts["validation"], wanted, n, seed)
    clips = parts["test"].assign(
        label=test["label"].to_numpy(), alarm=parts["test"]["score"] >= point.threshold
    )
    return Alarm(
        dangers=tuple(chosen),
        harmless=tuple(name for name in classes if name not in chosen),
        chosen_by="as asked for" if dangers else "by their names: all that do not say 'no danger'",
        demand=wanted,
        point=point,
        judged=judge(parts["test"], point.threshold, wanted, n, seed),
        validation=trade_off(parts["validation"]),
        test=trade_off(parts["test"]),
        costs=cost_curve(parts["validation"], parts["test"], point.threshold),
        clips=clips,
    )


def sentences(alarm: Alarm) -> list[str]:
    """What the operating point is and does, with its numbers."""
    point, wanted = alarm.point, alarm.demand

    def told(quantity: str, form: str = ".3f") -> str:
        found = alarm.value(quantity)
        return "{} [{}, {}]".format(*(format(found[key], form) for key in ("value", "low", "high")))

    met = "" if point.met else " (cannot be met on validation; this comes nearest)"
    return [
        f"Dangers: {', '.join(alarm.dangers)}, chosen {alarm.chosen_by}; harmless: "
        f"{', '.join(alarm.harmless)}.",
        f"Asked for: {wanted.words}. Threshold {point.threshold:.3f} [{point.low:.3f}, "
        f"{point.high:.3f}] on validation{met}.",
        f"On test it finds {told('recall')} of the dangers and alarms on "
        f"{told('false-alarm rate')} of the harmless clips.",
        f"At {wanted.clips_an_hour:g} clips an hour, {100 * wanted.prevalence:g} % of them with a "
        f"danger, that is {told('missed dangers a day', ',.0f')} missed dangers and "
        f"{told('false alarms a day', ',.0f')} false alarms a day.",
    ]
