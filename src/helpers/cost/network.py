"""The network whose cost is asked for: a backbone of any scheme, with fused or stock attention."""

from torch import Tensor, nn

from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import StepAttention
from helpers.profiles import ModelSize

ATTENTIONS = ("fused", "stock")


class StockAttention(nn.Module):
    """Self-attention as mmaction2's TimeSformer runs it: `nn.MultiheadAttention`, just called.

    Its default need_weights=True makes the weights [groups, heads, tokens, tokens], which are kept
    for the backward pass. Only attention is exchanged, so that what differs is its doing; and so
    the schemes that mmaction2 lacks have a stock version too.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(embed_dims, num_heads)

    def forward(self, tokens: Tensor, first_only: bool = False) -> Tensor:
        """[groups, tokens, C] → [groups, tokens, C], or `first_only` what the first one makes."""
        tokens = tokens.transpose(0, 1)
        asking = tokens[:1] if first_only else tokens
        return self.attn(asking, tokens, tokens)[0].transpose(0, 1)


def build_network(
    size: ModelSize, scheme: str, attention: str = "fused", classes: int = 400, **backbone
) -> nn.Sequential:
    """Build a `SpaceTimeTransformer` and a linear head: [B, 3, T, H, W] → scores [B, classes].

    The backbone's weights are not drawn; call `init_weights` of the first part before it runs.

    Args:
        size: of the transformer and of the clip.
        scheme: a key of `SCHEMES`.
        attention: "fused", or "stock" as mmaction2 has it, see `StockAttention`.
        classes: outputs of the head.
        backbone: further keywords of `SpaceTimeTransformer`, such as `gradient_checkpointing`.

    Raises:
        ValueError: an unknown attention; or see `SpaceTimeTransformer`.
    """
    if attention not in ATTENTIONS:
        raise ValueError(
            f"attention {attention!r} is unknown: choose one of {', '.join(ATTENTIONS)}."
        )
    transformer = SpaceTimeTransformer(**vars(size), attention_type=scheme, **backbone)
    if attention == "stock":
        for module in transformer.modules():
            if isinstance(module, StepAttention):
                module.attn = StockAttention(size.embed_dims, size.num_heads)
    return nn.Sequential(transformer, nn.Linear(size.embed_dims, classes))
