"""The networks, and the cards that describe, verify and rebuild them."""

from mammoview.models.cards import Suite, load_suite
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier

__all__ = ["HeatmapNetwork", "Suite", "TissueClassifier", "load_suite"]
