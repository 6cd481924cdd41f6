"""Tables as they are printed: limits joined to their number, headings in words, fitted to a page.

Cells are taken from the LaTeX that the notebook wrote, where each table is rounded as it should
be, so that the web page and the print show the same digits.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.files import whole_file
from helpers.report.gather import ReportError, Table
from helpers.report.naming import latex_text

COLUMN_LETTERS = 56
"""Letters of \\footnotesize that fit side by side into a column of 88 mm, gaps included."""
PAGE_LETTERS = 116
"""The same for the page, 181 mm."""
PAGE_ROWS = 46
"""Rows of \\footnotesize in one piece; longer tables are continued in another."""
GAP = 2
"""Letters' widths between columns."""

TABULAR = re.compile(r"\\begin\{tabular\}\{([lrc]+)\}\n(.*?)\\end\{tabular\}", re.S)
ESCAPES = {
    r"\textasciitilde ": "~",
    r"\textasciicircum ": "^",
    r"\textbackslash ": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textbackslash{}": "\\",
    r"\space ": " ",  # behind each of these where a space follows
}
ZEROS = re.compile(r"(?<=\d)\.0+$")
WORDS = {"True": "yes", "False": "no"}


@dataclass(frozen=True)
class Grid:
    """Headings and cells as plain text, and for each column "l" or "r"."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    aligned: str


def read_table(table: Table) -> Grid:
    """Cells of a table that `save_table` wrote.

    Raises:
        ReportError: the file holds no table of that form.
    """
    path = table.files["tex"]
    found = TABULAR.search(path.read_text(encoding="utf-8"))
    if not found:
        raise ReportError(f"{path} holds no tabular: execute its notebook again.")
    lines = [line[:-2].strip() for line in found[2].splitlines() if line.endswith(r"\\")]
    cells = [tuple(map(_plain, re.split(r"(?<!\\)&", line))) for line in lines]
    if not cells or any(len(row) != len(found[1]) for row in cells):
        raise ReportError(f"{path}: rows differ in length. Execute its notebook again.")
    return Grid(cells[0], tuple(cells[1:]), found[1])


def _plain(cell: str) -> str:
    """A cell of LaTeX as plain text."""
    for escape, sign in ESCAPES.items():
        cell = cell.replace(escape, sign)
    return re.sub(r"\\([&%$#_{}])", r"\1", cell).strip()


def printed(grid: Grid) -> Grid:
    """The table as a reader wants it: "0.83 [0.80, 0.88]" in place of three columns, and words.

    Limits are joined to the column left of them where two headings say low and high.
    """
    grid = join_limits(whole_numbers(grid))
    headings = tuple(heading.replace("_", " ") for heading in grid.headings)
    rows = tuple(tuple(WORDS.get(cell, cell) for cell in row) for row in grid.rows)
    return Grid(headings, rows, grid.aligned)


def whole_numbers(grid: Grid) -> Grid:
    """Without decimals in columns where all of them are zeros: frames, pixels, clips."""
    columns = [
        [ZEROS.sub("", cell) for cell in column]
        if all(ZEROS.search(cell) or cell == "--" for cell in column)
        else column
        for column in zip(*grid.rows, strict=True)
    ]
    return Grid(grid.headings, tuple(zip(*columns, strict=True)), grid.aligned)


def join_limits(grid: Grid) -> Grid:
    """Put low and high limits in brackets behind the number left of them."""
    starts = [
        at
        for at in range(1, len(grid.headings) - 1)
        if _limit(grid.headings[at], "low")
        and _limit(grid.headings[at + 1], "high")
        and grid.aligned[at - 1] == "r"
    ]
    dropped = {column for at in starts for column in (at, at + 1)}

    def kept(cells: Sequence[str]) -> tuple[str, ...]:
        return tuple(cell for at, cell in enumerate(cells) if at not in dropped)

    def joined(row: tuple[str, ...]) -> tuple[str, ...]:
        cells = list(row)
        for at in starts:
            if row[at - 1] != "--":
                cells[at - 1] = f"{row[at - 1]} [{row[at]}, {row[at + 1]}]"
        return kept(cells)

    return Grid(kept(grid.headings), tuple(map(joined, grid.rows)), "".join(kept(grid.aligned)))


def _limit(heading: str, which: str) -> bool:
    return re.search(rf"(^|[_ ]){which}$", heading) is not None


def print_tex(table: Table) -> str:
    """A table of a notebook as report.tex shows it."""
    return grid_tex(printed(read_table(table)), table.caption, table.name)


def grid_tex(grid: Grid, caption: str, name: str) -> str:
    """A table for two columns: in one of them, over the page, or over the page and made smaller.

    What is too wide loses the columns that say the same in every row; its caption says it once.
    The label is `tab:<name>`; pieces of a long table are floats of their own.
    """
    if print_width(grid) > PAGE_LETTERS:
        grid, told = without_constants(grid)
        caption = f"{caption} {told}".strip()
    pieces = [grid.rows[at : at + PAGE_ROWS] for at in range(0, len(grid.rows), PAGE_ROWS)] or [()]
    return "\n".join(
        _environment(
            Grid(grid.headings, rows, grid.aligned),
            caption if at == 0 else f"{caption} (continued)",
            f"tab:{name}" if at == 0 else f"tab:{name}-{at + 1}",
        )
        for at, rows in enumerate(pieces)
    )


def without_constants(grid: Grid) -> tuple[Grid, str]:
    """The table without columns that say the same in all rows, and a sentence that says it."""
    same = [
        at
        for at, column in enumerate(zip(*grid.rows, strict=True))
        if len(grid.rows) > 1 and len(set(column)) == 1
    ]
    told = "; ".join(f"{grid.headings[at]} {grid.rows[0][at]}" for at in same)

    def kept(cells: Sequence[str]) -> tuple[str, ...]:
        return tuple(cell for at, cell in enumerate(cells) if at not in same)

    rows = tuple(map(kept, grid.rows))
    return Grid(kept(grid.headings), rows, "".join(kept(grid.aligned))), (
        f"All rows: {told}." if told else ""
    )


def _environment(grid: Grid, caption: str, label: str) -> str:
    """One piece of a table as a float."""
    letters = print_width(grid)
    name, width = ("table", "columnwidth") if letters <= COLUMN_LETTERS else ("table*", "textwidth")
    head = " & ".join(
        _stacked(lines, side) for lines, side in zip(_head(grid), grid.aligned, strict=True)
    )
    tabular = [
        rf"\begin{{tabular}}{{@{{}}{grid.aligned}@{{}}}}",
        *(r"\toprule", rf"{head} \\", r"\midrule"),
        *(" & ".join(map(latex_text, row)) + r" \\" for row in grid.rows),
        *(r"\bottomrule", r"\end{tabular}"),
    ]
    if letters > PAGE_LETTERS:
        tabular = [rf"\resizebox{{\{width}}}{{!}}{{%", *tabular, "}"]
    return "\n".join(
        [
            rf"\begin{{{name}}}[htbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{latex_text(caption)}}}\label{{{label}}}",
            *tabular,
            rf"\end{{{name}}}",
            "",
        ]
    )


def _head(grid: Grid) -> list[list[str]]:
    """Each heading in lines no wider than its column's cells, where its words allow that."""
    cells = [max(map(len, column), default=0) for column in zip(*grid.rows, strict=True)]
    cells = cells or [0] * len(grid.headings)
    return [
        textwrap.wrap(heading, max(width, 6), break_long_words=False) or [""]
        for heading, width in zip(grid.headings, cells, strict=True)
    ]


def _stacked(lines: list[str], side: str) -> str:
    """A heading in its lines, one above the other."""
    text = r" \\ ".join(map(latex_text, lines))
    return text if len(lines) == 1 else rf"\shortstack[{side}]{{{text}}}"


def print_width(grid: Grid) -> int:
    """Letters side by side in the table's widest line, gaps included, headings in lines."""
    columns = list(zip(*grid.rows, strict=True)) or [()] * len(grid.headings)
    heads = [max(map(len, lines)) for lines in _head(grid)]
    cells = [max(map(len, column), default=0) for column in columns]
    return sum(map(max, heads, cells)) + GAP * (len(cells) - 1)


def write_print_tables(tables: Sequence[Table], folder: Path) -> None:
    """Write each table that has LaTeX for report.tex, as `<folder>/<name>.tex`."""
    for table in tables:
        if "tex" in table.files:
            with whole_file(folder / f"{table.name}.tex") as part:
                part.write_text(print_tex(table), encoding="utf-8")
