"""The notebooks: how they are written, and a smoke run of all of them as one graph."""

import ast
import json
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from smoke_run import NOTEBOOKS, ROOT, code_cells

from helpers.pipeline.settings import KINDS
from helpers.pipeline.sources import code_of, imported, sources_of
from helpers.pipeline.steps import STEPS, Step

WRITTEN = sorted(NOTEBOOKS.glob("*.ipynb"))
FORBIDDEN = {
    r"^\s*!\s*(pip|wget|curl)\b": "installs or downloads",
    r"^\s*%(cd|pip)\b": "moves or installs",
    r"\bsys\.path\b": "touches sys.path",
    r"import \*": "imports a star",
}


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def parameter_cells(content: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]


@pytest.fixture(params=WRITTEN, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def content(path):
    return nbformat.read(path, as_version=4)


class TestWriting:
    def test_it_is_committed_without_outputs(self, content):
        assert [cell.id for cell in code_cells(content) if cell.outputs] == []
        assert [cell.id for cell in code_cells(content) if cell.execution_count] == []
        assert not {"papermill", "widgets"} & set(content.metadata)

    def test_it_is_a_valid_notebook_for_this_kernel_with_ids_of_its_own(self, content):
        nbformat.validate(content)
        assert content.metadata.kernelspec.name == "python3"
        ids = [cell.id for cell in content.cells]
        assert len(set(ids)) == len(ids)

    def test_the_first_cell_names_question_files_and_minutes(self, content):
        first = content.cells[0]
        assert first.cell_type == "markdown"
        assert first.source.startswith("# ")
        for word in ("?", "reads", "writes", "minute"):
            assert word in first.source.lower(), f"the first cell says nothing of {word!r}"

    def test_one_tagged_cell_holds_at_most_eight_literals_each_with_a_comment(self, content):
        (cell,) = parameter_cells(content)
        statements = ast.parse(cell.source).body
        assert 1 <= len(statements) <= 8
        lines = cell.source.splitlines()
        for statement in statements:
            assert isinstance(statement, ast.Assign | ast.AnnAssign), ast.unparse(statement)
            ast.literal_eval(statement.value)
            assert "#" in lines[statement.end_lineno - 1], f"no comment: {ast.unparse(statement)}"

    def test_papermill_reads_the_parameters_and_the_table_of_steps_knows_them(self, path, content):
        (cell,) = parameter_cells(content)
        targets = [
            statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            for statement in ast.parse(cell.source).body
        ]
        known = papermill.inspect_notebook(path)
        assert set(known) == {target.id for target in targets}
        steps = [step for step in STEPS if step.notebook == path.stem]
        assert len(steps) == 1, "put the notebook into helpers.pipeline.steps.STEPS"
        assert set(steps[0].settings) <= set(known) & set(KINDS)

    def test_imports_stand_in_one_cell(self, content):
        cells = [
            cell.id
            for cell in code_cells(content)
            if any(is_import(node) for node in ast.walk(ast.parse(without_magic(cell.source))))
        ]
        assert len(cells) <= 1, cells

    def test_no_code_cell_has_more_than_25_lines(self, content):
        assert [cell.id for cell in code_cells(content) if len(cell.source.splitlines()) > 25] == []

    @pytest.mark.parametrize("pattern", FORBIDDEN, ids=FORBIDDEN.values())
    def test_no_cell(self, content, pattern):
        found = [cell.id for cell in code_cells(content) if re.search(pattern, cell.source, re.M)]
        assert found == []

    def test_helpers_it_imports_exist(self, path):
        wanted = {name for name in imported(code_of(path)) if name.count(".") == 1}
        files = {source.relative_to(ROOT / "src") for source in sources_of(path, ROOT / "src")}
        modules = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}
        assert {name for name in wanted if name.startswith("helpers.")} <= modules


def without_magic(code: str) -> str:
    """A cell's code without lines of IPython magic."""
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))


class TestSmokeRun:
    @pytest.mark.parametrize("step", STEPS, ids=lambda step: step.notebook)
    def test_notebook_writes_what_it_promises(self, smoke, step: Step):
        said = smoke.first.stdout
        files = [smoke.folder / name for name in step.writes]
        files += [
            smoke.folder / "notebooks" / f"{step.notebook}{end}" for end in (".ipynb", ".html")
        ]
        absent = [file.name for file in files if not file.exists()]
        assert absent == [], f"{said[-3000:]}\n{smoke.partial_traceback()[-6000:]}"
        assert all(file.stat().st_size for file in files)

    @pytest.mark.parametrize("step", STEPS, ids=lambda step: step.notebook)
    def test_executed_copy_holds_no_error_and_a_result_for_most_cells(self, smoke, step: Step):
        executed = smoke.folder / "notebooks" / f"{step.notebook}.ipynb"
        if not executed.exists():
            pytest.fail(f"{executed.name} was not executed")
        cells = code_cells(nbformat.read(executed, as_version=4))
        assert all(cell.execution_count for cell in cells)
        assert sum(bool(cell.outputs) for cell in cells) >= 3
        errors = [output for cell in cells for output in cell.outputs if "ename" in output]
        assert errors == []

    def test_metrics_hold_their_intervals(self, smoke):
        metrics = json.loads((smoke.folder / "metrics.json").read_text(encoding="utf-8"))
        for name in ("top1", "mean_class_accuracy", "macro_f1"):
            assert 0 <= metrics[name]["low"] <= metrics[name]["value"] <= metrics[name]["high"] <= 1
        assert metrics["n_test"] > 0
        assert metrics["n_classes"] == 4

    def test_the_run_ends_with_where_results_are_and_the_headline(self, smoke):
        assert smoke.first.returncode == 0
        assert f"steps executed: {len(STEPS)}, up to date: 0" in smoke.first.stdout
        assert str(smoke.folder) in smoke.first.stdout
        assert "top-1 accuracy" in smoke.first.stdout

    def test_the_same_command_again_executes_nothing(self, smoke):
        again = smoke.make()
        assert f"steps executed: 0, up to date: {len(STEPS)}" in again.stdout, again.stdout[-3000:]

    def test_the_yard_is_made_where_the_environment_says(self, smoke):
        assert (Path(smoke.environment["RAILYARD_DATA"]) / "yard-smoke" / "yard.json").exists()
