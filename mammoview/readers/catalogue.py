"""Which films open together, and what is known of them before a pixel is decoded.

Everything here is what the readers themselves find: names, headers, tables and annotations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os.path import commonprefix
from pathlib import Path

from mammoview.domain import Film, Given, LesionType, Outline, Pathology
from mammoview.errors import MammoviewError
from mammoview.readers import cbis, ddsm, dicom, films_at, lesions_csv, open_case, raster, sidecar, titles
from mammoview.readers.ddsm_case import ORIGINALS, FilmFiles, find_films
from mammoview.readers.guard import check_links, inside, shown
from mammoview.readers.overlay import read_annotation

__all__ = ["Case", "CaseFacts", "Pictures", "Studies", "cbis_cases", "ddsm_case", "table_cases", "worst"]

MOST_TOGETHER = 40
"""Films of one case; the most that a patient's folder holds are some ten."""
MOST_BESIDE = 1_000
"""Files in the folder of a DDSM case; each is looked at for every view."""
_SEVERITY = (1, 2, 3, 0, 4, 5)
"""BI-RADS assessments, least first; 0 asks for more pictures, which a probably benign one (3) does not."""


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is known of a case without decoding a film.

    Attributes
    ----------
    views : tuple of str
        RCC, LMLO … as the films come when the case is opened; "?" for one that does not say.
    lesions : tuple of LesionType
        Those that earlier readers annotated, each once.
    birads : int or None
        The worst assessment, see `worst`.
    density : str
        In the source's own terms.
    pathologies : tuple of Pathology
    doubt : str
        Why something is missing, in one sentence; empty where nothing is.
    """

    views: tuple[str, ...] = ()
    lesions: tuple[LesionType, ...] = ()
    birads: int | None = None
    density: str = ""
    pathologies: tuple[Pathology, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Films that open together.

    Attributes
    ----------
    name : str
        Path from the root, or that of the dataset and its own pseudonym of the patient.
    films : callable
        Opens them, none read yet; what the reader gives wins over the files. Raises as `open_case`.
    facts : callable
        Reads what is known of them. Raises `MammoviewError` or `OSError`.
    files : tuple of Path
        Files and folders that the facts are read from: while they are unchanged, so are the facts.
    """

    name: str
    films: Callable[[Given], tuple[Film, ...]]
    facts: Callable[[], CaseFacts]
    files: tuple[Path, ...]


def worst(assessments: Iterable[int]) -> int | None:
    """The most severe of BI-RADS assessments 0 to 5, of which 0 stands between 3 and 4."""
    known = [birads for birads in assessments if birads in _SEVERITY]
    return max(known, key=_SEVERITY.index, default=None)


def ddsm_case(ics: Path, root: Path, files: Sequence[Path]) -> Case:
    """The case of an `.ics`, named by its folder where no other lies in that; `files` are those beside it."""
    stem = ics.stem.replace("-", "_").lower()
    own = [path for path in files if path == ics or path.name.replace("-", "_").lower().startswith(stem)]
    facts = partial(_ddsm_facts, ics, root, len(files))
    alone = ics.parent != root and sum(path.suffix.lower() == ".ics" for path in files) == 1
    name = _name(ics.parent if alone else ics, root)
    return Case(name, lambda given: open_case(ics, given, root), facts, (ics.parent, *own))


def _ddsm_facts(ics: Path, root: Path, beside: int) -> CaseFacts:
    if beside > MOST_BESIDE:
        return CaseFacts(doubt=f"{shown(ics)}: too many files lie beside it to look at them all")
    films = open_case(ics, within=root)
    wanted = {(film.laterality, film.view) for film in films}
    found = [files for files in find_films(ics, Given()) if (files.laterality, files.view) in wanted]
    drawn, doubt = _annotated(found)
    density = found[0].described.facts.get("Density", "") if found else ""
    return replace(_of_outlines(films, drawn), density=density, doubt=doubt)


def _annotated(found: Iterable[FilmFiles]) -> tuple[list[Outline], str]:
    """All that was drawn on films of DDSM, and why something of it cannot be had."""
    drawn: list[Outline] = []
    doubt = ""
    for files in found:
        try:
            if files.overlay is not None:
                annotation = read_annotation(files.overlay)
                size = files.entry.size
                drawn += (annotation.on_film(size) if size else annotation).outlines
        except MammoviewError as error:
            doubt = str(error)
    return drawn, doubt


def table_cases(folder: Path, root: Path) -> list[Case]:
    """One case for each patient of a folder that holds `images/` and `lesions.csv`.

    Raises
    ------
    UnusableDataset
        The table cannot be used, or it or `images/` leads out of the root.
    """
    table, images = folder / "lesions.csv", folder / "images"
    if not (inside(table, root) and inside(images, root)):
        return []
    return [
        _patient_of_table(f"{_name(folder, root)}/{_harmless(patient)}".removeprefix("./"), films, table)
        for patient, films in lesions_csv.films_by_patient(folder).items()
    ]


def _patient_of_table(name: str, films: Sequence[lesions_csv.DescribedFilm], table: Path) -> Case:
    ordered = sorted(films, key=lambda described: dicom.hanging(described.film()))

    def facts() -> CaseFacts:
        known = [described.known_before for described in ordered]
        lesions = {LesionType(kind) for each in known for kind in each.get("lesions", "").split(", ") if kind}
        drawn = [outline for described in ordered for outline in described.outlines]
        return replace(
            _of_outlines([described.film() for described in ordered], drawn),
            lesions=tuple(sorted(lesions)),
            density=_said_once(each.get("density", "") for each in known),
        )

    def opened(given: Given) -> tuple[Film, ...]:
        for images in dict.fromkeys(described.path.parent for described in ordered):
            check_links(images, table.parent)
        return tuple(described.film(given) for described in ordered)

    return Case(name, opened, facts, (table, *(described.path for described in ordered)))


def cbis_cases(folder: Path, root: Path) -> list[Case]:
    """One case for each patient of a CBIS-DDSM tree, by its folder with the csv files.

    Raises
    ------
    UnreadableScan
        If a csv file cannot be read.
    """
    check_links(folder, root)
    return [
        _patient_of_tree(f"{_name(folder, root)}/{_harmless(patient)}".removeprefix("./"), films)
        for patient, films in cbis.films_by_patient(folder, root).items()
    ]


def _patient_of_tree(name: str, films: Sequence[cbis.FilmOfTree]) -> Case:
    ordered = sorted(films, key=lambda film: dicom.hanging(film.film(Given())))

    def facts() -> CaseFacts:
        return CaseFacts(
            views=_views([film.film(Given()) for film in ordered]),
            lesions=tuple(sorted({kind for film in ordered for kind in film.lesions})),
            birads=worst(birads for film in ordered for birads in film.assessments),
            density=_said_once(film.density for film in ordered),
            pathologies=tuple(sorted({each for film in ordered for each in film.pathologies})),
        )

    files = tuple(path for film in ordered for path in film.files)
    return Case(name, lambda given: tuple(film.film(given) for film in ordered), facts, files)


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
            return _name(self.folder, self.root)
        stems = [_stem(path) for path in paths]
        shared = commonprefix(stems).rstrip("._- ") if len(paths) > 1 else ""  # noqa: RUF071
        return _name(self.folder / (shared or paths[0].name), self.root)

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
    """DICOM files of all folders below the root, gathered into the studies that they were taken in."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._studies: dict[str, list[Path]] = defaultdict(list)

    def add(self, path: Path) -> None:
        try:
            _, study = dicom.with_study(path, sidecar.completed(Given(), path))
        except (MammoviewError, OSError):
            study = ""  # opening it says what is wrong
        self._studies[study or f"/{path}"].append(path)

    def cases(self) -> Iterator[Case]:
        studies = [part for paths in self._studies.values() for part in _at_most(paths)]
        folders = [_common(paths) for paths in studies]
        within = Counter(at for folder in folders for at in (folder, *folder.parents))
        for paths, folder in zip(studies, folders, strict=True):
            whole = within[folder] == 1 and len(paths) > 1 and folder != self._root
            name = _name(folder if whole else paths[0], self._root)
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
        return replace(_of_outlines(_hung(found), drawn), doubt=doubt)

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
    drawn, _ = _annotated(find_films(path, said))
    return drawn


def _of_outlines(films: Sequence[Film], drawn: Sequence[Outline]) -> CaseFacts:
    return CaseFacts(
        views=_views(films),
        lesions=tuple(sorted({outline.lesion_type or LesionType.OTHER for outline in drawn})),
        birads=worst(outline.birads for outline in drawn if outline.birads is not None),
        pathologies=tuple(sorted({outline.pathology for outline in drawn if outline.pathology})),
    )


def _views(films: Iterable[Film]) -> tuple[str, ...]:
    return tuple(film.label if film.laterality or film.view else "?" for film in films)


def _hung(films: Iterable[Film]) -> tuple[Film, ...]:
    return tuple(sorted(films, key=dicom.hanging))


def _said_once(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(filter(None, values))))


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


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _harmless(patient: str) -> str:
    """The dataset's own pseudonym, fit to stand in a list."""
    name = "".join(c if c.isprintable() and c != "/" else "_" for c in patient.strip())[:80]
    return name or "no patient named"
