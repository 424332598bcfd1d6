"""The `.ics` of a DDSM case: what was filmed, how it was digitised, how large each film is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mammoview.domain import Laterality, View
from mammoview.errors import UnreadableScan
from mammoview.readers.guard import head, shown
from mammoview.readers.limits import plausible_size, plausible_spacing

__all__ = ["CaseDescription", "FilmEntry", "Position", "read_ics"]

Position = tuple[Laterality, View]

_LARGEST = 64 * 1024  # bytes; a genuine one has about 500
_SIDES = {"LEFT": Laterality.LEFT, "RIGHT": Laterality.RIGHT}
_POSITION = re.compile(r"\b(LEFT|RIGHT)[ _-](CC|MLO)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FilmEntry:
    """What a case description says of one film; None where it does not say.

    Attributes
    ----------
    lines, columns : int or None
        Size of the film as it was digitised, in pixels.
    bits : int or None
        Of a grey level.
    microns : float or None
        Distance of the samples.
    overlay : bool or None
        Whether an annotation was drawn.
    doubts : tuple of str
        What it says and no film can have; such values are None here.
    """

    lines: int | None = None
    columns: int | None = None
    bits: int | None = None
    microns: float | None = None
    overlay: bool | None = None
    doubts: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns of the film at its true size."""
        return (self.lines, self.columns) if self.lines and self.columns else None


@dataclass(frozen=True, slots=True)
class CaseDescription:
    """A DDSM case in the words of its `.ics`.

    Attributes
    ----------
    file : str
        Name of the `.ics`, for messages; empty for a case without one.
    names : frozenset of str
        What the case calls itself, as the names of its files may spell it.
    digitiser : str
    facts : mapping
        Density, digitiser, film type and age, where given; dates are not kept.
    films : mapping from (Laterality, View) to FilmEntry
    synthetic : bool
        Made by the phantom.
    """

    file: str = ""
    names: frozenset[str] = frozenset()
    digitiser: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    films: Mapping[Position, FilmEntry] = field(default_factory=dict)
    synthetic: bool = False

    def film(self, position: Position) -> FilmEntry:
        """The entry of one view; an empty one where the case has none."""
        return self.films.get(position, FilmEntry())


def read_ics(path: Path) -> CaseDescription:
    """Read a case description; views may stand anywhere, and values may be missing.

    Raises
    ------
    UnreadableScan
        If the file is no such description.
    """
    text = head(path, _LARGEST).decode("latin-1")
    films = _films(text)
    digitiser = _value(text, "DIGITIZER")
    if not films and not digitiser:
        raise UnreadableScan(
            f"{shown(path)}: this does not describe a DDSM case; choose the .ics that came with the films"
        )
    return CaseDescription(
        file=shown(path),
        names=frozenset(filter(None, (path.stem, _value(text, "filename")))),
        digitiser=digitiser,
        facts=_facts(text, digitiser),
        films=films,
        synthetic=bool(re.search(r"^[ \t]*SYNTHETIC\b", text, re.IGNORECASE | re.MULTILINE)),
    )


def _value(text: str, key: str) -> str:
    found = re.search(rf"^[ \t]*{key}[ \t]+(\S[^\r\n]*)", text, re.IGNORECASE | re.MULTILINE)
    return "".join(filter(str.isprintable, found[1].rstrip()))[:80] if found else ""


def _facts(text: str, digitiser: str) -> dict[str, str]:
    density, age = _value(text, "DENSITY"), _value(text, "PATIENT_AGE")
    told = {
        "Density": density if density in ("1", "2", "3", "4") else "",
        "Digitiser": digitiser,
        "Film type": _value(text, "FILM_TYPE"),
        # Ages above 89 are identifying (45 CFR 164.514).
        "Age": ("90 or over" if int(age) > 89 else age) if age.isdecimal() and len(age) <= 3 else "",
    }
    return {name: value for name, value in told.items() if value}


def _films(text: str) -> dict[Position, FilmEntry]:
    """One entry for each view named in the text; what follows a name belongs to it, up to the next."""
    films: dict[Position, FilmEntry] = {}
    found = list(_POSITION.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    for match, end in zip(found, ends, strict=False):  # no view at all still has an end
        position = _SIDES[match[1].upper()], View(match[2].upper())
        entry = _entry(text[match.end() : end])
        if position not in films or films[position].size is None:
            films[position] = entry
    return films


def _entry(words: str) -> FilmEntry:
    lines, columns, microns = (_number(words, key) for key in ("LINES", "PIXELS_PER_LINE", "RESOLUTION"))
    size, doubts = None, []
    if lines is not None and columns is not None:
        size = _size(lines, columns)
        doubts += [] if size else [f"{lines:.0f} × {columns:.0f} pixels are not a film's size"]
    if microns is not None and not plausible_spacing(microns / 1000):
        doubts.append(f"{microns:g} µm are not a film's resolution")
        microns = None
    overlay = re.search(r"\b(NON[ _-]?)?OVERLAY\b", words, re.IGNORECASE)
    return FilmEntry(
        lines=size[0] if size else None,
        columns=size[1] if size else None,
        bits=_whole(words, "BITS_PER_PIXEL"),
        microns=microns,
        overlay=None if overlay is None else overlay[1] is None,
        doubts=tuple(doubts),
    )


def _size(lines: float, columns: float) -> tuple[int, int] | None:
    """Whole rows and columns that a film can have, else None."""
    if not (lines.is_integer() and columns.is_integer() and plausible_size(int(lines), int(columns))):
        return None
    return int(lines), int(columns)


def _number(words: str, key: str) -> float | None:
    found = re.search(rf"\b{key}\s+(\d{{1,9}}(?:\.\d{{1,9}})?)(?![\w.])", words, re.IGNORECASE)
    return float(found[1]) if found else None


def _whole(words: str, key: str) -> int | None:
    number = _number(words, key)
    return int(number) if number and number.is_integer() else None
