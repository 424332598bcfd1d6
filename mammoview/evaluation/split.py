"""Which patients are kept for validation: decided by a hash of the pseudonym, never by film."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["SPLIT_IN_WORDS", "in_validation", "validation_half"]

SHARE: Final = 0.2
SPLIT_IN_WORDS: Final = (
    "by patient: one patient in five, by a hash of the pseudonym, was kept from training for validation"
)


def _fraction(patient: str, salt: str) -> float:
    digest = hashlib.sha256(f"{salt}:{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def in_validation(patient: str) -> bool:
    """Whether this patient's films are kept from training."""
    return _fraction(patient, "mammoview-1") < SHARE


def validation_half(patient: str) -> int:
    """0 or 1: a fixed halving of patients, so that what is chosen on one half is measured on the other."""
    return int(_fraction(patient, "mammoview-half") < 0.5)
