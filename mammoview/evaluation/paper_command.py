"""`python -m mammoview paper`: our figures and tables beside the paper's, from what `evaluate` wrote."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mammoview.aside import written_aside
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
Every number of the table comes from `python -m mammoview evaluate` and stands in `metrics/`. [The paper's
figures and tables](paper.md) are drawn beside ours. Intervals are 95 % intervals of a bootstrap over
patients.

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
    """Write summaries, the table, the page of the paper and its figures, once all of them are made.

    Raises
    ------
    BadSetting
        A file is no metrics.json, two are of the same kind, or the page has lost its marks.
    UnusableDataset
        None of the films of the metrics is in --films.
    """
    from mammoview import WEIGHTS
    from mammoview.models.cards import load_suite

    measured = _measured(arguments)
    summaries = _summaries(measured, arguments.out / "metrics")
    readme = _readme(arguments.out)
    suite = load_suite(arguments.weights or WEIGHTS, arguments.device)
    films = _chosen_films(arguments, next(iter(measured.values())))
    texts = _pages(summaries, readme, arguments.out) | _figures(summaries, suite, arguments.out / "figures")
    if arguments.pictures is not None:
        texts |= _pictures(list(_assessed(films, suite)), arguments.pictures)
    _write(measured, texts, arguments.out / "metrics")
    sys.stdout.write(f"{arguments.out / 'README.md'} and {arguments.out / 'paper.md'} are up to date\n")
    return 0


def _measured(arguments: argparse.Namespace) -> dict[Role, dict[str, Any]]:
    """The metrics, by what they are evidence of."""
    from mammoview.evaluation.evidence import role
    from mammoview.evaluation.metrics_file import read_metrics

    if (arguments.pictures is None) != (arguments.films is None):
        raise BadSetting("--pictures and --films belong together: give both, or neither")
    found: dict[Role, dict[str, Any]] = {}
    for path in arguments.metrics:
        metrics = read_metrics(path)
        if role(metrics) in found:
            raise BadSetting(
                f"{path}: there is already another run of the kind {role(metrics)}; give one of each"
            )
        found[role(metrics)] = metrics
    return found


def _summaries(measured: Mapping[Role, dict[str, Any]], folder: Path) -> dict[Role, dict[str, Any]]:
    """Of what was measured now, and of what the folder holds of other runs; in the order of the roles."""
    from mammoview.evaluation.evidence import Role, read_summaries, summary

    found = read_summaries(folder, without=measured.keys())
    found |= {one: summary(metrics) for one, metrics in measured.items()}
    return {one: found[one] for one in Role if one in found}


def _readme(out: Path) -> str:
    """The page as it is, with its marks checked before anything is written."""
    from mammoview.evaluation.evidence import BEGIN, END, marked

    path = out / "README.md"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else PAGE.format(begin=BEGIN, end=END)
    except UnicodeDecodeError as error:
        raise BadSetting(f"{path} is no text in UTF-8: save it as one, or move it away") from error
    marked(text)
    return text


def _write(measured: Mapping[Role, dict[str, Any]], texts: Mapping[Path, str], summaries: Path) -> None:
    """Everything, each file whole."""
    from mammoview.evaluation.evidence import summary, write_summary

    for folder in {summaries, *(path.parent for path in texts)}:
        folder.mkdir(parents=True, exist_ok=True)
    for metrics in measured.values():
        write_summary(summary(metrics), summaries)
    for path, text in texts.items():
        with written_aside(path) as draft:
            draft.write_text(text, encoding="utf-8")


def _pages(summaries: Mapping[Role, dict[str, Any]], readme: str, out: Path) -> dict[Path, str]:
    from mammoview.evaluation.evidence import Role, with_table
    from mammoview.evaluation.paper_tables import page

    validation = summaries.get(Role.VALIDATION, {})
    return {out / "README.md": with_table(readme, summaries), out / "paper.md": page(validation)}


def _figures(summaries: Mapping[Role, dict[str, Any]], suite: Suite, folder: Path) -> dict[Path, str]:
    """The figures that hold no shared film: curves, layers, and pictures of the phantom."""
    from mammoview.evaluation import paper_figures
    from mammoview.evaluation.evidence import Role

    drawn = {2: paper_figures.architecture(suite.heatmap_card.architecture)}
    curves = paper_figures.roc(summaries.get(Role.VALIDATION, {}))
    if curves is not None:
        drawn[3] = curves
    return _named(drawn, folder) | _pictures(list(_phantoms(suite)), folder)


def _pictures(films: Sequence[Shown], folder: Path) -> dict[Path, str]:
    """Figures 1, 4, 5 and 6."""
    from mammoview.evaluation import paper_figures

    pictures = {
        1: paper_figures.aggregation(films[0]),
        4: paper_figures.heat(films),
        5: paper_figures.patches(films),
        6: paper_figures.saliency(films),
    }
    return _named(pictures, folder)


def _named(drawn: Mapping[int, str], folder: Path) -> dict[Path, str]:
    return {folder / f"figure-{place}.svg": svg for place, svg in drawn.items()}


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
