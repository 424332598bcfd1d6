"""How large a film and its pixels may be: checked against what a header declares, before decoding."""

from __future__ import annotations

from mammoview.errors import OversizedScan, UnreadableScan

__all__ = [
    "COARSEST_MM",
    "FINEST_MM",
    "LONGEST_EDGE",
    "MOST_PIXELS",
    "SHORTEST_EDGE",
    "check_size",
    "check_spacing",
    "plausible_size",
    "plausible_spacing",
]

LONGEST_EDGE = 12_000
"""Pixels; the longest film of DDSM has 7,111, and no digital detector has more."""

MOST_PIXELS = 100_000_000
"""200 MB at 16 bits; the largest film of DDSM has about 34 million."""

SHORTEST_EDGE = 8
"""Pixels; no film was digitised with fewer, though small pictures of it may be kept."""

FINEST_MM = 0.01
"""Per pixel; the finest film scanners and detectors have 0.02 to 0.05."""

COARSEST_MM = 1.0
"""Per pixel; DDSM's sheets, the coarsest pictures of films, have 0.63 to 0.75."""


def plausible_spacing(mm: float) -> bool:
    """Whether the pixels of a mammogram can be so many millimetres apart; False for NaN."""
    return FINEST_MM <= mm <= COARSEST_MM


def check_spacing(mm: float, name: str) -> None:
    """Refuse millimetres per pixel that no mammogram has.

    Raises
    ------
    UnreadableScan
        If they are outside `FINEST_MM` to `COARSEST_MM`, or not finite; `name` begins the message.
    """
    if not plausible_spacing(mm):
        raise UnreadableScan(
            f"{name}: {mm:g} mm per pixel is not the spacing of a mammogram; "
            f"give one of {FINEST_MM:g} to {COARSEST_MM:g}"
        )


def plausible_size(rows: int, columns: int) -> bool:
    """Whether a film can have been digitised with so many rows and columns."""
    return (
        min(rows, columns) >= SHORTEST_EDGE
        and max(rows, columns) <= LONGEST_EDGE
        and rows * columns <= MOST_PIXELS
    )


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
