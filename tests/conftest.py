"""What several files of tests share."""

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
