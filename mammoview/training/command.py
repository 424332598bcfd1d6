"""`python -m mammoview train`: every network, from a dataset of annotated films."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mammoview.domain import Magnification
from mammoview.errors import Cancelled, UnusableDataset
from mammoview.evaluation.command import number_of_processes

if TYPE_CHECKING:
    from mammoview.evaluation.store import Prepared
    from mammoview.readers.annotated import AnnotatedFilm
    from mammoview.training.team import Team

__all__ = ["add_arguments", "run"]

COARSEST_MM = 2.0  # what a film resolves at the least, to be of any use
INTERRUPTED = 130
"""Exit status after Ctrl-C or SIGTERM."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` takes."""
    add = parser.add_argument
    add("network", choices=("tissue", "heatmap", "familiarity", "all"), help="what to train")
    add("dataset", type=Path, help="images/ with lesions.csv, a DDSM tree, or CBIS-DDSM's DICOM files")
    add("--magnification", choices=[m.key for m in Magnification], help="of the tissue network")
    add("--wide", action="store_true", help="patches of 256 pixels at every magnification, not of 25.6 mm")
    add("--local-results", action="store_true", help="the heatmap that joins the tissue grids in")
    add("--small", action="store_true", help="smaller networks, fewer batches: minutes, not hours")
    add("--start-from", type=Path, metavar="WEIGHTS", help="go on from these networks, not from random ones")
    add("--version", default="1.0", help="of the networks, as their cards are to name it (default: 1.0)")
    add("--out", type=Path, help="where cards and tensors go (default: weights-DATASET in --runs)")
    add("--runs", type=Path, default=Path("runs"), help="checkpoints and prepared films")
    add("--steps", type=_from(1), help="batches, instead of the usual number")
    add("--batch", type=_batch, metavar="N", help="examples in each batch, a multiple of 8")
    add("--seed", type=_from(0), default=0, help="of the first weights and of every draw")
    add("--patience", type=_from(1), help="validations without a better one before it stops early")
    add("--workers", type=number_of_processes, default=1, metavar="N", help="processes that prepare films")
    add(
        "--band-limit-mm",
        type=_band_limit,
        default=0.30,
        help="sampling distance that the films resolve (default: 0.30); sharper ones are smoothed to it",
    )


def _band_limit(text: str) -> float:
    millimetres = float(text)
    if not 0 <= millimetres <= COARSEST_MM:
        raise argparse.ArgumentTypeError(f"{text} mm is not between 0 and {COARSEST_MM:g} mm")
    return millimetres


def _batch(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1024 or int(text) % 8:
        raise argparse.ArgumentTypeError(f"{text!r} is not a multiple of 8 from 8 to 1024")
    return int(text)


def _from(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return int(text)

    return convert


def run(arguments: argparse.Namespace) -> int:
    """Prepare the films once, then train what was asked for; 130 where that was interrupted.

    Raises
    ------
    UnusableDataset
        The folder is not a dataset, or has no lesion on one side of the split.
    BadSetting
        torchrun started more processes than can share a batch.
    """
    from mammoview.training.interruption import terminated_as_interrupted
    from mammoview.training.team import joined

    with terminated_as_interrupted(), joined() as team:
        try:
            _train(arguments, team)
            return 0
        except Cancelled as cancelled:
            sentence = str(cancelled)
        except KeyboardInterrupt:
            sentence = "stopped; give the same command again to go on from what was done"
        if team.leads:
            sys.stderr.write(f"mammoview: {sentence}\n")
        return INTERRUPTED


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """What networks are trained on: films as their source has them and as they were prepared, in order."""

    name: str
    films: tuple[AnnotatedFilm, ...]
    prepared: tuple[Prepared, ...]


def _train(arguments: argparse.Namespace, team: Team) -> None:
    from mammoview.training.describe import card_of
    from mammoview.training.manifest import manifest_of
    from mammoview.training.outlook import Outlook
    from mammoview.training.plan import Budget
    from mammoview.training.start import keep_manifests

    material = _material(arguments, team)
    manifest = manifest_of(material.name, material.prepared, arguments.seed)
    card = card_of(manifest, material.films, material.prepared, arguments.band_limit_mm, arguments.version)
    out = arguments.out or arguments.runs / f"weights-{material.name}"
    checkpoints = arguments.runs / f"checkpoints-{_digest(material.films, arguments)}"
    trainings = _trainings(arguments)
    outlook = Outlook(list(trainings))
    start = arguments.start_from
    budget = Budget(
        arguments.steps, arguments.seed, arguments.patience, arguments.small, outlook, start, arguments.batch
    )
    for name, train in trainings.items():
        _say(team, outlook.begin(name))
        train(material.prepared, card=card, out=out, runs=checkpoints, budget=budget)
        if team.leads:
            manifest.write(out)
            keep_manifests(start, out)
        _say(team, f"{name} is in {out}")
    if arguments.network in ("familiarity", "all"):
        _learn_familiarity(material, arguments, out, team)


def _learn_familiarity(material: _Material, arguments: argparse.Namespace, out: Path, team: Team) -> None:
    from mammoview.training.familiarity import learn_familiarity

    if team.leads:
        limit = arguments.band_limit_mm
        learn_familiarity(
            material.films, material.prepared, dataset=material.name, band_limit_mm=limit, out=out
        )
    _say(team, f"what these films have in common is in {out}")


def _say(team: Team, sentence: str) -> None:
    if team.leads:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()


def _material(arguments: argparse.Namespace, team: Team) -> _Material:
    from mammoview.evaluation.places import placed
    from mammoview.evaluation.store import build, load, prepared_among
    from mammoview.readers.datasets import open_dataset

    name = arguments.dataset.name or arguments.dataset.resolve().name
    films = open_dataset(arguments.dataset)
    store = arguments.runs / f"films-{name}-{arguments.band_limit_mm:g}"
    if team.leads:
        build(films, store, arguments.band_limit_mm, arguments.workers)
    team.wait()
    kept = prepared_among(films, store)
    pairs = placed(kept, load((f.film.source for f in kept), store))
    if len(pairs) < len(kept):
        _say(team, f"{len(kept) - len(pairs)} films with lesions that are marked nowhere are left out")
    material = _Material(name, tuple(f for f, _ in pairs), tuple(p for _, p in pairs))
    _check_sides(arguments.dataset, material.prepared)
    return material


def _check_sides(dataset: Path, films: Sequence[Prepared]) -> None:
    """Refuse what has no lesion to learn from, or none to judge by."""
    for validation, side in ((False, "to train on"), (True, "to keep for validation")):
        if not any(len(film.boxes) for film in films if film.validation is validation):
            raise UnusableDataset(
                f"{dataset}: too few patients: none with a lesion is left {side}; add films of more patients"
            )


def _digest(films: Sequence[AnnotatedFilm], arguments: argparse.Namespace) -> str:
    """Of what a run learns from: a checkpoint of other films or settings is never gone on from."""
    settings = ("band_limit_mm", "steps", "seed", "patience", "small", "wide", "start_from", "batch")
    said = [*(getattr(arguments, s) for s in settings), *((f.film.source, f.digest) for f in films)]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _trainings(arguments: argparse.Namespace) -> dict[str, Callable[..., object]]:
    """What trains each network that was asked for, by the network's name and in order."""
    from mammoview.models.cards import heatmap_name, tissue_name
    from mammoview.training.heatmap import train_heatmap
    from mammoview.training.tissue import train_tissue

    tissue = {
        tissue_name(m): partial(train_tissue, magnification=m, wide=arguments.wide)
        for m in _magnifications(arguments)
    }
    heatmaps = {heatmap_name(v): partial(train_heatmap, local_results=v) for v in _variants(arguments)}
    return {**tissue, **heatmaps}


def _magnifications(arguments: argparse.Namespace) -> Sequence[Magnification]:
    if arguments.network in ("heatmap", "familiarity"):
        return ()
    chosen = [m for m in Magnification if arguments.magnification in (None, m.key)]
    return chosen if arguments.network == "tissue" else tuple(Magnification)


def _variants(arguments: argparse.Namespace) -> Sequence[bool]:
    if arguments.network in ("tissue", "familiarity"):
        return ()
    return (False, True) if arguments.network == "all" else (arguments.local_results,)
