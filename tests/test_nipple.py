"""The nipple by the breast's outline: its tip, whichever way the film lies."""

from __future__ import annotations

import numpy as np
import pytest

from mammoview.geometry import Frame
from mammoview.nipple import estimate_nipple

ROWS, COLUMNS = 150, 110


def breast(down: float, reach: float) -> np.ndarray:
    """A half ellipse at the left edge; its tip is at row `down`."""
    rows, columns = np.indices((ROWS, COLUMNS))
    return np.hypot((rows - down) / 60, columns / reach) < 1


@pytest.mark.parametrize("left", [True, False])
def test_it_is_the_tip_of_a_round_breast_in_scan_pixels(left: bool) -> None:
    mask = breast(70, 80)
    mask = mask if left else mask[:, ::-1]
    frame = Frame(COLUMNS * 16).magnified(1 / 16)
    found = estimate_nipple(mask, frame, left)
    assert found is not None
    tip = 80 * 16 if left else (COLUMNS - 80) * 16
    assert found[0] == pytest.approx(70.5 * 16, abs=12)
    assert found[1] == pytest.approx(tip, abs=16)


def test_a_nipple_that_stands_out_is_found_and_a_speck_is_not_taken_for_one() -> None:
    mask = breast(70, 80)
    mask[88:96, :86] = True
    found = estimate_nipple(mask, Frame(COLUMNS), True)
    assert found is not None
    assert found[0] == pytest.approx(92, abs=3)
    speck = breast(70, 80)
    speck[20, :88] = True  # one row of 0.8 mm
    found = estimate_nipple(speck, Frame(COLUMNS), True)
    assert found is not None
    assert found[0] == pytest.approx(70, abs=2)


def test_an_arm_that_reaches_further_is_not_taken_for_the_breast() -> None:
    mask = breast(90, 60)
    rows, columns = np.indices(mask.shape)
    mask |= columns < 75 - 1.5 * rows
    found = estimate_nipple(mask, Frame(COLUMNS), True)
    assert found is not None
    assert found[0] == pytest.approx(90, abs=2)


def test_without_a_breast_there_is_none() -> None:
    assert estimate_nipple(np.zeros((20, 20), bool), Frame(20), True) is None
