"""A reader's own readings as CSV and JSON, one row for each impression, in the field's terms."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mammoview.readings.record import Recorded, Shown

__all__ = ["as_csv", "as_json", "harmless"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(reader: str, rows: Sequence[Recorded]) -> str:
    """{"reader", "readings": [one object for each impression]}; points are (row, column) in scan pixels."""
    readings = [_row(each) for each in rows]
    return json.dumps({"reader": reader, "readings": readings}, indent=2, ensure_ascii=False) + "\n"


def as_csv(reader: str, rows: Sequence[Recorded]) -> bytes:
    """One line for each impression, in UTF-8 with the mark by which spreadsheets know it."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    lines = [{"reader": reader, **_flat(_row(each))} for each in rows]
    writer.writerow(lines[0] if lines else ["reader"])
    writer.writerows([harmless(value) for value in line.values()] for line in lines)
    return table.getvalue().encode("utf-8-sig")


def harmless(value: object) -> str:
    """As a cell: what a spreadsheet would take for a formula begins with an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(each: Recorded) -> dict[str, Any]:
    film, impression = each.film, each.impression
    return {
        "film_sha256": film.sha256,
        "image_laterality": film.laterality,
        "view_position": film.view,
        "rows": film.rows,
        "columns": film.columns,
        "pixel_spacing_mm": None if film.spacing_mm is None else list(film.spacing_mm),
        "impression": each.stage.value,
        "birads_category": int(impression.category),
        "birads_assessment": impression.category.words,
        "mark": None if impression.mark is None else list(impression.mark),
        "note": impression.note,
        "film_opened_utc": each.opened.isoformat(),
        "recorded_utc": each.recorded.isoformat(),
        "revealed_utc": None if each.revealed is None else each.revealed.isoformat(),
        "networks_known_before_first_impression": each.known_before,
        "at_recording": _shown(each.shown),
        "at_reveal": _shown(each.revealed_shown),
    }


def _shown(shown: Shown) -> dict[str, Any]:
    return {"networks": [dict(network) for network in shown.networks], "settings": dict(shown.settings)}


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Pairs as two columns, networks in words, settings as JSON."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in ("mark", "pixel_spacing_mm"):
            flat[f"{name}_row"], flat[f"{name}_column"] = value or (None, None)
        elif name in ("at_recording", "at_reveal"):
            named = (f"{n['name']} {n['version']} sha256:{n['sha256']}" for n in value["networks"])
            flat[f"networks_{name}"] = "; ".join(named)
            flat[f"settings_{name}"] = json.dumps(value["settings"], sort_keys=True)
        else:
            flat[name] = value
    return flat
