"""Tables as a reader wants them: limits joined to their number, headings in words.

Cells are taken from the LaTeX that the notebook wrote, where each table is rounded as it should
be, so that the web page and the print show the same digits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.report.gather import ReportError, Table

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
ZEROS = re.compile(r"^(-?\d+)\.0+$")
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
    """Without decimals in columns of counts: frames, pixels, clips.

    Those are whole throughout and not all below 2: 0.000 may be a small number rounded, and 1.000
    a share.
    """
    columns = [
        [ZEROS.sub(r"\1", cell) for cell in column] if _counts(column) else column
        for column in zip(*grid.rows, strict=True)
    ]
    return Grid(grid.headings, tuple(zip(*columns, strict=True)), grid.aligned)


def _counts(column: Sequence[str]) -> bool:
    found = [cell for cell in column if cell != "--"]
    whole = all(ZEROS.search(cell) for cell in found)
    return whole and any(abs(float(cell)) >= 2 for cell in found)


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
