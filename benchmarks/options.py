"""The command line of a comparison, and what is done where it is silent."""

import argparse
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import torch

from benchmarks import timing
from benchmarks.implementations import DIVIDED
from helpers.models.transformer import SCHEMES
from helpers.profiles import VARIANTS


def parse(arguments: Sequence[str] | None, about: str) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=about)
    add = parser.add_argument
    known = ("ours", "mmaction2", "transformers", "lucidrains", "authors")
    add("--implementations", nargs="+", choices=known, help="those to compare (all)")
    add("--authors", type=Path, help="a checkout of facebookresearch/TimeSformer, to compare too")
    add("--schemes", nargs="*", default=[DIVIDED], choices=list(SCHEMES), metavar="SCHEME",
        help="attention schemes (divided); without names, all five")  # fmt: skip
    add("--modes", nargs="+", default=timing.MODES, choices=timing.MODES, help="(both)")
    add("--precisions", nargs="+", choices=timing.PRECISIONS, help="(all that are fast here)")
    add("--compile", nargs="*", choices=known, metavar="NAME",
        help="time these compiled too, in the shortest precision; without names, ours")  # fmt: skip
    add("--batches", type=int, nargs="+", help="clips (CPU: 1; GPU: 1, 2, 4, ... up to memory)")
    add("--largest-batch", type=int, help="where doubling on a GPU ends, if memory does not end it")
    sizes = [name for name, size in VARIANTS.items() if size.patch_embedding == "linear"]
    add("--variant", default="timesformer", choices=sizes, help="sizes (%(default)s, ViT-B)")
    add("--repeats", type=int, help="timed rounds (CPU: 5, GPU: 10)")
    add("--warmups", type=int, default=1, help="rounds before them (%(default)s)")
    add("--limit", type=float, default=float("inf"), metavar="SECONDS",
        help="per mode and batch; once over, no round follows the third")  # fmt: skip
    add("--threads", type=int, help="of a CPU (torch's choice)")
    add("--skip-activations", action="store_true", help="do not count what attention saves")
    add("--quick", action="store_true", help="a tiny model: shows that all works")
    add("--out", type=Path, help="JSON file for the raw numbers")
    asked = parser.parse_args(arguments)
    asked.schemes = asked.schemes or list(SCHEMES)
    if asked.authors is None and "authors" in (asked.implementations or ()):
        parser.error("authors: name a checkout of their repository with --authors")
    return asked


def precisions(device: str, low: str) -> list[str]:
    """float32 and the shortest that is fast; TF32 where the GPU has it."""
    has_tf32 = device == "cuda" and torch.cuda.get_device_capability() >= (8, 0)
    return list(dict.fromkeys(["float32", *(["tf32"] if has_tf32 else []), low]))


def compiled(names: list[str] | None, device: str) -> list[str]:
    """Implementations to compile: those named; ours if none is, and on a GPU also unasked."""
    if names is None:
        return ["ours"] if device == "cuda" else []
    return names or ["ours"]


def batches(asked: argparse.Namespace, device: str) -> Iterator[int]:
    """The batches asked for; else one clip on a CPU, and on a GPU ever more, without an end."""
    if asked.batches:
        yield from asked.batches
    elif device == "cpu":
        yield 1
    else:
        for power in count():
            if asked.largest_batch and 2**power > asked.largest_batch:
                return
            yield 2**power
