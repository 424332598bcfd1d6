"""The pixels that the PVRG fixtures in `tests/golden/pvrg` were made from; run it to make them again."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "golden" / "pvrg"
ROWS, COLUMNS = 23, 37


def golden_pixels(bits: int) -> NDArray[np.uint16]:
    """Bowls that run over the whole range and leap by half of it here and there; (23, 37)."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    leaps = ((row % 5 == 2) & (column % 7 == 3)) << (bits - 1)
    return ((37 * row * row + 101 * column * column + 13 * row * column + leaps) % (1 << bits)).astype(
        np.uint16
    )


def golden_file(predictor: int, bits: int) -> Path:
    return GOLDEN / f"predictor{predictor}_bits{bits}.LJPEG"


def write_all() -> None:
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for bits in (12, 16):
            raw = Path(folder) / "in_be16.raw"
            golden_pixels(bits).astype(">u2").tofile(raw)
            for predictor in range(1, 8):
                options = f"-k {predictor} -p {bits} -iw {COLUMNS} -ih {ROWS} -ci 1 -hf 1 -vf 1"
                out = golden_file(predictor, bits)
                subprocess.run(
                    ["pvrg-jpeg", *options.split(), "-s", out, raw], check=True, capture_output=True
                )


if __name__ == "__main__":
    write_all()
