"""A small run on disk, as the notebooks leave it, with names that LaTeX and HTML stumble over."""

import json
from pathlib import Path

import nbformat
import pandas as pd
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from helpers.figures import browser, export
from helpers.figures.style import COLUMN, PAGE, dress
from helpers.files import write_json, write_table
from helpers.runs import Run, Settings

ODD = "50%_off & <b>on</b> \\ ×−车"
"""A class whose name has a meaning in LaTeX, in HTML and in neither's fonts."""
MADE = {
    "date": "2026-11-21T15:04:08+00:00",
    "commit": "b312be06b0ba+",
    "python": "3.11.7",
    "packages": {"torch": "2.14.1", "plotly": "7.1.0"},
    "machine": "Linux x86_64",
    "cores": 2,
}


def interval(value: float, half: float = 0.04) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def make_run(folder: Path, name: str = "first", top1: float = 0.8416) -> Run:
    """A finished run of notebooks 01, 03 and 07 (02 and others were not executed)."""
    settings = Settings("smoke", str(folder / "clips"), None, 3)
    run = Run(name, folder / "runs" / name, settings)
    write_json(run.folder / "run.json", {"settings": vars(settings), "made": MADE})
    clips = pd.DataFrame({"path": ["A/1.mp4", "B/2.mp4"], "label": ["A", ODD], "bytes": [10, 20]})
    write_table(run.manifest, clips)
    write_table(run.predictions, clips[["path", "label"]].assign(group="g", predicted="A"))
    write_metrics(run, top1)
    write_json(run.explanations, explanations())
    write_json(run.folder / "detection" / "detection.json", {"map": {"0.5": interval(0.61)}})
    draw(run)
    write_tables(run)
    write_notebook(run, "01_explore_dataset", "What is in the clips?", "2 clips & 1 file", '"01_b"')
    code = 'show(a, "03_confusion")\nshow(b, "03_areas")'
    write_notebook(run, "03_evaluate", "How far?", f"Top-1 {top1:.3f}; {ODD}", code)
    return run


def make_pair(folder: Path, second: str) -> list[Run]:
    """Two runs, the second less accurate, whose figures are drawn without a browser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "FIGURES", folder / "copies")
        patch.setattr(browser, "renderer", lambda: None)
        return [make_run(folder, "first"), make_run(folder, second, 0.7)]


def write_metrics(run: Run, top1: float) -> None:
    metrics = {
        "top1": interval(top1),
        "mean_class_accuracy": interval(0.81),
        "kappa": {"value": None, "low": None, "high": None},
        "n_test": 7200,
        "n_classes": 2,
        "n_groups": 24,
        "baselines": {"majority class": {"top1": 0.5}},
        "operating_point": {"met": True, "test": {"recall": interval(0.9)}},
        "p_value": 4.4e-91,
        "curve": [0.1] * 50,
    }
    write_json(run.metrics, metrics)


def explanations() -> dict:
    return {
        "grid": [8, 4],
        "boxes": [
            {"method": "rollout", "clips": "all", "ratio": 1.5},
            {"method": "rollout", "clips": "right", "ratio": 1.25},
            {"method": "last layer", "clips": "all", "ratio": -0.5},
        ],
    }


def draw(run: Run) -> None:
    """Figures in the width of a column and of the page, a film; pdf, png and svg by Pillow."""
    for name, width in {"01_b": COLUMN, "03_areas": COLUMN, "03_confusion": PAGE}.items():
        fig = dress(go.Figure(go.Bar(x=["A", ODD], y=[1, 2])), "Bars </script>", width, 300)
        export.save_figure(fig, name, run, caption=f"Bars of {name}, 5 % & more.")
        picture = Image.new("RGB", (width * export.SCALE, 300 * export.SCALE), "white")
        picture.save(run.figures / f"{name}.png")
        picture.resize((50, 30)).save(run.figures / f"{name}.pdf")
        (run.figures / f"{name}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (run.figures / "07_film.mp4").write_bytes(b"film")


def write_tables(run: Run) -> None:
    per_class = pd.DataFrame(
        {
            "class": ["A", ODD],
            "recall": [0.75, 0.8349],
            "recall_low": [0.7, 0.8],
            "recall_high": [0.8, 0.9],
            "n": [180.0, 20.0],
            "kept": [True, False],
        }
    )
    export.save_table(per_class, "03_per_class", run, caption="Recall, in % of a_b.")
    long = pd.DataFrame({"slice": [f"cam{n}" for n in range(100)], "top1": [0.5] * 100})
    export.save_table(long, "03_slices", run)
    wide = pd.DataFrame(
        {f"a_rather_long_heading_{n}": ["a rather long cell", ""] for n in range(9)}
    )
    export.save_table(wide.assign(device="cpu"), "07_wide", run, caption="Wide.")


def write_notebook(run: Run, name: str, title: str, saw: str, code: str) -> None:
    """The executed copy of a notebook that draws in the order of `code`."""
    told = new_output("stream", name="stdout", text=f"\n- {saw}\n- Second thing.\n")
    cells = [
        new_markdown_cell(f"# {title}\n\nMore."),
        new_code_cell(code),
        new_markdown_cell("## What we saw"),
        new_code_cell("print()", outputs=[told]),
    ]
    run.notebooks.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), run.notebooks / f"{name}.ipynb")


def read_script(page: str, key: str) -> dict:
    """The data of a figure inside a page."""
    start = page.index(f'data-figure="{key}">') + len(f'data-figure="{key}">')
    return json.loads(page[start : page.index("</script>", start)])
