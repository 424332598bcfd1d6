"""`python -m mammoview evaluate`: the figures of the networks on films of patients they never saw."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mammoview.domain import Magnification, Settings
from mammoview.errors import UnusableDataset

if TYPE_CHECKING:
    from mammoview.evaluation.bootstrap import Figure
    from mammoview.evaluation.store import Prepared
    from mammoview.models.cards import Suite
    from mammoview.readers.lesions_csv import AnnotatedFilm

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `evaluate` takes."""
    parser.add_argument("dataset", type=Path, help="folder with images/ and lesions.csv")
    parser.add_argument("--out", type=Path, required=True, help="where metrics.json goes")
    parser.add_argument(
        "--films",
        choices=("validation", "all"),
        default="validation",
        help="patients kept from training (default), or all: for a dataset that was never trained on",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="prepared films are kept here")
    parser.add_argument("--weights", type=Path, help="folder of cards and tensors, instead of the project's")
    parser.add_argument("--stride", type=int, choices=(32, 64), default=64, help="of the saliency's patches")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--choose",
        action="store_true",
        help="choose the operating points on these films and write them and the figures on the cards",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write metrics.json; with --choose also the cards.

    Raises
    ------
    UnusableDataset
        The folder is not a dataset, or holds no film of the wanted patients.
    """
    from mammoview.evaluation.split import in_validation
    from mammoview.models.cards import WEIGHTS, load_suite
    from mammoview.readers.lesions_csv import open_dataset

    folder = arguments.weights or WEIGHTS
    arguments.out.mkdir(parents=True, exist_ok=True)  # before the long work rather than after it
    suite = load_suite(folder, arguments.device)
    films = [
        f for f in open_dataset(arguments.dataset) if arguments.films == "all" or in_validation(f.patient)
    ]
    if not films:
        raise UnusableDataset(f"{arguments.dataset}: no film of a validation patient; give --films all")
    prepared = _prepared(films, arguments, suite)
    figures: dict[str, dict[str, Figure]] = {card.name: {} for card in suite.cards}
    points = _tissue(suite, prepared, figures)
    if arguments.choose:
        points |= _levels(suite, prepared)
        _write_points(suite, points, folder)
        suite = load_suite(folder, arguments.device)
    overall = _whole_films(suite, films, arguments.stride, figures)
    metrics = {
        "dataset": arguments.dataset.name,
        "films": len(films),
        "patients": len({f.patient for f in films}),
        "which": arguments.films,
        "stride": arguments.stride,
        "operating_points": {card.name: card.operating_point for card in suite.cards},
        "networks": {name: _as_json(found) for name, found in figures.items()},
        "films_and_saliency": _as_json(overall),
    }
    draft = arguments.out / "metrics.json.draft"
    draft.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(arguments.out / "metrics.json")
    if arguments.choose:
        _write_metrics(suite, figures, overall, folder)
    _print(figures, overall)
    return 0


def _prepared(films: Sequence[AnnotatedFilm], arguments: argparse.Namespace, suite: Suite) -> list[Prepared]:
    from mammoview.evaluation.store import build, load

    limit = suite.heatmap_card.band_limit_mm
    store = arguments.runs / f"films-{arguments.dataset.name}-{limit:g}"
    build(films, store, limit)
    return load((f.film.source for f in films), store)


def _tissue(
    suite: Suite, prepared: Sequence[Prepared], figures: dict[str, dict[str, Figure]]
) -> dict[str, float]:
    from mammoview.evaluation.patches import lesions_of
    from mammoview.evaluation.tissue import tissue_figures

    points = {}
    for magnification in Magnification:
        card, classifier = suite.tissue_cards[magnification], suite.tissue[magnification]
        if lesions_of(prepared, magnification, classifier.patch)[0]:
            figures[card.name], points[card.name] = tissue_figures(classifier, prepared, magnification)
    return points


def _levels(suite: Suite, prepared: Sequence[Prepared]) -> dict[str, float]:
    from mammoview.evaluation.choose import best_level
    from mammoview.evaluation.heat import tissue_logits

    local = tissue_logits(suite.tissue[Magnification.HALF], prepared)
    return {
        card.name: best_level(network, prepared, local)[0]
        for network, card in (
            (suite.baseline, suite.baseline_card),
            (suite.heatmap, suite.heatmap_card),
        )
    }


def _whole_films(
    suite: Suite, films: Sequence[AnnotatedFilm], stride: int, figures: dict[str, dict[str, Figure]]
) -> dict[str, Figure]:
    from tqdm import tqdm

    from mammoview.evaluation.films import film_figures, judge, lattice_figure

    settings = Settings(stride=stride)
    judged = [judge(film, suite, settings) for film in tqdm(films, desc="assessing", unit="film")]
    for magnification in Magnification:
        if any(len(f.lattice[magnification][0]) for f in judged):
            name = suite.tissue_cards[magnification].name
            figures[name]["tissue AUC, all lattice negatives"] = lattice_figure(judged, magnification)
    return film_figures(judged)


def _write_points(suite: Suite, points: dict[str, float], folder: Path) -> None:
    from mammoview.models.cards import write_card

    for card in suite.cards:
        if card.name in points:
            write_card(replace(card, operating_point=round(points[card.name], 4)), folder)


def _write_metrics(
    suite: Suite, figures: dict[str, dict[str, Figure]], overall: dict[str, Figure], folder: Path
) -> None:
    from mammoview.models.cards import write_card

    for card in suite.cards:
        found = figures[card.name]
        if card.name == suite.heatmap_card.name:
            found = found | overall
        if card.name == suite.baseline_card.name:
            found = found | {k: v for k, v in overall.items() if k == "heatmap MSE, baseline"}
        write_card(replace(card, metrics=_as_json(found)), folder)


def _as_json(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: figure.as_json() for name, figure in figures.items()}


def _print(figures: dict[str, dict[str, Figure]], overall: dict[str, Figure]) -> None:
    import sys

    for name, found in {**figures, "films and saliency": overall}.items():
        for label, figure in found.items():
            what = f"{figure.n} {figure.unit} of {figure.patients} patients"
            sys.stdout.write(f"{name:24} {label:58} {figure}  [{what}]\n")
