"""The breast is found, turned nipple-right and laid in millimetres."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mammoview.domain import Laterality, Magnification, Mammogram
from mammoview.errors import BreastNotFound
from mammoview.prepare import breast_cells, find_breast, magnify, prepare
from mammoview.readers import read


def film(spacing: float = 0.1, mirrored: bool = False, label: bool = True) -> Mammogram:
    """A breast of 120 × 60 mm at the left edge of a film of 200 × 100 mm, its mass 40 mm from there."""
    rows, columns = round(200 / spacing), round(100 / spacing)
    y, x = np.mgrid[:rows, :columns].astype(np.float32) * spacing + spacing / 2
    distance = np.hypot((y - 100) / 60, x / 60)
    pixels = 3000 + 22000 * np.clip(1.15 - distance, 0, 0.6)
    pixels += 9000 * (np.hypot(y - 90, x - 40) < 5)
    pixels += 600 * np.sin(y * 1.3) * np.sin(x * 1.7) * (distance < 1)
    if label:
        pixels[(y > 45) & (y < 55) & (x > 56) & (x < 72)] = 65000
    if mirrored:
        pixels = pixels[:, ::-1]
    return Mammogram(
        np.ascontiguousarray(pixels).astype(np.uint16),
        "film",
        Laterality.RIGHT if mirrored else Laterality.LEFT,
        spacing_mm=(spacing, spacing),
        spacing_source="test",
    )


def scan_point(mammogram: Mammogram, y: float, x: float, mirrored: bool) -> tuple[float, float]:
    spacing = mammogram.spacing_mm[0]
    column = x / spacing - 0.5
    return y / spacing - 0.5, mammogram.pixels.shape[1] - 1 - column if mirrored else column


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("spacing", [0.05, 0.1, 0.2])
def test_the_mass_lies_where_the_frame_says(spacing, mirrored):
    mammogram = film(spacing, mirrored)
    field = prepare(mammogram)
    assert field.frame.mirrored is mirrored
    row, column = np.rint(field.frame.from_scan([scan_point(mammogram, 90, 40, mirrored)])[0]).astype(int)
    inside = field.values[row - 60 : row + 60, column - 60 : column + 60].mean()
    beside = field.values[row - 60 : row + 60, column + 160 : column + 280].mean()
    assert inside > beside + 0.15
    edge = field.values[row, column : column + 160]
    assert abs(int(np.argmax(edge < (inside + edge[-1]) / 2)) - 100) <= 3 + spacing / 0.05  # radius 5 mm


def test_the_field_is_in_whole_cells_and_within_range():
    field = prepare(film())
    assert field.values.shape[0] % 64 == field.values.shape[1] % 64 == 0
    assert field.values.dtype == np.float32
    assert field.values.min() >= 0
    assert field.values.max() <= 1
    assert breast_cells(field).inside.mean() > 0.4


def test_the_label_is_not_part_of_the_field():
    field = prepare(film(label=True))
    corners = field.frame.from_scan([(460, 560), (540, 640)]).astype(int)
    (top, left), (bottom, right) = corners
    assert field.values[top:bottom, left:right].size > 1000  # the field's box does reach the label
    assert field.values[top:bottom, left:right].max() == 0
    assert not field.mask[top:bottom, left:right].any()


def test_the_white_border_of_a_film_is_not_breast():
    mammogram = film()
    pixels = mammogram.pixels.copy()
    pixels[:60], pixels[:, :12] = 65000, 65000  # 6 mm along the top, 1.2 mm along the chest wall
    plain, bordered = prepare(mammogram), prepare(replace(mammogram, pixels=pixels))
    rows, columns = np.nonzero(bordered.mask)
    corner = bordered.frame.to_scan([(rows.min(), columns.min())])[0]
    assert corner[0] > 58
    assert corner[1] > 10
    assert bordered.frame.mirrored is plain.frame.mirrored
    mass = bordered.frame.from_scan([(900, 400)])[0].astype(int)
    assert bordered.values[tuple(mass)] > 0.8


def test_an_implausible_size_is_said_aloud():
    small = prepare(replace(film(), spacing_mm=(0.05, 0.05)))
    assert any("check the spacing" in w for w in small.warnings)
    assert not any("check the spacing" in w for w in prepare(film()).warnings)


def test_the_same_film_at_half_its_size_gives_the_same_field():
    sharp, half = film(0.1), film(0.1)
    small = cv2.resize(half.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    reduced = Mammogram(small, "half", Laterality.LEFT, spacing_mm=(0.2, 0.2))
    images = [magnify(prepare(m), 4, 0.3) for m in (sharp, reduced)]
    centre = [
        frame.from_scan([(90 / s - 0.5, 40 / s - 0.5)])[0]
        for (_, frame), s in zip(images, (0.1, 0.2), strict=True)
    ]
    cuts = [
        image[round(r) - 100 : round(r) + 100, round(c) - 60 : round(c) + 60]
        for (image, _), (r, c) in zip(images, centre, strict=True)
    ]
    assert_allclose(cuts[0], cuts[1], atol=0.06)


def test_a_sharper_scan_is_smoothed_to_the_band_limit():
    field = prepare(film(0.05))
    speck = np.array(field.values)
    speck[600, 300] += 5
    sharp = replace(field, values=speck)
    with_limit = magnify(sharp, 2, 0.3)[0] - magnify(field, 2, 0.3)[0]
    without = magnify(sharp, 2, 0.0)[0] - magnify(field, 2, 0.0)[0]
    assert with_limit.max() < 0.3 * without.max()
    assert_allclose(with_limit.sum(), without.sum(), rtol=0.02)


@pytest.mark.parametrize("magnification", list(Magnification))
def test_a_magnified_field_covers_the_whole_field(magnification):
    field = prepare(film())
    image, frame = magnify(field, magnification.reduction, 0.3)
    assert image.shape == tuple(-(-n // magnification.reduction) for n in field.values.shape)
    assert_allclose(frame.to_scan([(-0.5, -0.5)]), field.frame.to_scan([(-0.5, -0.5)]))


def test_a_mislabelled_film_is_turned_by_its_pixels_with_a_warning():
    mammogram = film(mirrored=True)
    wrong = Mammogram(mammogram.pixels, "film", Laterality.LEFT, spacing_mm=mammogram.spacing_mm)
    field = prepare(wrong)
    assert field.frame.mirrored
    assert any("mirrored or mislabelled" in warning for warning in field.warnings)


def test_an_unknown_spacing_is_said_aloud():
    assert any("50 µm is assumed" in w for w in prepare(Mammogram(film().pixels, "film")).warnings)


def test_a_spacing_that_makes_the_breast_immense_is_refused():
    with pytest.raises(BreastNotFound, match="check the spacing"):
        prepare(replace(film(), spacing_mm=(1.0, 1.0)))


def test_a_blank_film_is_refused():
    with pytest.raises(BreastNotFound, match="blank"):
        prepare(Mammogram(np.full((1000, 800), 7, np.uint16), "blank", spacing_mm=(0.1, 0.1)))


@pytest.mark.films
def test_the_breast_agrees_with_hand_made_tissue_maps(films):
    overlaps = []
    for path in sorted((films / "ddsm/tissue-maps/test/fgt_seg").glob("*.png")):
        truth = cv2.imread(str(path.parents[1] / "fgt_seg_labels" / f"{path.stem}_LI.png"), 0) >= 100
        (mammogram,) = read(path)
        search = find_breast(replace(mammogram, spacing_mm=(0.24, 0.24)))
        shape = search.mask.shape[::-1]
        small = cv2.resize(truth.astype(np.float32), shape, interpolation=cv2.INTER_AREA) > 0.5
        overlaps.append(2 * (search.mask & small).sum() / (search.mask.sum() + small.sum()))
    assert min(overlaps) > 0.85
    assert np.mean(overlaps) > 0.92
