"""The film that everything is measured on: synthetic, 4700 × 3000 pixels at 50 µm, stored as DDSM has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from mammoview.domain import Film, Laterality, Mammogram, View
from mammoview.phantom import DEMO_SEED
from mammoview.phantom.files import BITS, PREDICTOR, make_film, overlay
from mammoview.readers import ljpeg, open_case

__all__ = ["SHAPE", "of_area", "write_film"]

SHAPE: Final = (4700, 3000)


def write_film(folder: Path) -> Film:
    """Write the left CC film of the demo case with more air around it, and open it again."""
    made = make_film(DEMO_SEED, Laterality.LEFT, View.CC)
    down, across = (n - m for n, m in zip(SHAPE, made.levels.shape, strict=True))
    levels = np.pad(made.levels, ((0, down), (0, across)), mode="edge")
    name = "P_0003_1.LEFT_CC"
    (folder / f"{name}.LJPEG").write_bytes(ljpeg.encode(levels, BITS, PREDICTOR))
    (folder / f"{name}.OVERLAY").write_text(overlay(made.drawn), "ascii")
    (folder / "P-0003-1.ics").write_text(
        "ics_version 1.0\nfilename P-0003-1\nSYNTHETIC bench\nFILM\nDENSITY 2\nDIGITIZER LUMISYS LASER\n"
        f"SEQUENCE\nLEFT_CC LINES {SHAPE[0]} PIXELS_PER_LINE {SHAPE[1]} "
        f"BITS_PER_PIXEL {BITS} RESOLUTION 50 OVERLAY\n",
        "ascii",
    )
    (film,) = open_case(folder)
    return film


def of_area(film: Mammogram, times: float) -> Mammogram:
    """The same pixels as a breast of so many times the area: what the networks see grows with it."""
    down, across = (d * times**0.5 for d in film.spacing_mm or (0.05, 0.05))
    return replace(film, spacing_mm=(down, across), outlines=())
