"""Memory of a training step, predicted with tensors that have shapes and no content.

A step of training really runs, forward and backward, on torch's fake tensors, and every storage is
counted from its birth to its death. The counting is our own: torch's `MemTracker` hooks into the
modules, which keeps alive what a step frees (of the last layer, all but the class token's), and
takes ten times longer.

The prediction stands for a GPU, though fake tensors on "cuda" cannot run a backward pass where no
GPU is. So they are on the "cpu", with what differs there set right: attention never takes the way
that the backbone keeps for short groups on a CPU, and autocast computes softmax and LayerNorm in
float32. Not counted: what kernels take while they run, the allocator's gaps, the CUDA context, and
what several GPUs need for their exchange.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.library import _scoped_library
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from helpers.cost.network import build_network
from helpers.models.transformer import SelfAttention
from helpers.profiles import ModelSize
from helpers.training.device import Compute
from helpers.training.inference import autocast

GB = 10**9
"""Bytes in a gigabyte, here and in every table. A card sold as 16 GB has 16 · 2³⁰: 7 % are left
for what is not counted."""
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a step of training holds."""

    parameters: int
    optimizer: int  # the momentum of SGD
    saved: int  # kept by the forward pass for the backward pass
    peak: int  # most at any moment: the above, gradients, the clips and what is passing


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all storages that are alive: those made inside, and those handed in."""

    def __init__(self, existing: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: set[int] = set()
        for tensor in existing:
            self._add(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, Tensor):
                self._add(result)
        return results

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._alive:
            self._alive.add(storage._cdata)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._remove, storage._cdata, storage.nbytes())

    def _remove(self, place: int, size: int) -> None:
        self._alive.discard(place)
        self.now -= size


class SavedBytes(saved_tensors_hooks):
    """Counts the bytes that the forward passes inside the block save for their backward passes.

    A storage counts once and whole, even if a part of it was saved; parameters do not count, nor
    does what was saved for a result that is not needed and is gone again.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__(self._pack, lambda tensor: tensor)
        owned = (*network.parameters(), *network.buffers())
        self._owned = {tensor.untyped_storage()._cdata for tensor in owned}
        self._saved: list[weakref.ref] = []

    @property
    def now(self) -> int:
        """Bytes, of what is still alive."""
        alive = [storage for ref in self._saved if (storage := ref()) is not None]
        return sum({storage._cdata: storage.nbytes() for storage in alive}.values())

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._owned:
            self._saved.append(weakref.ref(storage))
        return tensor


@cache
def predict_memory(
    size: ModelSize,
    scheme: str,
    attention: str = "fused",
    precision: str = "float32",
    batch_size: int = 1,
    classes: int = 400,
    **backbone,
) -> StepMemory:
    """Predict what a training step takes on a GPU: forward, cross-entropy, backward, SGD.

    SGD as in the paper, with momentum and weight decay, at a step that is not the first: its
    momentum exists. Takes about a second, whatever the size; asked again, nothing.

    Args:
        size: of the transformer and of the clip.
        scheme: a key of `SCHEMES`.
        attention: "fused" or "stock", see `build_network`.
        precision: "float32", or "bfloat16" or "float16" through autocast.
        batch_size: clips in a batch.
        classes: outputs of the head.
        backbone: further keywords of `SpaceTimeTransformer`, such as `gradient_checkpointing`.

    Raises:
        ValueError: an unknown precision; or see `build_network`.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"precision {precision!r} is unknown: choose one of {', '.join(PRECISIONS)}."
        )
    channels = backbone.get("in_channels", 3)
    shape = (batch_size, channels, size.num_frames, *_sides(size.img_size))
    build = partial(build_network, size, scheme, attention, classes, **backbone)
    return step_memory(build, shape, precision)


def step_memory(
    build: Callable[[], nn.Module], shape: tuple[int, ...], precision: str = "float32"
) -> StepMemory:
    """Predict what a training step of any network takes, see `predict_memory`.

    Args:
        build: makes the network, [B, channels, T, height, width] → scores [B, classes].
        shape: of the clips.
        precision: "float32", or "bfloat16" or "float16" through autocast.
    """
    with FakeTensorMode(), _autocast_of_a_gpu():
        network = build()
        for module in network.modules():
            if isinstance(module, SelfAttention):
                module.OPEN_TOKENS = {}
        optimizer = sgd(network)
        for parameter in network.parameters():
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        momenta = [state["momentum_buffer"] for state in optimizer.state.values()]
        clips = torch.empty(shape)
        labels = torch.zeros(shape[0], dtype=torch.long)
        memory = LiveBytes((*network.parameters(), *network.buffers(), *momenta, clips, labels))
        with memory:
            saving = SavedBytes(network)
            with saving, autocast(Compute("cpu", precision, "predicted")):
                scores = network(clips)
            saved = saving.now
            nn.functional.cross_entropy(scores.float(), labels).backward()
            optimizer.step()
    return StepMemory(_bytes(network.parameters()), _bytes(momenta), saved, memory.peak)


def sgd(network: nn.Module) -> torch.optim.SGD:
    """The paper's optimiser (section 4), as torch runs it on a GPU: all parameters at once."""
    return torch.optim.SGD(
        network.parameters(), lr=0.005, momentum=0.9, weight_decay=1e-4, foreach=True
    )


@contextmanager
def _autocast_of_a_gpu() -> Iterator[None]:
    """Let autocast on the CPU treat softmax and LayerNorm as it does on a GPU: in float32.

    It matters where weights are materialised: their softmax is then kept in float32, and once more
    in the shorter type for the product with the values.
    """

    def softmax(tensor: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return tensor.float().softmax(dim, dtype)

    def layer_norm(tensor, shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return torch.layer_norm(tensor.float(), shape, weight, bias, eps, cudnn_enable)

    with _scoped_library("aten", "IMPL") as rules:
        rules.impl("softmax.int", softmax, "AutocastCPU")
        rules.impl("layer_norm", layer_norm, "AutocastCPU")
        yield


def _sides(img_size: int | tuple[int, int]) -> tuple[int, int]:
    return (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
