"""Compressed images inside DICOM files: their declared size, checked before they are decoded.

All are decoded by imagecodecs, which is permissively licensed and covers what pydicom's own plug-ins
need three packages for. OpenJPEG takes High-Throughput JPEG 2000 as well: `imagecodecs.htj2k_decode`
returns unset memory where a frame is damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid

from mammoview.errors import TruncatedScan, UnreadableScan
from mammoview.readers.limits import check_size

__all__ = ["Declared", "declared", "decodable", "decode"]

_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""SOF0 … SOF15 without DHT, JPG and DAC (ITU-T T.81, table B.1), and SOF55 of JPEG-LS (T.87)."""

_DECODERS: dict[str, Callable[..., Any]] = {
    uid.JPEGBaseline8Bit: imagecodecs.jpeg8_decode,
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    uid.JPEGLossless: imagecodecs.jpegsof3_decode,
    uid.JPEGLosslessSV1: imagecodecs.jpegsof3_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    uid.JPEG2000: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLossless: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLosslessRPCL: imagecodecs.jpeg2k_decode,
    uid.HTJ2K: imagecodecs.jpeg2k_decode,
}


_MUST_END = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSLossless, uid.JPEGLSNearLossless)
"""Syntaxes whose decoder fills what is missing with grey and says nothing, or searches it for seconds."""
_END_OF_IMAGE = b"\xff\xd9"


class Declared(NamedTuple):
    """What a codestream says of itself; `marker` is the second byte of its frame header's marker."""

    marker: int
    rows: int
    columns: int


def decodable(syntax: str) -> bool:
    """Whether frames of this DICOM transfer syntax can be decoded."""
    return syntax in _DECODERS or syntax == uid.RLELossless


def decode(frame: bytes, syntax: str, shape: tuple[int, int], bits: int, name: str) -> NDArray[Any]:
    """Decode one frame of a compressed DICOM image.

    Parameters
    ----------
    frame : bytes
    syntax : str
        Transfer syntax UID, one that is `decodable`.
    shape : (int, int)
        Rows and columns that the DICOM header states.
    bits : int
        Bits allocated, 8 or 16.
    name : str
        The file's name, for messages.

    Returns
    -------
    ndarray of shape (rows, columns), 8- or 16-bit integers

    Raises
    ------
    UnreadableScan
        If the codestream declares another size than the header.
    TruncatedScan
        If it ends early.
    """
    if syntax == uid.RLELossless:
        kind = np.dtype(f"<u{bits // 8}")
        return np.frombuffer(imagecodecs.dicomrle_decode(frame, kind), kind).reshape(shape)
    said = declared(frame)
    check_size(said.rows, said.columns, name)
    if (said.rows, said.columns) != shape:
        raise UnreadableScan(
            f"{name}: its header says {shape[0]} × {shape[1]} pixels and its image "
            f"{said.rows} × {said.columns}; get the file again from the archive"
        )
    if syntax in _MUST_END and not frame.rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise TruncatedScan(
            f"{name}: the image ends before its last pixel; get the file again from the archive"
        )
    return np.asarray(_DECODERS[syntax](frame)).reshape(shape)


def declared(stream: bytes) -> Declared:
    """Size of a JPEG, JPEG-LS or JPEG 2000 codestream from its header; raises ValueError if there is none."""
    start = stream[:4096].find(b"\xff\x4f\xff\x51")
    if stream[:2] == b"\xff\xd8":
        return _jpeg(stream)
    if start < 0:
        raise ValueError("neither JPEG nor JPEG 2000")
    x1, y1, x0, y0 = struct.unpack_from(">4I", stream, start + 8)
    return Declared(0x51, y1 - y0, x1 - x0)


def _jpeg(stream: bytes) -> Declared:
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker in _FRAME_MARKERS:
            rows, columns = struct.unpack_from(">HH", stream, at + 5)
            return Declared(marker, rows, columns)
        # 0xFF may be repeated to fill; every other segment before the frame header has a length.
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", stream, at + 2)[0]
    raise ValueError("a JPEG file without a frame header")
