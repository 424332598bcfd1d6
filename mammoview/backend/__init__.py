"""The GPU module: dense scans, heat, saliency, and `assess`, which puts them in the paper's order."""

from mammoview.backend.engine import assess

__all__ = ["assess"]
