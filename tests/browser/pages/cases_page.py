"""The page, on which a film is assessed in no time."""

from __future__ import annotations

from dataclasses import replace

from mammoview.domain import Assessment, Magnification, Mammogram, Progress
from mammoview.ui import session
from mammoview.ui.page import main
from tests import handmade

CARD = replace(handmade.card("tissue-0.5"), inputs={"mm_per_pixel": Magnification.HALF.mm})


def assess(mammogram: Mammogram, progress: Progress) -> Assessment:
    progress(0.5, "assessing")
    dark = (handmade.saliency(handmade.dark(each), magnification=each) for each in Magnification)
    return replace(handmade.assessment(*dark), cards=(CARD,))


if __name__ == "__main__":
    session._assess = assess  # type: ignore[assignment]
    main()
