"""The graph of notebooks: settings, sources, execution, HTML, and what is executed again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.paths import yard_folder
from helpers.pipeline.execution import NotebookError, Terminal, execute
from helpers.pipeline.graph import run_step, tasks
from helpers.pipeline.html import export_html
from helpers.pipeline.report import found, headline, reporter_for
from helpers.pipeline.settings import SettingsError, resolve
from helpers.pipeline.sources import imported, sources_of
from helpers.pipeline.steps import STEPS, Step

ROOT = Path(__file__).resolve().parents[1]


def write_notebook(path: Path, *code: str, parameters: str = 'NAME = "demo"') -> Path:
    """A notebook with a title, a parameters cell and code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [
        new_markdown_cell(f"# {path.stem}"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(new_code_cell, code),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


class TestSettings:
    def test_an_empty_setting_counts_as_not_given(self, tmp_path):
        values = resolve({"NAME": "", "SEED": ""}, tmp_path)
        assert values == {"NAME": "demo", "PROFILE": "demo", "SEED": 0}

    def test_numbers_and_flags_arrive_as_such(self, tmp_path):
        values = resolve({"NAME": "7", "SEED": "7", "TENSORBOARD": "1", "WANDB": "no"}, tmp_path)
        assert (values["NAME"], values["SEED"]) == ("7", 7)
        assert (values["TENSORBOARD"], values["WANDB"]) == (True, False)

    def test_folds_are_a_number_or_as_many_as_recordings(self, tmp_path):
        found = [resolve({"FOLDS": text}, tmp_path)["FOLDS"] for text in ("5", "groups", "0")]
        assert found == [5, "groups", 0]

    def test_changes_arrive_as_numbers_words_and_nothing(self, tmp_path):
        text = "lr=1e-3 accumulate=4 pretrained=vit.pth compile=true keep_short_side=null"
        assert resolve({"RECIPE": text}, tmp_path)["RECIPE"] == {
            "lr": 0.001,
            "accumulate": 4,
            "pretrained": "vit.pth",
            "compile": True,
            "keep_short_side": None,
        }

    @pytest.mark.parametrize(
        ("key", "text", "part"),
        [
            ("SEED", "one", "SEED=one"),
            ("WANDB", "perhaps", "1 or 0"),
            ("PROFILE", "huge", "smoke, demo, paper"),
            ("VARIANT", "huge", "timesformer_hr"),
            ("GRID", "half", "reduced, full"),
            ("FOLDS", "1", 'from 2, "groups" to leave one recording out'),
            ("FOLDS", "many", "FOLDS=many"),
            ("DATA", "/no/such/folder", "class folders"),
            ("NAME", "../other", "letters"),
            ("MODEL", "attention_type", "key=value"),
            ("FPS", "0", "above 0"),
            ("ANNOTATIONS", "lists", "say with DATA where the clips lie"),
        ],
    )
    def test_an_unusable_value_is_named_with_the_remedy(self, tmp_path, key, text, part):
        with pytest.raises(SettingsError, match=part):
            resolve({key: text}, tmp_path)

    def test_lists_of_clips_are_found_beside_the_command_or_in_the_data(self, tmp_path):
        (tmp_path / "train.txt").touch()
        asked = {"DATA": str(tmp_path), "ANNOTATIONS": "train.txt", "FPS": "12.5"}
        values = resolve(asked, tmp_path)
        assert (values["ANNOTATIONS"], values["FPS"]) == (str(tmp_path / "train.txt"), 12.5)
        pattern = resolve(asked | {"ANNOTATIONS": "tr*.txt"}, tmp_path)["ANNOTATIONS"]
        assert pattern == str(tmp_path / "tr*.txt")
        with pytest.raises(SettingsError, match="ANNOTATIONS=gone: neither"):
            resolve(asked | {"ANNOTATIONS": "gone"}, tmp_path)

    def test_an_existing_run_keeps_what_it_was_made_with(self, tmp_path):
        made = {"profile": "smoke", "data": str(tmp_path), "group_pattern": None, "seed": 3}
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "run.json").write_text(json.dumps({"settings": made}))
        values = resolve({"NAME": "old"}, tmp_path)
        assert values == {"NAME": "old", "PROFILE": "smoke", "DATA": str(tmp_path), "SEED": 3}

    def test_settings_are_the_same_before_and_after_a_run_is_made(self, tmp_path):
        first = resolve({"NAME": "new"}, tmp_path)
        made = {"profile": "demo", "data": str(yard_folder("demo")), "group_pattern": None}
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "run.json").write_text(json.dumps({"settings": made | {"seed": 0}}))
        assert resolve({"NAME": "new"}, tmp_path) == first


class TestSources:
    def test_imports_inside_functions_and_relative_ones_are_found(self):
        code = "import a.b\ndef f():\n    from . import c\n    from ..d import e\n"
        assert {"a.b", "p.q.c", "p.d", "p.d.e"} <= imported(code, "p.q")

    def test_sources_follow_imports_and_leave_out_the_rest(self, tmp_path):
        package = tmp_path / "src" / "pack"
        (package / "sub").mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "sub" / "__init__.py").write_text("")
        (package / "sub" / "used.py").write_text("from pack.deep import thing\n")
        (package / "sub" / "used.js").write_text("export default {}\n")
        (package / "deep.py").write_text("thing = 1\n")
        (package / "unused.py").write_text("")
        notebook = write_notebook(
            tmp_path / "n.ipynb", "%matplotlib inline\nfrom pack.sub import used"
        )
        found = [
            path.relative_to(package).as_posix() for path in sources_of(notebook, tmp_path / "src")
        ]
        assert found == ["__init__.py", "deep.py", "sub/__init__.py", "sub/used.js", "sub/used.py"]


class TestSteps:
    def test_whatever_a_step_reads_an_earlier_one_writes(self):
        written: set[str] = set()
        for step in STEPS:
            assert set(step.reads) <= written, step.notebook
            assert not set(step.writes) & written, step.notebook
            written |= {*step.writes, f"notebooks/{step.notebook}.ipynb"}

    def test_steps_stand_in_the_order_of_their_numbers(self):
        assert [step.notebook for step in STEPS] == sorted(step.notebook for step in STEPS)


class TestExecution:
    def test_executed_copy_has_the_parameters_and_this_python(self, tmp_path, monkeypatch):
        other = tmp_path / "jupyter" / "kernels" / "python3"
        other.mkdir(parents=True)
        spec = {"argv": ["/bin/false"], "display_name": "other", "language": "python"}
        (other / "kernel.json").write_text(json.dumps(spec))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
        pattern = r"^(cam\d+)'\"$"
        notebook = write_notebook(
            tmp_path / "n.ipynb",
            "import sys\nprint(sys.executable, PATTERN)",
            "from plotly.graph_objects import Figure\nFigure().add_scatter(y=[1, 2])",
            parameters='PATTERN = ""',
        )
        before = notebook.read_bytes()
        with (tmp_path / "said").open("w") as stream:
            target = execute(notebook, tmp_path / "out" / "n.ipynb", {"PATTERN": pattern}, stream)
        assert (tmp_path / "said").read_text().splitlines() == [
            "  [ 1/5] n",
            f"{sys.executable} {pattern}",
        ]
        assert notebook.read_bytes() == before
        assert [path.name for path in target.parent.iterdir()] == ["n.ipynb"]
        page = export_html(target, tmp_path / "n.html").read_text()
        assert page.count("Plotly.newPlot(") >= 1
        assert "window.Plotly = Plotly" in page
        assert "<title>n</title>" in page

    def test_a_failing_cell_is_named_and_its_traceback_stays(self, tmp_path):
        notebook = write_notebook(tmp_path / "n.ipynb", "1 + 1", "rate = 1 / 0")
        with pytest.raises(
            NotebookError, match=r"(?s)In \[4\] `rate = 1 / 0`.*ZeroDivision"
        ) as error:
            execute(notebook, tmp_path / "out" / "n.ipynb", {"NAME": "x"})
        assert str(tmp_path / "out" / "n.partial.ipynb") in str(error.value)
        assert "division by zero" in (tmp_path / "out" / "n.partial.ipynb").read_text()
        assert not (tmp_path / "out" / "n.ipynb").exists()

    def test_an_unknown_parameter_is_refused(self, tmp_path):
        notebook = write_notebook(tmp_path / "n.ipynb")
        with pytest.raises(NotebookError, match=r"no parameter NAMES; .* has NAME"):
            execute(notebook, tmp_path / "out.ipynb", {"NAMES": "x"})

    def test_a_progress_bar_leaves_one_line_in_a_file(self, tmp_path):
        with (tmp_path / "said").open("w") as stream:
            terminal = Terminal(stream)
            for text in ("\r 0%", "\r 50%", "\r 100%\n", "do", "ne\n"):
                terminal.write(text)
        assert (tmp_path / "said").read_text() == " 100%\ndone\n"


def test_headline_numbers_come_with_their_interval(tmp_path):
    value = {"value": 0.91234, "low": 0.87, "high": 0.95}
    (tmp_path / "metrics.json").write_text(json.dumps({"top1": value, "n_test": 36}))
    top1, measured = headline(tmp_path / "metrics.json")
    assert " ".join(top1.split()) == "top-1 accuracy 0.912 (95 % interval 0.870 to 0.950)"
    assert "36 clips" in measured
    assert headline(tmp_path / "missing.json") == []


def test_what_became_of_the_files_is_told_once_all_tables_are_there(tmp_path):
    (tmp_path / "manifest.csv").write_text('path,label\na.mp4,A\n"b\nb.mp4",B\n')
    (tmp_path / "quarantine.csv").write_text("path,reason\nc.mp4,cut\n")
    assert found(tmp_path) == []
    (tmp_path / "ignored.csv").write_text("path,reason\n")
    (line,) = found(tmp_path)
    assert " ".join(line.split()) == "files 2 clips used, 1 quarantined, 0 ignored"


class Project:
    """A folder with two small notebooks; the second imports a module and reads the first."""

    steps = (
        Step("01_a", ("NAME", "DATA"), (), ("a.txt",)),
        Step("02_b", ("NAME",), ("a.txt",), ("b.txt",)),
    )

    def __init__(self, folder: Path):
        self.folder = folder
        self.run = folder / "runs" / "demo"
        for name in ("clips", "src/drawing", "runs/demo"):
            (folder / name).mkdir(parents=True)
        (folder / "src" / "drawing" / "__init__.py").write_text("")
        self.module = folder / "src" / "drawing" / "colours.py"
        self.module.write_text("COLOUR = 'blue'\n")
        write_notebook(
            folder / "notebooks" / "01_a.ipynb",
            f"from pathlib import Path\nsize = Path({str(self.run)!r}, 'a.txt').write_text('same')",
            parameters='NAME = ""\nDATA = ""',
        )
        self.second = write_notebook(
            folder / "notebooks" / "02_b.ipynb",
            f"import sys; sys.path.insert(0, {str(folder / 'src')!r})",
            "from drawing.colours import COLOUR",
            f"from pathlib import Path\nsize = Path({str(self.run)!r}, 'b.txt').write_text(COLOUR)",
        )

    def tasks(self):
        """What dodo.py defines, for this folder."""
        clips = self.folder / "clips"
        values = {"NAME": "demo", "PROFILE": "smoke", "DATA": str(clips)}
        yield from tasks(
            self.steps,
            values,
            self.run,
            self.folder / "notebooks",
            self.folder / "src",
            data_state=lambda folder: sorted(path.name for path in folder.iterdir()),
        )

    def make(self) -> tuple[int, list[str]]:
        """Run what is stale; doit's exit code and what it said about the steps, in lines."""
        said = self.folder / "said"
        config = {
            "outfile": str(said),
            "dep_file": str(self.run / ".doit.db"),
            "backend": "sqlite3",
            "reporter": reporter_for(self.run),
        }
        loader = ModuleTaskLoader({"task_notebook": self.tasks, "DOIT_CONFIG": config})
        return DoitMain(loader).run([]), said.read_text().splitlines()

    def steps_executed(self) -> list[str]:
        """Run what is stale; the names of the steps that were executed."""
        code, said = self.make()
        assert code == 0, said
        return [line.split(":")[0] for line in said if line.endswith(": running")]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


class TestGraph:
    def test_only_what_a_change_concerns_is_executed_again(self, project):
        assert project.steps_executed() == ["01_a", "02_b"]
        names = sorted(path.name for path in (project.run / "notebooks").iterdir())
        assert names == ["01_a.html", "01_a.ipynb", "02_b.html", "02_b.ipynb"]
        assert project.steps_executed() == []

        project.module.write_text("COLOUR = 'orange'\n")
        assert project.steps_executed() == ["02_b"]
        assert (project.run / "b.txt").read_text() == "orange"

        # New data: the first notebook runs, writes what it had written, and the second is spared.
        (project.folder / "clips" / "new.mp4").touch()
        assert project.steps_executed() == ["01_a"]
        assert project.steps_executed() == []

    def test_a_failure_stops_the_graph_and_is_told_in_few_lines(self, project):
        notebook = project.second.read_text()
        project.second.write_text(notebook.replace("import COLOUR", "import COLOR"))
        code, lines = project.make()
        project.second.write_text(notebook)
        said = "\n".join(lines)
        assert code == 1
        assert "02_b.ipynb stopped in cell" in said
        assert "ImportError: cannot import name 'COLOR'" in said
        assert "02_b.partial.ipynb" in said
        assert len(lines) < 10, said

    def test_an_interrupt_ends_the_step_in_one_line(self, tmp_path, monkeypatch):
        def interrupted(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr("helpers.pipeline.execution.execute", interrupted)
        failure = run_step(tmp_path / "n.ipynb", tmp_path / "out.ipynb", {})
        assert failure.get_msg().strip().startswith("n.ipynb: interrupted.")


def test_the_graph_starts_without_the_heavy_packages(tmp_path):
    code = (
        "import sys; import dodo; "
        "print(sorted({'torch', 'pandas', 'plotly', 'numpy', 'papermill'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"RAILYARD_RUNS": str(tmp_path)},
    )
    assert result.stdout.strip() == "[]", result.stderr
