"""What a reader uploads: stored under harmless names in a folder of her session, and opened from there."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from mammoview.domain import Film, Given
from mammoview.errors import OversizedScan, UnreadableScan
from mammoview.readers import open_case

__all__ = ["MOST_BYTES", "MOST_FILES", "Upload", "harmless", "new_folder", "open_files", "store", "sweep"]

MOST_FILES = 40
MOST_BYTES = 600_000_000
BESIDE = {".overlay", ".ics"}


class Upload(Protocol):
    """A file as the browser sent it: its name is the sender's word."""

    name: str
    size: int

    def getbuffer(self) -> memoryview: ...


def harmless(name: str) -> str:
    """The last part of a name, in letters, digits, `.`, `_` and `-`, never hidden, at most 100 characters.

    DDSM's names survive unchanged, since films and outlines are matched by them.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".-") or "file"
    return plain if len(plain) <= 100 else plain[:50] + plain[-50:]


def new_folder() -> tempfile.TemporaryDirectory[str]:
    """An empty folder that only this user can read, named by the process that it belongs to."""
    return tempfile.TemporaryDirectory(prefix=f"mammoview-{os.getpid()}-", ignore_cleanup_errors=True)


def sweep(folder: Path) -> None:
    """Remove what servers of this user that were killed left in `folder`.

    To be called before this process makes a folder of its own: one that bears its number was left by
    another process, as happens where a container's server always has the same number.
    """
    for left in folder.glob("mammoview-*-*"):
        number = left.name.split("-")[1]
        if number.isdecimal() and left.lstat().st_uid == os.getuid() and not _runs_beside(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _runs_beside(number: int) -> bool:
    """Whether another process of this number is there."""
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def store(uploads: Sequence[Upload], folder: Path) -> tuple[Path, ...]:
    """Write uploaded files into `folder`, which is emptied first.

    Raises
    ------
    OversizedScan
        If they are more than `MOST_FILES` or larger than `MOST_BYTES` together.
    UnreadableScan
        If two of them have the same name, or one is a sidecar, which could name files of this machine.
    """
    if len(uploads) > MOST_FILES or sum(upload.size for upload in uploads) > MOST_BYTES:
        raise OversizedScan(
            f"At most {MOST_FILES} files and {MOST_BYTES // 1_000_000} MB can be uploaded at once: "
            "choose the files of one case."
        )
    names = [harmless(upload.name) for upload in uploads]
    if len({name.lower() for name in names}) < len(names):
        raise UnreadableScan("Two of the files have the same name: choose the files of one case.")
    if any(name.lower().endswith(".json") for name in names):
        raise UnreadableScan(
            "A sidecar cannot be uploaded: enter what it says under “What the files do not say”."
        )
    for old in folder.iterdir():
        old.unlink()
    for upload, name in zip(uploads, names, strict=True):
        (folder / name).write_bytes(upload.getbuffer())
    return tuple(folder / name for name in names)


def open_files(paths: Sequence[Path], given: Given) -> tuple[Film, ...]:
    """The films of uploaded files: a DDSM case by its `.ics`, else every file that is a film.

    An `.OVERLAY` without an `.ics` belongs to the one film beside it.
    """
    cases = [path for path in paths if path.suffix.lower() == ".ics"]
    films = [path for path in paths if path.suffix.lower() not in BESIDE]
    outlines = [path for path in paths if path.suffix.lower() == ".overlay"]
    if len(cases) > 1:
        raise UnreadableScan("There are several .ics files: choose the files of one case.")
    if not films:
        raise UnreadableScan("There is no film among these files: choose the films of the case too.")
    if cases:
        return open_case(cases[0], given, cases[0].parent)
    if len(films) == len(outlines) == 1:
        given = replace(given, outlines=outlines[0])
    elif outlines:
        raise UnreadableScan(
            "Nothing says which film the outlines belong to: choose the case's .ics file too."
        )
    return tuple(film for path in films for film in open_case(path, given, path.parent))
