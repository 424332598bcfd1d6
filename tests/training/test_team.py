"""Several processes learn from the same batches as one, and take the same steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mammoview.training.team import PORTIONS, Team, batch_of, joined
from tests.training import tiny

STEPS = 60
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that torchrun started twice, over gloo on the CPU."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    words = ["-m", "tests.training.tiny", str(folder), str(STEPS), "0"]
    subprocess.run([*torchrun, *words], check=True, cwd=REPOSITORY, env=hidden, timeout=600)
    return folder


@pytest.mark.parametrize(("norm", "tolerance"), [(False, 1e-5), (True, 0.02)], ids=["without", "with"])
def test_two_processes_have_the_loss_curve_of_one(
    two: Path, tmp_path: Path, norm: bool, tolerance: float
) -> None:
    """Equal but for rounding without batch norm, whose statistics are of half a batch on the CPU."""
    _, alone = tiny.train(tmp_path, STEPS, norm)
    together = json.loads((two / "curves.json").read_text())[0 if norm else 1]
    assert [h["step"] for h in together] == [h["step"] for h in alone]
    losses = [h["loss"] for h in alone]
    assert losses[-1] < 0.5 * losses[0]  # it learns, so the curve says something
    assert_allclose([h["loss"] for h in together], losses, rtol=0, atol=tolerance)
    assert_allclose([h["score"] for h in together], [h["score"] for h in alone], rtol=0, atol=tolerance)


def test_all_processes_end_with_the_leaders_weights(two: Path) -> None:
    assert (two / "weights0.json").read_text() == (two / "weights1.json").read_text()


def test_a_batch_is_drawn_in_portions_that_differ() -> None:
    images, labels = batch_of(tiny.draw, np.random.default_rng(3), 32)
    assert images.shape == (32, 1, 8, 8)
    assert labels.sum() == 16
    assert len({part.numpy().tobytes() for part in images.split(32 // PORTIONS)}) == PORTIONS
    again, _ = batch_of(tiny.draw, np.random.default_rng(3), 32)
    assert_allclose(images, again, rtol=0, atol=0)


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        batch_of(tiny.draw, np.random.default_rng(3), 30)


def test_without_torchrun_a_process_works_alone() -> None:
    with joined() as team:
        assert team == Team(0, 1)
        assert team.leads
