"""Films whose lesions are stated but marked nowhere are no films free of lesions."""

from __future__ import annotations

import numpy as np
import pytest

from mammoview.domain import Film, LesionType, Magnification, Pathology
from mammoview.evaluation.command import _suites
from mammoview.evaluation.figures import film_figures, lattice_figure
from mammoview.evaluation.films import Judged
from mammoview.evaluation.join import examples_of
from mammoview.evaluation.patches import held_out_patches
from mammoview.evaluation.places import placed
from mammoview.evaluation.split import validation_quarter
from mammoview.evaluation.store import Prepared
from mammoview.evaluation.subgroups import FEWEST, subgroup_figures
from mammoview.readers.annotated import AnnotatedFilm
from tests.evaluation.made_films import judged, lesion
from tests.networks import small_suite

MASS = np.array([(300.0, 250.0, 420.0, 380.0)])


def annotated(name: str, lesions: str, normal: bool = False, patient: str = "") -> AnnotatedFilm:
    def read():
        raise AssertionError("nobody needs its pixels")

    facts = {"lesions": lesions} if lesions else {}
    return AnnotatedFilm(Film(name, None, None, read), patient or name, normal, name, facts)


def prepared(name: str, boxes: np.ndarray, brightness: int, patient: str = "") -> Prepared:
    images = {r: np.full((768 // r, 576 // r), brightness, np.uint8) for r in (2, 3, 4, 8)}
    return Prepared(name, patient or name, True, boxes, np.ones((12, 9), bool), images)


@pytest.fixture
def pairs() -> tuple[list[AnnotatedFilm], list[Prepared]]:
    """A marked mass, a mass of which it is said only that it is there, a normal film and a healthy side."""
    films = [
        annotated("marked", "mass"),
        annotated("somewhere", "mass"),
        annotated("normal", "", normal=True),
        annotated("healthy side", ""),
    ]
    nothing = np.empty((0, 4))
    return films, [
        prepared("marked", MASS, 10),
        prepared("somewhere", nothing, 200),
        prepared("normal", nothing, 10),
        prepared("healthy side", nothing, 10),
    ]


@pytest.fixture
def films() -> list[Judged]:
    """Two marked lesions, and two normal films."""
    return [
        judged("a", [0.9], [0.5], cells=((0.6,), (0.1, 0.2)), kinds=[LesionType.MASS]),
        judged("b", [0.4], cells=((0.5,), (0.3,)), kinds=[LesionType.MASS]),
        judged("c", cells=((), (0.2,)), score=0.1, normal=True),
        judged("d", cells=((), (0.55,)), score=0.2, normal=True),
    ]


@pytest.fixture
def somewhere() -> Judged:
    """A film with a mass somewhere, whose tissue is suspicious and whose heat is far from an empty target."""
    return judged("e", false=[0.99], cells=((), (0.95, 0.9)), kinds=[LesionType.MASS], score=0.9)


def test_only_films_whose_lesions_are_marked_nowhere_are_left_out(pairs):
    assert [film.film.source for film, _ in placed(*pairs)] == ["marked", "normal", "healthy side"]
    assert all(film.film.source == one.name for film, one in placed(*pairs))


def test_no_negative_patch_is_cut_where_an_unmarked_lesion_may_lie(pairs):
    """That film alone is bright."""
    kept = [one for _, one in placed(*pairs)]
    negatives = [held_out_patches(kept, Magnification.HALF, 96, 20, seed).images[1:] for seed in range(30)]
    assert max(float(part.max()) for part in negatives) < 0.1
    assert any(
        held_out_patches(pairs[1], Magnification.HALF, 96, 20, seed).images.max() > 0.5 for seed in range(30)
    )


def test_an_unmarked_lesion_s_cells_are_no_negatives_of_the_lattice(films, somewhere):
    for magnification in Magnification:
        assert lattice_figure([*films, somewhere], magnification) == lattice_figure(films, magnification)


def test_heat_on_an_unmarked_lesion_is_no_error(films, somewhere):
    with_it, without = film_figures([*films, somewhere]), film_figures(films)
    for label in (x for x in without if "MSE" in x or "sensitivity" in x):
        assert with_it[label] == without[label]
    assert with_it["heatmap MSE, baseline"].n == 4


def test_an_unmarked_lesion_still_makes_its_film_one_with_lesions(films, somewhere):
    area = film_figures([*films, somewhere])["film AUC, films with lesions against normal films"]
    assert (area.n, area.value) == (5, 1.0)


def test_subgroups_of_lesions_are_not_told_apart_from_unmarked_ones(somewhere):
    drawn = [lesion(pathology=Pathology.MALIGNANT)]
    films = [judged(f"a{i}", [0.9], lesions=drawn, cells=((0.6,), (0.1,))) for i in range(FEWEST)]
    assert subgroup_figures([*films, somewhere]) == subgroup_figures(films)


def test_a_film_without_a_place_is_judged_by_a_join_that_no_film_of_its_patients_helped_to_fit(tmp_path):
    names = [f"P_{i:05d}" for i in range(60)]
    first, other, third = (next(n for n in names if validation_quarter(n) == q) for q in (0, 1, 2))
    suite = small_suite(tmp_path)
    examples = examples_of(suite, [prepared(n, MASS, 60, n) for n in (first, other)])
    wanted = [annotated(f"film of {n}", "mass", patient=n) for n in (first, other, first, third)]
    suites = _suites(suite, examples, wanted)
    assert suites[0] is suites[2]
    assert suites[0] is not suites[1]
    assert suites[3] is suite  # none of the examples is of that quarter
