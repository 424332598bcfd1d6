"""Annotated films, prepared once: each as the page would prepare it, at every scale that a network takes.

A store is a folder of 8-bit arrays (the films are 8-bit themselves) that are read by memory map.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mammoview.domain import Field, Magnification, Outline
from mammoview.errors import MammoviewError
from mammoview.evaluation.split import in_validation
from mammoview.models.cards import HEATMAP_REDUCTION
from mammoview.prepare import breast_cells, magnify, prepare
from mammoview.readers.annotated import AnnotatedFilm

__all__ = ["Prepared", "build", "load", "prepared_among"]

REDUCTIONS: Final = (*(m.reduction for m in Magnification), HEATMAP_REDUCTION)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One film in the store.

    Attributes
    ----------
    name, patient : str
    validation : bool
    boxes : ndarray of shape (K, 4), float64
        First row, first column, last row, last column of each annotation, as edges in reference
        pixels of the field; a core inside a boundary is no annotation of its own.
    inside : ndarray of shape (I, J), bool
        Cells of 64 reference pixels that hold breast.
    images : dict
        Reduction to uint8 array, 255 = densest.
    """

    name: str
    patient: str
    validation: bool
    boxes: NDArray[np.float64]
    inside: NDArray[np.bool_]
    images: dict[int, NDArray[np.uint8]]


def build(films: Sequence[AnnotatedFilm], folder: Path, band_limit_mm: float) -> tuple[AnnotatedFilm, ...]:
    """Prepare films into `folder`; those that are there, with the same annotation, stay as they are.

    Returns
    -------
    tuple of AnnotatedFilm
        Those that are prepared. A film that cannot be read or has no breast is left out, with one line
        on standard error, and counted there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for annotated in tqdm(films, desc="preparing films", unit="film"):
        if not _is_there(annotated, folder):
            try:
                mammogram = annotated.film.read()
                field = prepare(mammogram)
            except (MammoviewError, OSError) as error:
                tqdm.write(f"mammoview: warning: {annotated.film.source} is left out: {error}", sys.stderr)
                continue
            _keep(annotated, field, mammogram.outlines, folder, band_limit_mm)
    kept = prepared_among(films, folder)
    if len(kept) < len(films):
        missing = len(films) - len(kept)
        tqdm.write(f"mammoview: warning: {missing} of {len(films)} films are left out", sys.stderr)
    return kept


def prepared_among(films: Iterable[AnnotatedFilm], folder: Path) -> tuple[AnnotatedFilm, ...]:
    """The films that lie in the store, with the annotation that they have now."""
    return tuple(film for film in films if _is_there(film, folder))


def _is_there(annotated: AnnotatedFilm, folder: Path) -> bool:
    record = folder / f"{annotated.film.source}.json"
    return record.is_file() and json.loads(record.read_text()).get("digest") == annotated.digest


def _keep(
    annotated: AnnotatedFilm, field: Field, outlines: Sequence[Outline], folder: Path, band_limit_mm: float
) -> None:
    """Write the arrays, then the record that says that they are there."""
    name = annotated.film.source
    for reduction in REDUCTIONS:
        image, _ = magnify(field, reduction, band_limit_mm)
        np.save(folder / f"{name}.{reduction}.npy", np.round(image * 255).astype(np.uint8))
    np.save(folder / f"{name}.inside.npy", breast_cells(field).inside)
    boxes = [_edges(field, outline.vertices) for outline in outlines if not outline.core]
    content = {"patient": annotated.patient, "digest": annotated.digest, "boxes": boxes}
    draft = folder / f"{name}.draft"
    draft.write_text(json.dumps(content))
    draft.replace(folder / f"{name}.json")


def _edges(field: Field, vertices: NDArray[np.float64]) -> list[float]:
    points = field.frame.from_scan(vertices) + 0.5
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def load(names: Iterable[str], folder: Path) -> list[Prepared]:
    """The films of these names, by memory map."""
    films = []
    for name in names:
        record = json.loads((folder / f"{name}.json").read_text())
        images = {r: np.load(folder / f"{name}.{r}.npy", mmap_mode="r") for r in REDUCTIONS}
        boxes = np.array(record["boxes"], np.float64).reshape(-1, 4)
        inside = np.load(folder / f"{name}.inside.npy")
        films.append(
            Prepared(name, record["patient"], in_validation(record["patient"]), boxes, inside, images)
        )
    return films
