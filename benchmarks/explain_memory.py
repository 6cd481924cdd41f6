"""Peak memory and seconds of explaining one clip, in a process of its own.

    python benchmarks/explain_memory.py timesformer_l divided_space_time gradient

The model has random weights. Of the attention schemes any, of the methods `rollout` or `gradient`.
"""

import argparse
import resource
import time

import torch
from torch import nn

from helpers.explain.rollout import class_direction, gradient_rollout, rollout
from helpers.models import SpaceTimeTransformer
from helpers.models.transformer import SCHEMES
from helpers.profiles import VARIANTS

CLASSES = 4


def explain(variant: str, scheme: str, method: str) -> tuple[float, float]:
    """Explain one drawn clip.

    Returns:
        peak of resident memory of this process (GiB), and seconds.
    """
    torch.manual_seed(0)
    size = VARIANTS[variant]
    model = nn.Module()
    model.backbone = SpaceTimeTransformer(**vars(size), attention_type=scheme)
    model.backbone.init_weights()
    model.cls_head = nn.Linear(size.embed_dims, CLASSES)
    model.eval()
    clip = torch.randn(1, 3, size.num_frames, size.img_size, size.img_size)
    begin = time.perf_counter()
    if method == "rollout":
        maps = rollout(model.backbone, clip)
    else:
        maps = gradient_rollout(model, clip, class_direction(torch.tensor([0]), CLASSES))
    if not torch.isclose(maps.sum(), torch.tensor(1.0), atol=1e-3):
        raise RuntimeError(f"The map's sum is {maps.sum():.4f} and not 1.")
    seconds = time.perf_counter() - begin
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant", choices=VARIANTS, nargs="?", default="timesformer_l")
    parser.add_argument("scheme", choices=SCHEMES, nargs="?", default="divided_space_time")
    parser.add_argument("method", choices=("rollout", "gradient"), nargs="?", default="rollout")
    asked = parser.parse_args()
    peak, seconds = explain(asked.variant, asked.scheme, asked.method)
    print(f"{asked.variant} {asked.scheme} {asked.method}: {peak:.2f} GiB, {seconds:.0f} s")
