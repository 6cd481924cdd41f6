"""Timing of many calls in rounds, so that what else the machine does falls on all of them alike."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from helpers.training.device import Compute
from helpers.training.inference import autocast

MODES = ("forward", "step")
AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}
PRECISIONS = ("float32", "tf32", *AUTOCAST)
Key = TypeVar("Key", bound=Hashable)

LEAST_ROUNDS = 3
MOST_ROWS = 64 * 1568
"""Rows of the largest matrix product: a larger one is no faster, and takes the models' memory."""


@dataclass
class Timing:
    """What became of one call."""

    status: str = "ok"  # or "out of memory" or "failed"
    reason: str = ""
    seconds: list[float] = field(default_factory=list)  # of each round but those of the warm-up
    extra_bytes: int | None = None  # most that it held beyond what lay on the GPU before


def interleave(
    calls: Mapping[Key, Callable[[], object]],
    repeats: int,
    warmups: int = 1,
    device: str = "cpu",
    limit: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Key, Timing]:
    """Time all calls once, then all of them again, and so on.

    A call that fails or finds no memory is told so, and takes no part in later rounds.

    Args:
        calls: what to time, by name.
        repeats: timed rounds.
        warmups: rounds before them that do not count.
        device: "cpu" or "cuda".
        limit: seconds after which no further round begins, once there are `LEAST_ROUNDS`.
        clock: what tells the seconds of a call.
    """
    timings = {key: Timing() for key in calls}
    start = time.perf_counter()
    for turn in range(-warmups, repeats):
        if turn >= LEAST_ROUNDS and time.perf_counter() - start > limit:
            break
        for key, call in calls.items():
            if timings[key].status == "ok":
                _time_once(call, timings[key], device, clock, counts=turn >= 0)
    return timings


def _time_once(
    call: Callable[[], object],
    timing: Timing,
    device: str,
    clock: Callable[[], float],
    counts: bool,
) -> None:
    try:
        if device == "cuda":
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
        seconds = _elapsed(call, device, clock)
    # Other people's code may raise anything, and must not end a comparison of an hour.
    except Exception as error:
        timing.status = "out of memory" if _is_out_of_memory(error) else "failed"
        timing.reason = told(error)
    else:
        if counts:
            timing.seconds.append(seconds)
        if device == "cuda":
            extra = torch.cuda.max_memory_allocated() - before
            timing.extra_bytes = max(extra, timing.extra_bytes or 0)
    if timing.status == "out of memory" and device == "cuda":
        torch.cuda.empty_cache()  # behind the handler, since the error holds the tensors


def told(error: BaseException) -> str:
    """An error as one line of at most 300 letters."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}"[:300] if message else type(error).__name__


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in str(
        error
    )


def _elapsed(
    call: Callable[[], object], device: str, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds from an idle device to an idle device."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = clock()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def forward(module: nn.Module, clips: Tensor, precision: str) -> None:
    """Features without gradients; the module is in eval mode."""
    with torch.no_grad(), _float32_products(precision), _autocast(clips.device.type, precision):
        module(clips)


def step(module: nn.Module, clips: Tensor, precision: str) -> None:
    """Forward, backward of a scalar and gradients cleared; the optimiser's step is left out."""
    with _float32_products(precision):
        try:
            with _autocast(clips.device.type, precision):
                features = module(clips)
            features.float().square().mean().backward()
        finally:  # where memory ends within the backward pass, some gradients exist
            module.zero_grad(set_to_none=True)


def matrix_product(
    rows: int, width: int, precision: str, device: str, at_least: float = 0.05
) -> tuple[Callable[[], None], int]:
    """The product [rows, width] × [width, 4·width] of a feed-forward network's first layer.

    At most `MOST_ROWS` rows are taken.

    Returns:
        A call that does it so often that it takes `at_least` seconds, and how many multiply-adds
        that call does.
    """
    rows = min(rows, MOST_ROWS)
    dtype = AUTOCAST.get(precision, torch.float32)
    tokens = torch.randn(rows, width, device=device).to(dtype)
    weight = torch.randn(4 * width, width, device=device).to(dtype)

    def product(times: int) -> None:
        with torch.no_grad(), _float32_products(precision):
            for _ in range(times):
                nn.functional.linear(tokens, weight)

    once = min(_elapsed(lambda: product(1), device) for _ in range(3))
    times = max(1, round(at_least / once))
    return (lambda: product(times)), times * rows * width * 4 * width


def _autocast(device: str, precision: str) -> torch.autocast:
    low = precision if precision in AUTOCAST else "float32"
    return autocast(Compute(device, low, "compared"))


@contextmanager
def _float32_products(precision: str) -> Iterator[None]:
    """Let float32 matrices be multiplied as TF32 inside the block, or not."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
