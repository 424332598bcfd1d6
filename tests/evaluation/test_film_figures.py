"""Figures over films laid out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mammoview.domain import LesionType, Magnification, Pathology
from mammoview.evaluation.figures import (
    film_figures,
    film_score_figures,
    froc_curves,
    lattice_figure,
    warning_counts,
)
from mammoview.evaluation.films import GRAD_CAM, SALIENCY
from mammoview.evaluation.lesions import baseline_figures, finding_figures, lesion_rows, saliency_figures
from mammoview.evaluation.subgroups import subgroup_figures
from tests.evaluation.made_films import agreement, judged, lesion

INF = float("inf")


@pytest.fixture
def films():
    """Two lesion films with three lesions, and two normal films."""
    return [
        judged("a", [0.9, 0.4], [0.5], score=0.8, kinds=[LesionType.MASS]),
        judged("b", [-INF], [0.95], score=0.3, kinds=[LesionType.CALCIFICATION]),
        judged("c", false=[0.3], score=0.1, normal=True),
        judged("d", score=0.5, normal=True),
    ]


def test_sensitivities_name_lesions_and_what_false_findings_are_counted_on(films):
    figures = film_figures(films)
    at = {rate: figures[f"sensitivity at {rate} false findings per film"] for rate in ("0.5", "0.9", "3")}
    # Lesion films: at most one false finding in two films, that of 0.95, leaves scores above 0.5.
    assert [figure.value for figure in at.values()] == [1 / 3, 1 / 3, 2 / 3]
    assert (at["0.5"].unit, at["0.5"].n, at["0.5"].patients) == ("lesions", 3, 2)
    # Normal films: one false finding of 0.3 in two films.
    on_normal = figures["sensitivity at 0.5 false findings per film, counted on normal films"]
    assert on_normal.value == 2 / 3
    strict = figures["sensitivity at 0.5 false findings per film, IoU at least 0.5"]
    assert strict.value == 1 / 3  # its hits have 0.6 and 0.1


def test_curves_go_through_the_sensitivities_within_their_band(films):
    curves = froc_curves(films)
    assert set(curves) == {
        "lesion films",
        "lesion films, IoU at least 0.5",
        "normal films",
        "normal films, IoU at least 0.5",
    }
    curve = {name: np.array(values, float) for name, values in curves["lesion films"].items()}
    assert (np.diff(curve["sensitivity"]) >= 0).all()
    for rate in (0.5, 0.9, 3.0):
        assert rate in curve["false_per_film"]
    assert curve["sensitivity"][curve["false_per_film"] == 0.5] == pytest.approx(1 / 3, abs=1e-6)
    assert (curve["low"] <= curve["sensitivity"]).all()
    assert (curve["sensitivity"] <= curve["high"]).all()


def test_a_film_that_is_neither_normal_nor_marked_is_no_part_of_free_response(films):
    unmarked = judged("e", false=[0.99, 0.98], kinds=[LesionType.MASS])
    label = "sensitivity at 0.5 false findings per film"
    for where in ("", ", counted on normal films"):
        assert (
            film_figures([*films, unmarked])[label + where].value == film_figures(films)[label + where].value
        )


def test_film_areas_by_kind_against_the_normal_films(films):
    figures = film_figures(films)
    assert figures["film AUC, masses and distortions against normal films"].value == 1.0
    assert figures["film AUC, calcifications against normal films"].value == 0.5
    assert figures["film AUC, films with lesions against normal films"].value == 0.75
    scores = film_score_figures(films)
    assert scores["best finding"]["film AUC, films with lesions against normal films"].value == 0.25
    assert film_score_figures(films[:2]) == {}
    assert not any("film AUC" in label for label in film_figures(films[:2]))


def test_without_lesions_there_is_no_free_response_and_without_normal_films_nothing_is_counted_on_them(films):
    assert froc_curves(films[2:]) == {}
    assert set(froc_curves(films[:2])) == {"lesion films", "lesion films, IoU at least 0.5"}
    assert not any("sensitivity" in label for label in film_figures(films[2:]))


def test_a_map_that_shows_nothing_misses_and_has_no_tightness():
    shown = {SALIENCY: [agreement(True, 0.8, 0.5), agreement(None, None, None)]}
    films = [
        judged("a", [0.9, 0.4], maps=shown),
        judged("b", [0.9], maps={SALIENCY: [agreement(False, 0.4, 2.0)]}),
    ]
    figures = saliency_figures(films)
    assert figures["pointing game of the saliency, ×0.5"].value == 1 / 3
    assert figures["saliency energy inside, ×0.5"].value == pytest.approx(0.4)
    assert figures["median tightness of the saliency, ×0.5"].value == 1.25
    assert figures["median tightness of the saliency, ×0.5"].n == 2
    assert finding_figures(films)["median distance of centres in mm"].value == 2.0


def test_what_the_saliency_has_over_a_baseline_is_paired_by_lesion():
    films = [
        judged("a", [0.9], maps={SALIENCY: [agreement(True, 0.8, 1)], GRAD_CAM: [agreement(False, 0.5, 1)]}),
        judged("b", [0.9], maps={SALIENCY: [agreement(True, 0.2, 1)], GRAD_CAM: [agreement(True, 0.1, 1)]}),
    ]
    found = baseline_figures(films)
    assert found["saliency"]["pointing game, ×0.5"].value == 1.0
    assert found["Grad-CAM"]["pointing game, ×0.5"].value == 0.5
    gain = found["saliency minus Grad-CAM"]
    assert gain["pointing game, ×0.33"].value == 0.5
    assert gain["energy inside, ×0.25"].value == pytest.approx(0.2)
    assert baseline_figures([judged("c", normal=True)]) == {}


def test_every_lesion_is_listed_at_every_magnification(films):
    rows = lesion_rows(films)
    assert len(rows) == 3 * 3
    assert [row["best_finding_score"] for row in rows if row["magnification"] == "0.5"] == [0.9, 0.4, None]
    json.dumps(rows, allow_nan=False)


def test_lattice_cells_are_named_and_counted(films):
    figure = lattice_figure(films, Magnification.HALF)
    assert (figure.value, figure.unit, figure.n) == (1.0, "lattice cells", 3 + 4)


def test_warnings_are_counted_by_film_without_names_of_files(films):
    named = replace(films[0], warnings=("a-CC.png: cut off", "assumed"))
    other = replace(films[1], warnings=("b-CC.png: cut off",))
    assert warning_counts([named, other]) == {"cut off": 2, "assumed": 1}


def test_subgroups_share_the_threshold_of_all_films():
    """In CC all hits beat all false findings, in MLO none does."""
    strong = [judged(f"a{i}", [0.9], [0.2], view="CC", lesions=[lesion(subtlety=5)]) for i in range(6)]
    weak = [judged(f"b{i}", [0.4], [0.6], view="MLO", lesions=[lesion(subtlety=1)]) for i in range(6)]
    groups = subgroup_figures([*strong, *weak])
    label = "sensitivity at the threshold of 0.9 false findings per film"
    # 12 films allow 10 false findings: six of 0.6 and four of 0.2, so scores above 0.2 count.
    assert groups["view"]["MLO"][label].value == 1.0
    noisy = [
        replace(f, marks={"centre": replace(f.marks["centre"], false_scores=np.full(4, 0.6))}) for f in weak
    ]
    groups = subgroup_figures([*strong, *noisy])
    # Now 24 of 0.6 use up the ten: only scores above 0.6 count.
    assert groups["view"]["CC"][label].value == 1.0
    assert groups["view"]["MLO"][label].value == 0.0
    assert groups["view"]["MLO"]["false findings per film at that threshold"].value == 0.0
    assert groups["subtlety"]["5"][label].value == 1.0
    assert groups["subtlety"]["1"][label].n == 6


def test_a_subgroup_of_lesions_takes_only_its_own_from_a_film():
    both = [lesion(pathology=Pathology.MALIGNANT), lesion(pathology=Pathology.BENIGN)]
    shown = {SALIENCY: [agreement(True, 0.5, 1), agreement(False, 0.5, 1)]}
    films = [
        judged(f"a{i}", [0.9, 0.1], [0.5], lesions=both, maps=shown, cells=((0.9, 0.2), (0.5,)))
        for i in range(6)
    ]
    groups = subgroup_figures(films)["pathology"]
    for name, value in (("malignant", 1.0), ("benign", 0.0)):
        figures = groups[name]
        assert figures["pointing game of the saliency, ×0.5"].value == value
        assert figures["tissue AUC, all lattice negatives, ×0.5"].value == value
        assert figures["sensitivity at the threshold of 0.9 false findings per film"].n == 6


def test_subgroups_of_few_lesions_and_of_what_is_not_said_are_passed_over():
    films = [judged(f"a{i}", [0.9], lesions=[lesion(subtlety=None)], view="") for i in range(6)]
    few = [judged(f"b{i}", [0.9], lesions=[lesion(subtlety=2)], view="MLO") for i in range(4)]
    groups = subgroup_figures([*films, *few])
    assert "subtlety" not in groups
    assert "view" not in groups
    assert list(groups["lesion type"]) == ["mass"]
