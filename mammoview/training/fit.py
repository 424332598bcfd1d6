"""One training loop for every network: cosine schedule, averaged weights, checkpoints, exact resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from mammoview.errors import Cancelled
from mammoview.training.course import Course, Part, resume, save
from mammoview.training.interruption import listening
from mammoview.training.plan import Budget, Schedule
from mammoview.training.precision import gradient_scaler
from mammoview.training.team import Team

__all__ = ["CHOSEN", "Budget", "Schedule", "fit"]

Loss = Callable[[nn.Module, np.random.Generator], Tensor]
Score = Callable[[nn.Module], float]

CHOSEN: Final = "of the weights that training passed through, those that did best on these patients were kept"
"""What a card says of every network that `fit` trained."""

STEEPEST: Final = 5.0  # norm to which gradients are clipped


def fit(network: nn.Module, loss: Loss, score: Score, schedule: Schedule, checkpoint: Path) -> dict[str, Any]:
    """Train `network` in place and leave the best averaged weights in it.

    Among processes that torchrun started, all call this with the same arguments; each learns from its
    part of the batch (`team.batch_of`), and the leader validates and writes the checkpoint.

    Parameters
    ----------
    network : nn.Module
        On its device already.
    loss : callable
        Draws a batch with the generator it is given and returns the mean loss of the network, which it
        is given to call, on it.
    score : callable
        Of the averaged network on validation films; higher is better.
    schedule : Schedule
    checkpoint : Path
        Written after each validation and on an interruption; where it exists, training goes on from
        it, with the same random numbers as if it had not been stopped.

    Returns
    -------
    dict
        "history": list of {"step", "loss", "score"}; "best": the best score.

    Raises
    ------
    Cancelled
        After Ctrl-C or SIGTERM, once the checkpoint is written; says how to go on.
    """
    team = Team.here()
    learner = _Learner(network, schedule, team)
    course = resume(checkpoint, learner.parts)
    learner.join()
    with listening() as interruption, _Progress(checkpoint.stem, course, schedule, team) as progress:
        while not course.over(schedule):
            value, asked = team.agreed(learner.learn(loss, course.step), interruption.asked)
            course.losses.append(value)
            course.step += 1
            progress.advance(course)
            judged = schedule.validates(course.step)
            if judged:
                course.note(team.told(lambda: learner.judge(score)), learner.averaged.module)
                progress.report(course)
            if team.leads and (judged or asked):
                save(checkpoint, course, learner.parts)
            if asked and not course.over(schedule):
                raise Cancelled(_how_to_go_on(checkpoint.stem, course, schedule))
    if course.weights is not None:
        network.load_state_dict(course.weights)
    team.share(network)
    return {"history": course.history, "best": course.best}


def _how_to_go_on(name: str, course: Course, schedule: Schedule) -> str:
    return (
        f"stopped {name} after {course.step} of {schedule.steps} batches; "
        "give the same command again to go on from there"
    )


def _average(
    memory: float, averages: Sequence[Tensor], weights: Sequence[Tensor], count: Tensor | int
) -> None:
    """Move the average towards the present weights, in place; `count` steps are in it.

    Over the first steps it keeps less than `memory`: their weights are not worth keeping, and the first
    validations would judge them.
    """
    get_ema_multi_avg_fn(min(memory, (1 + int(count)) / (10 + int(count))))(averages, weights, count)


class _Learner:
    """A network with all that trains it."""

    def __init__(self, network: nn.Module, schedule: Schedule, team: Team) -> None:
        device = next(network.parameters()).device
        if device.type == "cuda":
            torch.backends.cudnn.deterministic = True  # else a resumed run would differ
            if team.size > 1:
                nn.SyncBatchNorm.convert_sync_batchnorm(network)  # its layers, in place
        self.team, self.seed, self.called = team, schedule.seed, network
        self.network = network
        self.trained = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=schedule.rate, weight_decay=schedule.weight_decay)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimiser, schedule.factor)
        self.averaged = AveragedModel(
            network, multi_avg_fn=partial(_average, schedule.memory), use_buffers=True
        )
        self.scaler = gradient_scaler(device)

    @property
    def parts(self) -> dict[str, Part]:
        """Whatever a checkpoint must bring back."""
        return {
            "network": self.network,
            "averaged": self.averaged,
            "optimiser": self.optimiser,
            "scheduler": self.scheduler,
            "scaler": self.scaler,
        }

    def join(self) -> None:
        """From now on, learn together with the team."""
        self.called = self.team.wrapped(self.network)

    def learn(self, loss: Loss, step: int) -> Tensor:
        """Take one step; the loss of this process's part of the batch.

        It stays on the device: to read it would make the processor wait for the step to be done.
        """
        self.called.train()
        torch.manual_seed(self.seed * 1_000_003 + step + (self.team.rank << 40))
        value = loss(self.called, np.random.default_rng((self.seed, step)))
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(value).backward()
        self.scaler.unscale_(self.optimiser)
        torch.nn.utils.clip_grad_norm_(self.trained, STEEPEST)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.scheduler.step()
        self.averaged.update_parameters(self.network)
        return value.detach()

    def judge(self, score: Score) -> float:
        """Score of the averaged weights."""
        self.averaged.eval()
        with torch.inference_mode():
            return score(self.averaged.module)


class _Progress:
    """Tells the person at the terminal how far it is; only the leader speaks."""

    def __init__(self, name: str, course: Course, schedule: Schedule, team: Team) -> None:
        self.schedule, self.speaks, self.first = schedule, team.leads, course.step
        self.begun = time.monotonic()
        if schedule.outlook is not None:
            schedule.outlook.begin_part()
        self.bar = tqdm(
            desc=name, initial=course.step, total=schedule.steps, unit="batch", disable=not team.leads
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *problem: object) -> None:
        self.bar.close()

    def advance(self, course: Course) -> None:
        self.bar.set_postfix_str(self._outlook(course), refresh=False)
        self.bar.update()

    def report(self, course: Course) -> None:
        """One line for each validation, and why it ends before the last step."""
        if not self.speaks:
            return
        loss, score = course.history[-1]["loss"], course.history[-1]["score"]
        reached = f"step {course.step} of {self.schedule.steps}: loss {loss:.4f}, validation {score:.4f}"
        best = f"best {course.best:.4f}{self._patience(course)}"
        tqdm.write("; ".join(filter(None, (reached, best, self._outlook(course)))))
        if course.out_of_patience(self.schedule):
            tqdm.write(f"stopped early: {course.stale} validations in a row were no better")

    def _patience(self, course: Course) -> str:
        if self.schedule.patience is None or not course.stale:
            return ""
        return f", and {course.stale} of {self.schedule.patience} validations without a better one"

    def _outlook(self, course: Course) -> str:
        if self.schedule.outlook is None:
            return ""
        pace = (time.monotonic() - self.begun) / max(1, course.step - self.first)
        return self.schedule.outlook.says(
            pace * (self.schedule.steps - course.step), pace * self.schedule.steps
        )
