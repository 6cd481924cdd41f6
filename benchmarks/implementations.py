"""The implementations that are compared, each as a module from clips to one feature per clip."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.authors import load_authors
from helpers import compat  # noqa: F401  (before anything of mmaction2)
from helpers.cost.multiply_adds import count_multiply_adds
from helpers.models.checkpoints import load_pretrained
from helpers.models.transformer import SCHEMES, SpaceTimeTransformer
from helpers.profiles import ModelSize

DIVIDED = "divided_space_time"
SHARED = ("space_only", "joint_space_time", DIVIDED)
DROP_PATH = 0.1
"""Rate of dropped branches in the last layer: what mmaction2 and the authors have built in."""


QUICK = ModelSize(4, 32, 8, 24, 3, 2, "linear")
"""Sizes at which everything takes seconds and no number means anything."""


def tokens(size: ModelSize) -> int:
    """Patch tokens of a clip."""
    return size.num_frames * (size.img_size // size.patch_size) ** 2


def made_up_clips(size: ModelSize, batch: int, device: str = "cpu") -> Tensor:
    """Clips [B, 3, T, height, width] of noise, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch, 3, size.num_frames, size.img_size, size.img_size)
    return torch.randn(shape, generator=generator).to(device)


@dataclass(frozen=True)
class Implementation:
    """One implementation."""

    build: Callable[[ModelSize, str], nn.Module]  # of the given sizes and scheme
    schemes: tuple[str, ...]
    publish: Callable[[nn.Module, Path], Path] | None  # weights to a file, in its published form


def implementations(checkout: Path | None = None) -> dict[str, Implementation]:
    """All implementations by name; the authors' only where a checkout of their code is named."""
    known = {
        "ours": Implementation(_ours, tuple(SCHEMES), None),
        "mmaction2": Implementation(_mmaction2, SHARED, _publish_mmaction2),
        # transformers returns the frames of space_only apart, without the paper's average.
        "transformers": Implementation(_transformers, SHARED[1:], _publish_transformers),
        # Its feed-forward network, class token and positions are not the paper's.
        "lucidrains": Implementation(_lucidrains, (DIVIDED,), None),
    }
    if checkout is not None:
        build = partial(_authors, checkout=checkout)
        known["authors"] = Implementation(build, SHARED, _publish_authors)
    return known


def draw_weights(module: nn.Module, size: ModelSize) -> nn.Module:
    """Draw weights that are nowhere zero, the same for the same names; return the module.

    So strong that attention is far from even, whatever the width: no branch can hide.
    """
    generator = torch.Generator().manual_seed(1)
    for name, parameter in sorted(module.named_parameters()):
        drawn = torch.randn(parameter.shape, generator=generator) * 0.55 * size.embed_dims**-0.5
        scale = parameter.ndim == 1 and name.endswith("weight")  # of a LayerNorm
        parameter.data = drawn + 1 if scale else drawn
    return module


@torch.no_grad()
def largest_difference(
    implementation: Implementation, module: nn.Module, size: ModelSize, scheme: str
) -> float:
    """Largest difference between its features of a clip and ours with its weights, in float32.

    The weights take the way of a user's: a file in the published form, and `load_pretrained`.

    Raises:
        CheckpointError: the file does not open as weights of our backbone.
    """
    ours = _ours(size, scheme)
    with TemporaryDirectory() as folder:
        load_pretrained(ours, str(implementation.publish(module, Path(folder))))
    device = next(module.parameters()).device
    clips = made_up_clips(size, 1, str(device))
    return (ours.to(device).eval()(clips) - module.eval()(clips)).abs().max().item()


def multiply_adds(module: nn.Module, size: ModelSize) -> int:
    """Multiply-adds of the forward pass for one clip, products of attention included."""
    shape = (1, 3, size.num_frames, size.img_size, size.img_size)
    return count_multiply_adds(copy.deepcopy(module).to("meta"), shape)


def parameter_bytes(module: nn.Module) -> int:
    """Bytes of a module's parameters and buffers."""
    tensors = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _ours(size: ModelSize, scheme: str) -> nn.Module:
    return SpaceTimeTransformer(
        **_shared_sizes(size),
        attention_type=scheme,
        drop_path_rate=DROP_PATH,
        class_token_only=True,  # as trainings have it
    )


def _mmaction2(size: ModelSize, scheme: str) -> nn.Module:
    from mmaction.models.backbones import TimeSformer
    from mmengine.registry import init_default_scope

    init_default_scope("mmaction")  # mmaction2 finds its layers by it
    return TimeSformer(**_shared_sizes(size), attention_type=scheme)


def _shared_sizes(size: ModelSize) -> dict[str, int]:
    """The keywords that our backbone has from mmaction2's."""
    return {key: value for key, value in vars(size).items() if key != "patch_embedding"}


def _publish_mmaction2(module: nn.Module, folder: Path) -> Path:
    weights = {f"backbone.{name}": value for name, value in module.state_dict().items()}
    torch.save({"state_dict": weights}, folder / "weights.pth")
    return folder / "weights.pth"


class _Transformers(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> Tensor:
        return self.model(pixel_values=clips.transpose(1, 2)).last_hidden_state[:, 0]


def _transformers(size: ModelSize, scheme: str) -> nn.Module:
    from transformers import TimesformerConfig, TimesformerModel
    from transformers.models.timesformer.modeling_timesformer import TimesformerDropPath

    config = TimesformerConfig(
        image_size=size.img_size,
        patch_size=size.patch_size,
        num_frames=size.num_frames,
        hidden_size=size.embed_dims,
        num_hidden_layers=size.num_transformer_layers,
        num_attention_heads=size.num_heads,
        intermediate_size=4 * size.embed_dims,
        attention_type=scheme,
    )
    model = TimesformerModel(config)
    rates = torch.linspace(0, DROP_PATH, size.num_transformer_layers).tolist()
    for layer, rate in zip(model.encoder.layer, rates, strict=True):
        layer.drop_path = TimesformerDropPath(rate)  # version 5 refuses a rate that is no integer
    return _Transformers(model)


def _publish_transformers(module: nn.Module, folder: Path) -> Path:
    weights = {f"timesformer.{n}": v for n, v in module.model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    return folder / "model.safetensors"


class _Lucidrains(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> Tensor:
        return self.model(clips.transpose(1, 2))


def _lucidrains(size: ModelSize, scheme: str) -> nn.Module:
    from timesformer_pytorch import TimeSformer

    model = TimeSformer(
        dim=size.embed_dims,
        num_frames=size.num_frames,
        num_classes=1,
        image_size=size.img_size,
        patch_size=size.patch_size,
        depth=size.num_transformer_layers,
        heads=size.num_heads,
        dim_head=size.embed_dims // size.num_heads,
    )
    model.to_out[1] = nn.Identity()  # the head: features are compared
    return _Lucidrains(model)


def _authors(size: ModelSize, scheme: str, checkout: Path) -> nn.Module:
    return load_authors(checkout)(
        img_size=size.img_size,
        patch_size=size.patch_size,
        num_classes=0,
        embed_dim=size.embed_dims,
        depth=size.num_transformer_layers,
        num_heads=size.num_heads,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        num_frames=size.num_frames,
        attention_type=scheme,
        drop_path_rate=DROP_PATH,
    )


def _publish_authors(module: nn.Module, folder: Path) -> Path:
    weights = {f"model.{name}": value for name, value in module.state_dict().items()}
    torch.save({"model_state": weights}, folder / "weights.pyth")
    return folder / "weights.pyth"
