"""A tiny network on tiny pictures, trained as real ones are; also a program to kill, or to start twice.

    python -m tests.training.tiny FOLDER STEPS PAUSE

trains with and without batch norm and writes `FOLDER/curves.json`; PAUSE seconds pass in each step.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mammoview.training.fit import Schedule, fit
from mammoview.training.team import batch_of, joined

EVERY = 5
BATCH = 32


def network(norm: bool) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 2),
    )


def draw(rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Noise, every other picture with a bright spot at its centre."""
    images = rng.normal(0, 1, (count, 1, 8, 8)).astype(np.float32)
    labels = np.arange(count) % 2
    images[labels == 1, :, 3:5, 3:5] += 1.5
    return torch.from_numpy(images), torch.from_numpy(labels)


def score(judged: nn.Module) -> float:
    images, labels = draw(np.random.default_rng(99), 400)
    return float((judged(images).argmax(dim=1) == labels).float().mean())


def train(folder: Path, steps: int, norm: bool = True, pause: float = 0.0) -> tuple[nn.Module, list[dict]]:
    """The trained network and its history; checkpoints lie in the folder."""
    trained = network(norm)

    def loss(called: nn.Module, rng: np.random.Generator) -> Tensor:
        time.sleep(pause)
        images, labels = batch_of(draw, rng, BATCH)
        return nn.functional.cross_entropy(called(images), labels)

    schedule = Schedule(steps, rate=1e-2, every=EVERY)
    return trained, fit(trained, loss, score, schedule, folder / f"{norm}.pt")["history"]


def main(folder: Path, steps: int, pause: float) -> None:
    torch.set_num_threads(1)
    with joined() as team:
        networks, curves = zip(*(train(folder, steps, norm, pause) for norm in (True, False)), strict=True)
        weights = [float(sum(t.double().abs().sum() for t in n.state_dict().values())) for n in networks]
        (folder / f"weights{team.rank}.json").write_text(json.dumps(weights))
        if team.leads:
            (folder / "curves.json").write_text(json.dumps(curves))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
