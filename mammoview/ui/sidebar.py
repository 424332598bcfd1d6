"""What the reader chooses: a case, a film of it, and whether it is assessed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import streamlit as st

from mammoview.domain import Film, Given, Laterality, View
from mammoview.errors import BadSetting
from mammoview.phantom import DEMO_SEED, write_case
from mammoview.readers import open_case
from mammoview.readers.limits import COARSEST_MM, FINEST_MM
from mammoview.ui import case_to_case, reading, uploads
from mammoview.ui.panels import plain, told
from mammoview.ui.session import Session
from mammoview.ui.work import State, line

__all__ = ["assessing", "choose_film"]

DEMO, ARCHIVE, UPLOAD = "Demo case", "Case from this machine's folder", "Upload"
POLL_S = 0.5
AS_THE_FILE_SAYS = "as the file says"
_MAKING_DEMO = threading.Lock()


def choose_film(session: Session) -> int | None:
    """Put the chosen case before the reader; which of its films she chose, None while there is no case."""
    with st.sidebar:
        st.title("Mammoview")
        st.caption("Research use only")
        reading.choose_mode(session.desk)
        root = _root()
        sources = [DEMO, UPLOAD] if root is None else [DEMO, ARCHIVE, UPLOAD]
        first = DEMO if root is None or session.begins_with_demo else ARCHIVE
        source = st.radio("Case", sources, sources.index(first))
        session.round.root = None
        if source == DEMO:
            session.open(DEMO, lambda: open_case(_demo()), hers=False)
            # Where a mass was outlined is not told to one who reads first.
            return _choose_view(session, 0 if session.desk.on else session.first_with_a_mass())
        if root is None or source == UPLOAD:
            return _choose_view(session, 0) if _open_upload(session) else None
        where = case_to_case.open_chosen(session, root, _given())
        return None if where is None else _choose_view(session, 0, where)


def assessing(session: Session, index: int, withheld: bool) -> None:
    """The button that has a film assessed, and how far that has come."""
    with st.sidebar:
        busy = session.work is not None
        again = session.assessment(index) is not None
        if st.button("Assess again" if again else "Assess", type="primary", disabled=busy, width="stretch"):
            session.assess(index)
        others = [other for other in session.not_assessed if other != index]
        if others and st.button("Assess all views", disabled=busy, width="stretch"):
            session.assess_all()
        if session.work is not None:
            _progress(session, withheld)
        elif session.cancelled(index):
            st.info("The assessment was cancelled; nothing of it was kept.")


def _root() -> Path | None:
    """The folder whose cases the operator lets readers open, if there is one."""
    named = os.environ.get("MAMMOVIEW_DATA")
    return Path(named).expanduser() if named else None


def _demo() -> Path:
    """The demo case's `.ics`; the case is made where it is not there yet."""
    named = os.environ.get("MAMMOVIEW_DEMO")
    folder = Path(named) if named else Path(__file__).parents[2] / ".demo"
    with _MAKING_DEMO:
        found = sorted(folder.rglob("*.ics"))
        if not found:
            with st.spinner("Making the demo case, a synthetic one with known lesions (some seconds) …"):
                found = sorted(write_case(folder, DEMO_SEED).glob("*.ics"))
    return found[0]


def _open_upload(session: Session) -> bool:
    files = st.file_uploader(
        "Files of one case",
        accept_multiple_files=True,
        help="A DDSM case: its .ics, .OVERLAY and films together. Or DICOM, PNG, JPEG or TIFF films. "
        "They are kept in a folder of this session only, and removed with it.",
    )
    given = _given()
    if not files:
        session.close()
        return False
    names = tuple(file.file_id for file in files)

    def films() -> tuple[Film, ...]:
        return uploads.open_files(session.uploaded(names, files), given)

    session.open((UPLOAD, names, given), films)
    return True


def _given() -> Given:
    """What the reader says of files that do not say it themselves."""
    with st.expander("What the files do not say"):
        laterality = st.selectbox("Laterality", [None, *Laterality], format_func=_or_as_the_file_says)
        view = st.selectbox("View", [None, *View], format_func=_or_as_the_file_says)
        spacing = st.number_input(
            "Spacing at true size, mm per pixel", FINEST_MM, COARSEST_MM, None, format="%.4f"
        )
        st.caption("True size, for a film that was stored resized:")
        rows = st.number_input("Rows", 64, 12_000, None)
        columns = st.number_input("Columns", 64, 12_000, None)
        partial = st.checkbox("Show the part that is there of a truncated film")
        standard = st.checkbox("Decode .LJPEG by the JPEG standard, not as DDSM wrote it")
    if (rows is None) != (columns is None):
        raise BadSetting("A true size needs both rows and columns: enter the other one too.")
    as_size = None if rows is None or columns is None else (int(rows), int(columns))
    return Given(laterality, view, spacing, as_size, partial=partial, standard_ljpeg=standard)


def _or_as_the_file_says(choice: str | None) -> str:
    return AS_THE_FILE_SAYS if choice is None else str(choice)


def _choose_view(session: Session, first: int, where: str = "") -> int:
    """Which film of the case is looked at; `where` says where the case stands in a list."""
    films, key = session.films, case_to_case.view_key(session)
    labels = [film.label for film in films]
    if len(set(labels)) < len(labels):
        labels = [f"{label} {film.source}" for label, film in zip(labels, films, strict=True)]
    # The keys of the viewer choose too, so the choice is no default but a state that both set.
    st.session_state.setdefault(key, session.film_before(first))
    chosen = st.segmented_control(
        "View",
        range(len(films)),
        required=True,
        format_func=lambda index: plain(labels[index]),
        width="stretch",
        key=key,
    )
    view = first if chosen is None else chosen
    session.look_at(view)
    if where:
        st.caption(plain(f"{where} · {labels[view]} {view + 1} of {len(films)}"))
    return view


@st.fragment(run_every=POLL_S)
def _progress(session: Session, withheld: bool) -> None:
    with told(), session.lock:
        work, index = session.work, session.assessed_film
        if work is None or index is None or work.finished:
            session.collect()
            st.rerun()
        if withheld:  # how long each step takes would tell how much was found
            st.caption("A film is being assessed; its findings stay hidden.")
        else:
            then = f" Then {session.further} more." if session.further else ""
            st.progress(work.share, text=plain(f"{session.films[index].label}: {_what(session)}{then}"))
        st.button("Cancel", on_click=work.cancel, disabled=work.stopping, width="stretch")


def _what(session: Session) -> str:
    work = session.work
    if work is None or work.stopping:
        return "stopping after this step …"
    if work.state is State.WAITING:
        return f"waiting for {line().ahead_of(work)} other assessments"
    return f"{work.what} …"
