"""The thread that reads batches ahead of the model."""

import threading
import time

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from helpers.training.reading_ahead import ReadAhead


class Numbers(Dataset):
    """Items with some of numpy's randomness, of which one may be broken."""

    def __init__(self, broken: int | None = None):
        self.broken, self.read = broken, []

    def __len__(self):
        return 20

    def __getitem__(self, index):
        self.read.append(index)
        if index == self.broken:
            raise ValueError(f"item {index} is broken")
        return index + np.random.random()


def loader(**settings) -> DataLoader:
    shuffled = torch.Generator().manual_seed(3)
    return DataLoader(Numbers(**settings), batch_size=4, shuffle=True, generator=shuffled)


def threads() -> int:
    return sum(thread.name.startswith("Thread") for thread in threading.enumerate())


def test_batches_are_those_of_the_loader_in_its_order():
    np.random.seed(0)
    wanted = [batch.tolist() for batch in loader()]
    np.random.seed(0)
    ahead = ReadAhead(loader())
    assert [batch.tolist() for batch in ahead] == wanted
    assert len(ahead) == 5
    assert len(list(ahead)) == 5, "it can be gone through again"


def test_the_next_batches_are_read_while_one_is_worked_on():
    ahead = ReadAhead(loader(), ahead=2)
    batches = iter(ahead)
    next(batches)
    deadline = time.monotonic() + 10
    while len(ahead.dataset.read) < 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    # One is worked on, two wait, and one is in the thread's hands.
    assert 12 <= len(ahead.dataset.read) <= 16
    batches.close()


def test_an_error_of_reading_is_raised_where_the_batch_is_wanted():
    ahead = ReadAhead(DataLoader(Numbers(broken=9), batch_size=4))
    batches = iter(ahead)
    assert len(next(batches)) == len(next(batches)) == 4
    with pytest.raises(ValueError, match="item 9 is broken"):
        next(batches)


def test_no_thread_is_left_where_a_loop_is_broken_off():
    before = threads()
    for _ in ReadAhead(loader()):
        break
    batches = iter(ReadAhead(loader()))
    next(batches)
    batches.close()
    assert threads() == before


def test_all_else_is_the_loaders():
    inner = loader()
    ahead = ReadAhead(inner)
    assert ahead.dataset is inner.dataset and ahead.sampler is inner.sampler
    assert ahead.batch_size == 4
    assert not hasattr(ahead, "nothing_of_the_kind")
