"""Convolutional networks whose features pass a transformer encoder over space and time.

The network turns a clip into a map of features [B, C, t, h, w]; adaptive average pooling leaves
1×1, 2×2, 4×4 or all places of each of its moments; what is left are the tokens of an encoder
(Vaswani et al., arXiv 1706.03762), whose class token, or the mean of all tokens, is the clip's
feature. Without layers of the encoder the mean of the tokens is: the plain network.
"""

from collections.abc import Iterator

import torch
from einops import rearrange
from mmaction.registry import MODELS
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn
from torch.func import functional_call

from helpers.models.networks import NETWORKS, OF_FRAMES
from helpers.models.short_sides import mind_short_sides
from helpers.models.transformer import POSITIONS, sine_positions

TRAINED = ("all", "last_stage", "none")
READOUTS = ("class_token", "mean")


@MODELS.register_module()
class CnnTransformer(nn.Module):
    """A convolutional network with a transformer encoder behind it.

    Args:
        network: a key of `helpers.models.networks.NETWORKS`.
        num_frames: frames T of a clip; from 3 up for torchvision's, more for mmaction2's. With 1
            any network learns single frames, for one of clips to start from: see `init_weights`.
        img_size: height and width of a frame in pixels.
        pretrained: checkpoint to start from: a path, an address, or "published" for the weights
            that torchvision or mmaction2 publish for the network, see `helpers.models.cnn_weights`.
        encoder_layers: of the encoder; 0 leaves the plain network.
        encoder_heads: attention heads of each.
        embed_dims: width of a token; None: the network's own number of channels.
        positional_embedding: "none", "space" or "space_time", learnt.
        readout: "class_token", or the "mean" of all tokens.
        pool: rows and columns that each moment of the map is pooled to; None: all that it has.
        trained: "all" of the network, its "last_stage" only, or "none" of it. What is not trained
            keeps the statistics of its batch normalisation too.
        width: share of the network's channels; 1 where weights are to be loaded.
        first_pooling: ResNet-18 halves the picture twice before its first stage. Without the second
            time, which has no weights, small things survive in small frames.
        dropout_ratio: inside the encoder.

    Raises:
        ValueError: an unknown name, or sizes that do not fit.
    """

    def __init__(
        self,
        network: str,
        num_frames: int,
        img_size: int,
        pretrained: str | None = None,
        encoder_layers: int = 0,
        encoder_heads: int = 8,
        embed_dims: int | None = None,
        positional_embedding: str = "space_time",
        readout: str = "class_token",
        pool: int | None = 1,
        trained: str = "all",
        width: float = 1.0,
        dropout_ratio: float = 0.1,
        first_pooling: bool = True,
    ) -> None:
        super().__init__()
        _check("network", network, tuple(NETWORKS))
        _check("positional_embedding", positional_embedding, POSITIONS)
        _check("readout", readout, READOUTS)
        _check("trained", trained, TRAINED)
        if encoder_layers < 0 or (pool is not None and pool < 1):
            raise ValueError(
                f"encoder_layers={encoder_layers}, pool={pool}: no layers are 0, all places null."
            )
        self.network, self.pretrained = network, pretrained
        self.num_frames, self.img_size = num_frames, img_size
        self.pool, self.trained, self.readout = pool, trained, readout
        self.cnn = NETWORKS[network].build(width)
        if num_frames == 1 and NETWORKS[network].of_one:
            NETWORKS[network].of_one(self.cnn)
        mind_short_sides(self.cnn)
        if not first_pooling:
            if network not in OF_FRAMES:
                raise ValueError(f"first_pooling=False is for {', '.join(OF_FRAMES)} alone.")
            self.cnn.maxpool = nn.Identity()
        _lay_channels_innermost(self.cnn)
        channels, *self.map = self._map_shape()
        self.channels = feature_channels(network, width, embed_dims)
        if encoder_layers and self.channels % encoder_heads:
            raise ValueError(
                f"encoder_heads {encoder_heads} does not divide the {self.channels} channels of a "
                "token: choose another number, or embed_dims that it divides."
            )
        self.grid = (self.map[0], *(min(pool or side, side) for side in self.map[1:]))
        same = self.channels == channels
        self.embed = nn.Identity() if same else nn.Linear(channels, self.channels)
        if encoder_layers:
            self._add_encoder(encoder_layers, encoder_heads, positional_embedding, dropout_ratio)
        for name, parameter in self.cnn.named_parameters():
            parameter.requires_grad = self._is_trained(name)

    def _add_encoder(self, layers: int, heads: int, positions: str, dropout: float) -> None:
        sizes = (self.channels, heads, 4 * self.channels, dropout, "gelu", 1e-6)
        self.encoder = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=True)
                for _ in range(layers)
            )
        )
        self.norm = nn.LayerNorm(self.channels, eps=1e-6)
        frames, rows, columns = self.grid
        if self.readout == "class_token":
            self.cls_token = nn.Parameter(torch.zeros(1, 1, self.channels))
        if positions != "none":
            self.pos_embed = nn.Parameter(torch.zeros(1, rows * columns, self.channels))
        if positions == "space_time":
            self.time_embed = nn.Parameter(torch.zeros(1, frames, self.channels))

    def init_weights(self, pretrained: str | None = None) -> None:
        """Draw the weights; then load those of `pretrained`, where one is named.

        The class token begins at zero: it is then what attention brings it, an average of all
        tokens. Drawn, it would outweigh that, and the network would hardly get a gradient.

        Where a model sees single frames, kernels over time begin with their middle alone, for
        the others would get no gradient: taken over by a model of clips, it does to each frame what
        it did before, and learns from there what moves (Arnab et al., arXiv 2103.15691, eq. 9).
        """
        if hasattr(self.cnn, "init_weights"):
            self.cnn.init_weights()
        if self.num_frames == 1:
            _keep_the_middle(self.cnn)
        if hasattr(self, "time_embed"):
            trunc_normal_(self.time_embed, std=0.02)
        if hasattr(self, "pos_embed"):
            self.pos_embed.data[0] = 0.1 * sine_positions(self.grid[1:], self.channels)
        for layer in getattr(self, "encoder", nn.Identity()).modules():
            if isinstance(layer, nn.TransformerEncoderLayer):
                nn.init.zeros_(layer.linear2.weight)  # attention alone at first
        pretrained = pretrained or self.pretrained
        if pretrained:
            from helpers.models.cnn_weights import load_cnn

            load_cnn(self, pretrained)

    def forward(self, clips: Tensor) -> Tensor:
        """Feature of each clip: [B, channels, T, height, width] → [B, C]."""
        return self.read_out(self.feature_map(clips))

    def feature_map(self, clips: Tensor) -> Tensor:
        """What the network makes of clips: [B, 3, T, H, W] → [B, C, t, h, w]."""
        return NETWORKS[self.network].features(self.cnn, clips)

    def read_out(self, features: Tensor) -> Tensor:
        """From the network's map [B, C, t, h, w] to the feature of each clip [B, C]."""
        tokens = self.tokens_of(features)
        if not hasattr(self, "encoder"):
            return tokens.mean(1)
        if self.readout == "class_token":
            token = self.cls_token.expand(tokens.shape[0], -1, -1).to(tokens.dtype)
            return self.norm(self.encoder(torch.cat((token, tokens), 1))[:, 0])
        return self.norm(self.encoder(tokens)).mean(1)

    def tokens_of(self, features: Tensor) -> Tensor:
        """Pooled places of a map with their positions: [B, C, t, h, w] → [B, t·h·w, C]."""
        frames = features.shape[2]
        if self.grid[1:] != tuple(features.shape[3:]):
            maps = rearrange(features, "b c t h w -> (b t) c h w")
            maps = nn.functional.adaptive_avg_pool2d(maps, self.grid[1:])
            features = rearrange(maps, "(b t) c h w -> b c t h w", t=frames)
        tokens = self.embed(rearrange(features, "b c t h w -> b t (h w) c"))
        if hasattr(self, "pos_embed"):
            tokens = tokens + self.pos_embed[:, None]
        if hasattr(self, "time_embed"):
            tokens = tokens + self.time_embed[:, :, None]
        return rearrange(tokens, "b t n c -> b (t n) c")

    def train(self, mode: bool = True) -> "CnnTransformer":
        """Switch to training, but keep the statistics of what is not trained."""
        super().train(mode)
        for module in self._normalisations():
            module.eval()
        return self

    def _normalisations(self) -> Iterator[nn.Module]:
        """Batch normalisations of the part that is not trained."""
        for name, module in self.cnn.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not self._is_trained(name):
                yield module

    def _is_trained(self, name: str) -> bool:
        return self.trained == "all" or (self.trained == "last_stage" and "layer4" in name)

    def _map_shape(self) -> tuple[int, ...]:
        """Channels, moments, rows and columns of the network's map, found without computing."""
        state = {**dict(self.cnn.named_parameters()), **dict(self.cnn.named_buffers())}
        state = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
        sides = (1, 3, self.num_frames, self.img_size, self.img_size)
        network = NETWORKS[self.network]
        self.cnn.eval()
        try:
            with torch.no_grad(), torch.device("meta"):
                asked = _Features(network.features, self.cnn)
                state = {f"cnn.{name}": value for name, value in state.items()}
                return tuple(functional_call(asked, state, torch.empty(sides)).shape[1:])
        except RuntimeError as error:
            raise ValueError(
                f"num_frames={self.num_frames}, img_size={self.img_size} are too small for "
                f"{self.network}, which divides them further ({error}): take larger ones."
            ) from error
        finally:
            self.cnn.train()


class _Features(nn.Module):
    """The way to the map as a module of its own."""

    def __init__(self, features, cnn: nn.Module) -> None:
        super().__init__()
        self.features, self.cnn = features, cnn

    def forward(self, clips: Tensor) -> Tensor:
        return self.features(self.cnn, clips)


def _lay_channels_innermost(network: nn.Module) -> None:
    """In bfloat16 on a CPU a step then takes 0.65 to 0.9 of the time.

    Not by `Module.to`, which cannot do so to the tensors without content that predict memory.
    """
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in layouts:
            weight.data = weight.data.contiguous(memory_format=layouts[weight.ndim])


def _keep_the_middle(network: nn.Module) -> None:
    for conv in network.modules():
        if isinstance(conv, nn.Conv3d):
            middle = conv.kernel_size[0] // 2
            conv.weight.data[:, :, :middle] = conv.weight.data[:, :, middle + 1 :] = 0


def feature_channels(network: str, width: float = 1.0, embed_dims: int | None = None) -> int:
    """Length of a clip's feature.

    Args:
        network: a key of `NETWORKS`.
        width: share of its channels.
        embed_dims: width of a token, where it is chosen.
    """
    _check("network", network, tuple(NETWORKS))
    return embed_dims or NETWORKS[network].channels(width)


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} {value!r} is unknown: choose one of {', '.join(known)}.")
