"""When a stretch of a timeline is an event: two thresholds, smoothing and durations."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from helpers.detection.windows import Windows
from helpers.evaluation.dangers import danger_of
from helpers.evaluation.metrics import PROBABILITY, classes_of
from helpers.evaluation.operating_point import Demand, choose_threshold

RELEASE = 0.7
"""By default an event lasts until the score falls below this share of what begins it."""


@dataclass(frozen=True)
class Rule:
    """When a stretch of the timeline is an event."""

    events: tuple[str, ...]  # the classes that are events; all others are none
    begin: float  # score from which an event begins
    end: float  # score below which it ends; at most `begin`
    smooth: float = 0.0  # seconds over which probabilities are averaged
    shortest: float = 0.0  # seconds that an event has to last
    gap: float = 0.0  # seconds between two events that are made one

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: a threshold or a duration cannot be.
        """
        if not self.events:
            raise ValueError("No class is an event: name those that are, with DANGERS.")
        if not 0 <= self.end <= self.begin:
            raise ValueError(f"begin={self.begin}, end={self.end}: give 0 <= end <= begin.")
        for name in ("smooth", "shortest", "gap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)}: give seconds, from 0.")

    def as_json(self) -> dict:
        """For events.json."""
        return asdict(self) | {"events": list(self.events)}


def choose_rule(
    validation: pd.DataFrame, operating_point: dict | None, windows: Windows, **changes: float
) -> Rule:
    """The rule that follows from validation clips and from the length of a clip.

    A clip of the training shows one event alone, so what is shorter than a clip is no event, and
    what interrupts one for less than that does not end it.

    Where dangers are known, an event is a stretch with a danger: its score is the sum of their
    probabilities, and the threshold is the one that meets on validation what was asked of the
    alarm (`helpers.evaluation.operating_point`). Else every class is an event, the score is the
    largest probability, and the threshold is what 95 % of the right predictions reach.

    Args:
        validation: predictions of the validation part, of the one view that windows are.
        operating_point: from metrics.json.
        windows: how recordings are looked at.
        changes: fields of `Rule` to be otherwise.
    """
    if operating_point:
        events = tuple(operating_point["dangers"])
        asked = Demand(**operating_point["demand"])
        begin = choose_threshold(danger_of(validation, events), asked, n=1).threshold
    else:
        events = tuple(classes_of(validation))
        right = validation[validation["label"] == validation["predicted"]]
        scores = (right if len(right) else validation)[[PROBABILITY + name for name in events]]
        begin = float(np.quantile(scores.max(axis=1), 1 - Demand.recall))
    usual = {name: windows.seconds for name in ("smooth", "shortest", "gap")}
    begin = changes.pop("begin", begin)
    usual |= {"begin": begin, "end": RELEASE * begin} | changes
    return Rule(events, **usual)
