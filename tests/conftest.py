"""What several files of tests share."""

import os

import pytest
from smoke_run import NOTEBOOKS, SmokeRun

from helpers.pipeline.steps import STEPS


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    missing = [
        step.notebook for step in STEPS if not (NOTEBOOKS / f"{step.notebook}.ipynb").exists()
    ]
    if missing:
        pytest.skip(f"not written yet: {', '.join(missing)}")
    return SmokeRun(tmp_path_factory.mktemp("smoke"))


def scheduler() -> int | None:
    """What the system schedules this process by; None where it does not tell."""
    return os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None


AT_FIRST = scheduler()


@pytest.fixture(autouse=True)
def same_scheduler():
    """No test leaves real-time priority behind: whatever is started later would inherit it."""
    yield
    assert scheduler() == AT_FIRST
