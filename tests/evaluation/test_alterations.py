"""Alterations do to a scan what their names say, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.domain import Laterality, Mammogram, Outline, View
from mammoview.evaluation.alterations import (
    ALTERATIONS,
    equalised,
    inverted,
    misstated,
    squashed,
    to_the_power,
    turned,
)


@pytest.fixture(scope="module")
def scan() -> Mammogram:
    """Half a disc with texture at the left edge of 200 × 120 mm, twice as dense down as across."""
    rows, columns = np.mgrid[:1000, :300]
    distance = 80 - np.hypot((rows - 500) * 0.2, columns * 0.4)
    noise = np.random.default_rng(0).standard_normal(distance.shape)
    tissue = 120 + 60 * np.clip(distance / 40, 0, 1) + 30 * cv2.GaussianBlur(noise, (0, 0), 3)
    pixels = np.where(distance > 0, np.clip(tissue, 60, 250), 10).astype(np.uint16)
    outline = Outline(np.array([(10.0, 10), (10, 20), (20, 20)]))
    return Mammogram(
        pixels, "made", Laterality.LEFT, View.CC, (0.2, 0.4), "made", (0.3, 0.5), outlines=(outline,)
    )


@pytest.mark.parametrize("name", ALTERATIONS)
def test_the_film_stays_as_it_was_and_its_outlines_do_not_go_along(scan, name):
    before = scan.pixels.copy()
    altered = ALTERATIONS[name](scan)
    assert_array_equal(scan.pixels, before)
    assert altered.pixels.dtype == np.uint16
    assert (altered.source, altered.laterality, altered.view) == ("made", Laterality.LEFT, View.CC)
    assert altered.outlines == ()


def test_a_misstated_spacing_takes_the_samples_along_and_leaves_the_pixels(scan):
    doubled = misstated(scan, 2)
    assert doubled.spacing_mm == (0.4, 0.8)
    assert doubled.sampling_mm == (0.6, 1.0)
    assert doubled.pixels is scan.pixels


def test_a_turned_scan_keeps_its_millimetres(scan):
    lying = turned(scan)
    assert lying.spacing_mm == (0.4, 0.2)
    assert lying.sampling_mm == (0.5, 0.3)
    assert lying.pixels[-1, 0] == scan.pixels[0, 0]
    assert lying.pixels[0, 0] == scan.pixels[0, -1]
    assert_array_equal(turned(turned(turned(lying))).pixels, scan.pixels)


def test_the_darkest_becomes_the_brightest(scan):
    negative = inverted(scan).pixels
    assert negative[scan.pixels == scan.pixels.max()].max() == 0
    assert negative.argmax() == scan.pixels.argmin()


def test_a_power_keeps_the_ends_and_the_order(scan):
    top = int(scan.pixels.max())
    for power in (0.5, 2.0):
        assert_allclose(to_the_power(scan, power).pixels, top * (scan.pixels / top) ** power, atol=0.5 + 1e-9)


def test_equalised_contrast_forgets_brightness_and_knows_no_air(scan):
    plain = equalised(scan, 30).pixels
    brighter = Mammogram(40 * scan.pixels + 9, "made", Laterality.LEFT, View.CC, (0.2, 0.4))
    difference = np.abs(equalised(brighter, 30).pixels.astype(int) - plain)
    assert (difference > 70).mean() < 1e-4  # of 65535; the breast's edge may move by a pixel
    assert plain[:50].max() == 0
    inside = plain[400:600, 20:150] / 65_535
    assert inside.mean() == pytest.approx(0.5, abs=0.02)
    assert inside.std() == pytest.approx(1 / 6, abs=0.02)


def test_a_squashed_film_is_a_square_of_the_given_spacing(scan):
    square = squashed(scan, 80, 0.25)
    assert square.pixels.shape == (80, 80)
    assert (square.spacing_mm, square.sampling_mm) == ((0.25, 0.25), None)
    assert square.pixels.mean() == pytest.approx(scan.pixels.mean(), rel=0.01)
