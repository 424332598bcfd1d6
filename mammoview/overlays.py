"""The assessment drawn over the film: still pictures for files and reports (the page draws its own)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mammoview.domain import Assessment, Drawn, Finding, Magnification, Mammogram, Outline
from mammoview.geometry import Frame

__all__ = [
    "RESEARCH_USE",
    "SALIENT_PERCENTILE",
    "compose",
    "film_alone",
    "film_with_heat",
    "film_with_outlines",
    "finding_with_saliency",
    "saliency_scale",
]

RESEARCH_USE = "Research use only: Mammoview is not a medical device and must not be used for diagnosis."

Colour = tuple[int, int, int]
Span = tuple[str, Colour]

# Okabe and Ito's palette, told apart with any colour vision.
READER: Colour = (86, 180, 233)
MODEL: Colour = (230, 159, 0)
HEAT: Colour = (213, 94, 0)
SALIENT: Colour = (255, 79, 216)  # magenta, decision 0027
POSITIVE: Colour = (0, 158, 115)
TEXT: Colour = (225, 225, 225)
NOTICE: Colour = (240, 228, 66)

SALIENT_PERCENTILE = 99.5
"""Of the non-zero saliency of a film; drawn at full opacity from there on."""

SUBPIXEL_BITS = 4
NARROWEST = 700  # px; a caption needs so much
TALLEST_CAPTION = 0.125  # of the longest side
HEAT_OPACITY = 0.45  # as the viewer begins
SURROUNDINGS = 1.6  # of a finding's longer side
LEAST_SURROUNDINGS_MM = 20.0
STRONG = 2  # px; a line that is seen on a picture which is printed small


def compose(
    mammogram: Mammogram,
    assessment: Assessment,
    magnification: Magnification | None = None,
    longest: int | None = 2400,
) -> NDArray[np.uint8]:
    """The film with its saliency, positive cells, heat contour and outlines, and a caption below.

    The film keeps the orientation of its file and is shown in true proportions.

    Parameters
    ----------
    mammogram : Mammogram
        The one that was assessed.
    assessment : Assessment
    magnification : Magnification or None
        Whose cells (at the stride of the settings) and saliency are drawn; None: the settings'.
    longest : int or None
        Most pixels along the film's longer side and the caption together; None draws every pixel of the
        film, along its finer spacing.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8, RGB
    """
    chosen = magnification or assessment.settings.magnification
    most = None if longest is None else round(longest * (1 - TALLEST_CAPTION))
    frame, shape = _layout(assessment, most)
    picture = _film(mammogram, assessment, frame, shape)
    picture = _tinted(picture, assessment, chosen, frame)
    _draw_positive_cells(picture, assessment, chosen, frame)
    _draw_heat_contour(picture, assessment, frame)
    for outline in (*mammogram.outlines, *(finding.outline for finding in assessment.findings)):
        _draw_outline(picture, outline, frame)
    return _captioned(picture, list(_caption(mammogram, assessment, chosen)))


def film_alone(mammogram: Mammogram, assessment: Assessment, longest: int) -> NDArray[np.uint8]:
    """The film in grey and in true proportions, (H, W, 3), its longer side `longest` pixels at most."""
    frame, shape = _layout(assessment, longest)
    return _film(mammogram, assessment, frame, shape)


def film_with_heat(mammogram: Mammogram, assessment: Assessment, longest: int) -> NDArray[np.uint8]:
    """The same with the heat over it, (H, W, 3): inferno from 0 to 1, as the page has it.

    Clear below half the level, at its fullest from the level on (decision 0027).
    """
    frame, shape = _layout(assessment, longest)
    picture, heatmap = _film(mammogram, assessment, frame, shape), assessment.heatmap
    heat = np.clip(_laid_over(np.asarray(heatmap.heat, np.float32), heatmap.frame, frame, shape), 0, 1)
    colours = cv2.applyColorMap(np.round(64 + 191 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    fullness = np.clip(2 * heat / heatmap.level - 1, 0, 1) if heatmap.level > 0 else np.ones_like(heat)
    opacity = HEAT_OPACITY * fullness[..., None]
    return np.asarray((picture * (1 - opacity) + colours * opacity).round(), np.uint8)


def film_with_outlines(mammogram: Mammogram, assessment: Assessment, longest: int) -> NDArray[np.uint8]:
    """The film with the reader's outlines, solid, and the findings, dashed and numbered, (H, W, 3)."""
    frame, shape = _layout(assessment, longest)
    picture = _film(mammogram, assessment, frame, shape)
    for outline in (*mammogram.outlines, *(finding.outline for finding in assessment.findings)):
        _draw_outline(picture, outline, frame, STRONG)
    return _numbered(picture, assessment.findings, frame)


def finding_with_saliency(
    mammogram: Mammogram, assessment: Assessment, finding: Finding, side: int
) -> tuple[NDArray[np.uint8], float]:
    """A finding and its surroundings, enlarged, with saliency and outlines over them.

    The saliency is that of the settings' magnification and as opaque as on the whole film.

    Parameters
    ----------
    mammogram, assessment
        As for `compose`.
    finding : Finding
    side : int
        Of the square picture, in pixels.

    Returns
    -------
    ndarray of shape (side, side, 3), uint8, RGB
        Black beyond the film.
    float
        The side in millimetres.
    """
    first_row, first_column, last_row, last_column = finding.box
    spacing = np.array(assessment.scan.spacing_mm)
    across = SURROUNDINGS * float(
        (np.array([last_row - first_row, last_column - first_column]) * spacing).max()
    )
    side_mm = max(LEAST_SURROUNDINGS_MM, across)
    centre = np.array([first_row + last_row, first_column + last_column]) / 2 + 0.5
    row, column = centre - side_mm / 2 / spacing
    scale = side / side_mm * spacing
    frame = Frame(assessment.scan.columns, origin=(row, column), scale=(float(scale[0]), float(scale[1])))
    picture = _part(mammogram, assessment, frame, (side, side))
    picture = _tinted(picture, assessment, assessment.settings.magnification, frame)
    for outline in (*mammogram.outlines, finding.outline):
        _draw_outline(picture, outline, frame, STRONG)
    return picture, side_mm


def saliency_scale(values: NDArray[np.float32]) -> float:
    """The saliency that is drawn at full opacity, in the unit of `values`; 0 where nothing is salient."""
    salient = values[values > 0]
    return float(np.percentile(salient, SALIENT_PERCENTILE)) if salient.size else 0.0


def _layout(assessment: Assessment, longest: int | None) -> tuple[Frame, tuple[int, int]]:
    """Where the picture lies on the scan, and its height and width; None: as large as the scan."""
    scan = assessment.scan
    down, across = scan.spacing_mm
    finest = min(down, across)
    size = np.array([scan.rows * down, scan.columns * across]) / finest
    factor = min(longest / size.max(), max(1.0, NARROWEST / size.max())) if longest else 1.0
    height, width = np.maximum(np.round(size * factor), 1).astype(int)
    frame = Frame(scan.columns, scale=(height / scan.rows, width / scan.columns))
    return frame, (int(height), int(width))


def _film(
    mammogram: Mammogram, assessment: Assessment, frame: Frame, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """The film in grey, windowed on the breast: (H, W, 3)."""
    resized = _resized(mammogram, shape)
    return _grey(resized, *_range_of_tissue(resized, assessment, frame))


def _part(
    mammogram: Mammogram, assessment: Assessment, frame: Frame, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """A part of the film, windowed as the whole: (H, W, 3), black beyond the film."""
    whole, size = _layout(assessment, NARROWEST)
    low, high = _range_of_tissue(_resized(mammogram, size), assessment, whole)
    shrinking = max(1, int(np.ceil(1 / max(frame.scale))))
    smooth = cv2.blur(mammogram.pixels, (shrinking, shrinking)).astype(np.float32)
    return _grey(_laid_over(smooth, Frame(mammogram.pixels.shape[1]), frame, shape), low, high)


def _resized(mammogram: Mammogram, shape: tuple[int, int]) -> NDArray[np.uint16]:
    smaller = shape[0] < mammogram.pixels.shape[0]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mammogram.pixels, shape[::-1], interpolation=interpolation), np.uint16)


def _range_of_tissue(
    resized: NDArray[np.uint16], assessment: Assessment, frame: Frame
) -> tuple[float, float]:
    """The pixel values that a picture of the whole film shows black and white."""
    shape = (resized.shape[0], resized.shape[1])
    breast = _laid_over(assessment.breast.inside.astype(np.float32), assessment.breast.frame, frame, shape)
    tissue = resized[breast > 0.5] if (breast > 0.5).any() else resized
    low, high = np.percentile(tissue, (0.5, 99.9))
    return float(low), float(high)


def _grey(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Values from `low` (black) to `high` (white) as a picture: (H, W, 3)."""
    grey = np.clip((values.astype(np.float32) - low) / max(high - low, 1.0), 0, 1)
    return np.repeat((grey * 255).round().astype(np.uint8)[..., None], 3, axis=2)


def _laid_over(
    layer: NDArray[np.float32], lies: Frame, picture: Frame, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """A layer of the assessment, interpolated to the picture's pixels; 0 beyond the layer."""
    corners = np.array([[0, 0], [0, shape[1]], [shape[0], 0]], np.float64)
    there = lies.from_scan(picture.to_scan(corners))
    matrix = cv2.getAffineTransform(
        np.ascontiguousarray(corners[:, ::-1], np.float32), np.ascontiguousarray(there[:, ::-1], np.float32)
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(layer, matrix, shape[::-1], flags=flags), np.float32)


def _tinted(
    picture: NDArray[np.uint8], assessment: Assessment, magnification: Magnification, frame: Frame
) -> NDArray[np.uint8]:
    saliency = assessment.saliency.get(magnification)
    if saliency is None or not saliency.values.any():
        return picture
    shrinking = max(1, int(np.ceil(saliency.frame.scale[0] / frame.scale[0])))
    values = np.asarray(cv2.blur(np.asarray(saliency.values), (shrinking, shrinking)), np.float32)
    laid = _laid_over(values, saliency.frame, frame, (picture.shape[0], picture.shape[1]))
    opacity = 0.85 * np.sqrt(np.clip(laid / saliency_scale(values), 0, 1))[..., None]
    mixed = picture * (1 - opacity) + np.array(SALIENT, np.float32) * opacity
    return np.asarray(mixed.round(), np.uint8)


def _draw_positive_cells(
    picture: NDArray[np.uint8], assessment: Assessment, magnification: Magnification, frame: Frame
) -> None:
    grid = assessment.grids.get((magnification, assessment.settings.stride))
    if grid is None:
        return
    corners = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]])
    for cell in np.argwhere(grid.suspicion >= grid.threshold):
        square = frame.from_scan(grid.frame.to_scan(cell + corners * 0.94))
        _draw_line(picture, square, POSITIVE, _fine(picture), closed=True)


def _draw_heat_contour(picture: NDArray[np.uint8], assessment: Assessment, frame: Frame) -> None:
    heatmap = assessment.heatmap
    shape = (picture.shape[0], picture.shape[1])
    heat = _laid_over(np.asarray(heatmap.heat, np.float32), heatmap.frame, frame, shape)
    hot = (heat >= heatmap.level).astype(np.uint8)
    contours, _ = cv2.findContours(hot, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        _draw_line(picture, contour[:, 0, ::-1].astype(np.float64), HEAT, _fine(picture), closed=True)


def _fine(picture: NDArray[np.uint8]) -> int:
    """Thickness of a thin line that is seen on a picture of this size, in pixels."""
    return max(1, round(int(max(picture.shape[:2])) / 2400))


def _numbered(picture: NDArray[np.uint8], findings: Sequence[Finding], frame: Frame) -> NDArray[np.uint8]:
    """The picture with each finding's number, from 1 on, beside its outline."""
    canvas = Image.fromarray(picture)
    pen, size = ImageDraw.Draw(canvas), max(14, max(picture.shape[:2]) // 20)
    font = ImageFont.load_default(size)
    for number, finding in enumerate(findings, 1):
        row, _, _, column = finding.box
        ((y, x),) = frame.from_scan([(row, column)])
        beside = (min(x + 3, picture.shape[1] - size), max(0.0, y - size))
        pen.text(beside, str(number), font=font, fill=MODEL, stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(canvas)


def _draw_outline(picture: NDArray[np.uint8], outline: Outline, frame: Frame, thinnest: int = 1) -> None:
    vertices = frame.from_scan(outline.vertices)
    thickness = max(thinnest, round(max(picture.shape[:2]) / (2000 if outline.core else 1000)))
    if outline.drawn_by is Drawn.READER:
        _draw_line(picture, vertices, READER, thickness, closed=True)
        return
    for dash in _dashes(vertices, on=7 * thickness, off=5 * thickness):
        _draw_line(picture, dash, MODEL, thickness)


def _dashes(vertices: NDArray[np.float64], on: int, off: int) -> Iterator[NDArray[np.float64]]:
    """The closed line through these vertices as pieces of length `on`, `off` apart."""
    closed = np.concatenate([vertices, vertices[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    for start in np.arange(0, along[-1], on + off):
        places = np.linspace(start, min(start + on, along[-1]), on + 1)
        yield np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def _draw_line(
    picture: NDArray[np.uint8],
    points: NDArray[np.float64],
    colour: Colour,
    thickness: int = 1,
    *,
    closed: bool = False,
) -> None:
    fixed = np.round(points[:, ::-1] * 2**SUBPIXEL_BITS).astype(np.int32)[:, None]
    cv2.polylines(picture, [fixed], closed, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _caption(
    mammogram: Mammogram, assessment: Assessment, magnification: Magnification
) -> Iterator[Sequence[Span]]:
    """Paragraphs of coloured words: what is shown, by which networks, and what it is not."""
    scan, settings = assessment.scan, assessment.settings
    name = " ".join(filter(None, (scan.source, scan.laterality, scan.view)))
    if scan.synthetic or mammogram.synthetic:
        yield [("SYNTHETIC film, made by a computer: no patient.", NOTICE)]
    yield [
        (f"{name} · score of the film {assessment.score:.2f} · findings {len(assessment.findings)} · ", TEXT),
        (f"magnification {magnification.key} ({magnification.mm:.2f} mm per pixel), ", TEXT),
        (f"stride {settings.stride}", TEXT),
    ]
    yield list(_legend(mammogram, assessment, magnification))
    networks = ", ".join(f"{card.name} {card.version}" for card in assessment.cards)
    yield [(f"Networks: {networks or 'not named'}", TEXT)]
    yield [(RESEARCH_USE, NOTICE)]


def _legend(mammogram: Mammogram, assessment: Assessment, magnification: Magnification) -> Iterator[Span]:
    """What each colour is, and of an empty layer whether it was run."""
    heatmap = assessment.heatmap
    hot = np.asarray(heatmap.heat >= heatmap.level).any()
    yield (f"heat from {heatmap.level:.2f}" + ("" if hot else ": none") + " · ", HEAT)
    grid = assessment.grids.get((magnification, assessment.settings.stride))
    if grid is None:
        yield ("tissue grid: not run · ", POSITIVE)
    else:
        count = np.count_nonzero(grid.suspicion >= grid.threshold)
        yield (f"positive cells from {grid.threshold:.2f}: {count or 'none'} · ", POSITIVE)
    saliency = assessment.saliency.get(magnification)
    state = ": not run" if saliency is None else "" if saliency.values.any() else ": none"
    yield (f"saliency{state} · ", SALIENT)
    yield ("model's outlines, dashed" + ("" if assessment.findings else ": none") + " · ", MODEL)
    drawn = any(outline.drawn_by is Drawn.READER for outline in mammogram.outlines)
    yield ("reader's outlines, solid" + ("" if drawn else ": none given"), READER)


def _captioned(picture: NDArray[np.uint8], paragraphs: Sequence[Sequence[Span]]) -> NDArray[np.uint8]:
    """The picture with the paragraphs written below it on black."""
    height, width = max(picture.shape[0], 1), max(picture.shape[1], NARROWEST)
    size = 14 if height < 1200 else max(20, height // 110)
    font = ImageFont.load_default(size)
    words = list(_flow(paragraphs, font, width - 2 * size, round(1.5 * size)))
    strip = words[-1][1] + 2 * size + round(0.5 * size)
    canvas = Image.new("RGB", (width, height + strip))
    canvas.paste(Image.fromarray(picture), ((width - picture.shape[1]) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    for x, y, word, colour in words:
        pen.text((size + x, height + round(0.7 * size) + y), word, font=font, fill=colour)
    return np.asarray(canvas)


def _flow(
    paragraphs: Sequence[Sequence[Span]], font: Any, width: int, line: int
) -> Iterator[tuple[int, int, str, Colour]]:
    """Break paragraphs into lines no wider than `width` px: x, y, word and colour of each word."""
    y = -line
    for paragraph in paragraphs:
        x, y = 0.0, y + line
        for text, colour in paragraph:
            for word in text.split():
                length = font.getlength(word)
                if x and x + length > width:
                    x, y = 0.0, y + line
                yield round(x), y, word, colour
                x += length + font.getlength(" ")
