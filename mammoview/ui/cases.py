"""The list of the cases in the operator's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammoview.errors import MammoviewError
from mammoview.readers.guard import printable
from mammoview.ui.library import MOST_CASES, Library
from mammoview.ui.panels import plain, told
from mammoview.ui.round import Filters, Row, matching, offered
from mammoview.ui.session import Session
from mammoview.ui.worklist import worklist

__all__ = ["browse"]

Value = TypeVar("Value", str, int)

POLL_S = 1.0
TABLE_PX = 560
WITHHELD = "withheld"
_CLICKED = "case clicked"
_TABLE = "cases"


def browse(session: Session) -> None:
    """The list, in the main part of the page."""
    root = session.round.root
    assert root is not None
    known = worklist(root).look()
    rows = session.round.rows(known, session.desk)
    st.subheader("Cases")
    _ask(session, rows)
    if session.desk.on:
        st.info(
            "Read first is on: lesion types, BI-RADS assessments, pathology and the names of folders are "
            "withheld here, since they would tell what earlier readers found."
        )
    still = bool(known.progress)
    st.fragment(_listed, run_every=POLL_S if still else None)(session, root, still)
    if len(known.cases) >= MOST_CASES:
        st.caption(
            f"The first {MOST_CASES} cases are listed; for another one, type its path from the folder."
        )


def _back(session: Session) -> None:
    session.round.listing = False


def _ask(session: Session, rows: Sequence[Row]) -> None:
    """The search and the filters; they stay as she left them while a case is open."""
    here, values, reading_first = session.round, offered(rows), session.desk.on
    kept = here.filters
    search, density, lesions, birads = st.columns([3, 2, 2, 2])
    typed = search.text_input("Find by name", kept.search, placeholder="a part of the name", key="find cases")
    here.filters = Filters(
        search=typed,
        lesions=kept.lesions
        if reading_first
        else _among(lesions, "Lesion type", values.lesions, kept.lesions),
        birads=kept.birads if reading_first else _among(birads, "Worst BI-RADS", values.birads, kept.birads),
        densities=_among(density, "Density", values.densities, kept.densities),
        not_assessed=st.checkbox("Not assessed in this session only", kept.not_assessed, key="not assessed"),
    )
    if here.open is not None:
        label = next((row.label for row in rows if row.name == here.open), None)
        known = "the open case" if label is None else plain(label)
        st.button(f"Back to {known}", on_click=partial(_back, session))


def _among(
    column: DeltaGenerator, label: str, values: tuple[Value, ...], kept: tuple[Value, ...]
) -> tuple[Value, ...]:
    still = [value for value in kept if value in values]
    return tuple(column.multiselect(label, values, still, placeholder="any", key=f"filter {label}"))


def _listed(session: Session, root: Path, still: bool) -> None:
    """The table; drawn again by itself while facts are still being read."""
    with told(), session.lock:
        known = worklist(root).look()
        if not session.round.listing or (still and not known.progress):
            st.rerun()
        all_rows = session.round.rows(known, session.desk)
        rows = matching(all_rows, session.round.filters, session.desk.on)
        said = f"{len(rows)} of {len(all_rows)} cases"
        how = "Click on a name to open the case." if rows else ""
        st.caption(f"{said}. {known.progress or how}")
        if known.trouble:
            st.warning(known.trouble)
        if rows:
            _table(session, rows)
        elif all_rows or not (known.progress or known.trouble):
            _by_path(session, root)


def _table(session: Session, rows: Sequence[Row]) -> None:
    names = {row.label: row.name for row in rows}
    chosen = st.dataframe(
        _columns(rows, session.desk.on),
        height="content" if len(rows) < 15 else TABLE_PX,
        hide_index=True,
        placeholder="",
        key=_TABLE,
        on_select="rerun",
        selection_mode="single-cell",
        column_config={
            "case": st.column_config.ButtonColumn(
                "case",
                width=230,
                type="tertiary",
                alignment="left",
                pinned=True,
                on_click=partial(_clicked, session, names),
                key=_CLICKED,
            ),
            "films": st.column_config.NumberColumn(width="small"),
            "BI-RADS": st.column_config.TextColumn(
                help="The worst assessment of earlier readers; 0 (more pictures) stands between 3 and 4."
            ),
            "assessed": st.column_config.TextColumn(help="Films that you had assessed in this session."),
            "read": st.column_config.TextColumn(
                help="Films of which you recorded an impression in this session."
            ),
        },
    )
    cells = chosen["selection"]["cells"]
    if cells and cells[0][0] < len(rows):
        row = rows[cells[0][0]]
        st.button(
            f"Open {plain(row.label)}",
            type="primary",
            on_click=partial(session.round.choose, row.name),
            key="open case",
        )


def _clicked(session: Session, names: Mapping[str, str]) -> None:
    name = names.get(str(st.session_state[_CLICKED]["label"]))
    if name is not None:
        session.round.choose(name)


def _columns(rows: Sequence[Row], reading_first: bool) -> dict[str, list[object]]:
    """What the table shows, by column; withheld facts are not among what the browser is sent."""
    facts = [row.facts for row in rows]
    columns: dict[str, list[object]] = {
        "case": [row.label for row in rows],
        "views": [" ".join(each.views) if each else "…" for each in facts],
        "films": [len(each.views) if each else None for each in facts],
        "density": [each.density if each else None for each in facts],
    }
    if not reading_first:
        found = [_found(row) for row in rows]
        for number, name in enumerate(("lesions", "BI-RADS", "pathology")):
            columns[name] = [each[number] for each in found]
    columns["assessed"] = [_of(row.assessed, row) for row in rows]
    if any(row.read for row in rows):
        columns["read"] = [_of(row.read, row) for row in rows]
    if not reading_first and any(each and each.doubt for each in facts):
        columns["remark"] = [printable(each.doubt) if each else None for each in facts]
    return columns


def _found(row: Row) -> tuple[str | None, str | None, str | None]:
    """Lesions, worst assessment and pathology, in words."""
    if row.withheld:
        return WITHHELD, WITHHELD, WITHHELD
    if row.facts is None:
        return None, None, None
    birads = None if row.facts.birads is None else str(row.facts.birads)
    return ", ".join(row.facts.lesions), birads, ", ".join(row.facts.pathologies)


def _of(count: int, row: Row) -> str | None:
    if not count:
        return None
    return f"{count} of {len(row.facts.views)}" if row.facts else str(count)


def _by_path(session: Session, root: Path) -> None:
    """No case is listed; what she typed may be the path of one that is not."""
    typed = session.round.filters.search.strip()
    if not typed:
        st.info(
            "There is no case here that fits."
            if worklist(root).look().cases
            else "This folder holds no film."
        )
        return
    try:
        is_film = Library(root).path(typed).is_file()
    except MammoviewError:
        is_film = False
    if not is_film:
        st.info("No case has this in its name.")
        return
    st.button(f"Open the path {plain(typed)}", on_click=partial(session.round.choose, typed), key="open path")
