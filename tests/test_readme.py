"""What the README says is what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mammoview import WEIGHTS
from mammoview.domain import Magnification
from mammoview.models.cards import heatmap_name, read_card, tissue_name

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def figures() -> dict[str, dict[str, float]]:
    """Every figure on the cards, by "network: figure"."""
    names = [*(tissue_name(m) for m in Magnification), heatmap_name(False), heatmap_name(True)]
    return {f"{n}: {k}": v for n in names for k, v in read_card(n, WEIGHTS).metrics.items()}


def test_the_figures_of_the_readme_are_those_of_the_cards():
    rows = re.findall(
        r"^\| `([^`]+)` \| ([^|]+?) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|", README, re.MULTILINE
    )
    assert len(rows) >= 8
    known = figures()
    for network, name, *numbers in rows:
        figure = known[f"{network}: {name}"]
        for text, key in zip(numbers, ("value", "low", "high"), strict=True):
            digits = len(text.partition(".")[2])
            assert text == f"{figure[key]:.{digits}f}", f"{network} {name} {key}"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"-m mammoview (\w+)", README))))
def test_every_command_of_the_readme_explains_itself(command):
    done = subprocess.run(
        [sys.executable, "-m", "mammoview", command, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert f"mammoview {command}".encode() in done.stdout


def test_the_screenshot_and_the_decisions_are_there():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
