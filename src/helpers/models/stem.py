"""From pixels to patch tokens by a few convolutions, for training without pretrained weights."""

from itertools import pairwise

from einops import rearrange
from torch import Tensor, nn


class ConvolutionalStem(nn.Module):
    """A small stack of convolutions in place of the linear embedding of patches.

    Xiao et al., "Early Convolutions Help Transformers See Better" (arXiv 2106.14881); the hybrid of
    the first Vision Transformer (arXiv 2010.11929, section 3.1) is the same idea. Each stage halves
    the picture by a stride of two and doubles the channels, until one place is one patch.
    """

    def __init__(self, patch_size: int, in_channels: int, embed_dims: int) -> None:
        """Build the stages.

        Args:
            patch_size: side of a patch in pixels, a power of two from 2.
            in_channels: colour channels.
            embed_dims: width of a token.

        Raises:
            ValueError: `patch_size` is no power of two.
        """
        super().__init__()
        stages = patch_size.bit_length() - 1
        if patch_size < 2 or patch_size != 1 << stages:
            raise ValueError(
                f"patch_size {patch_size} of a convolutional stem: take 2, 4, 8 or 16."
            )
        widths = [in_channels] + [embed_dims // 2 ** (stages - k) for k in range(1, stages + 1)]
        convolutions = []
        for stage, (before, after) in enumerate(pairwise(widths)):
            convolutions.append(_convolution(before, after, stride=2))
            if stage > 0:  # the first stage has the most places, and costs the most
                convolutions.append(_convolution(after, after, stride=1))
        self.stages = nn.Sequential(*convolutions)
        self.projection = nn.Conv2d(widths[-1], embed_dims, 1)

    def forward(self, clips: Tensor) -> Tensor:
        """[B, channels, T, height, width] → [B·T, patches, C], as mmaction2's `PatchEmbed`."""
        frames = rearrange(clips, "b c t h w -> (b t) c h w")
        return rearrange(self.projection(self.stages(frames)), "n c h w -> n (h w) c")


def _convolution(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
