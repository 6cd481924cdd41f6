"""A run's folder remembers what was asked of it, and files are whole or absent."""

import pandas as pd
import pytest

import helpers.runs
from helpers.files import null_for_nan, read_json, whole_file, write_json, write_table
from helpers.paths import yard_folder
from helpers.profiles import PROFILES
from helpers.runs import RunError, open_run, provenance


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """The folder of runs, the test's own."""
    folder = tmp_path / "runs"
    monkeypatch.setattr(helpers.runs, "RUNS", folder)
    return folder


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    return folder


class TestOpenRun:
    def test_new_run_writes_what_was_asked_and_by_which_versions(self, runs, data):
        run = open_run("first", "smoke", data, r"(cam\d)", seed=3)
        told = read_json(runs / "first" / "run.json")
        assert told["settings"] == {
            "profile": "smoke",
            "data": str(data),
            "group_pattern": r"(cam\d)",
            "seed": 3,
            "annotations": "",
            "fps": None,
        }
        assert told["made"]["packages"]["mmaction2"] == "1.2.0"
        assert run.data == data and run.profile is PROFILES["smoke"] and not run.uses_yard
        assert [path.name for path in (runs / "first").iterdir()] == ["run.json"]

    def test_without_a_data_folder_the_run_uses_its_profiles_yard(self):
        run = open_run("yard", "smoke")
        assert run.data == yard_folder("smoke") and run.uses_yard
        assert run.settings.seed == 0 and run.settings.group_pattern is None

    def test_run_reopens_by_name_alone_and_is_not_written_again(self, runs, data):
        first = open_run("first", "demo", data, "(x)", seed=3)
        before = (runs / "first" / "run.json").stat().st_mtime_ns
        assert open_run("first") == first
        assert open_run("first", "demo", f"{data}/../clips/", "(x)", 3) == first
        assert (runs / "first" / "run.json").stat().st_mtime_ns == before

    @pytest.mark.parametrize(
        ("change", "was", "now"),
        [
            ({"profile": "demo"}, "'smoke'", "'demo'"),
            ({"group_pattern": "(y)"}, r"'\(x\)'", r"'\(y\)'"),
            ({"seed": 0}, "3", "0"),
            ({"data": "."}, r"'.*clips'", "'.*'"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_other_settings_are_refused_by_name_with_the_remedy(self, runs, data, change, was, now):
        open_run("first", "smoke", data, "(x)", seed=3)
        key = next(iter(change))
        words = f"'first' was made with {key}={was}, now {now} is asked.*another NAME, or remove"
        with pytest.raises(RunError, match=words):
            open_run("first", **change)

    def test_run_that_was_never_made_names_the_notebook(self):
        with pytest.raises(RunError, match=r"no run 'none'.*01_explore_dataset.*NAME=none"):
            open_run("none")

    def test_unknown_profile_lists_the_known_ones(self, runs):
        with pytest.raises(RunError, match="'huge': choose one of smoke, demo, paper"):
            open_run("first", "huge")
        assert not runs.exists()

    @pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/a", "a/"])
    def test_names_that_leave_the_folder_of_runs_are_refused(self, name):
        with pytest.raises(RunError, match="cannot name a run: use letters"):
            open_run(name, "smoke")

    def test_lists_of_clips_are_remembered_by_their_place(self, data, monkeypatch):
        (data / "lists").mkdir()
        (data / "lists" / "train.txt").touch()
        run = open_run("first", "smoke", data, annotations="lists", fps=12.5)
        assert run.settings.annotations == str(data / "lists")
        assert run.settings.fps == open_run("first", fps=0).settings.fps == 12.5
        monkeypatch.chdir(data)
        assert open_run("first", annotations="lists/../lists") == run
        with pytest.raises(RunError, match=r"annotations=.*another NAME"):
            open_run("first", "smoke", data, annotations="lists/tr*.txt")
        with pytest.raises(RunError, match=r"ANNOTATIONS=gone.txt: neither .* exists"):
            open_run("other", "smoke", data, annotations="gone.txt")

    def test_data_folder_has_to_exist(self, runs, tmp_path):
        with pytest.raises(RunError, match=r"DATA=.*absent: no such folder"):
            open_run("first", "smoke", tmp_path / "absent")
        assert not runs.exists()


class TestRun:
    def test_every_path_lies_in_the_runs_folder(self, runs):
        run = open_run("first", "smoke")
        names = "manifest quarantine ignored statistics split training predictions metrics"
        paths = [
            getattr(run, name) for name in f"{names} explanations figures tables notebooks".split()
        ]
        assert {path.parent for path in paths} == {runs / "first"}
        assert len({path.name for path in paths}) == 12

    def test_missing_file_names_the_notebook_that_makes_it(self):
        run = open_run("first", "smoke")
        with pytest.raises(RunError, match=r"split\.csv is missing.*01_explore_dataset.*'first'"):
            run.require(run.split, "01_explore_dataset")
        write_table(run.split, pd.DataFrame({"path": []}))
        assert run.require(run.split, "01_explore_dataset") == run.split

    def test_seconds_go_into_the_metrics_once_there_are_any(self, runs):
        run = open_run("first", "smoke")
        assert run.seconds == {}
        run.record_seconds("train", 61.238)
        assert not run.metrics.exists()
        write_json(run.metrics, {"n_test": 4})
        run.record_seconds("predict", 2)
        run.record_seconds("train", 70)
        assert run.seconds == {"train": 70, "predict": 2}
        wanted = {"n_test": 4, "seconds": {"train": 70, "predict": 2}}
        assert read_json(run.metrics) == wanted

    def test_a_step_that_fails_is_not_timed(self):
        run = open_run("first", "smoke")
        with run.timed("good"):
            pass
        with pytest.raises(ZeroDivisionError), run.timed("bad"):
            1 / 0  # noqa: B018
        assert list(run.seconds) == ["good"]

    def test_provenance_without_git_has_no_commit(self, monkeypatch, tmp_path):
        monkeypatch.setattr(helpers.runs, "ROOT", tmp_path)
        assert provenance()["commit"] is None
        monkeypatch.setenv("PATH", "")
        assert provenance()["commit"] is None


class TestWholeFile:
    def test_file_appears_under_its_name_when_the_block_ends(self, tmp_path):
        path = tmp_path / "new" / "clip.mp4"
        with whole_file(path) as part:
            part.write_bytes(b"half")
            assert not path.exists()
            assert part.suffix == ".mp4" and part.name.startswith(".")
        assert path.read_bytes() == b"half"
        assert list(path.parent.iterdir()) == [path]

    def test_error_keeps_the_old_file_and_leaves_nothing_behind(self, tmp_path):
        path = write_json(tmp_path / "told.json", {"old": "é"})
        with pytest.raises(ZeroDivisionError), whole_file(path) as part:
            part.write_text("half")
            1 / 0  # noqa: B018
        assert read_json(path) == {"old": "é"}
        assert list(tmp_path.glob("[.t]*")) == [path]

    def test_value_that_is_no_json_keeps_the_old_file(self, tmp_path):
        path = write_json(tmp_path / "told.json", [1])
        with pytest.raises(TypeError):
            write_json(path, {"a": object()})
        assert read_json(path) == [1]

    def test_table_is_read_back_without_an_index(self, tmp_path):
        table = pd.DataFrame({"path": ["a/ü, b.mp4"], "frames": [3]})
        path = write_table(tmp_path / "t.csv", table)
        assert path.read_text(encoding="utf-8") == 'path,frames\n"a/ü, b.mp4",3\n'
        assert pd.read_csv(path).equals(table)


def test_numbers_that_are_not_finite_become_null_at_any_depth():
    value = {"a": [1.5, float("nan"), (float("inf"), "x")], "b": {"c": None, "d": True}}
    assert null_for_nan(value) == {"a": [1.5, None, [None, "x"]], "b": {"c": None, "d": True}}
