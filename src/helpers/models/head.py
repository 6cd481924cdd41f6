"""mmaction2's classification head, made safe for autocast."""

import torch
from mmaction.models.heads import TimeSformerHead
from mmaction.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class Float32Head(TimeSformerHead):
    """`TimeSformerHead` whose scores are float32 whatever runs below it.

    mmaction2 hands the scores to numpy, which has no bfloat16; and the loss deserves the digits.
    """

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        """Scores of the classes: [B, C] → float32 [B, classes]."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float(), **kwargs)
