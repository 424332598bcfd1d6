"""Where the nipple would be by the breast's outline alone: an estimate that a reader corrects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from mammoview.geometry import Frame

__all__ = ["estimate_nipple"]

SMOOTH = 2.0  # cells; a bump of the outline is no nipple
AT_THE_EDGE = 19  # cells, 15 mm from the film's upper or lower edge: an arm or a belly that leaves the film
SAME = 0.5  # cells; the tip of a round breast is the middle of what reaches as far


def estimate_nipple(
    breast: NDArray[np.bool_], frame: Frame, chest_wall_left: bool
) -> tuple[float, float] | None:
    """The point of the breast's edge furthest from the film edge at the chest wall, straight across.

    What reaches furthest where the breast leaves the film above or below is an arm or a belly, and not taken.

    Parameters
    ----------
    breast : ndarray of shape (I, J), bool
        The breast on a coarse copy of the scan, as `find_breast` gives it.
    frame : Frame
        Where that copy lies on the scan.
    chest_wall_left : bool
        At which edge of the film the chest wall is, as it is seen and not as it is labelled.

    Returns
    -------
    (row, column) in scan pixels, or None where there is no breast.
    """
    if not breast.any():
        return None
    turned = breast if chest_wall_left else breast[:, ::-1]
    reach = np.where(turned.any(axis=1), turned.shape[1] - turned[:, ::-1].argmax(axis=1), 0).astype(float)
    smooth = ndimage.gaussian_filter1d(reach, SMOOTH)
    tips, _ = signal.find_peaks(smooth, prominence=1)
    tips = tips[(tips >= AT_THE_EDGE) & (tips < len(smooth) - AT_THE_EDGE)]
    furthest = int(tips[smooth[tips].argmax()]) if tips.size else int(smooth.argmax())
    level, _ = ndimage.label(smooth >= smooth[furthest] - SAME)
    rows = np.flatnonzero(level == level[furthest])
    row = (rows[0] + rows[-1]) / 2
    edge = reach[round(row)] - 0.5
    column = edge if chest_wall_left else breast.shape[1] - 1 - edge
    ((scan_row, scan_column),) = frame.to_scan([[row, column]])
    return float(scan_row), float(scan_column)
