"""`python -m mammoview familiarity`: how many films of each kind are called unlike the training's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mammoview.aside import made, write_json
from mammoview.errors import BadSetting, UnusableDataset, WeightsMissing
from mammoview.evaluation.command import number_of_processes

if TYPE_CHECKING:
    from mammoview.evaluation.warned import Kind, Row
    from mammoview.familiarity import Familiar

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `familiarity` takes."""
    add = parser.add_argument
    add(
        "datasets",
        type=Path,
        nargs="+",
        metavar="DATASET",
        help="folder of annotated films; every third film of the first is also altered in each way",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="where familiarity.json goes")
    add(
        "--pictures",
        nargs="+",
        action="append",
        default=[],
        metavar=("MM", "DIR"),
        help="millimetres per pixel, and folders of pictures that have no annotation; may be repeated",
    )
    add("--weights", type=Path, metavar="DIR", help="folder of familiar.json, instead of the project's")
    add(
        "--workers", type=number_of_processes, default=1, metavar="N", help="processes that look (default: 1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Count, print the table as Markdown and write familiarity.json.

    Raises
    ------
    BadSetting
        --pictures lacks its spacing or its folders.
    UnusableDataset
        A folder holds no film to look at, or none that can be read.
    WeightsMissing
        Nothing records what the training films look like.
    """
    familiar = _familiar(arguments.weights)
    kinds = [_dataset(folder, familiar) for folder in arguments.datasets]
    kinds += [_pictures(words) for words in arguments.pictures]

    from mammoview.evaluation.warned import table

    with made(arguments.out):  # before the long work rather than after it
        rows = _counted(kinds, familiar, arguments.workers)
        write_json(_as_json(rows, familiar), arguments.out / "familiarity.json")
    sys.stdout.write(table(rows))
    return 0


def _familiar(weights: Path | None) -> Familiar:
    from mammoview import WEIGHTS
    from mammoview.familiarity import FILE, read_familiar

    folder = weights or WEIGHTS
    familiar = read_familiar(folder)
    if familiar is None:
        raise WeightsMissing(
            f"{folder} holds no {FILE}: name another folder, or run `python -m mammoview train familiarity`"
        )
    return familiar


def _dataset(folder: Path, familiar: Familiar) -> Kind:
    """The films of a dataset; of the one whose films were learnt from, those of validation patients."""
    from mammoview.evaluation.split import in_validation
    from mammoview.evaluation.warned import Kind
    from mammoview.readers.datasets import open_dataset

    films, name = open_dataset(folder), folder.resolve().name
    learnt_from = name == familiar.dataset
    chosen = [f for f in films if not learnt_from or in_validation(f.patient)]
    if not chosen:
        raise UnusableDataset(
            f"{folder}: all its films may have been learnt from; give another dataset than {name}"
        )
    return Kind(
        name=f"{name}, validation patients" if learnt_from else name,
        films=tuple(f.film for f in chosen),
        patients=tuple(f.patient for f in chosen),
        clustered=learnt_from,
    )


def _pictures(words: Sequence[str]) -> Kind:
    """The pictures of some folders, all of one spacing."""
    from mammoview.domain import Given
    from mammoview.evaluation.warned import Kind
    from mammoview.readers import open_case

    spacing, *folders = words
    given = Given(spacing_mm=_spacing(spacing))
    if not folders:
        raise BadSetting("--pictures names no folder: give the millimetres per pixel, then folders")
    films = [film for folder in folders for path in _in(Path(folder)) for film in open_case(path, given)]
    names = dict.fromkeys(Path(folder).resolve().name for folder in folders)
    return Kind(f"{' and '.join(names)}, {given.spacing_mm:g} mm given", tuple(films))


def _spacing(text: str) -> float:
    from mammoview.readers.limits import COARSEST_MM, FINEST_MM, plausible_spacing

    try:
        spacing = float(text)
    except ValueError:
        spacing = 0.0
    if not plausible_spacing(spacing):
        raise BadSetting(
            f"--pictures {text}: this is not a spacing of {FINEST_MM:g} to {COARSEST_MM:g} mm; "
            "give the millimetres per pixel, then folders"
        )
    return spacing


def _in(folder: Path) -> list[Path]:
    from mammoview.readers import raster

    found = sorted(folder.iterdir()) if folder.is_dir() else []
    pictures = [path for path in found if path.is_file() and raster.recognises(path)]
    if not pictures:
        raise UnusableDataset(f"{folder}: expected a folder of PNG, TIFF, JPEG or PGM pictures")
    return pictures


def _counted(kinds: Sequence[Kind], familiar: Familiar, workers: int) -> list[Row]:
    from mammoview.evaluation.alterations import ALTERATIONS
    from mammoview.evaluation.warned import count

    counted = [
        count(kind, familiar, tuple(ALTERATIONS) if place == 0 else (), workers)
        for place, kind in enumerate(kinds)
    ]
    for kind, rows in zip(kinds, counted, strict=True):
        if not rows:
            raise UnusableDataset(f"{kind.name}: none of its films can be read; see the warnings above")
    return [row for rows in counted for row in rows]


def _as_json(rows: Sequence[Row], familiar: Familiar) -> dict[str, Any]:
    """Counts, and what the limits were learnt from; no film and no patient."""
    learnt = {
        "dataset": familiar.dataset,
        "films": familiar.films,
        "patients": familiar.patients,
        "outside": familiar.outside,
    }
    return {"learnt_from": learnt, "rows": [asdict(row) for row in rows]}
