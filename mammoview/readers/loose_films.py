"""Films that lie in folders by themselves: which of them evidently belong to one patient's case."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path
from types import MappingProxyType

from mammoview.domain import Film, Given, Outline
from mammoview.errors import MammoviewError
from mammoview.readers import ddsm, dicom, films_at, raster, sidecar, titles
from mammoview.readers.catalogue import Case, CaseFacts, drawn_on, facts_of, name_below
from mammoview.readers.ddsm_case import ORIGINALS, find_films
from mammoview.readers.guard import check_links, shown
from mammoview.readers.overlay import read_annotation

__all__ = ["Pictures", "Studies"]

FileState = tuple[str, int, int]
"""Path, size in bytes and time of change in ns of a file, which a changed one does not share."""

MOST_TOGETHER = 40
"""Films of one case; the most that a patient's folder holds are some ten."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Films of one folder that is no case of DDSM: pictures, and lone originals of DDSM."""

    folder: Path
    root: Path
    paths: tuple[Path, ...]

    def cases(self) -> Iterator[Case]:
        """Films whose names differ in side and view only, or whose sidecars alone tell each another view.

        Others stand for themselves: two films in one folder are no evidence of one patient.
        """
        together: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            rest = titles.apart_from_side_and_view(_stem(path))
            together[f"/{path.name}" if rest is None else rest].append(path)
        groups = [part for paths in together.values() for part in _at_most(paths)]
        if len(self.paths) > 1 and all(key.startswith("/") for key in together) and self._is_one_patient():
            groups = [list(self.paths)]
        whole = len(groups) == 1 and len(groups[0]) > 1
        for paths in groups:
            yield _lone_films(self._name_of(paths, whole), paths, self.root, _film_of_picture)

    def _name_of(self, paths: Sequence[Path], whole: bool) -> str:
        """The folder's where it holds nothing else, else what the films' names begin with, or the first's."""
        if whole and self.folder != self.root:
            return name_below(self.folder, self.root)
        stems = [_stem(path) for path in paths]
        shared = commonprefix(stems).rstrip("._- ") if len(paths) > 1 else ""  # noqa: RUF071
        return name_below(self.folder / (shared or paths[0].name), self.root)

    def _is_one_patient(self) -> bool:
        """Whether every film has a sidecar that gives it a side and a view that no other film has."""
        places = set()
        for path in self.paths[: MOST_TOGETHER + 1]:
            try:
                beside = sidecar.beside(path)
                said = sidecar.read_sidecar(beside) if beside else Given()
            except MammoviewError:
                return False
            places.add((said.laterality, said.view))
        known = all(side and view for side, view in places)
        return known and len(places) == len(self.paths)


class Studies:
    """DICOM files of all folders below the root, gathered into the studies that they were taken in.

    Parameters
    ----------
    root : Path
    before : mapping
        `known` of an earlier look: the headers of files that are unchanged are not read again.

    Attributes
    ----------
    known : mapping of (path, size, time of change) to str
        What tells the study of each file, see `dicom.with_study`.
    """

    def __init__(self, root: Path, before: Mapping[FileState, str] = MappingProxyType({})) -> None:
        self._root = root
        self._before = before
        self.known: dict[FileState, str] = {}
        self._studies: dict[str, list[Path]] = defaultdict(list)

    def add(self, path: Path) -> None:
        try:
            sidecar.completed(Given(), path)
            study = self._study(path)
        except (MammoviewError, OSError):
            study = ""  # opening it says what is wrong
        self._studies[study or f"/{path}"].append(path)

    def _study(self, path: Path) -> str:
        status = path.stat()
        state = str(path), status.st_size, status.st_mtime_ns
        study = self._before.get(state)
        if study is None:
            try:
                _, study = dicom.with_study(path, Given())
            except MammoviewError:
                study = ""  # a file that is no film stays none until it changes
        self.known[state] = study
        return study

    def cases(self) -> Iterator[Case]:
        studies = [part for paths in self._studies.values() for part in _at_most(paths)]
        folders = [_common(paths) for paths in studies]
        within = Counter(at for folder in folders for at in (folder, *folder.parents))
        for paths, folder in zip(studies, folders, strict=True):
            whole = within[folder] == 1 and len(paths) > 1 and folder != self._root
            name = name_below(folder if whole else paths[0], self._root)
            yield _lone_films(name, paths, self._root, _film_of_dicom)


def _common(paths: Sequence[Path]) -> Path:
    """The folder that holds all files of a study."""
    first, *others = (path.parent for path in paths)
    candidates = (first, *first.parents)
    return next(at for at in candidates if all(at == other or at in other.parents for other in others))


def _lone_films(name: str, paths: Sequence[Path], root: Path, film_of: Callable[[Path, Given], Film]) -> Case:
    def films(given: Given) -> tuple[Film, ...]:
        for folder in dict.fromkeys(path.parent for path in paths):
            check_links(next(path for path in paths if path.parent == folder), root)
        return _hung(film for path in paths for film in films_at(path, given, root))

    def facts() -> CaseFacts:
        found: list[Film] = []
        drawn: list[Outline] = []
        doubt = ""
        for path in paths:
            try:
                said = sidecar.completed(Given(), path)
                found.append(film_of(path, said))
                drawn += _drawn_beside(path, said, root)
            except (MammoviewError, OSError) as error:
                doubt = str(error) if isinstance(error, MammoviewError) else f"{shown(path)} cannot be opened"
        return replace(facts_of(_hung(found), drawn), doubt=doubt)

    beside = (sidecar.beside(path) for path in paths)
    folders = dict.fromkeys(path.parent for path in paths)
    return Case(name, films, facts, (*folders, *paths, *filter(None, beside)))


def _film_of_picture(path: Path, given: Given) -> Film:
    return ddsm.open_case(path, given)[0] if _is_original(path) else raster.open_case(path, given)[0]


def _film_of_dicom(path: Path, given: Given) -> Film:
    return dicom.open_case(path, given)[0]


def _drawn_beside(path: Path, said: Given, root: Path) -> Sequence[Outline]:
    """What a sidecar or, for an original of DDSM, its own `.OVERLAY` gives."""
    if said.outlines is not None:
        return read_annotation(said.outlines).outlines
    if not _is_original(path):
        return ()
    check_links(path, root)
    drawn, _ = drawn_on(find_films(path, said))
    return drawn


def _hung(films: Iterable[Film]) -> tuple[Film, ...]:
    return tuple(sorted(films, key=dicom.hanging))


def _at_most(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """All together, or each alone where they are more than any case has."""
    if len(paths) <= MOST_TOGETHER:
        yield list(paths)
    else:
        yield from ([path] for path in paths)


def _stem(path: Path) -> str:
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return name.rpartition(".")[0] or name


def _is_original(path: Path) -> bool:
    return path.name.lower().endswith(ORIGINALS)
