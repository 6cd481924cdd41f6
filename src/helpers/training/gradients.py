"""Norms of the gradient by layer, logged as training goes: where do gradients vanish?"""

import re
from collections import defaultdict

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor
from torch.distributed.fsdp import FullyShardedDataParallel

PREFIX = "gradient/"
"""Begins the names under which norms are logged."""


def layer_of(parameter: str) -> str:
    """The layer that a parameter counts to, in words short enough for a legend.

    Stages of a CNN, layers of a transformer, the head, and what stands before or between them.
    """
    name = parameter.removeprefix("backbone.")
    layers = re.match(r"(?:transformer_layers\.layers|encoder)\.(\d+)", name)
    if layers:
        return f"attention {int(layers[1]) + 1}"
    stage = re.match(r"cnn\.(?:.*?)(layer\d)", name)
    if stage:
        return f"stage {stage[1][-1]}"
    if name.startswith(("cnn.", "patch_embed.")):
        return "stem"
    return "head" if name.startswith("cls_head.") else "tokens"


@HOOKS.register_module()
class LayerGradientHook(Hook):
    """Log the norm of each layer's gradient, before it is clipped, where the loss is logged.

    The optimizer forgets gradients before a hook may see them; so each parameter tells its own when
    it is complete. Where gradients are added up over batches, the last sum counts. The numbers are
    of the main process.

    Args:
        interval: iterations from one logging to the next, as the logger's.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self.squares: dict[str, Tensor] = {}

    def before_train(self, runner) -> None:
        """Listen to every parameter that is trained."""
        self.listens = False
        if isinstance(runner.model, FullyShardedDataParallel):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(self._listener(name))

    def _listener(self, name: str):
        def listen(parameter: Tensor) -> None:
            if self.listens:
                self.squares[name] = parameter.grad.detach().float().square().sum()

        return listen

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Listen in the iterations that are logged."""
        last = self.end_of_epoch(runner.train_dataloader, batch_idx)
        self.listens = last or self.every_n_inner_iters(batch_idx, self.interval)
        self.squares.clear()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Hand the norms over to the log."""
        if not self.listens:
            return
        sums: dict[str, float] = defaultdict(float)
        for name, square in self.squares.items():
            sums[layer_of(name)] += float(square)
        for layer, total in sums.items():
            runner.message_hub.update_scalar(f"train/{PREFIX}{layer}", total**0.5)
