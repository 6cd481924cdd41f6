"""The graph of notebooks, as tasks for doit: what is stale is executed, nothing else."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from doit.exceptions import TaskFailed
from doit.tools import config_changed

from helpers.paths import yard_folder
from helpers.pipeline.settings import Value
from helpers.pipeline.sources import sources_of
from helpers.pipeline.steps import Step


def executed_copy(folder: Path, step: Step) -> Path:
    """Where the executed notebook of a step lies in the run's folder; its HTML is beside it."""
    return folder / "notebooks" / f"{step.notebook}.ipynb"


def tasks(
    steps: Iterable[Step],
    values: Mapping[str, Value],
    folder: Path,
    notebooks: Path,
    source_root: Path,
    data_state: Callable[..., Any],
) -> Iterator[dict]:
    """One doit task for each step.

    A step is stale when its notebook, a helper module it imports, a file it reads, one of its
    parameters or (where it takes DATA) the data folder changed, or a file it writes is missing.

    Args:
        steps: the table of notebooks.
        values: resolved settings.
        folder: the run's folder, which reads and writes are relative to.
        notebooks: folder of the notebooks.
        source_root: folder of the package `helpers`.
        data_state: gives a fingerprint of a data folder (anything that JSON can hold); with
            `annotations`, of what those lists say of it.
    """
    for step in steps:
        notebook = notebooks / f"{step.notebook}.ipynb"
        target = executed_copy(folder, step)
        parameters = {key: values[key] for key in step.settings if key in values}
        targets = [folder / name for name in step.writes] + [target, target.with_suffix(".html")]
        unchanged: list = [config_changed(json.dumps(parameters, sort_keys=True))]
        if "DATA" in parameters:
            state = data_state
            if "ANNOTATIONS" in parameters:
                state = partial(data_state, annotations=parameters["ANNOTATIONS"])
            unchanged.append(data_unchanged(Path(str(parameters["DATA"])), state))
        elif "DATA" in step.settings:
            targets.append(yard_folder(str(values["PROFILE"])) / "yard.json")
        if "RECORDINGS" in parameters:
            unchanged.append(data_unchanged(Path(str(parameters["RECORDINGS"])), files_of))
        helpers = sources_of(notebook, source_root) if notebook.exists() else []
        yield {
            "basename": step.notebook,
            "actions": [(run_step, [notebook, target, parameters])],
            "file_dep": [notebook, *helpers, *(folder / name for name in step.reads)],
            "targets": targets,
            "uptodate": unchanged,
            "verbosity": 2,
            "io": {"capture": False},
        }


def files_of(place: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of a file, or of the files that lie in a folder."""
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    states = [(file.name, file.stat()) for file in files if file.is_file()]
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]


def data_unchanged(folder: Path, data_state: Callable[[Path], Any]) -> Callable:
    """A doit check: is the data folder as it was when the step was last started?"""

    def check(task, values: dict) -> bool:
        state = json.dumps(data_state(folder), sort_keys=True, default=str)
        task.value_savers.append(lambda: {"data": state})
        return values.get("data") == state

    return check


def run_step(notebook: Path, target: Path, parameters: dict[str, Value]) -> TaskFailed | None:
    """Execute one notebook and export it as HTML; a failure comes back as one message."""
    # Imported here: nothing of this is needed to find out that a run is up to date.
    from helpers.pipeline.execution import NotebookError, execute
    from helpers.pipeline.html import export_html

    try:
        execute(notebook, target, parameters)
    except NotebookError as error:
        return TaskFailed(str(error))
    except KeyboardInterrupt:
        return TaskFailed(f"{notebook.name}: interrupted. Finished steps and checkpoints are kept.")
    export_html(target, target.with_suffix(".html"))
    return None
