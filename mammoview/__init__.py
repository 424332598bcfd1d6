from pathlib import Path
from typing import Final

__version__ = "0.1.0"

WEIGHTS: Final = Path(__file__).parents[1] / "weights"
"""Cards and tensors of the networks that come along; named here, where torch is not needed to look there."""
