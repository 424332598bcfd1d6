"""Films whose lesions are stated but marked nowhere: no place on them is known to be free of lesions."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from mammoview.evaluation.store import Prepared
from mammoview.readers.annotated import AnnotatedFilm

__all__ = ["marked_nowhere", "placed"]


def marked_nowhere(stated: Sized, marks: Sized) -> bool:
    """Whether lesions are stated and none is marked; where none is stated there is nothing to mark."""
    return bool(len(stated)) and not len(marks)


def placed(
    films: Sequence[AnnotatedFilm], prepared: Sequence[Prepared]
) -> list[tuple[AnnotatedFilm, Prepared]]:
    """Films and what became of them, pairwise, without those whose lesions are marked nowhere.

    What is learnt or measured at places of a film (patches without a lesion, targets of heat, false
    findings) takes these films only.
    """
    pairs = zip(films, prepared, strict=True)
    return [(f, p) for f, p in pairs if not marked_nowhere(f.facts.get("lesions", ""), p.boxes)]
