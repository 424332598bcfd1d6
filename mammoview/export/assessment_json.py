"""`assessment.json`: what was found on one scan, with what, and how it agrees with the reader.

All coordinates are scan pixels, (row, column), at pixel centres.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mammoview
from mammoview import scorecard
from mammoview.domain import (
    Assessment,
    Finding,
    Heatmap,
    Mammogram,
    ModelCard,
    ScanFacts,
    Settings,
    TissueGrid,
)
from mammoview.overlays import RESEARCH_USE

__all__ = ["content", "document", "write"]


def write(assessment: Assessment, mammogram: Mammogram, path: Path) -> None:
    """Write `content` to a file."""
    path.write_bytes(content(assessment, mammogram))


def content(assessment: Assessment, mammogram: Mammogram) -> bytes:
    """`document` as JSON in UTF-8, without NaN or infinity."""
    text = json.dumps(document(assessment, mammogram), ensure_ascii=False, allow_nan=False, indent=1)
    return f"{text}\n".encode()


def document(assessment: Assessment, mammogram: Mammogram) -> dict[str, Any]:
    """The assessment in lists, numbers and words; a number that is not finite becomes null.

    `grids` are those at the stride of the settings, `heatmap` the one with local results, and the
    scorecard is that of the settings' magnification.
    """
    stride = assessment.settings.stride
    agreements = scorecard.agreements(assessment, mammogram.outlines)
    found = {
        "mammoview": mammoview.__version__,
        "research_use": RESEARCH_USE,
        "scan": _scan(assessment.scan),
        "models": [_model(card) for card in assessment.cards],
        "settings": _settings(assessment.settings),
        "score": assessment.score,
        "findings": [_finding(finding) for finding in assessment.findings],
        "grids": {
            magnification.key: _grid(grid)
            for (magnification, spaced), grid in assessment.grids.items()
            if spaced == stride
        },
        "heatmap": _heatmap(assessment.heatmap),
        "scorecard": [asdict(agreement) for agreement in agreements],
        "engine": assessment.engine,
        "timings_s": {stage: round(seconds, 4) for stage, seconds in assessment.timings_s.items()},
        "warnings": list(dict.fromkeys((*mammogram.warnings, *assessment.warnings))),
    }
    return _finite(found)  # type: ignore[no-any-return]


def _scan(scan: ScanFacts) -> dict[str, Any]:
    down, across = scan.spacing_mm
    same = math.isclose(down, across, rel_tol=1e-3)
    return {
        "source": scan.source,
        "rows": scan.rows,
        "columns": scan.columns,
        "laterality": scan.laterality,
        "view": scan.view,
        "spacing_mm": down if same else [down, across],
        "spacing_source": scan.spacing_source,
        "synthetic": scan.synthetic,
    }


def _model(card: ModelCard) -> dict[str, Any]:
    words = ("trained_on", "split", "metrics", "intended_use", "limits", "licence")
    return {name: getattr(card, name) for name in ("name", "version", "sha256", *words)}


def _settings(settings: Settings) -> dict[str, Any]:
    return {**asdict(settings), "magnification": settings.magnification.value}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "score": finding.score,
        "centre": _places(np.array(finding.centre)),
        "box": _places(np.array(finding.box)),
        "area_mm2": finding.area_mm2,
        "outline": _places(finding.outline.vertices),
    }


def _grid(grid: TissueGrid) -> dict[str, Any]:
    return {
        "patch": grid.patch,
        "stride": grid.stride,
        "threshold": grid.threshold,
        "centres": _places(grid.centres()),
        "suspicion": _shares(grid.suspicion),
    }


def _heatmap(heatmap: Heatmap) -> dict[str, Any]:
    return {
        "level": heatmap.level,
        "local_results": heatmap.local_results,
        "cells": _shares(heatmap.heat),
        "centres": _places(heatmap.centres()),
    }


def _places(points: NDArray[np.float64]) -> Any:
    return np.round(points, 3).tolist()


def _shares(values: NDArray[np.float32]) -> Any:
    return np.round(values.astype(np.float64), 6).tolist()


def _finite(value: Any) -> Any:
    """The same in JSON's own types: null for NaN and infinity, which JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
