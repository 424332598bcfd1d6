"""DDSM cases: a `.ics`, up to four films and their `.OVERLAY`, in one folder.

The films may be the originals (`.LJPEG`, gzipped or not), conversions (JPEG, PNG, TIFF) at any scale, or,
where a film is not there, its place on the composite sheet of the case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import Film, Given, Mammogram, Outline
from mammoview.errors import UnreadableOutlines, UnreadableScan
from mammoview.geometry import Frame
from mammoview.readers import ddsm_sheet, placing, raster
from mammoview.readers.ddsm_case import FilmFiles, belongs_to_a_case, find_films
from mammoview.readers.guard import shown
from mammoview.readers.limits import plausible_spacing
from mammoview.readers.ljpeg import FirstRow, read_grey_levels
from mammoview.readers.optical_density import Digitiser, digitiser_of, to_pixels
from mammoview.readers.overlay import Annotation, read_annotation, read_overlay

__all__ = ["open_case", "read_overlay", "recognises"]

_ASPECT_TOLERANCE = 0.02
_USUAL_BITS = 12


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """A film as its file holds it.

    Attributes
    ----------
    pixels : ndarray of shape (H, W), uint16
    true_size : (int, int)
        Rows and columns that the film was digitised with.
    sampled : (int, int) or None
        Rows and columns before it was brought to its true size; None where that was not asked for.
    warnings : tuple of str
    bits : int
        Of a grey level as the digitiser wrote it.
    """

    pixels: NDArray[np.uint16]
    true_size: tuple[int, int]
    sampled: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()
    bits: int = _USUAL_BITS

    @property
    def frame(self) -> Frame:
        """Where the pixels lie on the film at its true size."""
        rows, columns = self.pixels.shape
        return Frame(self.true_size[1], scale=(rows / self.true_size[0], columns / self.true_size[1]))

    def spacing(self, true_mm: float) -> tuple[float, float]:
        """Millimetres per stored pixel down and across."""
        down, across = self.frame.scale
        return true_mm / down, true_mm / across


@dataclass(frozen=True, slots=True)
class _Spacing:
    """Millimetres per pixel of a film at its true size, None where unknown; who says so; doubts."""

    mm: float | None
    source: str
    warnings: tuple[str, ...] = ()


def recognises(path: Path) -> bool:
    """Whether the path is a DDSM case folder, its `.ics`, or a file that is part of such a case.

    Only names are looked at; a picture counts where the `.ics` of its case lies beside it.
    """
    return belongs_to_a_case(path)


def open_case(path: Path, given: Given | None = None) -> tuple[Film, ...]:
    """The films of a DDSM case, not read yet.

    Parameters
    ----------
    path : Path
        The case's folder, its `.ics` or its composite sheet: all films that are there, in the order
        right CC, left CC, right MLO, left MLO, or those of the given side and view. A film or a
        `.OVERLAY`: that film alone.
    given : Given, optional

    Raises
    ------
    UnreadableScan
        If there is no such film, or the folder holds several cases.
    UnreadableOutlines
        If outlines are given for several films at once.
    """
    given = given or Given()
    found = find_films(path, given)
    if given.outlines and len(found) > 1:
        raise UnreadableOutlines(
            f"{shown(given.outlines)}: outlines belong to one film, not to {len(found)}; name the film"
        )
    return tuple(
        Film(
            files.source,
            given.laterality or files.laterality,
            given.view or files.view,
            partial(_read, files, given),
        )
        for files in found
    )


def _read(files: FilmFiles, given: Given) -> Mammogram:
    stored = _stored(files, given)
    annotation = _annotation(files, given, stored)
    spacing = _spacing(files, given, stored.bits)
    spacing_mm = None if spacing.mm is None else stored.spacing(spacing.mm)
    if spacing_mm and not all(map(plausible_spacing, spacing_mm)):
        spacing, spacing_mm = _implausible(files, spacing_mm), None
    size = stored.true_size
    return Mammogram(
        pixels=stored.pixels,
        source=files.source,
        laterality=given.laterality or files.laterality,
        view=given.view or files.view,
        spacing_mm=spacing_mm,
        spacing_source=spacing.source,
        sampling_mm=placing.coarser_sampling(stored.sampled, size, spacing_mm) if stored.sampled else None,
        outlines=_upon(stored, annotation.outlines),
        facts=files.described.facts,
        synthetic=files.described.synthetic,
        warnings=(
            *files.warnings,
            *_doubts(files),
            *stored.warnings,
            *annotation.warnings,
            *spacing.warnings,
        ),
        annotation_warnings=(*files.annotation_warnings, *annotation.warnings),
    )


def _stored(files: FilmFiles, given: Given) -> _Stored:
    if files.film is None:
        return _from_sheet(files)
    return _original(files, files.film, given) if files.original else _conversion(files, files.film, given)


def _original(files: FilmFiles, film: Path, given: Given) -> _Stored:
    first_row = FirstRow.STANDARD if given.standard_ljpeg else FirstRow.PVRG
    grey = read_grey_levels(film, first_row, given.partial)
    levels, reshaped = _in_shape(grey.levels, given.as_size or files.entry.size, shown(film))
    pixels, doubts = _undone(levels, files, grey.bits)
    return _Stored(
        pixels, (levels.shape[0], levels.shape[1]), None, (*grey.warnings, *reshaped, *doubts), grey.bits
    )


def _in_shape(
    levels: NDArray[np.uint16], size: tuple[int, int] | None, name: str
) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    """Levels in the rows and columns of the `.ics`, where the film's own header has them swapped."""
    if size in (None, levels.shape):
        return levels, ()
    rows, columns = levels.shape
    if size is None or size[0] * size[1] != levels.size:
        raise UnreadableScan(
            f"{name}: the film has {rows} × {columns} pixels, not those of its .ics; "
            "check that the film and the .ics belong together"
        )
    said = (
        f"{name}: its header says {rows} × {columns}; it is shown as the .ics has it, {size[0]} × {size[1]}"
    )
    return levels.reshape(size), (said,)


def _undone(
    levels: NDArray[np.uint16], files: FilmFiles, bits: int
) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    """Pixels in optical density from grey levels, and what is doubtful about them."""
    digitiser = _digitiser(files, bits)
    if digitiser is None:
        unknown = f"{files.source}: its digitiser is not known, so grey levels stand for optical density"
        return levels, (unknown,)
    guessed = (
        f"{files.source}: nothing says how it was digitised; {digitiser.name} is taken from the case's name"
    )
    return to_pixels(levels, digitiser), () if _names_digitiser(files) else (guessed,)


def _digitiser(files: FilmFiles, bits: int) -> Digitiser | None:
    return digitiser_of(files.described.digitiser, files.source[:1], bits)


def _names_digitiser(files: FilmFiles) -> bool:
    return digitiser_of(files.described.digitiser, "", _USUAL_BITS) is not None


def _from_sheet(files: FilmFiles) -> _Stored:
    """The film's place on the sheet, whose pixels begin where the film's do and span fifteen of them."""
    sheet, position = files.sheet, (files.laterality, files.view)
    assert sheet is not None
    levels = ddsm_sheet.read_sheet(sheet)
    places = ddsm_sheet.places(files.described, (levels.shape[0], levels.shape[1]), shown(sheet))
    (place,) = (where for there, where in places.items() if there == position)
    bits = files.entry.bits or _USUAL_BITS
    # Interpolation of the sheet's white ground left a few levels beyond the digitiser's.
    pixels, doubts = _undone(levels[place].clip(0, (1 << bits) - 1), files, bits)
    true_size = pixels.shape[0] * ddsm_sheet.REDUCTION, pixels.shape[1] * ddsm_sheet.REDUCTION
    said = f"{shown(sheet)}: the film itself is not there; its copy on this sheet is shown, at a fifteenth"
    return _Stored(pixels, true_size, None, (said, *doubts))


def _conversion(files: FilmFiles, film: Path, given: Given) -> _Stored:
    """A picture of the film at any scale; its values are kept, for they are no grey levels any more."""
    read = raster.read_film(film, Given())
    shape = read.pixels.shape[0], read.pixels.shape[1]
    if given.as_size:
        pixels = placing.at_true_size(read.pixels, given.as_size, shown(film))
        return _Stored(pixels, given.as_size, shape, read.warnings)
    if files.entry.size is None:
        said = (
            f"{shown(film)}: nothing says how large the film was; it is taken to be stored at its true size"
        )
        return _Stored(read.pixels, shape, None, (*read.warnings, said))
    true_size, doubts = _true_size(shape, files.entry.size, shown(film))
    return _Stored(read.pixels, true_size, None, (*read.warnings, *doubts))


def _true_size(
    stored: tuple[int, int], size: tuple[int, int], name: str
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """The size of the `.ics`, its sides exchanged where that is what the picture's aspect says."""
    as_said = abs(math.log(stored[0] / stored[1] / (size[0] / size[1])))
    exchanged = abs(math.log(stored[0] / stored[1] / (size[1] / size[0])))
    if as_said <= _ASPECT_TOLERANCE:
        return size, ()
    if exchanged <= _ASPECT_TOLERANCE:
        return size[::-1], (
            f"{name}: the .ics has its rows and columns exchanged; they are taken from the film",
        )
    said = (
        f"{name}: {stored[0]} × {stored[1]} pixels are not in proportion to the film's "
        f"{size[0]} × {size[1]}; rows and columns are scaled each on their own"
    )
    return size, (said,)


def _annotation(files: FilmFiles, given: Given, stored: _Stored) -> Annotation:
    """Outlines in pixels of the film's true size."""
    if given.outlines:
        outlines, warnings = placing.drawn_on(given.outlines, stored.true_size, files.source)
        return Annotation(outlines, warnings, shown(given.outlines))
    promised = files.entry.overlay
    if files.overlay is None:
        missing = f"{files.described.file}: it promises an annotation of {files.source} that is not beside it"
        return Annotation((), (missing,) if promised else (), "")
    try:
        annotation = read_annotation(files.overlay).on_film(stored.true_size)
    except UnreadableOutlines as error:
        return Annotation((), (str(error),), shown(files.overlay))
    if promised is False:
        more = f"{annotation.file}: the .ics does not know of it; its outlines are shown"
        return replace(annotation, warnings=(*annotation.warnings, more))
    return annotation


def _upon(stored: _Stored, outlines: tuple[Outline, ...]) -> tuple[Outline, ...]:
    """Outlines of the film at its true size, in pixels as stored."""
    return tuple(replace(outline, vertices=stored.frame.from_scan(outline.vertices)) for outline in outlines)


def _doubts(files: FilmFiles) -> Iterator[str]:
    for doubt in files.entry.doubts:
        yield f"{files.described.file}: {doubt}, so what it says of {files.source} is not used"


def _implausible(files: FilmFiles, spacing_mm: tuple[float, float]) -> _Spacing:
    down, across = spacing_mm
    said = (
        f"{files.source}: by its size and resolution its pixels are {down:g} × {across:g} mm, which is no "
        "mammogram's spacing and is not used; give the spacing or the true size"
    )
    return _Spacing(None, "", (said,))


def _spacing(files: FilmFiles, given: Given, bits: int) -> _Spacing:
    if given.spacing_mm is not None:
        return _Spacing(given.spacing_mm, given.spacing_source)
    if files.entry.microns:
        return _Spacing(files.entry.microns / 1000, "DDSM .ics")
    others = {entry.microns for entry in files.described.films.values() if entry.microns}
    if len(others) == 1:
        said = f"{files.described.file}: without a resolution of {files.source}, that of the others is taken"
        return _Spacing(others.pop() / 1000, "DDSM .ics, of the other films", (said,))
    digitiser = _digitiser(files, files.entry.bits or bits)
    if digitiser is None:
        return _Spacing(
            None, "", (f"{files.source}: nothing says how far apart its pixels are; give the spacing",)
        )
    said = (
        f"{files.source}: nothing says its resolution; {digitiser.microns:g} µm of {digitiser.name} is taken"
    )
    return _Spacing(digitiser.microns / 1000, f"resolution of {digitiser.name}", (said,))
