"""Charts of an evaluation as SVG: ROC, FROC, reliability, error against threshold, figures with intervals.

Every chart is the text of one SVG document, the same to the byte for the same numbers: text stays text,
colours are Okabe and Ito's (told apart with any colour vision), and curves are labelled where they end.
Curves and figures come as `metrics.json` holds them: mappings of lists, None where undefined.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

__all__ = [
    "COLOURS",
    "Interval",
    "Reference",
    "error_by_threshold",
    "finished",
    "froc",
    "inline",
    "intervals",
    "reliability",
    "roc",
    "style",
]

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREY: Final = "#777777"
INK: Final = "#222222"
PANEL: Final = 2.9  # inches along one side of a panel
LINE: Final = 0.2  # inches from one line of a chart of intervals to the next
LABEL_LETTERS: Final = 40  # in one line of a label

STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mammoview",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine lays out alike
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.4,
}

Curve = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Interval:
    """One line of a chart of intervals: whose, how much, and what is written to the right of it.

    `value`, `low` and `high` are None where undefined; `colour` counts in `COLOURS`.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str = ""
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Reference:
    """A published point to compare with, such as a sensitivity at a rate of false findings."""

    x: float
    y: float
    label: str


def roc(
    curves: Mapping[str, Curve],
    titles: Mapping[str, str],
    points: Mapping[str, tuple[float, float]],
    references: Mapping[str, Reference] | None = None,
) -> str:
    """One panel for each network: sensitivity over false positive rate.

    Parameters
    ----------
    curves : mapping of network to {"false_positive_rate", "sensitivity"}
    titles : mapping of network to what stands over its panel
    points : mapping of network to (false positive rate, sensitivity) at its operating point
    references : mapping of network to a published point in the same panel, or None
    """
    with style():
        canvas, panels = _panels(len(curves))
        for axes, (name, curve) in zip(panels, curves.items(), strict=True):
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
            axes.plot(
                _numbers(curve["false_positive_rate"]), _numbers(curve["sensitivity"]), color=COLOURS[0]
            )
            if name in points:
                _mark(axes, *points[name], "at the operating point", COLOURS[0])
            if references and name in references:
                one = references[name]
                _mark(axes, one.x, one.y, one.label, COLOURS[1], below=26)
            _unit_square(axes, titles.get(name, name), "false positive rate", "sensitivity")
        return finished(canvas)


def froc(curves: Mapping[str, Curve], furthest: float = 4.0, references: Sequence[Reference] = ()) -> str:
    """Share of lesions found over false findings per film, with the 95 % band.

    Parameters
    ----------
    curves : mapping of the films on which false findings are counted to
        {"false_per_film", "sensitivity", "low", "high"}
    furthest : float
        Most false findings per film that are drawn.
    references : sequence of Reference
        Published points.
    """
    with style():
        canvas = Canvas(figsize=(6.6, 3.6), layout="constrained")
        axes = canvas.add_subplot()
        ends = []
        for colour, (name, curve) in zip(COLOURS, curves.items(), strict=False):
            rate = _numbers(curve["false_per_film"])
            shown = rate <= furthest
            low, high = (_numbers(curve.get(bound, ()), len(rate))[shown] for bound in ("low", "high"))
            found = _numbers(curve["sensitivity"])[shown]
            axes.fill_between(rate[shown], low, high, color=colour, alpha=0.15, linewidth=0, step="post")
            axes.step(rate[shown], found, where="post", color=colour)
            if shown.any() and np.isfinite(found[-1]):
                axes.plot([rate[shown][-1], furthest], [found[-1]] * 2, color=colour)
                ends.append((float(found[-1]), name, colour))
        for one in references:
            _mark(axes, one.x, one.y, one.label, INK)
        axes.set(xlim=(0, furthest), ylim=(0, 1.02), ylabel="lesions found (share)")
        axes.set_xlabel("false findings per film")
        _name_ends(axes, ends)
        return finished(canvas)


def reliability(curves: Mapping[str, Curve], titles: Mapping[str, str]) -> str:
    """One panel for each network: how often a patch of that suspicion held a finding.

    `curves` maps a network to {"suspicion", "frequency", "n"}; a dot's area grows with its patches.
    """
    with style():
        canvas, panels = _panels(len(curves))
        for axes, (name, curve) in zip(panels, curves.items(), strict=True):
            count = _numbers(curve["n"])
            said, was = _numbers(curve["suspicion"]), _numbers(curve["frequency"])
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
            axes.plot(said, was, color=COLOURS[0], linewidth=0.8)
            largest = max(np.nanmax(count, initial=1.0), 1.0)
            axes.scatter(said, was, s=8 + 110 * count / largest, color=COLOURS[0], alpha=0.75, linewidths=0)
            _unit_square(axes, titles.get(name, name), "suspicion", "share with a finding")
        return finished(canvas)


def error_by_threshold(
    curves: Mapping[str, Curve], titles: Mapping[str, str], points: Mapping[str, float]
) -> str:
    """One panel for each network: the three error rates over the threshold, the operating point upright.

    `curves` maps a network to {"threshold", "false_positive_rate", "false_negative_rate", "total_error"}.
    """
    kinds = ("false_positive_rate", "false_negative_rate", "total_error")
    with style():
        canvas, panels = _panels(len(curves))
        for axes, (name, curve) in zip(panels, curves.items(), strict=True):
            threshold = _numbers(curve["threshold"])
            for kind, colour in zip(kinds, (COLOURS[1], COLOURS[0], INK), strict=True):
                axes.plot(threshold, _numbers(curve[kind]), color=colour)
            if name in points:
                axes.axvline(points[name], color=GREY, linewidth=0.8, linestyle="--")
            _unit_square(axes, titles.get(name, name), "threshold", "error")
            axes.set(ylim=(0, 0.5), aspect="auto")
        canvas.set_layout_engine("constrained", rect=(0, 0, 1, 0.93))
        for place, (words, colour) in enumerate(
            (
                ("false positives", COLOURS[1]),
                ("false negatives", COLOURS[0]),
                ("total error", INK),
                ("operating point, dashed", GREY),
            )
        ):
            canvas.text((0.3 + 1.2 * place) / canvas.get_figwidth(), 0.96, words, color=colour)
        return finished(canvas)


def intervals(
    rows: Sequence[Interval],
    xlabel: str,
    limits: tuple[float, float] | None = None,
    line: float | None = None,
) -> str:
    """A value and its 95 % interval on each line, the first line on top.

    Parameters
    ----------
    rows : sequence of Interval
        One without a value is a heading; one whose value is undefined says so in its note.
    xlabel : str
    limits : (float, float) or None
        Ends of the axis; None fits them.
    line : float or None
        Where a thin upright line is drawn, such as the figure of all films.
    """
    wrapped = [textwrap.wrap(row.label, LABEL_LETTERS) or [""] for row in rows]
    tops = np.cumsum([0, *(len(lines) for lines in wrapped)])
    with style():
        canvas = Canvas(figsize=(9.2, LINE * (tops[-1] + 3)))
        height = 1 - 3 * LINE / canvas.get_figheight()
        axes = canvas.add_axes((0.28, 1 - height, 0.28, height))
        for top, lines, row in zip(tops, wrapped, rows, strict=False):
            _draw_interval(axes, top + (len(lines) - 1) / 2, "\n".join(lines), row)
        if line is not None:
            axes.axvline(line, color=GREY, linewidth=0.7, linestyle=":")
        axes.set(
            ylim=(tops[-1] - 0.4, -0.6), xlabel=xlabel, yticks=[], **({"xlim": limits} if limits else {})
        )
        axes.spines["left"].set_visible(False)
        return finished(canvas)


@contextmanager
def style() -> Iterator[None]:
    """Within it figures are drawn the way all charts are."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the reader's own matplotlibrc says
        mpl.rcParams.update(STYLE)
        yield


def finished(canvas: Canvas) -> str:
    """The figure as the text of an SVG document, without date or version; call it within `style`."""
    text = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    canvas.savefig(text, format="svg", metadata=metadata)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def inline(svg: str, name: str, description: str) -> str:
    """The document as an element that can stand in a page with others: its ids begin with `name`.

    Parameters
    ----------
    svg : str
        What a function of this module returned.
    name : str
        Letters, digits and hyphens; no other chart of the page has it.
    description : str
        What is shown, for those who cannot see it.
    """
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
    # HTML looks at no DOCTYPE inside; the size is the page's business, the proportions the chart's.
    root.set("width", f"{float(root.attrib['width'].removesuffix('pt')) * 4 / 3:.0f}")
    del root.attrib["height"]
    root.set("role", "img")
    root.set("aria-label", description)
    return ElementTree.tostring(root, encoding="unicode")


def _panels(count: int) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(PANEL * max(count, 1), PANEL * 1.2), layout="constrained")
    return canvas, [canvas.add_subplot(1, count, place + 1) for place in range(count)]


def _numbers(values: Sequence[float | None], length: int | None = None) -> NDArray[np.float64]:
    """As an array; None becomes NaN, and so does a whole list that is missing."""
    if length is not None and len(values) != length:
        return np.full(length, np.nan)
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _unit_square(axes: Axes, title: str, xlabel: str, ylabel: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=xlabel, ylabel=ylabel, aspect="equal")
    axes.set_title(title)


def _mark(axes: Axes, x: float, y: float, words: str, colour: str, below: float = 9) -> None:
    axes.plot([x], [y], marker="o", markersize=5, markerfacecolor="white", color=colour, clip_on=False)
    axes.annotate(
        words, (x, y), xytext=(9, -below), textcoords="offset points", color=colour, va="top", clip_on=False
    )


def _name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], apart: float = 0.06) -> None:
    """Write each curve's name to the right of its end; names that would overlap move down."""
    above = np.inf
    for height, name, colour in sorted(ends, reverse=True):
        above = min(height, above - apart)
        axes.text(1.02, above, name, transform=axes.get_yaxis_transform(), color=colour, va="center")


def _draw_interval(axes: Axes, place: float, label: str, row: Interval) -> None:
    heading = row.value is None and not row.note
    beside = axes.get_yaxis_transform()
    words: dict[str, Any] = {"va": "center", "color": INK, "transform": beside}
    axes.text(-0.98, place, label, fontweight="bold" if heading else "normal", **words)
    axes.text(1.05, place, row.note, **words)
    if row.value is None:
        return
    colour = COLOURS[row.colour % len(COLOURS)]
    ends = [row.value if end is None else end for end in (row.low, row.high)]
    axes.plot(ends, [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([row.value], [place], marker="o", markersize=4.5, color=colour)
