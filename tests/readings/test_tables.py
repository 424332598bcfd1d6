"""The exported tables hold what was recorded, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoview.domain import Laterality, View
from mammoview.readings import (
    BiRads,
    FilmRead,
    Impression,
    ReadingStore,
    Recorded,
    Shown,
    Stage,
    as_csv,
    as_json,
)
from mammoview.readings.tables import harmless
from tests import handmade

OPENED = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
FILM = FilmRead("f" * 64, 512, 384, Laterality.LEFT, View.CC, (0.05, 0.06))
SHOWN = Shown.by(handmade.assessment())
READER = "0123456789abcdef"


@pytest.fixture
def rows(tmp_path: Path) -> tuple[Recorded, ...]:
    kept = ReadingStore(tmp_path)
    kept.record(READER, FILM, Impression(BiRads.BENIGN, (100, 200), "=HYPERLINK(1)"), opened=OPENED)
    kept.reveal(READER, FILM, SHOWN)
    kept.record(READER, FILM, Impression(BiRads.SUSPICIOUS), opened=OPENED, shown=SHOWN)
    return kept.all_of(READER)


def read(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline="")))


def test_the_csv_has_one_line_for_each_impression_in_the_fields_terms(rows: tuple[Recorded, ...]) -> None:
    first, second = read(as_csv(READER, rows))
    assert first["reader"] == READER
    assert first["film_sha256"] == FILM.sha256
    assert (first["image_laterality"], first["view_position"]) == ("L", "CC")
    assert (first["pixel_spacing_mm_row"], first["pixel_spacing_mm_column"]) == ("0.05", "0.06")
    assert (first["impression"], second["impression"]) == ("first", "second")
    assert (first["birads_category"], first["birads_assessment"]) == ("2", "Benign")
    assert (first["mark_row"], first["mark_column"]) == ("100", "200")
    assert second["mark_row"] == second["mark_column"] == ""
    assert first["film_opened_utc"] == "2026-11-26T08:30:00+00:00"
    assert first["revealed_utc"] == second["revealed_utc"] == rows[0].revealed.isoformat()
    assert first["networks_at_recording"] == ""
    assert second["networks_at_recording"].startswith("tissue-0.5 1 sha256:000")
    assert second["networks_at_recording"] == first["networks_at_reveal"]
    assert json.loads(second["settings_at_recording"])["stride"] == 64


def test_the_json_has_the_same_with_points_as_pairs(rows: tuple[Recorded, ...]) -> None:
    told = json.loads(as_json(READER, rows))
    assert told["reader"] == READER
    first, second = told["readings"]
    assert first["mark"] == [100, 200]
    assert second["mark"] is None
    assert first["note"] == "=HYPERLINK(1)"
    assert second["birads_category"] == 4
    assert second["at_recording"]["networks"] == [dict(network) for network in SHOWN.networks]
    assert first["networks_known_before_first_impression"] is False


def test_a_formula_in_a_note_is_text_in_the_csv(rows: tuple[Recorded, ...]) -> None:
    assert read(as_csv(READER, rows))[0]["note"] == "'=HYPERLINK(1)"


@given(st.sampled_from("=+-@\t\r"), st.text())
def test_no_cell_begins_as_a_formula_does(sign: str, rest: str) -> None:
    assert harmless(sign + rest) == f"'{sign}{rest}"


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=100))
def test_a_note_survives_the_csv(note: str) -> None:
    row = Recorded(FILM, Stage.FIRST, Impression(BiRads.BENIGN, None, note), OPENED, OPENED, False, Shown())
    (line,) = read(as_csv(READER, (row,)))
    assert line["note"] in (note, f"'{note}")
    assert line["note"] == harmless(note)


def test_no_readings_are_a_table_without_lines() -> None:
    assert read(as_csv(READER, ())) == []
    assert json.loads(as_json(READER, ())) == {"reader": READER, "readings": []}
