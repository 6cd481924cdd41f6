"""Where things are. Every other module receives paths; only notebooks and `dodo.py` look here.

RAILYARD_DATA, RAILYARD_RUNS and RAILYARD_FIGURES in the environment name other folders than those
of the checkout: a larger disk, or a test's own.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: the folder of README.md and pyproject.toml (the package is installed editable)."""

NOTEBOOKS = ROOT / "notebooks"
DATA = Path(os.environ.get("RAILYARD_DATA") or ROOT / "data").absolute()
RUNS = Path(os.environ.get("RAILYARD_RUNS") or ROOT / "runs").absolute()
FIGURES = Path(os.environ.get("RAILYARD_FIGURES") or ROOT / "figures").absolute()


def yard_folder(profile: str) -> Path:
    """Folder of the simulated yard in the size of a profile."""
    return DATA / f"yard-{profile}"


def motions_folder(profile: str) -> Path:
    """Folder of the simulated yard whose labels lie in the order of time."""
    return DATA / f"yard-{profile}-motions"


def recordings_folder(profile: str) -> Path:
    """Folder of the yard's untrimmed recordings in the size of a profile."""
    return DATA / f"yard-{profile}-recordings"


def kept_frames() -> Path:
    """Folder of decoded frames, shared by all runs on the same clips; safe to remove."""
    return DATA / "kept-frames"


def lists_of_clips(annotations: Path | str, data: Path | str) -> str:
    """Where lists of clips lie: named from the working folder, or else from the data folder.

    Args:
        annotations: a file, a folder, or a pattern such as `lists/*split_1*`; empty for none.
        data: the data folder.

    Returns:
        the same, absolute; empty for none.

    Raises:
        FileNotFoundError: there is none.
    """
    if not str(annotations):
        return ""
    named = Path(annotations).expanduser().absolute()
    in_data = Path(data).expanduser().absolute() / annotations
    for place in (named, in_data):
        if place.exists() or any(place.parent.glob(place.name)):
            return os.path.normpath(place)
    raise FileNotFoundError(
        f"ANNOTATIONS={annotations}: neither {named} nor {in_data} exists. Name lists of clips: a "
        "file, a folder that holds some, or a pattern."
    )
