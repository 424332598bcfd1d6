"""A page with the panels below the viewer alone: an assessment laid out by hand, and curves made up."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import streamlit as st

from mammoview.domain import Magnification
from mammoview.ui import curves, takeaway
from tests import handmade
from tests.handmade import PLAIN, dark, finding, square

LESION = square(200, 120, 40, PLAIN)
VALUES = dark()
VALUES[108:112, 68:72] = 2
CARD = replace(handmade.card("tissue-0.5"), inputs={"mm_per_pixel": Magnification.HALF.mm})


@st.cache_resource
def assessed():
    found = handmade.assessment(handmade.saliency(VALUES), findings=[finding(LESION)])
    return handmade.mammogram([LESION]), replace(found, cards=(CARD,))


if __name__ == "__main__":
    st.set_page_config(layout="wide")
    takeaway.panel(*assessed())
    curves.panel(assessed()[1], Path(os.environ["WEIGHTS"]))
