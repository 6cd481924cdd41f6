"""The versions of requirements.lock, and environment.yml kept equal to them."""

import re
import sys
import tomllib
from pathlib import Path

PINNED = re.compile(r"^(?P<head>\s*- )(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s#;]+)", re.M)


def normal(name: str) -> str:
    """A distribution's name as indexes compare it: lower case, runs of -_. as one hyphen."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(lock: Path) -> dict[str, str]:
    """Name → version of each pinned line of a lock."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.M)
    return {normal(name): version for name, version in found}


def read_environment(environment: Path) -> dict[str, str]:
    """Name → version of each `- name==version` line of a conda environment file."""
    text = environment.read_text(encoding="utf-8")
    return {normal(match["name"]): match["version"] for match in PINNED.finditer(text)}


def declared(pyproject: Path) -> set[str]:
    """Names that the project depends on directly, those of development included."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return {normal(re.match(r"[A-Za-z0-9._-]+", line)[0]) for lines in lists for line in lines}


def update_environment(environment: Path, pins: dict[str, str]) -> Path:
    """Write the lock's versions into a conda environment file; comments stay as they are.

    Raises:
        KeyError: the environment lists something that the lock lacks.
    """

    def pin(match: re.Match) -> str:
        return f"{match['head']}{match['name']}=={pins[normal(match['name'])]}"

    text = environment.read_text(encoding="utf-8")
    environment.write_text(PINNED.sub(pin, text), encoding="utf-8")
    return environment


if __name__ == "__main__":
    environment_file, lock_file = map(Path, sys.argv[1:])
    update_environment(environment_file, read_lock(lock_file))
