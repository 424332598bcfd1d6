"""Whether a scan looks like the films that the networks were trained on, and in words where it does not.

A handful of figures is measured on each film as the heatmap network sees it, and compared with the
limits that the training films kept. They are figures that a radiologist can check by eye: how large the
breast is, how its grey values lie between skin and gland, how fine its detail is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from mammoview.aside import write_json
from mammoview.domain import REFERENCE_MM, Field, Mammogram
from mammoview.errors import BreastNotFound, WeightsMissing
from mammoview.prepare import CELL, breast_cells, magnify, spacing_warnings

__all__ = [
    "FILE",
    "GROUPS",
    "REDUCTION",
    "Familiar",
    "Limits",
    "causes",
    "learn_limits",
    "measure",
    "read_familiar",
    "strange",
    "unfamiliar",
    "write_familiar",
]

FILE: Final = "familiar.json"
REDUCTION: Final = 8
"""Figures are measured at 0.4 mm per pixel, where the store of prepared films and a scan agree."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "size": ("area_cm2", "height_mm", "width_mm"),
    "outline": ("filling",),
    "grey": ("grey_10", "grey_25", "grey_50", "grey_75", "grey_90", "skin"),
    "detail": ("slope_fine", "slope_middle", "slope_coarse"),
}
"""Figures that mean the same to a reader share a warning."""

CELL_MM: Final = CELL * REFERENCE_MM
BANDS: Final = (1.0, 2.0, 4.0, 8.0)  # standard deviations between neighbouring bands, in pixels of 0.4 mm
QUANTILES: Final = (0.10, 0.25, 0.50, 0.75, 0.90)


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which values of one figure the training films lie, and the middle one."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Familiar:
    """What the training films look like, in numbers.

    Attributes
    ----------
    kinds : tuple of str
        What the films are: "digitised film".
    films, patients : int
        How many the limits were measured on.
    dataset : str
    outside : float
        Share of those films that lie outside at least one of the limits.
    band_limit_mm : float
        To which the films were smoothed before they were measured, as for the networks.
    limits : mapping of a figure's name to Limits
        Of every figure in `GROUPS`.
    """

    kinds: tuple[str, ...]
    films: int
    patients: int
    dataset: str
    outside: float
    band_limit_mm: float
    limits: Mapping[str, Limits]


def measure(image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> dict[str, float]:
    """The figures of one prepared film.

    Parameters
    ----------
    image : ndarray of shape (8 I, 8 J), uint8
        The field at 0.4 mm per pixel, 255 = densest.
    inside : ndarray of shape (I, J), bool
        Cells of 3.2 mm that hold breast.

    Returns
    -------
    dict
        area_cm2, height_mm, width_mm: of the cells that hold breast.
        filling: their share of the box around them; 0.785 for an ellipse.
        grey_10 … grey_90: quantiles of the breast, 0 to 1.
        skin: mean of the breast's outermost cells minus mean of the others, -1 to 1; skin is dark.
        slope_fine, slope_middle, slope_coarse: natural logarithm of the energy ratio of neighbouring
        bands, each an octave wide, from 0.4 mm on; they tell a wrong spacing, sharpening and blur.

    Raises
    ------
    BreastNotFound
        No cell holds breast.
    """
    if not inside.any():
        raise BreastNotFound("no part of the film holds breast: choose another film")
    values = np.asarray(image, np.float32) / np.float32(255)
    core = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0
    core = core if core.any() else inside
    rim = inside & ~core
    breast, deep = (_enlarged(cells, values.shape) for cells in (inside, core))
    skin = values[_enlarged(rim, values.shape)].mean() - values[deep].mean() if rim.any() else 0.0
    greys = np.quantile(values[breast], QUANTILES)
    return {
        **_size(inside),
        **{f"grey_{round(100 * q)}": float(grey) for q, grey in zip(QUANTILES, greys, strict=True)},
        "skin": float(skin),
        **_slopes(values, deep),
    }


def _size(inside: NDArray[np.bool_]) -> dict[str, float]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    height, width = (int(line[-1] - line[0] + 1) for line in (rows, columns))
    return {
        "area_cm2": float(inside.sum() * CELL_MM**2 / 100),
        "height_mm": height * CELL_MM,
        "width_mm": width * CELL_MM,
        "filling": float(inside.sum() / (height * width)),
    }


def _slopes(values: NDArray[np.float32], deep: NDArray[np.bool_]) -> dict[str, float]:
    smoothed = [values, *(cv2.GaussianBlur(values, (0, 0), sigma) for sigma in BANDS)]
    energies = [
        math.log(float(np.mean((sharper - smoother)[deep] ** 2)) + 1e-9)
        for sharper, smoother in pairwise(smoothed)
    ]
    names = ("slope_fine", "slope_middle", "slope_coarse")
    ratios = (finer - coarser for finer, coarser in pairwise(energies))
    return dict(zip(names, ratios, strict=True))


def _enlarged(cells: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Each cell as 8 × 8 pixels."""
    return np.asarray(
        cells.repeat(CELL // REDUCTION, axis=0).repeat(CELL // REDUCTION, axis=1)[: shape[0], : shape[1]]
    )


def learn_limits(figures: Sequence[Mapping[str, float]], outside: float) -> dict[str, Limits]:
    """The narrowest quantiles, the same for each figure, outside of which at most this share of films lies.

    Limits for each figure alone would add up their false alarms.

    Parameters
    ----------
    figures : sequence of `measure`'s results
    outside : float
        Share of films that may lie outside of at least one limit, 0 to 1.
    """
    names = [name for group in GROUPS.values() for name in group]
    table = np.array([[each[name] for name in names] for each in figures])
    ranks = (rankdata(table, axis=0) - 0.5) / len(table)
    extremeness = np.minimum(ranks, 1 - ranks).min(axis=1)  # of each film's most unusual figure
    tail = float(np.quantile(extremeness, outside, method="higher"))
    low, middle, high = np.quantile(table, (tail, 0.5, 1 - tail), axis=0, method="hazen")
    low, middle, high = np.floor(low * 1e4) / 1e4, np.round(middle, 4), np.ceil(high * 1e4) / 1e4
    return {name: Limits(float(low[i]), float(middle[i]), float(high[i])) for i, name in enumerate(names)}


def strange(figures: Mapping[str, float], familiar: Familiar) -> dict[str, list[str]]:
    """Group to the names of its figures that lie outside their limits; empty for a familiar film."""
    found = {
        group: [n for n in names if not familiar.limits[n].low <= figures[n] <= familiar.limits[n].high]
        for group, names in GROUPS.items()
    }
    return {group: names for group, names in found.items() if names}


def unfamiliar(mammogram: Mammogram, field: Field, familiar: Familiar | None) -> tuple[str, ...]:
    """The sentences of `causes`, of the same parameters."""
    return tuple(causes(mammogram, field, familiar).values())


def causes(mammogram: Mammogram, field: Field, familiar: Familiar | None) -> dict[str, str]:
    """What makes this scan unlike the training films, each cause in one sentence; empty where nothing does.

    Parameters
    ----------
    mammogram : Mammogram
        Its stated kind (`facts["Kind"]`) is believed, and then its greys and detail are not judged too.
    field : Field
        Of the same mammogram.
    familiar : Familiar or None
        None: nobody recorded what the networks were trained on.

    Returns
    -------
    dict
        Cause to sentence, in the order in which they are told: "record" (there is none), "breast" (hardly
        any was found), "kind" (the header states another than the training films'), and `GROUPS`.
    """
    if familiar is None:
        sentence = (
            "nothing records what the networks' training films looked like, so a scan unlike them goes "
            "unnoticed: run `python -m mammoview train familiarity` on the dataset they were trained on"
        )
        return {"record": sentence}
    inside = breast_cells(field).inside
    if not inside.any():
        return {
            "breast": "hardly any breast was found: see whether the film shows one, and whether its spacing "
            "is right"
        }
    image, _ = magnify(field, REDUCTION, familiar.band_limit_mm)
    figures = measure(np.round(image * 255).astype(np.uint8), inside)
    return dict(_said(mammogram, figures, familiar))


def _said(
    mammogram: Mammogram, figures: Mapping[str, float], familiar: Familiar
) -> Iterator[tuple[str, str]]:
    """Pairs of a cause and its sentence."""
    groups, learnt_on = strange(figures, familiar), " and ".join(familiar.kinds) or "other films"
    kind = mammogram.facts.get("Kind")
    foreign = bool(kind and familiar.kinds and kind not in familiar.kinds)
    if foreign:
        sentence = (
            f"the networks were trained on {learnt_on}; this is a {kind}: how well they do on such images "
            "was never measured"
        )
        yield "kind", sentence
    if "size" in groups and not spacing_warnings(mammogram):
        yield "size", _size_in_words(mammogram, figures, groups["size"], familiar)
    if "outline" in groups:
        sentence = (
            "what was taken for the breast has a shape unlike the training films': see whether the film "
            "shows one whole breast, upright"
        )
        yield "outline", sentence
    if "grey" in groups and not foreign:
        sentence = (
            f"the grey values are unlike those of the {learnt_on} that the networks were trained on: the "
            "scan may be inverted, processed, windowed or no mammogram; trust what they say of it less"
        )
        yield "grey", sentence
    if "detail" in groups and not foreign:
        yield "detail", _detail_in_words(figures, groups["detail"], familiar)


def _size_in_words(
    mammogram: Mammogram, figures: Mapping[str, float], names: Sequence[str], familiar: Familiar
) -> str:
    smaller = figures[names[0]] < familiar.limits[names[0]].low
    spacing = mammogram.spacing_mm or (REFERENCE_MM, REFERENCE_MM)
    return (
        f"the breast measures {figures['width_mm']:.0f} × {figures['height_mm']:.0f} mm (width × height), "
        f"{'smaller' if smaller else 'larger'} than on nearly all training films: is the spacing of "
        f"{spacing[0]:.3g} mm per pixel right, and does the film lie upright?"
    )


def _detail_in_words(figures: Mapping[str, float], names: Sequence[str], familiar: Familiar) -> str:
    finer = figures[names[0]] > familiar.limits[names[0]].high
    strength, why = ("stronger", "sharpened or noisy") if finer else ("weaker", "smoothed or enlarged")
    return (
        f"fine structure is {strength} against coarse structure than on nearly all training films: the scan "
        f"may be {why}, or its spacing wrong"
    )


def read_familiar(folder: Path) -> Familiar | None:
    """What the training films of a folder of weights look like; None where nobody recorded it.

    Raises
    ------
    WeightsMissing
        The record is there and is not complete.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        limits = {name: Limits(**content["limits"][name]) for group in GROUPS.values() for name in group}
        if not all(-math.inf < each.low <= each.middle <= each.high < math.inf for each in limits.values()):
            raise ValueError("limits out of order")
        said = {each.name: content[each.name] for each in fields(Familiar)}
        return Familiar(**{**said, "kinds": tuple(content["kinds"]), "limits": limits})
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsMissing(
            f"{path.name} is not a complete record of the training films: restore it, or run "
            "`python -m mammoview train familiarity`"
        ) from error


def write_familiar(familiar: Familiar, folder: Path) -> None:
    """Write the record aside and move it into place."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(asdict(familiar), folder / FILE)
