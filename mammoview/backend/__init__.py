"""The GPU module: dense scans, heat, saliency, and `assess`, which puts them in the paper's order."""

from mammoview.backend.assessor import Assessor
from mammoview.backend.engine import assess
from mammoview.backend.runtime import ENGINES, choose_runtime

__all__ = ["ENGINES", "Assessor", "assess", "choose_runtime"]
