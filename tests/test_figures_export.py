import json
import logging

import pandas as pd
import plotly.graph_objects as go
import pytest

from helpers.figures import browser, export
from helpers.figures.style import COLUMN, dress
from helpers.runs import Run, Settings


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "FIGURES", tmp_path / "figures")
    return Run("first", tmp_path / "runs" / "first", Settings("smoke", "data", None, 0))


@pytest.fixture
def no_browser(monkeypatch):
    browser.renderer.cache_clear()
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    yield
    browser.renderer.cache_clear()


def bars():
    return dress(go.Figure(go.Bar(x=["a"], y=[1])), "Bars", COLUMN, 300)


def test_without_a_browser_html_is_written_and_one_warning_tells_the_remedy(
    run, no_browser, caplog
):
    with caplog.at_level(logging.WARNING):
        export.save_figure(bars(), "01_bars", run)
        export.save_figure(bars(), "01_bars_again", run)
    assert sorted(p.name for p in run.figures.iterdir()) == [
        "01_bars.html",
        "01_bars_again.html",
        "plotly.min.js",
    ]
    assert not export.FIGURES.exists()
    assert len(caplog.records) == 1
    assert "apt-get install chromium" in caplog.text and "kaleido_get_chrome" in caplog.text


def test_a_browser_that_does_not_start_is_named_with_its_reason(run, monkeypatch, caplog):
    browser.renderer.cache_clear()
    monkeypatch.setattr(browser, "find_browser", lambda: "/nowhere/chrome")
    with caplog.at_level(logging.WARNING):
        export.save_figure(bars(), "01_bars", run)
    browser.renderer.cache_clear()
    assert "/nowhere/chrome does not start" in caplog.text
    assert (run.figures / "01_bars.html").exists()


def test_a_browser_that_fails_on_a_figure_leaves_the_html_and_a_warning(run, monkeypatch, caplog):
    class Broken:
        def render(self, fig, formats, scale):
            raise RuntimeError("no pdf: TimeoutError")

    monkeypatch.setattr(browser, "renderer", Broken)
    with caplog.at_level(logging.WARNING):
        export.save_figure(bars(), "01_bars", run)
    assert (run.figures / "01_bars.html").exists()
    assert "01_bars is written as html only" in caplog.text


def test_save_figure_returns_the_figure_and_writes_the_same_html_each_time(run, no_browser):
    fig = bars()
    assert export.save_figure(fig, "01_bars", run) is fig
    first = (run.figures / "01_bars.html").read_bytes()
    export.save_figure(bars(), "01_bars", run)
    assert (run.figures / "01_bars.html").read_bytes() == first
    assert b"plotly.min.js" in first and len(first) < 50_000


def test_captions_are_kept_beside_the_figures(run, no_browser):
    export.save_figure(bars(), "02_bars", run, caption="Two.")
    export.save_figure(bars(), "01_bars", run, caption="One.")
    for folder in (run.figures, export.FIGURES / "first"):
        captions = json.loads((folder / "captions.json").read_text())
        assert captions == {"01_bars": "One.", "02_bars": "Two."}


def test_with_a_browser_pdf_png_and_svg_are_written_and_copied(run):
    if browser.find_browser() is None:
        pytest.skip("no Chrome or Chromium on this machine")
    export.save_figure(bars(), "03_bars", run)
    starts = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<svg"}
    for kind, start in starts.items():
        content = (run.figures / f"03_bars.{kind}").read_bytes()
        assert content.startswith(start)
        assert (export.FIGURES / "first" / f"03_bars.{kind}").read_bytes() == content
    width = int.from_bytes((run.figures / "03_bars.png").read_bytes()[16:20], "big")
    assert width == COLUMN * export.SCALE


def test_a_table_is_written_as_csv_and_booktabs_with_special_characters_escaped(run):
    table = pd.DataFrame(
        {"class_name": ["hand_shaking", "50% off & on"], "AP (%)": [91.23456, None], "n": [7, 11]}
    )
    assert export.save_table(table, "03_scores", run, caption="AP in % of a_b") is table
    text = (run.tables / "03_scores.tex").read_text()
    assert r"\toprule" in text and r"\bottomrule" in text
    assert r"hand\_shaking & 91.235 & 7 \\" in text
    assert r"50\% off \& on & -- & 11 \\" in text
    assert r"class\_name & AP (\%) & n \\" in text
    assert r"\caption{AP in \% of a\_b}" in text and r"\label{tab:03_scores}" in text
    assert r"\begin{tabular}{lrr}" in text
    again = pd.read_csv(run.tables / "03_scores.csv")
    assert again["AP (%)"][0] == 91.23456
    assert (export.FIGURES / "first" / "03_scores.tex").read_text() == text


def test_special_characters_of_latex_stand_for_themselves():
    assert export.escape_latex("a_b^2 ~ {50%} \\ #1") == (
        r"a\_b\textasciicircum{}2 \textasciitilde{} \{50\%\} \textbackslash{} \#1"
    )
