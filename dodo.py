"""The graph of the notebooks for doit. `make run` calls it; `make help` names the settings.

By hand: `.venv/bin/doit NAME=demo` runs what is stale, `.venv/bin/doit NAME=demo list` shows the
steps, `.venv/bin/doit NAME=demo 02_train_timesformer` stops after training. A new notebook is one
more entry in the table of `helpers.pipeline.steps`.
"""

from doit import get_var

from helpers import paths
from helpers.pipeline.graph import tasks
from helpers.pipeline.report import reporter_for
from helpers.pipeline.settings import KINDS, SettingsError, resolve
from helpers.pipeline.steps import STEPS

try:
    VALUES = resolve({key: get_var(key, "") for key in KINDS}, paths.RUNS)
except SettingsError as error:
    raise SystemExit(str(error)) from None

FOLDER = paths.RUNS / VALUES["NAME"]
FOLDER.mkdir(parents=True, exist_ok=True)
DOIT_CONFIG = {
    "dep_file": str(FOLDER / ".doit.db"),
    "backend": "sqlite3",
    "default_tasks": [step.notebook for step in STEPS],
    "reporter": reporter_for(FOLDER),
}


def data_state(folder, annotations=""):
    """Fingerprint of a data folder; imported late, a run on the simulated yard needs none."""
    from helpers.clips import annotations as lists

    try:
        return lists.data_state(folder, annotations)
    except lists.AnnotationError as error:  # notebook 01 says it again, where it is read
        return str(error)


def task_notebook():
    """One task for each notebook."""
    yield from tasks(
        STEPS, VALUES, FOLDER, paths.NOTEBOOKS, paths.ROOT / "src", data_state=data_state
    )
