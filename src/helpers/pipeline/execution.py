"""Running a notebook without a browser: papermill, our own kernel, output as it comes."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets import default

ENGINE = "railyard"

KERNEL_ENVIRONMENT = {
    "PLOTLY_RENDERER": "plotly_mimetype",  # figures as data; the HTML export adds plotly.js once
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no lines about the debugger and frozen modules
}


class NotebookError(RuntimeError):
    """A notebook could not be executed to its end."""


class OwnKernelManager(AsyncKernelManager):
    """Starts the kernel of this very Python, whatever kernels the machine has registered."""

    @default("kernel_spec_manager")
    def _own_kernel_alone(self) -> KernelSpecManager:
        return KernelSpecManager(parent=self, kernel_dirs=[])

    @default("transport_encryption")
    def _encrypted_where_possible(self) -> str:
        return "auto"  # without it the kernel warns about plain text on every start


class SectionEngine(NBClientEngine):
    """papermill's engine; says which section of the notebook it has come to."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
        """Execute the cells; a markdown heading is written out when its turn comes."""
        terminal, cell_start, total = kwargs["stdout_file"], nb_man.cell_start, len(nb_man.nb.cells)

        def say_and_start(cell, cell_index=None, **rest):
            heading = re.match(r"#{1,2} +(.+)", cell.source)
            if cell.cell_type == "markdown" and heading:
                terminal.write(f"  [{cell_index + 1:>2}/{total}] {heading.group(1)}\n")
                terminal.flush()
            cell_start(cell, cell_index, **rest)

        nb_man.cell_start = say_and_start
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


class Terminal:
    """Passes on what cells print; into a file, a progress bar leaves only its last state."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.is_tty = stream.isatty()
        self.line = ""

    def write(self, text: str) -> int:
        """Write text as it comes (terminal), or whole lines (file)."""
        if self.is_tty:
            return self.stream.write(text)
        *whole, self.line = (self.line + text).split("\n")
        for line in whole:
            self.stream.write(line.rstrip("\r").rpartition("\r")[2] + "\n")
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self.stream.flush()


def execute(
    notebook: Path,
    target: Path,
    parameters: Mapping[str, Any],
    stream: TextIO | None = None,
) -> Path:
    """Execute a notebook with parameters; what its cells print goes to `stream` as it comes.

    The work is done in `<name>.partial.ipynb` beside `target`, which is renamed to `target` at the
    end. After a failure the partial notebook stays, with the traceback in it.

    Args:
        notebook: the notebook to execute; it is not changed.
        target: where the executed copy goes.
        parameters: values for names of the notebook's parameters cell.
        stream: where output goes, the terminal (standard output) by default.

    Returns:
        `target`.

    Raises:
        NotebookError: a parameter is unknown, a cell failed, or the kernel died.
    """
    notebook, target = notebook.absolute(), target.absolute()
    known = papermill.inspect_notebook(notebook)
    if unknown := sorted(set(parameters) - set(known)):
        raise NotebookError(
            f"{notebook.name} has no parameter {', '.join(unknown)}; its cell tagged "
            f"`parameters` has {', '.join(known) or 'none'}."
        )
    partial = target.with_name(f"{target.stem}.partial.ipynb")
    partial.parent.mkdir(parents=True, exist_ok=True)
    terminal = Terminal(stream or sys.stdout)
    papermill_engines.register(ENGINE, SectionEngine)
    try:
        with _environment(KERNEL_ENVIRONMENT):
            papermill.execute_notebook(
                notebook,
                partial,
                parameters=dict(parameters),
                engine_name=ENGINE,
                kernel_name="python3",
                kernel_manager_class=OwnKernelManager,
                coalesce_streams=True,  # a progress bar leaves its last state in the notebook
                progress_bar=False,
                stdout_file=terminal,
                stderr_file=terminal,
                cwd=notebook.parent,
            )
    except PapermillExecutionError as error:
        line = next((line for line in error.source.splitlines() if line.strip()), "")
        raise NotebookError(
            f"{notebook.name} stopped in cell In [{error.exec_count}] `{line}`\n"
            f"{error.ename}: {error.evalue}\n"
            f"The notebook as far as it came, with the traceback: {partial}"
        ) from error
    except DeadKernelError as error:
        raise NotebookError(
            f"{notebook.name}: its Python process died, most likely for want of memory. Choose a "
            f"smaller PROFILE or close other programs. The notebook as far as it came: {partial}"
        ) from error
    partial.replace(target)
    return target


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are not set yet, for the length of the block."""
    added = {key: value for key, value in defaults.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            del os.environ[key]
