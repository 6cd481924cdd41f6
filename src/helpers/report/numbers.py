"""Every number that a run reports, as a LaTeX macro: text that uses it cannot disagree with it.

A macro is named by the run, the file and the way to the number: `\\DemoTopOne` is `top1` in
metrics.json of the run `demo`, `\\DemoExplanationsSeparationLabel` is `separation.label` in
explanations.json, `\\DemoTablePerClassOtherRecall` stands in the table 03_per_class, row Other,
column recall. metrics.json and run.json are left out of the names. An entry {value, low, high}
gives three macros (`…`, `…Low`, `…High`) and `…WithInterval`, all three in one text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.report.gather import Gathered, ReportError
from helpers.report.naming import Namer, latex_text, print_number

UNNAMED = ("metrics.json", "run.json")
"""Files whose name is left out of the macros'."""
CURVE = 20
"""A list of more plain numbers than these is a curve, which a figure shows, and gets no macros."""
LISTING = 200
"""A table of more rows than these is a listing, and gets no macros."""
MIDDLES = ("value", "mean")
INTERVAL = "with interval"


@dataclass(frozen=True)
class Number:
    """A macro: its name without backslash, what it prints (LaTeX), and where it was read."""

    macro: str
    text: str
    source: str


@dataclass(frozen=True)
class Numbers:
    """All macros of a run, and in sentences what was left out."""

    prefix: str
    numbers: tuple[Number, ...]
    left_out: tuple[str, ...]

    def find(self, source: str) -> Number | None:
        """The macro of a number, by where it was read: "metrics.json top1"."""
        return next((number for number in self.numbers if number.source == source), None)


def result_files(folder: Path) -> list[Path]:
    """The files of a run that hold its numbers: JSON at its top, and `<folder>/<folder>.json`."""
    inner = [path for path in folder.glob("*/*.json") if path.stem == path.parent.name]
    order = {"metrics.json": 0, "run.json": 1}
    return sorted([*folder.glob("*.json"), *inner], key=lambda p: (order.get(p.name, 2), p.name))


def numbers_of(gathered: Gathered) -> Numbers:
    """Every number of a run's result files and tables.

    Raises:
        ReportError: a file is damaged.
    """
    namer, found, left_out = Namer(gathered.name), [], []
    for path in result_files(gathered.run.folder):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ReportError(
                f"{path} is no JSON ({error}): execute its notebook again."
            ) from error
        led = () if path.name in UNNAMED else (path.stem,)
        for way, text in _walk(content, (), path.name == "run.json", left_out, path.name):
            found.append(Number(namer.name(*led, *way), text, f"{path.name} {'.'.join(way)}"))
    for section in gathered.sections:
        for table in section.tables:
            if "csv" in table.files:
                found += _table(table.files["csv"], namer, left_out)
    return Numbers(namer.prefix, tuple(found), tuple(left_out))


def _walk(
    value: Any, way: tuple[str, ...], texts: bool, left_out: list[str], file: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Ways to the numbers inside a JSON value, and the numbers printed; with `texts`, texts too."""
    if isinstance(value, bool):
        return
    if value is None or isinstance(value, int | float):
        yield way, print_number(value)
    elif isinstance(value, str):
        if texts:
            yield way, latex_text(value)
    elif isinstance(value, Mapping):
        middle = next((key for key in MIDDLES if key in value), None)
        if middle and {"low", "high"} <= set(value):
            yield (*way, INTERVAL), with_interval(*(value[key] for key in (middle, "low", "high")))
        for key, item in value.items():
            inner = way if key == "value" else (*way, str(key))
            yield from _walk(item, inner, texts, left_out, file)
    elif isinstance(value, Sequence) and all(isinstance(item, Mapping) for item in value):
        labels, told = labels_of(value)
        for label, record in zip(labels, value, strict=True):
            rest = {key: item for key, item in record.items() if key not in told}
            yield from _walk(rest, (*way, *label), texts, left_out, file)
    elif len(value) > CURVE:
        left_out.append(f"{file} {'.'.join(way)}: {len(value)} values, a curve")
    else:
        for at, item in enumerate(value, start=1):
            yield from _walk(item, (*way, str(at)), texts, left_out, file)


def with_interval(value: float, low: float, high: float) -> str:
    """A number with its limits behind it, "0.842 [0.805, 0.871]", in LaTeX."""
    return f"{print_number(value)} [{print_number(low)}, {print_number(high)}]"


def labels_of(records: Sequence[Mapping]) -> tuple[list[tuple[str, ...]], list[str]]:
    """What tells records apart, one tuple of texts each, and the names of those fields.

    The first fields that hold texts, as few as tell all apart; where texts do not, the first
    numbers as well; where nothing does, the position, from 1.
    """
    fields = list(dict.fromkeys(key for record in records for key in record))
    texts = [f for f in fields if all(isinstance(r.get(f), str) for r in records)]
    plain = (int, float, str)
    others = [
        f for f in fields if f not in texts and all(isinstance(r.get(f), plain) for r in records)
    ]
    ways = [texts[:n] for n in range(1, len(texts) + 1)]
    ways += [[*texts, *others[:n]] for n in range(1, min(len(others), 2) + 1)]
    for way in ways:
        labels = [tuple(f"{record[field]}" for field in way) for record in records]
        if len(set(labels)) == len(labels):
            return labels, way
    return [(str(at),) for at in range(1, len(records) + 1)], []


def _table(path: Path, namer: Namer, left_out: list[str]) -> Iterator[Number]:
    """The numbers of a table, named by row and column."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    if len(table) > LISTING:
        left_out.append(f"{path.name}: {len(table)} rows, a listing")
        return
    texts = table.select_dtypes(exclude="number").columns
    records = table.fillna(dict.fromkeys(texts, "")).to_dict("records")
    labels, told = labels_of(records)
    for label, record in zip(labels, records, strict=True):
        for column, value in record.items():
            if (
                column not in told
                and isinstance(value, int | float)
                and not isinstance(value, bool)
            ):
                name = namer.name("table", path.stem[3:], *label, column)
                source = f"{path.name} {', '.join(label)}: {column}"
                yield Number(name, print_number(value), source)


def numbers_tex(numbers: Numbers, run: str) -> str:
    """The file numbers.tex: a macro a line, with its source behind it."""
    lines = [
        f"% Every number of the run {run}, by helpers.report. Do not edit: it is made anew.",
        rf"% In the text: \{numbers.prefix}TopOne{{}}. Digits are spelt out, a point between",
        "% them is Point; where two names agree in letters, the later one has Second behind it.",
    ]
    lines += [
        rf"\newcommand{{\{number.macro}}}{{{number.text}}}% {' '.join(number.source.split())}"
        for number in numbers.numbers
    ]
    lines += [f"% no macros for {' '.join(text.split())}" for text in numbers.left_out]
    return "\n".join(lines) + "\n"
