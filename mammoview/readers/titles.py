"""What a film's name tells: side and view, where nothing better says them."""

from __future__ import annotations

import re

from mammoview.domain import Laterality, View

__all__ = ["apart_from_side_and_view", "side_and_view"]

_SIDES = {"LEFT": Laterality.LEFT, "L": Laterality.LEFT, "RIGHT": Laterality.RIGHT, "R": Laterality.RIGHT}
_VIEWS = "|".join(sorted((view.value for view in View), key=len, reverse=True))
_TITLE = re.compile(rf"(?:^|[^A-Z0-9])(LEFT|RIGHT|L|R)[^A-Z0-9]*({_VIEWS})(?![A-Z0-9])")


def side_and_view(name: str) -> tuple[Laterality | None, View | None]:
    """Laterality and view from names such as `00001_LEFT_CC.jpg`, `case.RIGHT-MLO.png` or `LCC.tif`.

    Both or neither: a lone letter or word is no evidence. (None, None) too where a name holds several
    that differ.
    """
    found = set(_TITLE.findall(name.upper()))
    told = {(_SIDES[side], View(view)) for side, view in found}
    return told.pop() if len(told) == 1 else (None, None)


def apart_from_side_and_view(name: str) -> str | None:
    """What is left of such a name, in upper case: films of one case share it. None where neither is told."""
    if side_and_view(name) == (None, None):
        return None
    return re.sub(r"[^A-Z0-9]+", "_", _TITLE.sub("_", name.upper())).strip("_")
