"""`python -m mammoview stamp`: bind networks that an earlier version wrote to their cards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mammoview.errors import WeightsMissing
from mammoview.models.cards import stamp_network

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `stamp` takes."""
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="DIR", help="folder of cards and tensors"
    )


def run(arguments: argparse.Namespace) -> int:
    """Stamp every network of the folder that is not stamped yet, and say which.

    Raises
    ------
    WeightsMissing, WeightsMismatch
        There is none, or one does not fit its card; those before it by name are stamped.
    """
    names = sorted(path.stem for path in arguments.weights.glob("*.safetensors"))
    if not names:
        raise WeightsMissing(f"{arguments.weights} holds no tensor file: name a folder of networks")
    for name in names:
        done = "is bound to its card now" if stamp_network(name, arguments.weights) else "was bound already"
        sys.stdout.write(f"{name} {done}\n")
    return 0
