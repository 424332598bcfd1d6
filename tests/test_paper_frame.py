"""The paper's frame is 102.4 mm square and ends at the breast's most protruding point, on either side."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from mammoview.geometry import Frame
from mammoview.nipple import estimate_nipple
from mammoview.paper_frame import SIDE, PaperFrame, paper_frame

COARSE = 0.5  # mm of the hand-made masks


def breast(mirrored: bool = False, level: int = 200) -> NDArray[np.bool_]:
    """A half disc of 60 mm on a film of 200 × 120 mm, its tip at `level` (rows of the mask)."""
    rows, columns = np.indices((400, 240))
    inside = np.hypot(rows - level, columns) < 120
    return inside[:, ::-1] if mirrored else inside


def laid(mask: NDArray[np.bool_], mirrored: bool, spacing: tuple[float, float] = (0.1, 0.1)) -> PaperFrame:
    rows, columns = (round(n * COARSE / mm) for n, mm in zip(mask.shape, spacing, strict=True))
    frame = Frame(columns).magnified(mask.shape[0] / rows, mask.shape[1] / columns)
    return paper_frame(mask, frame, mirrored, rows, spacing)


def corners(found: PaperFrame) -> NDArray[np.float64]:
    """First and last edge on the scan, (row, column) from the scan's first edge."""
    ends = found.frame.to_scan([(-0.5, -0.5), (SIDE - 0.5, SIDE - 0.5)]) + 0.5
    return np.sort(ends, axis=0)


@pytest.mark.parametrize("spacing", [(0.1, 0.1), (0.05, 0.05), (0.05, 0.1)])
def test_an_upright_film_has_its_frame_left_of_the_tip(spacing: tuple[float, float]) -> None:
    found = laid(breast(), False, spacing)
    first, last = corners(found) * spacing  # mm
    assert_allclose(last - first, 102.4)
    assert last[1] == pytest.approx(60, abs=COARSE), "the tip of a disc of 60 mm"
    assert (first[0] + last[0]) / 2 == pytest.approx(100, abs=COARSE), "its middle is on the tip's level"
    assert found.beyond_film, (
        "102 mm to the left of a tip at 60 mm is beyond the chest wall's edge of the film"
    )


@pytest.mark.parametrize("level", [150, 200, 260])
def test_a_mirrored_film_has_the_same_frame_mirrored(level: int) -> None:
    upright, mirrored = corners(laid(breast(level=level), False)), corners(laid(breast(True, level), True))
    width = 1200
    assert_allclose(mirrored[:, 0], upright[:, 0])
    assert_allclose(mirrored[:, 1], width - upright[::-1, 1])


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_arm_that_reaches_further_than_the_nipple_does_not_take_the_frame(mirrored: bool) -> None:
    mask = breast(mirrored)
    mask[:10, slice(-160, None) if mirrored else slice(160)] = True  # 80 mm, at the film's upper edge
    frame = Frame(240)
    nipple = estimate_nipple(mask, frame, not mirrored)
    assert nipple is not None
    assert nipple[0] == pytest.approx(200, abs=1)
    spacing = (COARSE, COARSE)
    assert paper_frame(mask, frame, mirrored, 400, spacing, nipple).tip == nipple
    assert paper_frame(mask, frame, mirrored, 400, spacing).tip[0] < 10


def test_the_frames_own_right_edge_is_at_the_tip_on_either_side() -> None:
    for mirrored in (False, True):
        found = laid(breast(mirrored), mirrored)
        (edge,) = found.frame.to_scan([(SIDE / 2 - 0.5, SIDE - 0.5)])
        assert_allclose(edge, found.tip)
        (inward,) = found.frame.to_scan([(SIDE / 2 - 0.5, SIDE - 100.5)])
        towards_the_chest_wall = inward[1] > edge[1] if mirrored else inward[1] < edge[1]
        assert towards_the_chest_wall


def test_of_several_rows_that_reach_as_far_the_middle_one_counts() -> None:
    mask = np.zeros((400, 240), bool)
    mask[100:301, :100] = True
    mask[140:161, 100:110] = True
    found = laid(mask, False)
    row, column = found.tip
    assert (row + 0.5) * 0.1 == pytest.approx(150.5 * COARSE)
    assert (column + 0.5) * 0.1 == pytest.approx(110 * COARSE)


def test_a_frame_within_the_film_does_not_reach_beyond_it() -> None:
    rows, columns = np.indices((500, 400))
    wide = np.hypot((rows - 250) / 1.2, columns) < 300
    assert not laid(wide[:, :310], False).beyond_film
