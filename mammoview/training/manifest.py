"""Which patients a network was trained on and which were kept from it, in a file beside its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mammoview.aside import written_aside
from mammoview.evaluation.split import RULE, manifest_file
from mammoview.evaluation.store import Prepared

__all__ = ["Manifest", "manifest_of"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The split of a dataset by patients.

    Attributes
    ----------
    dataset, rule : str
    seed : int
        Of the training; the split does not depend on it.
    training, validation : tuple of str
        Pseudonyms as the dataset has them, sorted; none is in both.
    """

    dataset: str
    rule: str
    seed: int
    training: tuple[str, ...]
    validation: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the rule and of who is on which side, in hexadecimal digits."""
        sides = json.dumps([self.rule, self.training, self.validation], ensure_ascii=False)
        return hashlib.sha256(sides.encode()).hexdigest()

    @property
    def file(self) -> str:
        """Name of the file."""
        return manifest_file(self.dataset)

    def write(self, folder: Path) -> None:
        """Write it aside and move it into place."""
        content = asdict(self) | {"digest": self.digest}
        with written_aside(folder / self.file) as draft:
            draft.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def manifest_of(dataset: str, films: Sequence[Prepared], seed: int) -> Manifest:
    """The manifest of prepared films of a dataset of this name."""
    sides = [
        tuple(sorted({film.patient for film in films if film.validation is validation}))
        for validation in (False, True)
    ]
    return Manifest(dataset, RULE, seed, sides[0], sides[1])
