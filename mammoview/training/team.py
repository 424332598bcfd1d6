"""Training by several processes that `torchrun` started, on one machine or more.

Every process computes the gradient of its own part of each batch; torch's DistributedDataParallel
averages the gradients, so that all take the same step. The leader (rank 0) validates and writes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mammoview.domain import ModelCard
from mammoview.errors import BadSetting
from mammoview.models.cards import Network, save_network

__all__ = ["PORTIONS", "Draw", "Team", "batch_of", "joined", "save_once"]

PORTIONS: Final = 4
"""Parts that every batch is drawn in, whoever draws them; so one process and four learn from the same."""
PATIENCE: Final = timedelta(hours=24)  # the others wait while the leader prepares films

Draw = Callable[[np.random.Generator, int], tuple[Tensor, ...]]
"""Draws this many examples with this generator: tensors whose first axis counts examples."""


@dataclass(frozen=True, slots=True)
class Team:
    """The processes that train one network together.

    Attributes
    ----------
    rank : int
        Of this process, from 0.
    size : int
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> Team:
        """The team that this process has joined, or it alone."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def leads(self) -> bool:
        """Whether this process speaks and writes for the team."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network as it is to be called in training; weights and buffers become the leader's."""
        if self.size == 1:
            return network
        on_gpu = next(network.parameters()).is_cuda
        return DistributedDataParallel(network, device_ids=[torch.cuda.current_device()] if on_gpu else None)

    def agreed(self, value: Tensor, asked: bool) -> tuple[Tensor, bool]:
        """The mean of a number over all processes, and whether any of them was asked."""
        if self.size == 1:
            return value, asked
        both = torch.stack([value.double(), value.new_tensor(float(asked), dtype=torch.float64)])
        both = both.to(_device())
        dist.all_reduce(both)
        return both[0] / self.size, bool(both[1] > 0)

    def told(self, find: Callable[[], float]) -> float:
        """A number that the leader alone finds."""
        number = torch.tensor([find() if self.leads else math.nan], dtype=torch.float64, device=_device())
        if self.size > 1:
            dist.broadcast(number, 0)
        return float(number[0])

    def share(self, network: nn.Module) -> None:
        """Give all processes the leader's weights and buffers."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, 0)


def batch_of(draw: Draw, rng: np.random.Generator, count: int) -> tuple[Tensor, ...]:
    """This process's part of a batch of `count` examples.

    The batch is drawn in PORTIONS parts with a generator each, so what it holds does not depend on how
    many processes share it, and none draws another's part.
    """
    if count % PORTIONS:
        raise ValueError(f"a batch must be a multiple of {PORTIONS}")
    team = Team.here()
    parts = [draw(own, count // PORTIONS) for own in rng.spawn(PORTIONS)[team.rank :: team.size]]
    return tuple(torch.cat(same) for same in zip(*parts, strict=True))


def save_once(network: Network, card: ModelCard, folder: Path) -> None:
    """`save_network` by the leader; the others go on when the files are there."""
    team = Team.here()
    if team.leads:
        save_network(network, card, folder)
    team.wait()


@contextmanager
def joined() -> Iterator[Team]:
    """Join the processes that torchrun started together with this one; without torchrun, work alone.

    Raises
    ------
    BadSetting
        A batch cannot be shared among so many processes, or there are not as many GPUs.
    """
    if not dist.is_torchelastic_launched():
        yield Team()
        return
    _check(int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"]))
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield Team.here()
        dist.barrier()  # none goes while another still speaks to it
    finally:
        dist.destroy_process_group()


def _check(size: int, on_this_machine: int) -> None:
    if PORTIONS % size:
        raise BadSetting(f"{size} processes cannot share a batch: start 1, 2 or {PORTIONS} of them")
    gpus = torch.cuda.device_count()
    if 0 < gpus < on_this_machine:
        raise BadSetting(
            f"{on_this_machine} processes cannot share {gpus} GPUs: give torchrun --nproc-per-node {gpus}"
        )


def _device() -> torch.device:
    """Where numbers must lie to travel: NCCL carries what is on the GPU only."""
    nccl = dist.is_initialized() and dist.get_backend() == "nccl"
    return torch.device("cuda" if nccl else "cpu")
