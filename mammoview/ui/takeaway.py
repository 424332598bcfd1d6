"""What a reader takes away of an assessed film: files that are made when she asks, and kept nowhere.

They reach her browser over her own connection, as the film does: Streamlit's own download button would
put them at an address that answers to anybody (decisions 0026 and 0051).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final
from uuid import uuid4

import streamlit as st

from mammoview.domain import Assessment, Mammogram
from mammoview.ui.panels import told

__all__ = ["FILES", "made", "packed", "panel"]

FILES: Final = {
    "overlay.png": ("image/png", "The film with everything drawn over it, every pixel of it"),
    "report.html": ("text/html", "One page to print: pictures, findings, agreement, networks, warnings"),
    "assessment.json": ("application/json", "Every number, in scan pixels"),
    "layers.npz": ("application/octet-stream", "Every layer as an array, and where it lies on the scan"),
}
"""Name to type and what it is; no name says whose film it is."""

_saver = st.components.v2.component(
    "mammoview.saver",
    html="<a href='#'></a>",
    css="a { color: var(--st-link-color); font: 0.9rem var(--st-font); }",
    js=(Path(__file__).parent / "saver.js").read_text(encoding="utf-8"),
)


@st.fragment
def panel(mammogram: Mammogram, assessment: Assessment) -> None:
    """A button for each file; nothing is made before it is pressed."""
    st.subheader("Take it away")
    columns = st.columns(len(FILES))
    for column, (name, (_, purpose)) in zip(columns, FILES.items(), strict=True):
        with column:
            asked = st.button(name, key=f"take {name}", width="stretch", help=purpose)
        if asked:
            _hand_over(name, mammogram, assessment)
    st.caption("These files show the film, or say what was found on it: keep them as you keep the film.")


def made(name: str, mammogram: Mammogram, assessment: Assessment) -> bytes:
    """One of `FILES`, as the command line writes it; the overlay at the film's full resolution."""
    from mammoview.export import assessment_json, film_report, layers_npz, overlay_png

    makers = {
        "overlay.png": lambda: overlay_png.content(assessment, mammogram),
        "report.html": lambda: film_report.content(assessment, mammogram),
        "assessment.json": lambda: assessment_json.content(assessment, mammogram),
        "layers.npz": lambda: layers_npz.content(assessment),
    }
    return makers[name]()


def packed(name: str, content: bytes) -> bytes:
    """A file as `saver.js` unpacks it: a line of JSON, and the bytes; each one is saved once."""
    header = {"name": name, "type": FILES[name][0], "which": uuid4().hex}
    return json.dumps(header).encode() + b"\n" + content


def _hand_over(name: str, mammogram: Mammogram, assessment: Assessment) -> None:
    with told():
        with st.spinner(f"Making {name} …"):
            content = made(name, mammogram, assessment)
        _saver(key="takeaway", data=packed(name, content))
