"""Read the next batches while the model works on this one, in a thread of the same process."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

AHEAD = 2
"""Batches that may wait."""
_END = object()


class ReadAhead:
    """A loader of which the next batches are read by a thread.

    For loaders without processes of their own. Reading a batch releases Python's lock for most of
    its time (decoding, scaling, copying), and so does the model, so that both go on side by side
    without a process that would have to import, copy and pickle. The batches are those of the
    loader, in its order, as long as nothing else draws from numpy's random numbers meanwhile.
    """

    def __init__(self, loader: DataLoader, ahead: int = AHEAD) -> None:
        """Args: `ahead` is how many batches may wait, each of which takes memory."""
        self.loader, self.ahead = loader, ahead

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the loader's: dataset, sampler, batch size."""
        return getattr(self.__dict__["loader"], name)

    def __iter__(self) -> Iterator[Any]:
        """The loader's batches. What reading one raises is raised here, in its turn."""
        waiting: queue.Queue = queue.Queue(self.ahead)
        is_over = threading.Event()
        thread = threading.Thread(target=self._fill, args=(waiting, is_over), daemon=True)
        thread.start()
        try:
            while True:
                batch, error = waiting.get()
                if error is not None:
                    raise error
                if batch is _END:
                    return
                yield batch
        finally:
            is_over.set()
            thread.join()

    def _fill(self, waiting: queue.Queue, is_over: threading.Event) -> None:
        try:
            for batch in self.loader:
                if not _put(waiting, (batch, None), is_over):
                    return
            _put(waiting, (_END, None), is_over)
        except BaseException as error:
            _put(waiting, (None, error), is_over)


def _put(waiting: queue.Queue, item: tuple, is_over: threading.Event) -> bool:
    """Add an item where there is room; False once nobody waits for it any more."""
    while not is_over.is_set():
        try:
            waiting.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
