"""Times and memory of one piece of work, as robust as a shared machine allows."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Row", "median_s", "paired", "peak_bytes"]

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, how much, and what it should be.

    `bar` is words, `met` says whether the value keeps it; both None where there is none.
    """

    name: str
    value: float
    unit: str
    bar: str | None = None
    met: bool | None = None
    note: str = ""


def median_s(work: Callable[[], object], repeats: int = 5, warm: int = 1) -> float:
    """Median seconds of a call by the clock, after `warm` calls that are not counted."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def paired(
    slow: Callable[[], object], fast: Callable[[], object], repeats: int = 3
) -> tuple[float, float, float]:
    """Median seconds of both, done in turn, and the median of their ratios.

    Done in turn, both see the same machine: a ratio holds where other work comes and goes.
    """
    slow()
    fast()
    pairs = [(median_s(slow, 1, 0), median_s(fast, 1, 0)) for _ in range(repeats)]
    ratios = [one / other for one, other in pairs]
    return (
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(ratios),
    )


def peak_bytes(work: Callable[[], object]) -> int | None:
    """How far the process grew beyond what it held before; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    before = _status("VmRSS")
    try:
        _CLEAR.write_text("5")  # the high-water mark begins anew
    except OSError:
        return None
    work()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
