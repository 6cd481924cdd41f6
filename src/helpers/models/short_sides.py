"""Convolutions over maps that are shorter than the kernel, whose gradients torch gets wrong.

In bfloat16 on a CPU the gradient of a convolution's weights is garbage, or NaN, for some maps with
a side shorter than the kernel: a kernel of 3 over 2 moments, of 5 over 4 (torch 2.14 with oneDNN;
forward and the gradient of the map are right). Where the zeros of the padding are laid on before,
the map is long enough and the gradient right.

Around a single moment a kernel over time finds nothing but zeros: its middle alone is computed, and
a step of R3D-18 on single frames takes 0.4 of the time.
"""

from functools import partial

from torch import Tensor, nn


def mind_short_sides(network: nn.Module) -> None:
    """Let every convolution of a network pad maps shorter than its kernel before it begins.

    What is computed stays the same.

    Args:
        network: changed in place.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d) and any(module.padding):
            module._conv_forward = partial(_convolve, module)


def _convolve(
    conv: nn.Conv2d | nn.Conv3d, maps: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """What `_conv_forward` of torch's module does: maps [B, C, ..., H, W], weight of the module."""
    kernel, padding = list(conv.kernel_size), list(conv.padding)
    if maps.ndim == 5 and maps.shape[2] == 1 and kernel[0] == 2 * padding[0] + 1:
        weight = weight[:, :, padding[0] : padding[0] + 1]
        kernel[0], padding[0] = 1, 0
    if any(side < length for side, length in zip(maps.shape[2:], kernel, strict=True)):
        maps = nn.functional.pad(maps, [side for side in reversed(padding) for _ in range(2)])
        padding = [0] * len(padding)
    convolution = nn.functional.conv3d if maps.ndim == 5 else nn.functional.conv2d
    return convolution(maps, weight, bias, conv.stride, padding, conv.dilation, conv.groups)
