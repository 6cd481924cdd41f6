"""The report as one web page that holds all it needs: figures, plotly.js, type and colours."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from helpers.files import read_json
from helpers.pipeline.report import HEADLINES
from helpers.report.drawn import read_figure
from helpers.report.gather import FILMS, Figure, Gathered, Table
from helpers.report.numbers import Numbers
from helpers.report.provenance import provenance_rows
from helpers.report.side_by_side import comparability, compare_runs, is_limited
from helpers.report.tables import Grid, printed, read_table

MEDIA = {"mp4": "video/mp4", "webm": "video/webm", "gif": "image/gif"}
PICTURE = {"svg": "image/svg+xml", "png": "image/png"}
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


@dataclass(frozen=True)
class Shown:
    """A figure on the page: plotly's (by the key of its data), a film, a picture, or none."""

    run: str
    caption: str
    name: str
    key: str = ""
    width: int = 0
    height: int = 0
    film: str = ""
    picture: str = ""


@dataclass(frozen=True)
class Listed:
    """A table on the page."""

    run: str
    caption: str
    name: str
    grid: Grid | None


@dataclass(frozen=True)
class Part:
    """A notebook on the page: what each run saw, its figures and tables by name."""

    number: str
    title: str
    saw: list[tuple[str, tuple[str, ...]]]
    figures: list[list[Shown]]
    tables: list[list[Listed]]


def report_page(runs: Sequence[Gathered], numbers: Sequence[Numbers]) -> str:
    """The page of one run, or of several side by side.

    Figures are drawn when they come into view. A policy inside the page forbids the browser to
    load anything from outside.

    Raises:
        ReportError: a figure or table of a run cannot be read.
    """
    drawn: dict[str, Any] = {}
    parts = _parts(runs, drawn)
    compared = compare_runs(runs) if len(runs) > 1 else None
    return TEMPLATES.get_template("page.html.jinja").render(
        runs=runs,
        parts=parts,
        tiles=[(run.name, _tiles(run)) for run in runs],
        compared=compared.to_dict("split") if compared is not None else None,
        comparability=comparability(runs),
        provenance=[(run.name, provenance_rows(run)) for run in runs],
        missing=[(run.name, run.missing) for run in runs if run.missing],
        numbers=[
            (number.macro, number.text, number.source)
            for each in numbers
            for number in each.numbers
        ],
        left_out=[text for each in numbers for text in each.left_out],
        written=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        drawn={key: _script_json(figure) for key, figure in drawn.items()},
        plotly=get_plotlyjs(),
        style=_beside("page.css"),
        script=_beside("page.js"),
    )


def _beside(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _script_json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever texts are in it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _tiles(gathered: Gathered) -> list[dict[str, Any]]:
    """The headline numbers of a run, with the places of their limits on a bar from 0 to 1."""
    run = gathered.run
    metrics = read_json(run.metrics) if run.metrics.exists() else {}
    baseline = metrics.get("baselines", {}).get("majority class", {})
    return [
        {
            "title": HEADLINES.get(key, key.replace("_", " ")),
            "baseline": baseline.get(key),
            **{place: entry[place] for place in ("value", "low", "high")},
        }
        for key, entry in metrics.items()
        if is_limited(entry) and None not in entry.values()
    ]


def _parts(runs: Sequence[Gathered], drawn: dict[str, Any]) -> list[Part]:
    """The notebooks of all runs by number; what has one name stands side by side."""
    by_number: dict[str, list] = {}
    for run in runs:
        for section in run.sections:
            by_number.setdefault(section.number, []).append((run.name, section))
    return [
        Part(
            number,
            sections[0][1].title,
            [(name, section.saw) for name, section in sections if section.saw],
            _by_name(
                [(run, item) for run, s in sections for item in s.figures],
                lambda run, item: _shown(run, item, drawn),
            ),
            _by_name([(run, item) for run, s in sections for item in s.tables], _listed),
        )
        for number, sections in sorted(by_number.items())
    ]


def _by_name(items: list, make) -> list[list]:
    """Items of several runs, those of one name together, in the order of the first run."""
    named: dict[str, list] = {}
    for run, item in items:
        named.setdefault(item.name, []).append(make(run, item))
    return list(named.values())


def _shown(run: str, figure: Figure, drawn: dict[str, Any]) -> Shown:
    """A figure for the page; plotly's data are put into `drawn`."""
    told = {"run": run, "caption": figure.caption, "name": figure.name}
    if "html" in figure.files:
        key = f"{run}-{figure.name}"
        drawn[key] = content = read_figure(figure.files["html"])
        layout = content["layout"]
        return Shown(
            **told, key=key, width=layout.get("width", 700), height=layout.get("height", 450)
        )
    for kind in FILMS:
        if kind in figure.files:
            field = "picture" if kind == "gif" else "film"
            return Shown(**told, **{field: _inside(figure.files[kind], MEDIA[kind])})
    for kind, media in PICTURE.items():
        if kind in figure.files:
            return Shown(**told, picture=_inside(figure.files[kind], media))
    return Shown(**told)


def _inside(path: Path, media: str) -> str:
    """A file as an address that holds it."""
    return f"data:{media};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _listed(run: str, table: Table) -> Listed:
    grid = printed(read_table(table)) if "tex" in table.files else None
    return Listed(run, table.caption, table.name, grid)
