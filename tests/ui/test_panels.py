"""What the page says in words."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from mammoview.domain import Agreement, LesionType, Magnification, Outline, Pathology
from mammoview.ui.panels import doubts, incomparable, magnification_errors
from tests import handmade


@pytest.mark.parametrize(
    "text", ["![](http://example.org/pixel.png)", "**bold**", ":red[x]", "$x$", "<b>", "`c`"]
)
def test_words_from_a_file_are_shown_and_not_obeyed(text: str) -> None:
    def page(words: str) -> None:
        import streamlit as st

        from mammoview.ui.panels import plain

        st.markdown(plain(words))

    (shown,) = AppTest.from_function(page, args=(text,)).run().markdown
    assert shown.value.replace("\\", "") == text
    signs = [sign for sign in text if not sign.isalnum()]
    assert shown.value.count("\\") == len(signs)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("UnreadableScan('The film ends early: send it again.')", "The film ends early: send it again."),
        ("OSError(28, 'No space left on device', 'DOE_JANE.dcm')", "No space left on device"),
        ("KeyError('DOE_JANE')", "KeyError"),
    ],
)
def test_an_error_becomes_one_sentence_and_the_log_names_no_film(
    error: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    def page(error: str) -> None:
        import streamlit as st

        from mammoview.errors import UnreadableScan
        from mammoview.ui.panels import told

        with told():
            raise eval(error, {"UnreadableScan": UnreadableScan})
        st.write("the page goes on")

    logging.getLogger("mammoview").propagate = True
    caplog.set_level(logging.DEBUG)
    shown = AppTest.from_function(page, args=(error,)).run()
    (told,) = (each.value.replace("\\", "") for each in shown.error)
    assert sentence in told
    assert "DOE" not in told + caplog.text
    assert shown.markdown[0].value == "the page goes on"
    assert not shown.exception


def test_each_magnifications_measured_error_comes_from_its_own_card() -> None:
    base = handmade.card("tissue")
    measured = {"low": 0.05, "high": 0.2, "unit": "patches", "n": 446, "patients": 133}
    cards = [
        replace(
            base,
            inputs={"mm_per_pixel": each.mm},
            metrics={"tissue AUC": {"value": 0.9}, "total error, balanced": {"value": error, **measured}},
        )
        for each, error in zip(Magnification, (0.1, 0.112, 0.13), strict=True)
    ]
    heatmap = replace(base, architecture={"kind": "heatmap"}, inputs={"mm_per_pixel": 0.4})
    errors = magnification_errors([heatmap, *cards])
    assert [errors[each].short for each in Magnification] == [
        "10.0 % err (5.0–20.0)",
        "11.2 % err (5.0–20.0)",
        "13.0 % err (5.0–20.0)",
    ]
    assert errors[Magnification.THIRD].full == (
        "total error, balanced: 11.2 % (95 % interval 5.0 to 20.0 %), 446 patches of 133 patients"
    )


def test_a_magnification_without_a_measured_error_claims_none() -> None:
    card = replace(handmade.card("tissue"), inputs={"mm_per_pixel": 0.1}, metrics={"AUC": {"value": 0.9}})
    assert magnification_errors([card]) == {}


def test_an_unknown_spacing_is_warned_of_before_the_assessment_and_once() -> None:
    film = replace(handmade.mammogram(), spacing_mm=None, warnings=())
    (before,) = doubts(film, None)
    assert "give the spacing" in before
    assert doubts(film, replace(handmade.assessment(), warnings=(before,))) == (before,)


def test_a_side_and_view_that_nobody_stated_are_called_so() -> None:
    def page() -> None:
        from dataclasses import replace

        from mammoview.ui.panels import facts
        from tests import handmade

        facts(replace(handmade.mammogram(), laterality=None, view=None))

    table = AppTest.from_function(page).run(timeout=30).table[0].value
    said = dict(table.to_numpy())
    assert said["laterality"] == said["view"] == "not stated"


def test_a_lesion_is_named_as_far_as_the_annotation_names_it() -> None:
    line = Outline([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert line.lesion() == "not described"
    described = replace(
        line,
        lesion_type=LesionType.MASS,
        description="SHAPE OVAL",
        pathology=Pathology.BENIGN_WITHOUT_CALLBACK,
    )
    assert described.lesion() == "mass, shape oval, benign without callback"


def test_each_outline_has_its_numbers_with_what_they_say() -> None:
    def page() -> None:
        from mammoview.domain import Agreement, Magnification
        from mammoview.ui.panels import scorecard
        from tests import handmade

        lines = [handmade.square(row, 60, 40, handmade.PLAIN) for row in (100, 300)]
        half = (Agreement(0, True, 0.83, 0.71, 0.55, 0.31, 1.25), Agreement(1, False, 0.02, 0, 0, None, 9.5))
        third = tuple(Agreement(index, None, None, 0.5, 0.4, None, 2.0) for index in (0, 1))
        scorecard(lines, {Magnification.HALF: half, Magnification.THIRD: third})

    app = AppTest.from_function(page).run(timeout=30)
    assert not app.exception
    assert [each.label.replace("\\", "") for each in app.expander] == [
        f"Outline {number} in words: not described" for number in (1, 2)
    ]
    first, second = (each.table[0].value.map(lambda said: said.replace("\\", "")) for each in app.expander)
    assert list(first["measure"]) == [
        "pointing",
        "energy inside",
        "Dice",
        "IoU",
        "tightness",
        "distance mm",
    ]
    assert list(first.iloc[:, 1]) == ["hit", "83%", "0.71", "0.55", "0.31", "1.2"]
    assert list(second.iloc[:, 1]) == ["miss", "2%", "0.00", "0.00", "–", "9.5"]
    assert all(words.endswith(".") for words in first["what it says"])
    assert len(set(first["what it says"])) == 6


def test_what_cannot_be_compared_is_told_with_its_reason() -> None:
    shown = Agreement(0, True, 0.8, 0.7, 0.5, 0.3, 1.0)
    dark = Agreement(0, None, None, 0, 0, None, None)
    beside = Agreement(0, False, 0.0, 0.7, 0.5, None, 1.0)
    assert not list(incomparable({Magnification.HALF: shown}))
    (kept,) = incomparable({Magnification.HALF: shown, Magnification.THIRD: dark})
    assert kept.startswith("No saliency was kept at ×0.33")
    (missed,) = incomparable({Magnification.HALF: beside, Magnification.THIRD: shown})
    assert missed.startswith("At ×0.5 the saliency misses this outline")
    (_, nothing) = incomparable({Magnification.HALF: dark})
    assert nothing.startswith("Nothing was found")
