"""`python -m mammoview paper`: our figures and tables beside the paper's, from what `evaluate` wrote."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mammoview.domain import Film, Settings
from mammoview.errors import BadSetting, UnusableDataset

if TYPE_CHECKING:
    from mammoview.evaluation.evidence import Role
    from mammoview.evaluation.paper_figures import Shown
    from mammoview.models.cards import Suite

__all__ = ["add_arguments", "run"]

PAGE: Final = """\
# Evidence

What the networks do on films of patients they never saw, beside what was published and what was wanted.
Every number comes from `python -m mammoview evaluate` and stands in `metrics/`. [The paper's figures and
tables](paper.md) are drawn beside ours. Intervals are 95 % intervals of a bootstrap over patients.

Research use only: Mammoview is not a medical device and must not be used for diagnosis.

{begin}
{end}

## What was tried and did not help

"""
"""The page where there is none yet."""

MOST_PICTURES: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `paper` takes."""
    parser.add_argument(
        "--metrics", type=Path, nargs="+", required=True, metavar="METRICS.json", help="what evaluate wrote"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs/evidence"), metavar="DIR", help="default: docs/evidence"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="DIR", help="the networks that were measured, if others"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="where Figures 1, 4, 5 and 6 go that show films of --films; never in --out",
    )
    parser.add_argument("--films", type=Path, metavar="DATASET", help="the dataset of the first METRICS.json")


def run(arguments: argparse.Namespace) -> int:
    """Write summaries, the table, the page of the paper and its figures.

    Raises
    ------
    BadSetting
        A file is no metrics.json, two are of the same kind, or the page has lost its marks.
    UnusableDataset
        None of the films of the metrics is in --films.
    """
    from mammoview.evaluation.evidence import read_summaries
    from mammoview.models.cards import WEIGHTS, load_suite

    measured = _measured(arguments)
    readme = _readme(arguments.out)
    suite = load_suite(arguments.weights or WEIGHTS, arguments.device)
    films = _chosen_films(arguments, next(iter(measured.values())))
    for folder in (arguments.out / "metrics", arguments.out / "figures"):
        folder.mkdir(parents=True, exist_ok=True)
    _write_summaries(measured, arguments.out / "metrics")
    summaries = read_summaries(arguments.out / "metrics")
    _write_pages(summaries, readme, arguments.out)
    _write_figures(summaries, suite, arguments.out / "figures")
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        _write_pictures(list(_assessed(films, suite)), arguments.pictures)
    sys.stdout.write(f"{arguments.out / 'README.md'} and {arguments.out / 'paper.md'} are up to date\n")
    return 0


def _measured(arguments: argparse.Namespace) -> dict[Role, dict[str, Any]]:
    """The metrics, by what they are evidence of."""
    from mammoview.evaluation.evidence import role

    if (arguments.pictures is None) != (arguments.films is None):
        raise BadSetting("--pictures and --films belong together: give both, or neither")
    found: dict[Role, dict[str, Any]] = {}
    for path in arguments.metrics:
        metrics = _read(path)
        if role(metrics) in found:
            raise BadSetting(
                f"{path}: there is already another run of the kind {role(metrics)}; give one of each"
            )
        found[role(metrics)] = metrics
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        metrics = None
    if not isinstance(metrics, dict) or not {"dataset", "films", "patients"} <= metrics.keys():
        raise BadSetting(f"{path} is no metrics.json: give a file that `python -m mammoview evaluate` wrote")
    return metrics


def _readme(out: Path) -> str:
    """The page as it is, with its marks checked before anything is written."""
    from mammoview.evaluation.evidence import BEGIN, END, marked

    path = out / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else PAGE.format(begin=BEGIN, end=END)
    marked(text)
    return text


def _write_summaries(measured: Mapping[Role, dict[str, Any]], folder: Path) -> None:
    from mammoview.evaluation.evidence import summary, write_summary

    for metrics in measured.values():
        write_summary(summary(metrics), folder)


def _write_pages(summaries: Mapping[Role, dict[str, Any]], readme: str, out: Path) -> None:
    from mammoview.evaluation.evidence import Role, with_table
    from mammoview.evaluation.paper_tables import page

    (out / "README.md").write_text(with_table(readme, summaries), encoding="utf-8")
    (out / "paper.md").write_text(page(summaries.get(Role.VALIDATION, {})), encoding="utf-8")


def _write_figures(summaries: Mapping[Role, dict[str, Any]], suite: Suite, folder: Path) -> None:
    """The figures that hold no shared film: curves, layers, and pictures of the phantom."""
    from mammoview.evaluation import paper_figures
    from mammoview.evaluation.evidence import Role

    drawn = {2: paper_figures.architecture(suite.heatmap_card.architecture)}
    curves = paper_figures.roc(summaries.get(Role.VALIDATION, {}))
    if curves is not None:
        drawn[3] = curves
    _write_drawn(drawn, folder)
    _write_pictures(list(_phantoms(suite)), folder)


def _write_pictures(films: Sequence[Shown], folder: Path) -> None:
    """Figures 1, 4, 5 and 6."""
    from mammoview.evaluation import paper_figures

    pictures = {
        1: paper_figures.aggregation(films[0]),
        4: paper_figures.heat(films),
        5: paper_figures.patches(films),
        6: paper_figures.saliency(films),
    }
    _write_drawn(pictures, folder)


def _write_drawn(drawn: Mapping[int, str], folder: Path) -> None:
    for place, svg in drawn.items():
        (folder / f"figure-{place}.svg").write_text(svg, encoding="utf-8")


def _phantoms(suite: Suite) -> Iterator[Shown]:
    from mammoview.phantom import DEMO_SEED, write_case
    from mammoview.readers import open_case

    with tempfile.TemporaryDirectory() as folder:
        yield from _assessed(open_case(write_case(Path(folder), DEMO_SEED))[:MOST_PICTURES], suite)


def _assessed(films: Sequence[Film], suite: Suite) -> Iterator[Shown]:
    from mammoview.backend import assess
    from mammoview.evaluation.paper_figures import Shown

    for film in films:
        mammogram = film.read()
        yield Shown(mammogram, assess(mammogram, suite, Settings()))


def _chosen_films(arguments: argparse.Namespace, metrics: Mapping[str, Any]) -> list[Film]:
    """Best, middle and worst by the saliency's energy inside the outlines, as the report's."""
    if arguments.films is None:
        return []
    from mammoview.readers.datasets import open_dataset

    there = {one.film.source: one.film for one in open_dataset(arguments.films)}
    energy: dict[str, float] = {}
    for row in metrics.get("lesions") or []:
        if row["magnification"] == Settings().magnification.key and row["film"] in there:
            energy[row["film"]] = energy.get(row["film"], 0.0) + (row["energy_inside"] or 0.0)
    ordered = sorted(energy, key=lambda name: (-energy[name], name))
    if not ordered:
        raise UnusableDataset(
            f"{arguments.films}: it holds none of the films with lesions that {arguments.metrics[0]} names; "
            "give the dataset that was evaluated"
        )
    chosen = dict.fromkeys((ordered[0], ordered[len(ordered) // 2], ordered[-1]))
    return [there[name] for name in chosen]
