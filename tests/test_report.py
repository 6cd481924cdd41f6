"""What a report gathers from runs: sections, numbers as macros, tables, runs side by side."""

import json
import re
import shutil
import sys

import pandas as pd
import pytest
from report_makers import ODD, interval, make_pair

from helpers.figures import export
from helpers.files import read_json, write_json
from helpers.report import __main__ as command
from helpers.report.drawn import read_figure
from helpers.report.gather import NOTEBOOKS, ReportError, Table, _in_order, gather
from helpers.report.hashes import data_hash
from helpers.report.latex_tables import grid_tex, print_tex
from helpers.report.naming import Namer, camel, latex_text, print_number
from helpers.report.numbers import labels_of, numbers_of, numbers_tex
from helpers.report.provenance import provenance_rows
from helpers.report.side_by_side import comparability, compare_runs
from helpers.report.tables import Grid, join_limits, printed, read_table, whole_numbers
from helpers.report.write import export as export_run
from helpers.report.write import write_report


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs that no test changes."""
    return make_pair(tmp_path_factory.mktemp("report"), "other-2")


@pytest.fixture
def run(made, tmp_path):
    """A copy of the first run that a test may change."""
    shutil.copytree(made[0].folder, tmp_path / "runs" / "first")
    return type(made[0])("first", tmp_path / "runs" / "first", made[0].settings)


@pytest.fixture(scope="module")
def gathered(made):
    return [gather(run) for run in made]


@pytest.fixture(scope="module")
def numbers(gathered):
    return numbers_of(gathered[0])


def texts(numbers) -> dict[str, str]:
    return {number.macro: number.text for number in numbers.numbers}


class TestGathering:
    def test_sections_stand_in_the_order_of_the_notebooks(self, gathered):
        sections = {section.number: section for section in gathered[0].sections}
        assert list(sections) == sorted({name[:2] for name in NOTEBOOKS} | {"07"})
        assert sections["03"].title == "How far?"
        assert sections["02"].title == "Train timesformer"
        assert sections["03"].saw == (f"Top-1 0.842; {ODD}", "Second thing.")

    def test_figures_stand_in_the_order_in_which_the_notebook_draws_them(self, gathered):
        by_number = {section.number: section for section in gathered[0].sections}
        assert [f.name for f in by_number["03"].figures] == ["03_confusion", "03_areas"]
        assert [t.name for t in by_number["07"].tables] == ["07_wide"]
        assert set(by_number["07"].figures[0].files) == {"mp4"}

    def test_a_name_that_the_notebook_composes_stands_where_it_is_composed(self):
        code = 'show(a, "06_z")\nshow(b, f"06_pr_{name}")\nshow(c, "06_a")'
        names = ["06_a", "06_new", "06_pr_x", "06_z", "05_a"]
        assert _in_order(names, "06", code) == ["06_z", "06_pr_x", "06_a", "06_new"]

    def test_a_new_notebook_is_taken_without_being_listed_anywhere(self, run):
        export.save_table(pd.DataFrame({"a": [1]}), "12_new", run)
        last = gather(run).sections[-1]
        assert (last.number, last.title, [t.name for t in last.tables]) == (
            *("12", "Notebook 12"),
            ["12_new"],
        )

    def test_what_is_missing_is_said(self, run):
        (run.figures / "03_areas.pdf").unlink()
        run.metrics.unlink()
        told = "\n".join(gather(run).missing)
        assert "Notebook 02_train_timesformer was not executed" in told
        assert "03_evaluate was not" not in told
        assert "metrics.json is missing" in told
        assert "Figure 03_areas has no pdf: drawn without a browser." in told
        assert "07_film" not in told

    def test_a_damaged_file_is_named_with_the_remedy(self, run):
        run.metrics.write_text("{")
        with pytest.raises(ReportError, match=r"metrics\.json is no JSON .*: execute its notebook"):
            numbers_of(gather(run))
        page = run.figures / "03_areas.html"
        page.write_text("<html>")
        with pytest.raises(ReportError, match=r"03_areas\.html holds no figure"):
            read_figure(page)
        table = Table("03_slices", "", {"tex": run.tables / "03_slices.tex"})
        table.files["tex"].write_text("nothing")
        with pytest.raises(ReportError, match=r"03_slices\.tex holds no tabular"):
            read_table(table)
        (run.notebooks / "03_evaluate.ipynb").write_text("{")
        with pytest.raises(ReportError, match=r"03_evaluate\.ipynb is no notebook"):
            gather(run)

    def test_the_hash_of_the_data_follows_contents_and_labels_but_no_order(self, run):
        first, clips = data_hash(run), pd.read_csv(run.manifest)
        clips[::-1].to_csv(run.manifest, index=False)
        assert data_hash(run) == first
        clips.assign(bytes=[10, 21]).to_csv(run.manifest, index=False)
        assert data_hash(run) != first
        clips.assign(label="A").to_csv(run.manifest, index=False)
        assert data_hash(run) != first
        run.manifest.unlink()
        assert data_hash(run) is None

    def test_provenance_names_commit_versions_machine_seed_and_data(self, gathered):
        rows = dict(provenance_rows(gathered[0]))
        assert rows["commit"] == "b312be06b0ba, with changes that are not committed"
        assert (rows["seed"], rows["torch"]) == ("3", "2.14.1")
        assert rows["machine"] == "Linux x86_64, 2 cores"
        assert rows["hash of the clips (SHA-256)"] == data_hash(gathered[0].run)

    def test_a_training_made_elsewhere_is_told_apart(self, run):
        made = read_json(run.folder / "run.json")["made"]
        other = made | {"commit": "aaaa", "packages": made["packages"] | {"torch": "2.15.0"}}
        write_json(run.training / "training.json", {"epochs": 2, "made": other})
        rows = dict(provenance_rows(gather(run)))
        assert (rows["trained with commit"], rows["with"]) == ("aaaa", "torch 2.15.0")


class TestMacros:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("top1", "TopOne"),
            ("macro_f1", "MacroFOne"),
            ("Bucket-Worker", "BucketWorker"),
            ("0.3", "ZeroPointThree"),
            ("cam 10", "CamOneZero"),
            ("Érable", "Erable"),
            ("车", ""),
        ],
    )
    def test_a_name_has_letters_only(self, text, name):
        assert camel(text) == name

    def test_names_that_agree_in_letters_are_told_apart(self):
        namer = Namer("demo")
        assert [namer.name("top1"), namer.name("top_one"), namer.name("TopOne")] == [
            *("DemoTopOne", "DemoTopOneSecond", "DemoTopOneThird"),
        ]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.84166, "0.842"),
            (1.0, "1.000"),
            (720, "720"),
            (6.0, "6"),
            (0, "0"),
            (10929.6, r"10\,930"),
            (761405440, r"761\,405\,440"),
            (123.456, "123.5"),
            (99.96, "100.0"),
            (-0.02646, r"\ensuremath{-}0.026"),
            (4.4e-91, r"\ensuremath{4.4\times 10^{-91}}"),
            (None, "--"),
            (float("nan"), "--"),
            (float("inf"), "--"),
        ],
    )
    def test_a_number_is_printed_as_a_reader_expects(self, value, text):
        assert print_number(value) == text

    def test_a_number_with_limits_gives_value_low_high_and_all_in_one(self, numbers):
        found = texts(numbers)
        assert found["FirstTopOne"] == "0.842"
        assert (found["FirstTopOneLow"], found["FirstTopOneHigh"]) == ("0.802", "0.882")
        assert found["FirstTopOneWithInterval"] == "0.842 [0.802, 0.882]"
        assert found["FirstKappaWithInterval"] == "-- [--, --]"
        assert found["FirstOperatingPointTestRecallLow"] == "0.860"

    def test_other_files_give_their_name_and_records_the_texts_that_tell_them_apart(self, numbers):
        found = texts(numbers)
        assert found["FirstExplanationsBoxesRolloutRightRatio"] == "1.250"
        assert found["FirstExplanationsBoxesLastLayerAllRatio"] == r"\ensuremath{-}0.500"
        assert found["FirstExplanationsGridTwo"] == "4"
        assert found["FirstDetectionMapZeroPointFive"] == "0.610"
        assert found["FirstSettingsSeed"] == "3"
        assert found["FirstMadeCommit"] == "b312be06b0ba+"

    def test_a_table_s_number_prints_as_in_its_csv(self, numbers):
        assert texts(numbers)["FirstTablePerClassARecall"] == "0.750"
        assert numbers.find(f"03_per_class.csv {ODD}: recall").text == "0.835"

    def test_every_name_is_letters_and_stands_for_one_thing(self, numbers):
        names = [number.macro for number in numbers.numbers]
        assert all(re.fullmatch("[A-Za-z]+", name) for name in names)
        assert len(set(names)) == len(names) > 150

    def test_what_gets_no_macro_is_said(self, numbers):
        assert numbers.left_out == ("metrics.json curve: 50 values, a curve",)
        assert "% no macros for metrics.json curve" in numbers_tex(numbers, "first")

    def test_records_that_nothing_tells_apart_are_counted(self):
        assert labels_of([{"a": "x", "b": 1.5}, {"a": "x", "b": 1.5}]) == ([("1",), ("2",)], [])
        assert labels_of([{"n": 8, "y": 0.1}, {"n": 16, "y": 0.1}]) == ([("8",), ("16",)], ["n"])

    def test_no_sign_of_a_text_reaches_latex_unescaped(self):
        assert latex_text("a_b & 5% × 车 −") == (
            r"a\_b \& 5\% \ensuremath{\times} [U+8F66] \ensuremath{-}"
        )


class TestTables:
    def test_limits_are_joined_to_their_number(self):
        grid = Grid(
            ("class", "AP", "AP_low", "AP high", "n"), (("a", "1", "0", "2", "7"),), "lrrrr"
        )
        joined = join_limits(grid)
        assert joined.headings == ("class", "AP", "n")
        assert joined.rows == (("a", "1 [0, 2]", "7"),)
        assert joined.aligned == "lrr"

    def test_counts_lose_their_decimals_and_shares_keep_them(self):
        rows = (("12.000", "0.000", "1.000", "2.000"), ("--", "--", "0.000", "2.500"))
        grid = whole_numbers(Grid(("frames", "p", "share", "rate"), rows, "rrrr"))
        assert grid.rows == (("12", "0.000", "1.000", "2.000"), ("--", "--", "0.000", "2.500"))

    def test_a_table_comes_back_from_its_latex_as_it_was(self, gathered):
        (table,) = [t for s in gathered[0].sections for t in s.tables if t.name == "03_per_class"]
        grid = printed(read_table(table))
        assert grid.headings == ("class", "recall", "n", "kept")
        assert grid.rows[0] == ("A", "0.750 [0.700, 0.800]", "180", "yes")
        assert grid.rows[1] == (ODD, "0.835 [0.800, 0.900]", "20", "no")

    def test_a_long_table_is_continued_and_a_wide_one_goes_over_the_page(self, gathered):
        tables = {t.name: print_tex(t) for s in gathered[0].sections for t in s.tables}
        assert tables["03_slices"].count(r"\begin{table}") == 3
        assert r"\label{tab:03_slices}" in tables["03_slices"]
        assert "(continued)" in tables["03_slices"]
        assert r"\begin{table*}" in tables["07_wide"] and r"\resizebox" in tables["07_wide"]

    def test_what_is_too_wide_says_a_constant_once(self):
        rows = tuple((f"{n}", "x" * 120) for n in range(3))
        text = grid_tex(Grid(("n", "note"), rows, "rl"), "Caption.", "name")
        assert f"Caption. All rows: note {'x' * 120}." in text
        assert r"\begin{table}" in text


class TestSeveralRuns:
    def test_headline_numbers_stand_side_by_side_with_intervals(self, gathered):
        table = compare_runs(gathered).set_index("number")
        assert list(table.columns) == ["first", "other-2"]
        assert table.loc["top-1 accuracy"].tolist() == [
            *("0.842 [0.802, 0.882]", "0.700 [0.660, 0.740]"),
        ]
        assert table.loc["kappa", "first"] == "-- [--, --]"
        assert table.loc["data", "first"] == data_hash(gathered[0].run)[:12]

    def test_a_run_without_a_number_has_a_dash(self, gathered, run):
        write_json(run.metrics, {"macro_f1": interval(0.5)})
        table = compare_runs([gather(run), gathered[1]]).set_index("number")
        assert table.loc["top-1 accuracy", "first"] == "--"
        assert table.loc["macro F1", "other-2"] == "--"

    def test_runs_on_different_test_clips_are_not_to_be_compared(self, gathered, run):
        assert comparability(gathered[:1]) == ""
        assert "on the same clips" in comparability(gathered)
        pd.read_csv(run.predictions).head(1).to_csv(run.predictions, index=False)
        assert "on different clips" in comparability([gather(run), gathered[1]])
        run.predictions.unlink()
        assert comparability([gather(run), gathered[1]]) == "Not tested yet: first."

    def test_runs_whose_macros_would_clash_are_refused(self, gathered, tmp_path):
        with pytest.raises(ReportError, match=r"both have macros that begin with \\First"):
            write_report([gathered[0], gathered[0]], tmp_path)

    def test_export_copies_what_a_report_includes_and_its_captions(self, gathered, tmp_path):
        count = export_run(gathered[0], tmp_path)
        names = {path.name for path in tmp_path.iterdir()}
        assert {"03_confusion.pdf", "03_areas.svg", "03_per_class.tex", "07_film.mp4"} <= names
        assert not {name for name in names if name.endswith(".html")}
        assert len(names) == count + 1
        captions = json.loads((tmp_path / "captions.json").read_text())
        assert captions["03_areas"] == "Bars of 03_areas, 5 % & more."


class TestCommand:
    def test_it_writes_what_was_asked_and_says_what_is_missing(
        self, made, tmp_path, monkeypatch, capsys
    ):
        known = {run.name: run for run in made}
        monkeypatch.setattr(command, "open_run", known.__getitem__)
        monkeypatch.setattr(
            sys, "argv", ["report", "--names", "first", "other-2", "--out", str(tmp_path)]
        )
        command.main()
        said = capsys.readouterr().out
        assert "other-2: Notebook 02_train_timesformer was not executed" in said
        assert str(tmp_path / "report.html") in said
        for name in (
            "report.html",
            "report.tex",
            "runs.csv",
            "first/numbers.tex",
            "other-2/01_b.pdf",
        ):
            assert (tmp_path / name).stat().st_size

    def test_an_unknown_run_is_one_line(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["report", "--names", "nowhere", "--out", str(tmp_path)])
        with pytest.raises(SystemExit, match="There is no run 'nowhere'"):
            command.main()
