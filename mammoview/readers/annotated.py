"""A film with what was annotated on it: what every kind of dataset is opened as."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from mammoview.domain import Film, LesionType, Mammogram, Outline
from mammoview.errors import UnreadableOutlines

__all__ = [
    "DIGITISED",
    "SYNTHETIC",
    "WITH_SYNTHETIC_LESIONS",
    "AnnotatedFilm",
    "content_of",
    "digest_of",
    "kinds_of",
    "left_out",
    "stamp",
]

DIGITISED: Final = "digitised film"
SYNTHETIC: Final = "synthetic film"
WITH_SYNTHETIC_LESIONS: Final = "digitised film with synthetic lesions"
"""What films are, as the fact "kind" has it."""

LARGEST_READ: Final = 2 * 1024**2
"""Bytes of a file whose content is read to tell it from another."""


@dataclass(frozen=True, slots=True)
class AnnotatedFilm:
    """A film with what was annotated on it and whose it is.

    Attributes
    ----------
    film : Film
        Its mammogram carries the annotations as outlines, with type, pathology and subtlety where the
        source gives them.
    patient : str
        The dataset's own pseudonym; films are split by it.
    normal : bool
        Stated to be without findings, and of a patient without findings where whole cases are known.
    digest : str
        Of what the source says of it and of its files: another one when its annotation is corrected or
        its picture replaced.
    facts : mapping
        What is known without decoding the film, where the source says it: "kind" ("digitised film" or
        "synthetic film"), "digitiser", "laterality", "view", "density", "lesions" (the types stated to
        be on this film, sorted, joined by ", "), "marked by" ("boxes", "circles", "outlines" or
        "boxes of synthetic lesions"), and the source's own.
    """

    film: Film
    patient: str
    normal: bool
    digest: str
    facts: Mapping[str, str] = field(default_factory=dict)


def left_out(name: str, patient: str, sentence: str) -> AnnotatedFilm:
    """A film that is known to be there and cannot be used; reading it says why.

    So a dataset opens as a whole, and whoever prepares its films tells of this one and goes on.
    """

    def read() -> Mammogram:
        _refuse(sentence)

    return AnnotatedFilm(Film(name, None, None, read), patient, False, digest_of(sentence))


def _refuse(sentence: str) -> NoReturn:
    raise UnreadableOutlines(sentence)


def kinds_of(outlines: Iterable[Outline]) -> str:
    """The lesion types among outlines as `AnnotatedFilm.facts` has them; a type not stated is "other"."""
    return ", ".join(sorted({(outline.lesion_type or LesionType.OTHER).value for outline in outlines}))


def digest_of(*said: object) -> str:
    """Of anything whose `repr` tells its content."""
    return hashlib.sha256(repr(said).encode()).hexdigest()


def content_of(path: Path) -> str | tuple[str, int, int] | None:
    """What tells a file from any other that was ever there: SHA-256 of its content; None where it is no file.

    The content survives a copy to another machine, where training goes on from its checkpoint, and costs
    a moment for a dataset of compressed copies (38 MB). Of a film at its full size, tens of MB each, the
    stamp has to do: to read an archive through only to find that nothing has changed would take minutes.
    """
    try:
        if path.stat().st_size > LARGEST_READ:
            return stamp(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None


def stamp(path: Path | None) -> tuple[str, int, int] | None:
    """Name, size and time of change of a file, which a corrected file does not share; None of None."""
    if path is None:
        return None
    state = path.stat()
    return path.name, state.st_size, state.st_mtime_ns
