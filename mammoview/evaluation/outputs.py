"""Where a command writes: a folder that is left only when something came of it, files whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["made", "write_json"]


@contextmanager
def made(out: Path) -> Iterator[None]:
    """The folder and those above it; those that were made are taken away again if nothing came of it."""
    new = [path for path in (out, *out.parents) if not path.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # something is in it
            for path in new:
                path.rmdir()
        raise


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write aside and move into place."""
    draft = path.with_suffix(".json.draft")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
