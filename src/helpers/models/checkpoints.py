"""Weights from elsewhere: mmaction2's TimeSformers and image transformers, and this project's.

An image transformer becomes a video transformer as the paper has it (section 4): its attention
goes into every step of the layer, and the steps that are new begin without effect.
"""

import logging
import os
import pickle
import re
import struct
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

log = logging.getLogger(__name__)

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, pickle.UnpicklingError, struct.error),
    *(ValueError, LookupError, AttributeError, TypeError, AssertionError),
)
"""What `torch.load` raises on a file that is cut or of another kind, found by trying such files."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be opened, or does not fit the model."""


def read_weights(source: str) -> dict[str, Tensor]:
    """Read the backbone's weights from a file or address.

    The file is opened without running any code in it. An address is fetched by mmengine's loader,
    which keeps the file in torch's cache.

    Args:
        source: path or http(s) address of a checkpoint: a state dict, or a dict that holds one
            under `state_dict`; a recogniser's or a backbone's.

    Raises:
        CheckpointError: there is none, it is cut, it holds code, or it cannot be fetched.
    """
    remote = source.startswith(("http://", "https://"))
    if not remote and not Path(source).expanduser().is_file():
        raise CheckpointError(f"{source}: no such file. Name a checkpoint, or None to start anew.")
    try:
        with _only_weights():
            loaded = CheckpointLoader.load_checkpoint(source, map_location="cpu")
    except (URLError, TimeoutError, ConnectionError) as error:
        raise CheckpointError(
            f"{source} cannot be fetched ({error}). Fetch it on a machine with a network and name "
            "the file instead."
        ) from error
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        kept = f" (first remove it from {torch.hub.get_dir()}/checkpoints)" if remote else ""
        raise CheckpointError(
            f"{source} does not open as a checkpoint of weights: {reason} It is cut, of another "
            f"kind, or holds more than tensors; fetch it again{kept}, or save its state_dict alone."
        ) from error
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else {}
    weights = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(f"{source} holds no weights (no state_dict of tensors).")
    inside = {n.removeprefix("backbone."): v for n, v in weights.items() if _is_backbone(n)}
    return inside or weights


def load_pretrained(backbone: nn.Module, source: str) -> list[str]:
    """Load weights into a `SpaceTimeTransformer`, from the same scheme or from a simpler one.

    Positions are resized where the grid differs: in space bicubically in two dimensions, in time
    linearly.

    Args:
        backbone: the model.
        source: see `read_weights`.

    Returns:
        The parameters that stay as they were drawn: new steps' zero layers, positions in time.

    Raises:
        CheckpointError: it cannot be read, or leaves anything else untouched or unused.
    """
    weights = _spread(read_weights(source), len(backbone.scheme))
    own = backbone.state_dict()
    for name, resize in (("pos_embed", _resize_space), ("time_embed", _resize_time)):
        if name in weights and name in own and weights[name].shape != own[name].shape:
            before = tuple(weights[name].shape)
            weights[name] = resize(weights[name], own[name], backbone.grid)
            log.info("%s: %s resized from %s", source, name, before)
    wrong = [n for n in own if n in weights and own[n].shape != weights[n].shape]
    missing = [n for n in own if n not in weights]
    lacking = [n for n in missing if "temporal_fc" not in n and n != "time_embed"]
    unused = [n for n in weights if n not in own and n != "time_embed"]
    if wrong or lacking or unused:
        parts = {"of another size": wrong, "missing": lacking, "unknown": unused}
        told = "; ".join(f"{what}: {_few(names)}" for what, names in parts.items() if names)
        raise CheckpointError(f"{source} does not fit this model. {told}. Compare the sizes.")
    backbone.load_state_dict({n: w for n, w in weights.items() if n in own}, strict=False)
    log.info("%s: %d tensors loaded, %d left as drawn", source, len(weights), len(missing))
    return missing


@contextmanager
def _only_weights():
    """Keep `torch.load` from running code, also where mmengine's loader does not ask for it."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _is_backbone(name: str) -> bool:
    return name.startswith("backbone.")


def _spread(weights: dict[str, Tensor], steps: int) -> dict[str, Tensor]:
    """Give every step the attention of a checkpoint that has one step a layer.

    Norms move from the layer to the steps, as mmaction2 names them.
    """
    has_several = any(".attentions.1." in name for name in weights)
    if steps == 1 or has_several:
        return weights
    spread = {}
    for name, value in weights.items():
        name = name.replace(".norms.1.", ".ffns.0.norm.")
        name = name.replace(".norms.0.", ".attentions.0.norm.")
        for step in range(steps if ".attentions.0." in name else 1):
            spread[re.sub(r"\.attentions\.0\.", f".attentions.{step}.", name)] = value.clone()
    return spread


def _resize_space(weights: Tensor, own: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Resize [1, 1 + h·w, C] (a square grid, class token first) to the model's rows and columns."""
    side = round((weights.shape[1] - 1) ** 0.5)
    if side**2 != weights.shape[1] - 1 or weights.shape[2] != own.shape[2]:
        return weights
    places = weights[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    places = nn.functional.interpolate(places, grid[1:], mode="bicubic", align_corners=False)
    return torch.cat((weights[:, :1], places.flatten(2).transpose(1, 2)), dim=1)


def _resize_time(weights: Tensor, own: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Resize [1, T, C] linearly to the model's frames."""
    if weights.shape[2] != own.shape[2]:
        return weights
    return nn.functional.interpolate(weights.transpose(1, 2), grid[0], mode="linear").transpose(
        1, 2
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
