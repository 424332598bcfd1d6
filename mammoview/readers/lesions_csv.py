"""Folders of annotated films: `images/` beside a `lesions.csv`, as CBIS-DDSM copies and mini-MIAS are kept.

Boxes and circles are not outlines: they come as rectangles and as polygons of 32 corners.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from mammoview.domain import Film, Given, Laterality, LesionType, Mammogram, Outline, Pathology, View
from mammoview.errors import UnreadableScan, UnusableDataset
from mammoview.readers import raster
from mammoview.readers.annotated import (
    DIGITISED,
    WITH_SYNTHETIC_LESIONS,
    AnnotatedFilm,
    content_of,
    digest_of,
    kinds_of,
)
from mammoview.readers.guard import inside, printable, shown
from mammoview.readers.limits import LONGEST_EDGE, check_size, check_spacing

__all__ = ["NO_LESION", "SQUASHED", "AnnotatedFilm", "DescribedFilm", "films_by_patient", "open_dataset"]

SQUASHED: Final = 800  # side of a CBIS-DDSM copy that was resized to a square, in which its boxes are told
NO_LESION: Final = "none"
"""`abnormality_type` of the only row of a film that is stated to be normal."""
UNKNOWN_SIZE: Final = (1366, 800)  # for copies whose true size is not known, at 178 µm
UNKNOWN_MM: Final = 0.178
MIAS_MM: Final = 0.2
CALCIFICATION_COLUMNS: Final = ("calc_type", "calc_distribution")
PATHOLOGIES: Final = {pathology.value: pathology for pathology in Pathology}
SEVERITIES: Final = {"B": Pathology.BENIGN, "M": Pathology.MALIGNANT}
MIAS_LESIONS: Final = {
    "CALC": LesionType.CALCIFICATION,
    "ARCH": LesionType.OTHER,  # architectural distortion
    "ASYM": LesionType.OTHER,  # asymmetry
}
"""What is no mass among the classes of mini-MIAS."""
MIAS_TISSUE: Final = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}
LARGEST_TABLE: Final = 16 * 1024**2  # bytes; that of all CBIS-DDSM's masses has about 200,000


@dataclass(frozen=True, slots=True)
class DescribedFilm:
    """A film as the table describes it; its picture has not been looked at.

    Attributes
    ----------
    path : Path
    given : Given
        Side, view, true size and spacing.
    outlines : tuple of Outline
        The lesions that the table gives a place.
    patient : str
    normal : bool
    facts : mapping
        What a reader of the film may see.
    known_before : mapping
        As `AnnotatedFilm.facts`, but for side and view.
    """

    path: Path
    given: Given
    outlines: tuple[Outline, ...]
    patient: str
    normal: bool
    facts: Mapping[str, str] = field(default_factory=dict)
    known_before: Mapping[str, str] = field(default_factory=dict)

    def film(self, given: Given | None = None) -> Film:
        """To be read with the table's outlines; what the reader gave wins over the table."""
        said = given or Given()
        chosen = replace(
            said,
            laterality=said.laterality or self.given.laterality,
            view=said.view or self.given.view,
            spacing_mm=self.given.spacing_mm if said.spacing_mm is None else said.spacing_mm,
            as_size=said.as_size or self.given.as_size,
        )

        def read() -> Mammogram:
            film = raster.read_film(self.path, chosen)
            return replace(
                film, outlines=self.outlines, facts=dict(self.facts), synthetic="synthetic" in self.facts
            )

        return Film(printable(self.path.stem), chosen.laterality, chosen.view, read)

    def annotated(self) -> AnnotatedFilm:
        where = {"laterality": self.given.laterality or "", "view": self.given.view or ""}
        known = {name: str(value) for name, value in (where | dict(self.known_before)).items() if value}
        said = digest_of(self.patient, self.given, [o.vertices.tobytes() for o in self.outlines])
        digest = digest_of(said, content_of(self.path))
        return AnnotatedFilm(self.film(), self.patient, self.normal, digest, known)


def open_dataset(folder: Path) -> tuple[AnnotatedFilm, ...]:
    """The films of a folder that holds `images/` and `lesions.csv`, in order of their names.

    Raises
    ------
    UnusableDataset
        The folder is laid out otherwise, its table is no csv file in UTF-8, or a row of it lacks a column,
        holds what cannot be, names a picture outside images/, or gives one to a second patient; the
        message names the table and the row.
    """
    return tuple(described.annotated() for described in _described(folder))


def films_by_patient(folder: Path) -> dict[str, tuple[DescribedFilm, ...]]:
    """The films of such a folder by patient, in order of their names; no picture is looked at.

    Raises
    ------
    UnusableDataset
        As `open_dataset` does.
    """
    films: dict[str, list[DescribedFilm]] = defaultdict(list)
    for described in _described(folder):
        films[described.patient].append(described)
    return {patient: tuple(found) for patient, found in films.items()}


def _described(folder: Path) -> list[DescribedFilm]:
    table = folder / "lesions.csv"
    if not table.is_file() or not (folder / "images").is_dir():
        raise UnusableDataset(f"{folder}: expected a folder with images/ and lesions.csv")
    films: dict[str, list[dict[str, str]]] = defaultdict(list)
    patients: dict[Path, str] = {}
    make: Callable[[Path, list[dict[str, str]]], DescribedFilm] = _cbis
    for number, row in _rows(table):
        make = _mias if "radius" in row else _cbis
        with _stating(f"{table}, row {number}"):
            path = folder / "images" / row["image"]
            _check_within(path, folder / "images")
            make(path, [row])  # so that what is wrong is told of its own row
            _check_patient(path, row["patient_id"], patients)
            films[row["image"]].append(row)
    if not films:
        raise UnusableDataset(f"{table}: it names no film; give one row for each lesion")
    return [make(folder / "images" / name, films[name]) for name in sorted(films)]


def _check_within(path: Path, images: Path) -> None:
    """Refuse a picture that lies outside `images` once its links are followed; `images` may be a link."""
    if not inside(path, images):
        raise ValueError(f"the picture {shown(path)} leads out of images/, where all pictures must lie")


def _check_patient(path: Path, patient: str, patients: dict[Path, str]) -> None:
    """Note whose picture it is; one of two patients could be on both sides of a split by patient."""
    before = patients.setdefault(path.resolve(), patient)
    if before != patient:
        both = f"of {before[:40]!r} in a row above and of {patient[:40]!r} here"
        raise ValueError(f"the picture {shown(path)} is {both}")


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header with their numbers, counted from 1 with the header."""
    number = 1
    try:
        if table.stat().st_size > LARGEST_TABLE:
            raise UnusableDataset(f"{table}: it is larger than a table of lesions; check that it is one")
        with table.open(newline="", encoding="utf-8-sig") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                if None in row or None in row.values():
                    raise UnusableDataset(
                        f"{table}, row {number}: it has not as many fields as the header; mend the row"
                    )
                yield number, row
    except (csv.Error, OSError, UnicodeDecodeError) as error:
        raise UnusableDataset(
            f"{table}: after row {number} it cannot be read as a csv file in UTF-8 ({error}); save it as one"
        ) from error


@contextmanager
def _stating(row: str) -> Iterator[None]:
    """Tell in which row a value is missing or cannot be used."""
    try:
        yield
    except KeyError as error:
        raise UnusableDataset(f"{row}: the column {error} is missing; add it") from error
    except (IndexError, OverflowError, TypeError, UnreadableScan, ValueError) as error:
        raise UnusableDataset(f"{row}: a value is missing or cannot be used ({error}); mend it") from error


def _cbis(path: Path, rows: list[dict[str, str]]) -> DescribedFilm:
    first = rows[0]
    known = bool(first["rows"])
    size = (int(first["rows"]), int(first["columns"])) if known else UNKNOWN_SIZE
    spacing = float(first["um_per_pixel"]) / 1000 if known else UNKNOWN_MM
    check_size(*size, "rows and columns")
    check_spacing(spacing, "um_per_pixel")
    laterality, view = Laterality(first["laterality"][0]), View(first["view"])
    source = "lesions.csv" if known else "assumed, since lesions.csv does not say it"
    given = Given(laterality, view, spacing, size, spacing_source=source)
    scale = np.array(size) / SQUASHED
    drawn = [row for row in rows if row.get("abnormality_type") != NO_LESION]
    outlines = tuple(_box(row, scale, i) for i, row in enumerate(drawn, start=1))
    facts = {"density": first["density"], "digitiser": first["digitizer"]}
    synthetic = first.get("synthetic", "")
    known_before = facts | {
        "kind": WITH_SYNTHETIC_LESIONS if synthetic else DIGITISED,  # as all of CBIS-DDSM
        "lesions": kinds_of(outlines),
        "marked by": ("boxes of synthetic lesions" if synthetic else "boxes") if outlines else "",
    }
    if synthetic:
        facts |= {"synthetic": synthetic}
    return DescribedFilm(path, given, outlines, first["patient_id"], not outlines, facts, known_before)


def _box(row: Mapping[str, str], scale: np.ndarray[tuple[int], np.dtype[np.float64]], number: int) -> Outline:
    y, x, height, width = (_length(row, k) for k in ("y", "x", "height", "width"))
    corners = np.array([(y, x), (y, x + width), (y + height, x + width), (y + height, x)])
    return Outline(
        corners * scale - 0.5,
        lesion_type=LesionType(row.get("abnormality_type") or LesionType.MASS),
        description=" ".join(
            filter(None, (row["mass_shape"], row["mass_margins"], *map(row.get, CALCIFICATION_COLUMNS)))
        ),
        birads=_number(row["birads"]),
        subtlety=_number(row["subtlety"]),
        pathology=PATHOLOGIES.get(row["pathology"].lower().replace("_", " ")),
        abnormality=number,
    )


def _mias(path: Path, rows: list[dict[str, str]]) -> DescribedFilm:
    outlines = tuple(_circle(row, i) for i, row in enumerate(rows, start=1) if row["radius"])
    normal = all(row["abnormality"] == "NORM" for row in rows)
    given = Given(view=View.MLO, spacing_mm=MIAS_MM, spacing_source="mini-MIAS, whose films share one")
    tissue = rows[0]["tissue"]
    lesions = {_mias_lesion(row).value for row in rows if row["abnormality"] != "NORM"}
    known_before = {
        "kind": DIGITISED,
        "density": MIAS_TISSUE.get(tissue, tissue),
        "lesions": ", ".join(sorted(lesions)),
        "marked by": "circles" if outlines else "",
    }
    patient = rows[0]["patient_id"]
    return DescribedFilm(path, given, outlines, patient, normal, {"tissue": tissue}, known_before)


def _mias_lesion(row: Mapping[str, str]) -> LesionType:
    return MIAS_LESIONS.get(row["abnormality"], LesionType.MASS)


def _circle(row: Mapping[str, str], number: int) -> Outline:
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    radius = _length(row, "radius")
    points = np.stack([np.sin(turn), np.cos(turn)], axis=1) * radius
    pathology = SEVERITIES.get(row["severity"])
    return Outline(
        points + np.array([_length(row, "row"), _length(row, "column")]),
        lesion_type=_mias_lesion(row),
        description=row["abnormality"],
        pathology=pathology,
        abnormality=number,
    )


def _length(row: Mapping[str, str], column: str) -> float:
    """A place or an extent on a film, in pixels."""
    length = float(row[column])
    if not (math.isfinite(length) and 0 <= length <= LONGEST_EDGE):
        raise ValueError(f"{column} is {row[column][:20]}")
    return length


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None
