"""A run: one folder `runs/<name>/` with everything that was asked, made and measured under a name.

run.json        what was asked: profile, data folder, group pattern, seed, lists of clips; commit,
                versions, machine
manifest.csv    one row per clip            quarantine.csv  files that are no usable clip, and why
split.csv       train, val or test per clip ignored.csv     files that were not tried, and why
duplicates.csv  clips that are copies       groups-suggested.csv  scenes, where nothing tells groups
training/       config, log, checkpoints, training.json once finished
predictions.csv one row per tested clip     metrics.json    the contract for other tools
folds/          a run per fold              (of a cross-validation)
predictions_val.csv  of validation          views/          the predictions of every view
detection/      of recordings: timelines, events, annotated videos
notebooks/      executed copies             figures/ tables/  what they exported
report/         the page that gathers all of this, and its numbers as macros for LaTeX
"""

import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from helpers.files import read_json, write_json
from helpers.paths import ROOT, RUNS, lists_of_clips, named_place, yard_folder
from helpers.profiles import PROFILES, Profile


class RunError(RuntimeError):
    """A run lacks what is asked of it, or was made with other settings."""


@dataclass(frozen=True)
class Settings:
    """What a run was asked for; fixed when it is first opened."""

    profile: str
    data: str  # absolute folder of class folders; the simulated yard when none was named
    group_pattern: str | None  # regular expression; its first group names a clip's recording
    seed: int
    annotations: str = ""  # lists of clips, absolute; empty where the folder tells the classes
    fps: float | None = None  # frames per second of clips that are folders of pictures


@dataclass(frozen=True)
class Run:
    """The paths of a run, and its settings."""

    name: str
    folder: Path
    settings: Settings

    @property
    def profile(self) -> Profile:
        """The sizes this run works at."""
        return PROFILES[self.settings.profile]

    @property
    def data(self) -> Path:
        """Folder of class folders that the manifest's paths are relative to."""
        return Path(self.settings.data)

    @property
    def uses_yard(self) -> bool:
        """Whether the clips are the simulated yard of the profile."""
        return self.data == yard_folder(self.settings.profile)

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.csv"

    @property
    def quarantine(self) -> Path:
        return self.folder / "quarantine.csv"

    @property
    def ignored(self) -> Path:
        return self.folder / "ignored.csv"

    @property
    def statistics(self) -> Path:
        return self.folder / "statistics.csv"

    @property
    def split(self) -> Path:
        return self.folder / "split.csv"

    @property
    def training(self) -> Path:
        return self.folder / "training"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.csv"

    @property
    def validation_predictions(self) -> Path:
        return self.folder / "predictions_val.csv"

    @property
    def views(self) -> Path:
        return self.folder / "views"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def explanations(self) -> Path:
        return self.folder / "explanations.json"

    @property
    def detection(self) -> Path:
        return self.folder / "detection"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    @property
    def notebooks(self) -> Path:
        return self.folder / "notebooks"

    def require(self, path: Path, made_by: str) -> Path:
        """Return `path`; where it is missing, name the notebook that makes it.

        Raises:
            RunError: `path` does not exist.
        """
        if not path.exists():
            raise RunError(
                f"{path} is missing. Notebook {made_by} makes it: run that one first with "
                f"NAME={self.name!r}, or run all of them with `make run NAME={self.name}`."
            )
        return path

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that each step took when it was last really done."""
        path = self.folder / "seconds.json"
        return read_json(path) if path.exists() else {}

    def record_seconds(self, step: str, seconds: float) -> None:
        """Note how long a step took, in seconds.json and, once it is there, in metrics.json."""
        spent = self.seconds | {step: round(seconds, 2)}
        write_json(self.folder / "seconds.json", spent)
        if self.metrics.exists():
            write_json(self.metrics, read_json(self.metrics) | {"seconds": spent})

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Record the seconds that the block takes."""
        start = time.perf_counter()
        yield
        self.record_seconds(step, time.perf_counter() - start)


def open_run(
    name: str,
    profile: str = "",
    data: str | Path = "",
    group_pattern: str = "",
    seed: int | None = None,
    annotations: str | Path = "",
    fps: float | None = None,
) -> Run:
    """Open the run `name`, or make it when a profile is given and it does not exist.

    An empty `data` stands for the simulated yard of the profile. Of an existing run whatever is
    left empty is taken as it was.

    Raises:
        RunError: the run does not exist and no profile is given, it was made with other settings,
            or a name, profile or folder is not usable.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise RunError(f"{name!r} cannot name a run: use letters, digits, '-' and '_'.")
    if profile and profile not in PROFILES:
        raise RunError(f"No profile {profile!r}: choose one of {', '.join(PROFILES)}.")
    folder = RUNS / name
    settings_file = folder / "run.json"
    asked = {
        "profile": profile,
        "data": str(named_place(data)) if data else "",
        "group_pattern": group_pattern,
        "seed": seed,
        "annotations": _lists(annotations, data),
        "fps": fps or None,
    }
    if settings_file.exists():
        settings = Settings(**read_json(settings_file)["settings"])
        for key, value in asked.items():
            was = getattr(settings, key)
            if value not in ("", None) and value != was:
                raise RunError(
                    f"Run {name!r} was made with {key}={was!r}, now {value!r} is asked. Choose "
                    f"another NAME, or remove {folder} to start it anew."
                )
        return Run(name, folder, settings)
    if not profile:
        raise RunError(
            f"There is no run {name!r} in {RUNS}. Run notebook 01_explore_dataset with "
            f"NAME={name!r} first, or everything with `make run NAME={name}`."
        )
    if data and not Path(asked["data"]).is_dir():
        raise RunError(f"DATA={data}: no such folder. Name a folder that holds class folders.")
    settings = Settings(
        profile=profile,
        data=asked["data"] or str(yard_folder(profile)),
        group_pattern=group_pattern or None,
        seed=0 if seed is None else seed,
        annotations=asked["annotations"],
        fps=asked["fps"],
    )
    write_json(settings_file, {"settings": asdict(settings), "made": provenance()})
    return Run(name, folder, settings)


def _lists(annotations: str | Path, data: str | Path) -> str:
    try:
        return lists_of_clips(annotations, data)
    except FileNotFoundError as error:
        raise RunError(str(error)) from None


def provenance() -> dict:
    """Commit, versions and machine, as they are now.

    Returns:
        date (UTC), commit (with '+' where the tree differs), python, packages, machine, cores.
    """
    packages = ("torch", "torchvision", "mmaction2", "mmengine", "mmcv-lite", "av", "numpy")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def _commit() -> str | None:
    """Hash of the commit, '+' behind it where tracked files differ; None without git."""
    try:
        git = ["git", "-C", str(ROOT)]
        run = {"capture_output": True, "text": True, "check": True}
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], **run).stdout.strip()
        changes = subprocess.run([*git, "status", "--porcelain", "-uno"], **run).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changes.strip() else "")
