"""`bench`: measure the engine on this machine, print a table, write it as JSON."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mammoview.aside import write_json
from mammoview.bench.stopwatch import Row
from mammoview.errors import BadSetting

__all__ = ["add_arguments", "run"]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `bench` takes."""
    add = command.add_argument
    add("--json", type=Path, metavar="FILE", help="write every number there too")
    add("--only", metavar="GROUP", action="append", help="measure this group only; may be given again")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: cuda where there is one")
    add("--engine", default="auto", help="what runs the networks (default: the fastest that is there)")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; status 1 if a bar is not kept.

    Raises
    ------
    BadSetting
        A group or an engine is unknown.
    """
    from mammoview.backend import Assessor
    from mammoview.bench.films import write_film
    from mammoview.bench.measures import GROUPS, Subject

    wanted = arguments.only or list(GROUPS)
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown:
        raise BadSetting(f"group {unknown[0]!r} is unknown: choose among {', '.join(GROUPS)}")
    machine = _machine()
    with tempfile.TemporaryDirectory() as folder:
        film = write_film(Path(folder))
        assessor = Assessor(device=arguments.device, engine=arguments.engine)
        machine |= {"device": str(assessor.suite.device), "engine": assessor.runtime.name}
        _say(", ".join(f"{name} {value}" for name, value in machine.items()))
        subject = Subject(film, film.read(), assessor)
        rows: dict[str, list[Row]] = {}
        for name in wanted:
            _say(f"\n{name}: {(GROUPS[name].__doc__ or '').splitlines()[0]}")
            rows[name] = []
            for row in GROUPS[name](subject):
                rows[name].append(row)
                _say(_line(row))
    if arguments.json is not None:
        write_json(_content(machine, rows), arguments.json)
    missed = [row.name for each in rows.values() for row in each if row.met is False]
    _say(f"\nBars not kept: {'; '.join(missed) or 'none'}")
    return 1 if missed else 0


def _machine() -> dict[str, Any]:
    import torch

    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    able = torch.cpu.get_capabilities()
    units = [name for name in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if able.get(name)]
    return {"processor": model, "with": "/".join(units), "cores": os.cpu_count(), "torch": torch.__version__}


def _cpuinfo() -> Sequence[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _line(row: Row) -> str:
    verdict = {None: "", True: "kept", False: "NOT KEPT"}[row.met]
    value = f"{row.value:.3g}" if row.value < 100 else f"{row.value:.0f}"
    return f"  {row.name:<86}{value:>8} {row.unit:<26}{row.bar or '':<28}{verdict:<9}{row.note}".rstrip()


def _content(machine: Mapping[str, Any], rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    return {
        "machine": dict(machine),
        "groups": {name: [asdict(row) for row in each] for name, each in rows.items()},
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
