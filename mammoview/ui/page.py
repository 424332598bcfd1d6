"""The page, from top to bottom: choose a film, see it, have it assessed, read the evidence."""

from __future__ import annotations

from functools import partial

import streamlit as st

from mammoview.ui import (
    case_to_case,
    cases,
    curves,
    hanging,
    log,
    panels,
    profile,
    reading,
    session,
    sidebar,
    takeaway,
)
from mammoview.ui.session import Session
from mammoview.ui.states import layer_states
from mammoview.ui.viewer import viewer

__all__ = ["main"]

SIDEBAR_PX = 340  # the four views of a case stand side by side


def main() -> None:
    """Run by Streamlit from the first line to the last for each thing that a reader does."""
    st.set_page_config(
        page_title="Mammoview", page_icon="🩻", layout="wide", initial_sidebar_state=SIDEBAR_PX
    )
    log.keep()
    panels.banner()
    with panels.told():
        reader = session.of_this_reader()
        with reader.lock:
            film = sidebar.choose_film(reader)
            if film is not None:
                show(reader, film)
            elif reader.round.root is not None:
                cases.browse(reader)
            else:
                st.info("Choose a case on the left, or the files of one, to begin.")


def show(reader: Session, film: int) -> None:
    """One film with everything that is known of it."""
    with st.spinner("Reading the film …"):
        mammogram = reading.film_of(reader, film)
    if reader.assess_on_opening:
        reader.assess_on_opening = False
        reader.assess(film)
    withheld, marking = reading.read(reader, film, mammogram)
    case_to_case.note(reader, film, mammogram)
    sidebar.assessing(reader, film, withheld)
    assessment, failure = reader.assessment(film), reader.failure(film)
    shown = mammogram
    if withheld:  # from here on nothing knows what networks or readers said of the film
        shown, assessment = reading.bare(mammogram), None
    errors = None if assessment is None else panels.magnification_errors(assessment.cards)
    doubts = panels.doubts(shown, assessment)
    place = (reader.case_number, film)
    viewer(
        mammogram,
        assessment,
        key="viewer",
        magnification_errors=errors,
        state=reader.state(film),
        warnings=doubts,
        withheld=withheld,
        marking=marking,
        profiling=partial(profile.take, place),
        stepping=case_to_case.stepping(reader, film),
        hanging=hanging.of_case(reader, film),
    )
    profile.panel(place, mammogram, assessment)
    if failure is not None:
        st.error(panels.plain(failure))
    panels.warnings(doubts)
    evidence, background = st.columns([3, 2], gap="large")
    with evidence:
        if len(reader.films) > 1:
            st.caption(panels.plain(f"Of {reader.films[film].label}, the view that is chosen on the left."))
        if assessment is not None:
            panels.findings(assessment)
        if withheld:
            reading.hidden()
        else:
            panels.states(layer_states(shown, assessment, failure, reader.running(film)))
    with background:
        panels.facts(shown)
    if assessment is not None:  # their tables need the whole width
        panels.scorecard(shown.outlines, reader.agreements(film))
        takeaway.panel(shown, assessment)
        curves.panel(assessment)
        panels.networks(assessment.cards, assessment.engine)
