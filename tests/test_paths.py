"""Where things are, whatever folder a kernel or a command works in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import paths

ROOT = Path(__file__).resolve().parents[1]


def places(cwd: Path, **environment: str) -> list[Path]:
    """DATA, RUNS and FIGURES of a new Python that starts in `cwd`."""
    code = "from helpers import paths as p; print(p.DATA, p.RUNS, p.FIGURES, sep='\\n')"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAILYARD_")}
    source = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=kept | source | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(line) for line in done.stdout.splitlines()]


def test_a_kernel_that_starts_elsewhere_finds_the_folders_of_the_checkout(tmp_path):
    assert places(tmp_path) == [ROOT / "data", ROOT / "runs", ROOT / "figures"]


def test_the_environment_names_other_folders_from_the_checkout_on(tmp_path):
    asked = {"RAILYARD_DATA": str(tmp_path), "RAILYARD_RUNS": "disk/runs", "RAILYARD_FIGURES": ""}
    found = [tmp_path, ROOT / "disk" / "runs", ROOT / "figures"]
    assert places(tmp_path, **asked) == places(ROOT / "notebooks", **asked) == found


@pytest.mark.parametrize("cwd", ["notebooks", "."])
def test_a_folder_typed_in_a_notebook_is_that_of_the_checkout(tmp_path, monkeypatch, cwd):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "data" / "mine").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / cwd)
    assert paths.named_place("data/mine") == tmp_path / "data" / "mine"
    assert paths.named_place("data/gone") == tmp_path / cwd / "data" / "gone"


def test_a_folder_beside_the_notebook_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for folder in ("clips", "notebooks/clips"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert paths.named_place("clips") == tmp_path / "notebooks" / "clips"
