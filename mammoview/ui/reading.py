"""Read first, then compare: an impression is recorded before the networks' findings are revealed."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import streamlit as st

from mammoview.domain import Mammogram
from mammoview.errors import UnreadableOutlines, UnusableReadings
from mammoview.readings import (
    MOST_NOTE,
    BiRads,
    FilmRead,
    Reading,
    Recorded,
    Shown,
    as_csv,
    as_json,
)
from mammoview.ui.desk import Desk
from mammoview.ui.panels import plain, told
from mammoview.ui.session import Session
from mammoview.ui.viewer import Marking

__all__ = ["WITHHELD_ERROR", "bare", "choose_mode", "film_of", "hidden", "read", "seen"]

WITHHELD_ERROR = (
    "This film cannot be shown: a file that belongs to it cannot be used. Why is withheld while you read "
    "first; leave Read first to see it."
)


def choose_mode(desk: Desk) -> None:
    """The switch; MAMMOVIEW_READ_FIRST=1 turns it on for good."""
    always = os.environ.get("MAMMOVIEW_READ_FIRST") == "1"
    chosen = st.toggle(
        "Read first",
        value=always,
        disabled=always,
        help="What the networks and earlier readers say of a film stays hidden until you have recorded your "
        "own impression of it.",
    )
    desk.on = always or chosen


def read(reader: Session, index: int, mammogram: Mammogram) -> tuple[bool, Marking | None]:
    """The reader's part of the sidebar.

    Returns
    -------
    withheld : bool
        Whether nothing may be shown of what networks or earlier readers said of this film.
    marking : Marking or None
        Her marks; None while the film is not read first.
    """
    desk = reader.desk
    film = _opened(reader, index, mammogram)
    if not desk.reads(film):
        return False, None
    with st.sidebar, told():
        _impressions(reader, index, film)
        _keep_and_export(desk)
    marks = [row.impression.mark for row in _rows(desk.reading(film))] if desk.recorded(film) else []
    draft = desk.draft(film)

    def put(pixel: tuple[int, int]) -> None:
        draft.mark = pixel

    return desk.withheld(film), Marking(draft.mark, tuple(mark for mark in marks if mark is not None), put)


def seen(reader: Session, index: int, mammogram: Mammogram) -> bool:
    """A film hangs beside others; whether what networks or earlier readers said of it is withheld."""
    return reader.desk.withheld(_opened(reader, index, mammogram))


def _opened(reader: Session, index: int, mammogram: Mammogram) -> FilmRead:
    desk = reader.desk
    film = desk.film((reader.case_number, index), mammogram)
    desk.open(film)
    if not desk.withheld(film) and reader.assessment(index) is not None:
        desk.knows(film)
    return film


def bare(mammogram: Mammogram) -> Mammogram:
    """The film without what earlier readers drew on it, and without what is said of how they drew."""
    of_pixels = tuple(each for each in mammogram.warnings if each not in mammogram.annotation_warnings)
    return replace(mammogram, outlines=(), warnings=of_pixels, annotation_warnings=())


def film_of(reader: Session, index: int) -> Mammogram:
    """A film of the case; read first, an error of its outlines does not tell that there are any.

    Raises
    ------
    UnreadableScan
    UnreadableOutlines
    """
    try:
        return reader.mammogram(index)
    except UnreadableOutlines:
        if reader.desk.on:
            raise UnreadableOutlines(WITHHELD_ERROR) from None
        raise


def hidden() -> None:
    """Said where the findings would stand."""
    st.info(
        "Hidden until you record your impression and reveal: the layers, the findings and the outlines of "
        "this film."
    )


def _impressions(reader: Session, index: int, film: FilmRead) -> None:
    desk, assessment = reader.desk, reader.assessment(index)
    st.subheader("Your impression")
    reading, unusable = Reading(), None
    try:
        reading = desk.reading(film)
    except UnusableReadings as error:  # she can write all the same
        unusable = error
    for number, row in enumerate(_rows(reading), 1):
        _kept(row, number)
    if reading.first is None:
        _form(desk, film, Shown())
        st.caption(f"In your export this film is {film.sha256[:8]} …")
    elif reading.revealed is None:
        _reveal(reader, index, film)
    else:
        st.caption(
            f"Revealed at {reading.revealed:%H:%M:%S} UTC. A second impression is kept beside the first:"
        )
        _form(desk, film, Shown.by(assessment))
    if unusable is not None:
        raise unusable


def _rows(reading: Reading) -> list[Recorded]:
    return [*([] if reading.first is None else [reading.first]), *reading.later]


def _form(desk: Desk, film: FilmRead, shown: Shown) -> None:
    """What she writes lies on the desk with every change, so that no error and no other film takes it."""
    draft, number = desk.draft(film), desk.recorded(film)
    name = f"impression {film.sha256} {number}"
    draft.category = st.radio(
        "BI-RADS category",
        list(BiRads),
        index=None if draft.category is None else list(BiRads).index(draft.category),
        format_func=lambda category: f"{category.value} · {category.words}",
        key=f"{name} category",
    )
    if draft.mark is None:
        st.caption("No mark. To point at a place: **Mark** beside the film, then click on it.")
    else:
        st.caption("Mark at row {}, column {}.".format(*draft.mark))
        st.button("Take the mark away", on_click=partial(_unmark, desk, film), key=f"{name} unmark")
    draft.note = st.text_area(
        "Note",
        draft.note,
        max_chars=MOST_NOTE,
        height=90,
        key=f"{name} note",
        help="Kept as you write it: leave out what names the patient.",
    )
    if st.button(
        "Record", type="primary", disabled=draft.category is None, width="stretch", key=f"{name} record"
    ):
        desk.record(film, shown)
        st.rerun()


def _unmark(desk: Desk, film: FilmRead) -> None:
    desk.draft(film).mark = None


def _kept(row: Recorded, number: int) -> None:
    impression = row.impression
    st.markdown(
        f"**{number} · BI-RADS {impression.category.value}** {impression.category.words}  \n"
        f"recorded at {row.recorded:%H:%M:%S} UTC"
        + ("" if impression.mark is None else ", mark at row {}, column {}".format(*impression.mark))
    )
    if impression.note:
        st.caption(plain(impression.note))
    if number == 1 and row.known_before:
        st.caption("The networks' findings had been on your page before; the record says so.")


def _reveal(reader: Session, index: int, film: FilmRead) -> None:
    assessment, failure = reader.assessment(index), reader.failure(index)
    ready = assessment is not None or failure is not None
    if st.button("Reveal", type="primary", disabled=not ready, width="stretch"):
        reader.desk.reveal(film, Shown.by(assessment))
        st.rerun()
    if not ready:
        st.caption("There is nothing to reveal yet: have the film assessed first.")


def _keep_and_export(desk: Desk) -> None:
    with st.expander("Your readings"):
        st.caption("Your reading key. With it you go on in another tab or on another day; show it to nobody.")
        st.code(desk.key, language=None)
        typed = st.text_input("Go on with another key", type="password", autocomplete="off")
        if st.button("Go on", disabled=not typed, width="stretch"):
            desk.go_on_with(typed)
            st.rerun()
        rows = desk.all_recorded()
        for name, mime, make in (("CSV", "text/csv", as_csv), ("JSON", "application/json", as_json)):
            st.download_button(
                f"Download {len(rows)} as {name}",
                partial(make, desk.reader, rows),  # made when it is asked for: till then it has no address
                f"readings.{name.lower()}",
                mime,
                on_click="ignore",
                disabled=not rows,
                width="stretch",
            )
