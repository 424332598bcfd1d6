"""The paper's six figures, drawn from our own results: curves from the metrics, pictures from assessed films.

Every figure is the text of an SVG document. Films in it are shrunk, and lie in the orientation of their file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from mammoview.domain import Assessment, Drawn, Magnification, Mammogram, TissueGrid
from mammoview.evaluation import charts, paper
from mammoview.evaluation.charts import COLOURS, Reference
from mammoview.evaluation.evidence import tissue
from mammoview.evaluation.report import at_operating_point, interval_text, value_text
from mammoview.geometry import Frame
from mammoview.models.cards import tissue_name
from mammoview.scorecard import rasterise

__all__ = ["Shown", "aggregation", "architecture", "heat", "patches", "roc", "saliency"]

SHOWN_MM: Final = 0.7
"""Millimetres per pixel of a film in a figure."""
READER, HOT, SALIENT, POSITIVE = COLOURS[5], COLOURS[1], (204, 51, 153), COLOURS[2]
HEIGHT: Final = 3.2  # inches of a film


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A film and what was found on it."""

    mammogram: Mammogram
    assessment: Assessment


def aggregation(shown: Shown, magnification: Magnification = Magnification.HALF) -> str:
    """Figure 1: patches at a stride of 64 over the film, and the grid of suspicions that they make."""
    grid = shown.assessment.grids[magnification, 64]
    with charts.style():
        canvas = Canvas(figsize=(6.4, HEIGHT), layout="constrained")
        film, cells = (canvas.add_subplot(1, 2, place) for place in (1, 2))
        _draw_film(film, shown)
        _draw_outlines(film, shown)
        _draw_patches(film, grid)
        film.set_title(
            f"patches of {grid.patch * magnification.mm:.1f} mm, one every {64 * magnification.mm:.1f} mm"
        )
        centres = grid.centres()
        mesh = cells.pcolormesh(
            centres[..., 1],
            centres[..., 0],
            grid.suspicion,
            cmap="cividis",
            vmin=0,
            vmax=1,
            shading="nearest",
        )
        _draw_outlines(cells, shown)
        _frame_like(cells, shown)
        cells.set_title(f"suspicion of each patch, {magnification.label}")
        canvas.colorbar(mesh, ax=[film, cells], shrink=0.7)
        return charts.finished(canvas)


def architecture(described: Mapping[str, Any]) -> str:
    """Figure 2: the layers of a heatmap network, from the architecture on its card."""
    with charts.style():
        canvas = Canvas(figsize=(7.4, 2.5))
        axes = canvas.add_axes((0, 0, 1, 1))
        boxes = list(_layers(described))
        for place, (title, words) in enumerate(boxes):
            _draw_box(axes, place, 0.55, title, words, COLOURS[0])
            if place:
                _draw_arrow(axes, (place - 0.11, 0.7), (place + 0.0, 0.7))
        if described.get("local_results"):
            last = len(boxes) - 1
            _draw_box(
                axes,
                last - 1,
                0.08,
                "local results",
                "suspicion at ×0.5, ×0.33\nand ×0.25 of each cell",
                HOT,
            )
            _draw_arrow(axes, (last - 0.11, 0.23), (last + 0.25, 0.54))
        axes.set(xlim=(-0.1, len(boxes)), ylim=(0, 1))
        axes.set_axis_off()
        return charts.finished(canvas)


def roc(found: Mapping[str, Any]) -> str | None:
    """Figure 3: ROC of the three classifiers with the paper's points; None where there is no curve."""
    names = {tissue_name(m): m for m in Magnification}
    measured = (found.get("curves") or {}).get("roc") or {}
    curves = {name: measured[name] for name in names if name in measured}
    if not curves:
        return None
    areas = {tissue_name(m): figure for m, figure in tissue(found, "tissue AUC, balanced")}
    titles = {
        name: names[name].label
        + (f"\nAUC {value_text(areas[name])}\n({interval_text(areas[name])})" if name in areas else "")
        for name in curves
    }
    errors = found["curves"].get("error_by_threshold") or {}
    points = found.get("operating_points") or {}
    places = {n: at_operating_point(errors[n], points[n]) for n in curves if n in errors and n in points}
    return charts.roc(
        curves,
        titles,
        {name: place for name, place in places.items() if place is not None},
        {name: _of_the_paper(names[name]) for name in curves},
    )


def heat(films: Sequence[Shown]) -> str:
    """Figure 4: heat of each film, with its contour at the level and the outlines."""
    with charts.style():
        canvas, panels = _row(len(films))
        for axes, shown in zip(panels, films, strict=True):
            _draw_film(axes, shown)
            heatmap = shown.assessment.heatmap
            centres = heatmap.centres()
            across, down = centres[..., 1], centres[..., 0]
            axes.contourf(
                across, down, heatmap.heat, levels=np.linspace(0.05, 1, 15), cmap="inferno", alpha=0.45
            )
            if heatmap.heat.max() > heatmap.level:
                axes.contour(across, down, heatmap.heat, levels=[heatmap.level], colors=[HOT], linewidths=1)
            _draw_outlines(axes, shown)
            axes.set_title(
                f"{_name(shown)}\nhottest {float(heatmap.heat.max()):.2f}, level {heatmap.level:.2f}"
            )
        return charts.finished(canvas)


def patches(films: Sequence[Shown], most: int = 6) -> str:
    """Figure 5: patches that were rightly called positive, and the saliency of the film within them."""
    with charts.style():
        chosen = sorted(
            (one for shown in films for one in _rightly_positive(shown)), key=lambda one: -one[0]
        )[:most]
        canvas = Canvas(figsize=(1.25 * max(len(chosen), 2), 2.9), layout="constrained")
        if not chosen:
            canvas.text(0.5, 0.5, "no patch of these films was rightly called positive", ha="center")
        for place, (suspicion, shown, centre, side) in enumerate(chosen):
            tissue_part, salient_part = _cut_out(shown, centre, side)
            above = canvas.add_subplot(2, len(chosen), place + 1)
            below = canvas.add_subplot(2, len(chosen), len(chosen) + place + 1)
            above.imshow(tissue_part, cmap="gray", interpolation="none")
            below.imshow(salient_part, cmap="magma", interpolation="none")
            above.set_title(f"{suspicion:.2f}")
            for axes in (above, below):
                axes.set_axis_off()
        return charts.finished(canvas)


def saliency(films: Sequence[Shown]) -> str:
    """Figure 6: each film with its outlines alone, and with its saliency over it."""
    with charts.style():
        canvas = Canvas(figsize=(1.9 * 2 * max(len(films), 1), HEIGHT), layout="constrained")
        for place, shown in enumerate(films):
            plain, lit = (canvas.add_subplot(1, 2 * len(films), 2 * place + side) for side in (1, 2))
            for axes in (plain, lit):
                _draw_film(axes, shown)
                _draw_outlines(axes, shown)
            _draw_saliency(lit, shown)
            plain.set_title(_name(shown))
            lit.set_title("its saliency")
        return charts.finished(canvas)


def _of_the_paper(magnification: Magnification) -> Reference:
    errors = paper.TABLE_2[magnification]
    return Reference(errors.false_positive_rate, errors.sensitivity, "the paper's Table 2")


def _row(count: int) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(1.9 * max(count, 1), HEIGHT), layout="constrained")
    return canvas, [canvas.add_subplot(1, count, place + 1) for place in range(count)]


def _name(shown: Shown) -> str:
    scan = shown.assessment.scan
    return " ".join(
        filter(None, ("synthetic" if scan.synthetic else scan.source, scan.laterality, scan.view))
    )


def _draw_film(axes: Axes, shown: Shown) -> None:
    """The film in grey, windowed on the breast; the axes count scan pixels."""
    scan, breast = shown.assessment.scan, shown.assessment.breast
    height, width = (
        round(n * mm / SHOWN_MM) for n, mm in zip((scan.rows, scan.columns), scan.spacing_mm, strict=True)
    )
    small = cv2.resize(shown.mammogram.pixels, (width, height), interpolation=cv2.INTER_AREA).astype(float)
    places = Frame(scan.columns, scale=(height / scan.rows, width / scan.columns)).centres((height, width))
    cells = np.rint(breast.frame.from_scan(places)).astype(int)
    rows, columns = (np.clip(axis, 0, n - 1) for axis, n in zip(cells.T, breast.inside.shape, strict=True))
    inside = breast.inside[rows, columns].reshape(height, width)
    low, high = np.percentile(small[inside] if inside.any() else small, (0.5, 99.9))
    grey = (np.clip((small - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)
    extent = (-0.5, scan.columns - 0.5, scan.rows - 0.5, -0.5)
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="none")
    _frame_like(axes, shown)


def _frame_like(axes: Axes, shown: Shown) -> None:
    """Bounds of the scan, in true proportions, without ticks."""
    scan = shown.assessment.scan
    axes.set(xlim=(-0.5, scan.columns - 0.5), ylim=(scan.rows - 0.5, -0.5), xticks=[], yticks=[])
    axes.set_aspect(scan.spacing_mm[0] / scan.spacing_mm[1])
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_outlines(axes: Axes, shown: Shown) -> None:
    for outline in shown.mammogram.outlines:
        if outline.drawn_by is Drawn.READER and not outline.core:
            closed = np.concatenate([outline.vertices, outline.vertices[:1]])
            axes.plot(closed[:, 1], closed[:, 0], color=READER, linewidth=1.1)


def _draw_patches(axes: Axes, grid: TissueGrid) -> None:
    """Every positive cell, and the whole patch of the most suspicious one."""
    half = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5], [-0.5, -0.5]])
    centres = grid.centres().reshape(-1, 2)
    axes.plot(centres[:, 1], centres[:, 0], ".", markersize=0.8, color=charts.GREY)
    for cell in np.argwhere(grid.suspicion >= grid.threshold):
        corners = grid.frame.to_scan(cell + half * 0.94)
        axes.plot(corners[:, 1], corners[:, 0], color=POSITIVE, linewidth=0.6)
    hottest = np.array(np.unravel_index(grid.suspicion.argmax(), grid.suspicion.shape))
    corners = grid.frame.to_scan(hottest + half * grid.patch / grid.stride)
    axes.plot(corners[:, 1], corners[:, 0], color=HOT, linewidth=1.2)


def _rightly_positive(shown: Shown) -> Iterator[tuple[float, Shown, NDArray[np.float64], int]]:
    """Suspicion, film, centre on the scan and side in pixels of positive cells centred in an outline.

    One for each outline: the most suspicious. Outside the heat region its saliency is empty.
    """
    magnification = shown.assessment.settings.magnification
    grid = shown.assessment.grids[magnification, shown.assessment.settings.stride]
    scan = shown.assessment.scan
    centres = grid.centres().reshape(-1, 2)
    places = np.clip(np.rint(centres).astype(int), 0, (scan.rows - 1, scan.columns - 1))
    for outline in shown.mammogram.outlines:
        if outline.drawn_by is not Drawn.READER or outline.core:
            continue
        inside = rasterise(outline.vertices, (scan.rows, scan.columns))[places[:, 0], places[:, 1]]
        scores = np.where(inside, grid.suspicion.ravel(), -1)
        best = int(scores.argmax())
        if scores[best] >= grid.threshold:
            yield float(scores[best]), shown, centres[best], grid.patch


def _cut_out(shown: Shown, centre: NDArray[np.float64], side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tissue and saliency of one patch, (S, S) each, at half the magnification's resolution."""
    found = shown.assessment.saliency[shown.assessment.settings.magnification]
    middle = found.frame.from_scan(centre[None])[0]
    steps = np.arange(-side / 2 + 1, side / 2, 2)
    places = np.stack(np.meshgrid(middle[0] + steps, middle[1] + steps, indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    shape = (len(steps), len(steps))
    film = cv2.GaussianBlur(shown.mammogram.pixels.astype(np.float32), (0, 0), 1 / found.frame.scale[0])
    tissue_part = map_coordinates(film, found.frame.to_scan(places).T, order=1, mode="nearest")
    salient = cv2.blur(np.asarray(found.values), (3, 3))
    salient_part = map_coordinates(salient, places.T, order=1)
    return tissue_part.reshape(shape), np.sqrt(salient_part).reshape(shape)


def _draw_saliency(axes: Axes, shown: Shown) -> None:
    """The saliency in magenta, the denser the higher; its square root, as faint parts would be lost."""
    scan = shown.assessment.scan
    found = shown.assessment.saliency[shown.assessment.settings.magnification]
    if not found.values.any():
        return
    height, width = (
        round(n * mm / SHOWN_MM) for n, mm in zip((scan.rows, scan.columns), scan.spacing_mm, strict=True)
    )
    frame = Frame(scan.columns, scale=(height / scan.rows, width / scan.columns))
    wide = max(1, round(found.frame.scale[0] / frame.scale[0]))
    values = cv2.blur(np.asarray(found.values), (wide, wide))
    places = found.frame.from_scan(frame.centres((height, width)))
    laid = map_coordinates(values, places.T, order=1).reshape(height, width)
    colour = np.zeros((height, width, 4), np.uint8)
    colour[..., :3] = SALIENT
    colour[..., 3] = 230 * np.sqrt(np.clip(laid / np.percentile(values[values > 0], 99.5), 0, 1))
    axes.imshow(colour, extent=(-0.5, scan.columns - 0.5, scan.rows - 0.5, -0.5), interpolation="none")
    _frame_like(axes, shown)


def _layers(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Title and words of each stage."""
    yield "film", "whole breast,\n0.4 mm per pixel"
    for width in described["widths"]:
        yield f"{width} channels", "two 3×3 convolutions,\n2×2 pooling"
    furthest = max(described["dilations"])
    yield f"{described['context']} channels", f"3×3 convolutions,\ndilated up to {furthest} cells"
    yield (
        "heat",
        "one cell for 8×8 pixels" + ("\njoined by a convolution" if described.get("local_results") else ""),
    )


def _draw_box(axes: Axes, place: int, bottom: float, title: str, words: str, colour: Any) -> None:
    axes.add_patch(Rectangle((place, bottom), 0.89, 0.3, facecolor="white", edgecolor=colour, linewidth=1.2))
    axes.text(place + 0.445, bottom + 0.22, title, ha="center", va="center", fontweight="bold", fontsize=7.5)
    axes.text(place + 0.445, bottom + 0.1, words, ha="center", va="center", fontsize=6)


def _draw_arrow(axes: Axes, tail: tuple[float, float], head: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=8, color=charts.GREY, linewidth=0.9)
    )
