"""Ctrl-C and SIGTERM end a training between two batches, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

__all__ = ["Interruption", "listening", "terminated_as_interrupted"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Interruption:
    """Whether somebody asked to stop."""

    asked: bool = False


@contextmanager
def listening() -> Iterator[Interruption]:
    """While this lasts, the first signal only asks; a second one ends the process as usual."""
    interruption = Interruption()
    if not _may_handle():
        yield interruption
        return
    usual = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        interruption.asked = True
        restore()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    for number in SIGNALS:
        signal.signal(number, ask)
    try:
        yield interruption
    finally:
        restore()


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """While this lasts, SIGTERM raises KeyboardInterrupt as Ctrl-C does, wherever the work is."""
    if not _may_handle():
        yield
        return
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def _may_handle() -> bool:
    """Signals are handled by the main thread alone."""
    return threading.current_thread() is threading.main_thread()
