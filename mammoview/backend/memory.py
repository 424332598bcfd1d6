"""Work in pieces that fit: how large a piece may be, and smaller ones where memory runs out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

import torch

from mammoview.errors import NotEnoughMemory
from mammoview.models.tissue import TissueClassifier

__all__ = ["PIECE_BYTES", "in_pieces", "patches_at_once", "ran_out"]

Made = TypeVar("Made")

PIECE_BYTES: Final = 192 * 2**20
"""What the widest activations of one piece may take; two of them are there at a time."""

ACTIVATIONS: Final = 8
"""How many times a patch's widest activations are held while it is differentiated, at most."""

_WORDS: Final = re.compile(
    r"can't allocate|cannot allocate|out of memory|bad_alloc|not enough memory"
    r"|could not create a (primitive|memory)",  # oneDNN, when it finds no room for what it is to work in
    re.IGNORECASE,
)


def patches_at_once(classifier: TissueClassifier) -> int:
    """How many patches to differentiate together: few on a CPU, whose caches they should fit, many on a GPU.

    Two, four and eight patches take the same time each on a CPU, sixteen a quarter more. A GPU gets what
    fits half of the memory that is free.
    """
    device = next(classifier.parameters()).device
    if device.type != "cuda":
        return 4
    free, _ = torch.cuda.mem_get_info(device)
    each = 4 * classifier.widths[0] * classifier.patch**2 * ACTIVATIONS
    return int(min(64, max(1, free // 2 // each)))


def in_pieces(count: int, most: int, work: Callable[[int, int], Made]) -> Iterator[tuple[int, Made]]:
    """Do `work(first, last)` for pieces of at most `most` of `count` things, as even as they can be.

    A piece for which memory runs out is tried again at half the size, and so are those behind it.

    Yields
    ------
    last : int
        How many are done.
    made
        What `work` gave for this piece.

    Raises
    ------
    NotEnoughMemory
        Not even one thing alone fits.
    """
    first, size = 0, even(count, most)
    while first < count:
        last = min(first + size, count)
        try:
            made = work(first, last)
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
            if size == 1:
                raise NotEnoughMemory(
                    "There is not enough memory to assess this film: close other programs and try again."
                ) from error
            size = even(count - first, size // 2)
            give_back()
            continue
        yield last, made
        first = last


def even(count: int, most: int) -> int:
    """The size of the largest piece when `count` things are dealt into as few pieces as `most` allows."""
    pieces = -(-count // max(1, most))
    return -(-count // max(1, pieces))


def ran_out(error: BaseException) -> bool:
    """Whether this error says that memory ran out, on whichever device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or bool(_WORDS.search(str(error)))


def give_back() -> None:
    """Return what the GPU's allocator keeps for later, so that a smaller piece finds room."""
    if torch.cuda.is_available():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
