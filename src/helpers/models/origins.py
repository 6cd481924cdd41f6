"""Where weights come from: how each project names its tensors, and how it normalises pictures.

An origin is data: a name that only it has, the names of its modules beside ours (which are those of
mmaction2's `TimeSformer`), the module of its head, and the mean and standard deviation that its
weights were trained with.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Normalisation:
    """What is taken from each colour of a pixel, and what the rest is divided by, in 0 to 255."""

    mean: Triple
    std: Triple
    told_by: str = field(default="", compare=False)  # who says so


def in_bytes(values: Iterable[float], scale: float = 255.0) -> tuple[float, ...]:
    """Values of a pixel's scale, 0 to 1 unless `scale` is another, on that from 0 to 255."""
    return tuple(round(float(value * scale), 4) for value in values)


HALF = (in_bytes([0.5] * 3), in_bytes([0.5] * 3))
KINETICS = (in_bytes([0.45] * 3), in_bytes([0.225] * 3))
IMAGENET = (in_bytes([0.485, 0.456, 0.406]), in_bytes([0.229, 0.224, 0.225]))


@dataclass(frozen=True)
class Origin:
    """One project's names and normalisation.

    Names in `in_layer` and `outside` are those of a module (or parameter) there, and what they are
    here up to the last part: "attn.qkv" → "attentions.0.attn.in_proj_" turns `attn.qkv.bias` into
    `attentions.0.attn.in_proj_bias`. Attention over time is "attentions.time" until it has its
    place, and separate projections of query, key and value are put together.
    """

    name: str
    sign: str  # regular expression that finds a name which only this origin has
    normalisation: tuple[Triple, Triple]
    layers: str  # regular expression of what stands before a layer's number
    in_layer: Mapping[str, str] | None  # None: the names are ours
    outside: Mapping[str, str]
    head: str
    source: str
    prefix: str = ""  # of the backbone's names; where it occurs, other names are not the backbone's
    wrapped: str | None = None  # key of the file under which alone it is found
    ignored: tuple[str, ...] = ()  # beginnings of names that a video transformer has no use for
    before_head: str | None = None  # module, ignored too, without which the head means nothing
    beside: tuple[str, ...] = ()  # files that tell the normalisation, the first that is there

    def matches(self, names: Iterable[str], key: str | None) -> bool:
        """Whether weights of these names, found under this key of their file, are of this kind."""
        return self.wrapped in (None, key) and any(re.search(self.sign, name) for name in names)

    def convert(self, weights: Mapping[str, Tensor]) -> "Converted":
        """Give weights our names. What is unknown keeps its own."""
        has_prefix = any(name.startswith(self.prefix) for name in weights) if self.prefix else False
        backbone, head, left_out = {}, {}, []
        for name, value in weights.items():
            short = name.removeprefix(self.prefix)
            if short.startswith(f"{self.head}."):
                head[short.removeprefix(f"{self.head}.")] = value
            elif (has_prefix and short == name) or short.startswith(self.ignored):
                left_out.append(name)
            else:
                backbone[self._ours(short)] = value
        if self.before_head and any(name.startswith(self.before_head) for name in left_out):
            left_out += [f"{self.head}.{name}" for name in head]
            head = {}
        timed = any(".attentions.time." in name for name in backbone)
        if timed:
            backbone = {_timed(name): value for name, value in backbone.items()}
        steps = ("time", "space") if timed else None
        return Converted(_joined(backbone), head, tuple(left_out), steps)

    def _ours(self, name: str) -> str:
        if self.in_layer is None:
            return name
        module, _, kind = name.rpartition(".")
        if name in self.outside:
            return self.outside[name]
        if module in self.outside:
            return self.outside[module] + kind
        found = re.fullmatch(rf"(?:{self.layers})\.(\d+)\.(.+)", module)
        if found and found[2] in self.in_layer:
            return f"transformer_layers.layers.{found[1]}.{self.in_layer[found[2]]}{kind}"
        return name


@dataclass(frozen=True)
class Converted:
    """Weights in our names."""

    backbone: dict[str, Tensor]
    head: dict[str, Tensor]  # weight and bias of the linear layer
    left_out: tuple[str, ...]  # in their names
    steps: tuple[str, ...] | None  # of attention in a layer, where the names tell

    @property
    def count(self) -> int:
        """Steps of attention in a layer."""
        found = (re.search(r"\.attentions\.(\d+)\.", name) for name in self.backbone)
        return 1 + max((int(step[1]) for step in found if step), default=0)

    def spread(self, steps: Sequence[str]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """Give every step the attention of weights that have one step a layer.

        Norms move from the layer to the steps, as mmaction2 names them.

        Args:
            steps: names of the model's steps.

        Returns:
            The weights, and the names of the steps that got a copy: all, or none where weights and
            model have as many.
        """
        if len(steps) == 1 or self.count > 1:
            return dict(self.backbone), ()
        spread = {}
        for name, value in self.backbone.items():
            name = name.replace(".norms.1.", ".ffns.0.norm.")
            name = name.replace(".norms.0.", ".attentions.0.norm.")
            for step in range(len(steps) if ".attentions.0." in name else 1):
                spread[name.replace(".attentions.0.", f".attentions.{step}.")] = value
        return spread, tuple(steps)


def _timed(name: str) -> str:
    """Time is the first step and space the second, each with a norm of its own."""
    for before, after in (
        (".norms.0.", ".attentions.1.norm."),
        (".norms.1.", ".ffns.0.norm."),
        (".attentions.0.", ".attentions.1."),
        (".attentions.time.", ".attentions.0."),
    ):
        if before in name:
            return name.replace(before, after)
    return name


def _joined(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put query, key and value into one projection, as nn.MultiheadAttention has them."""
    joined = dict(weights)
    for name in weights:
        if ".attn.query_" not in name:
            continue
        three = [name.replace(".query_", f".{part}_") for part in ("query", "key", "value")]
        shapes = {weights[n].shape if n in weights else () for n in three}
        if len(shapes) == 1 and shapes != {()}:
            joined[name.replace(".query_", ".in_proj_")] = torch.cat([joined.pop(n) for n in three])
    return joined


_FEED_FORWARD = {"mlp.fc1": "ffns.0.layers.0.0.", "mlp.fc2": "ffns.0.layers.1."}
_BLOCK = {
    "norm1": "norms.0.",
    "attn.qkv": "attentions.0.attn.in_proj_",
    "attn.proj": "attentions.0.attn.out_proj.",
    "norm2": "norms.1.",
    **_FEED_FORWARD,
}
_BLOCK_OUTSIDE = {"patch_embed.proj": "patch_embed.projection."}
_DENSE = {
    "layernorm_before": "norms.0.",
    "attention.output.dense": "attentions.0.attn.out_proj.",
    "layernorm_after": "norms.1.",
    "intermediate.dense": "ffns.0.layers.0.0.",
    "output.dense": "ffns.0.layers.1.",
}
_EMBEDDINGS = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.time_embeddings": "time_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.projection.",
    "layernorm": "norm.",
}
_PROCESSORS = ("video_preprocessor_config.json", "preprocessor_config.json")

MMACTION = Origin(
    name="mmaction2's names",
    sign=r"^(backbone\.)?transformer_layers\.layers\.\d+\.",
    normalisation=HALF,
    layers="transformer_layers.layers",
    in_layer=None,
    outside={},
    head="cls_head.fc_cls",
    prefix="backbone.",
    source="mmaction2's zoo (its TimeSformers, and the ViT that they started from), this project",
)

TIMM = Origin(
    name="a plain ViT in timm's names",
    sign=r"^blocks\.\d+\.attn\.qkv\.",
    normalisation=HALF,
    layers="blocks",
    in_layer=_BLOCK,
    outside=_BLOCK_OUTSIDE,
    head="head",
    ignored=("pre_logits.", "mask_token"),
    before_head="pre_logits.",
    beside=("config.json",),
    source="timm; its ViTs trained by Google's recipe (jx_vit, augreg) have mean and std 0.5",
)

ORIGINS = (
    MMACTION,
    Origin(
        name="the TimeSformer authors' names",
        sign=r"^model\.blocks\.\d+\.|^blocks\.\d+\.temporal_",
        normalisation=KINETICS,
        layers="blocks",
        in_layer=_BLOCK
        | {
            "temporal_norm1": "attentions.time.norm.",
            "temporal_attn.qkv": "attentions.time.attn.in_proj_",
            "temporal_attn.proj": "attentions.time.attn.out_proj.",
            "temporal_fc": "attentions.time.temporal_fc.",
        },
        outside=_BLOCK_OUTSIDE,
        head="head",
        prefix="model.",
        source="facebookresearch/TimeSformer, .pyth; DATA.MEAN 0.45 and DATA.STD 0.225 there",
    ),
    Origin(
        name="transformers' TimeSformer",
        sign=r"^(timesformer\.)?encoder\.layer\.\d+\.attention\.attention\.qkv\.",
        normalisation=KINETICS,
        layers=r"encoder\.layer",
        in_layer=_DENSE
        | {
            "attention.attention.qkv": "attentions.0.attn.in_proj_",
            "temporal_layernorm": "attentions.time.norm.",
            "temporal_attention.attention.qkv": "attentions.time.attn.in_proj_",
            "temporal_attention.output.dense": "attentions.time.attn.out_proj.",
            "temporal_dense": "attentions.time.temporal_fc.",
        },
        outside=_EMBEDDINGS,
        head="classifier",
        prefix="timesformer.",
        beside=_PROCESSORS,
        source="transformers; the authors' weights under other names",
    ),
    Origin(
        **vars(TIMM)
        | {
            "name": "a plain ViT in timm's names, as DeiT and MAE wrap it",
            "wrapped": "model",
            "normalisation": IMAGENET,
            "ignored": (*TIMM.ignored, "decoder_"),
            "source": "facebookresearch/deit, facebookresearch/mae: ImageNet's mean and std",
        }
    ),
    TIMM,
    Origin(
        name="a plain ViT in transformers' names",
        sign=r"^(vit\.)?(encoder\.layer\.\d+\.attention\.attention\.query"
        r"|layers\.\d+\.attention\.q_proj)\.",
        normalisation=HALF,
        layers=r"encoder\.layer|layers",
        in_layer=_DENSE
        | {
            "attention.attention.query": "attentions.0.attn.query_",
            "attention.attention.key": "attentions.0.attn.key_",
            "attention.attention.value": "attentions.0.attn.value_",
            "attention.q_proj": "attentions.0.attn.query_",
            "attention.k_proj": "attentions.0.attn.key_",
            "attention.v_proj": "attentions.0.attn.value_",
            "attention.o_proj": "attentions.0.attn.out_proj.",
            **_FEED_FORWARD,
        },
        outside=_EMBEDDINGS,
        head="classifier",
        prefix="vit.",
        ignored=("pooler.", "embeddings.mask_token"),
        beside=_PROCESSORS,
        source="transformers; files have the older names, models in memory the newer",
    ),
)
"""Every origin, asked in this order."""
