"""An executed notebook as one HTML file that opens without a network."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from plotly.io import to_html

from helpers.files import whole_file

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def export_html(notebook: Path, target: Path) -> Path:
    """Write an executed notebook as HTML.

    Plotly figures stay interactive, plotly.js is inside. A widget, which is dead without a kernel,
    is shown by the text or picture it brings along.
    """
    content = nbformat.read(notebook, as_version=4)
    draw_plotly(content)
    replace_widgets(content)
    exporter = HTMLExporter(template_name="lab", embed_images=True, require_js_url="")
    page, _ = exporter.from_notebook_node(content, {"metadata": {"name": notebook.stem}})
    with whole_file(target) as part:
        part.write_text(page, encoding="utf-8")
    return target


def draw_plotly(content: nbformat.NotebookNode) -> int:
    """Turn plotly figures, held as data in outputs, into HTML; the first one brings plotly.js.

    Returns:
        How many figures there were.
    """
    figures = [data for data in _displayed(content) if PLOTLY in data]
    for number, data in enumerate(figures):
        figure = data.pop(PLOTLY)
        figure = {key: figure[key] for key in ("data", "layout", "frames") if key in figure}
        data["text/html"] = to_html(
            figure, include_plotlyjs=number == 0, full_html=False, validate=False
        )
    return len(figures)


def replace_widgets(content: nbformat.NotebookNode) -> int:
    """Take the live view out of outputs that have another form beside it.

    Returns:
        How many outputs that were.
    """
    views = [data for data in _displayed(content) if WIDGET in data and len(data) > 1]
    for data in views:
        del data[WIDGET]
    if views:
        content.metadata.pop("widgets", None)
    return len(views)


def _displayed(content: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """The displayed data of each output: media type → content."""
    for cell in content.cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                yield output.data
