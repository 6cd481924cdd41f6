"""Tables fitted to the two columns of report.tex."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from helpers.files import whole_file
from helpers.report.gather import Table
from helpers.report.naming import latex_text
from helpers.report.tables import Grid, printed, read_table

COLUMN_LETTERS = 56
"""Letters of \\footnotesize that fit side by side into a column of 88 mm, gaps included."""
PAGE_LETTERS = 116
"""The same for the page, 181 mm."""
PAGE_ROWS = 46
"""Rows of \\footnotesize in one piece; longer tables are continued in another."""
GAP = 2
"""Letters' widths between columns."""


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
