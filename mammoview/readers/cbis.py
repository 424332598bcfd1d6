"""CBIS-DDSM as TCIA gives it out: DICOM films, masks and crops, and the csv files that join them.

Downloads are laid out in many ways and mask and crop are found swapped, so files are joined by their
Series Instance UID, never by path, and a mask is told from a crop by its content.
Lee et al., Sci Data 4:170177 (2017).
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from scipy import ndimage
from skimage.measure import find_contours

from mammoview.domain import Film, Given, Laterality, LesionType, Mammogram, Outline, Pathology, View
from mammoview.errors import MammoviewError, UnreadableOutlines, UnreadableScan
from mammoview.geometry import Frame
from mammoview.readers import dicom
from mammoview.readers.annotated import DIGITISED, AnnotatedFilm, digest_of, stamp
from mammoview.readers.dicom_pixels import read_header, read_stored
from mammoview.readers.guard import inside, shown, unreadable_as

__all__ = [
    "FilmOfTree",
    "films_by_patient",
    "open_case",
    "open_dataset",
    "outlines_of_mask",
    "recognises",
    "root_of",
]

_LARGEST_CSV = 64 * 1024**2  # bytes
_DEPTH = 6
"""Folders between a film and the root of its tree, at most."""
_ASPECT_TOLERANCE = 0.005
"""A mask of another size than its film is scaled to it only if their aspects agree so well."""
_SMALLEST_REGION = 9
"""Pixels; smaller islands of a mask are stray dots."""

_SIDES = {"LEFT": Laterality.LEFT, "RIGHT": Laterality.RIGHT}
_LESIONS = {"mass": LesionType.MASS, "calcification": LesionType.CALCIFICATION}

_LESION_IN_NAME = re.compile(r"^(?:mass|calc)[a-z]*-(?:training|test)_(?=.)", re.IGNORECASE)
"""Read first, a film must not be called after what was found on it."""

Row = Mapping[str, str]
"""One line of a csv file, its headers without case, blanks and underscores."""
Tree = Mapping[str, Sequence[Path]]
"""Series Instance UID to the DICOM files that carry it."""


@dataclass(frozen=True, slots=True)
class FilmOfTree:
    """A film that the csv files name and that is there, with all its abnormalities; no pixels are read yet.

    Attributes
    ----------
    rows : sequence of Row
        One for each abnormality.
    tree : Tree
        The files of this film, its masks and its crops.
    """

    rows: Sequence[Row]
    tree: Tree

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for paths in self.tree.values() for path in paths)

    @property
    def density(self) -> str:
        return self.rows[0].get("breastdensity", "")

    @property
    def lesions(self) -> frozenset[LesionType]:
        return frozenset(_LESIONS.get(_kind(row), LesionType.OTHER) for row in self.rows)

    @property
    def assessments(self) -> tuple[int, ...]:
        """BI-RADS, 0 to 5, of the abnormalities that have one."""
        found = (_ranked(row.get("assessment", ""), 0, 5) for row in self.rows)
        return tuple(birads for birads in found if birads is not None)

    @property
    def pathologies(self) -> frozenset[Pathology]:
        return frozenset(filter(None, (_pathology(row.get("pathology", "")) for row in self.rows)))

    def film(self, given: Given) -> Film:
        return _film(self.rows, self.tree, given)


@dataclass(frozen=True, slots=True)
class _Region:
    """A reader's mask on the film that it belongs to, or why it cannot be used."""

    outlines: tuple[Outline, ...]
    doubt: str = ""


def recognises(path: Path, within: Path | None = None) -> bool:
    """Whether this folder is the root of a CBIS-DDSM tree, or this DICOM file a film in one."""
    if path.is_dir():
        return bool(_tables(path, within))
    root = root_of(path, within)
    if root is None:
        return False
    return str(read_header(path).get("SeriesInstanceUID", "")) in _films(_rows(root, within))


def root_of(path: Path, within: Path | None = None) -> Path | None:
    """The nearest folder above, no higher than `within`, that holds a csv file of CBIS-DDSM, or None."""
    above = (folder for folder in path.absolute().parents[:_DEPTH] if inside(folder, within))
    return next((folder for folder in above if _tables(folder, within)), None)


def open_case(path: Path, given: Given, within: Path | None = None) -> tuple[Film, ...]:
    """All films of a tree, by its root, or the one film of a file inside it; no pixels are read yet.

    Nothing outside `within`, where that is given, is searched or opened.

    Raises
    ------
    UnreadableScan
        If none of the films that the csv files name is there.
    """
    root = path if path.is_dir() else root_of(path, within)
    if root is None:
        raise UnreadableScan(f"{shown(path)}: no CBIS-DDSM csv file lies above it; open it as a DICOM file")
    tree = _tree(root)
    wanted = None if path.is_dir() else str(read_header(path).get("SeriesInstanceUID", ""))
    films = _told_apart(
        _film(rows, tree, given)
        for series, rows in _films(_rows(root, within)).items()
        if series in tree and wanted in (None, series)
    )
    if not films:
        raise UnreadableScan(
            f"{shown(path)}: none of the films that the csv files name is here; "
            "keep the DICOM files and the csv files under one folder"
        )
    return films


def open_dataset(root: Path) -> tuple[AnnotatedFilm, ...]:
    """All films of a tree with their outlines; no pixels are read yet.

    A film that is among the masses and among the calcifications comes once, with all its lesions. One
    whose lesions have not all a mask that fits cannot be read: its other tissue is not known to be
    free of findings.

    Raises
    ------
    UnreadableScan
        If none of the films that the csv files name is there.
    """
    tree, rows = _tree(root), _rows(root, None)
    films: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for series, found in _films(rows).items():
        if series in tree:
            films[_position(found[0])] += found
    if not films:
        raise UnreadableScan(
            f"{shown(root)}: none of the films that the csv files name is here; "
            "keep the DICOM files and the csv files under one folder"
        )
    return tuple(_annotated(found, tree) for found in films.values())


def films_by_patient(root: Path, within: Path | None = None) -> dict[str, tuple[FilmOfTree, ...]]:
    """The films of a tree by patient, each once, as in `open_dataset`; a patient without one is left out.

    Raises
    ------
    UnreadableScan
        If a csv file cannot be read.
    """
    tree = _tree(root)
    films: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for series, rows in _films(_rows(root, within)).items():
        if series in tree:
            films[_position(rows[0])] += rows
    patients: dict[str, list[FilmOfTree]] = defaultdict(list)
    for rows in films.values():
        series_of_film = {uid: tree[uid] for row in rows for uid in _all_series(row) if uid in tree}
        patients[rows[0].get("patientid", "")].append(FilmOfTree(rows, series_of_film))
    return {patient: tuple(found) for patient, found in patients.items()}


def _all_series(row: Row) -> tuple[str, ...]:
    columns = ("imagefilepath", "roimaskfilepath", "croppedimagefilepath")
    return tuple(_series(row.get(column, "")) for column in columns)


def _tables(folder: Path, within: Path | None) -> list[Path]:
    """Csv files of CBIS-DDSM in a folder, told by their headers."""
    try:
        candidates = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() == ".csv" and inside(path, within) and path.is_file()
        )
        return [path for path in candidates if _is_table(path)]
    except OSError:
        return []


def _is_table(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        headers = {_plain(name) for name in file.readline(4096).split(",")}
    return headers >= {"patientid", "imagefilepath", "abnormalityid"}


def _plain(name: str) -> str:
    return re.sub(r"[\s_\"]", "", name).lower()


def _rows(root: Path, within: Path | None) -> list[Row]:
    return [row for path in _tables(root, within) for row in _read_table(path)]


def _read_table(path: Path) -> list[Row]:
    with unreadable_as(path, "csv file of CBIS-DDSM"):
        if path.stat().st_size > _LARGEST_CSV:
            raise UnreadableScan(f"{shown(path)}: the csv file is larger than CBIS-DDSM's; get it again")
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return [
                {_plain(name): (value or "").strip() for name, value in row.items() if isinstance(name, str)}
                for row in csv.DictReader(file, restval="")
            ]


def _films(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by the Series Instance UID of their film; several abnormalities may share one."""
    films: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if series := _series(row.get("imagefilepath", "")):
            films[series].append(row)
    return dict(films)


def _series(path: str) -> str:
    """The third part of a csv file's path; the empty string where there is none."""
    parts = path.strip().strip("/").split("/")
    return parts[2].strip() if len(parts) > 2 else ""


def _tree(root: Path) -> Tree:
    tree: dict[str, list[Path]] = defaultdict(list)
    for path in dicom.files_within(root):
        try:
            tree[str(read_header(path).get("SeriesInstanceUID", ""))].append(path)
        except UnreadableScan:
            continue
    return dict(tree)


def _position(row: Row) -> tuple[str, ...]:
    """Whose film it is and of which side and view; the set has one of each."""
    return tuple(row.get(column, "").upper() for column in ("patientid", "leftorrightbreast", "imageview"))


def _annotated(rows: Sequence[Row], tree: Tree) -> AnnotatedFilm:
    row, film = rows[0], _film(rows, tree, Given())
    facts = {
        "kind": DIGITISED,
        "laterality": film.laterality or "",
        "view": film.view or "",
        "density": row.get("breastdensity", ""),
        "lesions": ", ".join(sorted({_LESIONS.get(_kind(r), LesionType.OTHER).value for r in rows})),
        "marked by": "outlines",
    }
    files = [path for r in rows for path in (*tree[_series(r["imagefilepath"])], *_drawn(r, tree))]
    digest = digest_of([sorted(r.items()) for r in rows], [stamp(path) for path in files])
    known = {name: str(value) for name, value in facts.items() if value}
    read = partial(_read_complete, rows, tree, Given(film.laterality, film.view))
    return AnnotatedFilm(replace(film, read=read), row.get("patientid", ""), False, digest, known)


def _film(rows: Sequence[Row], tree: Tree, given: Given) -> Film:
    row = rows[0]
    side = _SIDES.get(row.get("leftorrightbreast", "").upper())
    view = next((view for view in (View.CC, View.MLO) if view == row.get("imageview", "").upper()), None)
    said = replace(given, laterality=given.laterality or side, view=given.view or view)
    return Film(_title(row), said.laterality, said.view, partial(_read_film, rows, tree, said))


def _title(row: Row) -> str:
    """Such as P_00001_LEFT_CC: the set's own name of the film, without the lesion that it begins with."""
    first = row["imagefilepath"].strip().strip("/").split("/")[0]
    return _LESION_IN_NAME.sub("", re.sub(r"[^\w.-]", "_", first)[:80])


def _told_apart(films: Iterable[Film]) -> tuple[Film, ...]:
    """A view that is among the masses and among the calcifications has two films of one name."""
    taken: Counter[str] = Counter()
    found = []
    for film in films:
        taken[film.source] += 1
        number = taken[film.source]
        found.append(film if number == 1 else _called(film, f"{film.source}_{number}"))
    return tuple(found)


def _called(film: Film, name: str) -> Film:
    return replace(film, source=name, read=lambda: replace(film.read(), source=name))


def _read_film(rows: Sequence[Row], tree: Tree, given: Given) -> Mammogram:
    film = _pixels_of(rows, tree, given)
    return _with_regions(film, rows, _regions(film, rows, tree) if given.outlines is None else [])


def _read_complete(rows: Sequence[Row], tree: Tree, given: Given) -> Mammogram:
    """As `_read_film`, but refused where an abnormality has no outline."""
    film = _pixels_of(rows, tree, given)
    regions = _regions(film, rows, tree)
    if doubt := next((region.doubt for region in regions if region.doubt), ""):
        raise UnreadableOutlines(f"{_title(rows[0])}: {doubt}; get its mask again")
    return _with_regions(film, rows, regions)


def _pixels_of(rows: Sequence[Row], tree: Tree, given: Given) -> Mammogram:
    return dicom.read_film(_largest(tree[_series(rows[0]["imagefilepath"])]), given)


def _regions(film: Mammogram, rows: Sequence[Row], tree: Tree) -> list[_Region]:
    return [_region(row, tree, (film.pixels.shape[0], film.pixels.shape[1])) for row in rows]


def _with_regions(film: Mammogram, rows: Sequence[Row], regions: Sequence[_Region]) -> Mammogram:
    density = rows[0].get("breastdensity", "")
    said = tuple(f"{_title(rows[0])}: {region.doubt}" for region in regions if region.doubt)
    return replace(
        film,
        source=_title(rows[0]),
        outlines=film.outlines + tuple(outline for region in regions for outline in region.outlines),
        facts={**film.facts, **({"Breast density": density} if density else {})},
        warnings=film.warnings + said,
        annotation_warnings=film.annotation_warnings + said,
    )


def _largest(paths: Sequence[Path]) -> Path:
    """The film among the files of its series: the one with the most pixels."""
    return max(paths, key=lambda path: _pixels(read_header(path)))


def _pixels(header: Dataset) -> int:
    return int(header.get("Rows", 0)) * int(header.get("Columns", 0))


def _region(row: Row, tree: Tree, shape: tuple[int, int]) -> _Region:
    """The outlines of one abnormality, from whichever of its files is a mask that fits the film."""
    number = row.get("abnormalityid", "")
    masks = [mask for path in _drawn(row, tree) if (mask := _mask(path)) is not None and mask.any()]
    if not masks:
        return _Region((), f"the mask of abnormality {number} is not there; it has no outline")
    mask = min(masks, key=lambda found: _misfit(found.shape, shape))
    if _misfit(mask.shape, shape) > _ASPECT_TOLERANCE:
        return _Region(
            (),
            f"the mask of abnormality {number} ({mask.shape[0]} × {mask.shape[1]}) does not fit the film "
            f"({shape[0]} × {shape[1]}); it has no outline",
        )
    return _Region(tuple(_described(vertices, row) for vertices in outlines_of_mask(mask, shape)))


def _drawn(row: Row, tree: Tree) -> list[Path]:
    """Files of the mask's and the crop's series, whichever is which, without the film."""
    film = _series(row["imagefilepath"])
    series = dict.fromkeys(
        _series(row.get(column, "")) for column in ("roimaskfilepath", "croppedimagefilepath")
    )
    return [path for uid in series if uid != film for path in tree.get(uid, ())]


def _mask(path: Path) -> NDArray[np.bool_] | None:
    """(H, W) True inside, or None if the file is no picture of exactly two values."""
    try:
        codes = read_stored(path).codes
    except MammoviewError:
        return None
    if np.count_nonzero(np.bincount(codes.ravel())) != 2:
        return None
    return np.asarray(codes == codes.max())


def _misfit(mask: tuple[int, ...], film: tuple[int, int]) -> float:
    """How far the aspects differ, as a share; 0 only where the sizes agree."""
    if mask == film:
        return 0.0
    return abs(mask[0] / mask[1] * film[1] / film[0] - 1.0) + 1e-9


def outlines_of_mask(mask: NDArray[np.bool_], shape: tuple[int, int]) -> list[NDArray[np.float64]]:
    """Closed outlines (N, 2) of a mask's regions, in pixels of a film of this shape, largest first.

    Holes are filled. A mask of another size is scaled, edges to edges; marching squares at one half
    (Lorensen and Cline, 1987) put the line midway between inside and outside.
    """
    frame = Frame(shape[1], scale=(mask.shape[0] / shape[0], mask.shape[1] / shape[1]))
    labels, _ = ndimage.label(mask)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        region = np.pad(ndimage.binary_fill_holes(labels[box] == number), 1)
        if np.count_nonzero(region) >= _SMALLEST_REGION:
            lines = find_contours(region.astype(np.float32), 0.5)
            line = max(lines, key=len)[:-1]
            corner = (box[0].start - 1, box[1].start - 1)
            found.append(
                (np.count_nonzero(region), np.clip(frame.to_scan(line + corner), 0, np.subtract(shape, 1)))
            )
    return [line for _, line in sorted(found, key=lambda pair: -pair[0])]


def _described(vertices: NDArray[np.float64], row: Row) -> Outline:
    kind = _LESIONS.get(_kind(row))
    words = [row.get(column, "") for column in ("massshape", "massmargins", "calctype", "calcdistribution")]
    return Outline(
        vertices=vertices,
        lesion_type=kind,
        description=", ".join(word.replace("_", " ").lower() for word in words if word not in ("", "N/A")),
        birads=_ranked(row.get("assessment", ""), 0, 5),
        subtlety=_ranked(row.get("subtlety", ""), 1, 5),
        pathology=_pathology(row.get("pathology", "")),
        abnormality=_ranked(row.get("abnormalityid", ""), 1, 99) or 1,
    )


def _kind(row: Row) -> str:
    return row.get("abnormalitytype", "").lower()


def _ranked(text: str, lowest: int, highest: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and lowest <= int(text[:9]) <= highest else None


def _pathology(text: str) -> Pathology | None:
    word = text.lower().replace("_", " ")
    return Pathology(word) if word in list(Pathology) else None
