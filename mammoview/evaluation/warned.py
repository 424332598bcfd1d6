"""How many films of each kind a reader is told to be unlike the training films, and why.

What is counted is what is told: the causes that the page names, a spacing that is doubted by the size of
the film, and films that are refused because nothing on them can be assessed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import binomtest
from tqdm import tqdm

from mammoview.domain import Film, Mammogram
from mammoview.errors import BreastNotFound, MammoviewError
from mammoview.evaluation.alterations import ALTERATIONS
from mammoview.evaluation.bootstrap import clustered
from mammoview.familiarity import Familiar, causes
from mammoview.prepare import prepare, spacing_warnings

__all__ = ["BY_FILM", "BY_PATIENT", "EVERY", "Kind", "Row", "count", "table", "told"]

EVERY: Final = 3
"""Alterations are measured on one film in so many."""
BY_FILM: Final = "Wilson, by film"
BY_PATIENT: Final = "bootstrap, by patient"

Causes = frozenset[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """Films of one kind.

    Attributes
    ----------
    name : str
        What the table calls them.
    films : tuple of Film
    patients : tuple of str
        Whose each film is; empty where nobody knows.
    clustered : bool
        Whether the films as they are get an interval by patient.
    """

    name: str
    films: tuple[Film, ...]
    patients: tuple[str, ...] = ()
    clustered: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted of one kind of films, as they are or altered in one way.

    Attributes
    ----------
    films : str
    alteration : str
        One of `ALTERATIONS`, or "" for films as they are.
    n, warned : int
        How many films, and how many of them a reader is warned of.
    patients : int or None
        None where nobody knows.
    low, high : float
        95 % interval of `warned / n`, 0 to 1.
    interval : str
        `BY_FILM` or `BY_PATIENT`.
    why : mapping of cause to number of films
        Most frequent first; a film may have several. See `told`.
    left_out : int
        Films that cannot be read.
    """

    films: str
    alteration: str
    n: int
    warned: int
    patients: int | None
    low: float
    high: float
    interval: str
    why: Mapping[str, int]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """The causes of one film as it is, and of each alteration; why it cannot be read, where it cannot."""

    causes: Mapping[str, Causes]
    failure: str = ""


def told(mammogram: Mammogram, familiar: Familiar) -> Causes:
    """Why a reader of this scan is warned; empty where she is not.

    Returns
    -------
    frozenset of str
        Causes as `familiarity.causes` names them; "spacing" where the film's size or a spacing that
        nobody stated makes millimetres doubtful; "refused", alone, where the scan cannot be prepared.
    """
    try:
        field = prepare(mammogram)
    except BreastNotFound:
        return frozenset({"refused"})
    doubted = {"spacing"} if spacing_warnings(mammogram) else set()
    return frozenset(causes(mammogram, field, familiar)) | doubted


def count(kind: Kind, familiar: Familiar, alterations: Sequence[str] = (), workers: int = 1) -> list[Row]:
    """Count the films of a kind as they are, and one in `EVERY` of them in each alteration.

    Films that cannot be read are left out with one line each on standard error.

    Parameters
    ----------
    kind : Kind
    familiar : Familiar
        What the training films look like.
    alterations : sequence of str
        Of `ALTERATIONS`.
    workers : int
        Processes; the counts do not depend on it.

    Returns
    -------
    list of Row
        As they are, then one for each alteration, of those that have a film.
    """
    wanted = [tuple(alterations) if place % EVERY == 0 else () for place in range(len(kind.films))]
    tasks = (delayed(_seen)(film, familiar, names) for film, names in zip(kind.films, wanted, strict=True))
    done = Parallel(n_jobs=workers, return_as="generator")(tasks)
    seen = list(tqdm(done, desc=kind.name, unit="film", total=len(kind.films)))
    for film, one in zip(kind.films, seen, strict=True):
        if one.failure:
            sys.stderr.write(f"mammoview: warning: {film.source} is left out: {one.failure}\n")
    return list(_rows(kind, seen, wanted, alterations))


def _seen(film: Film, familiar: Familiar, alterations: Sequence[str]) -> _Seen:
    try:
        mammogram = film.read()
    except (MammoviewError, OSError) as error:
        return _Seen({}, " ".join(str(error).split()))
    altered = {name: told(ALTERATIONS[name](mammogram), familiar) for name in alterations}
    return _Seen({"": told(mammogram, familiar), **altered})


def _rows(
    kind: Kind, seen: Sequence[_Seen], wanted: Sequence[Sequence[str]], alterations: Sequence[str]
) -> Iterator[Row]:
    for alteration in ("", *alterations):
        asked = [i for i, names in enumerate(wanted) if alteration in ("", *names)]
        kept = [i for i in asked if not seen[i].failure]
        if kept:
            found = [seen[i].causes[alteration] for i in kept]
            patients = [kind.patients[i] for i in kept] if kind.patients else []
            yield _row(kind, alteration, found, patients, len(asked) - len(kept))


def _row(kind: Kind, alteration: str, found: Sequence[Causes], patients: Sequence[str], left_out: int) -> Row:
    warned = [bool(one) for one in found]
    by_patient = kind.clustered and not alteration
    low, high = _by_patient(warned, patients) if by_patient else _by_film(warned)
    reasons = Counter(cause for one in found for cause in one)
    return Row(
        films=kind.name,
        alteration=alteration,
        n=len(warned),
        warned=sum(warned),
        patients=len(set(patients)) if patients else None,
        low=round(low, 6),
        high=round(high, 6),
        interval=BY_PATIENT if by_patient else BY_FILM,
        why=dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
        left_out=left_out,
    )


def _by_film(warned: Sequence[bool]) -> tuple[float, float]:
    """Wilson's interval, which stays an interval where all films are warned of, or none."""
    interval = binomtest(sum(warned), len(warned)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _by_patient(warned: Sequence[bool], patients: Sequence[str]) -> tuple[float, float]:
    """A bootstrap over patients; by film where it has nothing to vary."""
    if len(set(patients)) < 2 or len(set(warned)) < 2:
        return _by_film(warned)
    shares = np.array(warned, float)
    figure = clustered(lambda index: float(shares[index].mean()), patients, "films")
    return figure.low, figure.high


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| films | warned of | 95 % | why |", "| --- | --- | --- | --- |"]
    for row in rows:
        why = ", ".join(f"{cause} {number}" for cause, number in row.why.items())
        interval = f"{100 * row.low:.1f} to {100 * row.high:.1f} %"
        name = f"{row.films}: {row.alteration}" if row.alteration else f"{row.films}"
        lines.append(f"| {name} | {row.warned} of {row.n} | {interval} | {why or '–'} |")
    return "\n".join(lines) + "\n"
