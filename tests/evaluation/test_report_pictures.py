"""Which films a report shows is decided by rule."""

from __future__ import annotations

import numpy as np

from mammoview.domain import Agreement, Magnification, Settings
from mammoview.evaluation.films import SALIENCY, Judged, Lesion
from mammoview.evaluation.froc import FilmMarks
from mammoview.evaluation.report_pictures import choose, draw
from tests import handmade

SETTINGS = Settings()


def judged(name: str, energy: float | None, false: tuple[float, ...] = (), normal: bool = False) -> Judged:
    """A film with one lesion, or a normal one; its saliency at ×0.33 says the opposite of that at ×0.5."""

    def agreed(share: float | None) -> tuple[Agreement, ...]:
        return () if normal else (Agreement(0, True, share, 0.5, 0.5, None, None),)

    best = np.array([] if normal else [0.7 if energy else -np.inf])
    return Judged(
        film=name,
        patient=name,
        normal=normal,
        view="CC",
        density="2",
        kinds=frozenset(),
        lesions=() if normal else (Lesion(0, None, None, None, ""),),
        scores={},
        marks={"centre": FilmMarks(best, np.array(false))},
        squared_errors=(0.0, 0.0),
        agreements={
            (SALIENCY, Magnification.HALF): agreed(energy),
            (SALIENCY, Magnification.THIRD): agreed(None if energy is None else 1 - energy),
        },
        cells={},
        findings=0,
        warnings=(),
    )


def test_the_best_the_middling_and_the_worst_by_energy_inside_the_outlines():
    films = [judged(f"film {share}", share / 10) for share in range(1, 10)]
    chosen = {(one.title, one.film) for one in choose(films, SETTINGS, each=1)}
    assert chosen == {
        ("Among the best", "film 9"),
        ("In the middle", "film 5"),
        ("Among the worst", "film 1"),
    }


def test_the_loudest_false_findings_on_films_with_lesions_and_on_normal_films():
    films = [
        judged("a", 0.9),
        judged("b", 0.5, (0.2, 0.9)),
        judged("c", 0.4, (0.6,)),
        judged("d", 0.1),
        judged("n", None, (0.3,), normal=True),
        judged("m", None, (), normal=True),
    ]
    chosen = choose(films, SETTINGS, each=1)
    assert [one.film for one in chosen] == ["a", "c", "d", "b", "n"]
    assert "score of 0.900" in chosen[3].caption
    assert "score of 0.300" in chosen[4].caption


def test_no_film_is_shown_twice_and_ties_are_owned_up_to():
    films = [judged(f"film {place}", None, (0.5,)) for place in range(12)]
    chosen = choose(films, SETTINGS)
    assert len({one.film for one in chosen}) == len(chosen) == 12
    worst = [one for one in chosen if one.title == "Among the worst"]
    assert all("12 films share this value" in one.caption for one in worst)
    assert all("centred in 0 of 1 lesions." in one.caption for one in worst)


def test_a_dataset_without_any_lesion_shows_false_findings_only():
    chosen = choose([judged("n", None, (0.3,), normal=True)], SETTINGS)
    assert [one.title for one in chosen] == ["False finding on a normal film"]


def test_a_chosen_film_is_read_again_and_drawn(monkeypatch):
    outline = handmade.square(100, 100, 60, handmade.PLAIN)
    shown = handmade.mammogram([outline], synthetic=True)
    monkeypatch.setattr(
        "mammoview.evaluation.report_pictures.assess",
        lambda mammogram, suite, settings: handmade.assessment(synthetic=True),
    )
    chosen = choose([judged("film", 0.5)], SETTINGS)
    pictures = list(draw(chosen, {"film": lambda: shown}, None, SETTINGS))
    assert [picture.title for picture in pictures] == ["Among the best: film"]
    assert "0.500 of the saliency's energy" in pictures[0].caption
    assert pictures[0].pixels.shape[2] == 3
    assert pictures[0].pixels.dtype == np.uint8
