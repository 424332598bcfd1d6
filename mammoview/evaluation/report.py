"""The report of an evaluation: one HTML file that opens from disk and fetches nothing.

It says what was measured, on what and with which networks, shows every figure with its interval, and
names what the run did not measure. Whatever comes from the data is escaped by the template.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

import mammoview
from mammoview.aside import written_aside
from mammoview.domain import ModelCard
from mammoview.evaluation import charts
from mammoview.evaluation.charts import Interval
from mammoview.overlays import RESEARCH_USE

__all__ = [
    "Picture",
    "at_operating_point",
    "interval_text",
    "number",
    "percent_interval_text",
    "value_text",
    "write_report",
]

JPEG_QUALITY: Final = 85
WHICH: Final = {
    "validation": "the patients kept from training",
    "all": "all its patients; that is fair only for a dataset of which nothing was used in training",
}
SECTIONS: Final = (
    "dataset",
    "films",
    "patients",
    "stride",
    "counts",
    "operating_points",
    "networks",
    "films_and_saliency",
    "film_scores",
    "randomised",
    "lesions",
    "warnings",
)
"""What the template reads of the metrics; what is missing counts as empty."""
CARD_WORDS: Final = {"Trained on": "trained_on", "Split": "split", "Limits": "limits"}
LESION_COLUMNS: Final = {
    "film": "film",
    "outline": "outline",
    "type": "type",
    "pathology": "pathology",
    "magnification": "magnification",
    "pointing_hit": "pointing hit",
    "energy_inside": "energy inside",
    "dice": "Dice",
    "iou": "IoU",
    "tightness": "tightness",
    "centre_distance_mm": "centres apart, mm",
    "best_finding_score": "best finding",
}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture of the report.

    Attributes
    ----------
    pixels : ndarray of shape (H, W, 3), uint8, RGB
    title : str
        What it is an example of.
    caption : str
        Why this film and not another.
    """

    pixels: NDArray[np.uint8]
    title: str
    caption: str

    @property
    def data(self) -> str:
        """The picture as a JPEG data URI."""
        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, "JPEG", quality=JPEG_QUALITY)
        return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def write_report(
    metrics: Mapping[str, Any],
    pictures: Sequence[Picture],
    out: Path,
    cards: Sequence[ModelCard] = (),
) -> Path:
    """Write `out`/report.html, whole or not at all, and return its path.

    Parameters
    ----------
    metrics : mapping
        As `metrics.json` holds it; sections that are missing are said to be missing.
    pictures : sequence of Picture
        Film pictures; they are embedded and leave this file only with it.
    out : Path
        An existing folder.
    cards : sequence of ModelCard
        Of the networks that were measured.
    """
    environment = Environment(
        loader=PackageLoader("mammoview.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "value": value_text,
        "interval": interval_text,
        "plain": _plain,
        "counted": _counted,
    }
    text = environment.get_template("report.html").render(
        metrics={name: metrics.get(name) or {} for name in SECTIONS},
        pictures=pictures,
        cards=cards,
        words_of_cards={title: _same_words(cards, attribute) for title, attribute in CARD_WORDS.items()},
        which=WHICH.get(metrics.get("which", ""), "films named by the reader"),
        version=mammoview.__version__,
        research_use=RESEARCH_USE,
        charts=_charts(metrics),
        comparisons=list(_comparisons(metrics.get("baselines") or {})),
        forests=list(_forests(metrics.get("subgroups") or {})),
        has_film_auc=any("film AUC" in label for label in metrics.get("films_and_saliency") or {}),
        lesion_columns=LESION_COLUMNS,
    )
    path = out / "report.html"
    with written_aside(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path


def number(value: float | None) -> str:
    """Three decimals, six of what is smaller than 0.01; "–" where undefined."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.6f}"


def value_text(figure: Mapping[str, Any]) -> str:
    """The value of a figure, with the decimals of its interval."""
    return "–" if figure["value"] is None else f"{figure['value']:.{_decimals(figure)}f}"


def interval_text(figure: Mapping[str, Any]) -> str:
    """The 95 % interval of a figure in words."""
    low, high, decimals = figure.get("low"), figure.get("high"), _decimals(figure)
    return "not defined" if low is None or high is None else f"{low:.{decimals}f} to {high:.{decimals}f}"


def percent_interval_text(figure: Mapping[str, Any]) -> str:
    """The 95 % interval of a share, in per cent with one decimal."""
    low, high = figure["low"], figure["high"]
    return "not defined" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def _decimals(figure: Mapping[str, Any]) -> int:
    """Six where value and bounds are all smaller than 0.01, else three."""
    ends = [abs(figure[key]) for key in ("value", "low", "high") if figure.get(key) is not None]
    return 6 if ends and 0 < max(ends) < 0.01 else 3


def at_operating_point(
    curve: Mapping[str, Sequence[float | None]], point: float
) -> tuple[float, float] | None:
    """(false positive rate, sensitivity) of an error curve at the threshold nearest to `point`.

    None where a rate is undefined there.
    """
    thresholds = np.array(curve["threshold"], float)
    if not len(thresholds):
        return None
    nearest = int(np.abs(thresholds - point).argmin())
    false, missed = curve["false_positive_rate"][nearest], curve["false_negative_rate"][nearest]
    return None if false is None or missed is None else (false, 1 - missed)


def _same_words(cards: Sequence[ModelCard], attribute: str) -> dict[str, list[str]]:
    """What the cards say, each sentence once, with the names of those that say it."""
    said: dict[str, list[str]] = {}
    for card in cards:
        said.setdefault(getattr(card, attribute), []).append(card.name)
    return said


def _charts(metrics: Mapping[str, Any]) -> dict[str, Markup]:
    """Every chart for which this run has numbers, by name."""
    curves = metrics.get("curves") or {}
    points = metrics.get("operating_points") or {}
    errors = curves.get("error_by_threshold") or {}
    drawn = {}
    if curves.get("roc"):
        marked = _marked(errors, points)
        drawn["roc"] = charts.roc(curves["roc"], _titles(metrics, "AUC, balanced"), marked), "ROC curves"
    if curves.get("froc"):
        drawn["froc"] = charts.froc(curves["froc"]), "Free-response ROC curves"
    if curves.get("reliability"):
        titles = _titles(metrics, "calibration error")
        drawn["reliability"] = charts.reliability(curves["reliability"], titles), "Reliability curves"
    if errors:
        titles = _titles(metrics, "total error")
        drawn["errors"] = charts.error_by_threshold(errors, titles, points), "Error rates over the threshold"
    if metrics.get("randomised"):
        drawn["randomised"] = _listed(metrics["randomised"]), "Saliency after randomising the network"
    return {name: _inline(svg, name, words) for name, (svg, words) in drawn.items()}


def _marked(errors: Mapping[str, Any], points: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    found = {name: at_operating_point(errors[name], points[name]) for name in errors if name in points}
    return {name: place for name, place in found.items() if place is not None}


def _titles(metrics: Mapping[str, Any], label: str) -> dict[str, str]:
    """Over each network's panel: its name and the figure whose label has these words."""
    titles = {}
    for name, figures in (metrics.get("networks") or {}).items():
        figure = next((f for key, f in figures.items() if label in key), None)
        words = f"\n{label}\n{value_text(figure)} ({interval_text(figure)})" if figure else ""
        titles[name] = name + words
    return titles


def _comparisons(baselines: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Markup]]:
    """For each measure (what a label says before its comma) its name and a chart of all maps."""
    labels = list(dict.fromkeys(label for one in baselines.values() for label in one))
    measures = dict.fromkeys(label.partition(",")[0] for label in labels)
    for place, measure in enumerate(measures):
        own = [label for label in labels if label.partition(",")[0] == measure]
        yield measure, _inline(_compared(baselines, own), f"baselines-{place}", f"{measure} of each map")


def _compared(baselines: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> str:
    """For each label one line for each map; maps keep their colour."""
    rows = []
    for label in labels:
        rows.append(Interval(label, None, None, None))
        for colour, one in enumerate(baselines):
            if label in baselines[one]:
                rows.append(_row(one, baselines[one][label], colour))
    return charts.intervals(rows, "value with 95 % interval", _unit_limits(rows))


def _listed(figures: Mapping[str, Any]) -> str:
    rows = [_row(label, figure) for label, figure in figures.items()]
    return charts.intervals(rows, "value with 95 % interval", _unit_limits(rows), line=0.0)


def _forests(subgroups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[str, Markup]]:
    """For each figure that was measured by subgroup: its label and a forest chart."""
    labels = dict.fromkeys(
        label for group in subgroups.values() for figures in group.values() for label in figures
    )
    for place, label in enumerate(labels):
        rows = []
        for group, members in subgroups.items():
            found = {member: figures[label] for member, figures in members.items() if label in figures}
            if found:
                rows.append(Interval(group, None, None, None))
                rows += [_row(f"{member}", figure) for member, figure in found.items()]
        svg = charts.intervals(rows, label, _unit_limits(rows))
        yield label, _inline(svg, f"forest-{place}", f"{label} by subgroup")


def _row(label: str, figure: Mapping[str, Any], colour: int = 0) -> Interval:
    value = figure["value"]
    patients = "1 patient" if figure["patients"] == 1 else f"{figure['patients']} patients"
    counted = f"{figure['n']} {figure['unit']}, {patients}"
    said = "not defined" if value is None else f"{value_text(figure)} ({interval_text(figure)})"
    return Interval(label, value, figure["low"], figure["high"], f"{said} · {counted}", colour)


def _unit_limits(rows: Sequence[Interval]) -> tuple[float, float] | None:
    """0 to 1 where everything lies there."""
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    return (-0.02, 1.02) if ends and min(ends) >= 0 and max(ends) <= 1 else None


def _inline(svg: str, name: str, description: str) -> Markup:
    """Safe as it stands: the chart was serialised by an XML library, which escaped its words."""
    return Markup(charts.inline(svg, re.sub(r"[^a-z0-9-]", "-", name), description))


def _plain(value: object) -> str:
    """A cell of the table of lesions."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def _counted(value: object) -> str:
    """A count, or one count for each network."""
    if isinstance(value, Mapping):
        return ", ".join(f"{count} ({name})" for name, count in value.items())
    return _plain(value)
