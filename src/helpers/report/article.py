"""The LaTeX of a report: a skeleton to write in, and generated files that it reads.

`report.tex` is the writer's: it is made once, and made anew only as long as nobody has edited it.
All that may change with a run lies in files of the run (`numbers.tex`, `texts.tex`, `print/`,
`appendix.tex`), which are always made anew.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from helpers.figures.export import SCALE
from helpers.files import whole_file
from helpers.report.gather import Figure, Gathered, ReportError, Section, Table
from helpers.report.naming import Namer, latex_text
from helpers.report.numbers import Numbers
from helpers.report.provenance import provenance_rows

SHOWN = (
    *("01_classes", "01_contact_sheet", "01_split", "02_curves", "03_summary", "03_confusion"),
    *("03_per_class", "03_precision_recall", "03_threshold", "03_alarm", "03_comparisons"),
    *("04_attention", "04_deletion_insertion", "04_judged", "05_multiply_adds", "05_cost"),
    *("05_accuracy_schemes", "05_beside_table", "06_scores", "06_differences", "06_cost"),
    *("07_timeline", "07_compared"),
)
"""Figures and tables that the text begins with; the appendix holds all others. Of a notebook that
has none of these, the first figure and the first table."""
COLUMN_PIXELS = 600
"""Figures that are laid out wider than this go across both columns."""
MARK = "% Made by helpers.report. As long as the lines below stay as they are, it is made anew: "

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    block_start_string="<%",
    block_end_string="%>",
    variable_start_string="<<",
    variable_end_string=">>",
    comment_start_string="<#",
    comment_end_string="#>",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
)
"""For LaTeX, whose braces and percent signs Jinja's own marks would collide with."""


TEMPLATES.tests |= {"printable": lambda item: printable(item), "wide": lambda item: is_wide(item)}


@dataclass(frozen=True)
class Texts:
    """Macros of a run's captions and of what its notebooks saw, names without backslash."""

    captions: dict[str, str]  # figure → macro
    findings: dict[str, str]  # notebook → macro
    tex: str  # the file that defines them


def texts_of(gathered: Gathered) -> Texts:
    """Captions and findings of a run as macros, since they hold numbers of the run."""
    namer = Namer(gathered.name)
    captions, findings, lines = {}, {}, [f"% Texts of the run {gathered.name}. Do not edit."]
    for section in gathered.sections:
        for figure in section.figures:
            macro = captions[figure.name] = namer.name("caption", figure.name[3:])
            lines.append(rf"\newcommand{{\{macro}}}{{{latex_text(figure.caption)}}}")
        if section.saw:
            macro = findings[section.notebook] = namer.name("findings", section.notebook[3:])
            items = "".join(rf"\item {latex_text(text)}" + "\n" for text in section.saw)
            lines.append(
                rf"\newcommand{{\{macro}}}{{\begin{{itemize}}\setlength{{\itemsep}}{{0pt}}"
                + f"\n{items}"
                + r"\end{itemize}}"
            )
    return Texts(captions, findings, "\n".join(lines) + "\n")


def provenance_tex(gathered: Gathered) -> str:
    """Where the run comes from, as a table of one column."""
    rows = "".join(
        rf"{latex_text(what)} & {_breakable(value)} \\" + "\n"
        for what, value in provenance_rows(gathered)
    )
    return TEMPLATES.get_template("provenance.tex.jinja").render(
        rows=rows, run=latex_text(gathered.name), label=gathered.name
    )


def _breakable(text: str) -> str:
    """Text that may be broken after a slash, and every eight letters of a long word."""
    words = []
    for word in text.split(" "):
        pieces = [word[at : at + 8] for at in range(0, len(word), 8)] if len(word) > 24 else [word]
        words.append(r"\allowbreak{}".join(map(latex_text, pieces)))
    return " ".join(words)


def printable(item: Figure | Table) -> bool:
    """Whether LaTeX can show a figure or table: its pdf or its LaTeX lies in the run."""
    return ("pdf" if isinstance(item, Figure) else "tex") in item.files


def is_wide(figure: Figure) -> bool:
    """Whether a figure is laid out for the page and not for a column."""
    if "png" not in figure.files:
        return False
    with figure.files["png"].open("rb") as file:
        header = file.read(24)
    return int.from_bytes(header[16:20], "big") / SCALE > COLUMN_PIXELS


def shown_of(section: Section) -> set[str]:
    """Names of figures and tables of a notebook that stand in the text."""
    figures = [figure.name for figure in section.figures if printable(figure)]
    tables = [table.name for table in section.tables if printable(table)]
    return {name for name in SHOWN if name in figures + tables} or {*figures[:1], *tables[:1]}


def report_tex(runs: Sequence[Gathered], numbers: Sequence[Numbers], texts: Sequence[Texts]) -> str:
    """The skeleton: title, abstract, a section for each notebook of the first run, provenance.

    Of several runs, the first one's figures and tables stand in the text, beside those of the
    others where names match.

    Raises:
        ReportError: a run's name holds a sign that LaTeX cannot have in a file's name.
    """
    for run in runs:
        if set(run.name) & set("%#{}$&~^\\\"'"):
            raise ReportError(f"Run {run.name!r}: LaTeX cannot read a folder of this name.")
    macros = {number.source: number.macro for number in numbers[0].numbers}
    told = [section for section in runs[0].sections if section.saw or shown_of(section)]
    body = TEMPLATES.get_template("report.tex.jinja").render(
        runs=runs,
        first=runs[0],
        macros=macros,
        known=lambda *names: all(f"metrics.json {name}" in macros for name in names),
        captions=texts[0].captions,
        findings=texts[0].findings,
        sections=[(section, shown_of(section)) for section in told],
        beside=[_matching(run) for run in runs[1:]],
        latex=latex_text,
    )
    return signed(body)


def _matching(gathered: Gathered) -> dict:
    """The figures of a run that can be printed, by name, and the run's name under "run"."""
    figures = {f.name: f for section in gathered.sections for f in section.figures if printable(f)}
    return {"run": gathered.name, "figures": figures}


def appendix_tex(gathered: Gathered, texts: Texts) -> str:
    """All figures and tables that the text does not show, in the order of the notebooks."""
    return TEMPLATES.get_template("appendix.tex.jinja").render(
        run=gathered.name,
        captions=texts.captions,
        sections=[(section, shown_of(section)) for section in gathered.sections],
        latex=latex_text,
    )


def signed(body: str) -> str:
    """Text under a line that tells whether it has been edited since."""
    return f"{MARK}{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def is_untouched(path: Path) -> bool:
    """Whether a skeleton is as it was made; also where there is none yet."""
    if not path.exists():
        return True
    text = path.read_text(encoding="utf-8")
    return text == signed(text.partition("\n")[2])


def write_skeleton(folder: Path, text: str, run: str) -> Path:
    """Write report.tex, or `report-<run>.tex` beside one that somebody has edited."""
    path = folder / "report.tex"
    if not is_untouched(path):
        path = folder / f"report-{run}.tex"
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
    return path
