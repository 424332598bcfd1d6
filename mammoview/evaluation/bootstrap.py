"""Intervals by patient: films and patches of one patient are never taken for independent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Figure", "clustered"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval, what was counted, and how many of it.

    Attributes
    ----------
    value, low, high : float
    unit : str
        "patches", "films", "lesions", ….
    n : int
        How many units.
    patients : int
    """

    value: float
    low: float
    high: float
    unit: str
    n: int
    patients: int

    def as_json(self) -> dict[str, object]:
        """Rounded to six places; an undefined bound becomes None."""
        return {k: _rounded(v) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def clustered(
    statistic: Callable[[NDArray[np.int64]], float],
    patients: Sequence[str],
    unit: str,
    draws: int = 1000,
    seed: int = 0,
) -> Figure:
    """A statistic and its 95 % percentile interval by a bootstrap over patients.

    Parameters
    ----------
    statistic : callable
        Takes indices into the units (with repeats) and returns a number; NaN where it is undefined
        for a draw, which is then left out.
    patients : sequence of str
        Whose each unit is.
    unit : str
    draws, seed : int
        Number of resamples; their generator's seed.
    """
    names, owner = np.unique(np.array(patients), return_inverse=True)
    units = [np.flatnonzero(owner == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        chosen = rng.integers(len(names), size=len(names))
        values.append(statistic(np.concatenate([units[i] for i in chosen])))
    low, high = np.nanpercentile(values, (2.5, 97.5))
    whole = statistic(np.arange(len(patients)))
    return Figure(float(whole), float(low), float(high), unit, len(patients), len(names))


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
