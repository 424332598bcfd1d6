"""Which films a report shows, and why: the best, the middling and the worst, and the loudest false findings.

They are chosen by rule from what was measured, so that nobody picks the flattering ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mammoview.backend import assess
from mammoview.domain import Mammogram, Settings
from mammoview.evaluation.films import SALIENCY, Judged
from mammoview.evaluation.report import Picture, number
from mammoview.models.cards import Suite
from mammoview.overlays import compose

__all__ = ["EACH", "Chosen", "choose", "draw"]

EACH = 3
"""Films of each kind."""

LONGEST = 1400  # px; a picture in the report


@dataclass(frozen=True, slots=True)
class Chosen:
    """A film that is shown: what it is an example of, and the rule that chose it."""

    film: str
    title: str
    caption: str


def choose(films: Sequence[Judged], settings: Settings, each: int = EACH) -> list[Chosen]:
    """Films by agreement (share of the saliency's energy inside the outlines) and by false findings.

    Parameters
    ----------
    films : sequence of Judged
    settings : Settings
        Their magnification is the one whose saliency counts.
    each : int
        Most films of each kind; no film is shown twice.
    """
    rated = sorted(((_energy(f, settings), f.film, f) for f in films if f.lesions), key=lambda one: one[:2])
    loudest = sorted(((_loudest(f), f.film, f) for f in films), key=lambda one: (-one[0], one[1]))
    middle = max(0, (len(rated) - each) // 2)
    taken: set[str] = set()
    kinds: list[tuple[str, list[tuple[float, str, Judged]], Callable[[float, Judged], str]]] = [
        ("Among the best", rated[::-1], _inside),
        ("In the middle", rated[middle:], _inside),
        ("Among the worst", rated, _inside),
        ("False finding on a film with lesions", [one for one in loudest if one[2].lesions], _false),
        ("False finding on a normal film", [one for one in loudest if one[2].normal], _false),
    ]
    chosen = []
    for title, ordered, why in kinds:
        free = [(value, film) for value, name, film in ordered if name not in taken and value > -np.inf]
        for value, film in free[:each]:
            taken.add(film.film)
            chosen.append(Chosen(film.film, title, why(value, film) + _ties(value, ordered)))
    return chosen


def draw(
    chosen: Sequence[Chosen],
    mammograms: Mapping[str, Callable[[], Mammogram]],
    suite: Suite,
    settings: Settings,
) -> Iterator[Picture]:
    """Read and assess each chosen film again and draw it; `mammograms` reads a film by its name."""
    for one in chosen:
        mammogram = mammograms[one.film]()
        assessment = assess(mammogram, suite, settings)
        pixels = compose(mammogram, assessment, settings.magnification, LONGEST)
        yield Picture(pixels, f"{one.title}: {one.film}", one.caption)


def _energy(film: Judged, settings: Settings) -> float:
    agreed = film.agreements[SALIENCY, settings.magnification]
    return float(sum(one.energy_inside or 0.0 for one in agreed))


def _loudest(film: Judged) -> float:
    return float(film.marks["centre"].false_scores.max(initial=-np.inf))


def _inside(energy: float, film: Judged) -> str:
    scores = film.marks["centre"].lesion_scores
    found = int(np.isfinite(scores).sum())
    best = f", the best with a score of {number(float(scores.max()))}" if found else ""
    return (
        f"{number(energy)} of the saliency's energy lies inside the outlines; a finding is centred in "
        f"{found} of {len(scores)} lesions{best}."
    )


def _false(score: float, film: Judged) -> str:
    return f"A finding with a score of {number(score)} is centred in no annotation of this film."


def _ties(value: float, ordered: Sequence[tuple[float, str, Judged]]) -> str:
    equal = sum(one[0] == value for one in ordered)
    return f" {equal} films share this value; those first by name are shown." if equal > EACH else ""
