"""Assessments that are kept, so that a film that was assessed once opens at once the next time.

A result is found by what it was made from: the film's own pixels and facts, the networks' cards and the
settings. A file holds the assessment as words and arrays, no pickle, and only the nouns of `domain` can
come out of it; one that is damaged counts as none.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammoview import domain
from mammoview.aside import written_aside
from mammoview.domain import Assessment, Mammogram, Settings
from mammoview.geometry import Frame

__all__ = ["MOST_BYTES", "Results", "key_of"]

MOST_BYTES: Final = 2 * 2**30
"""Of results in one folder; the ones that were not looked at for longest go first."""

_FORM: Final = "1"
_CODE: Final = ("backend", "models", "domain.py", "familiarity.py", "geometry.py", "prepare.py")
_SUFFIX: Final = ".assessment"
_SPARSE: Final = 0.5  # an array with fewer elements other than 0 is kept as those
_NOUNS: Final[dict[str, type[Any]]] = {
    noun.__name__: noun
    for noun in (*(getattr(domain, name) for name in domain.__all__), domain.Weighting, Frame)
    if isinstance(noun, type) and (is_dataclass(noun) or issubclass(noun, Enum))
}


@cache
def code() -> str:
    """A digest of the code that a result comes from, beside the networks: another one finds other results."""
    root, digest = Path(domain.__file__).parent, hashlib.sha256()
    for name in _CODE:
        place = root / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def key_of(mammogram: Mammogram, cards: Sequence[Path], settings: Settings) -> str:
    """The name of a film's result: 64 hexadecimal digits.

    Parameters
    ----------
    mammogram : Mammogram
        All of it but the outlines, which no network sees.
    cards : sequence of Path
        Of the networks; a card holds its tensors' digest. What runs them is not in the name: engines agree.
    settings : Settings
    """
    facts = {
        f.name: _words(getattr(mammogram, f.name), [])
        for f in fields(mammogram)
        if f.name not in ("pixels", "outlines")
    }
    digest = hashlib.sha256(json.dumps([_FORM, code(), facts, _words(settings, [])], sort_keys=True).encode())
    for card in sorted(cards):
        digest.update(card.name.encode() + b"\0" + card.read_bytes() + b"\0")
    digest.update(repr(mammogram.pixels.shape).encode())
    digest.update(np.ascontiguousarray(mammogram.pixels).data)
    return digest.hexdigest()


class Results:
    """Assessments in a folder that only this user may read, up to `most_bytes` of them."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str) -> Assessment | None:
        """The result of this name; None where there is none, or none that can be read."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            found = _unpacked(content)
        except Exception:  # whatever a file can hold: it is no result
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):  # another process may have made room, or may own the folder
            os.utime(path)
        return found

    def put(self, key: str, assessment: Assessment) -> None:
        """Keep a result; it is written aside and moved into place, and the oldest make room for it.

        Raises
        ------
        OSError
            The folder cannot be written to; what is there stays.
        """
        content = _packed(assessment)
        if len(content) > self._most_bytes:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room(len(content))
        with written_aside(self._path(key)) as draft:
            draft.touch(mode=0o600)
            draft.write_bytes(content)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _make_room(self, needed: int) -> None:
        kept = []
        for path in self._folder.glob(f"*{_SUFFIX}*"):  # drafts that a killed process left, too
            with suppress(OSError):
                facts = path.stat()
                kept.append((facts.st_mtime, facts.st_size, path))
        taken = sum(size for _, size, _ in kept) + needed
        for _, size, oldest in sorted(kept):
            if taken <= self._most_bytes:
                return
            taken -= size
            with suppress(OSError):
                oldest.unlink()


def _packed(assessment: Assessment) -> bytes:
    arrays: list[NDArray[Any]] = []
    words = json.dumps(_words(assessment, arrays)).encode()
    parts: dict[str, NDArray[Any]] = {"words": np.frombuffer(words, np.uint8)}
    for number, array in enumerate(arrays):
        filled = array != 0
        if array.size and filled.mean() < _SPARSE:
            parts[f"shape{number}"] = np.array(array.shape)
            parts[f"where{number}"] = np.packbits(filled)
            parts[f"what{number}"] = array[filled]
        else:
            parts[f"array{number}"] = array
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **parts)
    return file.getvalue()


def _unpacked(content: bytes) -> Assessment:
    with np.load(io.BytesIO(content), allow_pickle=False) as parts:
        words = json.loads(parts["words"].tobytes())
        found = _noun(words, lambda number: _array(parts, number))
    if not isinstance(found, Assessment):
        raise ValueError("this is no assessment")
    _check(found)
    return found


def _check(found: Assessment) -> None:
    """That the parts are what their names say.

    Raises
    ------
    ValueError, AttributeError, TypeError
    """
    layers = [found.heatmap.heat, found.baseline.heat, *(grid.suspicion for grid in found.grids.values())]
    maps = [values for one in found.saliency.values() for values in one.maps.values()]
    for layer in (*layers, *maps):
        if layer.ndim != 2 or layer.dtype != np.float32:
            raise ValueError("a layer is no image of numbers")
    if not isinstance(found.scan, domain.ScanFacts) or not isinstance(found.settings, Settings):
        raise ValueError("what was assessed is not told")
    if not 0 <= float(found.score) <= 1 or not all(isinstance(one, domain.Finding) for one in found.findings):
        raise ValueError("the findings are none")


def _array(parts: Mapping[str, NDArray[Any]], number: int) -> NDArray[Any]:
    dense = f"array{number}" in parts
    values = parts[f"array{number}" if dense else f"what{number}"]
    if not np.isfinite(values).all():
        raise ValueError("an array holds what is no number")
    if dense:
        return values
    shape = tuple(int(n) for n in parts[f"shape{number}"])
    where = parts[f"where{number}"]
    if math.prod(shape) > 8 * where.size:
        raise ValueError("an array claims more elements than are told of")
    whole = np.zeros(shape, values.dtype)
    filled = np.unpackbits(where, count=whole.size).view(bool)
    whole.reshape(-1)[filled] = values
    return whole


def _words(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """A value as JSON has it; nouns, mappings, tuples and arrays (put into `arrays`) say what they are."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Enum):
        return {"noun": type(value).__name__, "value": value.value}
    if is_dataclass(value):
        held = {f.name: _words(getattr(value, f.name), arrays) for f in fields(value)}
        return {"noun": type(value).__name__, "fields": held}
    if isinstance(value, Mapping):
        return {"mapping": [[_words(k, arrays), _words(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_words(each, arrays) for each in value]}
    if isinstance(value, np.generic):
        return value.item()
    return value


def _noun(words: Any, array: Any) -> Any:
    """The value that `_words` gave these for."""
    if not isinstance(words, dict):
        return words
    if "array" in words:
        return array(words["array"])
    if "mapping" in words:
        return {_noun(k, array): _noun(v, array) for k, v in words["mapping"]}
    if "tuple" in words:
        return tuple(_noun(each, array) for each in words["tuple"])
    if "list" in words:
        return [_noun(each, array) for each in words["list"]]
    noun = _NOUNS[words["noun"]]
    if "value" in words:
        return noun(words["value"])
    return noun(**{name: _noun(held, array) for name, held in words["fields"].items()})
