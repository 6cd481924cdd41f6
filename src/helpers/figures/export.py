"""Figures and tables into the run's folder, and copies for the report into `figures/<run>/`."""

import logging
import shutil
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from helpers.figures import browser
from helpers.files import read_json, whole_file, write_json, write_table
from helpers.paths import FIGURES
from helpers.runs import Run

logger = logging.getLogger(__name__)

STATIC = ("pdf", "png", "svg")
SCALE = 3
"""Pixels of a png per pixel of layout: a column is 1500 pixels wide, 430 dpi at 88 mm."""


def save_figure(fig: go.Figure, name: str, run: Run, caption: str | None = None) -> go.Figure:
    """Write a figure as html, and where a browser is found as pdf, png and svg; return it.

    The html files of a run share one plotly.min.js beside them, so they open without a network.
    The static files are copied to `figures/<run>/`. A caption is noted in captions.json there and
    in the run.

    Args:
        name: file name without suffix, led by the notebook's number: "03_confusion".
    """
    html = run.figures / f"{name}.html"
    with whole_file(html) as part:
        fig.write_html(part, include_plotlyjs="directory", div_id=name)
    for kind, content in _static(fig, name).items():
        with whole_file(run.figures / f"{name}.{kind}") as part:
            part.write_bytes(content)
        _copy(run.figures / f"{name}.{kind}", run)
    _note_caption(run.figures, name, caption, run)
    return fig


def _static(fig: go.Figure, name: str) -> dict[str, bytes]:
    """The figure as pdf, png and svg; nothing, and a warning, where no browser draws it."""
    renderer = browser.renderer()
    if renderer is None:
        return {}
    try:
        return renderer.render(fig, STATIC, SCALE)
    except RuntimeError as error:
        logger.warning("%s is written as html only, the browser gave %s", name, error)
        return {}


def save_table(
    table: pd.DataFrame, name: str, run: Run, caption: str | None = None, decimals: int = 3
) -> pd.DataFrame:
    """Write a table as csv (all digits) and as LaTeX (booktabs, rounded); return it.

    The LaTeX is a `table` environment labelled `tab:<name>`. Underscores, percent signs and
    their like are escaped in cells, headings and caption; a missing value prints as a dash.
    """
    write_table(run.tables / f"{name}.csv", table)
    with whole_file(run.tables / f"{name}.tex") as part:
        part.write_text(latex(table, caption, f"tab:{name}", decimals), encoding="utf-8")
    for suffix in ("csv", "tex"):
        _copy(run.tables / f"{name}.{suffix}", run)
    _note_caption(run.tables, name, caption, run)
    return table


def latex(table: pd.DataFrame, caption: str | None, label: str, decimals: int = 3) -> str:
    """A table as a LaTeX `table` environment with booktabs rules, numbers to the right."""
    styler = table.style.hide(axis="index")
    styler = styler.format(escape="latex", precision=decimals, na_rep="--")
    styler = styler.format_index(escape="latex", axis="columns")
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    return styler.to_latex(
        hrules=True,
        position="htbp",
        position_float="centering",
        column_format="".join("r" if number else "l" for number in numeric),
        caption=None if caption is None else escape_latex(caption),
        label=label,
    )


def escape_latex(text: str) -> str:
    """Text in which LaTeX's special characters stand for themselves."""
    special = {c: f"\\{c}" for c in "&%$#_{}"}
    special |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    return text.translate(str.maketrans(special))


def _copy(path: Path, run: Run) -> None:
    """Copy a file to the figures of the report."""
    with whole_file(FIGURES / run.name / path.name) as part:
        shutil.copyfile(path, part)


def _note_caption(folder: Path, name: str, caption: str | None, run: Run) -> None:
    """Keep the caption beside the files, in the run and in the report's copy."""
    if caption is None:
        return
    for place in (folder, FIGURES / run.name):
        path = place / "captions.json"
        captions = read_json(path) if path.exists() else {}
        write_json(path, dict(sorted((captions | {name: caption}).items())))
