"""DICOM mammograms: side, view, millimetres and grey, and nothing that names the patient."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydicom import Dataset
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
)

from mammoview.domain import Film, Given, Laterality, Mammogram, View
from mammoview.errors import UnreadableScan
from mammoview.readers import placing, presentation
from mammoview.readers.annotated import DIGITISED
from mammoview.readers.dicom_pixels import Stored, read_header, read_stored, recognises
from mammoview.readers.guard import not_blank, shown, unreadable_as
from mammoview.readers.limits import plausible_spacing

__all__ = [
    "DIGITAL",
    "files_within",
    "hanging",
    "open_case",
    "open_folder",
    "pseudonym",
    "read_film",
    "recognises",
    "with_study",
]

_PROJECTIONS = frozenset({"", "MG", "CR", "DX", "RG", "OT", "SC"})
"""Modalities (0008,0060) under which mammograms are kept; anything but MG is remarked upon."""

DIGITAL: Final = "digital mammogram"
"""The kind of scan that a digital system took, in `Mammogram.facts["Kind"]`; see `annotated.DIGITISED`."""

_DIGITAL_CLASSES = frozenset(
    {
        BreastTomosynthesisImageStorage,
        DigitalMammographyXRayImageStorageForPresentation,
        DigitalMammographyXRayImageStorageForProcessing,
    }
)

_MOST_FILES = 20_000
_MOST_MAGNIFIED = 5.0

_VIEW_CODES = {
    "399162004": View.CC,
    "R-10242": View.CC,
    "399368009": View.MLO,
    "R-10226": View.MLO,
    "399260004": View.ML,
    "R-10224": View.ML,
    "399352003": View.LM,
    "R-10228": View.LM,
    "399099002": View.LMO,
    "R-10230": View.LMO,
    "399192008": View.XCCL,
    "R-1024A": View.XCCL,
    "399101009": View.XCCM,
    "R-1024B": View.XCCM,
    "399196006": View.FB,
    "R-10244": View.FB,
    "441555000": View.ISO,
    "R-40AAA": View.ISO,
    "399188001": View.SIO,
    "R-102D0": View.SIO,
}
"""Context group 4014, "View for Mammography": SNOMED CT codes, and the SRT codes of older files."""

_SHOWN = {
    "Manufacturer": "Manufacturer",
    "ManufacturerModelName": "Model",
    "PresentationIntentType": "Intent",
    "KVP": "kVp",
    "BodyPartThickness": "Compressed thickness in mm",
}


def open_case(path: Path, given: Given) -> tuple[Film, ...]:
    """The one film of a DICOM file; its header is read, its pixels are not.

    Raises
    ------
    UnreadableScan
        If it is not DICOM or no mammogram.
    """
    return (with_study(path, given)[0],)


def with_study(path: Path, given: Given) -> tuple[Film, str]:
    """The film of `open_case`, and what tells the study that it was taken in; empty where nothing does.

    A digest of Study Instance UID and patient, so that two patients never share one; it names neither.
    """
    with unreadable_as(path, "DICOM mammogram"):
        header = read_header(path)
        _check_kind(header, path)
        side, view = given.laterality or _side(header), given.view or _view(header)
        film = Film(pseudonym(header, path), side, view, partial(read_film, path, given))
        study = str(header.get("StudyInstanceUID") or "").strip()
        whose = repr((study, str(header.get("PatientID", "")), str(header.get("PatientName", ""))))
        return film, hashlib.sha256(whose.encode(errors="replace")).hexdigest() if study else ""


def open_folder(folder: Path, given: Given) -> tuple[Film, ...]:
    """All mammograms in a folder and below it: one patient's case, RCC LCC RMLO LMLO first.

    Raises
    ------
    UnreadableScan
        If there is none, or they are of several patients.
    """
    films: list[Film] = []
    patients: set[str] = set()
    for path in files_within(folder):
        try:
            films += open_case(path, given)
        except UnreadableScan:
            continue
        patients.add(str(read_header(path).get("PatientID", "")))
    if not films:
        raise UnreadableScan(f"{shown(folder)}: none of the DICOM files in this folder is a mammogram")
    if len(patients - {""}) > 1:
        raise UnreadableScan(
            f"{shown(folder)}: the DICOM files in this folder are of {len(patients - {''})} patients; "
            "name one film, or a folder that holds one patient's"
        )
    return tuple(sorted(films, key=hanging))


def hanging(film: Film) -> tuple[int, bool, str]:
    """Sort key: CC before MLO before the rest, right before left."""
    rank = {View.CC: 0, View.MLO: 1}.get(film.view, 2) if film.view else 3
    return rank, film.laterality is not Laterality.RIGHT, film.source


def files_within(folder: Path) -> Iterator[Path]:
    """DICOM files of a folder and those below it, by name; links are not followed."""
    paths = (Path(at) / name for at, _, names in sorted(os.walk(folder)) for name in sorted(names))
    for path in islice(paths, _MOST_FILES):
        try:
            if not path.is_symlink() and path.is_file() and recognises(path):
                yield path
        except UnreadableScan:
            continue


def read_film(path: Path, given: Given) -> Mammogram:
    """Read the first frame of a DICOM mammogram.

    Raises
    ------
    UnreadableScan
        If it is damaged, too large, compressed in an unknown way, in colour, or no mammogram.
    """
    with unreadable_as(path, "DICOM mammogram"):
        _check_kind(read_header(path), path)
        return _mammogram(read_stored(path, partial=given.partial), path, given)


def _mammogram(stored: Stored, path: Path, given: Given) -> Mammogram:
    header = stored.header
    name = pseudonym(header, path)  # warnings are exported, and a file's name may name the patient
    shown_as = presentation.grey(stored)
    pixels = shown_as.pixels
    not_blank(pixels, name)
    spacing, spacing_source, doubts = _spacing(header, given)
    shape = (pixels.shape[0], pixels.shape[1])
    outlines, placed = placing.drawn_on(given.outlines, shape, name) if given.outlines else ((), ())
    missing = ("the file ends early; what is missing is shown as one grey",) if stored.missing else ()
    said = (*shown_as.remarks, *doubts, *missing, *_remarks(header, given))
    return Mammogram(
        pixels=pixels,
        source=name,
        laterality=given.laterality or _side(header),
        view=given.view or _view(header),
        spacing_mm=spacing,
        spacing_source=spacing_source,
        outlines=outlines,
        voi=shown_as.voi,
        facts=_facts(header),
        warnings=(*(f"{name}: {remark}" for remark in said), *placed),
        annotation_warnings=placed,
    )


def pseudonym(header: Dataset, path: Path) -> str:
    """A name without patient data: `DICOM-` and the first 8 hex digits of the SOP Instance UID's sha256."""
    instance = str(header.get("SOPInstanceUID", "")) or path.stem
    return f"DICOM-{hashlib.sha256(instance.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _check_kind(header: Dataset, path: Path) -> None:
    modality = _word(header, "Modality")
    if modality not in _PROJECTIONS:
        raise UnreadableScan(
            f"{shown(path)}: this is a DICOM file of modality {modality[:16]!r}; choose a mammogram (MG)"
        )
    if "Rows" not in header:
        raise UnreadableScan(f"{shown(path)}: this DICOM file holds no picture; choose the mammogram itself")


def _word(item: Dataset, keyword: str) -> str:
    """A code string, or the empty string."""
    return str(item.get(keyword) or "").strip().upper()


def _within(header: Dataset, *keywords: str) -> Dataset:
    """First item of nested sequences; an empty data set where one of them is missing."""
    for keyword in keywords:
        header = (header.get(keyword) or [Dataset()])[0]
    return header


def _side(header: Dataset) -> Laterality | None:
    frame = _within(header, "SharedFunctionalGroupsSequence", "FrameAnatomySequence")
    words = (_word(header, "ImageLaterality"), _word(header, "Laterality"), _word(frame, "FrameLaterality"))
    return next((Laterality(word) for word in words if word in ("L", "R")), None)


def _view(header: Dataset) -> View | None:
    code = _VIEW_CODES.get(_word(_within(header, "ViewCodeSequence"), "CodeValue"))
    position = _word(header, "ViewPosition")
    return code or (View(position) if position in list(View) else None)


def _spacing(header: Dataset, given: Given) -> tuple[tuple[float, float] | None, str, tuple[str, ...]]:
    """Millimetres down and across, where they come from, and remarks; PS3.3 10.7.1.3."""
    if given.spacing_mm is not None:
        return (given.spacing_mm, given.spacing_mm), given.spacing_source, ()
    spacing, source = _stated_spacing(header)
    if spacing and not all(map(plausible_spacing, spacing)):
        down, across = spacing
        said = f"its spacing of {down:g} × {across:g} mm per pixel is not a mammogram's; give its millimetres"
        return None, "", (said,)
    return spacing, source, () if spacing else ("it does not say its millimetres per pixel; give them",)


def _stated_spacing(header: Dataset) -> tuple[tuple[float, float] | None, str]:
    """Millimetres down and across as the file has them, and by which of its attributes."""
    measures = _within(header, "SharedFunctionalGroupsSequence", "PixelMeasuresSequence")
    pixel = _pair(header.get("PixelSpacing")) or _pair(measures.get("PixelSpacing"))
    detector = _pair(header.get("ImagerPixelSpacing"))
    calibration = _word(header, "PixelSpacingCalibrationType")
    if pixel and (calibration or detector is None or pixel != detector):
        return pixel, f"DICOM Pixel Spacing, {calibration.lower() or 'calibration unstated'}"
    if detector:
        factor = _magnification(header.get("EstimatedRadiographicMagnificationFactor"))
        divided = f", divided by the magnification {factor:g}" if factor else ""
        down, across = (mm / (factor or 1.0) for mm in detector)
        return (down, across), f"DICOM Imager Pixel Spacing, at the detector{divided}"
    return None, ""


def _pair(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        return None
    down, across = (_number(mm) for mm in value)
    return None if down is None or across is None else (down, across)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        return None


def _magnification(value: Any) -> float | None:
    """Source to detector over source to breast, if it is one that a mammography unit can have."""
    factor = _number(value)
    return factor if factor is not None and 1 <= factor <= _MOST_MAGNIFIED else None


def _remarks(header: Dataset, given: Given) -> Iterator[str]:
    if int(header.get("NumberOfFrames") or 1) > 1:
        yield f"it holds {header.NumberOfFrames} frames; only the first is shown"
    if _word(header, "BurnedInAnnotation") == "YES":
        yield "text is burned into the picture and may name the patient"
    if _word(header, "Modality") != "MG":
        yield "the file does not say that it is a mammogram"
    if given.as_size:
        yield "a true size was given and is not used: a DICOM image has its own"


def _kind(header: Dataset) -> str:
    """Film or digital, where Detector Type (PS3.3 C.8.11.4) or the SOP Class says it; else empty."""
    detector = _word(header, "DetectorType")
    if detector == "FILM":
        return DIGITISED
    digital = (
        detector in ("DIRECT", "SCINTILLATOR", "STORAGE") or header.get("SOPClassUID") in _DIGITAL_CLASSES
    )
    return DIGITAL if digital else ""


def _facts(header: Dataset) -> dict[str, str]:
    said = {"Kind": _kind(header)}
    said |= {label: str(header.get(keyword, "")).strip() for keyword, label in _SHOWN.items()}
    modifier = _within(header, "ViewCodeSequence", "ViewModifierCodeSequence").get("CodeMeaning", "")
    return {label: text for label, text in {**said, "View modifier": str(modifier)}.items() if text}
