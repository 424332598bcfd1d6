"""Many small pieces of work on a CPU: one thread each, instead of all threads on every one.

Threads that share each convolution wait for one another at its end, dozens of times a patch. Where the
browser or another program takes a core for a moment, all of them stand still: on two busy cores that
made a film's saliency several times slower. Threads with a piece each wait once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

__all__ = ["threads_for"]

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def threads_for(device: torch.device) -> Iterator[tuple[int, Map]]:
    """How many pieces this device does at once, and a `map` that does them; results come in order.

    A GPU does one. A CPU as many as PyTorch has threads (`torch.get_num_threads`), each with one of its own.
    """
    count = torch.get_num_threads() if device.type == "cpu" else 1
    if count == 1:
        yield 1, map
        return
    try:
        with ThreadPoolExecutor(count, "saliency", partial(torch.set_num_threads, 1)) as pool:
            yield count, pool.map
    finally:
        torch.set_num_threads(count)  # threads that begin later take the number that was set last
