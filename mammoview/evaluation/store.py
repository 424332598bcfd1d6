"""Annotated films, prepared once: each as the page would prepare it, at every scale that a network takes.

A store is a folder of 8-bit arrays (the films are 8-bit themselves) that are read by memory map. What is
broken in it is prepared again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from mammoview.aside import written_aside
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


def build(
    films: Sequence[AnnotatedFilm], folder: Path, band_limit_mm: float, workers: int = 1
) -> tuple[AnnotatedFilm, ...]:
    """Prepare films into `folder`; what is there of the same picture and annotation stays as it is.

    Parameters
    ----------
    films : sequence of AnnotatedFilm
    folder : Path
        Made where it does not exist.
    band_limit_mm : float
    workers : int
        Processes that prepare films; what they write does not depend on how many there are.

    Returns
    -------
    tuple of AnnotatedFilm
        Those that are prepared. A film that cannot be read or has no breast is left out, with one line
        on standard error, and counted there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [annotated for annotated in films if not _is_there(annotated, folder)]
    tasks = (delayed(_prepare)(annotated, folder, band_limit_mm) for annotated in wanted)
    done = Parallel(n_jobs=workers, return_as="generator")(tasks)
    there = len(films) - len(wanted)
    with tqdm(desc="preparing films", unit="film", initial=there, total=len(films)) as bar:
        for problem in done:
            if problem:
                tqdm.write(f"mammoview: warning: {problem}", sys.stderr)
            bar.update()
    kept = prepared_among(films, folder)
    if len(kept) < len(films):
        missing = len(films) - len(kept)
        tqdm.write(f"mammoview: warning: {missing} of {len(films)} films are left out", sys.stderr)
    return kept


def prepared_among(films: Iterable[AnnotatedFilm], folder: Path) -> tuple[AnnotatedFilm, ...]:
    """The films that lie whole in the store, with the picture and the annotation that they have now."""
    return tuple(film for film in films if _is_there(film, folder))


def _is_there(annotated: AnnotatedFilm, folder: Path) -> bool:
    try:
        if _record(annotated.film.source, folder)["digest"] != annotated.digest:
            return False
        _load(annotated.film.source, folder)
        return True
    except Exception:  # json and numpy raise almost anything on a cut or overwritten file
        return False


def _prepare(annotated: AnnotatedFilm, folder: Path, band_limit_mm: float) -> str:
    """Put a film into the store; why it is left out, or the empty string."""
    try:
        mammogram = annotated.film.read()
        field = prepare(mammogram)
    except (MammoviewError, OSError) as error:
        return f"{annotated.film.source} is left out: {error}"
    _keep(annotated, field, mammogram.outlines, folder, band_limit_mm)
    return ""


def _keep(
    annotated: AnnotatedFilm, field: Field, outlines: Sequence[Outline], folder: Path, band_limit_mm: float
) -> None:
    """Write the arrays, then the record that says that they are there."""
    name = annotated.film.source
    for reduction in REDUCTIONS:
        image, _ = magnify(field, reduction, band_limit_mm)
        _save(folder / f"{name}.{reduction}.npy", np.round(image * 255).astype(np.uint8))
    _save(folder / f"{name}.inside.npy", breast_cells(field).inside)
    boxes = [_edges(field, outline.vertices) for outline in outlines if not outline.core]
    content = {"patient": annotated.patient, "digest": annotated.digest, "boxes": boxes}
    with written_aside(folder / f"{name}.json") as draft:
        draft.write_text(json.dumps(content))


def _save(path: Path, array: NDArray[np.generic]) -> None:
    """Aside, as another process may have the array that it replaces mapped."""
    with written_aside(path) as draft, draft.open("wb") as file:
        np.save(file, array)


def _edges(field: Field, vertices: NDArray[np.float64]) -> list[float]:
    points = field.frame.from_scan(vertices) + 0.5
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def load(names: Iterable[str], folder: Path) -> list[Prepared]:
    """The films of these names, by memory map; they must be among those that `build` returned."""
    return [_load(name, folder) for name in names]


def _load(name: str, folder: Path) -> Prepared:
    record = _record(name, folder)
    images = {r: _array(folder / f"{name}.{r}.npy", np.uint8) for r in REDUCTIONS}
    inside = np.array(_array(folder / f"{name}.inside.npy", np.bool_))
    boxes = np.array(record["boxes"], np.float64).reshape(-1, 4)
    patient = record["patient"]
    return Prepared(name, patient, in_validation(patient), boxes, inside, images)


def _record(name: str, folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return content


def _array(path: Path, kind: type[np.generic]) -> NDArray[Any]:
    """An array (H, W) by memory map, whole and of the kind that was written."""
    array = np.lib.format.open_memmap(path, mode="r")
    if array.ndim != 2 or array.dtype != kind:
        raise ValueError(f"{path.name} holds something else")
    return array
