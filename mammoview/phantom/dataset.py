"""A dataset of synthetic lesions in genuine films: `images/` beside a `lesions.csv`.

Films of native resolution that show microcalcifications are rare, normal ones less so. Each is copied
several times, each copy gets lesions of its own, and what the lesions are is known.

The grey levels of 8-bit copies are taken as linear in optical density, from 4 (black) to 0 (white), which
puts their air where film has it; how they were really made is not known. So a lesion's contrast is
approximate, and no figure measured on such films holds for patients.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from mammoview.domain import Given, Laterality, Mammogram, Progress, View
from mammoview.errors import BadSetting, UnreadableScan, UnusableDataset
from mammoview.phantom.anatomy import GRID_MM
from mammoview.phantom.anatomy import Image as Density
from mammoview.phantom.insertion import Inserted, Room, put_somewhere
from mammoview.readers import raster
from mammoview.readers.ddsm_case import find_films
from mammoview.readers.guard import shown
from mammoview.readers.lesions_csv import NO_LESION, SQUASHED
from mammoview.readers.limits import check_spacing
from mammoview.readers.optical_density import THICKEST

__all__ = ["FILM_SPACING_MM", "write_dataset"]

FILM_SPACING_MM: Final = 0.1  # what the finest magnification takes
PICTURES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
MOST_LESIONS: Final = 3
NORMAL_ONE_IN: Final = 5  # copies that stay as they are
PNG_LEVEL: Final = 4
SYNTHETIC: Final = (
    "synthetic lesions put into a genuine film by Mammoview; their contrast is approximate, since the "
    "optical density of the copy is not calibrated"
)
COLUMNS: Final = (
    *("image", "patient_id", "laterality", "view", "x", "y", "width", "height", "abnormality_type"),
    *("pathology", "birads", "subtlety", "density", "mass_shape", "mass_margins", "calc_type"),
    *("calc_distribution", "ddsm_film", "rows", "columns", "um_per_pixel", "digitizer", "synthetic"),
)
"""Those of CBIS-DDSM's copies, `abnormality_type` and the two of calcifications as its own csv files have
them, and `synthetic`."""
WORDS: Final = {
    "SHAPE": "mass_shape",
    "MARGINS": "mass_margins",
    "TYPE": "calc_type",
    "DISTRIBUTION": "calc_distribution",
}
"""DDSM's words for a lesion and the columns that they go to."""


Row = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class _Film:
    """A picture and what its name tells; `source` is case and view, as in A_0018_1.LEFT_CC."""

    path: Path
    source: str
    laterality: Laterality | None
    view: View | None

    @property
    def patient(self) -> str:
        """The case's name, as films in a DDSM tree have it.

        So a patient is on the same side of the split in every dataset. Of the four whose films of native
        resolution we had, A_0036_1 is kept for validation by this, one with a CC and an MLO film.
        """
        return self.source.split(".")[0]


@dataclass(frozen=True, slots=True)
class _Copies:
    """What every copy has in common."""

    folder: Path
    spacing_mm: float
    film_spacing_mm: float
    seed: int


def write_dataset(
    films: Path,
    out: Path,
    spacing_mm: float,
    *,
    copies: int = 10,
    seed: int = 0,
    film_spacing_mm: float = FILM_SPACING_MM,
    workers: int = 1,
    progress: Progress = lambda share, what: None,
) -> Path:
    """Write copies of films with one to three synthetic lesions each; every fifth copy has none.

    Parameters
    ----------
    films : Path
        A folder of normal films, 8 or 16 bits, named as DDSM names them (A_0018_1.LEFT_CC.jpg): the name
        says whose film it is, and a patient's films must stay together when they are split.
    out : Path
        Where the dataset goes; made here, or empty.
    spacing_mm : float
        Of the films, at most 0.1: coarser ones hold no microcalcification.
    copies : int
        Of each film, at least 1.
    seed : int
        At least 0. The same seed gives the same copies of a film, whatever other films there are.
    film_spacing_mm : float
        Of the copies, at least `spacing_mm`: they are averaged over areas.
    workers : int
        Processes, at least 1; the result does not depend on it.
    progress : Progress
        May raise `Cancelled`; then nothing is left behind.

    Returns
    -------
    Path
        `out`, complete. Boxes in its `lesions.csv` are in 800ths of a film's width and height, as those of
        CBIS-DDSM's copies there; `rows`, `columns` and `um_per_pixel` are those of the written film.

    Raises
    ------
    BadSetting
        A number is out of its range, or something lies in `out`.
    UnusableDataset
        There is no film in `films`, or one is not named as DDSM names them.
    UnreadableScan, BreastNotFound
        One of the films; nothing is written then.
    """
    _check(out, spacing_mm, copies, seed, film_spacing_mm, workers)
    found = _films_in(films)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}_", dir=out.parent))
    try:
        (aside / "images").mkdir()
        common = _Copies(aside / "images", spacing_mm, film_spacing_mm, seed)
        tasks = (delayed(_write_copy)(file, number, common) for file in found for number in range(copies))
        done = Parallel(n_jobs=workers, return_as="generator")(tasks)
        rows: list[Row] = []
        for number, told in enumerate(done, start=1):
            rows += told
            progress(number / (len(found) * copies), "")
        _write_table(aside / "lesions.csv", rows)
        aside.chmod(0o755)
        if out.exists():
            out.rmdir()
        return aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check(
    out: Path, spacing_mm: float, copies: int, seed: int, film_spacing_mm: float, workers: int
) -> None:
    for name, value, least in (("copies", copies, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < least:
            raise BadSetting(f"{name} {value} is too small; give a whole number from {least} on")
    for name, spacing in (("the films' spacing", spacing_mm), ("the copies' spacing", film_spacing_mm)):
        try:
            check_spacing(spacing, name)
        except UnreadableScan as error:
            raise BadSetting(str(error)) from None
    if spacing_mm > GRID_MM:
        raise BadSetting(
            f"films of {spacing_mm:g} mm per pixel are too coarse to hold a microcalcification; "
            f"give films of {GRID_MM:g} mm or finer"
        )
    if film_spacing_mm < spacing_mm:
        raise BadSetting(
            f"copies of {film_spacing_mm:g} mm per pixel would be finer than the films, which have "
            f"{spacing_mm:g} mm; give at least that"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadSetting(f"{out} already holds something; name a new folder for the dataset")


def _films_in(folder: Path) -> list[_Film]:
    """The films of a folder by name."""
    if not folder.is_dir():
        raise UnusableDataset(f"{folder} is no folder; name the one that holds the films")
    films = [_named(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURES]
    if not films:
        raise UnusableDataset(f"{folder}: there is no film in it; put JPEG, PNG or TIFF films there")
    if len({film.source.casefold() for film in films}) < len(films):
        raise UnusableDataset(f"{folder}: two pictures are of the same film by their names; keep one of them")
    return films


def _named(path: Path) -> _Film:
    try:
        (found,) = find_films(path, Given())
    except UnreadableScan:
        raise UnusableDataset(
            f"{shown(path)}: its name does not say whose film it is; name it as DDSM does, "
            "such as A_0018_1.LEFT_CC.jpg, or move it away"
        ) from None
    return _Film(path, found.source, found.laterality, found.view)


def _write_copy(film: _Film, number: int, common: _Copies) -> list[Row]:
    """Write one copy of a film and return its rows of the table."""
    mammogram = raster.read_film(film.path, Given(film.laterality, film.view, common.spacing_mm))
    rng = np.random.default_rng([common.seed, zlib.crc32(film.source.encode()), number])
    wanted = 0 if number % NORMAL_ONE_IN == NORMAL_ONE_IN - 1 else int(rng.integers(1, MOST_LESIONS + 1))
    density = _density(mammogram)
    inserted = put_somewhere(density, Room(mammogram), wanted, rng)
    levels = _grey(_averaged(density, common.spacing_mm / common.film_spacing_mm))
    name = f"{film.source}-{number:03d}.png"
    Image.fromarray(levels).save(common.folder / name, compress_level=PNG_LEVEL)
    known: Row = {
        "image": name,
        "patient_id": film.patient,
        "laterality": "LEFT" if film.laterality is Laterality.LEFT else "RIGHT",
        "view": film.view or "",
        "ddsm_film": film.source,
        "rows": levels.shape[0],
        "columns": levels.shape[1],
        "um_per_pixel": round(1000 * common.film_spacing_mm, 3),
        "abnormality_type": NO_LESION,
    }
    return [known | _told(one, density.shape) for one in inserted] or [known]


def _density(mammogram: Mammogram) -> Density:
    """Optical density (H, W) of a film's grey levels, as the module says."""
    top = 255 if mammogram.facts["Bits"] == "8" else 65535
    return np.float32(THICKEST) - mammogram.pixels.astype(np.float32) * np.float32(THICKEST / top)


def _averaged(density: Density, scale: float) -> Density:
    rows, columns = (max(1, round(n * scale)) for n in density.shape)
    return np.asarray(cv2.resize(density, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _grey(density: Density) -> NDArray[np.uint8]:
    levels = np.rint((np.float32(THICKEST) - density) * np.float32(255 / THICKEST))
    return np.asarray(levels.clip(0, 255), np.uint8)


def _told(inserted: Inserted, shape: tuple[int, ...]) -> Row:
    """What the table says of a lesion on a film of (H, W) pixels."""
    lesion, (first, left, last, right) = inserted.lesion, inserted.box
    down, across = (SQUASHED / n for n in shape)
    words = lesion.description.split()
    told: Row = {WORDS[word]: value for word, value in zip(words[::2], words[1::2], strict=True)}
    return told | {
        "x": f"{left * across:.3f}",
        "y": f"{first * down:.3f}",
        "width": f"{(right - left) * across:.3f}",
        "height": f"{(last - first) * down:.3f}",
        "abnormality_type": lesion.lesion_type.value,
        "pathology": lesion.pathology.name,
        "birads": lesion.birads,
        "subtlety": lesion.subtlety,
        "synthetic": SYNTHETIC,
    }


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
