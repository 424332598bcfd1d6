"""Patches of tissue with and without findings (paper §3, "Data Preparation" and Table 1).

Positive patches are centred on an annotation; very large annotations are left out and counted.
Negative patches lie on a lattice of 32 magnified pixels, touch no annotation, and hold empty,
partial and full tissue alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.domain import REFERENCE_MM, Magnification
from mammoview.errors import UnusableDataset
from mammoview.evaluation.store import Prepared

__all__ = [
    "LATTICE",
    "TRIES",
    "HeldOut",
    "Lesion",
    "check_lesions",
    "cut",
    "held_out_patches",
    "lesions_of",
    "no_free_place",
    "touches",
]

LATTICE: Final = 32
"""Magnified pixels between negative patches (paper §3)."""
TRIES: Final = 10_000
"""Places that are drawn before films are said to hold none without a lesion."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """An annotation that fits into a patch; centre and half size in magnified pixels (edges)."""

    film: int
    centre: tuple[float, float]
    half: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Patches (N, 1, P, P) in [0, 1], labels (N,) 0 or 1, and whose each patch is."""

    images: Tensor
    labels: NDArray[np.int64]
    patients: list[str]


def cut(image: NDArray[np.uint8], centre: tuple[float, float], side: int) -> NDArray[np.uint8]:
    """A square of this side whose centre lies at `centre` (row, column edges), air beyond the image."""
    top, left = (round(c - side / 2) for c in centre)
    square = np.zeros((side, side), np.uint8)
    rows = slice(max(top, 0), min(top + side, image.shape[0]))
    columns = slice(max(left, 0), min(left + side, image.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        square[inner] = image[rows, columns]
    return square


def lesions_of(
    films: Sequence[Prepared], magnification: Magnification, patch: int
) -> tuple[list[Lesion], int]:
    """Annotations no larger than the patch, and how many were left out."""
    lesions, left_out, scale = [], 0, 2 * magnification.reduction
    for i, film in enumerate(films):
        for r0, c0, r1, c1 in film.boxes:
            if max(r1 - r0, c1 - c0) * REFERENCE_MM > patch * magnification.mm:
                left_out += 1
                continue
            half = ((r1 - r0) / scale, (c1 - c0) / scale)
            lesions.append(Lesion(i, ((r0 + r1) / scale, (c0 + c1) / scale), half))
    return lesions, left_out


def touches(film: Prepared, centre: NDArray[np.float64], side: float) -> bool:
    """Whether a patch of this side centred here (both in reference pixels) meets an annotation."""
    half = side / 2
    r0, c0, r1, c1 = film.boxes.T
    near = (r0 - half < centre[0]) & (centre[0] < r1 + half)
    return bool((near & (c0 - half < centre[1]) & (centre[1] < c1 + half)).any())


def check_lesions(lesions: Sequence[Lesion], magnification: Magnification, patch: int) -> None:
    """Refuse films none of whose lesions fits into a patch.

    Raises
    ------
    UnusableDataset
    """
    if not lesions:
        raise UnusableDataset(
            f"no annotation fits into a patch of {patch * magnification.mm:.0f} mm at {magnification.label}: "
            "check the films' spacing, or choose another dataset"
        )


def no_free_place() -> UnusableDataset:
    """What to say where nearly everything is annotated."""
    return UnusableDataset(
        "the annotations leave hardly any place free of lesions: check them, or choose another dataset"
    )


def held_out_patches(
    films: Sequence[Prepared], magnification: Magnification, patch: int, each: int, seed: int = 0
) -> HeldOut:
    """The paper's balanced draw: up to `each` centred positives and as many lattice negatives.

    Not augmented; the draw is fixed by `seed`.

    Raises
    ------
    UnusableDataset
        No lesion fits into a patch, or the films hold hardly any place without one.
    """
    rng = np.random.default_rng(seed)
    lesions, _ = lesions_of(films, magnification, patch)
    check_lesions(lesions, magnification, patch)
    chosen = [lesions[i] for i in rng.permutation(len(lesions))[:each]]
    squares = [cut(films[s.film].images[magnification.reduction], s.centre, patch) for s in chosen]
    patients = [films[s.film].patient for s in chosen]
    for _ in chosen:
        film, (row, column) = _lattice_place(films, magnification, patch, rng)
        squares.append(cut(film.images[magnification.reduction], (row, column), patch))
        patients.append(film.patient)
    labels = np.repeat([1, 0], len(chosen))
    return HeldOut(torch.from_numpy(np.stack(squares)[:, None]).float() / 255, labels, patients)


def _lattice_place(
    films: Sequence[Prepared], magnification: Magnification, patch: int, rng: np.random.Generator
) -> tuple[Prepared, tuple[float, float]]:
    """A film and a place on its lattice, in magnified pixels, whose patch touches no annotation."""
    for _ in range(TRIES):
        film = films[int(rng.integers(len(films)))]
        shape = film.images[magnification.reduction].shape
        centre = np.array([rng.integers(n // LATTICE + 1) * LATTICE for n in shape], float)
        if not touches(film, centre * magnification.reduction, patch * magnification.reduction):
            return film, (float(centre[0]), float(centre[1]))
    raise no_free_place()
