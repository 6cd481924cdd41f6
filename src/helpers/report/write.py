"""Write the report of a run, or of several side by side, into the folder of figures."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.files import whole_file, write_json, write_table
from helpers.report.article import (
    appendix_tex,
    provenance_tex,
    report_tex,
    texts_of,
    write_skeleton,
)
from helpers.report.gather import FILMS, PICTURES, Gathered, ReportError
from helpers.report.latex_tables import grid_tex, write_print_tables
from helpers.report.numbers import Numbers, numbers_of, numbers_tex
from helpers.report.page import report_page
from helpers.report.side_by_side import comparability, compare_runs
from helpers.report.tables import Grid

EXPORTED = (*PICTURES, *FILMS, "csv", "tex")


@dataclass(frozen=True)
class Report:
    """What was written, and the numbers in it."""

    page: Path  # report.html
    skeleton: Path  # report.tex, or report-<run>.tex beside one that was edited
    numbers: tuple[Numbers, ...]  # of each run
    files: int  # figures and tables that were copied


def write_report(runs: Sequence[Gathered], folder: Path) -> Report:
    """Export figures and tables of runs, and write the report of them, into `folder`.

    The first run is the report's own: `runs/<name>/report/` gets its page and its numbers too.

    Raises:
        ReportError: a file of a run cannot be read, or two runs would have macros of one name.
    """
    numbers = tuple(map(numbers_of, runs))
    _refuse_clashes(runs, numbers)
    texts = [texts_of(run) for run in runs]
    files = sum(export(run, folder / run.name) for run in runs)
    for run, found, told in zip(runs, numbers, texts, strict=True):
        place = folder / run.name
        _write(place / "numbers.tex", numbers_tex(found, run.name))
        _write(place / "texts.tex", told.tex)
        _write(place / "appendix.tex", appendix_tex(run, told))
        _write(place / "print" / "provenance.tex", provenance_tex(run))
        write_print_tables([table for s in run.sections for table in s.tables], place / "print")
    if len(runs) > 1:
        compared = compare_runs(runs)
        write_table(folder / "runs.csv", compared)
        rows = tuple(compared.itertuples(index=False, name=None))
        grid = Grid(("", *compared.columns[1:]), rows, "l" * len(compared.columns))
        caption = f"Runs side by side. {comparability(runs)}"
        _write(folder / "runs.tex", grid_tex(grid, caption, "runs"))
    page = _write(folder / "report.html", report_page(runs, numbers))
    skeleton = write_skeleton(folder, report_tex(runs, numbers, texts), runs[0].name)
    kept = runs[0].run.folder / "report"
    for path in (page, folder / runs[0].name / "numbers.tex"):
        _copy(path, kept / path.name)
    return Report(page, skeleton, numbers, files)


def export(gathered: Gathered, place: Path) -> int:
    """Copy a run's figures and tables, with captions.json; return how many files were copied."""
    found = [
        *[figure for section in gathered.sections for figure in section.figures],
        *[table for section in gathered.sections for table in section.tables],
    ]
    paths = [path for item in found for kind, path in item.files.items() if kind in EXPORTED]
    for path in paths:
        _copy(path, place / path.name)
    write_json(place / "captions.json", {item.name: item.caption for item in found})
    return len(paths)


def _refuse_clashes(runs: Sequence[Gathered], numbers: Sequence[Numbers]) -> None:
    """LaTeX has one name for one macro, so runs need names that differ in letters."""
    prefixes: dict[str, str] = {}
    for run, found in zip(runs, numbers, strict=True):
        other = prefixes.setdefault(found.prefix, run.name)
        if other != run.name or len(runs) != len({each.name for each in runs}):
            raise ReportError(
                f"Runs {other!r} and {run.name!r} would both have macros that begin with "
                f"\\{found.prefix}: give one of them another name, or report them apart."
            )


def _write(path: Path, text: str) -> Path:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def _copy(path: Path, target: Path) -> None:
    with whole_file(target) as part:
        shutil.copyfile(path, part)
