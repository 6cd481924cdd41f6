"""Convolutions over maps that are shorter than the kernel, whose gradients torch gets wrong.

In bfloat16 on a CPU the gradient of a convolution's weights is garbage, or NaN, for some maps with
a side shorter than the kernel: a kernel of 3 over 2 moments, of 5 over 4 (torch 2.14 with oneDNN;
forward and the gradient of the map are right). Where the zeros of the padding are laid on before,
the map is long enough and the gradient right.
"""

from torch import Tensor, nn


def pad_short_sides(network: nn.Module) -> None:
    """Let every convolution of a network pad maps shorter than its kernel before it begins.

    What is computed stays the same.

    Args:
        network: changed in place.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d) and any(module.padding):
            module.register_forward_pre_hook(_choose_padding)


def _choose_padding(conv: nn.Conv2d | nn.Conv3d, inputs: tuple[Tensor, ...]) -> None:
    sides = inputs[0].shape[-len(conv.kernel_size) :]
    short = any(side < kernel for side, kernel in zip(sides, conv.kernel_size, strict=True))
    conv.padding_mode = "constant" if short else "zeros"  # the former is `nn.functional.pad`'s
