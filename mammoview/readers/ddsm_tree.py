"""A DDSM tree as a dataset: case folders at any depth, each with its `.ics`, films and `.OVERLAY` files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mammoview.domain import Film, Given
from mammoview.errors import MammoviewError, UnreadableOutlines, UnreadableScan
from mammoview.readers import ddsm
from mammoview.readers.annotated import (
    DIGITISED,
    SYNTHETIC,
    AnnotatedFilm,
    digest_of,
    kinds_of,
    left_out,
    stamp,
)
from mammoview.readers.ddsm_case import FilmFiles, find_films
from mammoview.readers.guard import shown
from mammoview.readers.overlay import read_annotation

__all__ = ["open_dataset", "recognises"]


def recognises(folder: Path) -> bool:
    """Whether the folder is a DDSM case, or one lies somewhere below it."""
    return next(_cases(folder), None) is not None


def open_dataset(folder: Path) -> tuple[AnnotatedFilm, ...]:
    """The films of every case in a folder and below it, as the reader of a case opens them.

    A film with a `.OVERLAY` carries its outlines. One without, in a case that has some, is of the
    healthy side: not normal, and without a lesion. All films of a case without any are normal. A case
    or a film whose files contradict themselves is there, and reading it says what is wrong.
    """
    return tuple(film for case in _cases(folder) for film in _films(case))


def _cases(folder: Path) -> Iterator[Path]:
    """What opens as one case each, by name: a folder, or one of several `.ics` in it."""
    for at, below, names in os.walk(folder):
        below.sort()
        descriptions = sorted(Path(at) / name for name in names if name.lower().endswith(".ics"))
        if len(descriptions) > 1:
            yield from descriptions
        elif ddsm.recognises(Path(at)):
            yield Path(at)


def _films(case: Path) -> Iterator[AnnotatedFilm]:
    try:
        found = find_films(case, Given())
        opened = ddsm.open_case(case)
    except UnreadableScan as error:
        yield left_out(case.stem, case.stem, str(error))
        return
    annotated = any(files.overlay or files.entry.overlay for files in found)
    for files, film in zip(found, opened, strict=True):
        try:
            yield _film(files, film, _patient(found), not annotated)
        except (MammoviewError, OSError) as error:
            yield left_out(files.source, _patient(found), str(error))


def _patient(found: tuple[FilmFiles, ...]) -> str:
    """The case's name, which stands for one patient; the same for all its films."""
    return found[0].source.split(".")[0]


def _film(files: FilmFiles, film: Film, patient: str, normal: bool) -> AnnotatedFilm:
    if files.entry.overlay and files.overlay is None:
        raise UnreadableOutlines(
            f"{shown(Path(files.described.file))}: the annotation that it promises of {files.source} is not "
            "beside it; put the .OVERLAY there"
        )
    drawn = read_annotation(files.overlay).outlines if files.overlay else ()
    facts = {
        "kind": SYNTHETIC if files.described.synthetic else DIGITISED,
        "laterality": files.laterality or "",
        "view": files.view or "",
        "lesions": kinds_of(drawn),
        "marked by": "outlines" if drawn else "",
        **{name.lower(): value for name, value in files.described.facts.items()},
    }
    said = [
        stamp(files.film or files.sheet),
        files.entry,
        sorted(facts.items()),
        [o.vertices.tobytes() for o in drawn],
    ]
    return AnnotatedFilm(film, patient, normal, digest_of(*said), {k: str(v) for k, v in facts.items() if v})
