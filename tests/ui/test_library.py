"""A reader sees the cases that the operator allows, and no other file of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from mammoview.domain import Given
from mammoview.errors import UnreadableScan
from mammoview.readers import sidecar
from mammoview.readers.catalogue import CaseFacts
from mammoview.ui import library
from mammoview.ui.desk import Desk
from mammoview.ui.library import Library
from mammoview.ui.round import Round
from mammoview.ui.worklist import Known


@pytest.fixture
def root(tmp_path: Path) -> Path:
    case = tmp_path / "allowed" / "cancer_01" / "case0001"
    case.mkdir(parents=True)
    for name in ("A-0001-1.ics", "A_0001_1.LEFT_CC.LJPEG", "A_0001_1.LEFT_CC.OVERLAY"):
        (case / name).write_bytes(b"x")
    (tmp_path / "allowed" / "screening.png").write_bytes(b"x")
    (tmp_path / "allowed" / "notes.txt").write_bytes(b"x")
    (tmp_path / "allowed" / "IM000001").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "allowed" / "README").write_bytes(b"x" * 200)
    (tmp_path / "secret.png").write_bytes(b"x")
    return tmp_path / "allowed"


def names(root: Path) -> tuple[str, ...]:
    return tuple(case.name for case in Library(root).cases())


def test_a_ddsm_case_is_listed_once_and_a_film_without_a_case_by_itself(root: Path) -> None:
    assert names(root) == ("cancer_01/case0001", "IM000001", "screening.png")


def test_two_cases_in_one_folder_are_told_apart(root: Path) -> None:
    (root / "cancer_01" / "case0001" / "A-0002-1.ics").write_bytes(b"x")
    assert names(root)[:2] == ("cancer_01/case0001/A-0001-1.ics", "cancer_01/case0001/A-0002-1.ics")


def test_no_two_cases_share_a_name(root: Path) -> None:
    (root / "screening.png").rename(root / "woman_LCC.png")
    (root / "woman_RCC.png").write_bytes(b"x")
    case = root / "woman"
    case.mkdir()
    for name in ("A-0003-1.ics", "A_0003_1.LEFT_CC.LJPEG"):
        (case / name).write_bytes(b"x")
    assert sorted(names(root)) == ["IM000001", "cancer_01/case0001", "woman", "woman (2)"]


def test_a_case_opens_by_its_path_too(root: Path) -> None:
    (root / "screening.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert [film.source for film in Library(root).lone("screening.png").films(Given())] == ["screening"]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "cancer_01/../../secret.png",
        "../../../../etc/passwd",
        "/etc/passwd",
        "..",
        "a\0b",
        "x" * 9999,
    ],
)
def test_nothing_outside_the_root_can_be_named(root: Path, name: str) -> None:
    with pytest.raises(UnreadableScan) as refused:
        Library(root).path(name)
    assert "secret" not in str(refused.value)


@given(st.lists(st.sampled_from(["..", ".", "case", "secret.png", "etc", "/", "~", ""]), max_size=8))
def test_no_path_leads_out(parts: list[str]) -> None:
    root = Path(__file__).parent
    try:
        path = Library(root).path("/".join(parts))
    except UnreadableScan:
        return
    assert path.is_relative_to(root.resolve())


HOSTILE = (b"a\xff\xfe_LCC", b"two\nlines", b"turned \xe2\x80\xaecnp", b"\xff\xfe")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_case_of_any_name_is_listed_in_printable_signs_and_opens(root: Path, name: bytes) -> None:
    film = root / "apart" / os.fsdecode(name + b".png")
    film.parent.mkdir()
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(film)
    cases = Library(root).cases()
    facts = {case.name: case.facts() if "apart" in case.name else CaseFacts() for case in cases}
    rows = Round(root=root).rows(Known(cases, facts), Desk(root.parent))
    assert all(row.label.isprintable() for row in rows)
    assert len({row.label for row in rows}) == len(rows) == 4
    (row,) = [row for row in rows if row.label.startswith("apart")]
    (case,) = [case for case in cases if case.name == row.name]
    (opened,) = case.films(Given())
    assert opened.source.isprintable()
    assert opened.read().source == opened.source
    (alone,) = Library(root).lone(row.name).films(Given())
    assert alone.source == opened.source


def list_page() -> None:
    import os
    from pathlib import Path

    import streamlit as st

    from mammoview.ui import cases
    from mammoview.ui.session import Session
    from mammoview.ui.worklist import worklist

    root = Path(os.environ["MAMMOVIEW_DATA"])
    worklist(root).wait()
    if "reader" not in st.session_state:
        st.session_state["reader"] = Session()
    st.session_state["reader"].round.root = root
    cases.browse(st.session_state["reader"])


def test_the_page_lists_a_folder_with_names_of_any_kind(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMOVIEW_READINGS", str(tmp_path / "readings"))
    monkeypatch.setenv("MAMMOVIEW_DATA", str(root))
    for name in HOSTILE:
        (root / os.fsdecode(name + b".png")).write_bytes(b"x")
    shown = AppTest.from_function(list_page, default_timeout=60).run()
    assert not shown.exception
    assert not shown.error
    assert len(shown.dataframe[0].value) == 3 + len(HOSTILE)


@pytest.mark.parametrize("ending", [".png", ".ics", ".LJPEG", ".dcm"])
@pytest.mark.parametrize("length", [252, 255])
def test_a_name_as_long_as_names_may_be_costs_no_other_case(root: Path, length: int, ending: str) -> None:
    (root / "apart").mkdir()
    named = root / "apart" / ("x" * (length - len(ending)) + ending)
    named.write_bytes(b"x")
    assert sidecar.beside(named) is None
    assert {"cancer_01/case0001", "IM000001", "screening.png"} < set(names(root))


def test_a_case_that_cannot_be_told_is_listed_and_costs_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = sidecar.beside

    def fails(path: Path) -> Path | None:
        if path.name == "hostile.png":
            raise RuntimeError("of a hostile file")
        return beside(path)

    monkeypatch.setattr(sidecar, "beside", fails)
    (root / "hostile.png").write_bytes(b"x")
    listed = {case.name: case for case in Library(root).cases()}
    assert set(listed) == {"cancer_01/case0001", "hostile.png", "IM000001", "screening.png"}
    assert listed["hostile.png"].facts().doubt.startswith("hostile.png: ")


def test_a_link_that_leads_out_is_neither_listed_nor_opened(root: Path) -> None:
    (root / "link.png").symlink_to(root.parent / "secret.png")
    (root / "door").symlink_to(root.parent, target_is_directory=True)
    here = Library(root)
    assert not any("link" in name or "door" in name for name in names(root))
    for name in ("link.png", "door/secret.png"):
        with pytest.raises(UnreadableScan):
            here.path(name)


def test_a_case_whose_film_is_a_link_out_of_the_root_is_refused(root: Path) -> None:
    case = root / "cancer_01" / "case0001"
    (case / "A_0001_1.RIGHT_CC.LJPEG").symlink_to(root.parent / "secret.png")
    with pytest.raises(UnreadableScan):
        Library(root).path("cancer_01/case0001/A-0001-1.ics")


def test_the_walk_ends_in_a_huge_archive(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MOST_ENTRIES", 50)
    for number in range(200):
        (root / f"{number:03}.png").touch()
    assert 0 < len(names(root)) <= 50


def test_a_case_too_deep_to_be_listed_opens_by_its_name(root: Path) -> None:
    deep = root.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    (deep / "film.png").touch()
    assert "a/b/c/d/e/f/g/h/i/j/film.png" not in names(root)
    assert Library(root).path("a/b/c/d/e/f/g/h/i/j/film.png").is_file()
