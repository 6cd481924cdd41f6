"""From the words of a command line to the parameters of the notebooks."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from helpers.paths import lists_of_clips, named_place, yard_folder
from helpers.profiles import CNNS, GRIDS, PROFILES, VARIANTS

Value = str | int | bool | dict


class SettingsError(ValueError):
    """A setting of the command line cannot be used."""


def _flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    try:
        return words[text.lower()]
    except KeyError:
        raise ValueError("say 1 or 0") from None


def _rate(text: str) -> float:
    """A number of frames per second."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise ValueError("give frames per second, above 0")
    return rate


def _changes(text: str) -> dict[str, str | int | float | bool | None]:
    """Words like "lr=0.001 pretrained=vit.pth" as a mapping; values are JSON's, or else text."""
    changes = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise ValueError(f"{word!r} is no key=value")
        try:
            changes[key] = json.loads(value)
        except json.JSONDecodeError:
            changes[key] = value
    return changes


def _folds(text: str) -> int | str:
    if text == "groups":
        return text
    if text.isdecimal() and int(text) != 1:
        return int(text)
    raise ValueError('say how many, from 2, "groups" to leave one recording out at a time, or 0')


KINDS: dict[str, Callable[[str], Value]] = {
    "NAME": str,
    "PROFILE": str,
    "DATA": str,
    "GROUP_PATTERN": str,
    "ANNOTATIONS": str,
    "FPS": _rate,
    "SEED": int,
    "EPOCHS": int,
    "VARIANT": str,
    "MODEL": _changes,
    "RECIPE": _changes,
    "FOLDS": _folds,
    "VIEWS": str,
    "DANGERS": str,
    "ALARM": _changes,
    "COMPARE": str,
    "GRID": str,
    "RECORDINGS": str,
    "TENSORBOARD": _flag,
    "WANDB": _flag,
}
"""Every setting that may be given, and what turns its text into a parameter."""


def resolve(asked: Mapping[str, str], runs: Path) -> dict[str, Value]:
    """Turn what was asked into parameters; what is left empty is as the run was made.

    A new run gets the profile "demo" and the seed 0 where none is given. DATA becomes absolute,
    and is left out where the run works on its simulated yard; so does ANNOTATIONS.

    Args:
        asked: setting → text; an empty text counts as not given.
        runs: the folder of all runs.

    Raises:
        SettingsError: a value is of the wrong kind, or names nothing that there is.
    """
    values: dict[str, Value] = {}
    for key, text in asked.items():
        try:
            if text:
                values[key] = KINDS[key](text)
        except ValueError as error:
            raise SettingsError(f"{key}={text} cannot be used: {error}.") from None
    name = values.setdefault("NAME", "demo")
    if Path(name).name != name or name.startswith("."):
        raise SettingsError(f"NAME={name} cannot name a run: use letters, digits, '-' and '_'.")
    made = runs / name / "run.json"
    if made.exists():
        for key, value in json.loads(made.read_text(encoding="utf-8"))["settings"].items():
            if value not in ("", None):
                values.setdefault(key.upper(), value)
    values.setdefault("SEED", 0)
    profile = values.setdefault("PROFILE", "demo")
    for key, known in {"PROFILE": PROFILES, "VARIANT": VARIANTS | CNNS, "GRID": GRIDS}.items():
        if key in values and values[key] not in known:
            raise SettingsError(f"{key}={values[key]}: choose one of {', '.join(known)}.")
    if "ANNOTATIONS" in values and "DATA" not in values:
        raise SettingsError("ANNOTATIONS names lists of clips; say with DATA where the clips lie.")
    if "DATA" in values:
        folder = named_place(values["DATA"])
        if folder == yard_folder(profile):
            del values["DATA"]
        elif folder.is_dir():
            values["DATA"] = str(folder)
        else:
            raise SettingsError(
                f"DATA={folder}: no such folder. Name one that holds class folders."
            )
    if "RECORDINGS" in values:
        place = named_place(values["RECORDINGS"])
        if not place.exists():
            raise SettingsError(f"RECORDINGS={place}: no such file or folder. Name recordings.")
        values["RECORDINGS"] = str(place)
    if "ANNOTATIONS" in values:
        try:
            data = values.get("DATA", "")
            values["ANNOTATIONS"] = lists_of_clips(values["ANNOTATIONS"], data)
        except FileNotFoundError as error:
            raise SettingsError(str(error)) from None
    return values
