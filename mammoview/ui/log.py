"""The page's log on standard error: what happened and when, never which film or patient it was."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from pathlib import Path
from typing import TextIO

__all__ = ["keep", "place_of"]


@cache
def keep() -> None:
    """Write Mammoview's own lines, and of other libraries only where they spoke: they name files."""
    _write(logging.getLogger("mammoview"), "%(asctime)s %(message)s")
    _write(logging.getLogger(), "%(asctime)s %(levelname)s in %(name)s line %(lineno)d")
    logging.getLogger("mammoview").setLevel(logging.INFO)
    warnings.showwarning = _show_warning


def place_of(error: BaseException) -> str:
    """Where in the code an error arose; its words may name a film."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"


def _write(logger: logging.Logger, pattern: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_WithoutTraces(pattern))
    logger.handlers = [handler]
    logger.propagate = False


class _WithoutTraces(logging.Formatter):
    """A trace ends with the words of its error."""

    def format(self, record: logging.LogRecord) -> str:
        record.message, record.asctime = record.getMessage(), self.formatTime(record)
        return self.formatMessage(record)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logging.getLogger(__name__).info("%s in %s line %d", category.__name__, Path(filename).name, lineno)
