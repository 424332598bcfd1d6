"""`report.html`: one film on one page of paper, in one file that fetches nothing and runs nothing.

Its numbers are those of `assessment.json`. Whatever comes from the film's files is escaped by the template.
"""

from __future__ import annotations

import base64
import datetime
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from mammoview import overlays
from mammoview.domain import Assessment, Mammogram
from mammoview.export import assessment_json
from mammoview.scorecard import SALIENT_SHARE

__all__ = ["MOST_ROWS", "content", "write"]

LONGEST: Final = 800  # px; a film
SIDE: Final = 360  # px; a finding
ENLARGED: Final = 3
MOST_ROWS: Final = 4
"""Of a table: what goes beyond is counted, and stands in assessment.json."""

MOST_LETTERS: Final = 240  # of one sentence of a file's
MOST_FACTS: Final = 10
MOST_OF_A_FACT: Final = 60
JPEG_QUALITY: Final = 85
NO_VALUE: Final = "–"
ERRORS: Final = ("total error.*", "sensitivity at [^,]*", "heatmap MSE.*")
"""Names of the figures by which a card says how often its network errs; the first kind that it has."""


@dataclass(frozen=True, slots=True)
class _Picture:
    data: str
    caption: str


def write(assessment: Assessment, mammogram: Mammogram, path: Path) -> None:
    """Write `content` of today to a file."""
    path.write_bytes(content(assessment, mammogram))


def content(assessment: Assessment, mammogram: Mammogram, day: datetime.date | None = None) -> bytes:
    """The report as HTML in UTF-8; the same bytes for the same assessment and day.

    Parameters
    ----------
    assessment : Assessment
    mammogram : Mammogram
        The one that was assessed. It is named by its source alone, as on the page.
    day : date or None
        Of the report; None: today.
    """
    found = assessment_json.document(assessment, mammogram)
    page: str = _template().render(
        found=found,
        day=(day or datetime.date.today()).isoformat(),
        film=_film(mammogram, found["scan"]),
        pictures=_films(assessment, mammogram),
        enlarged=_enlarged(assessment, mammogram),
        networks=_networks(found["models"]),
        trained_on=_once(found["models"], "trained_on", "; "),
        limits=_once(found["models"], "limits", ". "),
        settings=_settings(assessment),
        most=MOST_ROWS,
        most_enlarged=ENLARGED,
        salient_share=f"{SALIENT_SHARE:.0%}",
    )
    return page.encode()


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("mammoview.export", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"decimals": _decimals, "percent": _percent, "short": _short, "hit": _hit}
    return environment.get_template("film.html")


def _films(assessment: Assessment, mammogram: Mammogram) -> list[_Picture]:
    level = assessment.heatmap.level
    hot = bool((assessment.heatmap.heat >= level).any())
    reader = "reader's outlines solid" if mammogram.outlines else "the source has no outline"
    model = "findings dashed" if assessment.findings else "no finding"
    heat = f"Heat from 0 to 1, clear below {level / 2:.2f}, full from the level {level:.2f} on"
    return [
        _Picture(_jpeg(overlays.film_alone(mammogram, assessment, LONGEST)), "The film alone"),
        _Picture(
            _jpeg(overlays.film_with_heat(mammogram, assessment, LONGEST)),
            heat if hot else f"{heat}; nothing reaches it",
        ),
        _Picture(
            _jpeg(overlays.film_with_outlines(mammogram, assessment, LONGEST)),
            f"Outlines: {reader}; {model}",
        ),
    ]


def _enlarged(assessment: Assessment, mammogram: Mammogram) -> list[_Picture]:
    """The first findings, highest score first, each with the saliency around it."""
    pictures = []
    for number, finding in enumerate(assessment.findings[:ENLARGED], 1):
        pixels, millimetres = overlays.finding_with_saliency(mammogram, assessment, finding, SIDE)
        pictures.append(_Picture(_jpeg(pixels), f"Finding {number}, {millimetres:.0f} mm across"))
    return pictures


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    """A picture (H, W, 3) as a data URI."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _film(mammogram: Mammogram, scan: Mapping[str, Any]) -> dict[str, str]:
    """What the page, too, says of the film."""
    spacing = scan["spacing_mm"]
    down, across = spacing if isinstance(spacing, list) else (spacing, spacing)
    return {
        "source": scan["source"],
        "laterality": scan["laterality"] or "not stated",
        "view": scan["view"] or "not stated",
        "size": f"{scan['rows']} × {scan['columns']} pixels",
        "spacing": f"{down:.4g} × {across:.4g} mm ({scan['spacing_source'] or 'assumed'})",
        **{name: _short(said, MOST_OF_A_FACT) for name, said in islice(mammogram.facts.items(), MOST_FACTS)},
    }


def _networks(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each network its name, version and the figures that say how often it errs."""
    return [
        {"name": model["name"], "version": model["version"], "errors": _errors(model["metrics"])}
        for model in models
    ]


def _errors(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The first kind of figure that the card has, in words."""
    for kind in ERRORS:
        if own := [_figure(*each) for each in metrics.items() if re.fullmatch(kind, each[0])]:
            return own
    return []


def _figure(name: str, figure: Mapping[str, Any]) -> str:
    value, low, high = (_number(figure.get(key)) for key in ("value", "low", "high"))
    counted = f"{figure.get('n', NO_VALUE)} {figure.get('unit', '')}".strip()
    patients = f" of {figure['patients']} patients" if "patients" in figure else ""
    return f"{name} {value} (95 % interval {low} to {high}; {counted}{patients})"


def _number(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.3g}"


def _once(models: Sequence[Mapping[str, Any]], word: str, between: str) -> dict[str, str]:
    """What the cards say, each part once: by those who say it, "" where all do.

    Parts are divided by `between`, as a card's sentences by ". ".
    """
    said: dict[str, list[str]] = {}
    for model in models:
        for part in dict.fromkeys(model[word].rstrip(".").split(between)):
            said.setdefault(part, []).append(model["name"])
    together: dict[str, list[str]] = {}
    for part, names in said.items():
        together.setdefault("" if len(names) == len(models) else ", ".join(names), []).append(part)
    return {names: between.join(map(_short, parts)) for names, parts in together.items()}


def _settings(assessment: Assessment) -> dict[str, str]:
    settings, chosen = assessment.settings, assessment.settings.magnification
    grid = assessment.grids.get((chosen, settings.stride))
    return {
        "magnification": f"{chosen.label} ({chosen.mm:.2f} mm per pixel)",
        "stride": f"{settings.stride} pixels",
        "a patch is positive from": NO_VALUE if grid is None else f"{grid.threshold:.3g}",
        "hot from the level": f"{assessment.heatmap.level:.3g}",
    }


def _decimals(value: float | None, places: int) -> str:
    return NO_VALUE if value is None else f"{value:.{places}f}"


def _percent(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.0%}"


def _hit(value: bool | None) -> str:
    return NO_VALUE if value is None else "hit" if value else "miss"


def _short(text: str, most: int = MOST_LETTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"
