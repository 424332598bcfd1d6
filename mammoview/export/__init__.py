"""An assessment as files: `assessment.json`, `layers.npz`, `overlay.png` and `report.html`.

They are written aside and moved into place together, so that a folder holds the files of one
assessment or what it held before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mammoview.aside import made
from mammoview.domain import Assessment, Mammogram
from mammoview.export import assessment_json, film_report, layers_npz, overlay_png

__all__ = ["FILES", "write"]

FILES: Final = ("assessment.json", "layers.npz", "overlay.png", "report.html")
DRAFTS: Final = ".mammoview-drafts"
"""A folder in the one that is written to: on the same file system, and found again after a kill."""


def write(assessment: Assessment, mammogram: Mammogram, folder: Path) -> None:
    """Write the four files of one assessment into a folder.

    Parameters
    ----------
    assessment : Assessment
    mammogram : Mammogram
        The one that was assessed; its outlines make the scorecard.
    folder : Path
        Made where it does not exist. Files of these names in it are replaced, others are left alone.

    Raises
    ------
    OSError
        If the files cannot be written; the folder is then as it was before.
    """
    with made(folder), _drafts(folder) as drafts:
        assessment_json.write(assessment, mammogram, drafts / FILES[0])
        layers_npz.write(assessment, drafts / FILES[1])
        overlay_png.write(assessment, mammogram, drafts / FILES[2])
        film_report.write(assessment, mammogram, drafts / FILES[3])
        _move_into_place(drafts, folder)


@contextmanager
def _drafts(folder: Path) -> Iterator[Path]:
    """An empty folder for the drafts, without those of a process that was killed; it goes at the end."""
    drafts = folder / DRAFTS
    shutil.rmtree(drafts, ignore_errors=True)
    drafts.mkdir()
    try:
        yield drafts
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def _move_into_place(drafts: Path, folder: Path) -> None:
    """Replace the folder's files by the drafts: all of them, or none."""
    before = drafts / "before"
    before.mkdir()
    try:
        for name in FILES:
            if (folder / name).exists():
                (folder / name).replace(before / name)
            (drafts / name).replace(folder / name)
    except BaseException:
        _put_back(drafts, before, folder)
        raise


def _put_back(drafts: Path, before: Path, folder: Path) -> None:
    for name in FILES:
        if not (drafts / name).exists():
            (folder / name).unlink(missing_ok=True)
        if (before / name).exists():
            (before / name).replace(folder / name)
