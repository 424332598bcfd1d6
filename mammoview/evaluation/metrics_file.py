"""`metrics.json` and its summaries, read back: whole and as `evaluate` writes them, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mammoview.errors import BadSetting

__all__ = ["read_metrics"]

Check = Callable[[Any], Iterator[str]]
"""Yields the places, below what it is given, that are not as they should be; "" is the thing itself."""


def read_metrics(path: Path) -> dict[str, Any]:
    """The content of a metrics.json, or of a summary of one.

    Raises
    ------
    BadSetting
        It is no such file, or a section that is shown is not as `evaluate` writes it; names the place.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        metrics = None
    if not isinstance(metrics, dict) or not HEAD.keys() <= metrics.keys():
        raise BadSetting(f"{path} is no metrics.json: give a file that `python -m mammoview evaluate` wrote")
    there = {name: check for name, check in SECTIONS.items() if metrics.get(name) is not None}
    place = next(_holding({**HEAD, **there})(metrics), None)
    if place is not None:
        raise BadSetting(
            f"{path} is no metrics.json of this version: {place.lstrip('.')} is not as `python -m mammoview "
            "evaluate` writes it; evaluate again"
        )
    return metrics


def _text(found: Any) -> Iterator[str]:
    if not isinstance(found, str):
        yield ""


def _count(found: Any) -> Iterator[str]:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        yield ""


def _number(found: Any) -> Iterator[str]:
    if not isinstance(found, int | float) or isinstance(found, bool) or not abs(found) < LARGEST:
        yield ""


def _number_or_none(found: Any) -> Iterator[str]:
    return iter(()) if found is None else _number(found)


def _holding(checks: Mapping[str, Check]) -> Check:
    """A mapping that holds these at least."""

    def misfits(found: Any) -> Iterator[str]:
        if not isinstance(found, dict) or not checks.keys() <= found.keys():
            yield ""
            return
        for name, check in checks.items():
            yield from (f".{name}{place}" for place in check(found[name]))

    return misfits


def _each(check: Check) -> Check:
    """A mapping of any names to such."""
    return lambda found: (
        _holding(dict.fromkeys(found, check))(found) if isinstance(found, dict) else iter([""])
    )


def _rows(check: Check) -> Check:
    """A list of such."""

    def misfits(found: Any) -> Iterator[str]:
        if not isinstance(found, list):
            yield ""
            return
        for number, row in enumerate(found):
            yield from (f"[{number}]{place}" for place in check(row))

    return misfits


def _curve(*columns: str) -> Check:
    """Columns of numbers, as many in each."""
    numbers = _holding(dict.fromkeys(columns, _rows(_number_or_none)))

    def misfits(found: Any) -> Iterator[str]:
        yield from numbers(found)
        if not any(numbers(found)) and len({len(found[name]) for name in columns}) > 1:
            yield ""

    return misfits


def _some_of(checks: Mapping[str, Check]) -> Check:
    """A mapping that may hold these."""

    def misfits(found: Any) -> Iterator[str]:
        there = found if isinstance(found, dict) else {}
        return _holding({name: check for name, check in checks.items() if name in there})(found)

    return misfits


LARGEST: Final = 1e12
"""No figure comes near it; what is no number, or endless, is not below it."""

HEAD: Final[Mapping[str, Check]] = {"dataset": _text, "films": _count, "patients": _count}
"""What every run has."""

FIGURE: Final = _holding(
    {
        "value": _number_or_none,
        "low": _number_or_none,
        "high": _number_or_none,
        "unit": _text,
        "n": _count,
        "patients": _count,
    }
)

SECTIONS: Final[Mapping[str, Check]] = {
    "cards": _each(_holding({"version": _text, "trained_on": _text})),
    "operating_points": _each(_number),
    "networks": _each(_each(FIGURE)),
    "films_and_saliency": _each(FIGURE),
    "film_scores": _each(_each(FIGURE)),
    "subgroups": _each(_each(_each(FIGURE))),
    "counts": _some_of({"patches": _each(_count)}),
    "curves": _some_of(
        {
            "roc": _each(_curve("false_positive_rate", "sensitivity")),
            "error_by_threshold": _each(_curve("threshold", "false_positive_rate", "false_negative_rate")),
        }
    ),
    "lesions": _rows(_holding({"film": _text, "magnification": _text, "energy_inside": _number_or_none})),
}
"""What is shown of a run, where it is there."""
