"""Judging many films, in one process or several, with the same results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from mammoview.domain import Settings
from mammoview.evaluation.films import Judged, judge
from mammoview.models.cards import Suite
from mammoview.readers.annotated import AnnotatedFilm

__all__ = ["judge_all"]


def judge_all(
    films: Sequence[AnnotatedFilm], suites: Sequence[Suite], settings: Settings, workers: int = 1
) -> list[Judged]:
    """Judge each film with the suite of its own place in `suites`, in order, under one progress bar.

    Every film is assessed on one thread, however many workers there are: sums in another order
    would round otherwise, and the figures would depend on the machine.
    """
    tasks = (delayed(_judge)(film, suite, settings) for film, suite in zip(films, suites, strict=True))
    done = Parallel(n_jobs=workers, return_as="generator")(tasks)
    return list(tqdm(done, desc="assessing films", unit="film", total=len(films)))


def _judge(film: AnnotatedFilm, suite: Suite, settings: Settings) -> Judged:
    with _one_thread():
        return judge(film, suite, settings)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
