"""Files are hostile until they are parsed: what is opened, how much of it, and how it is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mammoview.errors import MammoviewError, UnreadableScan

__all__ = [
    "LARGEST_FILE",
    "check_links",
    "head",
    "inside",
    "not_blank",
    "printable",
    "regular",
    "shown",
    "unreadable_as",
]

LARGEST_FILE = 4 * 1024**3
"""Bytes; a tomosynthesis series in one file stays below it."""


def printable(text: str) -> str:
    """Text with "?" for what has no sign, breaks the line, turns its direction or is no Unicode.

    A file's name may be of any bytes; those that are no UTF-8 cannot be sent to a browser at all.
    """
    return "".join(c if c.isprintable() else "?" for c in text)


def shown(path: Path) -> str:
    """The file's name, fit to stand in a sentence: printable, and no longer than 100 characters."""
    name = printable(path.name) or "the path"
    return name if len(name) <= 100 else f"{name[:60]}…{name[-39:]}"


def inside(path: Path, within: Path | None) -> bool:
    """Whether a path, its links followed, lies in a folder or is it; always where no folder is given."""
    if within is None:
        return True
    try:
        return path.resolve().is_relative_to(within.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


def check_links(path: Path, within: Path) -> None:
    """Refuse a case that lies outside a folder or has a link that leads out of it.

    A file's case is all that lies beside it, a folder's all that lies below it.

    Raises
    ------
    UnreadableScan
    """
    case = path if path.is_dir() else path.parent
    if not (inside(path, within) and all(inside(link, within) for link in _links(case, path.is_dir()))):
        raise UnreadableScan(
            f"{shown(path)}: it leads out of the folder that may be read here; keep the whole case inside it"
        )


def _links(folder: Path, below: bool) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        entries = (Path(at) / name for name in (*folders, *files))
        yield from (entry for entry in entries if entry.is_symlink())
        if not below:
            return


def regular(path: Path) -> Path:
    """The path itself, if it leads to a file with something in it.

    Raises
    ------
    UnreadableScan
        If there is nothing, a folder, a pipe or a device, an endless link, or an empty or enormous file.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        raise UnreadableScan(
            f"{shown(path)}: there is no such file that can be opened; check the path and its permissions"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableScan(f"{shown(path)}: this is not a file; name the film's own file")
    if not status.st_size:
        raise UnreadableScan(f"{shown(path)}: the file is empty; get it again from where it came")
    if status.st_size > LARGEST_FILE:
        raise UnreadableScan(f"{shown(path)}: the file is larger than any mammogram; check that it is a film")
    return path


def head(path: Path, length: int) -> bytes:
    """The first `length` bytes of a regular file, or all of a shorter one."""
    try:
        with regular(path).open("rb") as file:
            return file.read(length)
    except OSError:
        raise UnreadableScan(f"{shown(path)}: the file cannot be opened; check its permissions") from None


def not_blank(pixels: NDArray[Any], name: str) -> None:
    """Refuse a film on which every pixel has the same value."""
    if pixels.min() == pixels.max():
        raise UnreadableScan(
            f"{name}: every pixel has the same value, so there is no film in it; choose another"
        )


@contextmanager
def unreadable_as(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into one sentence.

    Parsers of foreign formats raise almost anything on hostile input; only errors that are already
    sentences for the reader pass through.
    """
    try:
        yield
    except MammoviewError:
        raise
    except Exception as error:
        raise UnreadableScan(
            f"{shown(path)}: the file is damaged or is not a {kind}; get it again from where it came"
        ) from error
