"""Which films open together, and what is known of them before a pixel is decoded.

Everything here is what the readers themselves find: names, headers, tables and annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mammoview.domain import Film, Given, LesionType, Outline, Pathology
from mammoview.errors import MammoviewError
from mammoview.readers import cbis, dicom, lesions_csv, open_case
from mammoview.readers.ddsm_case import FilmFiles, find_films
from mammoview.readers.guard import check_links, inside, shown
from mammoview.readers.overlay import read_annotation

__all__ = [
    "Case",
    "CaseFacts",
    "cbis_cases",
    "ddsm_case",
    "drawn_on",
    "facts_of",
    "name_below",
    "table_cases",
    "worst",
]

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
    name = name_below(ics.parent if alone else ics, root)
    return Case(name, lambda given: open_case(ics, given, root), facts, (ics.parent, *own))


def _ddsm_facts(ics: Path, root: Path, beside: int) -> CaseFacts:
    if beside > MOST_BESIDE:
        return CaseFacts(doubt=f"{shown(ics)}: too many files lie beside it to look at them all")
    films = open_case(ics, within=root)
    wanted = {(film.laterality, film.view) for film in films}
    found = [files for files in find_films(ics, Given()) if (files.laterality, files.view) in wanted]
    drawn, doubt = drawn_on(found)
    density = found[0].described.facts.get("Density", "") if found else ""
    return replace(facts_of(films, drawn), density=density, doubt=doubt)


def drawn_on(found: Iterable[FilmFiles]) -> tuple[list[Outline], str]:
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
        _patient_of_table(f"{name_below(folder, root)}/{_harmless(patient)}".removeprefix("./"), films, table)
        for patient, films in lesions_csv.films_by_patient(folder).items()
    ]


def _patient_of_table(name: str, films: Sequence[lesions_csv.DescribedFilm], table: Path) -> Case:
    ordered = sorted(films, key=lambda described: dicom.hanging(described.film()))

    def facts() -> CaseFacts:
        known = [described.known_before for described in ordered]
        lesions = {LesionType(kind) for each in known for kind in each.get("lesions", "").split(", ") if kind}
        drawn = [outline for described in ordered for outline in described.outlines]
        return replace(
            facts_of([described.film() for described in ordered], drawn),
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
        _patient_of_tree(f"{name_below(folder, root)}/{_harmless(patient)}".removeprefix("./"), films)
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


def facts_of(films: Sequence[Film], drawn: Sequence[Outline]) -> CaseFacts:
    """Of films as they come when the case is opened, and of all that was drawn on them."""
    return CaseFacts(
        views=_views(films),
        lesions=tuple(sorted({outline.lesion_type or LesionType.OTHER for outline in drawn})),
        birads=worst(outline.birads for outline in drawn if outline.birads is not None),
        pathologies=tuple(sorted({outline.pathology for outline in drawn if outline.pathology})),
    )


def _views(films: Iterable[Film]) -> tuple[str, ...]:
    return tuple(film.label if film.laterality or film.view else "?" for film in films)


def _said_once(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(filter(None, values))))


def name_below(path: Path, root: Path) -> str:
    """Path from the root, as cases are named."""
    return path.relative_to(root).as_posix()


def _harmless(patient: str) -> str:
    """The dataset's own pseudonym, fit to stand in a list."""
    name = "".join(c if c.isprintable() and c != "/" else "_" for c in patient.strip())[:80]
    return name or "no patient named"
