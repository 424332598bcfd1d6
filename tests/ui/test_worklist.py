"""The list is there at once, is the same for all readers, and is read again only where files changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from mammoview.readers.catalogue import Case, CaseFacts
from mammoview.ui import library, worklist
from mammoview.ui.library import Library
from mammoview.ui.worklist import Worklist


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("b_LCC.png", "a_LCC.png"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_looking_does_not_wait_for_the_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()
    cases = Library.cases

    def slowly(self: Library, tell: object) -> tuple[Case, ...]:
        may_go_on.wait(60)
        return cases(self)

    monkeypatch.setattr(Library, "cases", slowly)
    here = Worklist(root)
    known = here.look()
    assert known.cases == ()
    assert known.progress.startswith("Looking for cases")
    may_go_on.set()
    known = here.wait()
    assert [case.name for case in known.cases] == ["a_LCC.png", "b_LCC.png"]
    assert known.facts["a_LCC.png"].views == ("LCC",)
    assert known.progress == ""


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist, "FRESH_S", 0)
    monkeypatch.setattr(worklist, "REST", 0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "LCC.png").write_bytes(b"x")
    read: list[str] = []
    cases = Library.cases

    def noted(case: Case) -> Case:
        def facts() -> CaseFacts:
            read.append(case.name)
            return case.facts()

        return replace(case, facts=facts)

    monkeypatch.setattr(Library, "cases", lambda self, tell: tuple(map(noted, cases(self))))
    here = Worklist(tmp_path)
    here.wait()
    assert read == ["a/LCC.png", "b/LCC.png"]
    read.clear()
    here.wait()
    assert read == []
    (tmp_path / "a" / "LCC.json").write_text('{"laterality": "R", "view": "MLO"}')
    known = here.wait()
    assert read == ["a/LCC.png"]
    assert known.facts["a/LCC.png"].views == ("RMLO",)


def test_a_folder_that_went_away_leaves_the_last_list_and_it_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist, "FRESH_S", 0)
    monkeypatch.setattr(worklist, "REST", 0)
    here = Worklist(root)
    assert here.wait().trouble == ""
    away = root.rename(root.with_name("away"))
    known = here.wait()
    assert [case.name for case in known.cases] == ["a_LCC.png", "b_LCC.png"]
    assert "as it was before" in known.trouble
    (away / "a_LCC.png").unlink()
    away.rename(root)
    known = here.wait()
    assert ([case.name for case in known.cases], known.trouble) == (["b_LCC.png"], "")


def test_nothing_that_a_case_holds_ends_the_list(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> CaseFacts:
        raise RecursionError("of a hostile file")

    cases = Library.cases
    monkeypatch.setattr(
        Library,
        "cases",
        lambda self, tell: tuple(
            replace(case, facts=fails) if case.name == "a_LCC.png" else case for case in cases(self)
        ),
    )
    known = Worklist(root).wait()
    assert "cannot be read" in known.facts["a_LCC.png"].doubt
    assert known.facts["b_LCC.png"].views == ("LCC",)


def test_a_folder_of_two_thousand_cases_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MOST_CASES", 20)
    for number in range(40):
        (tmp_path / f"{number:03}.png").touch()
    assert len(Worklist(tmp_path).wait().cases) == 20
