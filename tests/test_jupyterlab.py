"""The notebooks in JupyterLab, in a real browser: run, stepped through, their widgets moved."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import nbformat
import pytest
from lab_pages import ANSWERS, HANGS, Lab, NotebookPage, no_longer_than
from playwright.sync_api import Browser, Locator, sync_playwright
from smoke_run import SmokeRun, code_cells

from helpers.figures.browser import find_browser
from helpers.pipeline.steps import STEPS

pytestmark = pytest.mark.jupyterlab
NAMES = [step.notebook for step in STEPS]
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
STEPPED = ("01_", "02_", "03_", "04_")
SILENT = 3
"""So many cells in a row may show nothing: a reader who steps through sees where they lead."""
TROUBLE = re.compile(
    r"^(\w*Widget|\w*Browser|Figure|V?H?Box)\(|Error (displaying|creating)|Loading widget"
)
"""What is printed where a renderer is missing or fails."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chrome or Chromium on this machine: `make chromium` looks for one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=60_000
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(chromium, smoke, tmp_path_factory) -> Iterator[Lab]:
    server = Lab(smoke, tmp_path_factory.mktemp("lab"))
    try:
        server.wait()
        yield server
    finally:
        server.close()


@dataclass
class Ran:
    """A notebook that has run in JupyterLab, and is still open."""

    notebook: NotebookPage
    stepped: list[list[dict]] | None  # outputs of each cell of code when it had just run
    cells: list[list[dict]]  # the same behind "Run All Cells"
    before: list[nbformat.NotebookNode]  # the cells of code as papermill has executed them


def executed(smoke: SmokeRun, name: str) -> list[nbformat.NotebookNode]:
    """The cells of code of the smoke run's executed copy, without what papermill put in."""
    content = nbformat.read(smoke.folder / "notebooks" / f"{name}.ipynb", as_version=4)
    put_in = "injected-parameters"
    return [c for c in code_cells(content) if put_in not in c.metadata.get("tags", [])]


def count_made(cell: nbformat.NotebookNode) -> tuple[int, int]:
    """Figures and widgets that papermill saw a cell make; progress bars are none."""
    figures = sum(PLOTLY in output.get("data", {}) for output in cell.outputs)
    results = [output for output in cell.outputs if output.output_type == "execute_result"]
    return figures, sum(WIDGET in output.data for output in results)


def shows(cell: nbformat.NotebookNode) -> bool:
    """Whether papermill saw a cell say or show something; progress bars and warnings are none."""
    return any(
        output.output_type == "execute_result"
        or (output.output_type == "display_data" and WIDGET not in output.data)
        or output.get("name") == "stdout"
        for output in cell.outputs
    )


@pytest.fixture(scope="module", params=NAMES)
def ran(request, lab, chromium, smoke) -> Iterator[Ran]:
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    try:
        notebook = NotebookPage(lab, page, request.param)
        with notebook.evidence(), no_longer_than(HANGS):
            stepped = notebook.step() if request.param.startswith(STEPPED) else None
            notebook.run_all()
            before = executed(smoke, request.param)
            counts = [sum(count_made(cell)) for cell in before]
            cells = [notebook.outputs(place, count) for place, count in enumerate(counts)]
        yield Ran(notebook, stepped, cells, before)
    finally:
        page.close()
        lab.end_kernels()


def test_every_cell_runs_and_every_renderer_is_there(ran):
    with ran.notebook.evidence():
        for place, (outputs, cell) in enumerate(zip(ran.cells, ran.before, strict=True)):
            widgets = sum(bool(o["widgets"]) for o in outputs)
            figures = sum(bool(o["figures"] and not o["widgets"]) for o in outputs)
            wanted_figures, wanted_widgets = count_made(cell)
            told = f"cell {place + 1}, {figures} figures and {widgets} widgets:\n{cell.source}"
            assert figures == wanted_figures and widgets >= wanted_widgets, told
            for output in outputs:
                assert not output["figures"] or output["height"] > 100, told
                assert not re.search(TROUBLE, output["text"]), output["text"]


def test_the_console_has_nothing_to_complain(ran):
    assert ran.notebook.complaints == []


@pytest.mark.parametrize("ran", [n for n in NAMES if n.startswith(STEPPED)], indirect=True)
def test_a_reader_who_steps_through_sees_what_the_cells_show_and_soon(ran):
    in_a_row = 0
    for place, (outputs, cell) in enumerate(zip(ran.stepped, ran.before, strict=True)):
        seen = any(output["text"] or output["drawn"] for output in outputs)
        assert seen or not shows(cell), f"cell {place + 1} shows nothing:\n{cell.source}"
        in_a_row = 0 if seen else in_a_row + 1
        assert in_a_row <= SILENT, f"{in_a_row} cells up to {place + 1} show nothing"


def changes(watched: Locator, before: str) -> None:
    """Wait until what the kernel draws is another picture, or another text."""
    page = watched.page
    for _ in range(10 * ANSWERS):
        if look(watched) != before:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"nothing changed within {ANSWERS} s")


def look(watched: Locator) -> str:
    return watched.evaluate("node => node.getAttribute('src') ?? node.textContent")


def choose(notebook: NotebookPage, label: str, option: str | int, watched: Locator) -> None:
    before = look(watched)
    control = notebook.widget(label)
    control.select_option(**({"index": option} if isinstance(option, int) else {"label": option}))
    changes(watched, before)


def slide(notebook: NotebookPage, label: str, key: str, watched: Locator) -> None:
    before = look(watched)
    notebook.widget(label, "slider").press(key)
    changes(watched, before)


def picture_in(view: Locator) -> Locator:
    """The picture of a browser, which is there."""
    picture = view.locator("img.widget-image")
    assert picture.evaluate("node => node.naturalWidth") > 100
    return picture


@pytest.mark.parametrize("ran", ["01_explore_dataset"], indirect=True)
def test_the_browser_of_clips_answers(ran):
    notebook = ran.notebook
    with notebook.evidence():
        picture = picture_in(notebook.view("recording"))
        choose(notebook, "class", "Track-Excavator", picture)
        assert "Track-Excavator" in notebook.widget("clip").input_value()
        slide(notebook, "frame", "ArrowRight", picture)
        choose(notebook, "recording", 1, picture)
    assert notebook.complaints == []


@pytest.mark.parametrize("ran", ["04_visualise_attention"], indirect=True)
def test_the_browser_of_attention_answers(ran):
    notebook = ran.notebook
    with notebook.evidence():
        picture = picture_in(notebook.view("opacity"))
        for label, option in (("clip", 1), ("method", "rollout"), ("method", "one head")):
            choose(notebook, label, option, picture)
        for label, key in (
            ("layer", "ArrowLeft"),
            ("head", "ArrowRight"),
            ("opacity", "ArrowLeft"),
        ):
            slide(notebook, label, key, picture)
        slide(notebook, "frame", "ArrowRight", picture)
    assert notebook.complaints == []


@pytest.mark.parametrize("ran", ["04_visualise_attention"], indirect=True)
def test_the_plane_of_features_answers_to_choices_and_to_the_mouse(ran):
    notebook = ran.notebook
    with notebook.evidence():
        view = notebook.view("plane")
        picture = picture_in(view)
        title = view.locator(".js-plotly-plot .gtitle")
        choose(notebook, "plane", "PCA", title)
        written = view.locator(".js-plotly-plot .infolayer")  # title and legend
        before = look(picture)
        points = view.locator(".scatterlayer path.point")
        for place in range(min(4, points.count())):  # one of them may lie under another
            points.nth(place).hover(force=True)
            notebook.page.wait_for_timeout(500)
            if look(picture) != before:
                break
        changes(picture, before)
        choose(notebook, "colour", "recording", written)
    assert notebook.complaints == []
