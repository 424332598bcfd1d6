"""Training that was stopped goes on as if it had not been."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mammoview.training.fit import Schedule, fit

WEIGHTS = torch.tensor([[1.0, -2.0, 0.5]])


def network() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def loss(trained: nn.Module, rng: np.random.Generator) -> torch.Tensor:
    x = torch.from_numpy(rng.normal(size=(16, 3)).astype(np.float32))
    return ((trained(x) - x @ WEIGHTS.T) ** 2).mean()


def score(judged: nn.Module) -> float:
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(9))
    return -float(((judged(x) - x @ WEIGHTS.T) ** 2).mean().detach())


class Killed(Exception):
    pass


def test_a_killed_run_resumes_to_the_same_weights(tmp_path):
    whole = network()
    fit(whole, loss, score, Schedule(40, every=10), tmp_path / "whole.pt")

    def killed(trained: nn.Module, rng: np.random.Generator) -> torch.Tensor:
        killed.steps += 1
        if killed.steps > 27:
            raise Killed
        return loss(trained, rng)

    killed.steps = 0
    with pytest.raises(Killed):
        fit(network(), killed, score, Schedule(40, every=10), tmp_path / "part.pt")
    resumed = network()
    fit(resumed, loss, score, Schedule(40, every=10), tmp_path / "part.pt")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_training_learns_and_keeps_the_best(tmp_path):
    trained = network()
    before = score(trained.eval())
    result = fit(trained, loss, score, Schedule(200, rate=1e-2, every=50), tmp_path / "run.pt")
    assert score(trained.eval()) == pytest.approx(result["best"], rel=1e-4)
    assert result["best"] > before / 2  # squared error is negated
    assert [h["step"] for h in result["history"]] == [50, 100, 150, 200]
