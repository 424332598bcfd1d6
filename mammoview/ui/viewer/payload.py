"""What the browser is sent: a film and its layers as bytes, each layer with one matrix to the scan.

A payload is 8 bytes of name, the header's length (uint32), 4 bytes of nothing, a JSON header and the
arrays it lists, all little-endian, each array beginning at a multiple of 8. The same values always
give the same bytes, so that a rerun which changes nothing has nothing to send.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mammoview.domain import (
    REFERENCE_MM,
    Assessment,
    Drawn,
    Finding,
    Heatmap,
    Laterality,
    Magnification,
    Mammogram,
    Outline,
    Saliency,
    TissueGrid,
    View,
    Weighting,
)
from mammoview.geometry import Frame
from mammoview.nipple import estimate_nipple
from mammoview.overlays import SALIENT_PERCENTILE, saliency_scale
from mammoview.paper_frame import SIDE, paper_frame
from mammoview.prepare import breast_core, find_breast, is_mirrored
from mammoview.scorecard import Comparison, comparisons, overlap

__all__ = ["MeasuredError", "film_id", "film_payload", "halved", "layers_payload"]

WITHHELD = "hidden until revealed"
FULL = 65535  # white of a film that comes with a window or a table of its own
_NAME = b"MAMMOVU1"
_LARGE = 2048  # rows or columns; a smaller film hangs at its own size
_TILE = 32  # pixels along a square of saliency
_PERCENTILES = (0.5, 10, 60, 99.7, 99.95)  # of the breast

_TARGETS = {"A": "P", "P": "A", "L": "R", "R": "L", "F": "H", "H": "F"}
_HANGING = {  # DICOM Patient Orientation (0020,0020) of the usual hanging: along a row, down a column
    (Laterality.LEFT, View.CC): ("A", "R"),
    (Laterality.RIGHT, View.CC): ("P", "L"),
    (Laterality.LEFT, View.MLO): ("A", "F"),
    (Laterality.RIGHT, View.MLO): ("P", "F"),
}


@dataclass(frozen=True, slots=True)
class MeasuredError:
    """How often the networks of one magnification err: in few words, and in full with its interval."""

    short: str
    full: str


@dataclass(slots=True)
class _Arrays:
    """Collects arrays and says where each one will lie."""

    places: list[dict[str, Any]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, values: NDArray[Any]) -> int:
        """Index of the array in the payload."""
        data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        self.places.append({"offset": self.length, "dtype": values.dtype.name, "shape": list(values.shape)})
        padded = data + bytes(-len(data) % 8)
        self.parts.append(padded)
        self.length += len(padded)
        return len(self.parts) - 1

    def payload(self, header: Mapping[str, Any]) -> bytes:
        whole = {**header, "arrays": self.places}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 8)
        return b"".join([_NAME, struct.pack("<II", len(text), 0), text, *self.parts])


def film_payload(mammogram: Mammogram, key: str, hung: int | None = None) -> bytes:
    """The film and what is written around it; `key` names the viewer it is for.

    `hung` is the film's number in its case where it hangs beside the others; a large one is then sent at
    half its size. Rows, columns and all places are the scan's own all the same.
    """
    arrays = _Arrays()
    rows, columns = mammogram.pixels.shape
    look = _look(mammogram)
    reduction = 2 if hung is not None and max(rows, columns) > _LARGE else 1
    pixels = halved(mammogram.pixels) if reduction == 2 else mammogram.pixels
    return arrays.payload(
        {
            "kind": "film",
            "viewer": key,
            "film": film_id(mammogram),
            "hung": hung,
            "pixels": arrays.add(pixels),
            "reduction": reduction,
            "rows": rows,
            "columns": columns,
            "source": mammogram.source,
            "laterality": mammogram.laterality,
            "view": mammogram.view,
            "spacing_mm": mammogram.spacing_mm,
            "spacing_source": _spacing_source(mammogram),
            "sampling_mm": mammogram.sampling_mm,
            "synthetic": mammogram.synthetic,
            "air": look.air,
            "windows": look.windows | ({"file": [0, FULL]} if mammogram.voi else {}),
            "voi": mammogram.voi,
            "breast": {
                "array": arrays.add(look.breast.astype(np.uint8)),
                "matrix": look.frame.canvas_matrix(),
                "found": look.found,
            },
            "paper_frame": _paper_frame(mammogram, look) if look.found else None,
            "chest_wall_left": look.chest_wall_left,
            "nipple": look.nipple,
            **_orientation(mammogram, look.chest_wall_left),
        }
    )


def layers_payload(
    mammogram: Mammogram,
    assessment: Assessment | None,
    magnification_errors: Mapping[Magnification, MeasuredError] | None,
    key: str,
    state: str = "not run",
    warnings: Sequence[str] = (),
    withheld: bool = False,
    hung: int | None = None,
) -> bytes:
    """Everything that lies over the film; without an assessment only what a reader drew, and why.

    While it is `withheld`, nothing that anybody said of the film is in it, whatever else is given.
    """
    if withheld:
        mammogram, assessment = replace(mammogram, outlines=()), None
        magnification_errors, state = None, WITHHELD
    arrays = _Arrays()
    errors = magnification_errors or {}
    found = () if assessment is None else tuple(finding.outline for finding in assessment.findings)
    header = {
        "kind": "layers",
        "viewer": key,
        "hung": hung,
        "film": film_id(mammogram),
        "errors": {magnification.key: asdict(error) for magnification, error in errors.items()},
        "warnings": list(warnings),
        "outlines": [_outline(line) for line in (*mammogram.outlines, *found)],
        "drawn": len(mammogram.outlines),
        "pairs": _pairs(mammogram, assessment, arrays),
        "assessed": assessment is not None,
        "state": state,
        "withheld": withheld,
    }
    if assessment is not None:
        header |= _evidence(assessment, arrays)
    return arrays.payload(header)


def halved(pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Means of 2 × 2, (ceil(H / 2), ceil(W / 2)); an odd last row or column counts twice."""
    whole = np.pad(pixels, [(0, n % 2) for n in pixels.shape], mode="edge")
    total = np.full((whole.shape[0] // 2, whole.shape[1] // 2), 2, np.uint32)
    for row, column in np.ndindex(2, 2):
        total += whole[row::2, column::2]
    return (total >> 2).astype(np.uint16)


def _spacing_source(mammogram: Mammogram) -> str:
    """Where the millimetres come from: a file, the sidecar beside it, the reader, or nobody."""
    if mammogram.spacing_mm is None:
        return f"not known: the networks assume {REFERENCE_MM * 1000:.0f} µm"
    return mammogram.spacing_source or "source not stated"


def film_id(mammogram: Mammogram) -> str:
    """By which film, layers and mark find each other in the browser."""
    digest = hashlib.blake2b(np.ascontiguousarray(mammogram.pixels).data, digest_size=12)
    digest.update(repr((mammogram.source, mammogram.pixels.shape)).encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Look:
    """What the first look at a film needs: values up to `air` are air, black and white of each preset.

    `breast` (I, J) is the breast on a coarse copy of the film, which `frame` lays on the scan; the whole
    film where none was `found`. `nipple` is estimated from its outline, (row, column) on the scan.
    """

    air: int
    windows: dict[str, list[int]]
    chest_wall_left: bool | None
    breast: NDArray[np.bool_]
    frame: Frame
    found: bool
    nipple: tuple[float, float] | None


def _look(mammogram: Mammogram) -> _Look:
    search = find_breast(mammogram)
    whole = [int(mammogram.pixels.min()), int(mammogram.pixels.max())]
    skin = np.percentile(search.image[search.mask], _PERCENTILES[0])
    # Without its rim, where white film borders would set the window.
    fatty, half, high, highest = np.percentile(search.image[breast_core(search.mask)], _PERCENTILES[1:])
    outside = search.image[~search.mask]
    air = float(np.median(outside)) if outside.size else float(whole[0])
    edges = {
        "breast": (air, high),
        "dense": ((fatty + half) / 2, highest),
        "skin": (air, half),
        "whole": whole,
    }
    windows = {
        name: [int(dark), int(bright)] if bright >= dark + 1 else whole
        for name, (dark, bright) in edges.items()
    }
    found = not search.mask.all() and whole[0] < whole[1]
    left = _chest_wall_left(search.mask)
    nipple = estimate_nipple(search.mask, search.frame, left) if found and left is not None else None
    return _Look(int((air + skin) / 2), windows, left, search.mask, search.frame, found, nipple)


def _paper_frame(mammogram: Mammogram, look: _Look) -> dict[str, Any]:
    """The frame's corners by its matrix, and in words on what it was laid."""
    spacing = mammogram.spacing_mm or (REFERENCE_MM, REFERENCE_MM)
    mirrored, rows = is_mirrored(look.breast), mammogram.pixels.shape[0]
    # Two looks at the side may differ on a film that is hardly any breast: then it has no nipple.
    nipple = None if look.chest_wall_left is mirrored else look.nipple
    laid = paper_frame(look.breast, look.frame, mirrored, rows, spacing, nipple)
    size = f"{SIDE * REFERENCE_MM:.1f} mm square"
    if mammogram.spacing_mm is None:
        size = f"{SIDE} pixels square, the 50 µm assumed"
    tip = "breast's most protruding point" if nipple is None else "nipple as estimated from the outline"
    words = f"{size}, laid on the {tip}"
    if laid.beyond_film:
        words += "; it reaches beyond the film"
    return {"matrix": laid.frame.canvas_matrix(), "side": SIDE, "words": words}


def _chest_wall_left(breast: NDArray[np.bool_]) -> bool | None:
    """On which half more of the breast lies; None where both hold as much of it."""
    half = breast.shape[1] // 2
    left, right = breast[:, :half].mean(), breast[:, -half:].mean()
    return None if abs(left - right) < 0.02 else bool(left > right)


def _orientation(mammogram: Mammogram, chest_wall_left: bool | None) -> dict[str, Any]:
    """Letters at the film's edges, and whether it is stored mirrored against the usual hanging."""
    if mammogram.laterality is None or mammogram.view is None:
        return {"targets": None, "mirrored": False}
    usual = _HANGING.get((mammogram.laterality, mammogram.view))
    if usual is None or chest_wall_left is None:
        return {"targets": None, "mirrored": False}
    right, bottom = usual
    mirrored = chest_wall_left is not (mammogram.laterality is Laterality.LEFT)
    right = _TARGETS[right] if mirrored else right
    targets = {"right": right, "left": _TARGETS[right], "bottom": bottom, "top": _TARGETS[bottom]}
    return {"targets": targets, "mirrored": mirrored}


def _outline(line: Outline) -> dict[str, Any]:
    return {
        "drawn_by": line.drawn_by,
        "core": line.core,
        "vertices": np.round(line.vertices, 3).tolist(),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"score": finding.score, "area_mm2": finding.area_mm2, "box": finding.box}


def _pairs(mammogram: Mammogram, assessment: Assessment | None, arrays: _Arrays) -> list[dict[str, Any]]:
    """Each boundary that a reader drew, and at each magnification what it is compared with and how well.

    `outline` and `found` count the outlines that are sent, `finding` and `overlapping` the findings; the
    finding is the one whose centre is nearest, whether or not it overlaps the outline.
    """
    drawn = [
        index
        for index, line in enumerate(mammogram.outlines)
        if line.drawn_by is Drawn.READER and not line.core
    ]
    order = () if assessment is None else tuple(_ordered_saliency(assessment))
    compared = [
        comparisons(assessment, mammogram.outlines, each.magnification) for each in order if assessment
    ]
    pairs = []
    for number, index in enumerate(drawn):
        each = [of_all[number] for of_all in compared]
        finding = each[0].finding if each else None
        pairs.append(
            {
                "outline": index,
                "lesion": mammogram.outlines[index].lesion(),
                "finding": finding,
                "found": None if finding is None else len(mammogram.outlines) + finding,
                "overlapping": _overlapping(mammogram.outlines[index], assessment, each[0].frame)
                if each and assessment
                else [],
                "at": {
                    saliency.magnification.key: _agreement(one, mammogram, arrays)
                    for saliency, one in zip(order, each, strict=True)
                },
            }
        )
    return pairs


def _overlapping(outline: Outline, assessment: Assessment, frame: Frame) -> list[int]:
    """The findings that share a pixel of `frame` with an outline."""
    top, left, bottom, right = outline.box()
    return [
        number
        for number, finding in enumerate(assessment.findings)
        if finding.box[0] <= bottom
        and top <= finding.box[2]
        and finding.box[1] <= right
        and left <= finding.box[3]
        and overlap(frame.from_scan(outline.vertices), frame.from_scan(finding.outline.vertices))[0] > 0
    ]


def _agreement(comparison: Comparison, mammogram: Mammogram, arrays: _Arrays) -> dict[str, Any]:
    """The numbers of one outline at one magnification; the distance in pixels too, which needs no spacing."""
    agreement = comparison.agreement
    return {
        "pointing_hit": agreement.pointing_hit,
        "energy_inside": agreement.energy_inside,
        "dice": agreement.dice,
        "iou": agreement.iou,
        "tightness": agreement.tightness,
        "distance_mm": None if mammogram.spacing_mm is None else agreement.centre_distance_mm,
        "distance_px": comparison.centre_distance_px,
        "salient": None if comparison.salient is None else _salient(comparison, arrays),
    }


def _salient(comparison: Comparison, arrays: _Arrays) -> dict[str, Any]:
    """The pixels that tightness counts, as 1, in squares as the saliency is sent."""
    values, frame = _cropped(np.asarray(comparison.salient).astype(np.float32), comparison.frame)
    return _in_squares(values.astype(np.uint8), frame, arrays)


def _in_squares(codes: NDArray[np.uint8], frame: Frame, arrays: _Arrays) -> dict[str, Any]:
    """An image of codes where most are 0: the squares that are not empty, and where they lie."""
    tiles, places = _tiled(codes)
    return {
        "array": arrays.add(tiles),
        "places": places,
        "tile": _TILE,
        "rows": codes.shape[0],
        "columns": codes.shape[1],
        "matrix": frame.canvas_matrix(),
    }


def _evidence(assessment: Assessment, arrays: _Arrays) -> dict[str, Any]:
    return {
        "magnification": assessment.settings.magnification.key,
        "stride": assessment.settings.stride,
        "findings": [_finding(finding) for finding in assessment.findings],
        "trained_on": list(dict.fromkeys(card.trained_on for card in assessment.cards)),
        "heatmap": _heatmap(assessment.heatmap, arrays),
        "disagreement": _disagreement(assessment, arrays),
        "grids": [_grid(grid, arrays) for grid in _ordered_grids(assessment)],
        "saliency": [_saliency(each, w, arrays) for each in _ordered_saliency(assessment) for w in each.maps],
    }


def _ordered_grids(assessment: Assessment) -> Iterable[TissueGrid]:
    order = sorted(assessment.grids, key=lambda place: (-place[0].value, -place[1]))
    return (assessment.grids[place] for place in order)


def _ordered_saliency(assessment: Assessment) -> Iterable[Saliency]:
    order = sorted(assessment.saliency, key=lambda magnification: -magnification.value)
    return (assessment.saliency[magnification] for magnification in order)


def _heatmap(heatmap: Heatmap, arrays: _Arrays) -> dict[str, Any]:
    return {
        "array": arrays.add(heatmap.heat.astype(np.float32, copy=False)),
        "matrix": heatmap.frame.canvas_matrix(),
        "level": heatmap.level,
        "local_results": heatmap.local_results,
    }


def _grid(grid: TissueGrid, arrays: _Arrays) -> dict[str, Any]:
    return {
        "array": arrays.add(grid.suspicion.astype(np.float32, copy=False)),
        "matrix": grid.frame.canvas_matrix(),
        "level": grid.threshold,
        "magnification": grid.magnification.key,
        "stride": grid.stride,
        "patch": grid.patch,
    }


def _disagreement(assessment: Assessment, arrays: _Arrays) -> dict[str, Any] | None:
    """Largest less smallest suspicion of the three magnifications at the centre of each cell of the heatmap.

    At the stride of the assessment, bilinear between patches, as the local results join the heatmap.
    """
    stride = assessment.settings.stride
    grids = [assessment.grids.get((magnification, stride)) for magnification in Magnification]
    centres = assessment.heatmap.centres()
    sampled = [_suspicion_at(centres, grid) for grid in grids if grid is not None]
    if len(sampled) < len(grids):
        return None
    spread = np.ptp(sampled, axis=0).astype(np.float32)
    return {
        "array": arrays.add(spread),
        "matrix": assessment.heatmap.frame.canvas_matrix(),
        "most": _number(spread.max()),
        "stride": stride,
    }


def _suspicion_at(points: NDArray[np.float64], grid: TissueGrid) -> NDArray[np.float64]:
    """Suspicion (I, J) at scan points (I, J, 2), bilinear between the centres of cells."""
    cells = grid.frame.from_scan(points).T
    found = ndimage.map_coordinates(grid.suspicion.astype(np.float64), cells, order=1, mode="nearest")
    return np.asarray(found).reshape(points.shape[:-1])


def _saliency(saliency: Saliency, weighting: Weighting, arrays: _Arrays) -> dict[str, Any]:
    """Values from 0 to `scale` as 0 to 255, rounded up, so that what is not 0 stays so.

    What is larger than `scale` is 255 too; `maximum` says how far it goes. Only the tiles that hold
    something are sent. A map that is no number somewhere has no scale, and nothing of it is shown.
    """
    values, frame = _cropped(saliency.maps[weighting], saliency.frame)
    maximum = _number(values.max())
    scale = None if maximum is None else saliency_scale(values)
    shares = np.clip(values / scale, 0, 1) if scale else np.zeros(values.shape)
    return {
        **_in_squares(np.ceil(shares * 255).astype(np.uint8), frame, arrays),
        "magnification": saliency.magnification.key,
        "scale": scale,
        "maximum": maximum,
        "percentile": SALIENT_PERCENTILE,
        "weighting": weighting.value,
    }


def _number(value: float | np.floating[Any]) -> float | None:
    """None for what is no number: a browser does not read it."""
    return float(value) if np.isfinite(value) else None


def _tiled(codes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[list[int]]]:
    """The squares that hold something, one below the other, and the row and column of each one's corner."""
    rows, columns = (-(-n // _TILE) for n in codes.shape)
    padded = np.pad(codes, [(0, n * _TILE - m) for n, m in zip((rows, columns), codes.shape, strict=True)])
    tiles = padded.reshape(rows, _TILE, columns, _TILE).swapaxes(1, 2)
    full = tiles.any(axis=(2, 3))
    return tiles[full].reshape(-1, _TILE), (np.argwhere(full) * _TILE).tolist()


def _cropped(values: NDArray[np.float32], frame: Frame) -> tuple[NDArray[np.float32], Frame]:
    """The box that holds all non-zero values; one pixel where there are none."""
    rows, columns = np.flatnonzero(values.any(axis=1)), np.flatnonzero(values.any(axis=0))
    if rows.size == 0:
        return values[:1, :1], frame
    box = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return box, frame.cut(int(rows[0]), int(columns[0]))
