"""Where a training stands: what was reached so far, and the checkpoint that brings it back."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mammoview.aside import written_aside
from mammoview.errors import UnusableCheckpoint
from mammoview.training.plan import Schedule

__all__ = ["Course", "Part", "resume", "save"]


class Part(Protocol):
    """What has a state of its own: a network, an optimiser, a scheduler."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


@dataclass(slots=True)
class Course:
    """What a training has done.

    Attributes
    ----------
    step : int
        Batches learnt from.
    history : list of {"step", "loss", "score"}
        One for each validation; the loss is the mean since the one before.
    losses : list of Tensor
        Since the last validation; on the device until they are needed.
    best : float
        The best score.
    weights : dict or None
        The averaged weights that reached it.
    """

    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    best: float = -math.inf
    weights: dict[str, Tensor] | None = None

    @property
    def stale(self) -> int:
        """Validations since the best one."""
        scores = [entry["score"] for entry in self.history]
        return len(scores) - 1 - scores.index(max(scores)) if scores else 0

    def out_of_patience(self, schedule: Schedule) -> bool:
        """Whether too many validations in a row were no better."""
        return schedule.patience is not None and self.stale >= schedule.patience

    def over(self, schedule: Schedule) -> bool:
        """Whether there is nothing left to do."""
        return self.step >= schedule.steps or self.out_of_patience(schedule)

    def note(self, score: float, averaged: nn.Module) -> None:
        """Enter a validation of these weights."""
        loss = math.fsum(float(value) for value in self.losses) / len(self.losses)
        self.history.append({"step": self.step, "loss": loss, "score": score})
        self.losses.clear()
        if score > self.best:
            self.best = score
            self.weights = {k: v.detach().clone() for k, v in averaged.state_dict().items()}


def resume(checkpoint: Path, parts: Mapping[str, Part]) -> Course:
    """Bring parts and course back to where the checkpoint was written; a new course where there is none.

    Raises
    ------
    UnusableCheckpoint
        The file is cut or overwritten, or is of another network; the parts are then of no use.
    """
    if not checkpoint.is_file():
        return Course()
    content = io.BytesIO(checkpoint.read_bytes())  # whatever torch raises is then of the content
    try:
        saved = torch.load(content, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        return Course(**saved["course"])
    except MemoryError:
        raise
    except Exception as error:  # torch and pickle raise almost anything on a damaged file
        raise UnusableCheckpoint(
            f"{checkpoint} is cut, damaged or of another network: delete it to train {checkpoint.stem} from "
            "the start, or restore it from a copy to go on"
        ) from error


def save(checkpoint: Path, course: Course, parts: Mapping[str, Part]) -> None:
    """Write a checkpoint aside and move it into place, so that a kill leaves the one before."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {f.name: getattr(course, f.name) for f in fields(course)}
    with written_aside(checkpoint) as draft:
        torch.save({"course": state, **{name: part.state_dict() for name, part in parts.items()}}, draft)
