"""Fused attention beside two plain products on a CPU: where `SelfAttention.OPEN_TOKENS` comes from.

python -m benchmarks.attention
"""

import statistics

import torch

from benchmarks.timing import interleave
from helpers.models.transformer import SelfAttention

LENGTHS = (8, 65, 129, 197, 393, 785, 1569)
"""Tokens of a group: over time, and of pictures of more and more patches."""
TOKENS = 1576
"""In all groups together: 8 frames of 197."""
WAYS = {"fused": {}, "products": {torch.bfloat16: 10**9, torch.float32: 10**9}}
"""Limits under which all groups go one way."""


def main(repeats: int = 5, tokens: int = TOKENS, embed_dims: int = 768, heads: int = 12) -> str:
    """Time one step of attention (forward and backward) both ways; return a markdown table.

    Args:
        repeats: of which the median counts.
        tokens: in all groups together.
        embed_dims: width of a token.
        heads: attention heads.
    """
    lines = [
        "| tokens | precision | fused (ms) | products (ms) | fused by products |",
        "|---" * 5 + "|",
    ]
    for length in LENGTHS:
        for precision in (torch.float32, torch.bfloat16):
            calls = {
                way: _step(SelfAttention(embed_dims, heads).to(precision), limits, length, tokens)
                for way, limits in WAYS.items()
            }
            timings = interleave(calls, repeats)
            fused, products = (1000 * statistics.median(timings[way].seconds) for way in WAYS)
            name = str(precision).removeprefix("torch.")
            cells = (length, name, f"{fused:.1f}", f"{products:.1f}", f"{fused / products:.2f}")
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _step(attention: SelfAttention, limits: dict, length: int, tokens: int):
    """A call that goes forward and backward through attention on groups of that many tokens."""
    torch.nn.init.normal_(attention.in_proj_weight, std=0.02)
    attention.OPEN_TOKENS = limits
    width, precision = attention.out_proj.in_features, attention.out_proj.weight.dtype
    groups = torch.randn(max(1, tokens // length), length, width, dtype=precision)
    groups.requires_grad_()
    return lambda: attention(groups).sum().backward()


if __name__ == "__main__":
    print(main())
