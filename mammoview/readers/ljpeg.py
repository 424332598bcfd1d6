"""Lossless JPEG as DDSM has it: written by Stanford's PVRG codec, which is not quite the standard.

On the **first row** PVRG keeps the chosen predictor and takes the missing row above as 2^(P-Pt-1),
where the standard (ITU-T T.81, H.1.2.1) demands the left neighbour. Selection values 1, 4 and 5 read
the same either way; 2, 3, 6 and 7 do not, and a standard decoder spoils the whole film without a word.

Here imagecodecs undoes the Huffman code only: it is told that the predictor is 1, so that differences
along its result are the exact residuals, and the film is predicted from those by either rule.
"""

from __future__ import annotations

import heapq
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from mammoview.errors import TruncatedScan, UnreadableScan
from mammoview.readers.guard import head, shown
from mammoview.readers.limits import MOST_PIXELS, check_size

__all__ = ["FirstRow", "GreyLevels", "Header", "decode", "encode", "parse_header", "read_grey_levels"]

_SOI, _EOI, _SOF3, _DHT, _SOS, _DRI = b"\xff\xd8", b"\xff\xd9", 0xC3, 0xC4, 0xDA, 0xDD
_CATEGORIES = 17  # SSSS 0 to 16: how many bits a residual needs (T.81, table H.2)
_LONGEST_CODE = 16
_MOST_BITS = 32  # a code of 16 bits and as many extra ones
_BAND = 1 << 20  # residuals packed at once, to bound the memory
_MOST_BYTES = 4 * MOST_PIXELS

_RESIDUALS = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
_CATEGORY = np.ceil(np.log2(np.abs(_RESIDUALS) + 1.0)).astype(np.uint8)
"""SSSS of each residual modulo 2^16."""
_EXTRA_BITS = np.where(_CATEGORY == 16, 0, _CATEGORY).astype(np.uint8)


class FirstRow(Enum):
    """How the first row is predicted, where no row lies above it."""

    PVRG = "PVRG"
    STANDARD = "the JPEG standard"


@dataclass(frozen=True, slots=True)
class Header:
    """What a lossless JPEG says of itself.

    Attributes
    ----------
    bits : int
        Precision P of a sample.
    rows, columns : int
        As written; DDSM has files with the two swapped.
    predictor : int
        Selection value SS, 1 to 7.
    point_transform : int
        Bits dropped from each sample before coding, Pt.
    code_counts, code_values : bytes
        The Huffman table: codes of 1 to 16 bits, and the category of each.
    data_start : int
        Offset of the first entropy-coded byte.
    """

    bits: int
    rows: int
    columns: int
    predictor: int
    point_transform: int
    code_counts: bytes
    code_values: bytes
    data_start: int

    @property
    def middle(self) -> int:
        """The sample predicted where there is no neighbour: 2^(P-Pt-1)."""
        return 1 << (self.bits - self.point_transform - 1)

    def bits_of_residuals(self) -> NDArray[np.uint8]:
        """Bits that each residual modulo 2^16 takes in the file, (65536,); 0 for one without a code."""
        lengths = np.zeros(_CATEGORIES, np.uint8)
        coded = np.repeat(np.arange(1, 17), list(self.code_counts))
        lengths[list(self.code_values)] = coded
        return np.where(lengths[_CATEGORY] > 0, lengths[_CATEGORY] + _EXTRA_BITS, 0).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class GreyLevels:
    """A film as the digitiser wrote it, before optical density.

    Attributes
    ----------
    levels : ndarray of shape (H, W), uint16
        0 to 2^bits - 1; high = light film = dense tissue.
    bits : int
    rows_read : int
        Rows that the file holds completely; the others are 0. H unless a part was asked for.
    warnings : tuple of str
    """

    levels: NDArray[np.uint16]
    bits: int
    rows_read: int
    warnings: tuple[str, ...] = ()


def read_grey_levels(path: Path, first_row: FirstRow = FirstRow.PVRG, partial: bool = False) -> GreyLevels:
    """Grey levels of a `.LJPEG` file, gzipped or not.

    Parameters
    ----------
    path : Path
    first_row : FirstRow
        PVRG for every file of DDSM.
    partial : bool
        Accept a file that ends early: its complete rows are returned and the rest is 0.

    Raises
    ------
    TruncatedScan
        If the file ends before its last pixel, and no part was asked for.
    OversizedScan
        If the header declares more pixels than any film has.
    UnreadableScan
        If it is not a lossless JPEG of one grey component.
    """
    name, data = shown(path), head(path, _MOST_BYTES)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, name)
    return decode(data, name, first_row, partial)


def decode(
    data: bytes, name: str = "the film", first_row: FirstRow = FirstRow.PVRG, partial: bool = False
) -> GreyLevels:
    """Grey levels of a lossless JPEG in memory; see `read_grey_levels`.

    `name` is the file's, for messages.
    """
    header = parse_header(data, name)
    residuals, complete = _residuals(data, header, name)
    warnings: list[str] = []
    if complete < header.rows:
        if not partial or complete == 0:
            raise TruncatedScan(_truncated(name, complete, header.rows, partial))
        warnings.append(f"{name} ends after {complete} of its {header.rows} rows; the rest is shown as air")
    if _other_rule_is_smoother(residuals[0], header, first_row):
        warnings.append(_not_smooth(name, first_row))
    levels = np.zeros((header.rows, header.columns), np.uint16)
    levels[:complete] = _reconstruct(residuals[:complete], header, first_row) << header.point_transform
    return GreyLevels(levels, header.bits, complete, tuple(warnings))


def encode(
    pixels: NDArray[Any], bits: int = 12, predictor: int = 7, first_row: FirstRow = FirstRow.PVRG
) -> bytes:
    """Write a lossless JPEG as PVRG does: SOI, SOF3, DHT, SOS, data, EOI.

    Parameters
    ----------
    pixels : ndarray of shape (H, W), unsigned integers
        Grey levels below 2^bits.
    bits : int
        Precision, 2 to 16; DDSM has 12 and 16.
    predictor : int
        Selection value, 1 to 7 (ITU-T T.81, table H.1).
    first_row : FirstRow

    Returns
    -------
    bytes
        The whole file. The Huffman table is fitted to this film.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    levels = np.ascontiguousarray(pixels)
    if levels.ndim != 2 or levels.size == 0 or max(levels.shape) > 0xFFFF:
        raise ValueError(f"pixels must be (H, W) with sides of 1 to 65535, not {levels.shape}")
    if not 2 <= bits <= 16 or predictor not in _PREDICTORS:
        raise ValueError(f"bits must be 2 to 16 and predictor 1 to 7, not {bits} and {predictor}")
    if levels.min() < 0 or levels.max() >= 1 << bits:
        raise ValueError(f"pixels must be 0 to {(1 << bits) - 1}, not {levels.min()} to {levels.max()}")
    residuals = _predicted_away(levels.astype(np.int32), bits, predictor, first_row)
    lengths = _code_lengths(np.bincount(_CATEGORY[residuals].reshape(-1), minlength=_CATEGORIES))
    counts, values = _table(lengths)
    start = _segments(bits, levels.shape[0], levels.shape[1], predictor, counts, values)
    return start + _packed(residuals, lengths, values).replace(b"\xff", b"\xff\x00") + _EOI


def parse_header(data: bytes, name: str = "the film") -> Header:
    """Read the segments before the entropy-coded data; the size is checked here.

    Raises
    ------
    UnreadableScan
        If the bytes are not a lossless JPEG of one component without restarts.
    OversizedScan
        If the header declares more pixels than any film has.
    """
    if data[:2] != _SOI:
        raise UnreadableScan(f"{name} is not a lossless JPEG file; check that it is a DDSM .LJPEG film")
    frame, tables, position = b"", dict[int, tuple[bytes, bytes]](), 2
    while True:
        marker, segment, position = _segment(data, position, name)
        if marker == _SOF3:
            frame = segment
        elif 0xC0 <= marker <= 0xCF and marker != _DHT:
            raise UnreadableScan(
                f"{name} is a JPEG but not a lossless one; open it under its own ending, .jpg"
            )
        elif marker == _DHT:
            tables |= _huffman_tables(segment, name)
        elif marker == _DRI and any(segment):
            raise UnreadableScan(
                f"{name} holds restart intervals, which no DDSM film has; convert it to PNG or TIFF"
            )
        elif marker == _SOS:
            return _header(frame, segment, tables, position, name)


def _segment(data: bytes, position: int, name: str) -> tuple[int, bytes, int]:
    while data[position : position + 2] == b"\xff\xff":  # fill bytes
        position += 1
    start = data[position : position + 4]
    length = int.from_bytes(start[2:4], "big")
    end = position + 2 + length
    if start[:1] != b"\xff" or len(start) < 4 or length < 2 or end > len(data):
        raise TruncatedScan(f"{name} breaks off or is damaged within its header; get the whole file again")
    return start[1], data[position + 4 : end], end


def _huffman_tables(segment: bytes, name: str) -> dict[int, tuple[bytes, bytes]]:
    tables, position = {}, 0
    while position < len(segment):
        destination, counts = segment[position], segment[position + 1 : position + 17]
        values = segment[position + 17 : position + 17 + sum(counts)]
        _check_table(counts, values, name)
        tables[destination & 15] = counts, values
        position += 17 + len(values)
    return tables


def _check_table(counts: bytes, values: bytes, name: str) -> None:
    used = sum(count << (_LONGEST_CODE - length) for length, count in enumerate(counts, 1))
    sound = len(counts) == 16 and 0 < len(values) == sum(counts) == len(set(values))
    if not sound or max(values) >= _CATEGORIES or used > 1 << _LONGEST_CODE:
        raise UnreadableScan(f"{name}: its Huffman table is damaged; get the file again")


def _header(
    frame: bytes, scan: bytes, tables: dict[int, tuple[bytes, bytes]], start: int, name: str
) -> Header:
    if len(frame) != 9 or frame[5] != 1 or len(scan) != 6 or scan[0] != 1:
        raise UnreadableScan(
            f"{name} is not a lossless JPEG film of one grey component; check that it is a film"
        )
    bits, rows, columns = struct.unpack(">BHH", frame[:5])
    table, predictor, transform = scan[2] >> 4, scan[3], scan[5] & 15
    if not 2 <= bits <= 16 or predictor not in _PREDICTORS or transform >= bits or table not in tables:
        raise UnreadableScan(f"{name}: its lossless JPEG header is damaged; get the file again")
    check_size(rows, columns, name)
    return Header(bits, rows, columns, predictor, transform, *tables[table], start)


def _residuals(data: bytes, header: Header, name: str) -> tuple[NDArray[np.uint16], int]:
    """Residuals modulo 2^16, (H, W), and how many of the rows the file really holds."""
    entropy = data[header.data_start :]
    entropy = entropy[: _end_of_scan(entropy)]
    held = 8 * (len(entropy) - entropy.count(b"\xff\x00"))
    rows = min(header.rows, held // header.columns + 1)  # a pixel takes a bit at least
    start = _segments(16, rows, header.columns, 1, header.code_counts, header.code_values)
    # Zeros beyond the end: the decoder runs on to the last pixel and must find memory of ours there.
    padded = b"".join([start, entropy, bytes(rows * header.columns * _MOST_BITS // 8 + 16), _EOI])
    try:
        running = imagecodecs.ljpeg_decode(padded)
    except Exception as error:
        raise UnreadableScan(f"{name}: its compressed data are damaged; get the file again") from error
    if running.shape != (rows, header.columns) or running.dtype != np.uint16:
        raise UnreadableScan(f"{name}: its compressed data are damaged; get the file again")
    residuals = running.copy()
    residuals[:, 1:] -= running[:, :-1]
    residuals[1:, 0] -= running[:-1, 0]
    residuals[0, 0] ^= np.uint16(1 << 15)  # the decoder began at the middle of 16 bits
    needed = header.bits_of_residuals()[residuals].sum(axis=1, dtype=np.int64).cumsum()
    return residuals, int(np.searchsorted(needed, held, side="right"))


def _end_of_scan(entropy: bytes) -> int:
    """Where the entropy-coded bytes end: before the first marker (a 0xFF that is not followed by 0)."""
    values = np.frombuffer(entropy, np.uint8)
    marks = np.flatnonzero((values[:-1] == 0xFF) & (values[1:] != 0))
    return int(marks[0]) if marks.size else len(entropy)


def _reconstruct(residuals: NDArray[np.uint16], header: Header, first_row: FirstRow) -> NDArray[np.uint16]:
    """Samples from residuals, (H, W) both, modulo 2^16."""
    samples = residuals.copy()
    samples[0] = _first_row(residuals[0], header, first_row)
    samples[:, 0] = np.cumsum(samples[:, 0], dtype=np.uint16)
    _PREDICTORS[header.predictor](samples)
    return samples


def _first_row(residuals: NDArray[np.uint16], header: Header, first_row: FirstRow) -> NDArray[np.uint16]:
    """Samples of the first row from its residuals, (W,) both."""
    left_only = first_row is FirstRow.STANDARD or header.predictor in (1, 4, 5)
    if left_only or header.predictor in (2, 3):
        row = residuals.copy()
        row[:1] += np.uint16(header.middle)
        if left_only:
            return np.cumsum(row, dtype=np.uint16)
        row[1:] += np.uint16(header.middle)
        return row
    return _halved_first_row(residuals, header.middle, header.predictor)


def _halved_first_row(residuals: NDArray[np.uint16], middle: int, predictor: int) -> NDArray[np.uint16]:
    left, row = middle, []
    for number, residual in enumerate(residuals.tolist()):
        predicted = middle + ((left - middle) >> 1) if predictor == 6 else (left + middle) >> 1
        left = (residual + (predicted if number else middle)) & 0xFFFF
        row.append(left)
    return np.array(row, np.uint16)


def _from_left(samples: NDArray[np.uint16]) -> None:
    samples[1:] = np.cumsum(samples[1:], axis=1, dtype=np.uint16)


def _from_above(samples: NDArray[np.uint16]) -> None:
    samples[:, 1:] = np.cumsum(samples[:, 1:], axis=0, dtype=np.uint16)


def _from_corner(samples: NDArray[np.uint16]) -> None:
    for above, row in pairwise(samples):
        row[1:] += above[:-1]


def _from_plane(samples: NDArray[np.uint16]) -> None:
    samples[0, 1:] = np.diff(samples[0])
    samples[:, 1:] = np.cumsum(samples[:, 1:], axis=0, dtype=np.uint16)
    np.cumsum(samples, axis=1, dtype=np.uint16, out=samples)


def _from_left_and_half_above(samples: NDArray[np.uint16]) -> None:
    for above, row in pairwise(samples):
        row[1:] += (np.diff(above.astype(np.int32)) >> 1).astype(np.uint16)
        np.cumsum(row, dtype=np.uint16, out=row)


def _from_above_and_half_left(samples: NDArray[np.uint16]) -> None:
    columns = np.ascontiguousarray(samples.T)
    _from_left_and_half_above(columns)
    samples[:] = columns.T


def _from_mean(samples: NDArray[np.uint16]) -> None:
    """Along anti-diagonals: all that a sample needs lies on the one before."""
    rows, columns = samples.shape
    flat, step = samples.reshape(-1), columns - 1
    if step == 0:
        return
    for diagonal in range(2, rows + columns - 1):
        first, last = max(1, diagonal - columns + 1), min(rows - 1, diagonal - 1)
        start, stop = first * step + diagonal, last * step + diagonal + 1
        left, above = flat[start - 1 : stop - 1 : step], flat[start - columns : stop - columns : step]
        # The mean of two numbers, without the 17th bit of their sum.
        flat[start:stop:step] += (left & above) + ((left ^ above) >> np.uint16(1))


_PREDICTORS: dict[int, Callable[[NDArray[np.uint16]], None]] = {
    1: _from_left,
    2: _from_above,
    3: _from_corner,
    4: _from_plane,
    5: _from_left_and_half_above,
    6: _from_above_and_half_left,
    7: _from_mean,
}
"""In place, from residuals to samples; the first row and column hold samples already."""


def _other_rule_is_smoother(row: NDArray[np.uint16], header: Header, used: FirstRow) -> bool:
    """Whether the first row leaps somewhere by the rule used and nowhere by the other."""
    leaps = {
        rule: int(np.abs(np.diff(_first_row(row, header, rule).astype(np.int32))).max(initial=0))
        for rule in FirstRow
    }
    (other,) = set(FirstRow) - {used}
    return leaps[used] > 2 * leaps[other] + (1 << header.bits) // 64


def _not_smooth(name: str, used: FirstRow) -> str:
    if used is FirstRow.PVRG:
        return (
            f"{name}: its first rows are not smooth as DDSM's own codec writes them; if the film looks "
            "wrong, read it as standard lossless JPEG"
        )
    return f"{name}: its first rows are not smooth by the JPEG standard; it may be read as DDSM's"


def _truncated(name: str, complete: int, rows: int, partial: bool) -> str:
    if partial:
        return f"{name} ends within its first row, so there is nothing to show; get the whole file again"
    return (
        f"{name} is cut off after {complete} of its {rows} rows; get the whole file again, "
        "or ask for the part that is there"
    )


def _gunzip(data: bytes, name: str) -> bytes:
    """Unpack what can be unpacked, up to the size of the largest film."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise UnreadableScan(f"{name}: its gzip data are damaged; get the file again") from error
    if unpacker.unconsumed_tail:
        raise UnreadableScan(f"{name} unpacks to more than any film has; check that it is a DDSM film")
    return unpacked


def _predicted_away(
    levels: NDArray[np.int32], bits: int, predictor: int, first_row: FirstRow
) -> NDArray[np.uint16]:
    """Residuals modulo 2^16 of samples, (H, W) both."""
    middle = 1 << (bits - 1)
    above = np.vstack([np.full_like(levels[:1], middle), levels[:-1]])
    left, corner = levels[:, :-1], above[:, :-1]
    formulas: dict[int, Callable[[], NDArray[np.int32]]] = {
        1: lambda: left,
        2: lambda: above[:, 1:],
        3: lambda: corner,
        4: lambda: left + above[:, 1:] - corner,
        5: lambda: left + ((above[:, 1:] - corner) >> 1),
        6: lambda: above[:, 1:] + ((left - corner) >> 1),
        7: lambda: (left + above[:, 1:]) >> 1,
    }
    predicted = above.copy()
    predicted[:, 1:] = formulas[predictor]()
    if first_row is FirstRow.STANDARD:
        predicted[0, 1:] = left[0]
    return (levels - predicted).astype(np.uint16)


def _code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Huffman code lengths (17,) of the categories, 0 where unused; none is longer than 16 bits."""
    # A count of at least a thousandth of all keeps the tree shallow; the 18th leaf keeps the code
    # of all ones free, as T.81 (C.2) wants it.
    least = max(1, int(counts.sum()) >> 10)
    heap: list[tuple[int, int, tuple[int, ...]]] = [(0, _CATEGORIES, (_CATEGORIES,))]
    heap += ((max(int(count), least), symbol, (symbol,)) for symbol, count in enumerate(counts) if count)
    heapq.heapify(heap)
    lengths = np.zeros(_CATEGORIES + 1, np.int64)
    while len(heap) > 1:
        (few, tie, some), (many, _, others) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[list(some + others)] += 1
        heapq.heappush(heap, (few + many, tie, some + others))
    return lengths[:_CATEGORIES]


def _table(lengths: NDArray[np.int64]) -> tuple[bytes, bytes]:
    """BITS and HUFFVAL of a DHT segment."""
    values = sorted(np.flatnonzero(lengths).tolist(), key=lambda symbol: (lengths[symbol], symbol))
    return bytes(np.bincount(lengths[values], minlength=17)[1:17].tolist()), bytes(values)


def _codes(lengths: NDArray[np.int64], values: bytes) -> NDArray[np.int64]:
    """Canonical codes (17,) of the categories (T.81, figure C.2)."""
    codes, code, before = np.zeros(_CATEGORIES, np.int64), 0, 0
    for symbol in values:
        code <<= int(lengths[symbol]) - before
        codes[symbol], before = code, int(lengths[symbol])
        code += 1
    return codes


def _packed(residuals: NDArray[np.uint16], lengths: NDArray[np.int64], values: bytes) -> bytes:
    """All residuals as Huffman codes and extra bits, filled up with ones to a whole byte."""
    extra = _EXTRA_BITS.astype(np.int64)
    lowered = np.where(_RESIDUALS < 0, _RESIDUALS - 1, _RESIDUALS) & ((1 << extra) - 1)
    words = ((_codes(lengths, values)[_CATEGORY] << extra) | lowered).astype(np.uint64)
    sizes = lengths[_CATEGORY] + extra
    flat = residuals.reshape(-1)
    total = int((np.bincount(flat, minlength=1 << 16) * sizes).sum())
    stream = np.zeros(total // 32 + 2, np.uint32)
    start = 0
    for band in (flat[at : at + _BAND] for at in range(0, flat.size, _BAND)):
        start = _lay(stream, words[band], sizes[band], start)
    packed = bytearray(stream.astype(">u4").tobytes()[: -(-total // 8)])
    packed[-1] |= (1 << (-total % 8)) - 1
    return bytes(packed)


def _lay(stream: NDArray[np.uint32], words: NDArray[np.uint64], sizes: NDArray[np.int64], start: int) -> int:
    """Put words of `sizes` bits (1 to 32) into the stream one after another; return the bit after them."""
    ends = start + np.cumsum(sizes)
    begins = ends - sizes
    # In 64 bits, so that a word may reach into the next 32: all positions of 32 bits in between occur.
    shifted = words << (64 - sizes - (begins & 31)).astype(np.uint64)
    places = begins >> 5
    heads = np.flatnonzero(np.diff(places, prepend=-1))
    joined = np.bitwise_or.reduceat(shifted, heads)
    at = int(places[0])
    stream[at : at + heads.size] |= (joined >> np.uint64(32)).astype(np.uint32)
    stream[at + 1 : at + 1 + heads.size] |= (joined & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return int(ends[-1])


def _segments(bits: int, rows: int, columns: int, predictor: int, counts: bytes, values: bytes) -> bytes:
    frame = struct.pack(">BHHBBBB", bits, rows, columns, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, predictor, 0, 0])
    segments = ((_SOF3, frame), (_DHT, b"\0" + counts + values), (_SOS, scan))
    return _SOI + b"".join(struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body for kind, body in segments)
