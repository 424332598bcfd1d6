"""The nouns of a reading: the film, the impression, what was shown, and whose it is."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np

from mammoview.domain import Assessment, Laterality, Mammogram, View
from mammoview.errors import BadSetting

__all__ = [
    "MOST_NOTE",
    "BiRads",
    "FilmRead",
    "Impression",
    "Reading",
    "Recorded",
    "Shown",
    "Stage",
    "new_key",
    "reader_of",
]

MOST_NOTE = 4000
"""Characters that a note may have."""

_KEY_DIGITS = 32  # hexadecimal: 128 bits, too many to guess


class BiRads(IntEnum):
    """ACR BI-RADS assessment category of a mammogram; 6, proven malignancy, is no impression of a film."""

    INCOMPLETE = 0
    NEGATIVE = 1
    BENIGN = 2
    PROBABLY_BENIGN = 3
    SUSPICIOUS = 4
    HIGHLY_SUGGESTIVE = 5

    @property
    def words(self) -> str:
        return {
            0: "Incomplete: needs additional imaging",
            1: "Negative",
            2: "Benign",
            3: "Probably benign",
            4: "Suspicious",
            5: "Highly suggestive of malignancy",
        }[self.value]


class Stage(StrEnum):
    """When an impression was recorded."""

    FIRST = "first"
    """Before the networks' findings for the film were revealed."""
    SECOND = "second"
    """After."""


@dataclass(frozen=True, slots=True)
class FilmRead:
    """The film that was read, told by its pixels: neither path nor name, which may be a patient's.

    Attributes
    ----------
    sha256 : str
        Of "ROWS COLUMNS\\n" and the decoded pixels, row by row, as little-endian uint16: whoever has
        the film can find its readings, whoever has only the readings cannot tell whose film it is.
    rows, columns : int
    laterality, view : Laterality, View or None
    spacing_mm : (float, float) or None
        Millimetres per scan pixel down and across.
    """

    sha256: str
    rows: int
    columns: int
    laterality: Laterality | None = None
    view: View | None = None
    spacing_mm: tuple[float, float] | None = None

    @classmethod
    def of(cls, mammogram: Mammogram) -> FilmRead:
        rows, columns = mammogram.pixels.shape
        digest = hashlib.sha256(f"{rows} {columns}\n".encode())
        digest.update(np.ascontiguousarray(mammogram.pixels, "<u2").data)
        spacing = mammogram.spacing_mm
        return cls(
            digest.hexdigest(),
            rows,
            columns,
            mammogram.laterality,
            mammogram.view,
            None if spacing is None else (float(spacing[0]), float(spacing[1])),
        )

    def holds(self, pixel: tuple[int, int]) -> bool:
        """Whether there is such a pixel (row, column)."""
        return 0 <= pixel[0] < self.rows and 0 <= pixel[1] < self.columns


@dataclass(frozen=True, slots=True)
class Impression:
    """What a reader made of a film.

    Attributes
    ----------
    category : BiRads
    mark : (int, int) or None
        The scan pixel (row, column) that she pointed at.
    note : str
        At most `MOST_NOTE` characters.

    Raises
    ------
    BadSetting
        If the note is too long, or holds what is no text.
    """

    category: BiRads
    mark: tuple[int, int] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.note) > MOST_NOTE:
            raise BadSetting(
                f"The note has {len(self.note)} characters and {MOST_NOTE} are kept: shorten it."
            )
        if any("\ud800" <= sign <= "\udfff" for sign in self.note):
            raise BadSetting("The note holds signs that are no text: type it again.")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which networks spoke of the film, and how they were asked; both empty where none had.

    Attributes
    ----------
    networks : tuple of mapping
        "name", "version" and "sha256" of each.
    settings : mapping
        Those of the assessment, in JSON's types.
    """

    networks: tuple[Mapping[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def by(cls, assessment: Assessment | None) -> Shown:
        if assessment is None:
            return cls()
        cards = tuple(
            {"name": card.name, "version": card.version, "sha256": card.sha256} for card in assessment.cards
        )
        settings = assessment.settings
        return cls(cards, {**asdict(settings), "magnification": settings.magnification.value})


@dataclass(frozen=True, slots=True)
class Recorded:
    """An impression as it is kept; times are UTC.

    Attributes
    ----------
    film : FilmRead
    stage : Stage
    impression : Impression
    opened, recorded : datetime
        When the film came before the reader in this session, and when she recorded.
    known_before : bool
        Whether the networks' findings for this film had been on her page before the first impression.
    shown : Shown
        What lay before her when she recorded; nothing at the first impression.
    revealed : datetime or None
        When the networks' findings for this film were revealed to her; None until then.
    revealed_shown : Shown
        What the reveal showed.
    """

    film: FilmRead
    stage: Stage
    impression: Impression
    opened: datetime
    recorded: datetime
    known_before: bool
    shown: Shown
    revealed: datetime | None = None
    revealed_shown: Shown = Shown()


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one reader recorded of one film.

    Attributes
    ----------
    first : Recorded or None
        Never changed once it is there.
    revealed : datetime or None
        UTC.
    later : tuple of Recorded
        Impressions after the reveal, in order.
    """

    first: Recorded | None = None
    revealed: datetime | None = None
    later: tuple[Recorded, ...] = ()


def new_key() -> str:
    """A reading key: who has it is the reader. 32 hexadecimal digits in groups of 4."""
    return _grouped(secrets.token_hex(_KEY_DIGITS // 2))


def reader_of(key: str) -> str:
    """The name under which readings are kept: the key cannot be found from it.

    Raises
    ------
    BadSetting
        If this is no reading key.
    """
    digits = re.sub(r"[\s-]", "", key).lower()
    if not re.fullmatch(rf"[0-9a-f]{{{_KEY_DIGITS}}}", digits):
        raise BadSetting(f"This is no reading key: enter the {_KEY_DIGITS} digits that the page showed you.")
    return hashlib.sha256(f"mammoview reader {digits}".encode()).hexdigest()[:16]


def _grouped(digits: str) -> str:
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))
