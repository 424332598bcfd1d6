"""DICOM mammograms of known pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

DicomWriter = Callable[..., Path]


def mammogram_dataset(pixels: NDArray[Any], bits_stored: int | None = None) -> Dataset:
    """The attributes that every image here has; others are set by the test."""
    allocated = 8 * pixels.itemsize
    ds = Dataset()
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientName, ds.PatientID = "Muster^Erika", "PAT-4711"
    ds.Modality = "MG"
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored = allocated, bits_stored or allocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    return ds


@pytest.fixture
def write_dicom(tmp_path: Path) -> DicomWriter:
    def write(
        pixels: NDArray[Any],
        path: Path = tmp_path / "film.dcm",
        *,
        bits_stored: int | None = None,
        syntax: UID = ExplicitVRLittleEndian,
        frame: bytes = b"",
        data: bytes | None = None,
        **attributes: Any,
    ) -> Path:
        ds = mammogram_dataset(pixels, bits_stored)
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        order = "<" if syntax.is_little_endian else ">"
        native = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes() if data is None else data
        ds.PixelData = encapsulate([frame]) if frame else native
        ds["PixelData"].VR = "OB" if frame or pixels.itemsize == 1 else "OW"
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = syntax
        meta.MediaStorageSOPClassUID = ds.SOPClassUID
        meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        file = FileDataset(
            str(path),
            ds,
            file_meta=meta,
            preamble=b"\0" * 128,
            is_implicit_VR=syntax.is_implicit_VR,
            is_little_endian=syntax.is_little_endian,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        file.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
        return path

    return write
