"""`python -m mammoview evaluate`: the figures of the networks on films of patients they never saw."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mammoview.aside import made, write_json
from mammoview.curves import curves_of, write_curves
from mammoview.domain import Magnification, Settings
from mammoview.errors import BadSetting, UnusableDataset

if TYPE_CHECKING:
    from mammoview.evaluation.bootstrap import Figure
    from mammoview.evaluation.films import Judged
    from mammoview.evaluation.join import JoinExamples
    from mammoview.evaluation.store import Prepared
    from mammoview.evaluation.tissue import ScoredPatches
    from mammoview.models.cards import Suite
    from mammoview.readers.annotated import AnnotatedFilm

__all__ = ["add_arguments", "number_of_processes", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `evaluate` takes."""
    parser.add_argument(
        "dataset", type=Path, help="folder of films with their annotations, in a known layout"
    )
    parser.add_argument("--out", type=Path, required=True, help="where metrics.json and report.html go")
    parser.add_argument(
        "--films",
        choices=("validation", "all"),
        default="validation",
        help="patients kept from training (default), or all: for a dataset that was never trained on",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="prepared films are kept here")
    parser.add_argument("--weights", type=Path, help="folder of cards and tensors, instead of the project's")
    parser.add_argument("--stride", type=int, choices=(32, 64), default=32, help="of the saliency's patches")
    parser.add_argument(
        "--workers",
        type=number_of_processes,
        default=1,
        metavar="N",
        help="processes that prepare and assess films (default: 1)",
    )
    parser.add_argument(
        "--tissue-only",
        action="store_true",
        help="measure only the tissue classifiers on patches: minutes, and no report.html",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--choose",
        action="store_true",
        help="choose the operating points on these films and write them and the figures on the cards",
    )


def number_of_processes(text: str) -> int:
    """As a command takes it, 1 to 256."""
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 1 to 256")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write metrics.json and report.html; with --choose also the cards.

    Raises
    ------
    UnusableDataset
        The folder is not a dataset, or holds no film of the wanted patients.
    BadSetting
        Operating points are to be chosen without films.
    """
    from mammoview import WEIGHTS
    from mammoview.evaluation.join import examples_of
    from mammoview.models.cards import load_suite

    if arguments.tissue_only and arguments.choose:
        raise BadSetting("--choose needs whole films: give it without --tissue-only")
    folder = arguments.weights or WEIGHTS
    films = _wanted(arguments)
    suite = load_suite(folder, arguments.device)
    with made(arguments.out):  # before the long work rather than after it
        kept, prepared = _prepared(films, arguments, suite)
        crosswise = arguments.choose or _fitted_on(arguments, folder)
        with_places = _with_places(kept, prepared, arguments)
        patches = _scored(suite, with_places, crosswise)
        figures = _tissue(suite, patches)
        if arguments.tissue_only:
            return _tissue_only(suite, with_places, patches, figures, arguments)
        examples = examples_of(suite, with_places if crosswise else ())
        if arguments.choose:
            _choose(suite, examples, patches, folder)
            suite = load_suite(folder, arguments.device)
        suites = _suites(suite, examples, kept) if crosswise else [suite] * len(kept)
        judged = _whole_films(suites, kept, arguments)
        metrics = _metrics(suite, with_places, patches, judged, figures, arguments)
        metrics["counts"]["films left out, as they cannot be prepared"] = len(films) - len(kept)
        write_json(metrics, arguments.out / "metrics.json")
        _report(metrics, suite, kept, judged, arguments)
    overall = metrics["films_and_saliency"]
    if arguments.choose:
        _write_metrics(suite, metrics["networks"], overall, folder)
        write_curves(curves_of(metrics), folder)
    _print({**metrics["networks"], "films and saliency": overall, **metrics["baselines"]})
    return 0


def _tissue_only(
    suite: Suite,
    films: Sequence[Prepared],
    patches: dict[Magnification, ScoredPatches],
    figures: dict[str, dict[str, Figure]],
    arguments: argparse.Namespace,
) -> int:
    """Write and print what was measured on patches."""
    known = {name: found for name, found in _as_json(figures).items() if found}
    curves = {"curves": _curves(suite, patches), "counts": {"patches": _patch_counts(suite, patches)}}
    head = _head(suite, len(films), len({f.patient for f in films}), arguments)
    write_json(head | {"networks": known} | curves, arguments.out / "metrics.json")
    _print(known)
    return 0


def _fitted_on(arguments: argparse.Namespace, folder: Path) -> bool:
    """Whether the join and the calibration of these networks were fitted to the films that are measured.

    That is so for the validation patients of a dataset that they were trained on, and of no other.
    """
    from mammoview.evaluation.split import manifest_file

    trained_on = folder / manifest_file(arguments.dataset.resolve().name)
    return arguments.films == "validation" and trained_on.is_file()


def _wanted(arguments: argparse.Namespace) -> list[AnnotatedFilm]:
    from mammoview.evaluation.split import in_validation
    from mammoview.readers.datasets import open_dataset

    films = open_dataset(arguments.dataset)
    chosen = [f for f in films if arguments.films == "all" or in_validation(f.patient)]
    if not chosen:
        raise UnusableDataset(f"{arguments.dataset}: no film of a validation patient; give --films all")
    return chosen


def _prepared(
    films: Sequence[AnnotatedFilm], arguments: argparse.Namespace, suite: Suite
) -> tuple[tuple[AnnotatedFilm, ...], list[Prepared]]:
    """The films that can be prepared, and what became of them."""
    from mammoview.evaluation.store import build, load

    limit = suite.heatmap_card.band_limit_mm
    store = arguments.runs / f"films-{arguments.dataset.resolve().name}-{limit:g}"
    kept = build(films, store, limit, arguments.workers)
    if not kept:
        raise UnusableDataset(
            f"{arguments.dataset}: none of its films can be prepared; see the warnings above"
        )
    return kept, load((f.film.source for f in kept), store)


def _with_places(
    films: Sequence[AnnotatedFilm], prepared: Sequence[Prepared], arguments: argparse.Namespace
) -> list[Prepared]:
    """The films without those whose lesions are marked nowhere: a patch of theirs is no negative."""
    from mammoview.evaluation.places import placed

    found = [one for _, one in placed(films, prepared)]
    if not found:
        raise UnusableDataset(
            f"{arguments.dataset}: all its films have lesions that are marked nowhere; give some outlines"
        )
    return found


def _scored(
    suite: Suite, prepared: Sequence[Prepared], crosswise: bool
) -> dict[Magnification, ScoredPatches]:
    """The balanced draw of every magnification at which there are lesions."""
    from mammoview.evaluation.patches import lesions_of
    from mammoview.evaluation.tissue import score_patches

    return {
        magnification: score_patches(classifier, prepared, magnification, crosswise)
        for magnification, classifier in suite.tissue.items()
        if lesions_of(prepared, magnification, classifier.patch)[0]
    }


def _tissue(suite: Suite, patches: dict[Magnification, ScoredPatches]) -> dict[str, dict[str, Figure]]:
    from mammoview.evaluation.tissue import tissue_figures

    figures: dict[str, dict[str, Figure]] = {card.name: {} for card in suite.cards}
    for magnification, scored in patches.items():
        figures[suite.tissue_cards[magnification].name] = tissue_figures(scored)
    return figures


def _thresholds(suite: Suite, patches: dict[Magnification, ScoredPatches]) -> dict[str, float]:
    from mammoview.evaluation.tissue import best_threshold

    return {
        suite.tissue_cards[m].name: best_threshold(scored.held_out.labels, scored.suspicion)
        for m, scored in patches.items()
    }


def _choose(
    suite: Suite, examples: JoinExamples, patches: dict[Magnification, ScoredPatches], folder: Path
) -> None:
    """Fit the join to these films, choose the operating points on them, and write both."""
    from mammoview.evaluation.choose import heat_level, joined_heat
    from mammoview.evaluation.join import fit_join
    from mammoview.models.cards import replace_tensors

    fit_join(suite.heatmap, examples)
    join = {f"join.{name}": tensor for name, tensor in suite.heatmap.join.state_dict().items()}
    replace_tensors(suite.heatmap_card.name, join, folder)
    levels = {
        card.name: heat_level(joined_heat(network, examples), examples.films)
        for network, card in (
            (suite.baseline, suite.baseline_card),
            (suite.heatmap, suite.heatmap_card),
        )
    }
    _write_points(_thresholds(suite, patches) | levels, folder)


def _suites(suite: Suite, examples: JoinExamples, films: Sequence[AnnotatedFilm]) -> list[Suite]:
    """For each film a suite whose join was fitted to examples of other patients than the film's.

    A film that is no example itself has that of its quarter of the patients. Where no example is of
    that quarter, the suite as it is was fitted to none of its patients either.
    """
    from mammoview.evaluation.join import cross_fitted
    from mammoview.evaluation.split import validation_quarter

    quarters = map(validation_quarter, examples.patients)
    fitted = dict(zip(quarters, cross_fitted(suite, examples), strict=True))
    return [fitted.get(validation_quarter(film.patient), suite) for film in films]


def _whole_films(
    suites: Sequence[Suite], films: Sequence[AnnotatedFilm], arguments: argparse.Namespace
) -> list[Judged]:
    """Each film with the suite of its own, so that one may be chosen on other patients than the film's."""
    from mammoview.evaluation.workers import judge_all

    return judge_all(films, suites, Settings(stride=arguments.stride), arguments.workers)


def _metrics(
    suite: Suite,
    prepared: Sequence[Prepared],
    patches: dict[Magnification, ScoredPatches],
    judged: Sequence[Judged],
    figures: dict[str, dict[str, Figure]],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """The content of metrics.json; a figure is {"value", "low", "high", "unit", "n", "patients"}."""
    from mammoview.evaluation.figures import film_figures, film_score_figures, froc_curves, warning_counts
    from mammoview.evaluation.lesions import (
        baseline_figures,
        finding_figures,
        lesion_rows,
        saliency_figures,
    )
    from mammoview.evaluation.subgroups import subgroup_figures

    overall = film_figures(judged) | saliency_figures(judged) | finding_figures(judged)
    head = _head(suite, len(judged), len({f.patient for f in judged}), arguments)
    return head | {
        "networks": _as_json(_with_lattice(suite, judged, figures)),
        "films_and_saliency": _as_json(overall),
        "curves": {"froc": froc_curves(judged)} | _curves(suite, patches),
        "film_scores": _as_json(film_score_figures(judged)),
        "subgroups": _as_json(subgroup_figures(judged)),
        "baselines": _as_json(baseline_figures(judged)),
        "randomised": _as_json(_randomised(suite, patches)),
        "counts": _counts(suite, prepared, patches, judged),
        "lesions": lesion_rows(judged),
        "warnings": warning_counts(judged),
    }


def _head(suite: Suite, films: int, patients: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """What was measured, by which networks."""
    from mammoview.evaluation.evidence import described

    return {
        "dataset": arguments.dataset.resolve().name,
        "films": films,
        "patients": patients,
        "which": arguments.films,
        "stride": arguments.stride,
        "cards": described(suite.cards),
        "operating_points": {card.name: card.operating_point for card in suite.cards},
    }


def _curves(suite: Suite, patches: dict[Magnification, ScoredPatches]) -> dict[str, dict[str, Any]]:
    """Curves of the tissue classifiers, by kind and network."""
    from mammoview.evaluation.tissue import figures_at, tissue_curves

    curves: dict[str, dict[str, Any]] = {}
    for magnification, scored in patches.items():
        card = suite.tissue_cards[magnification]
        there = _as_json(figures_at(scored, card.operating_point))
        measured = tissue_curves(scored) | {
            "at_operating_point": {"threshold": card.operating_point, **there}
        }
        for kind, curve in measured.items():
            curves.setdefault(kind, {})[card.name] = curve
    return curves


def _patch_counts(suite: Suite, patches: dict[Magnification, ScoredPatches]) -> dict[str, int]:
    return {suite.tissue_cards[m].name: len(s.suspicion) for m, s in patches.items()}


def _with_lattice(
    suite: Suite, judged: Sequence[Judged], figures: dict[str, dict[str, Figure]]
) -> dict[str, dict[str, Figure]]:
    from mammoview.evaluation.figures import lattice_figure

    if not any(film.lesions for film in judged):
        return figures
    label = "tissue AUC, all lattice negatives"
    found = {suite.tissue_cards[m].name: {label: lattice_figure(judged, m)} for m in Magnification}
    return {name: known | found.get(name, {}) for name, known in figures.items()}


def _randomised(suite: Suite, patches: dict[Magnification, ScoredPatches]) -> dict[str, Figure]:
    from mammoview.evaluation.randomised import randomised_figures

    figures: dict[str, Figure] = {}
    for magnification, scored in patches.items():
        figures |= randomised_figures(suite.tissue[magnification], scored.held_out, magnification)
    return figures


def _counts(
    suite: Suite,
    prepared: Sequence[Prepared],
    patches: dict[Magnification, ScoredPatches],
    judged: Sequence[Judged],
) -> dict[str, Any]:
    from mammoview.evaluation.patches import lesions_of

    left_out = {m: lesions_of(prepared, m, suite.tissue[m].patch)[1] for m in Magnification}
    return {
        "films with lesions": sum(bool(f.lesions) for f in judged),
        "normal films": sum(f.normal for f in judged),
        "films with lesions that are marked nowhere, which count for the film AUC only": sum(
            f.marked_nowhere for f in judged
        ),
        "films without lesions of patients who have some": sum(
            not (f.normal or f.lesions or f.marked_nowhere) for f in judged
        ),
        "lesions": sum(len(f.lesions) for f in judged),
        "findings": sum(f.findings for f in judged),
        "too large for a patch": {suite.tissue_cards[m].name: n for m, n in left_out.items()},
        "patches": _patch_counts(suite, patches),
    }


def _report(
    metrics: dict[str, Any],
    suite: Suite,
    films: Sequence[AnnotatedFilm],
    judged: Sequence[Judged],
    arguments: argparse.Namespace,
) -> None:
    """report.html with pictures of films chosen by rule."""
    from mammoview.evaluation.report import write_report
    from mammoview.evaluation.report_pictures import choose, draw

    settings = Settings(stride=arguments.stride)
    mammograms = {f.film.source: f.film.read for f in films}
    pictures = list(draw(choose(judged, settings), mammograms, suite, settings))
    write_report(metrics, pictures, arguments.out, suite.cards)


def _write_points(points: Mapping[str, float], folder: Path) -> None:
    from mammoview.models.cards import read_card, write_card

    for name, point in points.items():
        write_card(replace(read_card(name, folder), operating_point=round(point, 4)), folder)


def _write_metrics(suite: Suite, networks: dict[str, Any], overall: dict[str, Any], folder: Path) -> None:
    from mammoview.models.cards import write_card

    for card in suite.cards:
        found = networks[card.name]
        if card.name == suite.heatmap_card.name:
            found = found | overall
        if card.name == suite.baseline_card.name:
            found = found | {k: v for k, v in overall.items() if k == "heatmap MSE, baseline"}
        write_card(replace(card, metrics=found), folder)


def _as_json(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures at any depth, as metrics.json and the cards hold them."""
    return {
        name: _as_json(found) if isinstance(found, Mapping) else found.as_json()
        for name, found in figures.items()
    }


def _print(tables: Mapping[str, Mapping[str, Any]]) -> None:
    for name, found in tables.items():
        for label, figure in found.items():
            interval = " to ".join("–" if b is None else f"{b:.3g}" for b in (figure["low"], figure["high"]))
            value = "–" if figure["value"] is None else f"{figure['value']:.3g}"
            what = f"{figure['n']} {figure['unit']} of {figure['patients']} patients"
            sys.stdout.write(f"{name:24} {label:58} {value} ({interval})  [{what}]\n")
