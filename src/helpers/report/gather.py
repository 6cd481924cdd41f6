"""What lies in a run's folder that belongs into a report, in the order of the notebooks.

Nothing is listed by name: figures, tables and what a notebook saw are found by the number that
leads their file names, so a new notebook is reported as soon as it has written something.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.files import read_json
from helpers.pipeline.steps import MEASURING
from helpers.runs import Run

PICTURES = ("pdf", "png", "svg")
FILMS = ("mp4", "webm", "gif")
NOTEBOOKS = tuple(step.notebook for step in MEASURING)
LITERAL = re.compile(r'"(\d\d_\w*)(["{])')
"""A name in a notebook's code, whole or as the beginning of an f-string."""
SAW = re.compile(r"#+ +What we saw\b")
"""Heading of the last cells of a notebook, which print what this run has shown."""


class ReportError(RuntimeError):
    """A file of a run cannot be read, or runs cannot stand in one report."""


@dataclass(frozen=True)
class Figure:
    """A figure or film under one name: files by kind (html, pdf, png, svg, mp4, …)."""

    name: str
    caption: str
    files: dict[str, Path]


@dataclass(frozen=True)
class Table:
    """A table under one name: its LaTeX, rounded, and its csv, with all digits."""

    name: str
    caption: str
    files: dict[str, Path]


@dataclass(frozen=True)
class Section:
    """What one notebook has left."""

    number: str  # "03"
    notebook: str  # "03_evaluate"; only "03" where no notebook of this number is known
    title: str
    saw: tuple[str, ...]  # sentences of this run, from the executed copy
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Gathered:
    """A run as a report sees it."""

    run: Run
    sections: tuple[Section, ...]
    missing: tuple[str, ...]  # sentences

    @property
    def name(self) -> str:
        return self.run.name


def gather(run: Run, notebooks: Iterable[str] = NOTEBOOKS) -> Gathered:
    """Collect what the notebooks have left in a run's folder.

    Args:
        notebooks: names of the notebooks that a complete run has executed; what is found of others
            is taken too.

    Raises:
        ReportError: an executed copy or a file of captions is damaged.
    """
    figures = _by_name(run.figures, ("html", *PICTURES, *FILMS))
    tables = _by_name(run.tables, ("tex", "csv"))
    expected = list(notebooks)
    known = {name[:2]: name for name in [*_executed(run), *expected]}
    numbers = sorted({name[:2] for name in [*figures, *tables, *expected]})
    sections = tuple(
        _section(run, known.get(number, number), figures, tables) for number in numbers
    )
    return Gathered(run, sections, tuple(_missing(run, expected, sections)))


def _executed(run: Run) -> list[str]:
    """Names of the notebooks whose executed copies lie in the run."""
    return [path.stem for path in run.notebooks.glob("[0-9][0-9]_*.ipynb") if "." not in path.stem]


def _by_name(folder: Path, kinds: tuple[str, ...]) -> dict[str, dict[str, Path]]:
    """Files of a folder whose names begin with a notebook's number: name → kind → path."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("[0-9][0-9]_*")):
        if path.suffix[1:] in kinds:
            found.setdefault(path.stem, {})[path.suffix[1:]] = path
    return found


def _captions(folder: Path) -> dict[str, str]:
    path = folder / "captions.json"
    return _read(path) if path.exists() else {}


def _read(path: Path) -> dict:
    try:
        return read_json(path)
    except json.JSONDecodeError as error:
        raise ReportError(f"{path} is no JSON ({error}): execute its notebook again.") from error


def _section(run: Run, notebook: str, figures: dict, tables: dict) -> Section:
    number = notebook[:2]
    title, saw, code = _told(run.notebooks / f"{notebook}.ipynb")
    drawn, listed = _captions(run.figures), _captions(run.tables)
    return Section(
        number,
        notebook,
        title or plain_name(notebook).capitalize() or f"Notebook {number}",
        saw,
        tuple(
            Figure(name, drawn.get(name, f"{plain_name(name).capitalize()}."), figures[name])
            for name in _in_order(figures, number, code)
        ),
        tuple(
            Table(name, listed.get(name, f"{plain_name(name).capitalize()}."), tables[name])
            for name in _in_order(tables, number, code)
        ),
    )


def plain_name(name: str) -> str:
    """A file's name in words: "03_per_class" is "per class"."""
    return name[3:].replace("_", " ")


def _told(copy: Path) -> tuple[str, tuple[str, ...], str]:
    """Title of an executed notebook, the sentences it printed under "What we saw", and its code."""
    if not copy.exists():
        return "", (), ""
    try:
        cells = nbformat.read(copy, as_version=4).cells
    except (ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ReportError(f"{copy} is no notebook ({error}): execute it again.") from error
    title = re.match(r"# +(.+)", cells[0].source) if cells else None
    starts = [at for at, cell in enumerate(cells) if SAW.match(cell.source)]
    printed = "".join(
        output.text
        for cell in cells[starts[-1] + 1 :]
        if starts
        for output in cell.get("outputs", [])
        if output.get("name") == "stdout"
    )
    saw = tuple(line[2:].strip() for line in printed.splitlines() if line.startswith("- "))
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return (title.group(1).strip() if title else ""), saw, code


def _in_order(names: Iterable[str], number: str, code: str) -> list[str]:
    """Names of one notebook in the order in which its code has them; others behind, sorted."""
    literals = LITERAL.findall(code)

    def place(name: str) -> int:
        for at, (text, end) in enumerate(literals):
            if text == name or (end == "{" and name.startswith(text)):
                return at
        return len(literals)

    return sorted((n for n in names if n.startswith(number)), key=lambda n: (place(n), n))


def _missing(run: Run, expected: list[str], sections: tuple[Section, ...]) -> list[str]:
    """What a complete run would hold and this one does not, in sentences."""
    told = [
        f"Notebook {name} was not executed to its end by `make run`: what it saw is not told."
        for name in expected
        if not (run.notebooks / f"{name}.ipynb").exists()
    ]
    if not run.metrics.exists():
        told.append("metrics.json is missing: notebook 03_evaluate writes the headline numbers.")
    for section in sections:
        for figure in section.figures:
            lacks = [kind for kind in PICTURES if kind not in figure.files]
            if lacks and not set(figure.files) & set(FILMS):
                told.append(
                    f"Figure {figure.name} has no {', '.join(lacks)}: drawn without a browser."
                )
        told += [
            f"Table {table.name} has no {kind}."
            for table in section.tables
            for kind in ("tex", "csv")
            if kind not in table.files
        ]
    return told
