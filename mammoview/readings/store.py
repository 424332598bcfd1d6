"""Readings in an SQLite file: each record one transaction, nothing ever changed or removed.

Several sessions and processes may write to the file at once (write-ahead log). The version of its
tables stands in `user_version`; a file with older tables is brought up when it is first opened.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mammoview.domain import Laterality, View
from mammoview.errors import AlreadyRecorded, BadSetting, UnusableReadings
from mammoview.readings.record import BiRads, FilmRead, Impression, Reading, Recorded, Shown, Stage

__all__ = ["FILE", "ReadingStore"]

FILE = "readings.sqlite3"
BUSY_S = 10.0  # how long one writer waits for another
_OURS = 0x4D414D52  # application_id, "MAMR"

_FIRST_TABLES = """
CREATE TABLE impression (
    id INTEGER PRIMARY KEY,
    reader TEXT NOT NULL,
    film TEXT NOT NULL,
    rows INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    laterality TEXT,
    view TEXT,
    spacing_down_mm REAL,
    spacing_across_mm REAL,
    stage TEXT NOT NULL CHECK (stage IN ('first', 'second')),
    birads INTEGER NOT NULL CHECK (birads BETWEEN 0 AND 5),
    mark_row INTEGER CHECK (mark_row BETWEEN 0 AND rows - 1),
    mark_column INTEGER CHECK (mark_column BETWEEN 0 AND columns - 1),
    note TEXT NOT NULL,
    known_before INTEGER NOT NULL CHECK (known_before IN (0, 1)),
    opened_utc TEXT NOT NULL,
    recorded_utc TEXT NOT NULL,
    networks TEXT NOT NULL,
    settings TEXT NOT NULL
);
CREATE UNIQUE INDEX one_first_impression ON impression (reader, film) WHERE stage = 'first';
CREATE INDEX impressions_of_a_reader ON impression (reader, film);
CREATE TABLE reveal (
    reader TEXT NOT NULL,
    film TEXT NOT NULL,
    revealed_utc TEXT NOT NULL,
    networks TEXT NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (reader, film)
);
CREATE TRIGGER no_reveal_without_a_first_impression BEFORE INSERT ON reveal
    WHEN NOT EXISTS (SELECT 1 FROM impression
                     WHERE reader = NEW.reader AND film = NEW.film AND stage = 'first')
    BEGIN SELECT RAISE(ABORT, 'no first impression'); END;
CREATE TRIGGER no_first_impression_after_the_reveal BEFORE INSERT ON impression
    WHEN (NEW.stage = 'second') <> EXISTS (SELECT 1 FROM reveal
                                           WHERE reader = NEW.reader AND film = NEW.film)
    BEGIN SELECT RAISE(ABORT, 'wrong side of the reveal'); END;
CREATE TRIGGER impressions_stay BEFORE UPDATE ON impression
    BEGIN SELECT RAISE(ABORT, 'an impression is never changed'); END;
CREATE TRIGGER impressions_are_kept BEFORE DELETE ON impression
    BEGIN SELECT RAISE(ABORT, 'an impression is never removed'); END;
CREATE TRIGGER reveals_stay BEFORE UPDATE ON reveal
    BEGIN SELECT RAISE(ABORT, 'a reveal is never changed'); END;
CREATE TRIGGER reveals_are_kept BEFORE DELETE ON reveal
    BEGIN SELECT RAISE(ABORT, 'a reveal is never removed'); END;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST_TABLES,)
"""Script n brings tables of version n to version n + 1; a new version is a script more."""

_ALL = """
SELECT i.*, r.revealed_utc, r.networks AS revealed_networks, r.settings AS revealed_settings
FROM impression i LEFT JOIN reveal r ON r.reader = i.reader AND r.film = i.film
WHERE i.reader = ? ORDER BY i.id
"""

_SENTENCES = {
    ("SQLITE_BUSY", "SQLITE_LOCKED"): "Another page is writing to the file of readings: nothing was "
    "recorded; try again in a moment.",
    ("SQLITE_FULL",): "The disk with the file of readings is full: make room on it and try again.",
    ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"): "The file of readings cannot be "
    "written: give MAMMOVIEW_READINGS a folder that Mammoview may write to.",
    ("SQLITE_CORRUPT", "SQLITE_NOTADB"): "The file of readings is damaged and was left as it is: move it "
    "away or bring back a copy of it, and try again.",
}


class ReadingStore:
    """The readings in a folder, which is made when the first one is recorded.

    Every method may raise `UnusableReadings` where the file cannot be read or written; then nothing
    of what it was asked to keep is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._ready = False

    def record(
        self,
        reader: str,
        film: FilmRead,
        impression: Impression,
        *,
        opened: datetime,
        shown: Shown | None = None,
        known_before: bool = False,
    ) -> Stage:
        """Keep an impression: the first of this film before the reveal, another one after it.

        Parameters
        ----------
        reader : str
            From `reader_of`.
        film : FilmRead
        impression : Impression
        opened : datetime
            With a time zone.
        shown : Shown or None
            What lay before the reader; None before the reveal.
        known_before : bool
            See `Recorded`.

        Raises
        ------
        AlreadyRecorded
            If there is a first impression already, or a second one comes before the reveal.
        BadSetting
            If the mark is not on the film.
        UnusableReadings
        """
        if impression.mark is not None and not film.holds(impression.mark):
            raise BadSetting("The mark is not on the film: mark the place again.")
        stage = Stage.FIRST if shown is None else Stage.SECOND
        spacing = film.spacing_mm or (None, None)
        mark = impression.mark or (None, None)
        values = {
            "reader": reader,
            "film": film.sha256,
            "rows": film.rows,
            "columns": film.columns,
            "laterality": film.laterality,
            "view": film.view,
            "spacing_down_mm": spacing[0],
            "spacing_across_mm": spacing[1],
            "stage": stage,
            "birads": int(impression.category),
            "mark_row": mark[0],
            "mark_column": mark[1],
            "note": impression.note,
            "known_before": int(known_before),
            "opened_utc": _written(opened),
            "recorded_utc": _written(_now()),
            **_shown_in_json(shown or Shown()),
        }
        try:
            self._insert("impression", values)
        except sqlite3.IntegrityError as error:
            raise AlreadyRecorded(
                "An impression of this film is kept already, perhaps by another tab; it was not written over."
                if stage is Stage.FIRST
                else "This film was not revealed to you: record a first impression and reveal it."
            ) from error
        return stage

    def reveal(self, reader: str, film: FilmRead, shown: Shown) -> None:
        """Keep that the networks' findings are now shown; the first reveal counts.

        Raises
        ------
        AlreadyRecorded
            If there is no first impression.
        UnusableReadings
        """
        values = {
            "reader": reader,
            "film": film.sha256,
            "revealed_utc": _written(_now()),
            **_shown_in_json(shown),
        }
        try:
            self._insert("reveal", values)
        except sqlite3.IntegrityError as error:
            if self.of(reader, film).revealed is None:
                raise AlreadyRecorded("Record a first impression of this film before the reveal.") from error

    def of(self, reader: str, film: FilmRead) -> Reading:
        """What a reader recorded of a film."""
        rows = [row for row in self.all_of(reader) if row.film.sha256 == film.sha256]
        first = next((row for row in rows if row.stage is Stage.FIRST), None)
        later = tuple(row for row in rows if row.stage is Stage.SECOND)
        return Reading(first, first.revealed if first else None, later)

    def all_of(self, reader: str) -> tuple[Recorded, ...]:
        """Everything that a reader recorded, in order; never anything of another's."""
        if not self._is_there():
            return ()
        with self._connection() as connection:
            return tuple(_recorded(row) for row in connection.execute(_ALL, (reader,)))

    def _is_there(self) -> bool:
        with _explained():
            return self.path.exists()

    def _insert(self, table: str, values: dict[str, Any]) -> None:
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        with self._connection() as connection, _transaction(connection):
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with _explained():
            if not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # notes are nobody else's
            with closing(_connect(self.path)) as connection:
                if not self._ready or _version(connection) < len(MIGRATIONS):  # perhaps a new file
                    _bring_up(connection)
                    self._ready = True
                yield connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")  # what was recorded outlives a power cut
    return connection


def _bring_up(connection: sqlite3.Connection) -> None:
    """Refuse what is not ours, is damaged or is of tomorrow; make or migrate the tables."""
    _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
    if _value(connection, "PRAGMA quick_check(1)") != "ok":
        raise UnusableReadings(_sentence("SQLITE_CORRUPT"))
    if _version(connection) < len(MIGRATIONS):
        with _transaction(connection):  # versions are looked at again: another process may have been faster
            version = _version(connection)
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    version = int(_value(connection, "PRAGMA user_version"))
    tables = _value(connection, "SELECT count(*) FROM sqlite_master")
    if tables and _value(connection, "PRAGMA application_id") != _OURS:
        raise UnusableReadings(
            f"The file {FILE} was not made by Mammoview and was left as it is: give MAMMOVIEW_READINGS "
            "another folder."
        )
    if version > len(MIGRATIONS):
        raise UnusableReadings(
            "The file of readings was written by a newer Mammoview and was left as it is: use that one, or "
            "give MAMMOVIEW_READINGS another folder."
        )
    return version


def _value(connection: sqlite3.Connection, statement: str) -> Any:
    return connection.execute(statement).fetchone()[0]


def _statements(script: str) -> Iterator[str]:
    """One after the other: `executescript` would commit what came before it."""
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _patiently(act: Callable[[], object]) -> None:
    """The change to a write-ahead log does not wait for other connections by itself."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            act()
            return
        except sqlite3.OperationalError as error:
            if not _name_of(error).startswith("SQLITE_BUSY") or time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextmanager
def _explained() -> Iterator[None]:
    """What the system or SQLite refuses, in one sentence without a path."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise UnusableReadings(_sentence(_name_of(error))) from error
    except OSError as error:
        raise UnusableReadings(
            f"The file of readings cannot be used ({error.strerror or type(error).__name__}): give "
            "MAMMOVIEW_READINGS a folder that Mammoview may write to."
        ) from error


def _name_of(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", None) or type(error).__name__)


def _sentence(name: str) -> str:
    for starts, sentence in _SENTENCES.items():
        if name.startswith(starts):
            return sentence
    return f"The file of readings could not be read or written ({name}): nothing was recorded; try again."


def _now() -> datetime:
    return datetime.now(UTC)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _shown_in_json(shown: Shown) -> dict[str, str]:
    def text(value: Sequence[Any] | dict[str, Any]) -> str:
        return json.dumps(value, sort_keys=True)

    return {"networks": text(list(shown.networks)), "settings": text(dict(shown.settings))}


def _recorded(row: sqlite3.Row) -> Recorded:
    mark = None if row["mark_row"] is None else (row["mark_row"], row["mark_column"])
    spacing = None if row["spacing_down_mm"] is None else (row["spacing_down_mm"], row["spacing_across_mm"])
    film = FilmRead(
        row["film"],
        row["rows"],
        row["columns"],
        None if row["laterality"] is None else Laterality(row["laterality"]),
        None if row["view"] is None else View(row["view"]),
        spacing,
    )
    revealed = row["revealed_utc"]
    return Recorded(
        film,
        Stage(row["stage"]),
        Impression(BiRads(row["birads"]), mark, row["note"]),
        datetime.fromisoformat(row["opened_utc"]),
        datetime.fromisoformat(row["recorded_utc"]),
        bool(row["known_before"]),
        _shown(row["networks"], row["settings"]),
        None if revealed is None else datetime.fromisoformat(revealed),
        Shown() if revealed is None else _shown(row["revealed_networks"], row["revealed_settings"]),
    )


def _shown(networks: str, settings: str) -> Shown:
    return Shown(tuple(json.loads(networks)), json.loads(settings))
