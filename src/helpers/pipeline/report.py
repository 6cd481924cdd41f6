"""What a run of the graph says: one line for each step, and at the end where the results are."""

import csv
import json
import time
from pathlib import Path

from doit.reporter import ConsoleReporter

HEADLINES = {
    "top1": "top-1 accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "macro_f1": "macro F1",
}


def headline(metrics: Path) -> list[str]:
    """The headline numbers of a run, one line each; none where metrics.json is not there yet."""
    if not metrics.exists():
        return []
    table = json.loads(metrics.read_text(encoding="utf-8"))
    lines = [
        f"{title:<20} {table[key]['value']:.3f}"
        f"  (95 % interval {table[key]['low']:.3f} to {table[key]['high']:.3f})"
        for key, title in HEADLINES.items()
        if key in table
    ]
    if lines and "n_test" in table:
        lines.append(f"{'measured on':<20} {table['n_test']} clips not used in training")
    return lines


def found(folder: Path) -> list[str]:
    """What became of the files of a run's data folder, as one line; none before notebook 01."""
    tables = [folder / f"{name}.csv" for name in ("manifest", "quarantine", "ignored")]
    if not all(table.exists() for table in tables):
        return []
    used, refused, ignored = map(_rows, tables)
    return [f"{'files':<20} {used} clips used, {refused} quarantined, {ignored} ignored"]


def _rows(table: Path) -> int:
    """Rows of a table below its header."""
    with table.open(encoding="utf-8", newline="") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1


class RunReporter(ConsoleReporter):
    """doit's reporter for one run; subclassed by `reporter_for` with the run's folder."""

    desc = "steps, results and headline numbers of a run"
    folder: Path

    def __init__(self, outstream, options):
        super().__init__(outstream, options)
        self.done: list[str] = []
        self.skipped: list[str] = []
        self.started = 0.0

    def write(self, text):
        """Say it now, also into a pipe."""
        self.outstream.write(text)
        self.outstream.flush()

    def execute_task(self, task):
        """A step starts."""
        self.started = time.perf_counter()
        self.write(f"{task.name}: running\n")

    def add_success(self, task):
        """A step has ended well."""
        self.done.append(task.name)
        self.write(f"{task.name}: done in {time.perf_counter() - self.started:.0f} s\n")

    def skip_uptodate(self, task):
        """A step need not be executed."""
        self.skipped.append(task.name)
        self.write(f"{task.name}: up to date\n")

    def _write_failure(self, result, write_exception=True):
        failure = result["exception"]
        self.write(f"\n{result['task'].name}: failed\n{failure.get_msg().strip()}\n")

    def complete_run(self):
        """The graph is done, or stopped at a failure."""
        for message in self.runtime_errors:
            self.write(f"{message}\n")
        if self.failures or self.runtime_errors:
            self.write("Stopped. The same command continues from here.\n")
            return
        self.write(
            f"\nsteps executed: {len(self.done)}, up to date: {len(self.skipped)}\n"
            f"{'results':<20} {self.folder}\n"
            f"{'notebooks':<20} {self.folder / 'notebooks'} (.ipynb and .html)\n"
        )
        if (page := self.folder / "report" / "report.html").exists():
            self.write(f"{'report':<20} {page}\n")
        for line in found(self.folder) + headline(self.folder / "metrics.json"):
            self.write(line + "\n")


def reporter_for(folder: Path) -> type[RunReporter]:
    """The reporter class of the run in `folder` (doit makes the instance itself)."""
    return type("RunReporter", (RunReporter,), {"folder": folder})
