"""Command line: python -m helpers.yard --folder data/yard-smoke --profile smoke."""

import argparse
from dataclasses import replace
from pathlib import Path

from helpers.profiles import PROFILES
from helpers.yard.make import LABELS, make_yard


def main(arguments: list[str] | None = None) -> Path:
    """Make a yard of a profile's size; single sizes may be given beside it."""
    parser = argparse.ArgumentParser(prog="python -m helpers.yard", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the clips go")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="demo")
    for name in ("clips", "cameras", "frames", "fps", "width", "height"):
        parser.add_argument(f"--{name}", type=int, help="instead of the profile's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes; by default one a core")
    parser.add_argument("--labels", choices=sorted(LABELS), default="hazards")
    asked = vars(parser.parse_args(arguments))
    size = PROFILES[asked.pop("profile")].yard
    folder, seed, workers, labels = (
        asked.pop(name) for name in ("folder", "seed", "workers", "labels")
    )
    chosen = {name: value for name, value in asked.items() if value is not None}
    return make_yard(folder, replace(size, **chosen), seed, workers, labels)


if __name__ == "__main__":
    main()
