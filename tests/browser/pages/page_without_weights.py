"""The page on a machine whose weights have not arrived."""

from pathlib import Path

from mammoview.models import cards
from mammoview.ui.page import main

cards.WEIGHTS = Path(__file__).parent  # type: ignore[misc]
main()
