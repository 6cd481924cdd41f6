"""Weights for the convolutional networks: torchvision's, mmaction2's, and this project's own."""

import logging
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from helpers.models.checkpoints import resized_time
from helpers.models.cnn import CnnTransformer
from helpers.models.networks import NETWORKS
from helpers.models.weight_files import CheckpointError, open_weights

log = logging.getLogger(__name__)

PUBLISHED = "published"
"""Stands for the weights that torchvision or mmaction2 publish for a network."""


@dataclass(frozen=True)
class LoadedCnn:
    """What loading did; `str` of it is an account for a notebook."""

    source: str
    tensors: int  # of the model that were set
    fresh: tuple[str, ...]  # the model's tensors that stay as drawn
    left_out: tuple[str, ...]  # tensors of the file that have no place in the model

    def __str__(self) -> str:
        told = [f"{self.source}: {self.tensors} tensors loaded"]
        told += [f"left as drawn: {', '.join(self.fresh[:3])} …"] if self.fresh else []
        told += [f"left out: {', '.join(self.left_out[:3])} …"] if self.left_out else []
        return "\n  ".join(told)


def address_of(network: str, source: str | Path) -> str | Path:
    """The address that "published" stands for, or `source` as it is."""
    return NETWORKS[network].published if source == PUBLISHED else source


def load_cnn(backbone: CnnTransformer, source: str | Path) -> LoadedCnn:
    """Load a network's weights, and those of the encoder where the file has them.

    Heads are left out: one for other classes begins anew. Positions in time are resized linearly.

    Args:
        backbone: to load into.
        source: "published", a file or an address; with the names of torchvision, of mmaction2's
            recognisers, or of this project's trainings.

    Raises:
        CheckpointError: it cannot be fetched or opened, or is of another network; the model is then
            unchanged.
    """
    file = open_weights(address_of(backbone.network, source))
    weights = {_own_name(name): value for name, value in file.tensors.items()}
    own = backbone.state_dict()
    _check_network(backbone, weights, own, file.source)
    if "time_embed" in weights and "time_embed" in own:
        weights["time_embed"] = resized_time(weights["time_embed"], own["time_embed"].shape[1:2])
    fitting = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape
    }
    backbone.load_state_dict(fitting, strict=False)
    loaded = LoadedCnn(
        file.source,
        len(fitting),
        tuple(name for name in own if name not in fitting),
        tuple(name for name in weights if name not in fitting),
    )
    log.info("%s", loaded)
    return loaded


def _own_name(name: str) -> str:
    """Name here of a tensor there."""
    parts = name.removeprefix("module.").split(".")
    if parts[0] == "backbone":
        ours = {"cnn", "encoder", "norm", "embed", "cls_token", "pos_embed", "time_embed"}
        return ".".join(parts[1:] if parts[1] in ours else ["cnn", *parts[1:]])
    return name if parts[0] == "cls_head" else ".".join(["cnn", *parts])


def _check_network(
    backbone: CnnTransformer, weights: dict[str, Tensor], own: dict[str, Tensor], source: str
) -> None:
    """The file must hold the whole network, in the same sizes."""
    for name, value in own.items():
        if not name.startswith("cnn.") or name.endswith("num_batches_tracked"):
            continue
        there = weights.get(name)
        if there is None or there.shape != value.shape:
            shape = "nothing" if there is None else f"a tensor {list(there.shape)}"
            raise CheckpointError(
                f"{source} is not of {backbone.network}: it has {shape} for {name}, which is "
                f"{list(value.shape)} here. Choose a file of this network, and width=1 for "
                "published weights."
            )
