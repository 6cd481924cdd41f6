"""Where things are. Every other module receives paths; only notebooks and `dodo.py` look here.

RAILYARD_DATA, RAILYARD_RUNS and RAILYARD_FIGURES in the environment name other folders than those
of the checkout: a larger disk, or a test's own. A relative one starts from the checkout, since a
kernel's working folder is another than the command line's.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: the folder of README.md and pyproject.toml (the package is installed editable)."""

NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / (os.environ.get("RAILYARD_DATA") or "data")
RUNS = ROOT / (os.environ.get("RAILYARD_RUNS") or "runs")
FIGURES = ROOT / (os.environ.get("RAILYARD_FIGURES") or "figures")


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


def named_place(place: Path | str) -> Path:
    """A place that a setting names, absolute: from the working folder, or else from the checkout.

    A kernel works in the folder of its notebook, or where an editor likes, so `data/mine` typed
    there means the one of the checkout. Where neither exists it is the working folder's.
    """
    place = Path(place).expanduser()
    inside = ROOT / place
    return (inside if inside.exists() and not place.exists() else place).resolve()


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
    in_data = named_place(data) / annotations
    for place in (named, in_data):
        if place.exists() or any(place.parent.glob(place.name)):
            return os.path.normpath(place)
    raise FileNotFoundError(
        f"ANNOTATIONS={annotations}: neither {named} nor {in_data} exists. Name lists of clips: a "
        "file, a folder that holds some, or a pattern."
    )
