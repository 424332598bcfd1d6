"""From a digitiser's grey levels to optical density, as DDSM's makers calibrated their scanners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PIXELS_PER_DENSITY", "THICKEST", "Digitiser", "digitiser_of", "to_pixels"]

THICKEST = 4.0
"""Optical density that no film exceeds; it becomes pixel 0."""

PIXELS_PER_DENSITY = 16_000
"""So that densities 4 to 0 fill pixels 0 to 64,000."""


@dataclass(frozen=True, slots=True)
class Digitiser:
    """One scanner of DDSM.

    Attributes
    ----------
    name : str
    microns : float
        Distance of its samples.
    density : callable
        Optical density of grey levels, (65536,) float64 both.
    """

    name: str
    microns: float
    density: Callable[[NDArray[np.float64]], NDArray[np.float64]]


_DBA = Digitiser("DBA M2100", 42.0, lambda grey: (np.log10(grey.clip(4, 64064)) - 4.80662) / -1.07553)
_HOWTEK_MGH = Digitiser("HOWTEK 960 (MGH)", 43.5, lambda grey: 3.789 - 0.00094568 * grey)
_HOWTEK_ISMD = Digitiser("HOWTEK 960 (ISMD)", 43.5, lambda grey: 3.96604095240593 - 0.00099055807612 * grey)
_LUMISYS = Digitiser("LUMISYS 200", 50.0, lambda grey: (grey - 4096.99) / -1009.01)


def digitiser_of(name: str, letter: str, bits: int) -> Digitiser | None:
    """The scanner that a case was made with.

    Parameters
    ----------
    name : str
        What the `.ics` says after DIGITIZER; empty where it says nothing.
    letter : str
        First letter of the case's name: A for MGH, B and C for Wake Forest and Washington
        University, D for ISMD.
    bits : int
        Bits of a grey level, which tell the two scanners of letter A apart.
    """
    said, letter = name.upper(), letter.upper()
    if "DBA" in said:
        return _DBA
    if "HOWTEK" in said:
        return _HOWTEK_ISMD if letter == "D" else _HOWTEK_MGH
    if "LUMISYS" in said:
        return _LUMISYS
    by_letter = {"A": _DBA if bits > 12 else _HOWTEK_MGH, "B": _LUMISYS, "C": _LUMISYS, "D": _HOWTEK_ISMD}
    return by_letter.get(letter)


def to_pixels(levels: NDArray[np.uint16], digitiser: Digitiser) -> NDArray[np.uint16]:
    """Grey levels (H, W) to pixels (H, W) uint16 that are linear in optical density.

    Density d, clipped to 0 … 4, becomes round((4 - d) * 16000): larger = denser tissue.
    """
    density = digitiser.density(np.arange(1 << 16, dtype=np.float64)).clip(0, THICKEST)
    table = np.rint((THICKEST - density) * PIXELS_PER_DENSITY).astype(np.uint16)
    return table[levels]
