"""One training loop for every network: cosine schedule, averaged weights, checkpoints, exact resume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

__all__ = ["Schedule", "fit"]

Loss = Callable[[nn.Module, np.random.Generator], Tensor]
Score = Callable[[nn.Module], float]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Attributes
    ----------
    steps : int
        Batches in all.
    rate : float
        Highest learning rate, reached after 5 % of the steps, then a cosine to 1 % of it.
    every : int
        Steps between validations; the averaged weights that score best are kept.
    seed : int
    """

    steps: int
    rate: float = 2e-3
    every: int = 250
    seed: int = 0

    def factor(self, step: int) -> float:
        """Share of the highest learning rate at this step."""
        warm = max(1, self.steps // 20)
        if step < warm:
            return (step + 1) / warm
        return 0.01 + 0.99 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm))) / 2


def fit(network: nn.Module, loss: Loss, score: Score, schedule: Schedule, checkpoint: Path) -> dict[str, Any]:
    """Train `network` in place and leave the best averaged weights in it.

    Parameters
    ----------
    network : nn.Module
        On its device already.
    loss : callable
        Draws a batch with the generator it is given and returns the loss of the network on it.
    score : callable
        Of the averaged network on validation films; higher is better.
    schedule : Schedule
    checkpoint : Path
        Written after each validation; where it exists, training goes on from it, with the same
        random numbers as if it had not been stopped.

    Returns
    -------
    dict
        "history": list of {"step", "loss", "score"}; "best": the best score.
    """
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=schedule.rate, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule.factor)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)
    state: dict[str, Any] = {"step": 0, "best": -math.inf, "history": [], "weights": None}
    parts: dict[str, Any] = {
        "network": network,
        "averaged": averaged,
        "optimiser": optimiser,
        "scheduler": scheduler,
    }
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        state = saved["state"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    running: list[float] = []
    bar = tqdm(
        range(state["step"], schedule.steps), initial=state["step"], total=schedule.steps, unit="batch"
    )
    for step in bar:
        network.train()
        torch.manual_seed(schedule.seed * 1_000_003 + step)
        value = loss(network, np.random.default_rng((schedule.seed, step)))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, 5.0)
        optimiser.step()
        scheduler.step()
        averaged.update_parameters(network)
        running.append(float(value.detach()))
        if (step + 1) % schedule.every == 0 or step + 1 == schedule.steps:
            _validate(averaged, score, state, step + 1, float(np.mean(running)))
            bar.set_postfix(loss=f"{np.mean(running):.3f}", best=f"{state['best']:.4f}")
            running.clear()
            _save(checkpoint, {"state": state, **{name: part.state_dict() for name, part in parts.items()}})
    if state["weights"] is not None:
        network.load_state_dict(state["weights"])
    return {"history": state["history"], "best": state["best"]}


def _validate(averaged: AveragedModel, score: Score, state: dict[str, Any], step: int, loss: float) -> None:
    averaged.eval()
    with torch.inference_mode():
        value = score(averaged.module)
    state["step"] = step
    state["history"].append({"step": step, "loss": loss, "score": value})
    tqdm.write(f"step {step}: loss {loss:.4f}, validation {value:.4f}")
    if value > state["best"]:
        state["best"] = value
        state["weights"] = {k: v.detach().clone() for k, v in averaged.module.state_dict().items()}


def _save(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    torch.save(content, draft)
    draft.replace(path)
