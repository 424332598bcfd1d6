"""Films kept as pictures: PNG, TIFF, JPEG and PGM, 8 or 16 bits of grey."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mammoview.domain import Film, Given, Mammogram
from mammoview.errors import OversizedScan, TruncatedScan, UnreadableScan
from mammoview.readers import placing, titles
from mammoview.readers.codestreams import declared
from mammoview.readers.guard import head, not_blank, printable, regular, shown, unreadable_as
from mammoview.readers.limits import check_size

__all__ = ["open_case", "read_film", "recognises"]

_FORMATS = ("PNG", "TIFF", "JPEG", "PPM")
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"P5")
_GREY_SPREAD = 8
"""Of 255: how far the channels of a grey film may differ after JPEG's rounding."""
_COLOURED_SHARE = 0.001
_LOSSLESS = 0xC3
_WHITE_IS_ZERO = 0
_PHOTOMETRIC = 262


def recognises(path: Path) -> bool:
    """Whether the file begins as one of the picture formats does."""
    return head(path, 8).startswith(_BEGINNINGS)


def open_case(path: Path, given: Given) -> tuple[Film, ...]:
    """The one film of a picture file, not read yet."""
    side, view = titles.side_and_view(path.name)
    return (
        Film(
            printable(path.stem),
            given.laterality or side,
            given.view or view,
            partial(read_film, path, given),
        ),
    )


def read_film(path: Path, given: Given) -> Mammogram:
    """Read a picture as a film.

    Values are kept as stored, 0 … 255 or 0 … 65535; with `given.as_size` they are resampled to the true
    size, and `sampling_mm` says how coarse the stored samples are.

    Raises
    ------
    UnreadableScan
        If it is damaged, too large, in colour, or holds nothing but one value.
    UnreadableOutlines
        If `given.outlines` cannot be placed on it.
    """
    stored, warnings = _grey(regular(path))
    name = shown(path)
    not_blank(stored, name)
    side, view = titles.side_and_view(path.name)
    size = given.as_size or (stored.shape[0], stored.shape[1])
    spacing = None if given.spacing_mm is None else (given.spacing_mm, given.spacing_mm)
    outlines, placed = placing.drawn_on(given.outlines, size, name) if given.outlines else ((), ())
    pixels = placing.at_true_size(stored, size, name) if size != stored.shape else stored
    return Mammogram(
        pixels=pixels.astype(np.uint16),
        source=printable(path.stem),
        laterality=given.laterality or side,
        view=given.view or view,
        spacing_mm=spacing,
        spacing_source=given.spacing_source if spacing else "",
        sampling_mm=placing.coarser_sampling((stored.shape[0], stored.shape[1]), size, spacing),
        outlines=outlines,
        facts={"Bits": str(8 * stored.itemsize), "Stored size": f"{stored.shape[0]} × {stored.shape[1]}"},
        warnings=(*warnings, *placed),
        annotation_warnings=placed,
    )


def _grey(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """One channel as stored, uint8 or uint16 (H, W), and warnings."""
    with unreadable_as(path, "PNG, TIFF, JPEG or PGM picture"), _opened(path) as picture:
        _check_lossy(path, picture)
        check_size(picture.height, picture.width, shown(path))
        values = _white_is_high(_one_channel(_decoded(path, picture), path), picture)
        return values, _said_of(picture, path)


def _check_lossy(path: Path, picture: Image.Image) -> None:
    if picture.format == "JPEG" and declared(head(path, 1 << 22)).marker == _LOSSLESS:
        raise UnreadableScan(f"{shown(path)}: this is lossless JPEG, as DDSM's originals are; name it .LJPEG")


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise OversizedScan(
            f"{shown(path)}: its header declares more pixels than any mammogram has; check that it is a film"
        ) from None


def _decoded(path: Path, picture: Image.Image) -> NDArray[Any]:
    if picture.format == "PPM":
        return _pgm(path, picture)
    if _deep_colour(picture):
        # Pillow keeps 8 of 16 bits of colour.
        values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None:
            raise _truncated(path)
        return np.asarray(values)
    try:
        return np.asarray(picture.convert("RGB") if picture.mode in ("P", "PA", "1") else picture)
    except OSError as error:
        if "truncated" in str(error):
            raise _truncated(path) from None
        raise


def _pgm(path: Path, picture: Image.Image) -> NDArray[Any]:
    """The numbers of a binary PGM as they are: Pillow stretches them to its own highest value."""
    kind = np.dtype("u1" if picture.mode == "L" else ">u2")
    (tile,) = getattr(picture, "tile")  # noqa: B009
    with path.open("rb") as file:
        file.seek(tile[2])
        raw = file.read(picture.height * picture.width * kind.itemsize)
    if len(raw) < picture.height * picture.width * kind.itemsize:
        raise _truncated(path)
    return np.frombuffer(raw, kind).astype(kind.newbyteorder("=")).reshape(picture.height, picture.width)


def _deep_colour(picture: Image.Image) -> bool:
    return picture.mode in ("LA", "RGB", "RGBA") and ";16" in str(getattr(picture, "tile", ""))


def _truncated(path: Path) -> TruncatedScan:
    return TruncatedScan(
        f"{shown(path)}: the file ends before its last pixel; get it again from where it came"
    )


def _one_channel(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.ndim == 3:
        values = _common_grey(values[..., : 1 if values.shape[2] < 3 else 3], path)
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise UnreadableScan(
            f"{shown(path)}: its values are not 8- or 16-bit grey; save it as 16-bit grey PNG"
        )
    return values.astype(np.uint16)


def _common_grey(channels: NDArray[Any], path: Path) -> NDArray[Any]:
    """(H, W, C) to (H, W), where the channels agree."""
    unit = np.iinfo(channels.dtype).max / 255 if channels.dtype.kind == "u" else 1.0
    coloured = np.ptp(channels, axis=2) > _GREY_SPREAD * unit
    if coloured.mean() > _COLOURED_SHARE:
        raise UnreadableScan(f"{shown(path)}: this is a colour picture, not a film; choose a grey one")
    return np.ascontiguousarray(channels[..., channels.shape[2] // 2])


def _white_is_high(values: NDArray[Any], picture: Image.Image) -> NDArray[Any]:
    """Undo TIFF's WhiteIsZero where Pillow leaves it: at 16 bits."""
    tags = getattr(picture, "tag_v2", {})
    if picture.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        return np.iinfo(values.dtype).max - values
    return values


def _said_of(picture: Image.Image, path: Path) -> tuple[str, ...]:
    if getattr(picture, "n_frames", 1) > 1:
        return (f"{shown(path)}: it holds several pictures; only the first is shown",)
    return ()
