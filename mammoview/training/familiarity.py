"""What the training films look like, measured once and kept beside the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mammoview.errors import UnusableDataset
from mammoview.familiarity import REDUCTION, Familiar, learn_limits, measure, strange, write_familiar

if TYPE_CHECKING:
    from mammoview.evaluation.store import Prepared
    from mammoview.readers.annotated import AnnotatedFilm

__all__ = ["learn_familiarity"]

OUTSIDE: Final = 0.02
"""Share of the training films that are called unfamiliar: what a reader is warned of for nothing."""


def learn_familiarity(
    films: Sequence[AnnotatedFilm],
    prepared: Sequence[Prepared],
    *,
    dataset: str,
    band_limit_mm: float,
    out: Path,
) -> Familiar:
    """Measure the training films, never those of validation, and write `familiar.json` into `out`.

    Parameters
    ----------
    films, prepared : sequences of the same films
    dataset : str
        Its name, as cards have it.
    band_limit_mm : float
        To which the prepared films were smoothed.

    Raises
    ------
    UnusableDataset
        No film that may be learnt from holds breast.
    """
    learnt = [p for p in prepared if not p.validation and p.inside.any()]
    if not learnt:
        raise UnusableDataset(f"{dataset}: no training film holds breast; choose another dataset")
    figures = [measure(np.asarray(p.images[REDUCTION]), p.inside) for p in learnt]
    names = {p.name for p in learnt}
    familiar = Familiar(
        kinds=tuple(
            sorted({f.facts["kind"] for f in films if f.film.source in names and f.facts.get("kind")})
        ),
        films=len(learnt),
        patients=len({p.patient for p in learnt}),
        dataset=dataset,
        outside=0.0,
        band_limit_mm=band_limit_mm,
        limits=learn_limits(figures, OUTSIDE),
    )
    outside = float(np.mean([bool(strange(each, familiar)) for each in figures]))
    familiar = replace(familiar, outside=round(outside, 4))
    write_familiar(familiar, out)
    return familiar
