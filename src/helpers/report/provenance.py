"""Where a run comes from, as rows of a table: commit, versions, machine, seed, data."""

from helpers.files import read_json
from helpers.report.gather import Gathered
from helpers.report.hashes import data_hash


def provenance_rows(gathered: Gathered) -> list[tuple[str, str]]:
    """What was asked and with what it was made, a row each: what, value."""
    run = gathered.run
    made = read_json(run.folder / "run.json")["made"]
    settings = run.settings
    rows = [
        ("run", run.name),
        ("begun", made["date"]),
        ("commit", _commit(made)),
        *_trained(gathered, made),
        ("size", settings.profile),
        ("seed", f"{settings.seed}"),
        ("clips", "the simulated yard" if run.uses_yard else settings.data),
        ("lists of clips", settings.annotations),
        ("recordings by", settings.group_pattern or ""),
        ("hash of the clips (SHA-256)", data_hash(run) or "none: notebook 01 was not executed"),
        ("machine", f"{made['machine']}, {made['cores']} cores"),
        ("Python", made["python"]),
        *made["packages"].items(),
    ]
    return [(what, value) for what, value in [*rows, *_choices(gathered)] if value]


def _commit(made: dict) -> str:
    commit = made["commit"]
    if not commit:
        return "unknown: made outside of git"
    return f"{commit[:-1]}, with changes that are not committed" if commit[-1] == "+" else commit


def _trained(gathered: Gathered, began: dict) -> list[tuple[str, str]]:
    """The training's own commit and machine, where they are not those that the run began with."""
    path = gathered.run.training / "training.json"
    made = read_json(path).get("made", {}) if path.exists() else {}
    told = {key: made.get(key) for key in ("commit", "machine", "cores", "packages")}
    if not made or told == {key: began.get(key) for key in told}:
        return []
    versions = ", ".join(
        f"{name} {version}"
        for name, version in made["packages"].items()
        if began["packages"].get(name) != version
    )
    machine = f"{made['machine']}, {made['cores']} cores"
    return [("trained with commit", _commit(made)), ("trained on", machine), ("with", versions)]


def _choices(gathered: Gathered) -> list[tuple[str, str]]:
    """What was chosen for the training by hand."""
    path = gathered.run.folder / "choices.json"
    if not path.exists():
        return []
    return [
        (
            f"chosen {key.lower()}",
            ", ".join(f"{k}={v}" for k, v in value.items())
            if isinstance(value, dict)
            else f"{value}",
        )
        for key, value in read_json(path).items()
        if value
    ]
