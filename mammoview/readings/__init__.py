"""Readings: what a reader made of a film before the networks' findings were revealed, and after."""

from mammoview.readings.record import (
    MOST_NOTE,
    BiRads,
    FilmRead,
    Impression,
    Reading,
    Recorded,
    Shown,
    Stage,
    new_key,
    reader_of,
)
from mammoview.readings.store import FILE, ReadingStore
from mammoview.readings.tables import as_csv, as_json

__all__ = [
    "FILE",
    "MOST_NOTE",
    "BiRads",
    "FilmRead",
    "Impression",
    "Reading",
    "ReadingStore",
    "Recorded",
    "Shown",
    "Stage",
    "as_csv",
    "as_json",
    "new_key",
    "reader_of",
]
