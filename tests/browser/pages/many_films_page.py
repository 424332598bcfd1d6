"""The viewer, and a button that brings the next of many large films, each with every layer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))

import bench_scene

from mammoview.domain import Laterality, Mammogram, View
from mammoview.ui.viewer import viewer

CASES = 20


def film(number: int) -> Mammogram:
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[: bench_scene.ROWS, : bench_scene.COLUMNS]
    breast = np.hypot(rows - bench_scene.ROWS / 2, columns) < 2200
    pixels = np.where(breast, 20_000, 2_500) + rng.integers(0, 900, breast.shape)
    return Mammogram(
        pixels.astype(np.uint16), f"case-{number}", Laterality.LEFT, View.CC, (0.05, 0.05), synthetic=True
    )


def main() -> None:
    st.set_page_config(page_title="cases", layout="wide")
    if st.button("Next case") or "film" not in st.session_state:
        number = (st.session_state.get("number", -1) + 1) % CASES
        st.session_state.number, st.session_state.film = number, film(number)
        st.session_state.found = bench_scene.assessment(st.session_state.film)
    viewer(st.session_state.film, st.session_state.found, key="viewer", magnification_errors=None)


if __name__ == "__main__":
    main()
