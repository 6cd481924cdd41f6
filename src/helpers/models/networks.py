"""The convolutional networks by name: torchvision's ResNets, and mmaction2's from its configs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mmaction
import torch
from einops import rearrange
from mmaction.registry import MODELS
from mmengine.config import Config
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.video import R2Plus1D_18_Weights, R3D_18_Weights
from torchvision.models.video import resnet as video

from helpers.models.origins import Normalisation, in_bytes

CONFIGS = Path(mmaction.__path__[0]) / ".mim" / "configs" / "recognition"
ZOO = "https://download.openmmlab.com/mmaction/v1.0/recognition"
IMAGENET = Normalisation(in_bytes((0.485, 0.456, 0.406)), in_bytes((0.229, 0.224, 0.225)))
KINETICS = Normalisation(  # of torchvision's video networks
    in_bytes((0.43216, 0.394666, 0.37645)), in_bytes((0.22803, 0.22145, 0.216989))
)


@dataclass(frozen=True)
class Network:
    """A network without its head."""

    build: Callable[[float], nn.Module]  # from the share of its channels
    features: Callable[[nn.Module, Tensor], Tensor]  # clips [B, 3, T, H, W] → [B, C, t, h, w]
    full: int  # channels of the map, at full width
    published: str  # address of weights
    about: str  # what these were trained on
    normalisation: Normalisation  # of pixels
    stride: int = 32  # pixels, in each direction, behind a place of the map
    of_one: Callable[[nn.Module], None] | None = None  # what lets it take single frames, in place

    def channels(self, width: float = 1.0) -> int:
        """Channels of the map at a share of the width."""
        return round(self.full * width)


class NarrowResNet(ResNet):
    """torchvision's ResNet-18 with a share of the channels."""

    def __init__(self, width: float) -> None:
        self.width = width
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = self.avgpool = nn.Identity()

    def _make_layer(self, block, planes: int, *args, **settings) -> nn.Sequential:
        if not hasattr(self, "layer1"):
            stem = narrow_stem(nn.Sequential(self.conv1, self.bn1), self.width)
            self.conv1, self.bn1 = stem
            self.inplanes = self.conv1.out_channels
        return super()._make_layer(block, round(planes * self.width), *args, **settings)

    def stages(self, frames: Tensor) -> Tensor:
        """The map of pictures: [B, 3, H, W] → [B, C, h, w]."""
        frames = self.maxpool(self.relu(self.bn1(self.conv1(frames))))
        return self.layer4(self.layer3(self.layer2(self.layer1(frames))))


class NarrowVideoResNet(video.VideoResNet):
    """torchvision's video ResNets of 18 layers with a share of the channels."""

    def __init__(self, width: float, conv: type[nn.Module], stem: type[nn.Module]) -> None:
        self.width = width
        super().__init__(video.BasicBlock, [conv] * 4, [2, 2, 2, 2], stem)
        self.fc = self.avgpool = nn.Identity()

    def _make_layer(self, block, conv, planes: int, *args, **settings) -> nn.Sequential:
        if not hasattr(self, "layer1"):
            self.stem = narrow_stem(self.stem, self.width)
            self.inplanes = round(self.inplanes * self.width)
        return super()._make_layer(block, conv, round(planes * self.width), *args, **settings)

    def stages(self, clips: Tensor) -> Tensor:
        """The map of clips: [B, 3, T, H, W] → [B, C, t, h, w]."""
        clips = self.stem(clips)
        return self.layer4(self.layer3(self.layer2(self.layer1(clips))))


def narrow_stem(stem: nn.Sequential, width: float) -> nn.Sequential:
    """A share of the channels of the convolutions and normalisations before the first stage.

    Where a network has a quarter of its channels and the stem all of its own, the stem takes half
    of the time, for its maps are the largest. The weights are still to be drawn.

    Args:
        stem: of convolutions that follow one another, with a normalisation behind each.
        width: share of the channels; of the input there are always three.
    """
    if width == 1:
        return stem
    layers, channels = [], 3
    for layer in stem:
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            sizes = (channels, round(layer.out_channels * width), layer.kernel_size)
            layer = type(layer)(*sizes, layer.stride, layer.padding, bias=layer.bias is not None)
            channels = layer.out_channels
        elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layer = type(layer)(channels)
        layers.append(layer)
    return nn.Sequential(*layers)


def _of_frames(network: NarrowResNet, clips: Tensor) -> Tensor:
    """Each frame goes its own way."""
    maps = network.stages(rearrange(clips, "b c t h w -> (b t) c h w"))
    return rearrange(maps, "(b t) c h w -> b c t h w", t=clips.shape[2])


def _of_clips(network: NarrowVideoResNet, clips: Tensor) -> Tensor:
    return network.stages(clips)


def _of_pathway(network: nn.Module, clips: Tensor) -> Tensor:
    return network(clips)


def _of_two_pathways(network: nn.Module, clips: Tensor) -> Tensor:
    """Fast before slow as in mmaction2's head, the fast one averaged to the slow one's moments."""
    slow, fast = network(clips)
    fast = nn.functional.adaptive_avg_pool3d(fast, slow.shape[2:])
    return torch.cat((fast, slow), 1)


def _without_pooled_moments(network: nn.Module) -> None:
    """I3D takes the larger of two moments behind its first stage; of one there is none to take."""
    network.pool2 = nn.Identity()


def _at_one_pace(network: nn.Module) -> None:
    """Both pathways of SlowFast get the single frame, not each so many of the clip's."""
    network.resample_rate = network.speed_ratio = 1


def stock_config(name: str) -> Config:
    """The config that mmaction2 ships for a network.

    Args:
        name: its file below `configs/recognition`, without the ending.
    """
    return Config.fromfile(CONFIGS / f"{name}.py")


def _stock(name: str, width: float, **changes) -> nn.Module:
    """The backbone of mmaction2's config with changed settings, without weights.

    Residual blocks begin as nothing but their shortcut (Goyal et al., arXiv 1706.02677, section
    5.1), as mmaction2 has it where a config does not say otherwise. That of I3D does, for it takes
    over the weights of images: with drawn ones it then begins later to learn.
    """
    settings = stock_config(name).model.backbone
    settings.update(pretrained=None, **changes)
    settings.pop("zero_init_residual", None)
    settings.pop("pretrained2d", None)
    for pathway in (settings, settings.get("slow_pathway"), settings.get("fast_pathway")):
        if pathway and pathway.get("depth"):
            pathway["base_channels"] = max(1, round(pathway.get("base_channels", 64) * width))
            pathway["pretrained"] = None
    return MODELS.build(settings)


def _zoo(name: str, date: str) -> str:
    """Address of the weights that mmaction2 publishes for a config."""
    return f"{ZOO}/{name}/{Path(name).name}_{date}.pth"


_I3D = "i3d/i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb"
_SLOWFAST = "slowfast/slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb"

NETWORKS: Mapping[str, Network] = {
    "resnet18": Network(
        NarrowResNet, _of_frames, 512, ResNet18_Weights.IMAGENET1K_V1.url, "ImageNet-1K", IMAGENET
    ),
    "r3d_18": Network(
        partial(NarrowVideoResNet, conv=video.Conv3DSimple, stem=video.BasicStem),
        *(_of_clips, 512, R3D_18_Weights.KINETICS400_V1.url, "Kinetics-400", KINETICS, 16),
    ),
    "r2plus1d_18": Network(
        partial(NarrowVideoResNet, conv=video.Conv2Plus1D, stem=video.R2Plus1dStem),
        *(_of_clips, 512, R2Plus1D_18_Weights.KINETICS400_V1.url, "Kinetics-400", KINETICS, 16),
    ),
    "i3d_r50": Network(
        partial(_stock, _I3D),
        *(_of_pathway, 2048, _zoo(_I3D, "20220812-e213c223")),
        *("Kinetics-400", IMAGENET, 32, _without_pooled_moments),
    ),
    # The paper's, whose stem leaves all moments: what takes 8 frames in place of 32.
    "i3d_r50_8x8": Network(
        partial(_stock, _I3D, conv1_stride_t=1, pool1_stride_t=1),
        *(_of_pathway, 2048, _zoo(_I3D, "20220812-e213c223")),
        *("Kinetics-400", IMAGENET, 32, _without_pooled_moments),
    ),
    "slowfast_r50": Network(
        partial(_stock, _SLOWFAST),
        *(_of_two_pathways, 2304, _zoo(_SLOWFAST, "20220818-1cb6dfc8")),
        *("Kinetics-400", IMAGENET, 32, _at_one_pace),
    ),
}

OF_FRAMES = tuple(name for name, network in NETWORKS.items() if network.features is _of_frames)
"""Those that see one frame at a time."""
