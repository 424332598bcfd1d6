"""Files take their place when they are whole, and folders stay when something came of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["made", "write_json", "written_aside"]


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A draft beside `path` to write to; it takes the place of `path` at the end, or goes if that fails.

    A kill leaves `path` as it was. The draft has the same name each time, `path` with .draft at its end,
    so that one which a killed process left is overwritten by the next.
    """
    draft = path.with_name(f"{path.name}.draft")
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def made(folder: Path) -> Iterator[Path]:
    """The folder and those above it; those that were made go again if the work fails and left them empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except BaseException:
        with suppress(OSError):  # something is in it
            for path in new:
                path.rmdir()
        raise


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Indented, as people read it; whole or not at all."""
    with written_aside(path) as draft:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
