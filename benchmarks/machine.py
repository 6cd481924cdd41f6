"""Where and with what a comparison was made."""

import platform
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import torch

from benchmarks.authors import commit_of
from helpers.runs import provenance


def describe_machine(device: str, command: Sequence[str], checkout: Path | None) -> dict:
    """Date, commit, versions, processor and command, as they are now; without any folder."""
    made = provenance()
    for package in ("transformers", "timesformer-pytorch"):
        try:
            made["packages"][package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            made["packages"][package] = "not installed"
    if checkout:
        made["packages"]["facebookresearch/TimeSformer"] = commit_of(checkout) or "unknown"
    capabilities = torch.cpu.get_capabilities()
    return made | {
        "cpu": capabilities.get("cpu_name") or platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "cpu_capabilities": sorted(k for k, v in capabilities.items() if v is True),
        "gpu": torch.cuda.get_device_name() if device == "cuda" else None,
        "gpu_capability": torch.cuda.get_device_capability() if device == "cuda" else None,
        "cuda": torch.version.cuda,
        "command": " ".join(without_folders(part) for part in command),
    }


def without_folders(text: str) -> str:
    """Text in which absolute paths are cut to their last name: raw numbers are published."""
    return re.sub(r"(?<![\w.])/(?:[^/\s'\"]+/)+(?=[^/\s'\"])", "", text)
