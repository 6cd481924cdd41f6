"""The set-up: one set of versions everywhere, and imports that go down."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

from helpers.pipeline.pins import declared, normal, read_environment, read_lock, update_environment

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HELPERS = ROOT / "src" / "helpers"
MODULES = sorted(HELPERS.rglob("*.py"))

# A module imports from its own entry and from lower floors (smaller numbers) only.
FLOORS = {
    "paths": 0,
    "files": 0,
    "profiles": 0,
    "compat": 0,
    "runs": 1,
    "pipeline": 1,
    "clips": 2,
    "yard": 2,
    "models": 3,
    "training": 4,
    "evaluation": 5,
    "explain": 6,
    "cost": 6,
    "deployment": 6,
    "detection": 7,
    "figures": 8,
    "widgets": 9,
    "report": 9,
}

# Import names that differ from the name of the distribution.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "mmaction": "mmaction2",
    "mmcv": "mmcv-lite",
    "PIL": "pillow",
    "google": "protobuf",
}


def absolute_imports(path: Path) -> set[str]:
    """Dotted names of what a module imports from elsewhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


class TestVersions:
    def test_the_lock_pins_every_direct_dependency(self):
        assert declared(ROOT / "pyproject.toml") - set(read_lock(LOCK)) == set()

    def test_the_lock_names_versions_and_no_place(self):
        text = LOCK.read_text(encoding="utf-8")
        assert not re.search(r"://|^-|@ |file:|find-links|index-url", text, re.M)
        requirements = [line for line in text.splitlines() if line and line[0] not in "# "]
        assert len(requirements) == len(read_lock(LOCK))

    def test_the_lock_has_one_opencv_no_decord_and_what_builds_the_package(self):
        pins = read_lock(LOCK)
        assert [name for name in pins if name.startswith("opencv")] == ["opencv-python-headless"]
        assert "decord" not in pins
        assert int(pins["setuptools"].split(".")[0]) >= 77

    def test_environment_yml_lists_the_direct_dependencies_as_the_lock_pins_them(self):
        pins = read_lock(LOCK)
        expected = {name: pins[name] for name in declared(ROOT / "pyproject.toml")}
        assert read_environment(ROOT / "environment.yml") == expected

    def test_each_line_of_environment_yml_says_what_it_is_for(self):
        lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if "==" in line and not re.search(r"  # \w", line)] == []

    def test_versions_are_carried_over_and_comments_kept(self, tmp_path):
        path = tmp_path / "environment.yml"
        path.write_text("  - pip:\n      - scikit_learn==1.0  # splits\n      - -e .\n")
        update_environment(path, {"scikit-learn": "1.9.1"})
        assert path.read_text().splitlines()[1] == "      - scikit_learn==1.9.1  # splits"

    def test_one_opencv_is_installed(self):
        names = {normal(found.name) for found in importlib.metadata.distributions() if found.name}
        assert {name for name in names if name.startswith("opencv")} == {"opencv-python-headless"}
        assert "decord" not in names


class TestImports:
    @pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
    def test_imports_are_declared_and_go_down(self, path):
        known = declared(ROOT / "pyproject.toml")
        own = path.relative_to(HELPERS).with_suffix("").parts[0]
        for name in absolute_imports(path):
            top, _, rest = name.partition(".")
            if top == "helpers":
                other = rest.split(".")[0]
                assert other == own or FLOORS[other] < FLOORS[own], f"{own} imports {other}"
            elif top not in sys.stdlib_module_names:
                distribution = normal(DISTRIBUTIONS.get(top, top))
                assert distribution in known, f"{top} is not in pyproject.toml"

    def test_every_part_of_the_package_has_its_floor(self):
        parts = {path.relative_to(HELPERS).with_suffix("").parts[0] for path in MODULES}
        assert parts - {"__init__"} <= set(FLOORS), "put the new part into FLOORS"
