"""Where things are. Every other module receives paths; only notebooks and `dodo.py` look here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: the folder of README.md and pyproject.toml (the package is installed editable)."""

NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
RUNS = ROOT / "runs"
FIGURES = ROOT / "figures"


def yard_folder(profile: str) -> Path:
    """Folder of the simulated yard in the size of a profile."""
    return DATA / f"yard-{profile}"
