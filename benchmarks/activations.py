"""Bytes that attention keeps for the backward pass, by asking torch without allocating them."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch._subclasses import FakeTensorMode

from benchmarks.implementations import Implementation
from helpers.cost.memory import SavedBytes
from helpers.profiles import ModelSize


def saved_by_frames(
    implementation: Implementation, size: ModelSize, frames: Iterable[int], scheme: str
) -> dict[int, int]:
    """Bytes that the forward pass of one clip keeps for its backward pass, by the clip's frames.

    In float32, while training, parameters left out. Nothing is computed or allocated.
    """
    return {
        count: _saved(implementation, replace(size, num_frames=count), scheme) for count in frames
    }


def _saved(implementation: Implementation, size: ModelSize, scheme: str) -> int:
    with FakeTensorMode():
        module = implementation.build(size, scheme).train()
        clips = torch.empty(1, 3, size.num_frames, size.img_size, size.img_size)
        saving = SavedBytes(module)
        with saving:
            features = module(clips)  # alive until they are counted, and with them what they keep
        saved = saving.now
        del features
    return saved
