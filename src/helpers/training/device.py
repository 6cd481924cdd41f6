"""The machine's best device and precision."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Compute:
    """What a model is trained and used on."""

    device: str  # "cuda" or "cpu"
    precision: str  # "float32", "bfloat16" or "float16"; below 32 bits through autocast
    name: str

    def __str__(self) -> str:
        return f"{self.name}, {self.precision}"


def choose_compute(precision: str | None = None) -> Compute:
    """Take a GPU where there is one, and the shortest type that it or the CPU computes fast.

    Args:
        precision: take this one instead.

    Raises:
        ValueError: `precision` is unknown, or is float16 without a GPU.
    """
    known = ("float32", "bfloat16", "float16")
    if precision is not None and precision not in known:
        raise ValueError(f"precision {precision!r} is unknown: choose one of {', '.join(known)}.")
    if torch.cuda.is_available():
        best = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        return Compute("cuda", precision or best, torch.cuda.get_device_name())
    if precision == "float16":
        raise ValueError("float16 needs a GPU: choose bfloat16 or float32 on a CPU.")
    units = torch.cpu.get_capabilities()
    fast = any(units.get(unit) for unit in ("amx_bf16", "avx512_bf16", "bf16"))
    name = f"CPU with {torch.get_num_threads()} threads"
    return Compute("cpu", precision or ("bfloat16" if fast else "float32"), name)


def loader_workers(compute: Compute) -> int:
    """Processes that read clips beside the training: none on a CPU, which has better to do."""
    return 0 if compute.device == "cpu" else min(8, (os.cpu_count() or 2) - 1)
