"""`overlay.png`: the film with the assessment drawn over it, and what it is in words below."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from PIL import Image

from mammoview import overlays
from mammoview.domain import Assessment, Mammogram

__all__ = ["LONGEST", "content", "write"]

LONGEST: Final = 2400
"""Pixels along the longer side of the picture in a folder of files; the page offers every pixel."""

COMPRESSION: Final = 3  # at 6 a film takes seconds, and is hardly smaller


def write(assessment: Assessment, mammogram: Mammogram, path: Path) -> None:
    """Write `content` to a file, no longer than `LONGEST`."""
    path.write_bytes(content(assessment, mammogram, LONGEST))


def content(assessment: Assessment, mammogram: Mammogram, longest: int | None = None) -> bytes:
    """The picture of `overlays.compose` as a PNG, 8 bits RGB; None: at the film's full resolution."""
    file = io.BytesIO()
    Image.fromarray(overlays.compose(mammogram, assessment, longest=longest)).save(
        file, "PNG", compress_level=COMPRESSION
    )
    return file.getvalue()
