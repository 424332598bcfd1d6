"""How long a network is trained, how fast, and when it is given up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mammoview.training.outlook import Outlook

__all__ = ["Budget", "Schedule"]


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
        Of every draw: of what is in a batch, how it is augmented, and what drops out.
    patience : int or None
        Validations in a row without a better score after which training stops; None goes on to the end.
    outlook : Outlook or None
        Told how fast this network goes; says how long all networks take.
    weight_decay : float
        Of AdamW.
    """

    steps: int
    rate: float = 2e-3
    every: int = 250
    seed: int = 0
    patience: int | None = None
    outlook: Outlook | None = None
    weight_decay: float = 1e-3

    def factor(self, step: int) -> float:
        """Share of the highest learning rate at this step."""
        warm = max(1, self.steps // 20)
        if step < warm:
            return (step + 1) / warm
        return 0.01 + 0.99 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm))) / 2

    @property
    def memory(self) -> float:
        """Share that averaged weights keep at each step: they look back 500 steps, fewer in a short run."""
        return max(0.9, min(0.998, 1 - 10 / self.steps))

    def validates(self, step: int) -> bool:
        """Whether the averaged weights are judged after this many steps."""
        return step % self.every == 0 or step == self.steps


@dataclass(frozen=True, slots=True)
class Budget:
    """What whoever starts a training allows it; every network has its own usual measure.

    Attributes
    ----------
    steps : int or None
        Batches, instead of the network's usual number.
    seed : int
    patience : int or None
        As in `Schedule`.
    small : bool
        Networks of fewer channels and batches: minutes instead of hours, to try a dataset.
    outlook : Outlook or None
    start : Path or None
        Folder of trained networks to go on from.
    batch : int or None
        Examples in each batch, instead of the network's usual number; a multiple of 8, so that
        half of each part that a process may draw are around a lesion.
    """

    steps: int | None = None
    seed: int = 0
    patience: int | None = None
    small: bool = False
    outlook: Outlook | None = None
    start: Path | None = None
    batch: int | None = None

    def schedule(
        self, usual: int, rate: float = 2e-3, every: int = 250, weight_decay: float = 1e-3
    ) -> Schedule:
        """The schedule of a network that usually takes this many steps, at this rate."""
        steps = self.steps or usual
        return Schedule(steps, rate, every, self.seed, self.patience, self.outlook, weight_decay)
