"""The cases below a folder that the operator allows; nothing outside it can be named."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from mammoview.errors import MammoviewError, UnreadableScan
from mammoview.readers import cbis, open_case
from mammoview.readers.catalogue import Case, CaseFacts, cbis_cases, ddsm_case, name_below, table_cases
from mammoview.readers.guard import inside, shown
from mammoview.readers.loose_films import FileState, Pictures, Studies
from mammoview.ui.log import place_of

__all__ = ["MOST_CASES", "Library"]

log = logging.getLogger(__name__)

MOST_CASES = 2_000
MOST_ENTRIES = 60_000
"""Of all folders; a volume of DDSM has some ten in each case, CBIS-DDSM's DICOM tree has 30,000."""
DEEPEST = 6
PICTURES = {".ljpeg", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm"}
DICOM = {".dcm", ".dicom"}


@dataclass(frozen=True, slots=True)
class Library:
    """Cases below `root`, named by their path from there."""

    root: Path
    _studies: dict[FileState, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cases(self, tell: Callable[[int], None] = lambda files: None) -> tuple[Case, ...]:
        """In order of their names, each of which is given once; what is known of them is not read yet.

        The walk ends after `MOST_ENTRIES` entries, `DEEPEST` folders down or `MOST_CASES` cases, and
        follows no symbolic link; a case beyond those limits can still be opened by its path.

        What cannot be used costs its own case or folder alone.

        Parameters
        ----------
        tell : callable
            Told now and then how many files and folders have been looked at.

        Raises
        ------
        OSError
            If the root is not there.
        """
        named: dict[str, Case] = {}
        for case in islice(self._found(tell), MOST_CASES):
            name = _another_name(case.name, named)
            named[name] = case if name == case.name else replace(case, name=name)
        return tuple(sorted(named.values(), key=lambda case: case.name.casefold()))

    def lone(self, name: str) -> Case:
        """What lies at a path from the root, listed or not.

        Raises
        ------
        UnreadableScan
            As `path`.
        """
        path = self.path(name)
        return Case(name, lambda given: open_case(path, given, self.root), CaseFacts, (path,))

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

    def _found(self, tell: Callable[[int], None]) -> Iterator[Case]:
        studies = Studies(self.root, dict(self._studies))
        try:
            yield from self._by_folder(studies, tell)
            yield from _listed(studies.cases) or []
        finally:  # a walk that ends early has read headers too
            self._studies.clear()
            self._studies.update(studies.known)

    def _by_folder(self, studies: Studies, tell: Callable[[int], None]) -> Iterator[Case]:
        """All cases but the studies, whose films lie anywhere."""
        root = self.root
        claimed: set[Path] = set()
        doubts: dict[Path, str] = {}
        for folder, files in self._folders(tell):
            whole = _listed(partial(_collection, folder, files, root, doubts)) or []
            claimed.update(path for case in whole for path in case.files)
            yield from whole
            described = [path for path in files if path.suffix.lower() == ".ics"]
            for ics in described:
                yield from self._at(ics, partial(_ddsm_cases, root, files))
            if described:
                continue
            kinds = {path: _kind(path) for path in files if path not in claimed}
            for path in (path for path, kind in kinds.items() if kind == "dicom"):
                studies.add(path)
            pictures = tuple(path for path, kind in kinds.items() if kind == "picture")
            for case in self._pictures(folder, pictures):
                yield _doubted(case, doubts.get(folder, ""))

    def _pictures(self, folder: Path, paths: tuple[Path, ...]) -> Iterator[Case]:
        """As far as they belong together; each by itself where one of them does not let that be told."""
        together = _listed(Pictures(folder, self.root, paths).cases)
        if together is not None:
            yield from together
            return
        for path in paths:
            yield from self._at(path, lambda alone: Pictures(folder, self.root, (alone,)).cases())

    def _at(self, path: Path, cases: Callable[[Path], Iterable[Case]]) -> list[Case]:
        """The cases of one file; one that cannot be used is named all the same, and opening it says why."""
        found = _listed(partial(cases, path))
        if found is not None:
            return found
        doubt = CaseFacts(doubt=f"{shown(path)}: what it holds cannot be told")
        name = name_below(path, self.root)
        return [Case(name, lambda given: open_case(path, given, self.root), lambda: doubt, (path,))]

    def _folders(self, tell: Callable[[int], None]) -> Iterator[tuple[Path, list[Path]]]:
        """Each folder with its files."""
        seen = 0
        waiting = [(self.root, 0)]
        while waiting:
            folder, depth = waiting.pop()
            if not depth:
                self.root.stat()  # a disk that went away is no empty folder
            entries = _entries(folder, MOST_ENTRIES - seen)
            seen += len(entries)
            tell(seen)
            yield folder, [Path(e.path) for e in entries if _is_file(e)]
            if depth < DEEPEST:
                waiting += [(Path(e.path), depth + 1) for e in reversed(entries) if _is_folder(e)]


def _listed(cases: Callable[[], Iterable[Case]]) -> list[Case] | None:
    """The cases; None where a hostile file or name makes that impossible, which must cost no other case."""
    try:
        return list(cases())
    except Exception as error:
        log.error("unexpected %s at %s", type(error).__name__, place_of(error))
        return None


def _ddsm_cases(root: Path, beside: list[Path], ics: Path) -> list[Case]:
    return [ddsm_case(ics, root, beside)]


def _another_name(name: str, taken: dict[str, Case]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found


def _collection(folder: Path, files: list[Path], root: Path, doubts: dict[Path, str]) -> list[Case]:
    """The patients of a table or of a CBIS-DDSM tree; none where the folder is no such collection.

    One that cannot be used is left to be listed film by film, and `doubts` says why.
    """
    try:
        if folder / "lesions.csv" in files and (folder / "images").is_dir():
            return table_cases(folder, root)
        if any(path.suffix.lower() == ".csv" for path in files) and cbis.recognises(folder, root):
            return cbis_cases(folder, root)
    except (MammoviewError, OSError) as error:
        said = str(error).replace(str(folder / "lesions.csv"), "lesions.csv")
        doubts[folder / "images"] = (
            said if isinstance(error, MammoviewError) else f"{shown(folder)}: unreadable"
        )
    return []


def _doubted(case: Case, doubt: str) -> Case:
    if not doubt:
        return case

    def facts() -> CaseFacts:
        return replace(case.facts(), doubt=doubt)

    return replace(case, facts=facts)


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(islice(entries, max(0, most)), key=lambda entry: entry.name.casefold())
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return _is(entry.is_dir, entry)


def _is_file(entry: os.DirEntry[str]) -> bool:
    return _is(entry.is_file, entry)


def _is(kind: Callable[..., bool], entry: os.DirEntry[str]) -> bool:
    try:
        return kind(follow_symlinks=False) and not entry.name.startswith(".")
    except OSError:
        return False


def _kind(path: Path) -> str:
    """ "picture" or "dicom" by its name, else by DICOM's mark, "DICM" after 128 bytes; empty for no film."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        suffix = path.with_suffix("").suffix.lower()
    if suffix in PICTURES:
        return "picture"
    if suffix in DICOM:
        return "dicom"
    if suffix and not suffix[1:].isdigit():
        return ""
    try:
        with path.open("rb") as file:
            return "dicom" if file.read(132)[128:] == b"DICM" else ""
    except OSError:
        return ""


def _kept_inside(path: Path, root: Path) -> bool:
    """Whether no link beside the case (its films and outlines lie there) leads out of the root."""
    folder = path if path.is_dir() else path.parent
    links = (Path(e.path) for e in _entries(folder, MOST_ENTRIES) if e.is_symlink())
    return all(inside(link, root) for link in links)
