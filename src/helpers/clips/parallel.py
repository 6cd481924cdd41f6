"""Call one function on many items in several processes, with a progress bar."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tqdm.auto import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 16
"""Below this many items no process is started: that would take longer than the work."""


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    workers: int | None = None,
    heavy: bool = False,
) -> Iterator[Result]:
    """Give `function(item)` for every item, in order.

    The processes are spawned afresh (nothing of the caller's threads and libraries is copied), so
    `function` belongs to a module that imports little. An exception in it is raised here.

    Args:
        function: of a module's top level.
        items: what it is called with, one by one.
        description: stands beside the progress bar.
        workers: processes; None for one per core, 1 to stay in this process.
        heavy: an item takes so long that a few are worth a process, and none waits behind another.

    Raises:
        RuntimeError: a process ended abruptly.
    """
    workers = workers or os.cpu_count() or 1
    unit = "it" if heavy else "clip"
    bar = {"total": len(items), "desc": description, "unit": unit, "disable": not items}
    if workers == 1 or len(items) < (2 if heavy else FEW):
        yield from tqdm(map(function, items), **bar)
        return
    chunk = 1 if heavy else max(1, min(16, len(items) // (4 * workers)))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from tqdm(pool.map(function, items, chunksize=chunk), **bar)
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"{description}: a worker process ended abruptly, out of memory perhaps, or the "
                'calling script lacks `if __name__ == "__main__":`; workers=1 needs no processes'
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
