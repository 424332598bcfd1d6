"""Which files of a folder make up a DDSM case: told by their names, since its folders hold strays.

Nothing but the `.ics` is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mammoview.domain import Given, Laterality, View
from mammoview.errors import UnreadableScan
from mammoview.readers.ddsm_ics import CaseDescription, FilmEntry, Position, read_ics
from mammoview.readers.guard import printable, shown

__all__ = ["ORIGINALS", "FilmFiles", "belongs_to_a_case", "find_films"]

ORIGINALS = (".ljpeg", ".ljpeg.gz")
_CONVERSIONS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
_OVERLAY = ".overlay"
_KINDS = (*ORIGINALS, *_CONVERSIONS, _OVERLAY)

_ORDER: tuple[Position, ...] = (
    (Laterality.RIGHT, View.CC),
    (Laterality.LEFT, View.CC),
    (Laterality.RIGHT, View.MLO),
    (Laterality.LEFT, View.MLO),
)
_WORDS = {Laterality.LEFT: "LEFT", Laterality.RIGHT: "RIGHT"}
_SIDES = {word: side for side, word in _WORDS.items()}
_FILM = re.compile(
    r"(?P<case>.+?)[._ -](?P<side>LEFT|RIGHT)[_ -](?P<view>CC|MLO)(?P<rest>[._ -].*)", re.IGNORECASE
)
_SHEET = re.compile(r"(?:TAPE_)?(?P<case>.+)\.COMB\.16_PGM", re.IGNORECASE)
_DERIVED = re.compile(r"label|mask|roi|outline|overlay|heat", re.IGNORECASE)
"""In the names of pictures that are not films."""


@dataclass(frozen=True, slots=True)
class FilmFiles:
    """All files that one film is read from.

    Attributes
    ----------
    source : str
        Case and view, such as C_0029_1.LEFT_CC.
    laterality, view
        As the names say; None for a film without them in its name.
    described : CaseDescription
        Empty where the case has no `.ics`.
    film, sheet, overlay : Path or None
        The film itself; else the sheet that holds it; its annotation.
    warnings : tuple of str
    annotation_warnings : tuple of str
        Those that tell of annotations.
    """

    source: str
    laterality: Laterality | None = None
    view: View | None = None
    described: CaseDescription = field(default_factory=CaseDescription)
    film: Path | None = None
    sheet: Path | None = None
    overlay: Path | None = None
    warnings: tuple[str, ...] = ()
    annotation_warnings: tuple[str, ...] = ()

    @property
    def entry(self) -> FilmEntry:
        """What the `.ics` says of this film."""
        if self.laterality is None or self.view is None:
            return FilmEntry()
        return self.described.film((self.laterality, self.view))

    @property
    def original(self) -> bool:
        """Whether the film is as DDSM gave it out, rather than a conversion."""
        return self.film is not None and _kind(self.film) in ORIGINALS


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that belongs to one view of a case."""

    path: Path
    case: str
    position: Position
    kind: str


def belongs_to_a_case(path: Path) -> bool:
    """Whether the path is a DDSM case folder, its `.ics`, or a file of such a case.

    A picture or a sheet counts only where the `.ics` of its case lies beside it.
    """
    if path.is_dir():
        return any(_is_description(file) or _kind(file) in ORIGINALS for file in _files(path))
    part, sheet = _part(path), _SHEET.fullmatch(path.name)
    if sheet or (part and part.kind in _CONVERSIONS):
        return bool(_descriptions(path.parent, sheet["case"] if sheet else part.case if part else ""))
    return _is_description(path) or _kind(path) in (*ORIGINALS, _OVERLAY)


def find_films(path: Path, given: Given) -> tuple[FilmFiles, ...]:
    """The films that a path stands for, in the order right CC, left CC, right MLO, left MLO.

    A folder, an `.ics` or a sheet stands for all films of its case, or for the side and view that are
    asked for; a film or an overlay for that film alone.

    Raises
    ------
    UnreadableScan
        If there is no such film, or the folder holds several cases.
    """
    if not path.is_dir() and _kind(path) in _KINDS:
        return (_one_film(path),)
    folder = path if path.is_dir() else path.parent
    described = _description_of(path)
    films = (_gather(folder, described, position) for position in _ORDER if _asked_for(position, given))
    found = tuple(files for files in films if files.film or files.sheet)
    if not found:
        raise UnreadableScan(
            f"{shown(path)}: no film asked for is beside it; put the films of the case into its folder"
        )
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _key(name: str) -> str:
    return re.sub(r"[-_. ]", "_", name).lower()


def _is_description(path: Path) -> bool:
    return path.suffix.lower() == ".ics"


def _kind(path: Path) -> str:
    """The ending that tells what a file is, in lower case: `.ljpeg.gz`, `.overlay`, `.png`, …"""
    name = path.name.lower()
    return ".ljpeg.gz" if name.endswith(".ljpeg.gz") else path.suffix.lower()


def _part(path: Path) -> _Part | None:
    """What a file is by its name; None where it is no film and no annotation of one view."""
    match, kind = _FILM.fullmatch(path.name), _kind(path)
    if match is None or kind not in _KINDS or (kind in _CONVERSIONS and _DERIVED.search(match["rest"])):
        return None
    return _Part(path, match["case"], (_SIDES[match["side"].upper()], View(match["view"].upper())), kind)


def _descriptions(folder: Path, case: str = "") -> list[Path]:
    """The `.ics` files in a folder; only those of one case, if it is named."""
    found = [file for file in _files(folder) if _is_description(file)]
    return [file for file in found if not case or _key(case) == _key(file.stem)]


def _description_of(path: Path) -> CaseDescription:
    """Of the case that a folder, an `.ics` or a sheet stands for."""
    if not path.is_dir():
        sheet = _SHEET.fullmatch(path.name)
        return _described(path.parent, sheet["case"]) if sheet else read_ics(path)
    found = _descriptions(path)
    if len(found) > 1:
        raise UnreadableScan(
            f"{shown(path)}: the folder holds {len(found)} cases; open the .ics of one of them"
        )
    return read_ics(found[0]) if found else CaseDescription(names=frozenset({_only_case(path)}))


def _described(folder: Path, case: str) -> CaseDescription:
    found = _descriptions(folder, case)
    return read_ics(found[0]) if found else CaseDescription(names=frozenset({case}))


def _only_case(folder: Path) -> str:
    """Name of the case whose original films lie in a folder without an `.ics`."""
    parts = [part for part in _parts(folder) if part.kind in ORIGINALS]
    if len({_key(part.case) for part in parts}) != 1:
        raise UnreadableScan(
            f"{shown(folder)}: without an .ics its films cannot be told apart; open one film"
        )
    return parts[0].case


def _one_film(path: Path) -> FilmFiles:
    """The film that a film's or an overlay's own file stands for."""
    part = _part(path)
    if part is None and _kind(path) in ORIGINALS:
        return FilmFiles(path.name.split(".")[0], film=path)
    if part is None:
        raise UnreadableScan(f"{shown(path)}: its name does not say which film it belongs to; open the film")
    files = _gather(path.parent, _described(path.parent, part.case), part.position, part)
    if files.film is None and files.sheet is None:
        raise UnreadableScan(f"{shown(path)}: its film is not beside it; put both into one folder")
    return files


def _gather(
    folder: Path, described: CaseDescription, position: Position, named: _Part | None = None
) -> FilmFiles:
    """All files of one view; a file that was named itself goes before others of its kind."""
    own, strays = _sorted_out(_parts(folder), described.names, position)
    own = own if named is None else [named, *own]
    film = next((part for part in own if part.kind != _OVERLAY), None)
    overlay = next((part for part in own if part.kind == _OVERLAY), None)
    sheet = _sheet(folder, described) if film is None else None
    case = next((part.case for part in own), "") or _sheet_case(sheet)
    side, view = position
    return FilmFiles(
        source=printable(f"{case}.{_WORDS[side]}_{view}"),
        laterality=side,
        view=view,
        described=described,
        film=film.path if film else None,
        sheet=sheet if described.film(position).size else None,
        overlay=overlay.path if overlay else None,
        warnings=tuple(map(_left_out, strays)),
        annotation_warnings=tuple(_left_out(part) for part in strays if part.kind == _OVERLAY),
    )


def _left_out(part: _Part) -> str:
    return f"{shown(part.path)} belongs to another case by its name and is left out"


def _parts(folder: Path) -> list[_Part]:
    """Originals before conversions, lossless before lossy, plain names before longer ones."""
    found = filter(None, map(_part, _files(folder)))
    return sorted(found, key=lambda part: (_KINDS.index(part.kind), len(part.path.name), part.path.name))


def _sorted_out(
    parts: Iterable[_Part], names: Iterable[str], position: Position
) -> tuple[list[_Part], list[_Part]]:
    """The parts of a view that bear the case's name, and DDSM's own files that bear another."""
    keys = {_key(name) for name in names}
    here = [part for part in parts if part.position == position]
    own = [part for part in here if _key(part.case) in keys]
    return own, [part for part in here if part not in own and part.kind not in _CONVERSIONS]


def _sheet(folder: Path, described: CaseDescription) -> Path | None:
    keys = {_key(name) for name in described.names}
    return next((file for file in _files(folder) if _key(_sheet_case(file)) in keys), None)


def _sheet_case(path: Path | None) -> str:
    match = _SHEET.fullmatch(path.name) if path else None
    return match["case"] if match else ""


def _asked_for(position: Position, given: Given) -> bool:
    side, view = position
    return given.laterality in (None, side) and given.view in (None, view)
