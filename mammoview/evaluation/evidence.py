"""What was measured on the films that the networks never saw, beside what was published and what was wanted.

The numbers are kept as summaries of `metrics.json`: figures and curves, no film, no patient. The table is
written from them between two marks of a page; the rest of the page belongs to its authors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mammoview.aside import written_aside
from mammoview.domain import Magnification, ModelCard, Settings
from mammoview.errors import BadSetting
from mammoview.evaluation.metrics_file import read_metrics
from mammoview.evaluation.report import interval_text, percent_interval_text, value_text
from mammoview.models.cards import tissue_name
from mammoview.readers.annotated import WITH_SYNTHETIC_LESIONS

__all__ = [
    "BEGIN",
    "END",
    "ROWS",
    "Role",
    "Row",
    "described",
    "label_of",
    "marked",
    "read_summaries",
    "role",
    "summary",
    "table",
    "tissue",
    "with_table",
    "write_summary",
]

BEGIN: Final = "<!-- From here on written by `python -m mammoview paper`. -->"
END: Final = "<!-- From here on written by hand. -->"
WIDE: Final = 256
"""Pixels along a patch at every magnification: the other of the paper's two readings (decision 0007)."""

LEFT_OUT: Final = ("lesions", "warnings")
"""Sections of metrics.json that say something of single films."""

Summary = Mapping[str, Any]
Labelled = tuple[str, Mapping[str, Any]]


class Role(StrEnum):
    """What a run is evidence of; also the name of its summary."""

    VALIDATION = "validation"
    CASES = "ddsm-cases"
    MIAS = "mini-mias"
    OTHER_SIDE = "patches-of-256-pixels"
    SYNTHETIC = "synthetic-lesions"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: a figure, what was published of it, what was wanted, and where to find ours.

    `find` returns the figures of a summary with what is written before each; none where it has none.
    """

    figure: str
    published: str
    wanted: str
    role: Role
    find: Callable[[Summary], Sequence[Labelled]]
    percent: bool = False


def role(metrics: Summary) -> Role:
    """By what was measured.

    Networks that are an experiment first: patches of 256 pixels at ×0.25, or training on synthetic
    lesions; then validation patients; else mini-MIAS by the dataset's name; else cases that were never
    trained on.
    """
    cards = metrics.get("cards") or {}
    if (cards.get(tissue_name(Magnification.QUARTER)) or {}).get("patch") == WIDE:
        return Role.OTHER_SIDE
    if any(WITH_SYNTHETIC_LESIONS in card.get("trained_on", "") for card in cards.values()):
        return Role.SYNTHETIC
    if metrics.get("which") == "validation":
        return Role.VALIDATION
    return Role.MIAS if "mias" in str(metrics.get("dataset", "")).lower() else Role.CASES


def described(cards: Sequence[ModelCard]) -> dict[str, dict[str, Any]]:
    """What metrics say of the networks that were measured, by name."""
    return {
        card.name: {
            "version": card.version,
            "sha256": card.sha256,
            "architecture": dict(card.architecture),
            "trained_on": card.trained_on,
            "split": card.split,
            **({"patch": card.inputs["patch"]} if "patch" in card.inputs else {}),
        }
        for card in cards
    }


def summary(metrics: Summary) -> dict[str, Any]:
    """The metrics without what belongs to single films; a summary is returned as it is."""
    return {name: found for name, found in metrics.items() if name not in LEFT_OUT}


def write_summary(found: Summary, folder: Path) -> Path:
    """Write a summary under the name of its role, whole or not at all."""
    path = folder / f"{role(found)}.json"
    with written_aside(path) as draft:
        draft.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_summaries(folder: Path, without: Collection[Role] = ()) -> dict[Role, dict[str, Any]]:
    """The summaries of a folder, by role; those `without` are not looked at.

    Raises
    ------
    BadSetting
        One is broken or of another shape.
    """
    paths = {one: folder / f"{one}.json" for one in Role if one not in without}
    return {one: read_metrics(path) for one, path in paths.items() if path.exists()}


def table(summaries: Mapping[Role, Summary]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| figure | paper or best public | wanted | measured, 95 % interval | films or patches, patients |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in ROWS:
        found = row.find(summaries[row.role]) if row.role in summaries else ()
        measured = "<br>".join(_measured(row, *one) for one in found) or "not measured"
        counted = "<br>".join(dict.fromkeys(_counted(figure) for _, figure in found)) or "–"
        lines.append(f"| {row.figure} | {row.published} | {row.wanted} | {measured} | {counted} |")
    return "\n".join(lines) + "\n"


def marked(text: str) -> str:
    """What a page holds between its marks.

    Raises
    ------
    BadSetting
        The page has no marks.
    """
    _, begin, rest = text.partition(BEGIN)
    between, end, _ = rest.partition(END)
    if not (begin and end):
        raise BadSetting(
            f"the page has lost its marks: put the lines {BEGIN} and {END} back where the table goes"
        )
    return between


def with_table(text: str, summaries: Mapping[Role, Summary]) -> str:
    """The page with the table between its marks written anew, and nothing else touched."""
    return text.replace(
        f"{BEGIN}{marked(text)}{END}", f"{BEGIN}\n\n{_datasets(summaries)}\n{table(summaries)}\n{END}"
    )


def tissue(found: Summary, label: str) -> list[tuple[Magnification, Mapping[str, Any]]]:
    """A figure of the three tissue classifiers, those that have it, highest value first."""
    networks = found.get("networks") or {}
    figures = [(m, (networks.get(tissue_name(m)) or {}).get(label)) for m in Magnification]
    known = [(m, one) for m, one in figures if one and one["value"] is not None]
    return sorted(known, key=lambda pair: -pair[1]["value"])


def label_of(found: Summary, label: str) -> list[Labelled]:
    """A figure of the films, or of the cards' score of a film."""
    scores = (found.get("film_scores") or {}).get("score of the assessment") or {}
    figure = ((found.get("films_and_saliency") or {}) | scores).get(label)
    return [] if figure is None else [("", figure)]


def _datasets(summaries: Mapping[Role, Summary]) -> str:
    """What the runs were, one line each."""
    lines = []
    for one, found in summaries.items():
        cards = found.get("cards") or {}
        versions = ", ".join(f"`{name}` {card['version']}" for name, card in cards.items())
        lines.append(
            f"- [{one}](metrics/{one}.json): {found['films']} films of {found['patients']} patients of "
            f"`{found['dataset']}`" + (f", by {versions}" if versions else "")
        )
    return "\n".join(lines) + "\n"


def _measured(row: Row, label: str, figure: Mapping[str, Any]) -> str:
    before = f"{label}: " if label else ""
    if figure["value"] is None:
        return f"{before}not defined"
    if row.percent:
        return f"{before}**{100 * figure['value']:.1f} %** ({percent_interval_text(figure)})"
    return f"{before}**{value_text(figure)}** ({interval_text(figure)})"


def _counted(figure: Mapping[str, Any]) -> str:
    return f"{figure['n']} {figure['unit']}, {figure['patients']} patients"


def _best_area(found: Summary) -> list[Labelled]:
    return [(m.label, figure) for m, figure in tissue(found, "tissue AUC, balanced")[:1]]


def _other_areas(found: Summary) -> list[Labelled]:
    return [(m.label, figure) for m, figure in tissue(found, "tissue AUC, balanced")[1:]]


def _error_of_the_best(found: Summary) -> list[Labelled]:
    """Of the magnification with the best AUC, not the least error: one choice on these films is enough."""
    best = tissue(found, "tissue AUC, balanced")[:1]
    errors = dict(tissue(found, "total error, balanced"))
    return [(m.label, errors[m]) for m, _ in best if m in errors]


def _each(label: str) -> Callable[[Summary], list[Labelled]]:
    return lambda found: [(m.label, figure) for m, figure in sorted(tissue(found, label), key=_coarseness)]


def _wider(label: str) -> Callable[[Summary], list[Labelled]]:
    """At the magnifications where 256 pixels are not 25.6 mm."""
    return lambda found: [pair for pair in _each(label)(found) if pair[0] != Magnification.HALF.label]


def _calcifications(label: str) -> Callable[[Summary], list[Labelled]]:
    def find(found: Summary) -> list[Labelled]:
        types = (found.get("subgroups") or {}).get("lesion type") or {}
        figure = (types.get("calcification") or {}).get(label)
        return [] if figure is None else [("", figure)]

    return find


def _coarseness(pair: tuple[Magnification, Any]) -> int:
    return pair[0].reduction


def _film(label: str) -> Callable[[Summary], list[Labelled]]:
    return lambda found: label_of(found, label)


def _hits(found: Summary) -> list[Labelled]:
    """As a share, with the outlines that are hit before it; of all, and of each type of lesion."""
    label = f"pointing game of the saliency, {SHOWN}"
    types = (found.get("subgroups") or {}).get("lesion type") or {}
    figures = [("all", figure) for _, figure in label_of(found, label)]
    figures += [(name, of[label]) for name, of in types.items() if label in of]
    return [
        (f"{name}, {round(one['value'] * one['n'])} of {one['n']}", one)
        for name, one in figures
        if one["value"] is not None
    ]


SHOWN: Final = Settings().magnification.label
"""The magnification whose saliency is reported unless a reader asks for another."""


def _rows() -> Iterator[Row]:
    yield Row(
        "tissue AUC, balanced patches, best magnification", "> 0.9", "0.985", Role.VALIDATION, _best_area
    )
    yield Row("the other two magnifications", "lower", "0.97 each", Role.VALIDATION, _other_areas)
    yield Row(
        "total error at the operating point, best magnification",
        "11.3 %",
        "6 %",
        Role.VALIDATION,
        _error_of_the_best,
        percent=True,
    )
    yield Row(
        "tissue AUC against all lattice negatives inside the breast",
        "–",
        "0.95",
        Role.VALIDATION,
        _each("tissue AUC, all lattice negatives"),
    )
    yield Row(
        "heatmap MSE, with local results minus baseline, paired by film",
        "6.48 → 6.04 on 20 films",
        "below 0 with its interval, on at least 150 films",
        Role.VALIDATION,
        _film("heatmap MSE, local results minus baseline"),
    )
    yield Row(
        "FROC, centre hit, lesion films: lesions found at 0.9 false findings per film",
        "0.85 (Ertosun & Rubin 2015, DDSM)",
        "0.80",
        Role.VALIDATION,
        _film("sensitivity at 0.9 false findings per film"),
    )
    yield Row(
        f"pointing game of the saliency, {SHOWN}",
        "0.41 (Grad-CAM, three-centre study)",
        "0.75",
        Role.VALIDATION,
        _film(f"pointing game of the saliency, {SHOWN}"),
    )
    yield Row(
        "calibration error of the tissue probability",
        "–",
        "0.04",
        Role.VALIDATION,
        _each("expected calibration error, balanced"),
    )
    yield from _rows_of_other_films()


def _rows_of_other_films() -> Iterator[Row]:
    cases = "genuine DDSM cases, never trained on"
    yield Row(
        f"{cases}: outlines hit by the saliency, {SHOWN}", "never measured", "9 of 12", Role.CASES, _hits
    )
    yield Row(
        f"{cases}: energy inside, {SHOWN}",
        "never measured",
        "0.5",
        Role.CASES,
        _film(f"saliency energy inside, {SHOWN}"),
    )
    yield Row(
        f"{cases}: median tightness, {SHOWN}",
        "“far tighter”, never measured",
        "below 1",
        Role.CASES,
        _film(f"median tightness of the saliency, {SHOWN}"),
    )
    for kind, wanted in (("masses and distortions", "0.80"), ("calcifications", "reported")):
        label = f"film AUC, {kind} against normal films"
        yield Row(f"mini-MIAS: {label}", "–", wanted, Role.MIAS, _film(label))
    yield from _rows_of_experiments()


def _rows_of_experiments() -> Iterator[Row]:
    wide = "the other reading, patches of 256 pixels"
    yield Row(
        f"{wide}: tissue AUC, balanced", "> 0.9", "published", Role.OTHER_SIDE, _wider("tissue AUC, balanced")
    )
    yield Row(
        f"{wide}: total error",
        "24.2 % at ×0.33, 22.7 % at ×0.25",
        "published",
        Role.OTHER_SIDE,
        _wider("total error, balanced"),
        percent=True,
    )
    lattice = f"tissue AUC, all lattice negatives, {Magnification.HALF.label}"
    calcifications = "calcifications of the genuine DDSM cases against all lattice negatives"
    for who, role in (
        ("", Role.CASES),
        (", trained on synthetic lesions in native films only", Role.SYNTHETIC),
    ):
        yield Row(
            f"{calcifications}, AUC of the ×0.5 classifier{who}",
            "–",
            "reported",
            role,
            _calcifications(lattice),
        )


ROWS: Final = tuple(_rows())
"""The table, row by row."""
