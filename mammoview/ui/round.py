"""A reader's round through the cases of the folder: what she looks for, which is open, what she has done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mammoview.domain import LesionType
from mammoview.readers.catalogue import CaseFacts
from mammoview.readers.guard import printable
from mammoview.readings import FilmRead
from mammoview.ui.desk import Desk
from mammoview.ui.worklist import Known

__all__ = ["NONE_ANNOTATED", "Filters", "Round", "Row", "beside", "matching", "offered", "position"]

NONE_ANNOTATED = "none annotated"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a case must have to be listed; what is empty asks for nothing."""

    search: str = ""
    lesions: tuple[str, ...] = ()
    birads: tuple[int, ...] = ()
    densities: tuple[str, ...] = ()
    not_assessed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A case as this reader may see it.

    Attributes
    ----------
    name : str
        By which it is opened.
    label : str
        By which it is shown, in printable signs; no two rows share one.
    facts : CaseFacts or None
        None while they are not read. What earlier readers said is left out of a withheld case.
    withheld : bool
    assessed, read : int
        Films of it that were assessed, and read first, in this session.
    """

    name: str
    label: str
    facts: CaseFacts | None
    withheld: bool
    assessed: int
    read: int

    @property
    def place(self) -> tuple[str, str]:
        """Sort key."""
        return self.label.casefold(), self.label


@dataclass
class Round:
    """No other session leads to it.

    Attributes
    ----------
    filters : Filters
    root : Path or None
        The folder whose cases she goes through; None while she has the demo case or an upload.
    open : str or None
        Name of the case that she chose in it.
    listing : bool
        Whether she looks at the list; always where no case is open.
    steps : tuple of (str, int, int)
        The browser's count of steps that were made already, see `viewer.stepping`.
    """

    filters: Filters = field(default_factory=Filters)
    root: Path | None = None
    open: str | None = None
    listing: bool = True
    steps: tuple[str, int, int] = ("", 0, 0)
    _assessed: dict[str, set[int]] = field(default_factory=dict)
    _seen: dict[str, dict[int, FilmRead]] = field(default_factory=dict)

    def choose(self, name: str) -> None:
        self.open, self.listing = name, False

    def note(self, index: int, film: FilmRead, assessed: bool) -> None:
        """A film of the open case is before her, and whether it has been assessed."""
        if self.root is not None and self.open is not None:
            self._seen.setdefault(self.open, {})[index] = film
            if assessed:
                self._assessed.setdefault(self.open, set()).add(index)

    def rows(self, known: Known, desk: Desk) -> list[Row]:
        """All cases, by label.

        While she reads first, and for a case with a film that is still withheld afterwards, a row says
        nothing of what was found, and its name is without folders: DDSM's are called cancer_01.
        """
        taken: set[str] = set()
        rows = [self._row(case.name, known.facts.get(case.name), desk, taken) for case in known.cases]
        return sorted(rows, key=lambda row: row.place)

    def _row(self, name: str, facts: CaseFacts | None, desk: Desk, taken: set[str]) -> Row:
        seen = self._seen.get(name, {}).values()
        withheld = desk.on or any(desk.withheld(film) for film in seen)
        if withheld and facts is not None:
            facts = CaseFacts(views=facts.views, density=facts.density)
        label = _free(printable(PurePosixPath(name).name if withheld else name), taken)
        taken.add(label)
        read = sum(desk.recorded(film) > 0 for film in seen)
        return Row(name, label, facts, withheld, len(self._assessed.get(name, ())), read)


def _free(label: str, taken: set[str]) -> str:
    number, found = 1, label
    while found in taken:
        number += 1
        found = f"{label} ({number})"
    return found


def offered(rows: Sequence[Row]) -> Filters:
    """Every value that the rows have, to choose among."""
    known = [row.facts for row in rows if row.facts is not None and not row.withheld]
    lesions = {kind.value for facts in known for kind in facts.lesions}
    none = any(not facts.lesions for facts in known)
    return Filters(
        lesions=(*(kind.value for kind in LesionType if kind.value in lesions), *([NONE_ANNOTATED] * none)),
        birads=tuple(sorted({facts.birads for facts in known if facts.birads is not None})),
        densities=tuple(sorted({row.facts.density for row in rows if row.facts and row.facts.density})),
    )


def matching(rows: Sequence[Row], filters: Filters, reading_first: bool) -> list[Row]:
    """The rows that she looks for; who reads first is not told by a filter what is withheld."""
    asked = (
        Filters(filters.search, (), (), filters.densities, filters.not_assessed) if reading_first else filters
    )
    return [row for row in rows if _matches(row, asked)]


def _matches(row: Row, asked: Filters) -> bool:
    facts = row.facts
    if asked.search.strip().casefold() not in row.label.casefold():
        return False
    if asked.not_assessed and facts is not None and row.assessed >= len(facts.views):
        return False
    if asked.densities and (facts is None or facts.density not in asked.densities):
        return False
    if not (asked.lesions or asked.birads):
        return True
    if facts is None or row.withheld:
        return False
    kinds = {kind.value for kind in facts.lesions} or {NONE_ANNOTATED}
    return (not asked.lesions or bool(kinds & set(asked.lesions))) and (
        not asked.birads or facts.birads in asked.birads
    )


def beside(rows: Sequence[Row], here: Row | None, steps: int) -> Row | None:
    """The row so many steps further, at most the first or the last; None where there is none.

    A case that is open and is not among the rows any more keeps its place between them.
    """
    if here is None or not steps:
        return None
    if steps > 0:
        further = [row for row in rows if row.place > here.place]
        return further[min(steps, len(further)) - 1] if further else None
    before = [row for row in rows if row.place < here.place]
    return before[max(steps, -len(before))] if before else None


def position(rows: Sequence[Row], here: Row | None) -> int | None:
    """From 1; None for a case that the filters leave out."""
    return next((number for number, row in enumerate(rows, 1) if here and row.name == here.name), None)
