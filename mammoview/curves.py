"""The measured curves of the tissue classifiers: how often they err, and how honest their suspicion is.

`evaluate --choose` writes them beside the cards, each with the sha256 of the tensors it was measured with,
so that whoever shows a curve can tell whether it is that of the networks at hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from mammoview.aside import write_json
from mammoview.errors import WeightsMissing

__all__ = ["FILE", "Curves", "Rate", "curves_of", "read_curves", "write_curves"]

FILE: Final = "curves.json"


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of patches, 0 to 1, with its 95 % interval by patient; None where it was not measured."""

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        _check_shares([each for each in (self.value, self.low, self.high) if each is not None])


@dataclass(frozen=True, slots=True)
class Curves:
    """What was measured of one tissue classifier on a balanced draw of patches.

    Attributes
    ----------
    sha256 : str
        Of the tensors that were measured.
    dataset : str
        Whose films the patches are from.
    n, patients : int
        How many patches, of how many patients.
    threshold : float
        The operating point, or the nearest threshold that was measured.
    sensitivity_there, false_positives_there : Rate
        At that threshold.
    false_positive_rate, sensitivity : tuple of float
        The ROC curve, (K,) each, 0 to 1.
    suspicion, frequency : tuple of float
        The reliability curve, (B,) each: mean suspicion of a bin, and the share of its patches that
        show a finding.
    low, high : tuple of float or None
        The 95 % interval of each frequency by patient, (B,) each, or empty where it was not measured.
    counts : tuple of int
        Patches in each bin, (B,).
    """

    sha256: str
    dataset: str
    n: int
    patients: int
    threshold: float
    sensitivity_there: Rate
    false_positives_there: Rate
    false_positive_rate: tuple[float, ...]
    sensitivity: tuple[float, ...]
    suspicion: tuple[float, ...]
    frequency: tuple[float, ...]
    counts: tuple[int, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        columns = (self.false_positive_rate, self.sensitivity, self.suspicion, self.frequency)
        for shares in columns:
            _check_shares(shares)
        _check_shares([each for each in (self.threshold, *self.low, *self.high) if each is not None])
        bins = {len(self.suspicion), len(self.frequency), len(self.counts)}
        bounds = {len(self.low), len(self.high)}
        if len(self.false_positive_rate) != len(self.sensitivity) or len(bins) != 1:
            raise ValueError("the columns of a curve differ in length")
        if bounds not in ({0}, bins):
            raise ValueError("an interval belongs to each bin, or to none")


def curves_of(metrics: Mapping[str, Any]) -> dict[str, Curves]:
    """By network, from the content of a `metrics.json`; networks without all their curves are left out."""
    found, cards = metrics.get("curves") or {}, metrics.get("cards") or {}
    roc, reliability = found.get("roc") or {}, found.get("reliability") or {}
    return {
        name: _curves(metrics, name)
        for name in roc
        if name in reliability and name in cards and name in (found.get("error_by_threshold") or {})
    }


def write_curves(curves: Mapping[str, Curves], folder: Path) -> None:
    """Write them beside the cards of a folder of weights, whole or not at all."""
    write_json({name: asdict(each) for name, each in curves.items()}, folder / FILE)


def read_curves(folder: Path) -> dict[str, Curves]:
    """By network, as `write_curves` wrote them; empty where nobody measured any.

    Raises
    ------
    WeightsMissing
        The record is there and is not complete.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): _read(each) for name, each in content.items()}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise WeightsMissing(
            f"{path.name} is not a complete record of measured curves: restore it, or run "
            "`python -m mammoview evaluate DATASET --choose`"
        ) from error


def _read(content: Mapping[str, Any]) -> Curves:
    values = {each.name: content[each.name] for each in fields(Curves)}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
        elif isinstance(value, dict):
            values[name] = Rate(**value)
    return Curves(**values)


def _curves(metrics: Mapping[str, Any], name: str) -> Curves:
    found, card = metrics["curves"], metrics["cards"][name]
    roc, bins = found["roc"][name], found["reliability"][name]
    there = (found.get("at_operating_point") or {}).get(name) or _nearest(metrics, name)
    figures = (metrics.get("networks") or {}).get(name) or {}
    return Curves(
        sha256=card["sha256"],
        dataset=metrics["dataset"],
        n=sum(bins["n"]),
        patients=next(
            (f["patients"] for key, f in figures.items() if "balanced" in key), metrics["patients"]
        ),
        threshold=there["threshold"],
        sensitivity_there=_rate(there["sensitivity"]),
        false_positives_there=_rate(there["false_positive_rate"]),
        false_positive_rate=tuple(roc["false_positive_rate"]),
        sensitivity=tuple(roc["sensitivity"]),
        suspicion=tuple(bins["suspicion"]),
        frequency=tuple(bins["frequency"]),
        counts=tuple(bins["n"]),
        low=tuple(bins.get("low", ())),
        high=tuple(bins.get("high", ())),
    )


def _rate(figure: Mapping[str, Any]) -> Rate:
    return Rate(figure["value"], figure.get("low"), figure.get("high"))


def _nearest(metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The measured threshold nearest to the operating point, in metrics of before it was measured itself."""
    errors = metrics["curves"]["error_by_threshold"][name]
    thresholds = errors["threshold"]
    nearest = int(np.abs(np.subtract(thresholds, metrics["operating_points"][name])).argmin())
    return {
        "threshold": thresholds[nearest],
        "sensitivity": {"value": round(1 - errors["false_negative_rate"][nearest], 6)},
        "false_positive_rate": {"value": errors["false_positive_rate"][nearest]},
    }


def _check_shares(values: Iterable[float]) -> None:
    if not all(math.isfinite(each) and 0 <= each <= 1 for each in values):
        raise ValueError("a share is not between 0 and 1")
