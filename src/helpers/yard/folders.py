"""Folders of made videos: begun, gone on with where they were cut, and marked as finished."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
from tqdm import tqdm

from helpers.files import read_json, write_json
from helpers.profiles import RecordingSize, YardSize
from helpers.yard.situation import YardError

MARKER = "yard.json"
BEGUN = "yard-begun.json"


def check_size(size: YardSize | RecordingSize) -> None:
    """Refuse a size that no video can have.

    Raises:
        YardError: width or height (pixels) is odd; there is nothing to make, or no camera.
    """
    if size.width % 2 or size.height % 2:
        raise YardError(
            f"{size.width}x{size.height}: H.264 needs even sizes; change width or height."
        )
    for name, value in vars(size).items():
        if isinstance(value, int) and value < 1 and name != "first_camera":
            raise YardError(f"{name}={value}: give at least 1.")


def begin(folder: Path, settings: dict) -> bool:
    """Begin a folder, or find it begun or finished with the same settings.

    Returns:
        Whether there is something left to make.

    Raises:
        YardError: the folder was made with other settings, or holds something else.
    """
    for name in (MARKER, BEGUN):
        if (folder / name).exists():
            found = read_json(folder / name)
            if found != settings:
                raise YardError(
                    f"{folder} holds a yard made with {found}, asked is {settings}. Remove that "
                    "folder, or name another one."
                )
            return name == BEGUN
    if folder.exists() and any(folder.iterdir()):
        raise YardError(f"{folder} is not empty and holds no yard. Name another folder.")
    write_json(folder / BEGUN, settings)
    return True


def finish(folder: Path, settings: dict) -> None:
    """Mark a folder as finished."""
    write_json(folder / MARKER, settings)
    (folder / BEGUN).unlink()


def make_all(make: Callable, plans: Sequence, workers: int | None, unit: str, chunk: int) -> None:
    """Call `make` with each of the plans, in any order.

    Args:
        workers: processes; by default as many as there are cores, 1 works in this one.
        unit: what is made, for the progress bar.
        chunk: how many a process is given at a time.
    """
    bar = {"total": len(plans), "unit": unit, "desc": "simulated yard"}
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        for plan in tqdm(plans, **bar):
            make(plan)
        return
    # "spawn" works alike everywhere, and never copies the state of a library in use here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_use_one_thread) as pool:
        for _ in tqdm(pool.map(make, plans, chunksize=chunk), **bar):
            pass


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
