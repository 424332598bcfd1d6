"""Whatever is opened is a film or is refused in one sentence."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.uid import JPEGLSLossless

from mammoview.errors import OversizedScan, UnreadableScan
from mammoview.readers import open_case, read
from mammoview.readers.limits import LONGEST_EDGE, check_size


def png_header(rows: int, columns: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (body, idat)
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def bigtiff(path: Path) -> None:
    path.write_bytes(
        b"II*\0" + struct.pack("<IH", 8, 2) + struct.pack("<HHIIHHII", 256, 4, 1, 99999, 257, 4, 1, 99999)
    )


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film.dcm", b"\0" * 1000)


def photograph(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=95)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "absent.dcm": lambda path: None,
    "empty.png": lambda path: path.touch(),
    "empty_folder": lambda path: path.mkdir(),
    "notes.txt": lambda path: path.write_text("Dear colleague, the films follow."),
    "notes.dcm": lambda path: path.write_text("Dear colleague, the films follow. " * 20),
    "notes.png": lambda path: path.write_text("Dear colleague, the films follow."),
    "notes.LJPEG": lambda path: path.write_text("Dear colleague, the films follow."),
    "notes.ics": lambda path: path.write_text("Dear colleague, the films follow."),
    "two\nlines.png": lambda path: path.write_text("Dear colleague"),
    "renamed_zip.png": zipped,
    "renamed_zip.dcm": zipped,
    "archive.gz": lambda path: path.write_bytes(gzip.compress(b"\0" * 10_000_000)),
    "bomb.LJPEG.gz": lambda path: path.write_bytes(gzip.compress(b"\0" * 10_000_000)),
    "report.pdf": lambda path: path.write_bytes(b"%PDF-1.7 report"),
    "page.png": lambda path: path.write_text("<html><body>404 not found</body></html>"),
    "cut.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
    "cut.jpg": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0"),
    "cut.tif": lambda path: path.write_bytes(b"II*\0\xff\xff\xff\xff"),
    "cut.pgm": lambda path: path.write_bytes(b"P5 10"),
    "signed.pgm": lambda path: path.write_bytes(b"P5 -10 -10 255\n" + b"\0" * 100),
    "huge.png": lambda path: path.write_bytes(png_header(100_000, 100_000)),
    "long.png": lambda path: path.write_bytes(png_header(13_000, 1000)),
    "huge.tif": bigtiff,
    "huge.pgm": lambda path: path.write_bytes(b"P5\n99999999 99999999\n65535\n\0\0"),
    "endless.pgm": lambda path: path.write_bytes(b"P5\n" + b"9" * 5000 + b" 10\n255\n"),
    "preamble.dcm": lambda path: path.write_bytes(b"\0" * 128 + b"DICM"),
    "noise.dcm": lambda path: path.write_bytes(b"\0" * 128 + b"DICM" + np.random.default_rng(0).bytes(5000)),
    "no_preamble.dcm": lambda path: path.write_bytes(b"\x08\x00\x05\x00\xff\xff\xff\xff" * 40),
    "loop.dcm": lambda path: path.symlink_to(path),
    "dangling.dcm": lambda path: path.symlink_to(path.parent / "nowhere"),
    "pipe.dcm": lambda path: os.mkfifo(path),
    "photograph.jpg": photograph,
}


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableScan) as refused:
        read(path)
    return str(refused.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_film_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    HOSTILE[name](tmp_path / name)
    sentence = refusal(tmp_path / name)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert str(tmp_path) not in sentence
    assert sentence.startswith(name.replace("\n", "?").split(".")[0])


@pytest.mark.parametrize("name", ["huge.png", "long.png", "huge.pgm"])
def test_an_enormous_header_is_refused_for_its_size(tmp_path: Path, name: str) -> None:
    HOSTILE[name](tmp_path / name)
    with pytest.raises(OversizedScan):
        read(tmp_path / name)


def test_a_folder_of_unusable_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    (tmp_path / "again").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "no DDSM case" in refusal(tmp_path)


def test_a_film_is_told_by_its_content_and_not_by_its_ending(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (60, 50)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "film.png")
    (tmp_path / "film.png").rename(tmp_path / "film.dcm")
    (film,) = read(tmp_path / "film.dcm")
    assert (film.pixels == pixels).all()


def test_a_dicom_file_needs_no_ending_and_no_preamble(
    tmp_path: Path, write_dicom: Callable[..., Path]
) -> None:
    pixels = np.arange(3000, dtype=np.uint16).reshape(60, 50)
    path = write_dicom(pixels, tmp_path / "IM0001", ImageLaterality="L")
    bare = pydicom.dcmread(path)
    del bare.file_meta, bare.preamble
    pydicom.dcmwrite(tmp_path / "BARE", bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
    (with_preamble,), (without,) = read(path), read(tmp_path / "BARE")
    assert with_preamble.laterality == without.laterality == "L"
    assert (with_preamble.pixels == without.pixels).all()


def test_names_are_never_paths(tmp_path: Path) -> None:
    Image.fromarray(np.arange(250, dtype=np.uint8).reshape(25, 10)).save(tmp_path / "film_LEFT_CC.png")
    (film,) = open_case(tmp_path / "film_LEFT_CC.png")
    assert film.source == film.read().source == "film_LEFT_CC"


@pytest.mark.parametrize(("rows", "columns"), [(LONGEST_EDGE + 1, 10), (11_000, 11_000), (0, 5), (5, -1)])
def test_sizes_that_no_film_has(rows: int, columns: int) -> None:
    with pytest.raises(UnreadableScan, match=r"film\.png"):
        check_size(rows, columns, "film.png")


def test_the_largest_films_of_ddsm_and_of_digital_detectors_pass() -> None:
    check_size(7111, 5431, "ddsm")
    check_size(LONGEST_EDGE, 8000, "detector")


@pytest.fixture
def films_to_damage(tmp_path: Path, write_dicom: Callable[..., Path]) -> dict[str, bytes]:
    pixels = np.arange(600, dtype=np.uint16).reshape(30, 20)
    write_dicom(pixels, tmp_path / "film.dcm", WindowCenter=300, WindowWidth=500)
    frame = imagecodecs.jpegls_encode(pixels)
    write_dicom(pixels, tmp_path / "small.dcm", syntax=JPEGLSLossless, frame=frame)
    for suffix in ("png", "tif", "jpg", "pgm"):
        Image.fromarray((pixels // 3).astype(np.uint8)).save(tmp_path / f"film.{suffix}")
    return {path.name: path.read_bytes() for path in sorted(tmp_path.iterdir())}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_film_is_read_or_refused_and_nothing_else(
    tmp_path: Path, films_to_damage: dict[str, bytes], data: st.DataObject
) -> None:
    """Change some bytes anywhere, then cut."""
    name = data.draw(st.sampled_from(sorted(films_to_damage)))
    content = bytearray(films_to_damage[name])
    for _ in range(data.draw(st.integers(1, 6))):
        content[int(data.draw(st.floats(0, 0.999)) * len(content))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(content[: round(data.draw(st.floats(0, 1)) * len(content))])
    try:
        sentence, film = "", read(path)[0]
    except UnreadableScan as refused:
        sentence, film = str(refused), None
    assert "\n" not in sentence
    assert bool(sentence) != (film is not None)
