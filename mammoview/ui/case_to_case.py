"""From one case of the operator's folder to the next: what is opened, and what buttons and keys do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from mammoview.domain import Film, Given, Mammogram
from mammoview.errors import BadSetting
from mammoview.ui.library import Library
from mammoview.ui.round import Row, beside, matching, position
from mammoview.ui.session import Session
from mammoview.ui.viewer import Stepping, Taken
from mammoview.ui.worklist import worklist

__all__ = ["note", "open_chosen", "show_view", "stepping", "view_key"]

_FOLDER = "a case of the folder"


def open_chosen(session: Session, root: Path, given: Given) -> str | None:
    """Put the case that she chose before her; where it stands in the list, None while she looks at that.

    Raises
    ------
    BadSetting
        If the operator's folder is not there.
    UnreadableScan
        If the case cannot be opened.
    """
    if not root.is_dir():
        raise BadSetting("The folder of cases is not there: give make run DATA= a folder that exists.")
    here = session.round
    here.root = root
    if here.open is None or here.listing:
        return None
    where = _to_and_fro(session)
    name = here.open

    def films() -> tuple[Film, ...]:
        case = worklist(root).look().case(name) or Library(root).lone(name)
        return case.films(given)

    session.open((_FOLDER, name, given), films, hers=False)
    return where


def note(session: Session, index: int, mammogram: Mammogram) -> None:
    """Remember for the list that this film is before her, and whether it is assessed."""
    film = session.desk.film((session.case_number, index), mammogram)
    session.round.note(index, film, session.assessment(index) is not None)


def stepping(session: Session, view: int) -> Stepping:
    """What the keys of the viewer do while this film is shown."""
    rows, here = _list(session)
    ends = beside(rows, here, -1) is None, beside(rows, here, 1) is None

    def go(cases: int, views: int, taken: Taken) -> None:
        session.round.steps = taken
        _go(session, cases, views)

    return Stepping(
        views=tuple(film.label for film in session.films),
        view=view,
        case=position(rows, here),
        cases=len(rows),
        ends=ends,
        taken=lambda: session.round.steps,
        go=go,
    )


def view_key(session: Session) -> str:
    """Of the choice among the views of the case that is open."""
    return f"view of case {session.case_number}"


def show_view(session: Session, view: int) -> None:
    """Have this film of the case shown from the next run of the page on."""
    session.look_at(view)
    st.session_state[view_key(session)] = view


def _list(session: Session) -> tuple[list[Row], Row | None]:
    """The cases that she looks for, and the open one; neither while she has another source."""
    here = session.round
    if here.root is None or here.open is None:
        return [], None
    rows = here.rows(worklist(here.root).look(), session.desk)
    lone = Row(here.open, here.open, None, True, 0, 0)
    now = next((row for row in rows if row.name == here.open), lone)
    return matching(rows, here.filters, session.desk.on), now


def _go(session: Session, cases: int, views: int) -> None:
    """A step over cases, or over the views of this one, of which the first follows the last."""
    rows, here = _list(session)
    if cases:
        further = beside(rows, here, cases)
        if further is not None:
            session.round.choose(further.name)
    elif session.films:
        # Not from the choice on the page: the browser sends that with each key, as it last saw it.
        show_view(session, (session.film_before(0) + views) % len(session.films))


def _to_and_fro(session: Session) -> str:
    """The buttons to the list and to the cases beside this one, and where this one stands."""
    rows, here = _list(session)
    before, after = st.columns(2)
    for column, words, steps in ((before, "‹ previous", -1), (after, "next ›", 1)):
        column.button(
            words,
            on_click=partial(_go, session, steps, 0),
            disabled=beside(rows, here, steps) is None,
            help="Page Up in the viewer" if steps < 0 else "Page Down in the viewer",
            width="stretch",
            key=f"case {steps}",
        )
    st.button("All cases", on_click=partial(_look_at_list, session), width="stretch")
    number = position(rows, here)
    return f"case {number} of {len(rows)}" if number else f"not among the {len(rows)} listed cases"


def _look_at_list(session: Session) -> None:
    session.round.listing = True
