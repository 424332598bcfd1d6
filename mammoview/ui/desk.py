"""A reader's desk: which films she reads before the networks speak, and what she has written so far."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mammoview.domain import Mammogram
from mammoview.errors import AlreadyRecorded, BadSetting, UnusableReadings
from mammoview.readings import (
    BiRads,
    FilmRead,
    Impression,
    Reading,
    ReadingStore,
    Recorded,
    Shown,
    new_key,
    reader_of,
)

__all__ = ["Desk", "Draft", "folder_of_readings"]


@dataclass
class Draft:
    """An impression that is not recorded yet."""

    category: BiRads | None = None
    mark: tuple[int, int] | None = None
    note: str = ""

    def impression(self) -> Impression:
        if self.category is None:
            raise BadSetting("An impression needs a BI-RADS category: choose one.")
        return Impression(self.category, self.mark, self.note)


class Desk:
    """What one session reads first; no other session leads to it.

    A film that was opened to be read first stays withheld until its first impression is recorded and
    its reveal too, whatever becomes of the mode, the case and the address in the meantime.

    Attributes
    ----------
    key : str
        The secret by which this reader finds her readings again; shown to her alone.
    on : bool
        Whether films that are opened now are to be read first.
    """

    def __init__(self, folder: Path) -> None:
        self.key = new_key()
        self.on = False
        self._store = ReadingStore(folder)
        self._films: dict[Hashable, FilmRead] = {}
        self._opened: dict[str, datetime] = {}
        self._read_first: set[str] = set()
        self._known: set[str] = set()
        self._readings: dict[str, Reading] = {}
        self._drafts: dict[tuple[str, int], Draft] = {}

    @property
    def reader(self) -> str:
        """The name under which her readings are kept."""
        return reader_of(self.key)

    def clear(self) -> None:
        """Forget what she wrote and did not record, and what was read from the file."""
        self._readings.clear()
        self._drafts.clear()

    def film(self, place: Hashable, mammogram: Mammogram) -> FilmRead:
        """The film at a place that always has the same one; its digest is computed once."""
        if place not in self._films:
            self._films[place] = FilmRead.of(mammogram)
        return self._films[place]

    def open(self, film: FilmRead) -> None:
        """The film is before her now; while the mode is on, it is one to be read first."""
        self._opened.setdefault(film.sha256, datetime.now(UTC))
        if self.on:
            self._read_first.add(film.sha256)

    def reads(self, film: FilmRead) -> bool:
        """Whether impressions of this film are recorded."""
        return film.sha256 in self._read_first

    def withheld(self, film: FilmRead) -> bool:
        """Whether nothing may be shown of what networks or others said; so too where nobody can tell."""
        if not self.reads(film):
            return False
        try:
            return self.reading(film).revealed is None
        except UnusableReadings:
            return True

    def knows(self, film: FilmRead) -> None:
        """The networks' findings for this film are on her page."""
        self._known.add(film.sha256)

    def known(self, film: FilmRead) -> bool:
        return film.sha256 in self._known

    def reading(self, film: FilmRead) -> Reading:
        """What she recorded of a film; asked of the file once.

        Raises
        ------
        UnusableReadings
        """
        if film.sha256 not in self._readings:
            self._readings[film.sha256] = self._store.of(self.reader, film)
        return self._readings[film.sha256]

    def draft(self, film: FilmRead) -> Draft:
        """What she has written for the next impression of this film."""
        return self._drafts.setdefault((film.sha256, self.recorded(film)), Draft())

    def recorded(self, film: FilmRead) -> int:
        """How many impressions of the film are known to be kept."""
        reading = self._readings.get(film.sha256, Reading())
        return len(reading.later) + (reading.first is not None)

    def record(self, film: FilmRead, shown: Shown) -> None:
        """Keep the draft: as the first impression, or as one after the reveal, with what was then shown.

        Where it cannot be kept, the draft stays; beside a first impression that another tab was faster to
        record, it becomes the draft of the next.

        Raises
        ------
        AlreadyRecorded, BadSetting, UnusableReadings
        """
        draft, revealed = self.draft(film), self.reading(film).revealed is not None
        try:
            self._store.record(
                self.reader,
                film,
                draft.impression(),
                opened=self._opened[film.sha256],
                shown=shown if revealed else None,
                known_before=self.known(film),
            )
        except AlreadyRecorded:
            self._look_again(film)
            self._drafts[film.sha256, self.recorded(film)] = draft
            raise
        self._look_again(film)

    def reveal(self, film: FilmRead, shown: Shown) -> None:
        """Keep that the networks' findings are shown from now on.

        Raises
        ------
        AlreadyRecorded, UnusableReadings
        """
        self._store.reveal(self.reader, film, shown)
        self._look_again(film)

    def all_recorded(self) -> tuple[Recorded, ...]:
        """All her readings, of this session and of those before it with the same key.

        Raises
        ------
        UnusableReadings
        """
        return self._store.all_of(self.reader)

    def go_on_with(self, key: str) -> None:
        """Be the reader whose key this is.

        Raises
        ------
        BadSetting
            If nothing is kept under it.
        UnusableReadings
        """
        if not self._store.all_of(reader_of(key)):
            raise BadSetting("Nothing is kept under this reading key: check its digits.")
        self.key = key
        self._readings.clear()

    def _look_again(self, film: FilmRead) -> None:
        self._readings.pop(film.sha256, None)
        self.reading(film)


def folder_of_readings() -> Path:
    """Where the operator or the only reader of this machine wants readings kept."""
    named = os.environ.get("MAMMOVIEW_READINGS")
    return Path(named).expanduser() if named else Path(__file__).parents[2] / ".run"
