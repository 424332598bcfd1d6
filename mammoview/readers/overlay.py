"""DDSM's `.OVERLAY`: what a radiologist drew around a lesion, as a chain of steps from pixel to pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import LesionType, Outline, Pathology
from mammoview.errors import UnreadableOutlines, UnreadableScan
from mammoview.readers.guard import head, shown

__all__ = ["Annotation", "read_annotation", "read_overlay"]

_LARGEST = 8 * 1024 * 1024  # bytes; the chain of a whole film's border has 30,000
_STEPS = np.array([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)], np.float64)
"""(row, column) of chain codes 0 N, 1 NE, 2 E, 3 SE, 4 S, 5 SW, 6 W, 7 NW; rows grow downward."""
_FEWEST_POINTS = 3
_MOST_OUTLINES = 200
"""Of one film; the most in DDSM are some tens."""
_PATHOLOGY = {member.name: member for member in Pathology}


@dataclass(frozen=True, slots=True)
class Annotation:
    """The outlines of one film in its true pixels, and what had to be put right to read them."""

    outlines: tuple[Outline, ...]
    warnings: tuple[str, ...]
    file: str

    def on_film(self, size: tuple[int, int]) -> Annotation:
        """Outlines that leave a film of this size (rows, columns) are cut at its edge.

        One whose centre lies off the film is left out: it belongs to another. Both are warned of.
        """
        kept, warnings = [], list(self.warnings)
        for outline in self.outlines:
            r0, c0, r1, c1 = outline.box()
            beyond = max(-r0, -c0, r1 - size[0] + 1, c1 - size[1] + 1)
            if not (0 <= (r0 + r1) / 2 < size[0] and 0 <= (c0 + c1) / 2 < size[1]):
                warnings.append(
                    f"{self.file}: the outline of abnormality {outline.abnormality} lies off the film "
                    f"({size[0]} × {size[1]}) and is left out"
                )
                continue
            if beyond > 0:
                warnings.append(
                    f"{self.file}: an outline leaves the film by {beyond:.0f} pixels and is cut at its edge"
                )
                outline = replace(outline, vertices=np.clip(outline.vertices, 0, np.subtract(size, 1)))
            kept.append(outline)
        return Annotation(tuple(kept), tuple(warnings), self.file)


def read_overlay(path: Path) -> tuple[Outline, ...]:
    """Outlines of a `.OVERLAY` file.

    Returns
    -------
    tuple of Outline
        (row, column) at pixel centres of the film at its true size; not cut at its edges. The
        boundary of each abnormality comes before its cores.

    Raises
    ------
    UnreadableOutlines
        If the file cannot be opened or holds no outline.
    """
    return read_annotation(path).outlines


def read_annotation(path: Path) -> Annotation:
    """As `read_overlay`, with a warning for each defect of the file that was survived."""
    try:
        text = head(path, _LARGEST + 1).decode("latin-1")
    except UnreadableScan as error:
        raise UnreadableOutlines(str(error)) from None
    name = shown(path)
    _check_extent(text, name)
    before, *blocks = re.split(r"^[ \t]*ABNORMALITY\b", text, flags=re.IGNORECASE | re.MULTILINE)
    blocks = blocks or [text]
    read = [_abnormality(block, number, name) for number, block in enumerate(blocks, 1)]
    outlines = tuple(outline for found, _ in read for outline in found)
    warnings = (*_missing(before, len(blocks), name), *(warning for _, warned in read for warning in warned))
    if not outlines:
        raise UnreadableOutlines(
            f"{name}: there is no outline in it; choose the .OVERLAY that came with the film"
        )
    return Annotation(outlines, warnings, name)


def _check_extent(text: str, name: str) -> None:
    """Refuse more text, abnormalities or outlines than any film has, before they are parsed."""
    if len(text) > _LARGEST:
        raise UnreadableOutlines(
            f"{name}: the file is larger than the outlines of any film; get it again from where it came"
        )
    starts = re.finditer(r"^[ \t]*(?:ABNORMALITY|(BOUNDARY|CORE))\b", text, re.IGNORECASE | re.MULTILINE)
    drawn = [start[1] is not None for start in starts]
    most = max(sum(drawn), len(drawn) - sum(drawn))
    if most > _MOST_OUTLINES:
        raise UnreadableOutlines(
            f"{name}: it has {most} abnormalities or outlines, more than the {_MOST_OUTLINES} that a film "
            "may have; check that it is the .OVERLAY that came with the film"
        )


def _missing(before: str, found: int, name: str) -> tuple[str, ...]:
    """A warning where the file's first lines promise more abnormalities than follow."""
    promised = _word(before, "TOTAL_ABNORMALITIES")
    if not promised.isdecimal() or int(promised) <= found:
        return ()
    return (f"{name}: it promises {promised} abnormalities and has {found}",)


def _abnormality(block: str, number: int, name: str) -> tuple[list[Outline], list[str]]:
    """Outlines of one abnormality, and warnings."""
    types = _lesion_types(block)
    pattern = Outline(
        np.empty((0, 2)),
        lesion_type=types[0][0] if types else None,
        description=_description(types),
        birads=_rating(block, "ASSESSMENT", 0),
        subtlety=_rating(block, "SUBTLETY", 1),
        pathology=_PATHOLOGY.get(_word(block, "PATHOLOGY")),
        abnormality=number,
    )
    outlines, warnings = [], []
    for core, chain, ended in _chains(block):
        vertices = _vertices(chain)
        if not ended:
            warnings.append(
                f"{name}: an outline of abnormality {number} lacks its closing # and may be cut short"
            )
        if vertices is None:
            warnings.append(f"{name}: an outline of abnormality {number} is damaged and is left out")
        else:
            outlines.append(replace(pattern, vertices=vertices, core=core))
    promised = _word(block, "TOTAL_OUTLINES")
    if promised.isdecimal() and int(promised) != len(outlines):
        warnings.append(f"{name}: abnormality {number} promises {promised} outlines and has {len(outlines)}")
    return outlines, warnings


def _word(block: str, key: str) -> str:
    found = re.search(rf"^[ \t]*{key}[ \t]+(\S+)", block, re.IGNORECASE | re.MULTILINE)
    return found[1].upper()[:40] if found else ""


def _rating(block: str, key: str, least: int) -> int | None:
    word = _word(block, key)
    return int(word) if len(word) == 1 and word.isdecimal() and least <= int(word) <= 5 else None


def _lesion_types(block: str) -> list[tuple[LesionType, str]]:
    """The type and the words of each LESION_TYPE line."""
    lines = re.findall(r"^[ \t]*LESION_TYPE[ \t]+(\w+)([^\r\n]*)", block, re.IGNORECASE | re.MULTILINE)
    known = {member.name: member for member in LesionType}
    return [(known.get(kind.upper(), LesionType.OTHER), _described(words)) for kind, words in lines]


def _described(words: str) -> str:
    """`SHAPE OVAL MARGINS ILL_DEFINED` as "oval, ill defined"."""
    values = re.split(r"\b(?:SHAPE|MARGINS?|TYPE|DISTRIBUTION)\b", words[:200], flags=re.IGNORECASE)
    said = (" ".join(value.split()).replace("_", " ").lower() for value in values)
    return ", ".join(value for value in said if value not in ("", "n/a"))


def _description(types: list[tuple[LesionType, str]]) -> str:
    first, *others = types or [(LesionType.OTHER, "")]
    return "; ".join([first[1], *(f"{kind.value} {words}".strip() for kind, words in others)])


def _chains(block: str) -> Iterator[tuple[bool, list[str], bool]]:
    """Whether it is a core, the numbers as words, and whether its end is marked, of each outline."""
    parts = re.split(r"^[ \t]*(BOUNDARY|CORE)\b", block, flags=re.IGNORECASE | re.MULTILINE)
    for kind, rest in zip(parts[1::2], parts[2::2], strict=True):
        chain = re.match(r"[\s\d.+-]*", rest)
        end = chain.end() if chain else 0
        yield kind.upper() == "CORE", rest[:end].split(), rest[end : end + 1] == "#"


def _vertices(chain: list[str]) -> NDArray[np.float64] | None:
    """Corners (N, 2) of a chain `column row code code …`; None where it is no outline."""
    if len(chain) < 2 + _FEWEST_POINTS or not all(word.isdecimal() and len(word) < 7 for word in chain):
        return None
    numbers = np.array(chain, np.int64)
    if numbers[2:].max() > 7:
        return None
    points = np.cumsum(np.vstack([numbers[1::-1], _STEPS[numbers[2:]]]), axis=0)
    return _corners(points)


def _corners(points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Points of a chain where its direction changes: the same line with fewer vertices."""
    closed = points[:-1] if len(points) > 1 and (points[0] == points[-1]).all() else points
    before, after = closed - np.roll(closed, 1, axis=0), np.roll(closed, -1, axis=0) - closed
    corners = closed[(before != after).any(axis=1)]
    return corners if len(corners) >= _FEWEST_POINTS else None
