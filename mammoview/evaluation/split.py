"""Which patients are kept for validation: decided by a hash of the pseudonym, never by film."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = [
    "RULE",
    "SPLIT_IN_WORDS",
    "in_validation",
    "manifest_file",
    "validation_half",
    "validation_quarter",
]

SHARE: Final = 0.2
SALT: Final = "mammoview-1"
RULE: Final = (
    f"validation: the first 8 bytes of SHA-256 of '{SALT}:' and the pseudonym, over 2^64, are below {SHARE}"
)
"""How anyone can find the same split again."""
SPLIT_IN_WORDS: Final = (
    "by patient: one patient in five, by a hash of the pseudonym, was kept from training for validation"
)


def _fraction(patient: str, salt: str) -> float:
    digest = hashlib.sha256(f"{salt}:{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def in_validation(patient: str) -> bool:
    """Whether this patient's films are kept from training."""
    return _fraction(patient, SALT) < SHARE


def manifest_file(dataset: str) -> str:
    """Name of the file, beside the weights, that names the patients of a dataset they were trained on."""
    return f"split-{dataset}.json"


def validation_half(patient: str) -> int:
    """0 or 1: a fixed halving of patients, so that what is chosen on one half is measured on the other."""
    return int(_fraction(patient, "mammoview-half") < 0.5)


def validation_quarter(patient: str) -> int:
    """0 to 3: a fixed division into four, where what is chosen has more than a number or two."""
    return int(_fraction(patient, "mammoview-quarter") * 4)
