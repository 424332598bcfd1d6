"""`overlay.png`: the film with the assessment drawn over it, and what it is in words below."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mammoview import overlays
from mammoview.domain import Assessment, Mammogram

__all__ = ["write"]


def write(assessment: Assessment, mammogram: Mammogram, path: Path) -> None:
    """Write the picture of `overlays.compose`, 8 bits RGB, no longer than 2,400 pixels."""
    Image.fromarray(overlays.compose(mammogram, assessment)).save(path, format="PNG")
