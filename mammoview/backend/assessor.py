"""The networks where they run, for whoever assesses film after film: the page and the command line."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from mammoview.backend.engine import assess
from mammoview.backend.runtime import Runtime, choose_runtime
from mammoview.domain import Assessment, Mammogram, Progress, Settings
from mammoview.models.cards import Suite, load_suite

__all__ = ["LOST", "Assessor"]

log = logging.getLogger(__name__)

LOST: Final = "the GPU stopped answering, so the CPU assessed this film: it takes longer until the next start"


class Assessor:
    """Loads the networks once and assesses with them; goes on with the CPU once a GPU is lost.

    It keeps nothing of a film. One at a time is quickest, see `ui.work`; several at once are safe.

    Parameters
    ----------
    folder : Path, optional
        Of the weights (default: the project's own).
    device : {"auto", "cpu", "cuda"}
    engine : one of `ENGINES`

    Raises
    ------
    WeightsMissing, WeightsMismatch, BadSetting
    """

    def __init__(self, folder: Path | None = None, device: str = "auto", engine: str = "auto") -> None:
        self._folder, self._engine = folder, engine
        self._lost = False
        self._settle(device)

    @property
    def runtime(self) -> Runtime:
        return self._runtime

    @property
    def suite(self) -> Suite:
        return self._suite

    def __call__(
        self,
        mammogram: Mammogram,
        settings: Settings = Settings(),  # noqa: B008 (frozen)
        progress: Progress = lambda share, what: None,
    ) -> Assessment:
        """`backend.assess` with what was chosen; a warning says where a lost GPU changed that.

        Raises
        ------
        BreastNotFound, Cancelled, NotEnoughMemory
        """
        suite, runtime = self._suite, self._runtime
        try:
            assessment = assess(mammogram, suite, settings, progress, runtime)
        except torch.AcceleratorError as error:
            log.warning("the device is lost: %s", type(error).__name__)
            self._give_up(suite)
            assessment = assess(mammogram, self._suite, settings, _again(progress), self._runtime)
        if not self._lost:
            return assessment
        return replace(assessment, warnings=(*assessment.warnings, LOST))

    def _settle(self, device: str) -> None:
        self._suite = load_suite(self._folder, device)
        self._runtime = choose_runtime(self._suite.device, self._engine)

    def _give_up(self, suite: Suite) -> None:
        """Take the CPU, unless another call has done so meanwhile."""
        if self._suite is suite:
            self._lost = True
            self._engine = "auto"
            self._settle("cpu")


def _again(progress: Progress) -> Progress:
    """From the start: what the lost device had done is done once more."""
    return lambda share, what: progress(share, f"{what}, on the CPU since the GPU is lost")
