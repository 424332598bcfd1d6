"""The profile along the line that the reader drew: grey values, and the layers that she shows, in Plotly."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammoview.domain import Assessment, Mammogram
from mammoview.line_profile import grey_along, heat_along, saliency_along, suspicion_along
from mammoview.ui.panels import plain, table
from mammoview.ui.viewer import Profiled

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Curve", "curves_along", "panel", "take"]

_KEPT: Final = "profile"
ROW_PX: Final = 150
SHARES: Final = "from 0 to 1"

# Okabe and Ito's palette and the layers' own colours, each with a line style of its own.
STYLES: Final = {
    "grey value": ("#e8ecef", "solid"),
    "heat": ("#ed6925", "solid"),
    "suspicion": ("#35b779", "dash"),
    "saliency": ("#ff4fd8", "solid"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Values (N,) along the line, NaN where there are none; curves of one `axis` share a unit."""

    name: str
    axis: str
    values: NDArray[np.float64]


def take(place: Hashable, profiled: Profiled | None) -> None:
    """Keep the line that was drawn on the film at this place of the reader's session; None drops it."""
    st.session_state[_KEPT] = None if profiled is None else (place, profiled)


def panel(place: Hashable, mammogram: Mammogram, assessment: Assessment | None) -> None:
    """The profile of this film, where a line was drawn on it; another film's line is dropped.

    Without an assessment, as while it is withheld, only the grey values are shown.
    """
    kept = st.session_state.get(_KEPT)
    if kept is None or kept[0] != place:
        st.session_state[_KEPT] = None
        return
    profiled: Profiled = kept[1]
    curves = curves_along(mammogram, assessment, profiled)
    distances = profiled.line.distances(mammogram.spacing_mm)
    unit = "px" if mammogram.spacing_mm is None else "mm"
    st.subheader("Profile along the line")
    drawn, in_numbers = st.tabs(["Drawn", "In numbers"])
    with drawn:
        words = f"{', '.join(curve.name for curve in curves)} along {distances[-1]:.1f} {unit}"
        config = {"displayModeBar": False, "displaylogo": False}
        st.plotly_chart(_chart(curves, distances, unit), config=config, alt=words)
    with in_numbers:
        table(_row(curve, distances, unit) for curve in curves)
    st.caption(plain(_caption(curves, profiled, distances[-1], unit)))


def curves_along(mammogram: Mammogram, assessment: Assessment | None, profiled: Profiled) -> list[Curve]:
    """The grey values, and of the layers those that were shown and were run."""
    line = profiled.line
    curves = [Curve("grey value", "grey value", grey_along(mammogram.pixels, line))]
    if assessment is None:
        return curves
    grid = assessment.grids.get((profiled.magnification, profiled.stride))
    saliency = assessment.saliency.get(profiled.magnification)
    if "heatmap" in profiled.layers:
        curves.append(Curve("heat", SHARES, heat_along(assessment.heatmap, line)))
    if "grid" in profiled.layers and grid is not None:
        curves.append(Curve("suspicion", SHARES, suspicion_along(grid, line)))
    if "saliency" in profiled.layers and saliency is not None and profiled.weighting in saliency.maps:
        curves.append(Curve("saliency", "saliency", saliency_along(saliency, profiled.weighting, line)))
    return curves


def _chart(curves: list[Curve], distances: NDArray[np.float64], unit: str) -> go.Figure:
    """One row for each unit, over the same distances."""
    from plotly.subplots import make_subplots

    axes = list(dict.fromkeys(curve.axis for curve in curves))
    chart = make_subplots(rows=len(axes), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for curve in curves:
        colour, dash = STYLES[curve.name]
        chart.add_scatter(
            x=distances.astype(np.float32),
            y=curve.values.astype(np.float32),
            name=curve.name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 1.5},
            connectgaps=False,
            hovertemplate=f"{curve.name} %{{y:.4~g}} at %{{x:.2f}} {unit}<extra></extra>",
            row=1 + axes.index(curve.axis),
            col=1,
        )
    for number, axis in enumerate(axes, 1):
        bounds = {"range": [0, 1.02]} if axis == SHARES else {}
        chart.update_yaxes(title=axis, exponentformat="e", row=number, col=1, **bounds)
    chart.update_xaxes(title=f"{unit} from where the line begins", row=len(axes), col=1)
    return chart.update_layout(
        height=90 + ROW_PX * len(axes),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        showlegend=len(curves) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )


def _row(curve: Curve, distances: NDArray[np.float64], unit: str) -> dict[str, str]:
    there = np.isfinite(curve.values)
    if not there.any():
        return {"along the line": curve.name, "mean": "none there", "least": "", "most": ""}
    values, at = curve.values[there], distances[there]
    least, most = int(values.argmin()), int(values.argmax())
    return {
        "along the line": curve.name,
        "mean": f"{values.mean():.4g}",
        "least": f"{values[least]:.4g} at {at[least]:.1f} {unit}",
        "most": f"{values[most]:.4g} at {at[most]:.1f} {unit}",
    }


def _caption(curves: list[Curve], profiled: Profiled, length: float, unit: str) -> str:
    (top, left), (bottom, right) = profiled.line.start, profiled.line.end
    said = (
        f"{length:.1f} {unit} from row {top:.0f}, column {left:.0f} to row {bottom:.0f}, column {right:.0f}. "
        "Grey values are the film's own, before the window, between the centres of pixels."
    )
    if any(curve.name in ("suspicion", "saliency") for curve in curves):
        at = profiled.magnification.label
        said += f" Suspicion and saliency are those of the square under each point, at {at}."
    return said
