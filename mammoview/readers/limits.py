"""How large a film may be: checked against what a header declares, before anything is decoded."""

from __future__ import annotations

from mammoview.errors import OversizedScan, UnreadableScan

__all__ = ["LONGEST_EDGE", "MOST_PIXELS", "check_size"]

LONGEST_EDGE = 12_000
"""Pixels; the longest film of DDSM has 7,111, and no digital detector has more."""

MOST_PIXELS = 100_000_000
"""200 MB at 16 bits; the largest film of DDSM has about 34 million."""


def check_size(rows: int, columns: int, name: str) -> None:
    """Refuse a declared size that no mammogram has.

    Parameters
    ----------
    rows, columns : int
        As the header of the file states them, in pixels.
    name : str
        The file's name, for the message.

    Raises
    ------
    UnreadableScan
        If a side is shorter than one pixel.
    OversizedScan
        If a side is longer than `LONGEST_EDGE` or the film has more than `MOST_PIXELS` pixels.
    """
    if rows < 1 or columns < 1:
        raise UnreadableScan(
            f"{name}: its header declares {rows} × {columns} pixels, so there is no film in it"
        )
    if max(rows, columns) > LONGEST_EDGE or rows * columns > MOST_PIXELS:
        raise OversizedScan(
            f"{name}: its header declares {rows} × {columns} pixels, more than any mammogram has "
            f"({LONGEST_EDGE} along a side, {MOST_PIXELS // 1_000_000} million in all); "
            "check that it is a film"
        )
