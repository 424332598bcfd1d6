"""What is withheld, until when, and what stays on the desk when a record fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mammoview.errors import AlreadyRecorded, BadSetting, UnusableReadings
from mammoview.readings import FILE, BiRads, FilmRead, Shown
from mammoview.ui.desk import Desk, folder_of_readings
from tests import handmade

FILM = FilmRead.of(handmade.mammogram())
SHOWN = Shown.by(handmade.assessment())


def desk_in(folder: Path, on: bool = True) -> Desk:
    desk = Desk(folder)
    desk.on = on
    desk.open(FILM)
    return desk


def write(desk: Desk, category: BiRads, note: str = "") -> None:
    draft = desk.draft(FILM)
    draft.category, draft.note = category, note


def test_nothing_is_withheld_while_the_mode_is_off(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, on=False)
    assert not desk.withheld(FILM)
    assert not desk.reads(FILM)


def test_a_film_is_withheld_until_it_is_recorded_and_revealed(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    assert desk.withheld(FILM)
    with pytest.raises(AlreadyRecorded):
        desk.reveal(FILM, SHOWN)
    assert desk.withheld(FILM)
    write(desk, BiRads.BENIGN)
    desk.record(FILM, SHOWN)
    assert desk.withheld(FILM), "recorded is not revealed"
    desk.reveal(FILM, SHOWN)
    assert not desk.withheld(FILM)
    write(desk, BiRads.SUSPICIOUS, "after all")
    desk.record(FILM, SHOWN)
    reading = desk.reading(FILM)
    assert reading.first is not None
    assert (reading.first.impression.category, reading.first.shown) == (BiRads.BENIGN, Shown())
    (second,) = reading.later
    assert (second.impression.note, second.shown) == ("after all", SHOWN)


def test_turning_the_mode_off_reveals_nothing_that_was_opened_in_it(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    desk.on = False
    desk.open(FILM)
    assert desk.withheld(FILM)
    other = replace(FILM, sha256="0" * 64)
    desk.open(other)
    assert not desk.withheld(other)


def test_while_nobody_can_tell_the_film_is_withheld_and_what_was_written_stays(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database " * 100)
    desk = desk_in(tmp_path)
    write(desk, BiRads.SUSPICIOUS, "a long note")
    with pytest.raises(UnusableReadings):
        desk.record(FILM, SHOWN)
    assert desk.withheld(FILM)
    assert (desk.draft(FILM).category, desk.draft(FILM).note) == (BiRads.SUSPICIOUS, "a long note")
    (tmp_path / FILE).unlink()
    desk.record(FILM, SHOWN)
    assert [row.impression.note for row in desk.all_recorded()] == ["a long note"]


def test_a_reveal_that_cannot_be_kept_reveals_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_in(tmp_path)
    write(desk, BiRads.BENIGN)
    desk.record(FILM, SHOWN)

    def full(*_: object) -> None:
        raise UnusableReadings("The disk is full.")

    monkeypatch.setattr(desk._store, "reveal", full)
    with pytest.raises(UnusableReadings):
        desk.reveal(FILM, SHOWN)
    assert desk.withheld(FILM)


def test_what_the_slower_of_two_tabs_wrote_becomes_its_next_draft(tmp_path: Path) -> None:
    first, second = desk_in(tmp_path), desk_in(tmp_path)
    second.key = first.key
    write(second, BiRads.SUSPICIOUS, "of the second tab")
    assert second.reading(FILM).first is None
    write(first, BiRads.BENIGN)
    first.record(FILM, SHOWN)
    with pytest.raises(AlreadyRecorded):
        second.record(FILM, SHOWN)
    reading = second.reading(FILM)
    assert reading.first is not None
    assert reading.first.impression.category is BiRads.BENIGN
    assert second.draft(FILM).note == "of the second tab"


def test_with_her_key_a_reader_goes_on_where_she_was(tmp_path: Path) -> None:
    before = desk_in(tmp_path)
    write(before, BiRads.BENIGN)
    before.record(FILM, SHOWN)
    after = desk_in(tmp_path)
    assert after.reading(FILM).first is None, "another session is another reader"
    assert after.all_recorded() == ()
    after.go_on_with(before.key)
    assert after.reading(FILM).first is not None
    assert after.withheld(FILM)
    after.reveal(FILM, SHOWN)
    assert not after.withheld(FILM)
    assert [row.revealed is not None for row in after.all_recorded()] == [True]


@pytest.mark.parametrize("key", [lambda: "Dr. Doe", lambda: "0" * 32])
def test_a_key_under_which_nothing_is_kept_changes_nothing(tmp_path: Path, key: Callable[[], str]) -> None:
    desk = desk_in(tmp_path)
    own = desk.key
    with pytest.raises(BadSetting):
        desk.go_on_with(key())
    assert desk.key == own


def test_an_impression_of_a_film_whose_findings_were_known_says_so(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    desk.knows(FILM)
    write(desk, BiRads.BENIGN)
    desk.record(FILM, SHOWN)
    (row,) = desk.all_recorded()
    assert row.known_before


def test_an_impression_without_a_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="BI-RADS"):
        desk_in(tmp_path).record(FILM, SHOWN)


def test_what_was_not_recorded_ends_with_the_session(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    write(desk, BiRads.BENIGN, "private")
    desk.clear()
    assert desk.draft(FILM).note == ""
    assert desk.withheld(FILM)


def test_readings_are_kept_where_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMOVIEW_READINGS", str(tmp_path))
    assert folder_of_readings() == tmp_path
    monkeypatch.delenv("MAMMOVIEW_READINGS")
    assert folder_of_readings().name == ".run"
