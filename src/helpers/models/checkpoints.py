"""Weights from elsewhere: any checkpoint of the TimeSformer family, and an account of its use.

An image transformer becomes a video transformer as the paper has it (section 4): its attention
goes into every step of the layer, and the steps that are new begin without effect.
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from helpers.models.origins import MMACTION, ORIGINS, Converted, Normalisation, Origin
from helpers.models.transformer import SCHEMES, SpaceTimeTransformer
from helpers.models.weight_files import (
    FOLDER_FILES,
    UNREADABLE,
    CheckpointError,
    WeightFile,
    declared_normalisation,
    is_address,
    open_weights,
)

__all__ = ["UNREADABLE", "CheckpointError", "Loaded", "load_pretrained", "normalisation"]

log = logging.getLogger(__name__)

ZOO = "download.openmmlab.com"


@dataclass(frozen=True)
class Resized:
    """Positions that were resized: lengths (rows and columns, or frames) there and here."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]

    def __str__(self) -> str:
        before, after = ("×".join(map(str, lengths)) for lengths in (self.before, self.after))
        return f"{self.name} {before} → {after}"


@dataclass(frozen=True)
class Loaded:
    """What loading did. `str` of it is an account for a notebook."""

    source: str
    origin: str  # name of the `Origin`
    mean: tuple[float, float, float]  # of pixels in 0 to 255
    std: tuple[float, float, float]
    told_by: str  # who says mean and std
    copied: tuple[str, ...]  # steps that got a copy of the one step there; none where all are there
    resized: tuple[Resized, ...]
    fresh: tuple[str, ...]  # the model's parameters that stay as drawn
    left_out: tuple[str, ...]  # tensors of the file that have no place in the model
    head: str  # what became of the head
    tensors: int  # of the model that were set

    def __str__(self) -> str:
        mean, std = (", ".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        told = {
            f"{self.tensors} tensors loaded": True,
            f"mean {mean} and std {std} of 0 to 255 ({self.told_by})": True,
            f"attention copied into {', '.join(self.copied)}": self.copied,
            f"resized: {', '.join(map(str, self.resized))}": self.resized,
            f"left as drawn: {_grouped(self.fresh)}": self.fresh,
            f"left out: {_grouped(self.left_out)}": self.left_out,
            f"head {self.head}": self.head,
        }
        lines = (f"  {words}" for words, said in told.items() if said)
        return "\n".join((f"{self.source}: {self.origin}", *lines))


def load_pretrained(
    model: nn.Module, source: str | Path, classes: Sequence[str] | None = None
) -> Loaded:
    """Load weights into a model, from the same scheme or from one with a single step of attention.

    Positions are resized where the grid differs: in space bicubically in two dimensions, in time
    linearly. Those that the model does without are left out. Where layers there have two steps and
    nothing tells which, as many steps here count as the same.

    Args:
        model: a `SpaceTimeTransformer`, or a recogniser of mmaction2 that holds one. A recogniser's
            head is loaded too, if the classes agree.
        source: a file, folder or address, see `open_weights`; of any of `ORIGINS`.
        classes: names of the model's classes, compared with those that the file tells, if it does.
            Without them their number decides.

    Returns:
        What was loaded and how, and what was not.

    Raises:
        CheckpointError: it cannot be opened, is of no known origin, or does not fit the model,
            which is then unchanged.
        TypeError: the model holds no `SpaceTimeTransformer`.
    """
    backbone = getattr(model, "backbone", model)
    if not isinstance(backbone, SpaceTimeTransformer):
        raise TypeError(
            f"{type(backbone).__name__} is no SpaceTimeTransformer: give one, or a recogniser with "
            "one as its backbone."
        )
    file, origin = _open(source)
    told = _normalisation(file, origin)
    there = origin.convert(file.tensors)
    _check_kind(file, there, backbone)
    weights, copied = there.spread([step.name for step in backbone.scheme])
    own = backbone.state_dict()
    unplaced = [n for n in ("pos_embed", "time_embed") if n in weights and n not in own]
    for name in unplaced:
        del weights[name]
    square = origin is not MMACTION and backbone.grid[1] != backbone.grid[2]
    weights, resized = _resize(weights, backbone, from_square=square)
    fresh = _check_fit(file, weights, backbone, copied=bool(copied))
    head, head_told = _head(model, there.head, file, classes)

    backbone.load_state_dict(weights, strict=False)
    if head:
        model.cls_head.fc_cls.load_state_dict(head)
    if model is not backbone:
        drawn = [] if head else ["cls_head.fc_cls.weight", "cls_head.fc_cls.bias"]
        fresh = [*(f"backbone.{name}" for name in fresh), *drawn]
    loaded = Loaded(
        source=file.source,
        origin=origin.name,
        mean=told.mean,
        std=told.std,
        told_by=told.told_by,
        copied=copied,
        resized=resized,
        fresh=tuple(fresh),
        left_out=(*there.left_out, *unplaced),
        head=head_told,
        tensors=len(weights) + len(head),
    )
    log.info("%s", loaded)
    return loaded


def normalisation(source: str | Path) -> Normalisation:
    """Mean and standard deviation that a checkpoint's weights were trained with.

    They are its origin's, unless the file itself (`meta` with `mean` and `std`) or a processor's
    configuration beside it says otherwise. For files of mmaction2's zoo nothing is fetched.

    Args:
        source: as for `load_pretrained`.

    Raises:
        CheckpointError: it cannot be opened, or is of no known origin.
    """
    if is_address(source) and urlparse(str(source)).hostname == ZOO:
        return Normalisation(*MMACTION.normalisation, told_by=f"usual for {MMACTION.name}")
    return _normalisation(*_open(source))


def _open(source: str | Path) -> tuple[WeightFile, Origin]:
    file = open_weights(source)
    for origin in ORIGINS:
        if origin.matches(file.tensors, file.key):
            return file, origin
    known = "; ".join(origin.name for origin in ORIGINS)
    raise CheckpointError(
        f"{file.source} has the names of another kind of model: {_few(list(file.tensors))}. Known "
        f"are {known}."
    )


def _normalisation(file: WeightFile, origin: Origin) -> Normalisation:
    usual = Normalisation(*origin.normalisation, told_by=f"usual for {origin.name}")
    return declared_normalisation(file, origin.beside) or usual


def _check_kind(file: WeightFile, there: Converted, backbone: SpaceTimeTransformer) -> None:
    """Refuse another stem, other steps of attention, another number of heads."""
    no_fit = f"{file.source} does not fit this model"
    stems = {
        place: any(name.startswith("patch_embed.stages.") for name in names)
        for place, names in (("there", there.backbone), ("here", backbone.state_dict()))
    }
    if stems["there"] != stems["here"]:
        kinds = ("linear", "convolutional")
        raise CheckpointError(
            f"{no_fit}: patch_embedding is {kinds[stems['there']]} there, {kinds[stems['here']]} "
            "here. Take the same."
        )
    own = tuple(step.name for step in backbone.scheme)
    named = there.steps or _steps_in_config(file)
    count = there.count
    if count > 1 and (count != len(own) or (named and named != own)):
        names = f" ({', '.join(named)})" if named else ""
        raise CheckpointError(
            f"{no_fit}: {count} steps of attention in a layer there{names}, {len(own)} here "
            f"({', '.join(own)}). Take its attention_type, or weights with one step, which go into "
            "every scheme."
        )
    told = file.beside("config.json") if file.path.name in FOLDER_FILES else None
    heads = (told or {}).get("num_attention_heads")
    here = backbone.transformer_layers.layers[0].attentions[0].attn.num_heads
    if heads not in (None, here):
        raise CheckpointError(f"{no_fit}: num_heads is {heads} there, {here} here. Take the same.")


def _steps_in_config(file: WeightFile) -> tuple[str, ...] | None:
    """The steps of the scheme in the config that mmengine keeps in its checkpoints."""
    found = re.search(r"attention_type\s*=\s*['\"](\w+)", str(file.meta.get("cfg", "")))
    scheme = SCHEMES.get(found[1]) if found else None
    return tuple(step.name for step in scheme) if scheme else None


def _resize(
    weights: dict[str, Tensor], backbone: SpaceTimeTransformer, from_square: bool
) -> tuple[dict[str, Tensor], tuple[Resized, ...]]:
    """Resize positions that differ in number, or all in space if a square grid is meant there."""
    own, (frames, *places) = backbone.state_dict(), backbone.grid
    weights, resized = dict(weights), []
    for name, after in (("pos_embed", tuple(places)), ("time_embed", (frames,))):
        value = weights.get(name)
        if value is None or value.ndim != 3 or value.shape[::2] != own[name].shape[::2]:
            continue  # refused where it is compared with the model
        if value.shape == own[name].shape and not from_square:
            continue
        before = _square(value) if name == "pos_embed" else (value.shape[1],)
        if before not in (None, (0,), after):
            resize = resized_space if name == "pos_embed" else resized_time
            weights[name] = resize(value.float(), after)
            resized.append(Resized(name, before, after))
    return weights, tuple(resized)


def _square(positions: Tensor) -> tuple[int, int] | None:
    """Rows and columns of [1, 1 + h·w, C] if they are as many."""
    side = math.isqrt(max(positions.shape[1] - 1, 0))
    return (side, side) if side and side**2 == positions.shape[1] - 1 else None


def resized_space(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize the positions of a square of patches bicubically, in two dimensions.

    Args:
        positions: [1, 1 + side·side, C], the class token's first, which stays as it is.
        grid: rows and columns.

    Returns:
        [1, 1 + rows·columns, C].
    """
    side = math.isqrt(positions.shape[1] - 1)
    places = positions[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    places = nn.functional.interpolate(places, grid, mode="bicubic", align_corners=False)
    return torch.cat((positions[:, :1], places.flatten(2).transpose(1, 2)), dim=1)


def resized_time(positions: Tensor, frames: tuple[int]) -> Tensor:
    """Resize [1, T, C] linearly to another number of frames."""
    return nn.functional.interpolate(positions.mT, frames, mode="linear").mT


def _check_fit(
    file: WeightFile, weights: dict[str, Tensor], backbone: SpaceTimeTransformer, copied: bool
) -> list[str]:
    """Refuse sizes and names that differ.

    Returns:
        The parameters that stay as they are drawn: positions in time, and the zero layers of steps
        that got a copy.
    """
    own = backbone.state_dict()
    wrong = [
        f"{n} ({_shape(weights[n])} there, {_shape(own[n])} here)"
        for n in own
        if n in weights and own[n].shape != weights[n].shape
    ]
    missing = [n for n in own if n not in weights]
    lacking = [n for n in missing if n != "time_embed" and not (copied and "temporal_fc" in n)]
    unknown = [n for n in weights if n not in own]
    if wrong or lacking or unknown:
        parts = {"of another size": wrong, "missing": lacking, "unknown": unknown}
        told = "; ".join(f"{what}: {_few(names)}" for what, names in parts.items() if names)
        raise CheckpointError(
            f"{file.source} does not fit this model. {told}. Compare the sizes in the config."
        )
    return missing


def _head(
    model: nn.Module, there: dict[str, Tensor], file: WeightFile, classes: Sequence[str] | None
) -> tuple[dict[str, Tensor], str]:
    """The weights for the model's head, none if its classes are others, and what to say of it."""
    layer = getattr(getattr(model, "cls_head", None), "fc_cls", None)
    usable = set(there) == {"weight", "bias"} and there["weight"].ndim == 2
    count = len(there["weight"]) if usable else 0
    if layer is None:
        return {}, f"left out: {count} classes there, no head here" if usable else ""
    if not usable:
        return {}, "as drawn: none there that fits behind the backbone"
    if count != layer.out_features:
        return {}, f"replaced: {count} classes there, {layer.out_features} here"
    named = file.classes
    if named and classes and list(named) != list(classes):
        return {}, f"replaced: {_few(list(named))} there, {_few(list(classes))} here"
    if any(there[name].shape != own.shape for name, own in layer.state_dict().items()):
        return {}, f"replaced: {_shape(there['weight'])} there, {_shape(layer.weight)} here"
    told = "the same names" if named and classes else "names not compared"
    return there, f"loaded: {count} classes, {told}"


def _grouped(names: Sequence[str]) -> str:
    """Names with the layer's number and weight or bias taken together, and how many they are."""
    groups = Counter(
        re.sub(r"\.\d+\.", ".*.", re.sub(r"\.(weight|bias)$", "", name), count=1) for name in names
    )
    return _few([f"{name} ({count})" if count > 1 else name for name, count in groups.items()], 6)


def _shape(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "one number"


def _few(names: Sequence[str], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(map(str, names[:count])) + more
