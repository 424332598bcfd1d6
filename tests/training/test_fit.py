"""Training that was stopped, however, goes on as if it had not been; and it stops when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mammoview.errors import Cancelled, UnusableCheckpoint
from mammoview.training.fit import Schedule, fit
from tests.training import tiny

WEIGHTS = torch.tensor([[1.0, -2.0, 0.5]])
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are then added in one order, in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))


def loss(trained: nn.Module, rng: np.random.Generator) -> torch.Tensor:
    x = torch.from_numpy(rng.normal(size=(16, 3)).astype(np.float32))
    return ((trained(x) - x @ WEIGHTS.T) ** 2).mean()


def score(judged: nn.Module) -> float:
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(9))
    return -float(((judged(x) - x @ WEIGHTS.T) ** 2).mean().detach())


def assert_same(a: nn.Module, b: nn.Module) -> None:
    for one, other in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_run_killed_midway_resumes_to_the_same_weights(tmp_path):
    steps = 40
    words = [sys.executable, "-m", "tests.training.tiny", str(tmp_path), str(steps), "0.05"]
    process = subprocess.Popen(words, cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"})
    checkpoint = tmp_path / "True.pt"
    until = time.monotonic() + 300
    while not checkpoint.is_file() and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()  # SIGKILL: nothing can be saved any more
    assert process.wait() == -signal.SIGKILL
    begun = torch.load(checkpoint, weights_only=True)["course"]["step"]
    assert 0 < begun < steps
    resumed, history = tiny.train(tmp_path, steps)
    whole, undisturbed = tiny.train(tmp_path / "whole", steps)
    assert_same(resumed, whole)
    assert history == undisturbed


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda _: b"",
        lambda whole: bytes(len(whole)),
        lambda _: b"PK\3\4 and no archive",
    ],
    ids=["half", "last byte", "empty", "zeros", "no archive"],
)
def test_a_broken_checkpoint_is_refused_with_what_to_do(tmp_path, harm):
    checkpoint = tmp_path / "part.pt"
    fit(network(), loss, score, Schedule(2, every=1), checkpoint)
    checkpoint.write_bytes(harm(checkpoint.read_bytes()))
    broken = checkpoint.read_bytes()
    with pytest.raises(UnusableCheckpoint, match=f"{checkpoint} is cut.*delete it.*or restore it") as raised:
        fit(network(), loss, score, Schedule(4, every=1), checkpoint)
    assert "\n" not in str(raised.value)
    assert checkpoint.read_bytes() == broken


@pytest.mark.parametrize("content", [{}, {"course": {}}, [1], {"other": 1}])
def test_a_checkpoint_of_something_else_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "part.pt")
    with pytest.raises(UnusableCheckpoint):
        fit(network(), loss, score, Schedule(4, every=1), tmp_path / "part.pt")


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    fit(nn.Linear(3, 1), loss, score, Schedule(2, every=1), tmp_path / "part.pt")
    with pytest.raises(UnusableCheckpoint, match="of another network"):
        fit(network(), loss, score, Schedule(4, every=1), tmp_path / "part.pt")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path, number):
    steps = 0

    def interrupted(trained: nn.Module, rng: np.random.Generator) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 7:
            os.kill(os.getpid(), number)
        return loss(trained, rng)

    before = signal.getsignal(number)
    with pytest.raises(Cancelled, match="stopped part after 7 of 40 batches; give the same command again"):
        fit(network(), interrupted, score, Schedule(40, every=10), tmp_path / "part.pt")
    assert signal.getsignal(number) is before
    resumed, whole = network(), network()
    part = fit(resumed, loss, score, Schedule(40, every=10), tmp_path / "part.pt")
    assert part == fit(whole, loss, score, Schedule(40, every=10), tmp_path / "whole.pt")
    assert_same(resumed, whole)


def test_training_learns_and_keeps_the_best(tmp_path):
    trained = network()
    before = score(trained.eval())
    result = fit(trained, loss, score, Schedule(200, rate=1e-2, every=50), tmp_path / "run.pt")
    assert score(trained.eval()) == pytest.approx(result["best"], rel=1e-4)
    assert result["best"] > before / 2  # squared error is negated
    assert [h["step"] for h in result["history"]] == [50, 100, 150, 200]


def test_another_seed_learns_from_other_batches(tmp_path):
    curves = [
        fit(network(), loss, score, Schedule(10, seed=seed), tmp_path / f"{i}.pt")["history"]
        for i, seed in enumerate((0, 1, 0))
    ]
    assert curves[0] == curves[2]
    assert curves[0] != curves[1]


def test_early_stopping_keeps_the_best_and_says_so(tmp_path, capsys):
    scores = iter([1.0, 3.0, 2.0, 2.5, 2.9, 9.0])
    kept = []

    def worsening(judged: nn.Module) -> float:
        kept.append({k: v.clone() for k, v in judged.state_dict().items()})
        return next(scores)

    trained, schedule = network(), Schedule(60, every=10, patience=3)
    result = fit(trained, loss, worsening, schedule, tmp_path / "run.pt")
    assert [h["step"] for h in result["history"]] == [10, 20, 30, 40, 50]
    assert result["best"] == 3.0
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(value, kept[1][name], rtol=0, atol=0)
    said = capsys.readouterr().out
    assert "1 of 3 validations without a better one" in said
    assert "stopped early: 3 validations in a row were no better" in said
    # What has stopped stays so: nothing is drawn or judged again.
    again = fit(network(), loss, worsening, schedule, tmp_path / "run.pt")
    assert again == result
    assert len(kept) == 5


def test_the_average_forgets_the_first_weights_in_a_short_run(tmp_path):
    trained = network()
    result = fit(trained, loss, score, Schedule(60, rate=1e-2), tmp_path / "run.pt")
    saved = torch.load(tmp_path / "run.pt", weights_only=True)
    last = network()
    last.load_state_dict(saved["network"])
    # An average over hundreds of steps would still be near the start, and be judged far worse than the last.
    assert result["best"] > 2 * score(last.eval())
