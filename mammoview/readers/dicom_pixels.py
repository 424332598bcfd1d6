"""The header and the stored values of a DICOM image; only the first frame is ever read."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread, uid
from pydicom.encaps import get_frame
from pydicom.filereader import read_file_meta_info

from mammoview.errors import TruncatedScan, UnreadableScan
from mammoview.readers import codestreams
from mammoview.readers.guard import head, regular, shown, unreadable_as
from mammoview.readers.limits import check_size

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Stored", "read_header", "read_stored", "recognises", "syntax_of"]

_PIXEL_DATA = 0x7FE00010
_LARGEST_ELEMENT = 4 * 1024**2
"""Bytes; a larger element stays in the file until it is asked for, so that no header fills the memory."""
_LARGEST_HEADER = 32 * 1024**2
"""Bytes before the pixels, larger elements apart; the tables of a signed film have some hundred thousand."""
_BEGINNING = b"\x08\x00"
"""First group of a data set that was written without preamble and file meta information."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a DICOM file holds of its first frame.

    Attributes
    ----------
    header : Dataset
        Everything before the pixels.
    codes : ndarray of shape (H, W), uint16
        Stored values as bit patterns, 0 … 2^Bits Stored - 1; two's complement where signed.
    missing : bool
        Whether the file ended early and the rest was filled with 0.
    """

    header: Dataset
    codes: NDArray[np.uint16]
    missing: bool = False


def recognises(path: Path) -> bool:
    """Whether the file begins as DICOM does: with its preamble, or with a data set without one."""
    start = head(path, 132)
    return start[128:] == b"DICM" or (start.startswith(_BEGINNING) and b"\0" in start[2:8])


def read_header(path: Path) -> Dataset:
    """Everything before the pixels.

    Raises
    ------
    UnreadableScan
        If it is not DICOM, or is deflated as a whole (its true size cannot be known beforehand).
    """
    with unreadable_as(path, "DICOM file"):
        preamble = head(path, 132)[128:] == b"DICM"
        if (
            preamble
            and read_file_meta_info(path).get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian
        ):
            raise UnreadableScan(
                f"{shown(path)}: the whole file is deflated; convert it to Explicit VR Little Endian first"
            )
        with io.BufferedReader(_Sparing(regular(path))) as file:
            header = dcmread(file, stop_before_pixels=True, force=not preamble, defer_size=_LARGEST_ELEMENT)
        if not preamble and "SOPClassUID" not in header:
            raise UnreadableScan(f"{shown(path)}: this is not a DICOM file; choose a mammogram")
        return header


class _Sparing(io.FileIO):
    """A file of which no more is read than any header has; a larger element is passed over unread."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._left = _LARGEST_HEADER

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        count = super().readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise UnreadableScan(
                f"{shown(self._path)}: what it says before its pixels is longer than any film's; get it "
                "again from the archive"
            )
        return count


def syntax_of(header: Dataset) -> uid.UID:
    """Transfer syntax; DICOM's default where the file has no meta information."""
    meta = getattr(header, "file_meta", None)
    return uid.UID(
        str(meta.get("TransferSyntaxUID", uid.ImplicitVRLittleEndian) if meta else uid.ImplicitVRLittleEndian)
    )


def read_stored(path: Path, *, partial: bool = False) -> Stored:
    """Header and stored values of the first frame of a grey DICOM image.

    Raises
    ------
    UnreadableScan
        If it holds no grey image, an impossible size, or a compression that is not known.
    TruncatedScan
        If it ends before the last pixel and `partial` is False.
    """
    header = read_header(path)
    shape = _shape(header, shown(path))
    with unreadable_as(path, "DICOM file"), path.open("rb") as file:
        dcmread(file, stop_before_pixels=True, force=True)  # leaves the file at its pixels
        if not _at_pixels(file, header):
            raise UnreadableScan(f"{shown(path)}: it ends before its pixels; get it again from the archive")
        if syntax_of(header).is_encapsulated:
            return Stored(header, _codes(_encapsulated(file, header, shape, shown(path)), header))
        return _native(file, header, shape, path, partial=partial)


def _shape(header: Dataset, name: str) -> tuple[int, int]:
    if "Rows" not in header or "Columns" not in header:
        raise UnreadableScan(f"{name}: this DICOM file holds no picture; choose the mammogram itself")
    try:
        shape = int(header.Rows), int(header.Columns)
        bits = int(header.BitsAllocated), int(header.get("BitsStored", header.BitsAllocated))
    except (AttributeError, TypeError, ValueError):
        raise UnreadableScan(
            f"{name}: its header does not say how its pixels are stored; get it again"
        ) from None
    check_size(*shape, name)
    photometric = str(header.get("PhotometricInterpretation", "")).strip()
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or header.get("SamplesPerPixel", 1) != 1:
        raise UnreadableScan(
            f"{name}: its pixels are {photometric or 'of no stated kind'}, not grey; choose an image that is "
            "MONOCHROME1 or MONOCHROME2"
        )
    if bits[0] not in (8, 16) or not 1 <= bits[1] <= bits[0]:
        raise UnreadableScan(
            f"{name}: it stores {bits[1]} of {bits[0]} bits; only 8 and 16 bits are read, convert it"
        )
    _check_syntax(header, name)
    return shape


def _check_syntax(header: Dataset, name: str) -> None:
    syntax = syntax_of(header)
    native = syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
    if not native and not codestreams.decodable(syntax):
        raise UnreadableScan(
            f"{name}: its compression ({syntax.name}) is not known; "
            "convert it to Explicit VR Little Endian first"
        )


def _at_pixels(file: BinaryIO, header: Dataset) -> bool:
    """Move past the header of the Pixel Data element; False if it is not there."""
    syntax = syntax_of(header)
    order = "<" if syntax.is_little_endian else ">"
    start = file.read(8 if syntax.is_implicit_VR else 12)
    if len(start) < 8:
        return False
    group, element = struct.unpack_from(f"{order}HH", start)
    return bool(group << 16 | element == _PIXEL_DATA)


def _encapsulated(file: BinaryIO, header: Dataset, shape: tuple[int, int], name: str) -> NDArray[Any]:
    offsets = header.get("ExtendedOffsetTable"), header.get("ExtendedOffsetTableLengths")
    frame = get_frame(
        file,
        0,
        extended_offsets=offsets if all(offsets) else None,
        number_of_frames=int(header.get("NumberOfFrames") or 1),
    )
    return codestreams.decode(frame, syntax_of(header), shape, int(header.BitsAllocated), name)


def _native(file: BinaryIO, header: Dataset, shape: tuple[int, int], path: Path, *, partial: bool) -> Stored:
    width = int(header.BitsAllocated) // 8
    needed = shape[0] * shape[1] * width
    raw = file.read(needed)
    missing = len(raw) < needed
    if missing and not (partial and len(raw) >= width):
        raise TruncatedScan(
            f"{shown(path)}: the file ends before its last pixel; get it again from the archive"
        )
    order = "<" if syntax_of(header).is_little_endian else ">"
    values = np.frombuffer(raw.ljust(needed, b"\0"), f"{order}u{width}").reshape(shape)
    bits = int(header.get("BitsStored", header.BitsAllocated))
    shift = max(0, int(header.get("HighBit", bits - 1)) - bits + 1)
    return Stored(header, _codes(values >> shift if shift else values, header), missing)


def _codes(values: NDArray[Any], header: Dataset) -> NDArray[np.uint16]:
    """Keep Bits Stored bits: what stands above them is overlay or sign."""
    mask = (1 << int(header.get("BitsStored", header.BitsAllocated))) - 1
    return np.asarray(values & mask).astype(np.uint16)
