"""Time of a forward pass and of a training step, and on a GPU their memory, as measured."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import nn

from helpers.cost.memory import sgd
from helpers.training.device import Compute
from helpers.training.inference import autocast


@dataclass(frozen=True)
class Latency:
    """What was measured on one batch."""

    forward: float  # seconds, in evaluation and without gradients
    step: float  # seconds of forward, loss and backward, and of the optimiser where asked for
    peak: int | None  # most bytes that tensors held during the steps; None on a CPU: not known


def measure_latency(
    network: nn.Module,
    clips: tuple[int, ...],
    compute: Compute,
    warmup: int = 2,
    repeats: int = 5,
    optimizer: bool = True,
) -> Latency:
    """Measure medians on a batch of random clips.

    Args:
        network: gives scores [B, classes]; its weights are drawn, and SGD changes them. Goes to the
            device and stays there, in evaluation mode and without gradients.
        clips: shape of the batch, [B, channels, T, height, width].
        compute: device and precision; below 32 bits through autocast. No loss scaling.
        warmup: runs that are not measured, before each of the two.
        repeats: runs that are.
        optimizer: a step ends with one of SGD; without it the peak lacks its momentum.

    Raises:
        ValueError: no repeats, or no warm-up (the first run also prepares).
        torch.OutOfMemoryError: the GPU has no room for it.
    """
    if warmup < 1 or repeats < 1:
        raise ValueError(f"warmup {warmup}, repeats {repeats}: take at least one of each.")
    device = torch.device(compute.device)
    network.to(device)
    inputs = torch.randn(clips, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.zeros(clips[0], dtype=torch.long, device=device)
    solver = sgd(network) if optimizer else None

    def forward() -> None:
        with torch.no_grad(), autocast(compute):
            network(inputs)

    def step() -> None:
        with autocast(compute):
            scores = network(inputs)
        nn.functional.cross_entropy(scores.float(), labels).backward()
        if solver is not None:
            solver.step()
        network.zero_grad()

    network.eval()
    passed = _median_seconds(forward, device, warmup, repeats)
    network.train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    stepped = _median_seconds(step, device, warmup, repeats)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    network.eval()
    return Latency(passed, stepped, peak)


def _median_seconds(
    run: Callable[[], None], device: torch.device, warmup: int, repeats: int
) -> float:
    for _ in range(warmup):
        run()
    seconds = []
    for _ in range(repeats):
        _finish(device)
        start = perf_counter()
        run()
        _finish(device)
        seconds.append(perf_counter() - start)
    return median(seconds)


def _finish(device: torch.device) -> None:
    """Wait until the device has done what it was given; a GPU works on while Python does."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
