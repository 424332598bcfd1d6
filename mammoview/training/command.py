"""`python -m mammoview train`: every network, from a folder of annotated films."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mammoview.domain import Magnification, ModelCard
from mammoview.errors import UnusableDataset

if TYPE_CHECKING:
    from mammoview.readers.lesions_csv import AnnotatedFilm

__all__ = ["add_arguments", "run"]

VERSION = "1.0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` takes."""
    parser.add_argument("network", choices=("tissue", "heatmap", "all"), help="which networks to train")
    parser.add_argument("dataset", type=Path, help="folder with images/ and lesions.csv")
    parser.add_argument(
        "--magnification", choices=[m.key for m in Magnification], help="of the tissue network"
    )
    parser.add_argument(
        "--local-results", action="store_true", help="the heatmap that joins the tissue grid in"
    )
    parser.add_argument("--out", type=Path, help="where cards and tensors go (default: weights/)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints and prepared films")
    parser.add_argument("--steps", type=int, help="batches, instead of the usual number")
    parser.add_argument(
        "--band-limit-mm",
        type=float,
        default=0.30,
        help="sampling distance that the films resolve (0.30: CBIS-DDSM copies of 800 × 800)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare the films once, then train what was asked for.

    Raises
    ------
    UnusableDataset
        The folder is not a dataset, or has no patient on one side of the split.
    """
    from mammoview.evaluation.store import build, load
    from mammoview.models.cards import WEIGHTS
    from mammoview.readers.lesions_csv import open_dataset
    from mammoview.training.heatmap import train_heatmap
    from mammoview.training.tissue import train_tissue

    films, out = open_dataset(arguments.dataset), arguments.out or WEIGHTS
    store = arguments.runs / f"films-{arguments.dataset.name}-{arguments.band_limit_mm:g}"
    build(films, store, arguments.band_limit_mm)
    prepared = load((f.film.source for f in films), store)
    if len({f.validation for f in prepared}) < 2:
        raise UnusableDataset(f"{arguments.dataset}: too few patients to keep some for validation")
    card = _card(arguments.dataset.name, films, arguments.band_limit_mm)
    checkpoints = arguments.runs / f"checkpoints-{_digest(films, arguments)}"
    for magnification in _magnifications(arguments):
        train_tissue(prepared, magnification, card, out, checkpoints, arguments.steps)
    for local_results in _variants(arguments):
        train_heatmap(prepared, local_results, card, out, checkpoints, arguments.steps)
    return 0


def _digest(films: Sequence[AnnotatedFilm], arguments: argparse.Namespace) -> str:
    """Of what a run learns from: a checkpoint of other films or settings is never gone on from."""
    said = [arguments.band_limit_mm, arguments.steps, *((f.film.source, f.digest) for f in films)]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _magnifications(arguments: argparse.Namespace) -> Sequence[Magnification]:
    if arguments.network == "heatmap":
        return ()
    chosen = [m for m in Magnification if arguments.magnification in (None, m.key)]
    return chosen if arguments.network == "tissue" else tuple(Magnification)


def _variants(arguments: argparse.Namespace) -> Sequence[bool]:
    if arguments.network == "tissue":
        return ()
    return (False, True) if arguments.network == "all" else (arguments.local_results,)


def _card(name: str, films: Sequence[AnnotatedFilm], band_limit_mm: float) -> ModelCard:
    from mammoview.evaluation.split import SPLIT_IN_WORDS, in_validation

    kept = [f for f in films if not in_validation(f.patient)]
    patients = len({f.patient for f in kept})
    return ModelCard(
        name="",
        version=VERSION,
        sha256="",
        architecture={},
        inputs={"band_limit_mm": band_limit_mm},
        trained_on=f"{len(kept)} films of {patients} patients of {name} (digitised film, CC and MLO)",
        split=f"{SPLIT_IN_WORDS} ({len(films) - len(kept)} films)",
        metrics={},
        operating_point=0.5,
        licence="Apache-2.0",
        intended_use="Research into reading mammograms; not a medical device.",
        limits=(
            "Trained on masses marked by boxes; calcifications alone and digital mammograms were not "
            f"trained. Resolves no detail finer than {band_limit_mm:g} mm."
        ),
    )
