"""Ours beside the implementations that there are: time, memory and share of the machine's rate.

python -m benchmarks.compare_backbones --out benchmarks/results/cpu.json

One run, the same clips and sizes, all candidates interleaved round by round. README.md in this
folder says how it measures and what the numbers mean.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import nn

from benchmarks import options, timing
from benchmarks.activations import saved_by_frames
from benchmarks.implementations import (
    QUICK,
    Implementation,
    draw_weights,
    implementations,
    largest_difference,
    made_up_clips,
    multiply_adds,
    parameter_bytes,
    tokens,
)
from benchmarks.machine import describe_machine, without_folders
from benchmarks.report import markdown, notes
from helpers.files import write_json
from helpers.models.checkpoints import CheckpointError
from helpers.profiles import VARIANTS, ModelSize
from helpers.training.device import choose_compute

AGREES = 1e-3
"""Features differ less than this in float32, or the implementations do not do the same."""
FRAMES = (8, 16, 32)
JOINT = "joint_space_time"


@dataclass(frozen=True)
class Candidate:
    """What is timed against the others."""

    implementation: str
    scheme: str
    precision: str
    compiled: bool = False


@dataclass
class Model:
    """A built implementation; or why there is none."""

    module: nn.Module | None
    multiply_adds: int | None = None  # of a forward pass of one clip
    reason: str = ""


def main(arguments: Sequence[str] | None = None) -> dict:
    """Compare, print the table, write the raw numbers; return them."""
    asked = options.parse(arguments, __doc__.splitlines()[0])
    if asked.threads:
        torch.set_num_threads(asked.threads)
    compute = choose_compute()
    device = compute.device
    size = QUICK if asked.quick else VARIANTS[asked.variant]
    repeats = asked.repeats or (2 if asked.quick else 5 if device == "cpu" else 10)
    known = implementations(asked.authors)
    _say(f"{compute.name}; {size}")

    names = [name for name in asked.implementations or known if name in known]
    models, agreement = {}, []
    for name in names:
        for scheme in (scheme for scheme in asked.schemes if scheme in known[name].schemes):
            models[name, scheme] = _build(known[name], size, scheme, device)
            agreement += _agreement(name, scheme, known[name], models[name, scheme], size)

    precisions = asked.precisions or options.precisions(device, compute.precision)
    candidates = [
        Candidate(name, scheme, precision)
        for scheme in asked.schemes
        for precision in precisions
        for name in names
        if (name, scheme) in models
    ] + [
        Candidate(name, scheme, precisions[-1], compiled=True)
        for name, scheme in models
        if name in options.compiled(asked.compile, device)
    ]
    results = {
        "machine": describe_machine(
            device, sys.argv if arguments is None else arguments, asked.authors
        ),
        "size": asdict(size),
        "repeats": repeats,
        "agreement": agreement,
        "activations": [] if asked.skip_activations else _activations(known, names, size),
        "rates": [],
        "rows": [],
    }
    for mode in asked.modes:
        left = list(candidates)
        for batch in options.batches(asked, device):
            rows, rates = _measure(
                models, left, mode, batch, size, device,
                repeats=repeats, warmups=asked.warmups, limit=asked.limit,
            )  # fmt: skip
            results["rows"] += rows
            results["rates"] += rates
            if asked.out:
                write_json(asked.out, results)
            left = [c for c, row in zip(left, rows, strict=True) if row["status"] == "ok"]
            if not left:
                break
    print(markdown(results), "", *notes(results), sep="\n")
    return results


def _build(implementation: Implementation, size: ModelSize, scheme: str, device: str) -> Model:
    # Whatever another package or a checkout raises becomes a line of the table.
    try:
        module = draw_weights(implementation.build(size, scheme), size)
        return Model(module.to(device), multiply_adds(module, size))
    except Exception as error:
        return Model(None, reason=without_folders(timing.told(error)))


def _agreement(
    name: str, scheme: str, implementation: Implementation, model: Model, size: ModelSize
) -> list[dict]:
    """Whether an implementation computes what ours does; one that does not is not timed."""
    if name == "ours" or model.module is None:
        return []
    difference, reason = None, ""
    if implementation.publish is None:
        reason = "weights of its own, since its architecture is another"
    else:
        try:
            difference = largest_difference(implementation, model.module, size, scheme)
        except CheckpointError as error:
            reason = f"weights of its own: {without_folders(timing.told(error))}"
        except Exception as error:  # as in `_build`
            model.module = None
            model.reason = reason = without_folders(timing.told(error))
    if difference is not None and not difference < AGREES:
        model.module = None
        model.reason = f"its features differ from ours by {difference:.1e}"
    _say(f"{name}, {scheme}: {reason or f'largest difference from ours {difference:.1e}'}")
    return [
        {
            "implementation": name,
            "scheme": scheme,
            "difference": difference,
            "reason": reason,
        }
    ]


def _measure(
    models: dict[tuple[str, str], Model],
    candidates: list[Candidate],
    mode: str,
    batch: int,
    size: ModelSize,
    device: str,
    **rounds,
) -> tuple[list[dict], list[dict]]:
    """Time all candidates in one mode at one batch, and matrix products among them.

    Returns:
        A row per candidate, in their order, and one per precision for the matrix products.
    """
    torch.compiler.reset()  # else a further batch counts as one recompilation too many
    clips = made_up_clips(size, batch, device)
    calls, products = {}, {}
    for precision in dict.fromkeys(candidate.precision for candidate in candidates):
        calls[precision], products[precision] = timing.matrix_product(
            tokens(size) * batch, size.embed_dims, precision, device
        )
    for candidate in candidates:
        module = models[candidate.implementation, candidate.scheme].module
        if module is not None:
            module.train(mode == "step")
            module = torch.compile(module, dynamic=False) if candidate.compiled else module
            run = timing.step if mode == "step" else timing.forward
            calls[candidate] = partial(run, module, clips, candidate.precision)
    _say(f"{mode}, batch {batch}: {len(calls) - len(products)} candidates take turns")
    timed = timing.interleave(calls, device=device, **rounds)
    rows = []
    for candidate in candidates:
        model = models[candidate.implementation, candidate.scheme]
        took = timed.get(candidate, timing.Timing("failed", model.reason))
        extra = took.extra_bytes
        rows.append(
            {
                **asdict(candidate),
                "mode": mode,
                "batch": batch,
                "status": took.status,
                "reason": without_folders(took.reason),
                "multiply_adds": model.multiply_adds,
                "seconds": took.seconds,
                "peak_bytes": None if extra is None else extra + parameter_bytes(model.module),
            }
        )
        _say(_told(rows[-1]))
    rates = [
        {
            "mode": mode,
            "batch": batch,
            "precision": precision,
            "multiply_adds": product,
            "seconds": timed[precision].seconds,
        }
        for precision, product in products.items()
    ]
    return rows, rates


def _told(row: dict) -> str:
    names = [row["implementation"], row["scheme"], row["precision"]]
    names += ["compiled"] if row["compiled"] else []
    seconds = sorted(row["seconds"])
    took = f"{seconds[len(seconds) // 2]:.4g} s" if seconds else f"{row['status']}: {row['reason']}"
    return f"{row['mode']}, batch {row['batch']}, {', '.join(names)}: {took}"


def _activations(known: dict[str, Implementation], names: list[str], size: ModelSize) -> list[dict]:
    """Bytes that joint attention saves against frames, of ours and of mmaction2's."""
    compared = [name for name in ("ours", "mmaction2") if name in names]
    return [
        {
            "implementation": name,
            "scheme": JOINT,
            "bytes": saved_by_frames(known[name], size, FRAMES, JOINT),
        }
        for name in compared
    ]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
