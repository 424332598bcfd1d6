"""`assess`: the whole method on one scan, in the order of the paper, without any state of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from mammoview.backend.findings import find
from mammoview.backend.local import LOCAL_STRIDE, local_results
from mammoview.backend.runtime import PLAIN, Runtime
from mammoview.backend.saliency import contributions, gate, hot_pixels, kept_saliency
from mammoview.backend.scan import scan_tissue
from mammoview.domain import (
    Assessment,
    Field,
    Heatmap,
    Magnification,
    Mammogram,
    Progress,
    Saliency,
    Settings,
    TissueGrid,
)
from mammoview.familiarity import unfamiliar
from mammoview.geometry import Frame
from mammoview.models.cards import HEATMAP_REDUCTION, Suite
from mammoview.prepare import CELL, breast_cells, magnify, prepare, scan_facts

__all__ = ["STRIDES", "assess"]

STRIDES = (64, 32)
"""Magnified pixels between patches: the paper's, and the one that gives ×0.5 the heatmap's cells."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """The field at one magnification and what the tissue classifier says of it."""

    image: NDArray[np.float32]
    frame: Frame
    logits: Mapping[int, NDArray[np.float32]]


def assess(
    mammogram: Mammogram,
    suite: Suite,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    progress: Progress = lambda share, what: None,
    runtime: Runtime = PLAIN,
) -> Assessment:
    """Assess one scan.

    Prepare, scan the tissue at three magnifications, draw the heatmap without and with local
    results, gate, differentiate, add up, find. Nothing is kept on the networks or anywhere else.

    Parameters
    ----------
    mammogram : Mammogram
    suite : Suite
    settings : Settings
    progress : callable
        Called often with the share of the work done and what is being done; it may raise
        `Cancelled`, which ends the work.
    runtime : Runtime
        What computes the features of the networks, see `choose_runtime`.

    Raises
    ------
    BreastNotFound, Cancelled, NotEnoughMemory
    """
    timings: dict[str, float] = {}
    progress(0.0, "finding the breast")
    with _timed(timings, "prepare"):
        field = prepare(mammogram)
    scales = {}
    for number, magnification in enumerate(Magnification):
        with _timed(timings, f"tissue {magnification.key}"):
            what = f"classifying tissue at {magnification.label}"
            tell = _part(progress, 0.05 + 0.2 * number, 0.2, what)
            scales[magnification] = _scan(field, suite, magnification, tell, runtime)
    grids = {
        (magnification, stride): _grid(scales[magnification], suite, magnification, stride, settings)
        for magnification in Magnification
        for stride in STRIDES
    }
    progress(0.65, "drawing the heatmap")
    with _timed(timings, "heatmap"):
        local = _local(field, scales)
        baseline, heatmap = _heatmaps(field, suite, local, settings, runtime)
    saliency = {}
    for number, magnification in enumerate(Magnification):
        with _timed(timings, f"saliency {magnification.key}"):
            what = f"differentiating at {magnification.label}"
            tell = _part(progress, 0.7 + 0.1 * number, 0.1, what)
            grid = grids[magnification, settings.stride]
            saliency[magnification] = _saliency(scales[magnification], suite, grid, heatmap, settings, tell)
    with _timed(timings, "findings"):
        findings = find(heatmap)
        score = float(contributions(grids[Magnification.HALF, 32], heatmap).max())
    progress(1.0, "done")
    return Assessment(
        scan_facts(mammogram),
        suite.cards,
        settings,
        score,
        findings,
        grids,
        heatmap,
        baseline,
        saliency,
        breast_cells(field),
        timings,
        _warnings(mammogram, field, suite),
        runtime.name,
    )


def _scan(
    field: Field, suite: Suite, magnification: Magnification, tell: Callable[[float], None], runtime: Runtime
) -> _Scale:
    band_limit = suite.tissue_cards[magnification].band_limit_mm
    image, frame = magnify(field, magnification.reduction, band_limit)
    strides = tuple({*STRIDES, LOCAL_STRIDE[magnification]})
    return _Scale(image, frame, scan_tissue(suite.tissue[magnification], image, strides, tell, runtime))


def _grid(
    scale: _Scale, suite: Suite, magnification: Magnification, stride: int, settings: Settings
) -> TissueGrid:
    threshold = settings.tissue_threshold
    return TissueGrid(
        magnification,
        suite.tissue[magnification].patch,
        stride,
        expit(scale.logits[stride]).astype(np.float32),
        suite.tissue_cards[magnification].operating_point if threshold is None else threshold,
        scale.frame.magnified(1 / stride),
    )


def _local(field: Field, scales: Mapping[Magnification, _Scale]) -> NDArray[np.float32]:
    rows, columns = (n // CELL for n in field.values.shape)
    return local_results(
        {m: scales[m].logits[LOCAL_STRIDE[m]] for m in Magnification},
        {m: scales[m].frame.magnified(1 / LOCAL_STRIDE[m]) for m in Magnification},
        field.frame.magnified(1 / CELL),
        (rows, columns),
    )


def _heatmaps(
    field: Field, suite: Suite, local: NDArray[np.float32], settings: Settings, runtime: Runtime
) -> tuple[Heatmap, Heatmap]:
    """Without and with local results; what both have in common is computed once."""
    alone: dict[tuple[object, float], Tensor] = {}
    found = []
    for network, card in ((suite.baseline, suite.baseline_card), (suite.heatmap, suite.heatmap_card)):
        device = next(network.parameters()).device
        common = (network.features, card.band_limit_mm)
        with torch.inference_mode():
            if common not in alone:
                image, _ = magnify(field, HEATMAP_REDUCTION, card.band_limit_mm)
                both = network.both_ways(torch.from_numpy(image)[None, None].to(device))
                alone[common] = network.agreed(runtime.features(network, both))
            heat = alone[common]
            if network.local_results:
                heat = network.joined(heat, torch.from_numpy(local)[None].to(device))
            level = card.operating_point if settings.heat_level is None else settings.heat_level
            cells = heat.sigmoid()[0, 0].cpu().numpy()
        found.append(Heatmap(cells, level, field.frame.magnified(1 / CELL), network.local_results))
    return found[0], found[1]


def _saliency(
    scale: _Scale,
    suite: Suite,
    grid: TissueGrid,
    heatmap: Heatmap,
    settings: Settings,
    tell: Callable[[float], None],
) -> Saliency:
    kept = gate(grid, heatmap)
    terms, classifier = contributions(grid, heatmap), suite.tissue[grid.magnification]
    maps = kept_saliency(classifier, scale.image, kept, terms, grid.stride, settings.batch, tell)
    hot = hot_pixels(heatmap, scale.frame, (scale.image.shape[0], scale.image.shape[1]))
    return Saliency({w: m * hot for w, m in maps.items()}, grid.magnification, kept, scale.frame)


def _warnings(mammogram: Mammogram, field: Field, suite: Suite) -> tuple[str, ...]:
    found = [*mammogram.warnings, *field.warnings, *unfamiliar(mammogram, field, suite.familiar)]
    if mammogram.view is not None and not mammogram.view.trained:
        found.append(f"the networks saw CC and MLO films only; this is {mammogram.view}")
    coarse, limit = max(field.sampling_mm), max(card.band_limit_mm for card in suite.cards)
    if coarse > 1.3 * limit:
        found.append(
            f"the scan has one sample every {coarse:.2f} mm, coarser than the {limit:.2f} mm that the "
            "networks were trained on: small findings may be missed"
        )
    return tuple(dict.fromkeys(found))


def _part(progress: Progress, start: float, share: float, what: str) -> Callable[[float], None]:
    return lambda done: progress(start + share * done, what)


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - started
