"""Intervals by patient: films and patches of one patient are never taken for independent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Figure", "band", "clustered", "clustered_distance", "resamples"]


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
        """Rounded to six places; an undefined value or bound becomes None."""
        return {k: _rounded(v) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def resamples(patients: Sequence[str], draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices into the units, with repeats: as many patients as there are, drawn with replacement.

    A patient who is drawn twice brings all her units twice.
    """
    names, owner = np.unique(np.array(patients), return_inverse=True)
    units = [np.flatnonzero(owner == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        chosen = rng.integers(len(names), size=len(names))
        yield np.concatenate([units[i] for i in chosen])


def clustered(
    statistic: Callable[[NDArray[np.int64]], float],
    patients: Sequence[str],
    unit: str,
    draws: int = 1000,
    seed: int = 0,
    n: int | None = None,
) -> Figure:
    """A statistic and its 95 % percentile interval by a bootstrap over patients.

    Parameters
    ----------
    statistic : callable
        Takes indices into the units (with repeats) and returns a number; NaN where it is undefined
        for a draw, which is then left out.
    patients : sequence of str
        Whose each unit is; at least one.
    unit : str
    draws, seed : int
        Number of resamples; their generator's seed.
    n : int or None
        How many units are named where they are not what is resampled: the lesions of resampled films.

    Returns
    -------
    Figure
        Its bounds are NaN where they are undefined: of one patient nothing can be resampled.
    """
    value = float(statistic(np.arange(len(patients))))
    low, high = band(lambda index: np.array([statistic(index)]), patients, draws, seed)
    counted = len(patients) if n is None else n
    return Figure(value, float(low[0]), float(high[0]), unit, counted, len(set(patients)))


def clustered_distance(
    gaps: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    patients: Sequence[str],
    unit: str,
    draws: int = 1000,
    seed: int = 0,
) -> Figure:
    """A sum of absolute differences with an interval of at least 95 %, by a bootstrap over patients.

    The noise of every difference adds to the sum, in the data and once more in each resample: the
    percentiles, and their reflection about the value, may both miss truth and value alike. The vector
    of differences itself has no such bias. Its distance from its resamples is the noise, and by the
    triangle inequality the truth lies no further below the value than that; above, the resamples'
    own percentile errs outward (decision 0035).

    Parameters
    ----------
    gaps : callable
        Takes indices into the units (with repeats) and returns the differences, (K,).
    patients, unit, draws, seed
        As for `clustered`.

    Returns
    -------
    Figure
        Its interval holds its value and nothing below 0; NaN where there is one patient only.
    """
    own = gaps(np.arange(len(patients)))
    drawn = np.array([gaps(index) for index in resamples(patients, draws, seed)])
    value, low, high = float(np.abs(own).sum()), math.nan, math.nan
    if len(set(patients)) > 1:
        noise, above = np.percentile(
            [np.abs(drawn - own).sum(axis=1), np.abs(drawn).sum(axis=1)], 97.5, axis=1
        )
        low, high = max(0.0, value - float(noise)), max(value, float(above))
    return Figure(value, low, high, unit, len(patients), len(set(patients)))


def band(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    patients: Sequence[str],
    draws: int = 1000,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % percentile interval of every element of a statistic that returns (K,): low, high."""
    values = np.array([statistic(index) for index in resamples(patients, draws, seed)], np.float64)
    bounds = np.full((2, values.shape[1]), np.nan)
    defined = ~np.isnan(values).all(axis=0)
    if len(set(patients)) > 1 and defined.any():
        bounds[:, defined] = np.nanpercentile(values[:, defined], (2.5, 97.5), axis=0)
    return bounds[0], bounds[1]


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
