"""What a reader looks for, what is withheld from her, and which case comes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammoview.domain import Given, LesionType, Pathology
from mammoview.readers.catalogue import Case, CaseFacts
from mammoview.readings import BiRads, FilmRead, Shown
from mammoview.ui.cases import _columns
from mammoview.ui.desk import Desk
from mammoview.ui.round import NONE_ANNOTATED, Filters, Round, Row, beside, matching, offered, position
from mammoview.ui.worklist import Known
from tests import handmade

FILM = FilmRead.of(handmade.mammogram())
FOUR = ("RCC", "LCC", "RMLO", "LMLO")
FACTS = {
    "cancer_01/case0001": CaseFacts(FOUR, (LesionType.MASS,), 5, "3", (Pathology.MALIGNANT,)),
    "cancer_01/case0009": CaseFacts(FOUR, (LesionType.CALCIFICATION,), 4, "2", (Pathology.MALIGNANT,)),
    "normal_02/case0004": CaseFacts(FOUR, (), None, "2"),
}


def nothing(given: Given) -> tuple[()]:
    return ()


KNOWN = Known(tuple(Case(name, nothing, CaseFacts, ()) for name in FACTS), FACTS)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Round:
    here = Round()
    here.root = tmp_path
    return here


def listed(rows: list[Row], asked: Filters, reading_first: bool = False) -> list[str]:
    return [row.label for row in matching(rows, asked, reading_first)]


def sent(rows: list[Row], reading_first: bool) -> str:
    return repr(_columns(rows, reading_first))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Filters(), ["cancer_01/case0001", "cancer_01/case0009", "normal_02/case0004"]),
        (Filters(search="CASE0004 "), ["normal_02/case0004"]),
        (Filters(lesions=("mass",)), ["cancer_01/case0001"]),
        (Filters(lesions=("mass", NONE_ANNOTATED)), ["cancer_01/case0001", "normal_02/case0004"]),
        (Filters(birads=(4, 5)), ["cancer_01/case0001", "cancer_01/case0009"]),
        (Filters(densities=("2",)), ["cancer_01/case0009", "normal_02/case0004"]),
        (Filters(lesions=("mass",), densities=("2",)), []),
    ],
)
def test_a_case_is_listed_when_it_has_all_that_is_asked_for(
    here: Round, desk: Desk, asked: Filters, expected: list[str]
) -> None:
    assert listed(here.rows(KNOWN, desk), asked) == expected


def test_what_can_be_asked_for_is_what_the_cases_have(here: Round, desk: Desk) -> None:
    values = offered(here.rows(KNOWN, desk))
    assert values.lesions == ("mass", "calcification", NONE_ANNOTATED)
    assert values.birads == (4, 5)
    assert values.densities == ("2", "3")


def test_a_case_is_not_assessed_until_all_its_films_are(here: Round, desk: Desk) -> None:
    here.choose("cancer_01/case0001")
    for index in range(3):
        here.note(index, FILM, assessed=True)
    asked = Filters(not_assessed=True)
    assert len(listed(here.rows(KNOWN, desk), asked)) == 3
    here.note(3, FILM, assessed=True)
    assert listed(here.rows(KNOWN, desk), asked) == ["cancer_01/case0009", "normal_02/case0004"]
    assert "4 of 4" in sent(here.rows(KNOWN, desk), False)


def test_the_demo_case_is_not_taken_for_the_chosen_one(here: Round, desk: Desk) -> None:
    here.choose("cancer_01/case0001")
    here.root = None  # she has gone back to the demo
    here.note(0, FILM, assessed=True)
    assert not any(row.assessed for row in here.rows(KNOWN, desk))


def test_who_reads_first_is_sent_nothing_of_what_was_found(here: Round, desk: Desk) -> None:
    assert "mass" in sent(here.rows(KNOWN, desk), False)
    desk.on = True
    rows = here.rows(KNOWN, desk)
    told = sent(rows, True)
    for word in ("mass", "calcification", "malignant", "cancer", "normal", "BI-RADS", "pathology", "'5'"):
        assert word not in told
    assert [row.label for row in rows] == ["case0001", "case0004", "case0009"]
    assert [row.facts.density for row in rows if row.facts] == ["3", "2", "2"]


def test_no_filter_and_no_name_of_a_folder_tells_what_is_withheld(here: Round, desk: Desk) -> None:
    desk.on = True
    rows = here.rows(KNOWN, desk)
    assert len(listed(rows, Filters(lesions=("mass",), birads=(5,)), reading_first=True)) == 3
    assert listed(rows, Filters(search="cancer"), reading_first=True) == []
    values = offered(rows)
    assert (values.lesions, values.birads) == ((), ())


def test_turning_the_switch_off_does_not_open_a_case_with_a_film_still_withheld(
    here: Round, desk: Desk
) -> None:
    desk.on = True
    desk.open(FILM)
    here.choose("cancer_01/case0001")
    here.note(0, FILM, assessed=False)
    desk.on = False
    rows = here.rows(KNOWN, desk)
    (withheld,) = (row for row in rows if row.withheld)
    assert (withheld.name, withheld.label) == ("cancer_01/case0001", "case0001")
    assert "mass" not in sent(rows, False)
    assert listed(rows, Filters(lesions=("mass",))) == []

    desk.draft(FILM).category = next(iter(BiRads))
    desk.record(FILM, Shown())
    desk.reveal(FILM, Shown.by(handmade.assessment()))
    rows = here.rows(KNOWN, desk)
    assert not any(row.withheld for row in rows)
    assert [row.read for row in rows if row.name == "cancer_01/case0001"] == [1]


def test_cases_of_one_short_name_are_told_apart(here: Round, desk: Desk) -> None:
    names = ("a/case1", "b/case1")
    known = Known(tuple(Case(name, nothing, CaseFacts, ()) for name in names), {})
    desk.on = True
    assert [row.label for row in here.rows(known, desk)] == ["case1", "case1 (2)"]


def test_next_and_previous_go_through_what_is_listed_and_end_there(here: Round, desk: Desk) -> None:
    rows = here.rows(KNOWN, desk)
    first, second, third = rows
    assert beside(rows, first, 1) is second
    assert beside(rows, first, 2) is third
    assert beside(rows, first, 9) is third
    assert beside(rows, third, 1) is None
    assert beside(rows, third, -1) is second
    assert beside(rows, first, -1) is None
    assert beside(rows, None, 1) is None
    assert position(rows, third) == 3


def test_a_case_that_is_not_listed_any_more_keeps_its_place(here: Round, desk: Desk) -> None:
    first, second, third = here.rows(KNOWN, desk)
    rest = [first, third]
    assert beside(rest, second, 1) is third
    assert beside(rest, second, -1) is first
    assert position(rest, second) is None
