"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def films_folder() -> Path | None:
    """Where the real films lie, or None; they are not part of the project."""
    named = os.environ.get("MAMMOVIEW_FILMS")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def films() -> Path:
    folder = films_folder()
    if folder is None:
        pytest.skip(
            "no real films: set MAMMOVIEW_FILMS to a folder that holds ddsm/, cbis-ddsm-mass/ and mini-mias/"
        )
    return folder


@pytest.fixture(scope="session")
def phantom_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic case of four films; left: spiculated mass and cluster, right: circumscribed mass."""
    from mammoview.phantom import write_case

    return write_case(tmp_path_factory.mktemp("phantom"), seed=7)
