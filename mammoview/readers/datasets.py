"""Opening annotated films of every known layout, to train on and to measure with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mammoview.errors import UnusableDataset
from mammoview.readers import cbis, ddsm_tree, lesions_csv
from mammoview.readers.annotated import AnnotatedFilm

__all__ = ["AnnotatedFilm", "open_dataset"]


def open_dataset(folder: Path) -> tuple[AnnotatedFilm, ...]:
    """The annotated films of a folder, none of them decoded yet; each has a name of its own.

    Parameters
    ----------
    folder : Path
        `images/` beside a `lesions.csv` (copies of CBIS-DDSM, mini-MIAS); the root of CBIS-DDSM's DICOM
        files with its csv files; or a DDSM tree, that is a folder with case folders at any depth.

    Raises
    ------
    UnusableDataset
        The folder is laid out otherwise, or two films in it have the same name; for a table see
        `lesions_csv.open_dataset`.
    UnreadableScan
        None of the films that the csv files of CBIS-DDSM name is there.
    """
    films = _open(folder)
    _check_names(folder, films)
    return films


def _open(folder: Path) -> tuple[AnnotatedFilm, ...]:
    if (folder / "lesions.csv").exists():
        return lesions_csv.open_dataset(folder)
    if folder.is_dir() and cbis.recognises(folder):
        return cbis.open_dataset(folder)
    if ddsm_tree.recognises(folder):
        return ddsm_tree.open_dataset(folder)
    raise UnusableDataset(
        f"{folder}: expected a folder with images/ and lesions.csv, DDSM case folders with their .ics, or "
        "the DICOM files of CBIS-DDSM with its csv files"
    )


def _check_names(folder: Path, films: Sequence[AnnotatedFilm]) -> None:
    """Prepared films are kept by name, on file systems that may not tell upper case from lower."""
    seen: dict[str, str] = {}
    for name in (annotated.film.source for annotated in films):
        if (other := seen.setdefault(name.casefold(), name)) is not name:
            both = (
                f"two films are called {name}" if other == name else f"{other} and {name} differ by case only"
            )
            raise UnusableDataset(f"{folder}: {both}; keep one of them, or give the other another name")
