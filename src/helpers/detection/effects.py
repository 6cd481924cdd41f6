"""What each parameter of a rule does to the events, where the true ones are known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from helpers.detection.baselines import argmax_events
from helpers.detection.events import find_events
from helpers.detection.judging import summarise
from helpers.detection.material import events_of_all
from helpers.detection.rules import Rule
from helpers.detection.timeline import Timeline

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SHARES = (0.1, 0.3, 0.5, 0.7, 0.85, 1.0)
"""Of the upper threshold, for the lower one."""
DURATIONS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""In windows, for all that lasts."""


def added_one_by_one(rule: Rule) -> dict[str, Rule]:
    """Rules from one threshold alone to the whole rule, each with one thing more."""
    plain = replace(rule, end=rule.begin, smooth=0.0, gap=0.0, shortest=0.0)
    steps = {
        "one threshold": {},
        "+ second threshold": {"end": rule.end},
        "+ smoothing": {"smooth": rule.smooth},
        "+ gaps closed": {"gap": rule.gap},
        "+ shortest duration": {"shortest": rule.shortest},
    }
    rules = {}
    for name, change in steps.items():
        plain = rules[name] = replace(plain, **change)
    return rules


def step_by_step(
    timelines: Mapping[str, Timeline], truth: pd.DataFrame, rule: Rule
) -> pd.DataFrame:
    """How good the events are: of each window by itself, then with each part of the rule added.

    Returns:
        rule, and the columns of `helpers.detection.judging.summarise`.
    """
    finders = {"argmax of each window": partial(argmax_events, events=rule.events)}
    for name, one in added_one_by_one(rule).items():
        finders[name] = partial(find_events, rule=one)
    seconds = {name: timeline.seconds for name, timeline in timelines.items()}
    rows = [
        {"rule": name, **summarise(events_of_all(timelines, find), truth, seconds)}
        for name, find in finders.items()
    ]
    return pd.DataFrame(rows)


def variations(rule: Rule, window: float) -> Iterator[tuple[str, float, Rule]]:
    """Parameter, value and rule, one parameter at a time; the share of `end` is kept.

    Args:
        rule: that is varied.
        window: seconds of a window.
    """
    share = rule.end / rule.begin if rule.begin else 1.0

    def tried(values: Sequence[float], chosen: float) -> list[float]:
        return np.unique(np.round([*values, chosen], 6)).tolist()

    for value in tried(THRESHOLDS, rule.begin):
        yield "begin", value, replace(rule, begin=value, end=share * value)
    for value in tried(SHARES, share):
        yield "end / begin", value, replace(rule, end=min(value, 1.0) * rule.begin)
    for name in ("smooth", "shortest", "gap"):
        for value in tried([window * count for count in DURATIONS], getattr(rule, name)):
            yield name, value, replace(rule, **{name: value})


def sweep(
    timelines: Mapping[str, Timeline], truth: pd.DataFrame, rule: Rule, window: float
) -> pd.DataFrame:
    """How good the events are when one parameter after the other is varied.

    Returns:
        parameter, value, chosen (whether it is the rule's), and the columns of
        `helpers.detection.judging.summarise`.
    """
    seconds = {name: timeline.seconds for name, timeline in timelines.items()}
    rows = []
    for parameter, value, varied in variations(rule, window):
        found = events_of_all(timelines, partial(find_events, rule=varied))
        told = {"parameter": parameter, "value": value, "chosen": _same(varied, rule)}
        rows.append(told | summarise(found, truth, seconds))
    return pd.DataFrame(rows)


def _same(one: Rule, other: Rule) -> bool:
    names = ("begin", "end", "smooth", "shortest", "gap")
    return bool(
        np.allclose(*([getattr(rule, name) for name in names] for rule in (one, other)), atol=1e-5)
    )
