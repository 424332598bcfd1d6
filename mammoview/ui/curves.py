"""The suspicions of one film as a histogram, beside the measured curves of the network that gave them.

Plotly draws them (decision 0051). Nothing is read, computed or sent before a reader opens the panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammoview import WEIGHTS
from mammoview.curves import Curves, Rate, read_curves
from mammoview.domain import Assessment, Magnification, ModelCard, TissueGrid
from mammoview.ui.panels import classifier_at, plain, table, told

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["OPENED", "Histogram", "histogram", "panel", "reliability_chart", "roc_chart", "why_no_curves"]

OPENED: Final = "curves are open"
"""Under this key the reader's session holds whether the panel is open."""

BIN_WIDTH: Final = 0.05
EVALUATE: Final = "python -m mammoview evaluate DATASET --choose"

# Okabe and Ito's palette, as in the viewer and in reports; told apart with any colour vision.
CURVE: Final = "#56b4e9"
POINT: Final = "#e69f00"
FAINT: Final = "#8a929e"


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How many cells of a tissue grid have which suspicion.

    Attributes
    ----------
    edges : ndarray of shape (K + 1,), float32
        Rising from 0 to 1; the operating point is one of them, so no bar holds cells of both sides of it.
    counts : ndarray of shape (K,), int64
        Cells from one edge to below the next; the last bar holds suspicion 1 too. They add up to all cells.
    positive : ndarray of shape (K,), bool
        Whether the bar's cells are at or above the operating point.
    """

    edges: NDArray[np.float32]
    counts: NDArray[np.int64]
    positive: NDArray[np.bool_]

    def named(self) -> list[tuple[str, int]]:
        """The bars that hold cells, in words: from where to where, and how many."""
        limits = zip(self.edges[:-1], self.edges[1:], self.counts, strict=True)
        return [(f"{low:.4g} to {high:.4g}", int(count)) for low, high, count in limits if count]


def histogram(grid: TissueGrid) -> Histogram:
    """The histogram of all cells of a grid, in bars of `BIN_WIDTH` that are parted at its threshold."""
    even = np.linspace(0, 1, round(1 / BIN_WIDTH) + 1)
    edges = np.unique(np.append(even, np.clip(grid.threshold, 0, 1)).astype(np.float32))
    if grid.threshold >= 1:  # a bar of its own for what reaches it
        edges = np.append(edges, np.nextafter(np.float32(1), np.float32(2)))
    counts = np.histogram(grid.suspicion, edges)[0].astype(np.int64)
    return Histogram(edges, counts, edges[:-1] >= np.float32(grid.threshold))


def why_no_curves(card: ModelCard, measured: Mapping[str, Curves]) -> str | None:
    """One sentence where there are no curves of this very network; None where there are."""
    named = f"{card.name} {card.version}"
    if card.name not in measured:
        return f"No curves were measured for {named}: `{EVALUATE}` measures them."
    if measured[card.name].sha256 != card.sha256:
        return (
            f"The curves that were measured belong to another network than {named}, so they are not shown: "
            f"`{EVALUATE}` measures its own."
        )
    return None


@st.fragment
def panel(assessment: Assessment, weights: Path | None = None) -> None:
    """What the suspicions of this film are worth; `weights` holds the cards, None: the project's."""
    opened = st.expander(
        "Suspicions of this film, and how often the networks err", key=OPENED, on_change="rerun"
    )
    if not opened.open:
        return
    with opened, told():
        magnification = st.segmented_control(
            "Magnification of the suspicions",
            list(Magnification),
            default=assessment.settings.magnification,
            required=True,
            format_func=lambda each: f"at {each.label}",
        )
        _show(assessment, magnification, weights)


def _show(assessment: Assessment, magnification: Magnification, weights: Path | None) -> None:
    grid = assessment.grids.get((magnification, assessment.settings.stride))
    card = classifier_at(assessment.cards, magnification)
    if grid is None or card is None:
        st.info(f"The film was not assessed at {magnification.label}.")
        return
    measured = read_curves(weights or _project_weights())
    missing = why_no_curves(card, measured)
    drawn, in_numbers = st.tabs(["Drawn", "In numbers"])
    with drawn:
        charts = [(_histogram_chart(histogram(grid), grid), _cells(grid))]
        if missing is None:
            charts += _measured(card, measured[card.name], grid)
        else:
            st.info(plain(missing))
        for place, (chart, words) in zip(st.columns(len(charts), gap="medium"), charts, strict=True):
            with place:
                _chart(chart, words)
    with in_numbers:
        _numbers(grid, measured.get(card.name) if missing is None else None)


def _project_weights() -> Path:
    return WEIGHTS


def _chart(chart: go.Figure, words: str) -> None:
    st.plotly_chart(chart, config={"displayModeBar": False, "displaylogo": False}, alt=words)
    st.caption(plain(words))


def _measured(card: ModelCard, curves: Curves, grid: TissueGrid) -> list[tuple[go.Figure, str]]:
    point = "" if abs(curves.threshold - grid.threshold) < 1e-6 else f" This film: {grid.threshold:.4g}."
    found = round(sum(share * n for share, n in zip(curves.frequency, curves.counts, strict=True)))
    counted = (
        f"Measured on {curves.n} patches of {curves.patients} patients of {curves.dataset}, {found} of them "
        "with a finding."
    )
    roc = (
        f"Operating point {curves.threshold:.4g}: sensitivity {_rate(curves.sensitivity_there)} at a false "
        f"positive rate of {_rate(curves.false_positives_there)}.{point} {_figure(card, 'AUC, balanced')}"
        f"{counted} They chose the operating point too: expect somewhat less on other patients."
    )
    reliability = (
        f"On the diagonal, a suspicion is the share of patches that show a finding; bars: 95 % interval by "
        f"patient. {_figure(card, 'calibration error')}{counted} On a film far fewer "
        "patches show one, so a suspicion means less there."
    )
    return [(roc_chart(curves), roc), (reliability_chart(curves), reliability)]


def _figure(card: ModelCard, label: str) -> str:
    """The card's figure whose name has these words, as a sentence; empty where it has none."""
    for name, metric in card.metrics.items():
        if label in name and metric.get("value") is not None:
            rate = Rate(metric["value"], metric.get("low"), metric.get("high"))
            return f"{name[:1].upper()}{name[1:]}: {_rate(rate)}. "
    return ""


def _rate(rate: Rate) -> str:
    """With its 95 % interval, or saying that it was not measured."""
    if rate.low is None or rate.high is None:
        return f"{rate.value:.3f} (interval not measured)"
    return f"{rate.value:.3f} (95 % interval {rate.low:.3f} to {rate.high:.3f})"


def _cells(grid: TissueGrid) -> str:
    positive = int((grid.suspicion >= grid.threshold).sum())
    patch, stride = (side * grid.magnification.mm for side in (grid.patch, grid.stride))
    return (
        f"{grid.suspicion.size} cells of this film's tissue grid at {grid.magnification.label}: overlapping "
        f"patches of {patch:.1f} mm, one every {stride:.1f} mm; "
        f"{positive} of them reach the operating point {grid.threshold:.4g}."
    )


def _histogram_chart(bars: Histogram, grid: TissueGrid) -> go.Figure:
    import plotly.graph_objects as go

    chart = go.Figure()
    widths, middles = np.diff(bars.edges), (bars.edges[:-1] + bars.edges[1:]) / 2
    sides = (("below the operating point", ~bars.positive, FAINT), ("from it on", bars.positive, CURVE))
    for name, side, colour in sides:
        chart.add_bar(
            x=middles[side].tolist(),
            y=bars.counts[side].tolist(),
            width=widths[side].tolist(),
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="suspicion %{x:.3f}: %{y} cells<extra></extra>",
        )
    chart.add_vline(grid.threshold, line={"color": POINT, "dash": "dash"})
    highest = np.log10(max(2, int(bars.counts.max())))
    one_is_seen = [np.log10(0.5), 1.05 * highest]  # as powers of ten
    chart.update_yaxes(type="log", title="cells (logarithmic)", dtick=1, range=one_is_seen)
    chart.update_xaxes(title="suspicion", range=[0, 1])
    return _laid_out(chart, "This film")


def roc_chart(curves: Curves) -> go.Figure:
    """Sensitivity over the false positive rate, with the operating point and its intervals."""
    import plotly.graph_objects as go

    chart = go.Figure()
    chart.add_scatter(x=[0, 1], y=[0, 1], name="chance", mode="lines", line={"color": FAINT, "dash": "dot"})
    chart.add_scatter(
        x=list(curves.false_positive_rate),
        y=list(curves.sensitivity),
        name="measured",
        mode="lines",
        line={"color": CURVE},
        hovertemplate="sensitivity %{y:.3f} at a false positive rate of %{x:.3f}<extra></extra>",
    )
    chart.add_scatter(
        x=[curves.false_positives_there.value],
        y=[curves.sensitivity_there.value],
        error_x=_bars([curves.false_positives_there]),
        error_y=_bars([curves.sensitivity_there]),
        name="operating point",
        mode="markers",
        marker={"color": POINT, "size": 10, "symbol": "diamond"},
    )
    chart.update_xaxes(title="false positive rate (1 − specificity)", range=[-0.02, 1.02])
    chart.update_yaxes(title="sensitivity", range=[-0.02, 1.02])
    return _laid_out(chart, "ROC curve")


def reliability_chart(curves: Curves) -> go.Figure:
    """The share of patches with a finding over their suspicion, with the operating point."""
    import plotly.graph_objects as go

    chart = go.Figure()
    chart.add_scatter(
        x=[0, 1], y=[0, 1], name="as it says", mode="lines", line={"color": FAINT, "dash": "dot"}
    )
    chart.add_scatter(
        x=list(curves.suspicion),
        y=list(curves.frequency),
        error_y=_bars(_frequencies(curves)),
        customdata=list(curves.counts),
        name="measured",
        mode="lines+markers",
        line={"color": CURVE},
        marker={"size": 7},
        hovertemplate="suspicion %{x:.3f}: %{y:.3f} of %{customdata} patches<extra></extra>",
    )
    chart.add_vline(curves.threshold, line={"color": POINT, "dash": "dash"})
    chart.update_xaxes(title="suspicion", range=[-0.02, 1.02])
    chart.update_yaxes(title="share of patches with a finding", range=[-0.02, 1.02])
    return _laid_out(chart, "Reliability curve")


def _frequencies(curves: Curves) -> list[Rate]:
    nothing: list[float | None] = [None] * len(curves.frequency)
    lows, highs = (list(bounds) or nothing for bounds in (curves.low, curves.high))
    return [Rate(*each) for each in zip(curves.frequency, lows, highs, strict=True)]


def _bars(rates: list[Rate]) -> dict[str, Any]:
    """Error bars from low to high; none where an interval was not measured."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if rate.high is None else max(0.0, rate.high - rate.value) for rate in rates],
        "arrayminus": [0 if rate.low is None else max(0.0, rate.value - rate.low) for rate in rates],
        "thickness": 1.2,
        "width": 3,
    }


def _laid_out(chart: go.Figure, title: str) -> go.Figure:
    """Without a plain background, so that the page's dark one shows."""
    return chart.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=340,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        legend={"orientation": "h", "y": -0.25},
        bargap=0,
        barmode="overlay",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )


def _numbers(grid: TissueGrid, curves: Curves | None) -> None:
    """What is drawn, as tables."""
    st.markdown("**This film**")
    st.caption(plain(_cells(grid)))
    table({"suspicion": limits, "cells": count} for limits, count in histogram(grid).named())
    if curves is None:
        return
    st.markdown("**Operating point**")
    there = {"sensitivity": curves.sensitivity_there, "false positive rate": curves.false_positives_there}
    table({f"at {curves.threshold:.4g}": name, "share": _rate(rate)} for name, rate in there.items())
    st.markdown("**ROC curve**")
    points = zip(curves.false_positive_rate, curves.sensitivity, strict=True)
    table({"false positive rate": f"{x:.3f}", "sensitivity": f"{y:.3f}"} for x, y in points)
    st.markdown("**Reliability curve**")
    bins = zip(curves.suspicion, _frequencies(curves), curves.counts, strict=True)
    table(
        {"mean suspicion": f"{x:.3f}", "share with a finding": _rate(rate), "patches": n}
        for x, rate, n in bins
    )
