"""What the browser is told of contours and profiles, and what it may tell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_viewer_payload import unpack

from mammoview.domain import Magnification, Weighting
from mammoview.line_profile import Line
from mammoview.scorecard import agreements, comparisons
from mammoview.ui.profile import curves_along
from mammoview.ui.viewer import Profiled
from mammoview.ui.viewer.payload import layers_payload
from mammoview.ui.viewer.profiling import take_line

sys.path.insert(0, str(Path(__file__).parents[1] / "browser" / "pages"))

import contours_page as contours

FILM, FOUND = contours.mammogram("plain"), contours.assessment("plain")
SHAPE = FILM.pixels.shape


def pairs(**given: Any) -> list[dict[str, Any]]:
    header, _ = unpack(layers_payload(FILM, FOUND, None, "a", **given))
    found: list[dict[str, Any]] = header["pairs"]
    return found


def test_each_boundary_comes_with_its_finding_and_the_scorecards_numbers() -> None:
    first, second = pairs()
    assert (first["outline"], second["outline"]) == (0, 2), "the core between them is no boundary"
    assert (first["finding"], first["found"]) == (0, 3)
    for magnification in Magnification:
        for pair, agreement in zip(
            (first, second), agreements(FOUND, FILM.outlines, magnification), strict=True
        ):
            numbers = pair["at"][magnification.key]
            for name in ("pointing_hit", "energy_inside", "dice", "iou", "tightness"):
                assert numbers[name] == pytest.approx(getattr(agreement, name))
            assert numbers["distance_mm"] == pytest.approx(agreement.centre_distance_mm)
            assert numbers["distance_px"] == pytest.approx(agreement.centre_distance_mm / 0.06)


def test_the_salient_pixels_are_those_that_tightness_counts() -> None:
    for magnification in Magnification:
        (compared, _) = comparisons(FOUND, FILM.outlines, magnification)
        assert compared.salient is not None
        scan_pixels = compared.salient.sum() * compared.frame.pixel_area()
        assert compared.agreement.tightness == pytest.approx(scan_pixels / FILM.outlines[0].area())


def test_without_spacing_no_distance_is_in_millimetres() -> None:
    unmeasured = contours.mammogram("unmeasured")
    header, _ = unpack(layers_payload(unmeasured, contours.assessment("unmeasured"), None, "a"))
    numbers = header["pairs"][0]["at"]["0.5"]
    assert numbers["distance_mm"] is None
    assert numbers["distance_px"] == pytest.approx(np.hypot(10, 10))


def test_what_is_withheld_holds_no_pair() -> None:
    assert pairs(withheld=True) == []


SENT = {
    "film": "f",
    "line": {"from": [1, 2.5], "to": [30, 40]},
    "shown": ["saliency", "heatmap"],
    "magnification": "0.33",
    "stride": 64,
    "weighting": "entropy",
}


def taken(sent: object) -> list[Profiled | None]:
    told: list[Profiled | None] = []
    take_line(sent, "f", SHAPE, told.append)
    return told


def test_a_line_arrives_with_what_was_shown() -> None:
    expected = Profiled(
        Line((1.0, 2.5), (30.0, 40.0)), ("heatmap", "saliency"), Magnification.THIRD, 64, Weighting.ENTROPY
    )
    assert taken(SENT) == [expected]
    assert taken({"film": "f", "line": None}) == [None]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"film": "f"},
        {**SENT, "film": "another"},
        {"film": "another", "line": None},
        {**SENT, "line": {"from": [1, 2], "to": [1e300, 2]}},
        {**SENT, "line": {"from": [float("nan"), 2], "to": [3, 2]}},
        {**SENT, "line": {"from": ["1", 2], "to": [3, 2]}},
        {**SENT, "line": {"from": [1, 2, 3], "to": [3, 2]}},
        {**SENT, "magnification": "0.7"},
        {**SENT, "stride": "many"},
        {**SENT, "stride": float("inf")},
        {**SENT, "weighting": "none"},
        {**SENT, "shown": 5},
    ],
)
def test_what_is_no_line_on_this_film_is_dropped(wrong: object) -> None:
    assert taken(wrong) == []


def test_only_layers_that_are_shown_and_were_run_are_in_a_profile() -> None:
    (profiled,) = taken(SENT)
    assert profiled is not None
    assert [curve.name for curve in curves_along(FILM, FOUND, profiled)] == ["grey value", "heat", "saliency"]
    assert [curve.name for curve in curves_along(FILM, None, profiled)] == ["grey value"]
