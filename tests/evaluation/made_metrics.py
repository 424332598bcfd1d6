"""Metrics with every section filled in by formula, as `metrics.json` holds them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mammoview.domain import Magnification
from mammoview.models.cards import tissue_name

__all__ = ["figure", "metrics"]

TISSUE = [tissue_name(magnification) for magnification in Magnification]


def figure(value: float | None, spread: float = 0.03, unit: str = "films", n: int = 241) -> dict[str, Any]:
    low, high = (None, None) if value is None else (round(value - spread, 6), round(value + spread, 6))
    return {"value": value, "low": low, "high": high, "unit": unit, "n": n, "patients": 137}


def metrics() -> dict[str, Any]:
    """A run on films with lesions and normal films; nothing of it was measured."""
    return {
        "dataset": "made-up",
        "films": 241,
        "patients": 137,
        "which": "validation",
        "stride": 64,
        "operating_points": dict.fromkeys(TISSUE, 0.55)
        | {"heatmap-baseline": 0.1, "heatmap-local-results": 0.12},
        "networks": {name: _tissue(place) for place, name in enumerate(TISSUE)} | {"heatmap-baseline": {}},
        "films_and_saliency": _films(),
        "curves": {
            "roc": dict.fromkeys(TISSUE, _roc()),
            "froc": {"lesion films": _froc(0.85), "normal films": _froc(0.8)},
            "reliability": dict.fromkeys(TISSUE, _reliability()),
            "error_by_threshold": dict.fromkeys(TISSUE, _errors()),
        },
        "subgroups": {
            "view": {"CC": _saliency(0.72), "MLO": _saliency(0.81)},
            "density": {str(density): _saliency(0.9 - 0.1 * density) for density in range(1, 5)},
            "pathology": {"malignant": _saliency(0.8), "benign": _saliency(None)},
        },
        "baselines": {
            "saliency": _map(0.76),
            "Grad-CAM": _map(0.5),
            "uniform over the heat region": _map(0.4),
            "saliency minus Grad-CAM": {"pointing game, ×0.5": figure(0.26, unit="lesions", n=252)},
        },
        "randomised": {
            "rank correlation of saliency, trained against all weights randomised, ×0.5": figure(0.02),
        },
        "film_scores": {"best finding": {"film AUC, films with lesions against normal films": figure(0.83)}},
        "counts": {
            "films with lesions": 231,
            "normal films": 10,
            "patches": dict.fromkeys(TISSUE, 446),
        },
        "lesions": [_lesion(place) for place in range(24)],
        "warnings": {"spacing assumed": 3},
    }


def _tissue(place: int) -> dict[str, Any]:
    return {
        "tissue AUC, balanced": figure(0.985 - place / 1000, 0.01, "patches", 446),
        "total error, balanced": figure(0.05 + place / 100, 0.02, "patches", 446),
        "expected calibration error, balanced": figure(0.02, 0.01, "patches", 446),
        "tissue AUC, all lattice negatives": figure(0.97),
    }


def _films() -> dict[str, Any]:
    return {
        "heatmap MSE, baseline": figure(0.0045, 0.0008),
        "heatmap MSE, with local results": figure(0.0044, 0.0008),
        "heatmap MSE, local results minus baseline": figure(-0.0001, 0.00005),
        "sensitivity at 0.9 false findings per film": figure(0.81),
        "film AUC, films with lesions against normal films": figure(0.83),
        **_saliency(0.76),
    }


def _saliency(value: float | None) -> dict[str, Any]:
    return {
        "pointing game of the saliency, ×0.5": figure(value, unit="lesions", n=252),
        "saliency energy inside, ×0.5": figure(value and value - 0.2, unit="lesions", n=252),
    }


def _map(value: float) -> dict[str, Any]:
    return {
        "pointing game, ×0.5": figure(value, unit="lesions", n=252),
        "median tightness, ×0.5": figure(2 - value, unit="lesions", n=252),
    }


def _roc() -> dict[str, list[float]]:
    rate = np.linspace(0, 1, 41)
    return {"false_positive_rate": rate.tolist(), "sensitivity": (rate**0.05).tolist()}


def _froc(reached: float) -> dict[str, list[float]]:
    rate = np.linspace(0, 6, 61)
    found = reached * (1 - np.exp(-3 * rate))
    low, high = found * 0.93, np.minimum(found * 1.06, 1)
    columns = {"false_per_film": rate, "sensitivity": found, "low": low, "high": high}
    return {name: column.tolist() for name, column in columns.items()}


def _reliability() -> dict[str, list[float]]:
    said = np.linspace(0.05, 0.95, 10)
    return {"suspicion": said.tolist(), "frequency": (said**1.2).tolist(), "n": [180, *range(4, 12), 170]}


def _errors() -> dict[str, list[float]]:
    threshold = np.linspace(0, 1, 101)
    false, missed = (1 - threshold) ** 8, threshold**8
    columns = {
        "threshold": threshold,
        "false_positive_rate": false,
        "false_negative_rate": missed,
        "total_error": (false + missed) / 2,
    }
    return {name: column.tolist() for name, column in columns.items()}


def _lesion(place: int) -> dict[str, Any]:
    share = place / 23
    return {
        "film": f"film-{place:02}",
        "outline": 0,
        "type": "mass",
        "pathology": "benign" if place % 2 else "malignant",
        "magnification": "0.5",
        "pointing_hit": None if place == 0 else share > 0.3,
        "energy_inside": None if place == 0 else round(share, 3),
        "dice": round(share * 0.8, 3),
        "iou": round(share * 0.7, 3),
        "tightness": 0.6 if share > 0.3 else None,
        "centre_distance_mm": round(30 * (1 - share), 1),
        "best_finding_score": round(share, 2) if share > 0.3 else None,
    }
