"""Opening films of every kind: each source is told by its content, and by its name only after that."""

from __future__ import annotations

import stat
from pathlib import Path

from mammoview.domain import Film, Given, Mammogram
from mammoview.errors import UnreadableScan
from mammoview.readers import cbis, ddsm, dicom, raster, sidecar
from mammoview.readers.guard import check_links, head, regular, shown
from mammoview.readers.limits import check_spacing

__all__ = ["films_at", "open_case", "read"]

_NOTHING = Given()

_FOREIGN = {
    b"PK\x03\x04": "this is a zip archive; unpack it and open the film inside",
    b"\x1f\x8b": "this is a gzip archive; unpack it and open the film inside",
    b"%PDF": "this is a PDF document, not a film; export the film itself as DICOM or PNG",
}


def open_case(path: Path, given: Given = _NOTHING, within: Path | None = None) -> tuple[Film, ...]:
    """The films behind a path, none of them read yet.

    Parameters
    ----------
    path : Path
        A film's own file (DDSM, DICOM, PNG, TIFF, JPEG, PGM), a DDSM `.ics`, or a folder: a DDSM case,
        a CBIS-DDSM tree, or one patient's DICOM files.
    given : Given
        What the reader says; it wins over a sidecar beside the file, and both over the file.
    within : Path, optional
        A folder out of which nothing is searched or opened, through links either. Without it, films of
        CBIS-DDSM are joined with the csv files above them, wherever these lie.

    Returns
    -------
    tuple of Film
        At least one; a case in the order RCC, LCC, RMLO, LMLO.

    Raises
    ------
    UnreadableScan
        If there is no film, in one sentence that says what to do.
    """
    path = Path(path)
    if within is not None:
        check_links(path, within)
    return films_at(path, given, within)


def films_at(path: Path, given: Given = _NOTHING, within: Path | None = None) -> tuple[Film, ...]:
    """As `open_case`, for a caller who has checked the links of the case himself."""
    if given.spacing_mm is not None:
        check_spacing(given.spacing_mm, "The spacing given")
    if _is_folder(path):
        return _open_folder(path, given, within)
    return _open_file(path, sidecar.completed(given, path), within)


def read(path: Path, given: Given = _NOTHING) -> tuple[Mammogram, ...]:
    """Each film of `open_case`, read; the same parameters and errors, and those of the outlines.

    Raises
    ------
    UnreadableScan
    UnreadableOutlines
    """
    return tuple(film.read() for film in open_case(path, given))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _open_folder(folder: Path, given: Given, within: Path | None) -> tuple[Film, ...]:
    if cbis.recognises(folder, within):
        return cbis.open_case(folder, given, within)
    if ddsm.recognises(folder):
        return ddsm.open_case(folder, given)
    if next(dicom.files_within(folder), None) is None:
        raise UnreadableScan(
            f"{shown(folder)}: this folder holds no DDSM case (.ics), no CBIS-DDSM csv file and no DICOM "
            "file; name a film's own file"
        )
    return dicom.open_folder(folder, given)


def _open_file(path: Path, given: Given, within: Path | None) -> tuple[Film, ...]:
    start = head(regular(path), 8)
    if dicom.recognises(path):
        if cbis.recognises(path, within):
            return cbis.open_case(path, given, within)
        return dicom.open_case(path, given)
    if ddsm.recognises(path):
        return ddsm.open_case(path, given)
    if raster.recognises(path):
        return raster.open_case(path, given)
    for beginning, sentence in _FOREIGN.items():
        if start.startswith(beginning):
            raise UnreadableScan(f"{shown(path)}: {sentence}")
    raise UnreadableScan(
        f"{shown(path)}: this is not a film that can be read; open DICOM, DDSM (.ics or .LJPEG), PNG, TIFF, "
        "JPEG or PGM"
    )
