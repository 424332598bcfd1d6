"""The numbers of An, Shameer & Subramanian, "Mammography Assessment using Multi-Scale Deep Classifiers",
and the arithmetic that they have to survive.

Percentages are printed with one decimal. A percentage of n patches is possible when some whole number
of patches rounds to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mammoview.domain import Magnification

__all__ = [
    "FIELD_SIDE",
    "HEAT_SIDE",
    "PRINTED",
    "STRIDE",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "Errors",
    "Split",
    "denominators",
    "patches_behind",
    "possible",
    "wilson",
]

FIELD_SIDE: Final = 2048  # px of the scan, §3 "Data Preparation"
STRIDE: Final = 64  # px of the magnification, §3 "Aggregated Local Results"
HEAT_SIDE: Final = 32  # cells, §4.1 "Baseline Heatmap Regression"


@dataclass(frozen=True, slots=True)
class Split:
    """A row of Table 1: (findings positive, negative) patches and CC films."""

    patches: tuple[int, int]
    films: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Errors:
    """A row of Table 2: per cent of the held-out patches."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float
    total_error: float

    @property
    def outcomes(self) -> tuple[float, float, float, float]:
        """TP, FP, TN and FN."""
        return self.true_positive, self.false_positive, self.true_negative, self.false_negative

    @property
    def false_positive_rate(self) -> float:
        """Share of the negative patches that were called positive."""
        return self.false_positive / (self.false_positive + self.true_negative)

    @property
    def sensitivity(self) -> float:
        """Share of the positive patches that were called positive."""
        return self.true_positive / (self.true_positive + self.false_negative)


TABLE_1: Final[Mapping[str, Split]] = {
    "Training": Split((3038, 311452), (1432, 1984)),
    "Validation": Split((32, 32), (10, 10)),
    "Testing": Split((256, 256), (100, 100)),
}
TABLE_2: Final[Mapping[Magnification, Errors]] = {
    Magnification.HALF: Errors(47.7, 9.0, 41.0, 2.3, 11.3),
    Magnification.THIRD: Errors(29.7, 3.9, 46.0, 20.3, 24.2),
    Magnification.QUARTER: Errors(33.6, 6.3, 43.8, 16.4, 22.7),
}
TABLE_3: Final[Mapping[str, tuple[float, float]]] = {"Training": (0.12, 2.25), "Validation": (6.48, 6.04)}
"""Mean squared error of the baseline and with local results."""

PRINTED: Final = tuple(percent for row in TABLE_2.values() for percent in row.outcomes)
"""All twelve percentages of TP, FP, TN and FN."""


def possible(percent: float, n: int) -> bool:
    """Whether a whole number of n patches, as a percentage with one decimal, is `percent`.

    A half may have been rounded either way.
    """
    nearest = math.floor(percent * n / 100)
    return any(abs(100 * count / n - percent) <= 0.05 + 1e-9 for count in (nearest, nearest + 1))


def denominators(most: int, fitting: int) -> list[int]:
    """Numbers of patches up to `most` of which at least `fitting` of the twelve percentages are possible."""
    return [n for n in range(1, most + 1) if sum(possible(percent, n) for percent in PRINTED) >= fitting]


def patches_behind(row: Errors, n: int) -> tuple[int, int, int, int]:
    """Whole patches nearest to a row's TP, FP, TN and FN, of n in all."""
    true_positive, false_positive, true_negative, false_negative = (
        round(percent * n / 100) for percent in row.outcomes
    )
    return true_positive, false_positive, true_negative, false_negative


def wilson(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n independent trials (Wilson, JASA 22:209, 1927)."""
    z, share = 1.959964, count / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - half, centre + half
