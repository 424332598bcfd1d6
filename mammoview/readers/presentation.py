"""From stored values to grey as the image's maker meant it: DICOM PS3.3 C.11.1 and C.11.2.

Everything is worked out once for each of the 2^bits values a pixel can have, then looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_windowing

from mammoview.readers.dicom_pixels import Stored

__all__ = ["Grey", "grey"]

_TOP = np.iinfo(np.uint16).max
_LONGEST_EXPLANATION = 40
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Grey:
    """A film as it is shown.

    Attributes
    ----------
    pixels : ndarray of shape (H, W), uint16
        Larger = denser.
    voi : str
        Which window or table of the file's own was applied, in words; empty where it has none.
    remarks : tuple of str
        What the reader must know, to be prefixed with the file's name.
    """

    pixels: NDArray[np.uint16]
    voi: str
    remarks: tuple[str, ...]


def grey(stored: Stored) -> Grey:
    """Pixels as they are shown, larger = denser, over the full range of 16 bits.

    For Presentation: modality LUT or rescale, then the first VOI LUT, else the first window, else the
    whole range; MONOCHROME1 is undone last. For Processing: the negative logarithm of the X-ray
    intensity, over the range that is there.
    """
    header = stored.header
    values = _modality(_stored_values(header), header)
    if str(header.get("PresentationIntentType", "")).strip() == "FOR PROCESSING":
        shares, voi = _attenuation(values, _present(stored), header), ""
        remarks: tuple[str, ...] = (
            "this image is For Processing; it is shown after a logarithm, not as its maker would present it",
        )
    else:
        shares, voi, remarks = _voi(values, header)
        if header.PhotometricInterpretation.strip() == "MONOCHROME1":
            shares = 1.0 - shares
    if not np.isfinite(shares).all():
        raise ValueError("the header scales its pixels to no number")
    table = np.rint(shares * _TOP).astype(np.uint16)
    return Grey(table[stored.codes], voi, remarks)


def _stored_values(header: Dataset) -> NDArray[np.int64]:
    """The number that each bit pattern stands for, (2^bits,)."""
    bits = int(header.get("BitsStored", header.BitsAllocated))
    codes = np.arange(1 << bits)
    sign = 1 << (bits - 1)
    return (codes ^ sign) - sign if header.get("PixelRepresentation", 0) == 1 else codes


def _modality(values: NDArray[np.int64], header: Dataset) -> Values:
    """PS3.3 C.11.1."""
    if header.get("ModalityLUTSequence"):
        return _looked_up(values, header.ModalityLUTSequence[0])[0]
    slope, intercept = (_of_frames(header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    scaled = values * float(1 if slope is None else slope) + float(0 if intercept is None else intercept)
    return np.asarray(scaled, np.float64)


def _of_frames(header: Dataset, name: str) -> Any:
    """An attribute of the header, or of the Pixel Value Transformation of its frames (C.7.6.16.2.9)."""
    items = [header, *_items_of_frames(header, "PixelValueTransformationSequence")]
    return next((item.get(name) for item in items if item.get(name) is not None), None)


def _items_of_frames(header: Dataset, sequence: str) -> list[Dataset]:
    """What the functional groups hold under this name: for all frames, then for the first one."""
    groups = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
    firsts = [group for name in groups for group in (header.get(name) or [])[:1]]
    return [item for group in firsts for item in (group.get(sequence) or [])[:1]]


def _looked_up(values: NDArray[Any], item: Dataset) -> tuple[Values, int]:
    """Output of a LUT, and its highest possible output; PS3.3 C.11.1.1.1.

    Written here because `pydicom.pixels.apply_voi` wraps round in LUTs of 8-bit output with more than
    256 entries.
    """
    entries, first, depth = (int(number) for number in item.LUTDescriptor)
    entries %= 1 << 16  # never signed, though it travels as the pixels do
    data = item.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, "<u2" if len(data) >= 2 * (entries or 1 << 16) else "u1")
    outputs = np.asarray(data, np.float64)[: entries or 1 << 16]
    indices = np.clip(np.rint(values).astype(np.int64) - first, 0, outputs.size - 1)
    return outputs[indices], (1 << depth) - 1


def _voi(values: Values, header: Dataset) -> tuple[Values, str, tuple[str, ...]]:
    """Shares of the full grey range, 0 to 1, what gave them in words, and remarks; PS3.3 C.11.2.

    A window may also stand in the functional groups (C.7.6.16.2.10), of all frames or of the first one.
    """
    if header.get("WindowCenter") is None and not header.get("VOILUTSequence"):
        header = _window_of_frames(header)
    if header.get("VOILUTSequence"):
        outputs, highest = _looked_up(values, header.VOILUTSequence[0])
        return np.clip(outputs / highest, 0, 1), _table_in_words(header.VOILUTSequence), ()
    if header.get("WindowCenter") is not None and header.get("WindowWidth") is not None:
        try:
            window = _first_window(header)
            shares = np.asarray(apply_windowing(values, window), np.float64) / _TOP
        except (TypeError, ValueError, IndexError):
            remark = "its window cannot be used; the whole range of values is shown"
            return _whole_range(values), "", (remark,)
        return shares, _window_in_words(window, header), ()
    return _whole_range(values), "", ()


def _window_of_frames(header: Dataset) -> Dataset:
    """The item of the functional groups that holds a window, or the header itself."""
    items = _items_of_frames(header, "FrameVOILUTSequence")
    return next((item for item in items if item.get("WindowCenter") is not None), header)


def _first_window(header: Dataset) -> Dataset:
    """The first window alone, with the output range of 16 bits whatever the pixels are stored in."""
    window = Dataset()
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 16, 0
    window.WindowCenter = float(_first(header.WindowCenter))
    window.WindowWidth = float(_first(header.WindowWidth))
    window.VOILUTFunction = str(header.get("VOILUTFunction") or "LINEAR").strip().upper()
    return window


def _first(value: Any) -> Any:
    return value[0] if _count(value) else value


def _count(value: Any) -> int:
    """How many values an attribute has; 0 for one that stands alone."""
    return len(value) if isinstance(value, MultiValue | Sequence) and not isinstance(value, str) else 0


def _window_in_words(window: Dataset, header: Dataset) -> str:
    numbers = f"centre {float(window.WindowCenter):g}, width {float(window.WindowWidth):g}"
    explained = _explained(header.get("WindowCenterWidthExplanation"))
    count = _count(header.WindowCenter)
    of_several = f"; the first of {count} windows" if count > 1 else ""
    return f"{window.VOILUTFunction} window, {numbers}{explained}{of_several}"


def _table_in_words(tables: Sequence[Dataset]) -> str:
    explained = _explained(tables[0].get("LUTExplanation"))
    of_several = f"; the first of {len(tables)} tables" if len(tables) > 1 else ""
    return f"VOI LUT{explained}{of_several}"


def _explained(explanation: Any) -> str:
    words = str(_first(explanation) or "").strip()
    return f" (“{words[:_LONGEST_EXPLANATION]}”)" if words else ""


def _whole_range(values: Values) -> Values:
    low, high = values.min(), values.max()
    return np.asarray((values - low) / max(high - low, 1e-9), np.float64)


def _present(stored: Stored) -> NDArray[np.bool_]:
    """Which values occur on the film, (2^bits,)."""
    count = 1 << int(stored.header.get("BitsStored", stored.header.BitsAllocated))
    return np.bincount(stored.codes.ravel(), minlength=count) > 0


def _attenuation(values: Values, present: NDArray[np.bool_], header: Dataset) -> Values:
    """Shares of grey of a For Processing image: denser tissue lets fewer X-rays through.

    Pixel Intensity Relationship and its Sign (PS3.3 C.8.11.3.1.2) say what the values mean; without
    them they are linear, and MONOCHROME1 means that more X-rays give larger values.
    """
    sign = header.get("PixelIntensityRelationshipSign")
    dense_is_large = (
        sign == -1 if sign in (-1, 1) else header.PhotometricInterpretation.strip() == "MONOCHROME2"
    )
    top, values = values.max(), np.clip(values, values[present].min(), values[present].max())
    if str(header.get("PixelIntensityRelationship", "")).strip() == "LOG":
        return _whole_range(values if dense_is_large else -values)
    return _whole_range(-np.log(np.maximum(top - values if dense_is_large else values, 1.0)))
