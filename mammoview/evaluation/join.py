"""How the local results join into the heatmap: fitted on validation patients, measured on others of them.

Both networks are surer on the films they were trained on than on any other, so what would join them
best there does not carry over (decision 0012). The join has few weights, and few films suffice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammoview.errors import UnusableDataset
from mammoview.evaluation.heat import heat_logits, heat_target, local_logits
from mammoview.evaluation.split import validation_quarter
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import Suite
from mammoview.models.heatmap import HeatmapNetwork

__all__ = ["JoinExamples", "cross_fitted", "examples_of", "fit_join"]

RIDGE: Final = 1e-4
ROUNDS: Final = 80


class JoinExamples:
    """What the join is fitted to: each film's heat without local results, its local results, its target.

    Parameters
    ----------
    films : sequence of Prepared
    heat : mapping of film name to ndarray (I, J)
        Logits of the joining network itself, before it joins.
    local : mapping of film name to ndarray (3, I, J)
        Logits of the tissue classifiers.
    """

    def __init__(
        self,
        films: Sequence[Prepared],
        heat: Mapping[str, NDArray[np.float32]],
        local: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self.films, self.heat, self.local = list(films), heat, local
        self._target = {film.name: heat_target(film.boxes, film.inside.shape) for film in films}

    @property
    def patients(self) -> list[str]:
        """Whose each film is."""
        return [film.patient for film in self.films]

    def loss(self, network: HeatmapNetwork, chosen: Sequence[int]) -> Tensor:
        """Mean cross-entropy of these films, as the baseline was trained (decision 0011)."""
        losses = []
        for name in (self.films[i].name for i in chosen):
            heat, local, target = (
                torch.from_numpy(array).to(network.join.weight.device)
                for array in (self.heat[name][None, None], self.local[name][None], self._target[name])
            )
            joined = network.joined(heat, local)[0, 0]
            losses.append(nn.functional.binary_cross_entropy_with_logits(joined, target))
        return torch.stack(losses).mean()


def examples_of(suite: Suite, films: Sequence[Prepared]) -> JoinExamples:
    """The examples of these films, by the networks of a suite."""
    return JoinExamples(films, heat_logits(suite.heatmap, films), local_logits(suite.tissue, films))


def fit_join(network: HeatmapNetwork, examples: JoinExamples, chosen: Sequence[int] | None = None) -> None:
    """Fit the joining convolution of a network, and it alone, in place, by L-BFGS from no join at all."""
    films = range(len(examples.films)) if chosen is None else chosen
    network.join.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # L-BFGS flattens
    weights = [p.requires_grad_() for p in network.join.parameters()]
    for weight in weights:
        nn.init.zeros_(weight)
    optimiser = torch.optim.LBFGS(weights, max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        loss = examples.loss(network, films) + RIDGE * sum((w**2).sum() for w in weights)
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)
    for weight in weights:
        weight.requires_grad_(False)


def cross_fitted(suite: Suite, examples: JoinExamples) -> list[Suite]:
    """For each film the suite whose join was fitted on the other three quarters of the patients.

    Raises
    ------
    UnusableDataset
        All patients fall into one quarter.
    """
    quarters = [validation_quarter(patient) for patient in examples.patients]
    suites = {}
    for quarter in set(quarters):
        others = [i for i, q in enumerate(quarters) if q != quarter]
        if not others:
            raise UnusableDataset("there are too few patients to fit on some and measure on others")
        network = deepcopy(suite.heatmap)
        fit_join(network, examples, others)
        suites[quarter] = replace(suite, heatmap=network)
    return [suites[quarter] for quarter in quarters]
