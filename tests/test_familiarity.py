"""A scan unlike the training films is noticed, and told in words that say what to look at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mammoview import WEIGHTS
from mammoview.domain import Field, Laterality, Mammogram, View
from mammoview.errors import BreastNotFound, UnusableDataset, WeightsMissing
from mammoview.evaluation.alterations import inverted, misstated
from mammoview.evaluation.store import Prepared
from mammoview.familiarity import (
    GROUPS,
    Familiar,
    Limits,
    causes,
    learn_limits,
    measure,
    read_familiar,
    strange,
    unfamiliar,
    write_familiar,
)
from mammoview.prepare import prepare
from mammoview.readers import read
from mammoview.readers.annotated import DIGITISED, AnnotatedFilm
from mammoview.readers.dicom import DIGITAL
from mammoview.readers.lesions_csv import open_dataset
from mammoview.training.familiarity import learn_familiarity

NAMES = [name for names in GROUPS.values() for name in names]
ANYTHING = Limits(-1e9, 0.0, 1e9)


def familiar(**limits: Limits) -> Familiar:
    """Limits that hold every film but for those that are named."""
    return Familiar((DIGITISED,), 10, 5, "made", 0.02, 0.3, dict.fromkeys(NAMES, ANYTHING) | limits)


def film(spacing: float = 0.2, radius_mm: float = 80, seed: int = 0) -> Mammogram:
    """Half a disc of tissue with detail at every scale, on the left edge; 200 × 120 mm."""
    shape = (round(200 / spacing), round(120 / spacing))
    noise = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    texture = sum(cv2.GaussianBlur(noise, (0, 0), s / spacing) * s for s in (0.4, 0.8, 1.6, 3.2))
    rows, columns = np.indices(shape)
    distance = radius_mm - np.hypot((rows - shape[0] / 2) * spacing, columns * spacing)
    tissue = 18_000 + 12_000 * np.clip(distance / 40, 0, 1) + 6_000 * texture
    pixels = np.where(distance > 0, np.clip(tissue, 10_000, 60_000), 1_000).astype(np.uint16)
    return Mammogram(pixels, "made", Laterality.LEFT, View.CC, (spacing, spacing), "made")


def square(side: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """A flat grey square of `side` cells inside a field that has two more on each side."""
    inside = np.zeros((side + 4, side + 4), bool)
    inside[2:-2, 2:-2] = True
    return np.full((8 * (side + 4),) * 2, 51, np.uint8), inside


def test_a_square_of_ten_cells_measures_32_millimetres() -> None:
    figures = measure(*square())
    assert list(figures) == NAMES
    assert_allclose([figures[n] for n in GROUPS["size"]], [10.24, 32, 32])
    assert figures["filling"] == 1
    assert_allclose([figures[f"grey_{q}"] for q in (10, 25, 50, 75, 90)], 0.2)


def test_skin_is_darker_than_what_lies_below_it_and_brighter_when_the_film_is_inverted() -> None:
    image, inside = square()
    image[24:-24, 24:-24] = 204
    assert measure(image, inside)["skin"] == pytest.approx(-0.6, abs=1e-6)
    assert measure(255 - image, inside)["skin"] == pytest.approx(0.6, abs=1e-6)


def test_a_film_without_breast_cannot_be_measured() -> None:
    with pytest.raises(BreastNotFound):
        measure(np.zeros((32, 32), np.uint8), np.zeros((4, 4), bool))


def test_smoothing_lowers_the_share_of_fine_detail_and_sharpening_raises_it() -> None:
    image, inside = square(20)
    noise = np.random.default_rng(1).standard_normal(image.shape)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.7) + 2 * cv2.GaussianBlur(noise, (0, 0), 3)
    image = np.clip(128 + 40 * noise, 0, 255).astype(np.uint8)
    blurred = cv2.GaussianBlur(image, (0, 0), 1.0)
    sharpened = np.clip(2.0 * image - blurred, 0, 255).astype(np.uint8)
    slopes = [measure(each, inside)["slope_fine"] for each in (blurred, image, sharpened)]
    assert slopes == sorted(slopes)
    assert slopes[2] - slopes[0] > 1


def test_limits_leave_out_the_share_that_was_asked_for_and_no_more() -> None:
    drawn = np.random.default_rng(2).standard_normal((2000, len(NAMES)))
    films = [dict(zip(NAMES, row, strict=True)) for row in drawn]
    limits = learn_limits(films, 0.02)
    known = replace(familiar(), limits=limits)
    assert 0.01 < np.mean([bool(strange(each, known)) for each in films]) <= 0.02
    others = np.random.default_rng(3).standard_normal((2000, len(NAMES)))
    alarms = np.mean([bool(strange(dict(zip(NAMES, row, strict=True)), known)) for row in others])
    assert alarms == pytest.approx(0.02, abs=0.01)


def told(mammogram: Mammogram, known: Familiar | None) -> tuple[str, ...]:
    return unfamiliar(mammogram, prepare(mammogram), known)


def test_a_familiar_film_is_not_warned_of() -> None:
    assert told(film(), familiar()) == ()


def test_without_a_record_of_the_training_films_it_is_said_that_nothing_is_noticed() -> None:
    (warning,) = told(film(), None)
    assert "goes unnoticed" in warning


def test_a_breast_too_small_for_its_spacing_is_told_in_millimetres() -> None:
    known = familiar(width_mm=Limits(70, 80, 100), height_mm=Limits(140, 160, 200))
    assert told(film(), known) == ()
    (warning,) = told(film(radius_mm=55), known)
    assert "smaller than on nearly all training films" in warning
    assert "0.2 mm per pixel right" in warning
    (warning,) = told(film(radius_mm=75), familiar(area_cm2=Limits(10, 20, 50)))
    assert "larger than on nearly all training films" in warning


def test_a_spacing_that_is_already_doubted_is_not_doubted_twice() -> None:
    scan = replace(film(), spacing_mm=(0.05, 0.05))
    field = prepare(scan)
    assert any("check the spacing" in warning for warning in field.warnings)
    assert unfamiliar(scan, field, familiar(width_mm=Limits(70, 80, 100))) == ()


def test_a_breast_inverted_in_black_air_is_noticed_by_its_bright_skin() -> None:
    known = familiar(skin=Limits(-0.8, -0.4, -0.1))
    scan = film()
    inside = scan.pixels > 5_000
    negative = replace(scan, pixels=np.where(inside, 62_000 - scan.pixels, scan.pixels).astype(np.uint16))
    assert told(scan, known) == ()
    (warning,) = told(negative, known)
    assert "inverted" in warning
    assert DIGITISED in warning


def test_a_digital_mammogram_is_told_by_its_kind_and_its_greys_are_not_judged_too() -> None:
    never = Limits(2, 3, 4)
    scan = replace(film(), facts={"Kind": DIGITAL})
    (warning,) = told(scan, familiar(skin=never, slope_fine=Limits(90, 91, 92)))
    assert warning.startswith(f"the networks were trained on {DIGITISED}; this is a {DIGITAL}")
    on_film = told(replace(scan, facts={"Kind": DIGITISED}), familiar(skin=never))
    assert len(on_film) == 1
    assert "grey values" in on_film[0]


def test_too_fine_and_too_coarse_are_told_apart() -> None:
    (fine,) = told(film(), familiar(slope_fine=Limits(-99, -98, -97)))
    (coarse,) = told(film(), familiar(slope_fine=Limits(97, 98, 99)))
    assert "fine structure is stronger" in fine
    assert "fine structure is weaker" in coarse


def test_each_cause_is_named_beside_its_sentence() -> None:
    never = Limits(90, 91, 92)
    known = familiar(width_mm=never, filling=never, skin=never, slope_fine=never)
    scan = film()
    named = causes(scan, prepare(scan), known)
    assert list(named) == ["size", "outline", "grey", "detail"]
    assert tuple(named.values()) == told(scan, known)
    assert list(causes(replace(scan, facts={"Kind": DIGITAL}), prepare(scan), familiar())) == ["kind"]
    assert list(causes(scan, prepare(scan), None)) == ["record"]


def test_a_field_that_hardly_holds_breast_is_told_so() -> None:
    scan = film()
    field = prepare(scan)
    bare = Field(field.values, np.zeros_like(field.mask), field.frame, field.sampling_mm)
    assert "hardly any breast" in unfamiliar(scan, bare, familiar())[0]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_familiar(tmp_path) is None
    write_familiar(familiar(skin=Limits(-0.8, -0.4, -0.1)), tmp_path)
    assert read_familiar(tmp_path) == familiar(skin=Limits(-0.8, -0.4, -0.1))
    assert [path.name for path in tmp_path.iterdir()] == ["familiar.json"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content["limits"].pop("skin"),
        lambda content: content["limits"]["skin"].update(low=3.0),
        lambda content: content["limits"]["skin"].update(high=float("nan")),
        lambda content: content["limits"].update(skin=[0, 1, 2]),
        lambda content: content.pop("kinds"),
        lambda content: content.update(limits="none"),
    ],
)
def test_a_spoilt_record_is_refused_in_one_sentence(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    write_familiar(familiar(), tmp_path)
    path = tmp_path / "familiar.json"
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(WeightsMissing, match=r"familiar\.json is not a complete record"):
        read_familiar(tmp_path)


def stored(name: str, patient: str, validation: bool, grey: int = 51) -> Prepared:
    image, inside = square()
    image = np.where(np.random.default_rng(grey).random(image.shape) < 0.5, image, grey).astype(np.uint8)
    return Prepared(name, patient, validation, np.zeros((0, 4)), inside, {8: image})


def annotated(name: str, kind: str) -> AnnotatedFilm:
    from mammoview.domain import Film

    def unread() -> Mammogram:
        raise AssertionError("the films were prepared already")

    return AnnotatedFilm(Film(name, None, None, unread), name, False, "", {"kind": kind} if kind else {})


def test_only_training_films_are_learnt_from(tmp_path: Path) -> None:
    prepared = [stored("a", "1", False), stored("b", "1", False, 60), stored("c", "2", True, 250)]
    films = [annotated("a", DIGITISED), annotated("b", ""), annotated("c", DIGITAL)]
    learnt = learn_familiarity(films, prepared, dataset="made", band_limit_mm=0.3, out=tmp_path)
    assert (learnt.kinds, learnt.films, learnt.patients) == ((DIGITISED,), 2, 1)
    assert learnt.limits["grey_90"].high < 0.3
    assert read_familiar(tmp_path) == learnt


def test_a_dataset_of_validation_films_alone_teaches_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnusableDataset):
        learn_familiarity([], [stored("c", "2", True)], dataset="made", band_limit_mm=0.3, out=tmp_path)
    assert not list(tmp_path.iterdir())


def shipped() -> Familiar:
    known = read_familiar(WEIGHTS)
    assert known is not None
    return known


@pytest.mark.films
def test_the_shipped_record_tells_inverted_and_wrongly_spaced_films(films: Path) -> None:
    """Two validation films of two patients, neither of which is strange as it is."""
    names = {"00015_LEFT_MLO", "00023_RIGHT_CC"}
    chosen = [f.film.read() for f in open_dataset(films / "cbis-ddsm-mass") if f.film.source in names]
    assert len(chosen) == len(names)
    known = shipped()
    for scan in chosen:
        assert told(scan, known) == ()
        assert any("grey values" in warning for warning in told(inverted(scan), known))
        doubled = misstated(scan, 2)
        said = (*prepare(doubled).warnings, *told(doubled, known))
        assert any("spacing" in warning for warning in said)


@pytest.mark.films
def test_the_digital_test_pattern_is_told_from_film(films: Path) -> None:
    (pattern,) = read(films / "dicom" / "MG_pixel_spacing_test_pattern.dcm")
    assert any(f"this is a {DIGITAL}" in warning for warning in told(pattern, shipped()))
