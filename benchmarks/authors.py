"""The authors' TimeSformer out of a checkout of their repository, under today's torch.

facebookresearch/TimeSformer is of 2021. Its packages import, before anything else, a trainer and
networks that nothing here needs and that today's torch breaks; vit.py itself needs two names that
are gone. So vit.py is imported inside empty packages and beside stand-ins for these names; nothing
in the checkout changes, and nothing of the stand-ins stays behind.
"""

import collections.abc
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from torch import nn


class _Registry(dict):
    """fvcore's registry as far as vit.py goes: a decorator that keeps a class under its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def register(self):
        return lambda cls: self.setdefault(cls.__name__, cls)


def load_authors(checkout: Path) -> type[nn.Module]:
    """Import `VisionTransformer` of timesformer/models/vit.py.

    Raises:
        FileNotFoundError: the folder is no checkout of facebookresearch/TimeSformer.
        Exception: whatever the checkout's own code raises.
    """
    source = checkout / "timesformer" / "models"
    if not (source / "vit.py").is_file():
        raise FileNotFoundError(
            f"{checkout} is no checkout of facebookresearch/TimeSformer: it has no "
            "timesformer/models/vit.py. Name the folder that git clone made."
        )
    stand_ins = {
        "timesformer": _package("timesformer", source.parent),
        "timesformer.models": _package("timesformer.models", source),
        "torch._six": _module("torch._six", container_abcs=collections.abc),
    }
    if importlib.util.find_spec("fvcore") is None:
        stand_ins["fvcore"] = _package("fvcore")
        stand_ins["fvcore.common"] = _package("fvcore.common")
        stand_ins["fvcore.common.registry"] = _module("registry", Registry=_Registry)

    def concerned() -> list[str]:
        return [n for n in sys.modules if n in stand_ins or n.startswith("timesformer.")]

    before = {name: sys.modules.pop(name) for name in concerned()}
    sys.modules.update(stand_ins)
    try:
        return importlib.import_module("timesformer.models.vit").VisionTransformer
    finally:
        for name in concerned():
            del sys.modules[name]
        sys.modules.update(before)


def commit_of(checkout: Path) -> str | None:
    """Hash of the checkout's commit; None where the folder is no repository's top."""
    command = ["git", "-C", str(checkout), "rev-parse", "--show-prefix", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    prefix, commit = done.stdout.split("\n")[:2]
    return None if prefix else commit[:12]


def _module(name: str, **content) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    return module


def _package(name: str, folder: Path | None = None) -> ModuleType:
    """A package whose modules lie in `folder`, and whose own code does not run."""
    return _module(name, __path__=[] if folder is None else [str(folder)])
