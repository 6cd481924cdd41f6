"""The report as it is opened: report.tex in LaTeX, report.html in a browser without a network."""

import re
import shutil
import subprocess

import pytest
from report_makers import ODD, make_pair, read_script

from helpers.figures import browser
from helpers.report.article import is_untouched, signed
from helpers.report.gather import gather
from helpers.report.preview import picture_of
from helpers.report.write import write_report

LATEX = shutil.which("pdflatex")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return [gather(run) for run in make_pair(tmp_path_factory.mktemp("report"), "other_2")]


@pytest.fixture(scope="module")
def one(runs, tmp_path_factory):
    """The folder of a report of one run."""
    return write_report(runs[:1], tmp_path_factory.mktemp("one")).page.parent


@pytest.fixture(scope="module")
def two(runs, tmp_path_factory):
    """The folder of a report of two runs."""
    return write_report(runs, tmp_path_factory.mktemp("two")).page.parent


@pytest.fixture(params=["one", "two"])
def folder(request):
    return request.getfixturevalue(request.param)


def with_inputs(folder, name="report.tex") -> str:
    """A LaTeX file with all that it reads, comments left out."""
    path = folder / (name if name.endswith(".tex") else f"{name}.tex")
    text = re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
    return re.sub(r"\\input\{(.+?)\}", lambda found: with_inputs(folder, found[1]), text)


class TestLatex:
    def test_every_file_that_it_shows_is_there(self, folder):
        shown = re.findall(r"\\includegraphics\[.*?\]\{(.+?)\}", with_inputs(folder))
        assert {"first/03_confusion.pdf", "first/03_areas.pdf", "first/01_b.pdf"} <= set(shown)
        assert [name for name in shown if not (folder / name).exists()] == []

    def test_every_macro_of_a_run_that_it_uses_is_defined_once(self, folder):
        text = with_inputs(folder)
        defined = re.findall(r"\\newcommand\{\\(\w+)\}", text)
        used = set(re.findall(r"\\((?:First|OtherTwo)[A-Za-z]+)", text))
        assert used <= set(defined)
        assert len(set(defined)) == len(defined)
        assert {"FirstTopOneWithInterval", "FirstNTest", "FirstFindingsEvaluate"} <= used

    def test_braces_and_environments_are_balanced(self, folder):
        text = re.sub(r"\\[\\{}]", "", with_inputs(folder))
        assert text.count("{") == text.count("}")
        for name in ("figure", "figure*", "table", "table*", "tabular", "minipage", "itemize"):
            assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")

    def test_every_figure_and_table_of_the_run_stands_in_it_once(self, one):
        labels = re.findall(r"\\label\{((?:fig|tab):.+?)\}", with_inputs(one))
        assert len(set(labels)) == len(labels)
        assert {"fig:01_b", "fig:03_areas", "fig:03_confusion", "tab:03_slices"} <= set(labels)
        assert {"tab:03_per_class", "tab:07_wide", "tab:provenance-first"} <= set(labels)

    def test_numbers_stand_in_it_as_macros_only(self, one):
        text = (one / "report.tex").read_text(encoding="utf-8")
        assert r"\FirstTopOneWithInterval" in text and "0.84" not in text

    def test_of_several_runs_figures_of_one_name_stand_side_by_side(self, two):
        text = (two / "report.tex").read_text(encoding="utf-8")
        pattern = r"\\begin\{figure\*\}(?:(?!\\end).)*01_b.*?\\end\{figure\*\}"
        (figure,) = re.findall(pattern, text, re.S)
        assert "{first/01_b.pdf}" in figure and "{other_2/01_b.pdf}" in figure
        assert r"\input{runs}" in text and r"other\_2" in text

    @pytest.mark.skipif(LATEX is None, reason="LaTeX is not installed: it is optional")
    def test_it_compiles_as_it_is(self, folder, tmp_path):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        command = [LATEX, "-interaction=nonstopmode", "-halt-on-error", "report"]
        for _ in range(2):
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
            log = (tmp_path / "report.log").read_text(encoding="utf-8", errors="replace")
            assert done.returncode == 0, log[-3000:]
        assert "undefined" not in log and "multiply defined" not in log
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")

    def test_what_somebody_has_written_is_kept(self, runs, tmp_path):
        written = write_report(runs[:1], tmp_path).skeleton
        assert written.name == "report.tex" and is_untouched(written)
        assert write_report(runs[:1], tmp_path).skeleton == written
        own = written.read_text(encoding="utf-8") + "% mine\n"
        written.write_text(own, encoding="utf-8")
        beside = write_report(runs[:1], tmp_path).skeleton
        assert (beside.name, written.read_text(encoding="utf-8")) == ("report-first.tex", own)

    def test_a_skeleton_knows_whether_it_was_edited(self, tmp_path):
        path = tmp_path / "report.tex"
        assert is_untouched(path)
        path.write_text(signed("a\nb\n"))
        assert is_untouched(path)
        path.write_text(signed("a\nb\n").replace("b", "c"))
        assert not is_untouched(path)


class TestPage:
    def test_it_names_nothing_outside_of_itself(self, one):
        text = (one / "report.html").read_text(encoding="utf-8")
        own = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
        addresses = re.findall(r"(?:src|href)=\"(.*?)\"", own)
        assert {address[:5].split("#")[0] for address in addresses} <= {"", "data:"}
        assert not re.search(r"@import|url\(", own)
        assert text.count("* plotly.js v") == 1

    def test_texts_of_the_data_stay_texts(self, one):
        text = (one / "report.html").read_text(encoding="utf-8")
        assert "<b>on</b>" not in text
        figure = read_script(text, "first-03_areas")
        assert figure["layout"]["title"]["text"] == "Bars </script>"
        assert figure["data"][0]["x"] == ["A", ODD]

    def test_it_holds_captions_sentences_tables_provenance_and_what_is_missing(self, one):
        text = (one / "report.html").read_text(encoding="utf-8")
        for part in (
            *("Bars of 03_areas, 5 % &amp; more.", "0.842", "0.835 [0.800, 0.900]", "b312be06b0ba"),
            *("Notebook 02_train_timesformer was not", r"\FirstTopOneLow", "data:video/mp4;base64"),
        ):
            assert part in text

    def test_the_run_keeps_its_page_and_numbers(self, runs, one):
        kept = runs[0].run.folder / "report"
        assert (kept / "report.html").read_bytes() == (one / "report.html").read_bytes()
        assert (kept / "numbers.tex").read_bytes() == (one / "first/numbers.tex").read_bytes()


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window."""
    path = browser.find_browser()
    if path is None:
        pytest.skip("no Chrome or Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=60_000
        )
        yield started
        started.close()


@pytest.fixture
def opened(chromium, one):
    """Opens the page at a width, offline; whatever it asks for or complains of fails the test."""
    contexts, wrong = [], []

    def open_at(width, height=900):
        context = chromium.new_context(viewport={"width": width, "height": height}, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("request", lambda request: asked(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.goto((one / "report.html").as_uri())
        return page

    def asked(url):
        if not url.startswith(("file:", "data:", "blob:")):
            wrong.append(url)

    yield open_at
    for context in contexts:
        context.close()
    assert wrong == []


class TestInABrowser:
    def test_figures_are_drawn_when_they_come_into_view_and_answer_to_the_mouse(self, opened):
        page = opened(1400)
        figure = page.locator("#figure-03_areas")
        figure.scroll_into_view_if_needed()
        bar = figure.locator(".point path").nth(1)
        bar.wait_for()
        bar.hover(force=True)
        page.locator("#figure-03_areas .hoverlayer text").first.wait_for()

    def test_contents_lead_to_each_section(self, opened):
        page = opened(1400)
        for link in page.locator("nav a").all():
            target = page.locator(link.get_attribute("href"))
            assert target.count() == 1
        page.locator("nav a[href='#notebook-03']").click()
        page.wait_for_function(
            "Math.abs(document.querySelector('#notebook-03').getBoundingClientRect().top) < 60"
        )
        page.wait_for_function("document.querySelector('nav a.here').hash === '#notebook-03'")

    def test_a_table_is_sorted_by_a_click_on_its_heading(self, opened):
        page = opened(1400)
        table = page.locator("#table-03_per_class table")
        first = table.locator("tbody tr:first-child td:first-child")
        table.locator("th", has_text="recall").click(click_count=1)
        assert first.inner_text() == "A"
        table.locator("th", has_text="recall").click()
        assert first.inner_text() == ODD

    def test_macros_are_found_by_a_word(self, opened):
        page = opened(1400)
        page.locator("#numbers summary").click()
        page.locator("#filter").fill("top1.low")
        shown = page.locator("#macros tbody tr:visible")
        assert shown.count() == 1
        assert r"\FirstTopOneLow" in shown.inner_text()

    def test_on_a_narrow_screen_nothing_is_wider_than_it(self, opened):
        page = opened(390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not page.locator("nav ol").is_visible()
        figure = page.locator("#figure-01_b")
        figure.scroll_into_view_if_needed()
        figure.locator(".main-svg").first.wait_for()
        assert figure.bounding_box()["width"] <= 390

    def test_the_preview_shows_its_top(self, one):
        if browser.find_browser() is None:
            pytest.skip("no Chrome or Chromium on this machine")
        picture = picture_of(one / "report.html", 800, 600)
        assert int.from_bytes(picture[16:20], "big") == 800


def test_without_a_browser_there_is_no_preview_but_a_hint(one, monkeypatch, caplog):
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    assert picture_of(one / "report.html") is None
    assert "open" in caplog.text and "report.html by hand" in caplog.text
