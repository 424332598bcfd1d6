"""The cases below a folder that the operator allows; nothing outside it can be named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mammoview.errors import UnreadableScan

__all__ = ["MOST_CASES", "Library", "meant"]

MOST_CASES = 2_000
MOST_ENTRIES = 20_000
DEEPEST = 6
FILM_SUFFIXES = {".dcm", ".dicom", ".ljpeg", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm"}


@dataclass(frozen=True, slots=True)
class Library:
    """Cases and films below `root`, named by their path from there."""

    root: Path

    def cases(self) -> tuple[str, ...]:
        """Names in order: DDSM cases by their `.ics`, other films by their file.

        The walk ends after `MOST_ENTRIES` entries, `DEEPEST` folders down or `MOST_CASES` cases, and
        follows no symbolic link; a case beyond those limits can still be opened by its name.
        """
        found = (path.relative_to(self.root).as_posix() for path in self._found())
        return tuple(sorted(islice(found, MOST_CASES), key=str.casefold))

    def path(self, name: str) -> Path:
        """Where the case of this name lies.

        Raises
        ------
        UnreadableScan
            If there is none, or if it lies outside the root, by `..`, an absolute path or a link.
        """
        root = self.root.resolve()
        try:
            path = (root / name).resolve()
            present = path.exists()
        except (OSError, RuntimeError, ValueError):
            path, present = root, False
        if not path.is_relative_to(root) or not _kept_inside(path, root):
            raise UnreadableScan(
                "That case lies outside the folder that may be read here; choose one from the list."
            )
        if not present or path == root:
            raise UnreadableScan("There is no case of that name here; choose one from the list.")
        return path

    def _found(self) -> Iterator[Path]:
        seen = 0
        waiting = [(self.root, 0)]
        while waiting:
            folder, depth = waiting.pop()
            entries = _entries(folder, MOST_ENTRIES - seen)
            seen += len(entries)
            yield from _cases_among(entries)
            if depth < DEEPEST:
                waiting += [(Path(e.path), depth + 1) for e in reversed(entries) if _is_folder(e)]


def meant(typed: str, names: Sequence[str]) -> str:
    """The one listed case that holds what was typed in its name; else just what was typed."""
    holding = [name for name in names if typed.casefold() in name.casefold()]
    return holding[0] if typed not in names and len(holding) == 1 else typed


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(islice(entries, max(0, most)), key=lambda entry: entry.name.casefold())
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")


def _cases_among(entries: list[os.DirEntry[str]]) -> list[Path]:
    """The `.ics` of a folder stands for its films; without one every film stands for itself."""
    files = [Path(e.path) for e in entries if e.is_file(follow_symlinks=False) and not e.name.startswith(".")]
    cases = [path for path in files if path.suffix.lower() == ".ics"]
    return cases or [path for path in files if _is_film(path)]


def _is_film(path: Path) -> bool:
    """By its name; a file without a usual ending by DICOM's mark, "DICM" after 128 bytes."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        suffix = path.with_suffix("").suffix.lower()
    if suffix in FILM_SUFFIXES:
        return True
    if suffix and not suffix[1:].isdigit():
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _kept_inside(path: Path, root: Path) -> bool:
    """Whether no link beside the case (its films and outlines lie there) leads out of the root."""
    folder = path if path.is_dir() else path.parent
    links = (Path(e.path) for e in _entries(folder, MOST_ENTRIES) if e.is_symlink())
    return all(link.resolve().is_relative_to(root) for link in links)
