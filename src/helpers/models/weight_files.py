"""Files of weights, fetched and opened without running any code in them.

torch's files are unpickled by its safe loader, which knows tensors and plain containers only;
safetensors holds nothing else. Both are mapped into memory, so that reading names costs little.
"""

import math
import pickle
import re
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from helpers.files import read_json
from helpers.models.origins import Normalisation, in_bytes

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, MemoryError, pickle.UnpicklingError, struct.error),
    *(ValueError, LookupError, AttributeError, TypeError, AssertionError, ArithmeticError),
)
"""What `torch.load` raises on a file that is cut or of another kind, found by trying such files."""

FOLDER_FILES = ("model.safetensors", "pytorch_model.bin")
"""What transformers and timm call a folder's weights, the preferred first."""

KEYS = ("state_dict", "model_state", "model")
"""Where a file keeps its weights, unless it holds nothing else: mmengine, SlowFast's kin, DeiT."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be opened, or does not fit the model."""


@dataclass(frozen=True)
class WeightFile:
    """An opened file."""

    source: str
    path: Path
    tensors: dict[str, Tensor]  # on the CPU, mapped: copy them before the file changes
    key: str | None  # under which the file keeps them
    meta: Mapping  # what mmengine and this project write beside them; empty elsewhere

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes, where mmengine or this project wrote them."""
        told = self.meta.get("dataset_meta", self.meta)
        names = told.get("classes") if isinstance(told, Mapping) else None
        return tuple(map(str, names)) if isinstance(names, list | tuple) else None

    def beside(self, name: str) -> Mapping[str, Any] | None:
        """A JSON file of the same folder; None where there is none.

        Raises:
            CheckpointError: it is none of JSON, or no object.
        """
        path = self.path.with_name(name)
        if not path.is_file():
            return None
        try:
            told = read_json(path)
        except (OSError, ValueError, RecursionError) as error:
            words = f"{path} does not open as JSON ({error}). Fetch it again."
            raise CheckpointError(words) from error
        if not isinstance(told, Mapping):
            raise CheckpointError(f"{path} holds no names and values. Fetch it again.")
        return told


def declared_normalisation(file: WeightFile, beside: Sequence[str]) -> Normalisation | None:
    """Mean and standard deviation that are written down with the weights; None where none are.

    The file's own meta counts first (`mean` and `std` in 0 to 255, as this project may keep them),
    then the files `beside`: a processor's configuration of transformers, or timm's.

    Raises:
        CheckpointError: what is written is no three numbers each, or a std is not above 0.
    """
    found = _declared(file, beside)
    if found is None:
        return None
    by, mean, std, unit = found
    try:
        triples = ([v] * 3 if isinstance(v, int | float) else v for v in (mean, std))
        means, stds = (in_bytes(triple, 1 / unit) for triple in triples)
        usable = len(means) == len(stds) == 3 and all(map(math.isfinite, means + stds))
        usable = usable and min(stds) > 0
    except (TypeError, ValueError, ArithmeticError):
        usable = False
    if not usable:
        raise CheckpointError(
            f"{file.source}: {by} tells mean {mean} and std {std}. Each must be three numbers, of "
            "a std above 0: mend or remove them."
        )
    return Normalisation(means, stds, told_by=by)


def _declared(file: WeightFile, beside: Sequence[str]) -> tuple[str, Any, Any, Any] | None:
    """Who tells, mean, std, and what one step of a pixel's 0 to 255 is on their scale."""
    if "mean" in file.meta:
        return "the file", file.meta["mean"], file.meta.get("std"), 1
    for name in beside:
        told = file.beside(name) or {}
        timm = told.get("pretrained_cfg")
        if isinstance(timm, Mapping) and "mean" in timm:
            return name, timm["mean"], timm.get("std"), 1 / 255
        if "image_mean" in told:  # a processor's of transformers
            unit = told.get("rescale_factor", 1 / 255) if told.get("do_rescale", True) else 1
            if not told.get("do_normalize", True):
                return name, 0.0, 1.0, unit
            return name, told["image_mean"], told.get("image_std"), unit
    return None


def is_address(source: str | Path) -> bool:
    """Whether `source` is fetched over the network."""
    return str(source).startswith(("http://", "https://"))


def open_weights(source: str | Path) -> WeightFile:
    """Open a file of weights.

    Args:
        source: a torch file or a .safetensors file, the folder of transformers or timm that holds
            one (`FOLDER_FILES`), or the http(s) address of a file. What is fetched stays in torch's
            cache.

    Raises:
        CheckpointError: there is none, it is cut, holds code or no weights, or cannot be fetched.
    """
    remote = is_address(source)
    path = _fetch(str(source)) if remote else _local(Path(source).expanduser())
    try:
        opened = load_file(path) if path.suffix == ".safetensors" else _load(path)
    except (*UNREADABLE, SafetensorError) as error:
        kept = f" (first remove it from {path.parent})" if remote else ""
        raise CheckpointError(
            f"{source} does not open as a checkpoint of weights: {_reason(error)}. It is cut, of "
            f"another kind, or holds more than tensors; fetch it again{kept}, or save its "
            "state_dict alone."
        ) from error
    opened = opened if isinstance(opened, Mapping) else {}
    key = next((key for key in KEYS if isinstance(opened.get(key), Mapping)), None)
    inside = opened if key is None else opened[key]
    tensors = {
        name: value
        for name, value in inside.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise CheckpointError(f"{source} holds no weights (no state_dict of tensors).")
    odd = [name for name, value in tensors.items() if not _is_plain(value)]
    if odd:
        raise CheckpointError(
            f"{source}: {odd[0]} is no plain array of real numbers. Convert it to float32."
        )
    meta = opened.get("meta")
    return WeightFile(str(source), path, tensors, key, meta if isinstance(meta, Mapping) else {})


def _load(path: Path) -> object:
    """Unpickle no more than tensors and plain containers; files of before 2020 are not mapped."""
    with path.open("rb") as file:
        mapped = file.read(4) == b"PK\x03\x04"  # a zip archive
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _is_plain(value: Tensor) -> bool:
    strided = value.layout is torch.strided and value.device.type == "cpu"
    return strided and not (value.is_nested or value.is_quantized or value.is_complex())


def _local(path: Path) -> Path:
    if path.is_dir():
        found = [path / name for name in FOLDER_FILES if (path / name).is_file()]
        if not found:
            names = " or ".join(FOLDER_FILES)
            raise CheckpointError(f"{path}: a folder without {names}. Name the file itself.")
        return found[0]
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. Name a checkpoint, or None to start anew.")
    return path


def _fetch(address: str) -> Path:
    """Fetch a file into torch's cache, by one of the processes that share it.

    Files whose name every folder of transformers has are kept under the name of their folder too.
    """
    try:
        place = urlparse(address)
        name = Path(place.path).name
        if name in FOLDER_FILES:
            name = "--".join((place.hostname or "", *Path(place.path.strip("/")).parts))
        path = Path(torch.hub.get_dir()) / "checkpoints" / name
        try:
            if is_main_process():
                _download(address, path)
        finally:
            barrier()
        _download(address, path)  # on machines that do not share the main process's disk
    except (OSError, ValueError, HTTPException) as error:
        raise CheckpointError(
            f"{address} cannot be fetched ({error}). Fetch it on a machine with a network and name "
            "the file instead."
        ) from error
    return path


def _download(address: str, path: Path) -> None:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), progress=sys.stderr.isatty())


def _reason(error: Exception) -> str:
    """The first sentence of an error, or what it must not run: torch's rest advises to run it."""
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code:
        return f"it asks for {code[1]}, which is not run"
    first = str(error).split("\n")[0].split(". ")[0].rstrip(".:")
    return first or type(error).__name__
