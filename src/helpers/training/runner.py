"""mmengine's Runner for notebooks: whole checkpoints, a quiet console, one line of progress."""

import itertools
import logging
import time
from pathlib import Path

from mmaction.registry import HOOKS, RUNNERS
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from helpers.training.reading_ahead import ReadAhead

METRIC = "acc/mean1"
"""What the best checkpoint is chosen by: mean class accuracy on the validation part."""


@RUNNERS.register_module()
class NotebookRunner(Runner):
    """mmengine's Runner with checkpoints that are whole or absent, and its log in the file only."""

    _starts = itertools.count()

    def __init__(self, *args, experiment_name: str | None = None, **settings) -> None:
        """Give each start a name of its own.

        mmengine tells logs and histories of losses apart by name and second: two short trainings in
        one second would share theirs.
        """
        name = f"{experiment_name or 'training'}_{next(self._starts)}"
        super().__init__(*args, experiment_name=name, **settings)

    def build_logger(self, *args, **settings):
        """Build mmengine's logger; let only errors through to the console."""
        logger = super().build_logger(*args, **settings)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.ERROR)
        return logger

    @staticmethod
    def build_dataloader(*args, **settings):
        """Build mmengine's loader; without processes of its own it reads ahead in a thread."""
        loader = Runner.build_dataloader(*args, **settings)
        return loader if getattr(loader, "num_workers", 0) else ReadAhead(loader)

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args, **settings) -> None:
        """Save under another name first, so that a kill never leaves half a checkpoint.

        The main process alone: another one would rename what is not yet written to its end.
        """
        part = f".{filename}.part"
        super().save_checkpoint(out_dir, part, *args, **settings)
        (Path(out_dir) / part).replace(Path(out_dir) / filename)

    def resume(self, *args, **settings) -> None:
        """Resume, and forget a best checkpoint that is gone.

        A former best one is removed before the new one is saved: a kill between leaves an epoch's
        checkpoint that names a file which is no more.
        """
        super().resume(*args, **settings)
        best = self.message_hub.runtime_info.get("best_ckpt")
        if best is None:
            return
        here = Path(self.work_dir) / Path(best).name  # the folder may have been moved
        if here.exists():
            self.message_hub.update_info("best_ckpt", str(here))
        else:
            self.message_hub.pop_info("best_ckpt")
            self.message_hub.pop_info("best_score")


@HOOKS.register_module()
class ProgressHook(Hook):
    """Print where the training is: a line behind each epoch, and now and then between.

    Also counts the seconds of training over all resumptions, in the checkpoint's message hub.
    """

    priority = "LOW"  # behind the hooks that measure, before the one that saves

    def __init__(self, seconds_between: float = 20.0) -> None:
        self.seconds_between = seconds_between

    def before_train(self, runner) -> None:
        """Say what is about to be done."""
        spent = runner.message_hub.runtime_info.get("train_seconds", 0.0)
        self.start = time.perf_counter() - spent
        self.said = time.perf_counter()
        self.first_iteration, self.resumed_at = runner.iter, time.perf_counter()
        epochs, iterations = runner.max_epochs, len(runner.train_dataloader)
        resumed = f", resumed behind epoch {runner.epoch}" if runner.epoch else ""
        if is_main_process():
            print(f"Training: {epochs} epochs of {iterations} iterations{resumed}", flush=True)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Print a line when the last one is long ago."""
        patience = max(self.seconds_between, self._left(runner) / 30)
        if time.perf_counter() - self.said > patience:
            share = (batch_idx + 1) / len(runner.train_dataloader)
            self._say(runner, f"epoch {runner.epoch + 1:3d} at {share:4.0%}", "")

    def after_train_epoch(self, runner) -> None:
        """Note the seconds before the checkpoint is saved."""
        seconds = time.perf_counter() - self.start
        runner.message_hub.update_info("train_seconds", seconds)
        if runner.val_dataloader is None or not validates(runner, runner.epoch + 1):
            self._say(runner, f"epoch {runner.epoch + 1:3d} of {runner.max_epochs}", "")

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Print the epoch's line."""
        top1, mean = metrics["acc/top1"], metrics[METRIC]
        validated = f" · validation top-1 {top1:.3f}, mean class accuracy {mean:.3f}"
        self._say(runner, f"epoch {runner.epoch:3d} of {runner.max_epochs}", validated)

    def _left(self, runner) -> float:
        """Seconds until the end, by the speed since the start or the resumption."""
        done = max(runner.iter + 1 - self.first_iteration, 1)
        return (time.perf_counter() - self.resumed_at) / done * (runner.max_iters - runner.iter - 1)

    def _say(self, runner, where: str, validated: str) -> None:
        self.said = time.perf_counter()
        loss = runner.message_hub.get_scalar("train/loss").mean(50)
        spent, left = self.said - self.start, max(self._left(runner), 0)
        told = f"{where} · loss {loss:.3f}{validated} · {spent:.0f} s, {left:.0f} s left"
        if is_main_process():
            print(told, flush=True)


@HOOKS.register_module()
class CatchUpHook(Hook):
    """Repeat the validation of the epoch that a training resumes behind.

    Its checkpoint was saved before it was validated: the score is not in it, and the epoch may be
    the best, or the last.
    """

    priority = "LOWEST"  # behind the hook that saves the best checkpoint

    def before_train(self, runner) -> None:
        """Validate where the epoch is one that is validated."""
        if runner.epoch and runner.val_dataloader is not None and validates(runner, runner.epoch):
            runner.val_loop.run()


def validates(runner: Runner, epoch: int) -> bool:
    """Whether the training validates behind this epoch, counted from 1."""
    return epoch == runner.max_epochs or epoch % runner.train_loop.val_interval == 0
