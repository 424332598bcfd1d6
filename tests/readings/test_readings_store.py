"""What a reader recorded is kept, whole, as it was, and for her alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoview.domain import Laterality, View
from mammoview.errors import AlreadyRecorded, BadSetting, MammoviewError, UnusableReadings
from mammoview.readings import (
    FILE,
    MOST_NOTE,
    BiRads,
    FilmRead,
    Impression,
    ReadingStore,
    Shown,
    Stage,
    new_key,
    reader_of,
    store,
)
from tests import handmade

REPOSITORY = Path(__file__).parents[2]
OPENED = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
FILM = FilmRead("f" * 64, 512, 384, Laterality.LEFT, View.CC, (0.05, 0.05))
READER, OTHER = reader_of(new_key()), reader_of(new_key())
BENIGN = Impression(BiRads.BENIGN, (100, 200), "oval, well defined")
SUSPICIOUS = Impression(BiRads.SUSPICIOUS)
SHOWN = Shown.by(handmade.assessment())


@pytest.fixture
def kept(tmp_path: Path) -> ReadingStore:
    return ReadingStore(tmp_path / "readings")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def open_file(kept: ReadingStore) -> sqlite3.Connection:
    return sqlite3.connect(kept.path, isolation_level=None)


def test_both_impressions_are_kept_with_what_was_shown(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    kept.reveal(READER, FILM, SHOWN)
    kept.record(READER, FILM, SUSPICIOUS, opened=OPENED, shown=SHOWN)
    reading = ReadingStore(kept.path.parent).of(READER, FILM)
    assert reading.first is not None
    assert (reading.first.stage, reading.first.impression) == (Stage.FIRST, BENIGN)
    assert (reading.first.film, reading.first.shown) == (FILM, Shown())
    (second,) = reading.later
    assert (second.stage, second.impression) == (Stage.SECOND, SUSPICIOUS)
    assert second.shown == second.revealed_shown == SHOWN
    assert [network["name"] for network in SHOWN.networks] == ["tissue-0.5", "heatmap-local-results"]
    assert reading.revealed is not None
    assert OPENED < reading.first.recorded <= reading.revealed <= second.recorded
    assert datetime.now(UTC) - second.recorded < timedelta(minutes=1)


def test_the_first_impression_is_never_written_over(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    with pytest.raises(AlreadyRecorded, match="kept already"):
        kept.record(READER, FILM, SUSPICIOUS, opened=OPENED)
    kept.reveal(READER, FILM, SHOWN)
    with pytest.raises(AlreadyRecorded):
        kept.record(READER, FILM, SUSPICIOUS, opened=OPENED)
    assert [row.impression for row in kept.all_of(READER)] == [BENIGN]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE impression SET birads = 5",
        "DELETE FROM impression",
        "UPDATE reveal SET revealed_utc = '2000-01-01T00:00:00+00:00'",
        "DELETE FROM reveal",
    ],
)
def test_the_file_itself_refuses_to_change_what_is_kept(kept: ReadingStore, statement: str) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    kept.reveal(READER, FILM, SHOWN)
    before = kept.all_of(READER)
    connection = open_file(kept)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(statement)
    connection.close()
    assert kept.all_of(READER) == before


def test_nothing_is_revealed_before_an_impression(kept: ReadingStore) -> None:
    with pytest.raises(AlreadyRecorded, match="first impression"):
        kept.reveal(READER, FILM, SHOWN)
    with pytest.raises(AlreadyRecorded, match="not revealed"):
        kept.record(READER, FILM, BENIGN, opened=OPENED, shown=SHOWN)
    assert kept.of(READER, FILM).revealed is None
    assert kept.all_of(READER) == ()


def test_the_first_reveal_counts(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    kept.reveal(READER, FILM, Shown())
    first = kept.of(READER, FILM).revealed
    time.sleep(0.01)
    kept.reveal(READER, FILM, SHOWN)
    (row,) = kept.all_of(READER)
    assert (row.revealed, row.revealed_shown) == (first, Shown())


def test_no_reader_sees_anothers_readings(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    assert kept.all_of(OTHER) == ()
    assert kept.of(OTHER, FILM).first is None
    with pytest.raises(AlreadyRecorded):
        kept.reveal(OTHER, FILM, SHOWN)
    kept.record(OTHER, FILM, SUSPICIOUS, opened=OPENED)
    assert [row.impression for row in kept.all_of(READER)] == [BENIGN]


def test_a_film_is_told_by_its_pixels_and_never_by_its_name(kept: ReadingStore) -> None:
    named = replace(handmade.mammogram(), source="DOE_JANE", facts={"Age": "61"}, warnings=("DOE_JANE.png",))
    film = FilmRead.of(named)
    assert film == FilmRead.of(handmade.mammogram())
    brighter = named.pixels.copy()
    brighter[3, 4] += 1
    assert FilmRead.of(replace(named, pixels=brighter)).sha256 != film.sha256
    turned = named.pixels.reshape(named.pixels.shape[::-1])
    assert FilmRead.of(replace(named, pixels=turned)).sha256 != film.sha256
    kept.record(READER, film, BENIGN, opened=OPENED)
    assert not any(b"DOE" in content for content in files_of(kept.path.parent).values())


def test_a_readers_key_is_not_in_the_file(kept: ReadingStore) -> None:
    key = new_key()
    assert reader_of(key) == reader_of(key.replace("-", "").upper() + " ") != reader_of(new_key())
    kept.record(reader_of(key), FILM, BENIGN, opened=OPENED)
    held = b"".join(files_of(kept.path.parent).values()).lower()
    assert key.encode() not in held
    assert key.replace("-", "").encode() not in held


@pytest.mark.parametrize("key", ["", "abc", "g" * 32, "1" * 33, "Dr. Doe"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(BadSetting, match="no reading key"):
        reader_of(key)


@pytest.mark.parametrize("mark", [(-1, 0), (0, -1), (512, 0), (0, 384)])
def test_a_mark_beside_the_film_is_refused(kept: ReadingStore, mark: tuple[int, int]) -> None:
    with pytest.raises(BadSetting, match="mark"):
        kept.record(READER, FILM, Impression(BiRads.BENIGN, mark), opened=OPENED)
    assert not kept.path.exists()


def test_a_note_that_is_too_long_is_refused() -> None:
    assert Impression(BiRads.BENIGN, note="x" * MOST_NOTE).note
    with pytest.raises(BadSetting, match="shorten"):
        Impression(BiRads.BENIGN, note="x" * (MOST_NOTE + 1))
    with pytest.raises(BadSetting, match="type it again"):
        Impression(BiRads.BENIGN, note="\udc80")


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)
FILMS = st.builds(
    FilmRead,
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(300, 9000),
    st.integers(300, 9000),
    st.sampled_from([None, *Laterality]),
    st.sampled_from([None, *View]),
    st.none() | st.tuples(*[st.floats(0.01, 0.5)] * 2),
)
IMPRESSIONS = st.builds(
    Impression,
    st.sampled_from(BiRads),
    st.none() | st.tuples(st.integers(0, 299), st.integers(0, 299)),
    WORDS,
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
NETWORKS = st.builds(
    Shown,
    st.lists(st.fixed_dictionaries({"name": WORDS, "version": WORDS, "sha256": WORDS}), max_size=3).map(
        tuple
    ),
    st.dictionaries(WORDS, st.none() | st.integers(-9, 9) | st.floats(0, 1), max_size=3),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(film=FILMS, first=IMPRESSIONS, second=IMPRESSIONS, opened=TIMES, shown=NETWORKS, known=st.booleans())
def test_whatever_is_recorded_comes_back(
    tmp_path: Path,
    film: FilmRead,
    first: Impression,
    second: Impression,
    opened: datetime,
    shown: Shown,
    known: bool,
) -> None:
    kept, reader = ReadingStore(tmp_path), reader_of(new_key())
    kept.record(reader, film, first, opened=opened, known_before=known)
    kept.reveal(reader, film, shown)
    kept.record(reader, film, second, opened=opened, shown=shown)
    before, after = kept.all_of(reader)
    assert (before.film, before.impression, before.opened, before.known_before) == (
        film,
        first,
        opened,
        known,
    )
    assert (after.film, after.impression, after.shown, after.revealed_shown) == (film, second, shown, shown)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mammoview.readings import BiRads, FilmRead, Impression, ReadingStore, reader_of

folder, key, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    film = FilmRead(f"{number:064x}", 100, 100)
    ReadingStore(folder).record(
        reader_of(key), film, Impression(BiRads.NEGATIVE, note=str(number)), opened=datetime.now(UTC)
    )
    print(number, flush=True)
"""


class Writer:
    """A process of its own that records one impression after the other, once it is let go."""

    def __init__(self, folder: Path, key: str, count: int) -> None:
        self.key = key
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), key, str(count)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.told() == "ready"

    def told(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self) -> list[str]:
        return self.process.communicate(timeout=120)[0].split()


@pytest.fixture
def writers() -> Iterator[Callable[..., Writer]]:
    started: list[Writer] = []

    def start(*arguments: object) -> Writer:
        started.append(Writer(*arguments))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def test_two_processes_write_at_once_and_nothing_is_lost(
    tmp_path: Path, writers: Callable[..., Writer]
) -> None:
    both = [writers(tmp_path / "new", new_key(), 25) for _ in range(2)]
    for each in both:
        each.go()
    for each in both:
        assert each.rest() == [str(n) for n in range(25)]
    kept = ReadingStore(tmp_path / "new")
    for each in both:
        assert [row.impression.note for row in kept.all_of(reader_of(each.key))] == each_note(25)


def each_note(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_a_kill_loses_nothing_that_was_recorded(tmp_path: Path, writers: Callable[..., Writer]) -> None:
    writer = writers(tmp_path, new_key(), 100_000)
    writer.go()
    for number in range(8):
        assert writer.told() == str(number)
    writer.process.send_signal(signal.SIGKILL)
    told = 8 + len(writer.rest())
    kept = ReadingStore(tmp_path)
    found = kept.all_of(reader_of(writer.key))
    assert [row.impression.note for row in found] == each_note(len(found))
    assert told <= len(found) <= told + 1  # one may be recorded and not told yet
    kept.record(READER, FILM, BENIGN, opened=OPENED)


HALF = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that the half transaction reaches the disk
connection.execute("BEGIN IMMEDIATE")
columns = "reader, film, rows, columns, stage, birads, note, known_before, opened_utc, recorded_utc"
for number in range(200):
    values = (sys.argv[2], f"{number:064x}", 9, 9, "first", 1, "x" * 3000, 0, "", "", "[]", "{}")
    places = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO impression ({columns}, networks, settings) VALUES ({places})", values)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_in_the_middle_of_a_transaction_leaves_none_of_it(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    done = subprocess.run([sys.executable, "-c", HALF, kept.path, READER], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [row.impression for row in kept.all_of(READER)] == [BENIGN]
    kept.reveal(READER, FILM, SHOWN)


def test_a_writer_waits_for_another_and_then_says_so(
    kept: ReadingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    connection = open_file(kept)
    connection.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(store, "BUSY_S", 0.05)
    with pytest.raises(UnusableReadings, match="Another page is writing"):
        kept.reveal(READER, FILM, SHOWN)
    assert [row.impression for row in kept.all_of(READER)] == [BENIGN], "readers are not kept waiting"
    connection.execute("ROLLBACK")
    connection.close()
    kept.reveal(READER, FILM, SHOWN)


def test_it_is_a_write_ahead_log_that_only_this_user_reads(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    connection = open_file(kept)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(store.MIGRATIONS),)
    assert {path.stat().st_mode & 0o077 for path in kept.path.parent.iterdir()} == {0}
    connection.close()


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(MammoviewError) as raised:
        act()
    assert isinstance(raised.value, UnusableReadings)
    sentence = str(raised.value)
    assert "/" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_a_file_that_is_no_database_is_left_as_it_is(kept: ReadingStore) -> None:
    kept.path.parent.mkdir()
    kept.path.write_bytes(b"this is no database " * 500)
    before = files_of(kept.path.parent)
    assert "damaged" in refused(lambda: kept.record(READER, FILM, BENIGN, opened=OPENED))
    assert "damaged" in refused(lambda: kept.all_of(READER))
    assert files_of(kept.path.parent)[FILE] == before[FILE]


def test_damage_within_the_file_is_noticed(kept: ReadingStore) -> None:
    for number in range(40):
        film = replace(FILM, sha256=f"{number:064x}")
        kept.record(READER, film, replace(BENIGN, note="x" * 3000), opened=OPENED)
    content = bytearray(kept.path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    kept.path.write_bytes(content)
    assert "damaged" in refused(lambda: ReadingStore(kept.path.parent).all_of(READER))


def test_another_programs_database_is_left_alone(kept: ReadingStore) -> None:
    kept.path.parent.mkdir()
    connection = open_file(kept)
    connection.execute("CREATE TABLE patients (name TEXT)")
    connection.close()
    assert "not made by Mammoview" in refused(lambda: kept.record(READER, FILM, BENIGN, opened=OPENED))
    connection = open_file(kept)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("patients",)]
    connection.close()


def test_tables_of_a_newer_version_are_left_alone(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    connection = open_file(kept)
    connection.execute(f"PRAGMA user_version = {len(store.MIGRATIONS) + 1}")
    connection.close()
    assert "newer Mammoview" in refused(lambda: ReadingStore(kept.path.parent).all_of(READER))


def test_older_tables_are_brought_up_with_all_they_hold(
    kept: ReadingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    step = "ALTER TABLE impression ADD COLUMN density TEXT;\nCREATE INDEX added ON reveal (film);\n"
    monkeypatch.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, step))
    later = ReadingStore(kept.path.parent)
    assert [row.impression for row in later.all_of(READER)] == [BENIGN]
    later.reveal(READER, FILM, SHOWN)
    connection = open_file(later)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(store.MIGRATIONS),)
    assert connection.execute("SELECT density FROM impression").fetchall() == [(None,)]
    connection.close()


def test_a_migration_that_fails_leaves_the_old_tables(
    kept: ReadingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    old = store.MIGRATIONS
    step = "ALTER TABLE impression ADD COLUMN density TEXT;\nCREATE TABLE reveal (again TEXT);\n"
    monkeypatch.setattr(store, "MIGRATIONS", (*old, step))
    refused(lambda: ReadingStore(kept.path.parent).all_of(READER))
    monkeypatch.setattr(store, "MIGRATIONS", old)
    assert [row.impression for row in ReadingStore(kept.path.parent).all_of(READER)] == [BENIGN]


def limited_by(monkeypatch: pytest.MonkeyPatch, pragma: str) -> None:
    connect = store._connect

    def limited(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA {pragma}")
        return connection

    monkeypatch.setattr(store, "_connect", limited)


@pytest.mark.parametrize(
    ("pragma", "words"), [("max_page_count = 1", "is full"), ("query_only = ON", "cannot be written")]
)
def test_a_full_disk_and_a_file_that_cannot_be_written_are_told(
    kept: ReadingStore, monkeypatch: pytest.MonkeyPatch, pragma: str, words: str
) -> None:
    kept.record(READER, FILM, replace(BENIGN, note="x" * 4000), opened=OPENED)
    with monkeypatch.context() as patch:
        limited_by(patch, pragma)
        film = replace(FILM, sha256="0" * 64)
        long = replace(BENIGN, note="y" * 4000)
        assert words in refused(lambda: kept.record(READER, film, long, opened=OPENED))
        assert len(kept.all_of(READER)) == 1
    kept.record(READER, film, long, opened=OPENED)
    assert len(kept.all_of(READER)) == 2


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = ReadingStore(tmp_path / "file" / "readings")
    assert "MAMMOVIEW_READINGS" in refused(lambda: kept.record(READER, FILM, BENIGN, opened=OPENED))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    kept = ReadingStore(tmp_path)
    assert "MAMMOVIEW_READINGS" in refused(lambda: kept.record(READER, FILM, BENIGN, opened=OPENED))
    tmp_path.chmod(0o700)


def test_a_file_that_was_moved_away_is_made_anew(kept: ReadingStore) -> None:
    kept.record(READER, FILM, BENIGN, opened=OPENED)
    for path in kept.path.parent.iterdir():
        path.unlink()
    assert kept.all_of(READER) == ()
    kept.record(READER, FILM, SUSPICIOUS, opened=OPENED)
    assert [row.impression for row in kept.all_of(READER)] == [SUSPICIOUS]
