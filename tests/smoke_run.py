"""A smoke run of all notebooks as one graph, made once for the tests that look at it."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
HANGS = 1200
"""Seconds after which a smoke run, two to four minutes of work, is taken to hang."""


def code_cells(content: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in content.cells if cell.cell_type == "code"]


def kill_with_children(pid: int) -> None:
    """Kill a process, its kernels and their browsers."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [*root.children(recursive=True), root]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


class SmokeRun:
    """All notebooks in the smallest size, in folders of its own, as `make run` executes them."""

    def __init__(self, folder: Path):
        self.folder = folder / "runs" / "smoke"
        places = {name: str(folder / name.lower()) for name in ("RUNS", "DATA", "FIGURES")}
        self.environment = os.environ | {f"RAILYARD_{k}": v for k, v in places.items()}
        self.first = self.make()

    def make(self) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "doit", "-f", "dodo.py", "NAME=smoke", "PROFILE=smoke"]
        with subprocess.Popen(
            [*command, "SEED=0"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=HANGS)
            except subprocess.TimeoutExpired:
                kill_with_children(process.pid)
                said, _ = process.communicate()
                said += f"\nkilled: not at its end after {HANGS} s"
        return subprocess.CompletedProcess(command, process.returncode, said)

    def partial_traceback(self) -> str:
        """The traceback inside the notebook that failed, if one did."""
        for partial in (self.folder / "notebooks").glob("*.partial.ipynb"):
            for cell in code_cells(nbformat.read(partial, as_version=4)):
                for output in cell.outputs:
                    if output.output_type == "error":
                        return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))
        return ""
