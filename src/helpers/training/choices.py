"""What a run's training does differently from its profile: chosen once, and remembered."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from helpers.files import read_json, write_json
from helpers.profiles import Profile, Recipe
from helpers.runs import Run, RunError
from helpers.training.device import Compute, choose_compute
from helpers.training.network import SIZES, keywords_of


@dataclass(frozen=True)
class Choices:
    """Changes to a profile; nothing by default."""

    variant: str | None = None  # a named size, or a CNN, instead of the profile's transformer
    model: dict[str, Any] = field(default_factory=dict)  # keywords of the backbone
    recipe: dict[str, Any] = field(default_factory=dict)  # fields of the recipe

    def apply(self, profile: Profile) -> Profile:
        """The profile with the chosen variant."""
        return replace(profile, model=SIZES[self.variant]) if self.variant else profile


def choose(
    run: Run,
    variant: str = "",
    model: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> Choices:
    """Remember what is chosen for a run's training, beside what was chosen before.

    Args:
        run: whose training it is; keeps them in choices.json.
        variant: a key of `helpers.profiles.VARIANTS` or of `CNNS`.
        model: keywords of `SpaceTimeTransformer`, such as `attention_type`, or of `CnnTransformer`.
        recipe: fields of `helpers.profiles.Recipe`, such as `epochs` or `accumulate`.

    Raises:
        RunError: a name is unknown, or the run's training has begun with other choices.
        ValueError: the precision is unknown, or this machine has no use for it.
    """
    before = choices_of(run)
    _check_known("VARIANT", [variant] if variant else [], SIZES)
    size = Choices(variant or before.variant).apply(run.profile).model
    _check_known("MODEL", before.model | dict(model or {}), keywords_of(size))
    _check_known("RECIPE", recipe or {}, [entry.name for entry in fields(Recipe)])
    choose_compute((recipe or {}).get("precision"))
    chosen = Choices(
        variant or before.variant,
        before.model | dict(model or {}),
        before.recipe | dict(recipe or {}),
    )
    if chosen == before:
        return before
    if (run.training / "asked.json").exists():
        raise RunError(
            f"The training of run {run.name!r} began with {_told(before)}, now {_told(chosen)} is "
            f"asked. Give this one another NAME, or remove {run.training} to train anew."
        )
    write_json(_file(run), asdict(chosen))
    return chosen


def choices_of(run: Run) -> Choices:
    """What was chosen for a run so far."""
    return Choices(**read_json(_file(run))) if _file(run).exists() else Choices()


def compute_of(run: Run) -> Compute:
    """The machine's best device, and the precision that was chosen for the run or is best here.

    Raises:
        ValueError: the precision is unknown, or this machine has no use for it.
    """
    return choose_compute(choices_of(run).recipe.get("precision"))


def _file(run: Run) -> Path:
    return run.folder / "choices.json"


def _check_known(setting: str, names: Iterable[str], known: Iterable[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RunError(f"{setting}: {unknown[0]!r} is unknown. Choose from {', '.join(known)}.")


def _told(choices: Choices) -> str:
    changes = choices.model | choices.recipe
    if choices.variant:
        changes = {"variant": choices.variant} | changes
    return ", ".join(f"{key}={value}" for key, value in changes.items()) or "the profile's own"
