"""mmaction2's classification head, made safe for autocast."""

import torch
from mmaction.models.heads import TimeSformerHead
from mmaction.registry import MODELS
from torch import Tensor

from helpers.models.weight_files import CheckpointError, open_weights


@MODELS.register_module()
class Float32Head(TimeSformerHead):
    """`TimeSformerHead` whose scores are float32 whatever runs below it.

    mmaction2 hands the scores to numpy, which has no bfloat16; and the loss deserves the digits.

    Args:
        pretrained: a training of the same classes whose head this one begins as.
        settings: of `TimeSformerHead`.
    """

    def __init__(self, *args, pretrained: str | None = None, **settings) -> None:
        super().__init__(*args, **settings)
        self.pretrained = pretrained

    def init_weights(self) -> None:
        """Draw the weights, or take those of `pretrained`.

        Raises:
            CheckpointError: it cannot be opened, or its head is of other sizes.
        """
        super().init_weights()
        if not self.pretrained:
            return
        tensors = open_weights(self.pretrained).tensors
        for name, own in self.fc_cls.state_dict().items():
            there = tensors.get(f"cls_head.fc_cls.{name}")
            if there is None or there.shape != own.shape:
                raise CheckpointError(
                    f"{self.pretrained} has no head of {self.num_classes} classes and "
                    f"{self.in_channels} channels: leave the head's pretrained out."
                )
            own.copy_(there)

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        """Scores of the classes: [B, C] → float32 [B, classes]."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float(), **kwargs)
