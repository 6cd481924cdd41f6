"""TimeSformer's backbone for every attention scheme of the paper (arXiv 2102.05095, section 3).

One idea: patch tokens stand on a grid [B, T, H, W, C] beside one class token [B, 1, C]. A *step*
of attention divides the grid into groups, and tokens attend within their group; a *scheme* is a
tuple of steps, done one after the other in each layer, before the feed-forward network:

    space_only            (space)                 one frame; the frames meet only at the end
    joint_space_time      (space-time)            everything (equations 5 to 8)
    divided_space_time    (time, space)           the same place, then the same frame (eq. 11, 12)
    sparse_local_global   (local, global)         a quarter of the picture, then every second token
    axial                 (time, width, height)   the same place, then row, then column

Each step but the last has a LayerNorm, query, key, value and projection of its own and ends in a
linear layer that starts at zero: a pretrained image transformer is undisturbed at first.
Parameter names are those of mmaction2's `TimeSformer`: checkpoints open on both sides.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from mmaction.models.backbones.timesformer import PatchEmbed
from mmaction.registry import MODELS
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from helpers.models.stem import ConvolutionalStem

_HALF = {"t": "f", "h": "i", "w": "j"}


@dataclass(frozen=True)
class Step:
    """Tokens see those with which they share the axes of `groups`.

    `grid` names the axes of [T, H, W] in einops' way, and `groups` and `members` share the names
    out. f, i and j have length 2 and halve t, h and w: "(i h)" is two windows of neighbours, and
    "(h i)" takes every second token.
    """

    name: str
    groups: str
    members: str
    grid: str = "t h w"
    class_token: bool = True  # it joins every group, and what they make of it is averaged

    def gather(self, tokens: Tensor) -> Tensor:
        """[B, T, H, W, C] → [B·groups, members, C]."""
        pattern = f"b {self.grid} c -> (b {self.groups}) ({self.members}) c"
        return rearrange(tokens, pattern, **self._lengths(tokens.shape[1:4]))

    def scatter(self, tokens: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """[B·groups, members, C] → [B, T, H, W, C], the inverse of `gather`."""
        pattern = f"(b {self.groups}) ({self.members}) c -> b {self.grid} c"
        return rearrange(tokens, pattern, **self._lengths(grid))

    def _lengths(self, grid: tuple[int, int, int]) -> dict[str, int]:
        """Length of each axis on a grid of T, H, W tokens."""
        lengths = {}
        for (axis, half), size in zip(_HALF.items(), grid, strict=True):
            lengths |= {axis: size // 2, half: 2} if half in self.grid else {axis: size}
        return lengths


TIME = Step("time", "h w", "t", class_token=False)
SPACE = Step("space", "t", "h w")
SPACE_TIME = Step("space-time", "", "t h w")
WIDTH = Step("width", "t h", "w")
HEIGHT = Step("height", "t w", "h")
LOCAL = Step("local", "i j", "t h w", grid="t (i h) (j w)")
GLOBAL = Step("global", "f i j", "t h w", grid="(t f) (h i) (w j)")

SCHEMES = {
    "space_only": (SPACE,),
    "joint_space_time": (SPACE_TIME,),
    "divided_space_time": (TIME, SPACE),
    "sparse_local_global": (LOCAL, GLOBAL),
    "axial": (TIME, WIDTH, HEIGHT),
}

POSITIONS = ("none", "space", "space_time")
NORM = {"type": "LN", "eps": 1e-6}


def with_class_token_in_time(attention_type: str) -> tuple[Step, ...]:
    """The scheme in which the class token takes part in the steps over time (equation 13).

    Raises:
        ValueError: the scheme has no step over time.
    """
    scheme = SCHEMES[attention_type]
    if TIME not in scheme:
        having = ", ".join(name for name, steps in SCHEMES.items() if TIME in steps)
        raise ValueError(
            f"class_token_in_time: {attention_type} has no step over time; it is for {having}."
        )
    return tuple(replace(step, class_token=True) if step is TIME else step for step in scheme)


class DropPath(nn.Module):
    """Drop a residual branch for whole clips, and scale the rest up (stochastic depth)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor, clips: int) -> Tensor:
        """`branch` is [clips·n, ...]; all n rows of a clip are kept or dropped together."""
        if not self.training or self.rate == 0:
            return branch
        kept = torch.rand(clips, 1, device=branch.device) >= self.rate
        scale = kept.to(branch.dtype) / (1 - self.rate)
        scale = scale.expand(clips, branch.shape[0] // clips).reshape(-1)
        return branch * scale.view(-1, *[1] * (branch.ndim - 1))


class SelfAttention(nn.Module):
    """Multi-head self-attention (equations 5 to 8), with nn.MultiheadAttention's parameters.

    Fused, so that no matrix of weights is stored; but on a CPU groups of at most `OPEN_TOKENS`
    tokens go through two plain products, where the fused kernel is up to 5 times slower on them.
    While `record` is a list, the weights [groups, heads, tokens, tokens] are appended to it, and
    keep their gradient where one is computed.
    """

    OPEN_TOKENS: ClassVar = {torch.bfloat16: 1024, torch.float32: 32}
    """By type, up to where the products were the faster ones (benchmarks/README.md)."""

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dims, embed_dims))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dims))
        self.out_proj = nn.Linear(embed_dims, embed_dims)
        self.record: list[Tensor] | None = None

    def forward(self, tokens: Tensor, first_only: bool = False) -> Tensor:
        """[groups, tokens, C] → [groups, tokens, C], or `first_only` what the first one makes."""
        if first_only:
            (query,) = self.project(tokens[:, :1], 0, 1)
            key, value = self.project(tokens, 1, 3)
        else:
            query, key, value = self.project(tokens, 0, 3)
        short = tokens.is_cpu and tokens.shape[1] <= self.OPEN_TOKENS.get(query.dtype, 0)
        if self.record is None and not short:
            mixed = scaled_dot_product_attention(query, key, value)
        else:
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
            weights = scores.softmax(-1)
            if self.record is not None:
                if weights.requires_grad:
                    weights.retain_grad()
                self.record.append(weights)
            mixed = weights @ value
        return self.out_proj(rearrange(mixed, "g n l d -> g l (n d)"))

    def project(self, tokens: Tensor, first: int, end: int) -> Tensor:
        """Query, key, value from the `first` to before the `end`: [parts, g, heads, l, C/heads].

        One product of two matrices, however the groups [g, l, C] lie in memory.
        """
        part = slice(first * tokens.shape[-1], end * tokens.shape[-1])
        rows = rearrange(tokens, "g l c -> (g l) c")
        projected = nn.functional.linear(rows, self.in_proj_weight[part], self.in_proj_bias[part])
        axes = {"l": tokens.shape[1], "k": end - first, "n": self.num_heads}
        return rearrange(projected, "(g l) (k n d) -> k g n l d", **axes)


class StepAttention(nn.Module):
    """One step of a scheme as a residual branch of the grid and of the class token."""

    def __init__(
        self, step: Step, embed_dims: int, num_heads: int, own_norm: bool, last: bool, drop: float
    ) -> None:
        super().__init__()
        self.step = step
        if own_norm:
            self.norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attn = SelfAttention(embed_dims, num_heads)
        self.drop_path = DropPath(drop)
        if not last:
            self.temporal_fc = nn.Linear(embed_dims, embed_dims)

    def forward(
        self,
        tokens: Tensor,
        class_token: Tensor,
        norm: nn.LayerNorm | None = None,
        class_token_only: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Add what attention brings to [B, T, H, W, C] and [B, 1, C].

        `norm` is the layer's own where this step has none. `class_token_only` leaves the grid as it
        is; for a step in which the class token takes part.
        """
        clips, *grid, _ = tokens.shape
        norm = norm if norm is not None else self.norm
        gathered = self.step.gather(norm(tokens))
        groups = gathered.shape[0] // clips
        if self.step.class_token:
            copies = repeat(norm(class_token), "b 1 c -> (b g) 1 c", g=groups)
            gathered = torch.cat((copies, gathered), dim=1)
        branch = self.drop_path(self.attn(gathered, first_only=class_token_only), clips)
        if hasattr(self, "temporal_fc"):
            branch = self.temporal_fc(branch)
        if self.step.class_token:
            class_branch = reduce(branch[:, 0], "(b g) c -> b 1 c", "mean", g=groups)
            class_token, branch = class_token + class_branch, branch[:, 1:]
        if class_token_only:
            return tokens, class_token
        return tokens + self.step.scatter(branch, tuple(grid)), class_token


class FeedForward(nn.Module):
    """Two linear layers with GELU between them (equation 9), as a residual branch."""

    def __init__(self, embed_dims: int, own_norm: bool, drop: float) -> None:
        super().__init__()
        if own_norm:
            self.norm = nn.LayerNorm(embed_dims, eps=1e-6)
        hidden = nn.Sequential(nn.Linear(embed_dims, 4 * embed_dims), nn.GELU())
        self.layers = nn.Sequential(hidden, nn.Linear(4 * embed_dims, embed_dims))
        self.drop_path = DropPath(drop)

    def forward(self, tokens: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
        """[B, ..., C] → [B, ..., C]."""
        norm = norm if norm is not None else self.norm
        return tokens + self.drop_path(self.layers(norm(tokens)), tokens.shape[0])


class SpaceTimeLayer(nn.Module):
    """The steps of a scheme, then the feed-forward network.

    As in mmaction2, the norms of a scheme with one step belong to the layer, those of a scheme with
    several to their step.
    """

    def __init__(self, scheme: tuple[Step, ...], embed_dims: int, num_heads: int, drop: float):
        super().__init__()
        several = len(scheme) > 1
        self.attentions = nn.ModuleList(
            StepAttention(step, embed_dims, num_heads, several, step is scheme[-1], drop)
            for step in scheme
        )
        self.ffns = nn.ModuleList([FeedForward(embed_dims, several, drop)])
        if not several:
            self.norms = nn.ModuleList(nn.LayerNorm(embed_dims, eps=1e-6) for _ in range(2))

    def forward(
        self, tokens: Tensor, class_token: Tensor, class_token_only: bool = False
    ) -> tuple[Tensor, Tensor]:
        """[B, T, H, W, C] and [B, 1, C] → the same; `class_token_only`: only the latter counts."""
        attention_norm, feed_forward_norm = getattr(self, "norms", (None, None))
        *earlier, last = self.attentions
        for attention in earlier:
            tokens, class_token = attention(tokens, class_token, attention_norm)
        tokens, class_token = last(tokens, class_token, attention_norm, class_token_only)
        feed_forward = self.ffns[0]
        if not class_token_only:
            tokens = feed_forward(tokens, feed_forward_norm)
        return tokens, feed_forward(class_token, feed_forward_norm)


@MODELS.register_module()
class SpaceTimeTransformer(nn.Module):
    """TimeSformer with any attention scheme and positional embedding.

    Constructor keywords and defaults are those of mmaction2's `TimeSformer`, so that changing
    `type` in a config is enough; those behind `norm_cfg` come on top.

    Args:
        num_frames: frames T of a clip.
        img_size: height and width of a frame in pixels, a multiple of `patch_size`.
        patch_size: side of a square patch in pixels.
        pretrained: checkpoint to start from: a path, or an address that mmengine's loader opens.
        embed_dims: width C of a token.
        num_heads: attention heads per step.
        num_transformer_layers: layers.
        in_channels: colour channels.
        dropout_ratio: dropout behind the positional embeddings.
        transformer_layers: None; the scheme decides what a layer is.
        attention_type: a scheme of the paper, a key of `SCHEMES`.
        norm_cfg: of the last norm, a LayerNorm.
        positional_embedding: "none", "space" or "space_time" (section 4.3, table 4).
        patch_embedding: "linear" (section 3, equation 1), or "convolutional" for small models
            that start without pretrained weights, see `ConvolutionalStem`.
        class_token_in_time: let the class token take part in the steps over time, as equation 13
            of the paper has it. The code that its authors released leaves it out, and so does
            mmaction2; their weights want it left out.
        time_embed_std: size of the positions in time before training. The paper's 0 leaves a
            pretrained image transformer undisturbed; a short training learns the order of frames
            much sooner with 0.5, the size of those in space.
        drop_path_rate: rate of dropped branches in the last layer, rising linearly from 0.
        gradient_checkpointing: keep only what enters a layer, and compute the rest again for the
            backward pass: less memory for a quarter to a third more time.
        class_token_only: compute of the last layer only what the class token needs, which is all
            that a clip's feature is made of. The same feature and gradients for less work: 5 % of
            it in ViT-B with divided attention, the more the fewer layers.

    Raises:
        ValueError: an unknown scheme or embedding, sizes that do not divide, a scheme without a
            step over time whose class token is to take part in it, or other layers or norms.
    """

    def __init__(
        self,
        num_frames: int,
        img_size: int | tuple[int, int],
        patch_size: int,
        pretrained: str | None = None,
        embed_dims: int = 768,
        num_heads: int = 12,
        num_transformer_layers: int = 12,
        in_channels: int = 3,
        dropout_ratio: float = 0.0,
        transformer_layers: None = None,
        attention_type: str = "divided_space_time",
        norm_cfg: Mapping = NORM,
        positional_embedding: str = "space_time",
        patch_embedding: str = "linear",
        class_token_in_time: bool = False,
        time_embed_std: float = 0.0,
        drop_path_rate: float = 0.1,
        gradient_checkpointing: bool = False,
        class_token_only: bool = False,
    ) -> None:
        super().__init__()
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        _check("attention_type", attention_type, tuple(SCHEMES))
        _check("positional_embedding", positional_embedding, POSITIONS)
        _check("patch_embedding", patch_embedding, ("linear", "convolutional"))
        _check("norm_cfg type", norm_cfg.get("type"), ("LN",))
        if transformer_layers is not None:
            raise ValueError(
                "transformer_layers cannot be given: attention_type decides what a layer is. Leave "
                "it out, or take mmaction2's TimeSformer."
            )
        if height % patch_size or width % patch_size:
            raise ValueError(
                f"img_size {height}×{width} is no multiple of patch_size {patch_size}: "
                "choose a size that it divides."
            )
        if embed_dims % num_heads:
            raise ValueError(f"num_heads {num_heads} does not divide embed_dims {embed_dims}.")
        self.grid = (num_frames, height // patch_size, width // patch_size)
        if attention_type == "sparse_local_global" and any(side % 2 for side in self.grid):
            raise ValueError(
                f"sparse_local_global halves the grid of {self.grid} tokens (frames, rows, "
                "columns): make each even."
            )
        self.pretrained = pretrained
        self.attention_type = attention_type
        self.scheme = SCHEMES[attention_type]
        if class_token_in_time:
            self.scheme = with_class_token_in_time(attention_type)
        self.time_embed_std = time_embed_std
        self.gradient_checkpointing = gradient_checkpointing
        self.class_token_only = class_token_only

        if patch_embedding == "linear":
            self.patch_embed = PatchEmbed((height, width), patch_size, in_channels, embed_dims)
        else:
            self.patch_embed = ConvolutionalStem(patch_size, in_channels, embed_dims)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        if positional_embedding != "none":
            places = self.grid[1] * self.grid[2]
            self.pos_embed = nn.Parameter(torch.zeros(1, places + 1, embed_dims))
        if positional_embedding == "space_time" and attention_type != "space_only":
            self.time_embed = nn.Parameter(torch.zeros(1, num_frames, embed_dims))
        self.dropout = nn.Dropout(dropout_ratio)
        self.transformer_layers = nn.Module()
        self.transformer_layers.layers = nn.ModuleList(
            SpaceTimeLayer(self.scheme, embed_dims, num_heads, float(drop))
            for drop in np.linspace(0, drop_path_rate, num_transformer_layers)
        )
        self.norm = nn.LayerNorm(embed_dims, eps=norm_cfg.get("eps", 1e-5))

    def init_weights(self, pretrained: str | None = None) -> None:
        """Draw the weights; then load those of `pretrained`, where one is named.

        Positions begin as waves as strong as the patches' own embedding: drawn small, as usual
        before long pretraining, they take a short training most of its time to grow.
        """
        for name, parameter in self.named_parameters():
            if "temporal_fc" in name or name.endswith("bias") or name == "time_embed":
                nn.init.zeros_(parameter)
            elif "patch_embed" not in name and "norm" not in name:
                trunc_normal_(parameter, std=0.02)
        if hasattr(self, "pos_embed"):
            waves = sine_positions(self.grid[1:], self.pos_embed.shape[-1])
            self.pos_embed.data[0, 1:] = 0.5 * waves
        if hasattr(self, "time_embed") and self.time_embed_std:
            self.time_embed.data[0] = self.time_embed_std * straight_times(
                *self.time_embed.shape[1:]
            )
        pretrained = pretrained or self.pretrained
        if pretrained:
            from helpers.models.checkpoints import load_pretrained

            load_pretrained(self, pretrained)

    def forward(self, clips: Tensor) -> Tensor:
        """Feature of each clip: [B, channels, T, height, width] → [B, C]."""
        return self.norm(self._through_layers(clips, self.class_token_only)[1])[:, 0]

    def tokens(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Patch tokens [B, T, H, W, C] and class token [B, 1, C] behind the last layer."""
        tokens, class_token = self._through_layers(clips)
        return self.norm(tokens), self.norm(class_token)

    def _through_layers(
        self, clips: Tensor, class_token_only: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Both kinds of tokens before the last norm; `class_token_only`: patches do not count."""
        tokens, class_token = self.embed(clips)
        recompute = self.gradient_checkpointing and self.training and torch.is_grad_enabled()
        *_, last = layers = self.transformer_layers.layers
        for layer in layers:
            given = (tokens, class_token, class_token_only and layer is last)
            if recompute:
                tokens, class_token = checkpoint(layer, *given, use_reentrant=False)
            else:
                tokens, class_token = layer(*given)
        if self.attention_type == "space_only":
            tokens = rearrange(tokens, "(b t) 1 h w c -> b t h w c", t=self.grid[0])
        return tokens, self.merge_frames(class_token)

    def embed(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Patch and class tokens as they enter the first layer: [B, T, H, W, C] and [B, 1, C].

        With space only, the frames are clips of their own: [B·T, 1, H, W, C] and [B·T, 1, C].
        """
        frames, rows, columns = self.grid
        patches = self.patch_embed(clips).contiguous()  # convolutions leave channels outermost
        tokens = rearrange(patches, "(b t) (h w) c -> b t h w c", t=frames, h=rows, w=columns)
        class_token = self.cls_token.expand(tokens.shape[0], -1, -1)
        if hasattr(self, "pos_embed"):
            class_token = class_token + self.pos_embed[:, :1]
            tokens = tokens + self.pos_embed[:, 1:].view(1, 1, rows, columns, -1)
        if hasattr(self, "time_embed"):
            tokens = tokens + self.time_embed.view(1, frames, 1, 1, -1)
        tokens, class_token = self.dropout(tokens), self.dropout(class_token)
        if self.attention_type == "space_only":  # frames are clips of their own until the end
            tokens = rearrange(tokens, "b t h w c -> (b t) 1 h w c")
            class_token = repeat(class_token, "b 1 c -> (b t) 1 c", t=frames)
        return tokens, class_token

    def merge_frames(self, class_token: Tensor) -> Tensor:
        """Class token of each clip behind the last layer, [B, 1, C]: with space only their mean."""
        if self.attention_type != "space_only":
            return class_token
        return reduce(class_token, "(b t) 1 c -> b 1 c", "mean", t=self.grid[0])

    @contextmanager
    def explaining(self, layers: Iterable[int] | None = None) -> Iterator[list[list[Tensor]]]:
        """Record the attention weights of the forward passes inside the block.

        Under autograd each recorded tensor has its gradient in `.grad` after a backward pass.
        Outside of the block nothing is recorded, and attention is fused again. Inside, every layer
        is computed whole.

        Args:
            layers: which to record, counted from 0; all when None.

        Yields:
            One list per layer of the network; after a forward pass it holds, for each step of the
            scheme, the weights [B·groups, heads, tokens, tokens], the class token first where it
            takes part. Those of layers that are not recorded stay empty.
        """
        network = self.transformer_layers.layers
        records: list[list[Tensor]] = [[] for _ in network]
        chosen = range(len(network)) if layers is None else list(layers)
        switches = self.gradient_checkpointing, self.class_token_only
        self.gradient_checkpointing = self.class_token_only = False
        try:
            for place in chosen:
                for attention in network[place].attentions:
                    attention.attn.record = records[place]
            yield records
        finally:
            self.gradient_checkpointing, self.class_token_only = switches
            for layer in network:
                for attention in layer.attentions:
                    attention.attn.record = None


def sine_positions(grid: tuple[int, int], embed_dims: int) -> Tensor:
    """Sines and cosines of row and column, in waves from 6 to 600 patches long: [H·W, C].

    Vaswani et al., arXiv 1706.03762, section 3.5, in two dimensions. Dimensions that four does not
    divide stay zero.
    """
    count = embed_dims // 4
    frequencies = 100.0 ** -(torch.arange(count) / count)
    places = torch.cartesian_prod(*(torch.arange(size) for size in grid)).float()
    angles = places[:, :, None] * frequencies  # [H·W, 2, C/4]
    waves = torch.cat((angles.sin(), angles.cos()), dim=2).flatten(1)
    return nn.functional.pad(waves, (0, embed_dims - waves.shape[1]))


def straight_times(frames: int, embed_dims: int) -> Tensor:
    """Frames evenly along one drawn direction, from first to last: [T, C], mean 0, variance 1."""
    places = torch.linspace(-1, 1, frames) if frames > 1 else torch.zeros(1)
    places = places / places.std(correction=0).clamp_min(1e-6)
    return places[:, None] * torch.randn(embed_dims)


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} {value!r} is unknown: choose one of {', '.join(known)}.")
