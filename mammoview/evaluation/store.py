"""Annotated films, prepared once: each as the page would prepare it, at every scale that a network takes.

A store is a folder of 8-bit arrays (the films are 8-bit themselves) that are read by memory map.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mammoview.domain import Field, Magnification
from mammoview.evaluation.split import in_validation
from mammoview.models.cards import HEATMAP_REDUCTION
from mammoview.prepare import breast_cells, magnify, prepare
from mammoview.readers.lesions_csv import AnnotatedFilm

__all__ = ["Prepared", "build", "load"]

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
        pixels of the field.
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


def build(films: Sequence[AnnotatedFilm], folder: Path, band_limit_mm: float) -> None:
    """Prepare films into `folder`; those that are there, with the same annotation, stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for annotated in tqdm(films, desc="preparing films", unit="film"):
        record = folder / f"{annotated.film.source}.json"
        if record.is_file() and json.loads(record.read_text()).get("digest") == annotated.digest:
            continue
        mammogram = annotated.film.read()
        field = prepare(mammogram)
        for reduction in REDUCTIONS:
            image, _ = magnify(field, reduction, band_limit_mm)
            np.save(
                folder / f"{annotated.film.source}.{reduction}.npy", np.round(image * 255).astype(np.uint8)
            )
        np.save(folder / f"{annotated.film.source}.inside.npy", breast_cells(field).inside)
        boxes = [_edges(field, outline.vertices) for outline in mammogram.outlines]
        content = {"patient": annotated.patient, "digest": annotated.digest, "boxes": boxes}
        draft = record.with_suffix(".draft")
        draft.write_text(json.dumps(content))
        draft.replace(record)


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
