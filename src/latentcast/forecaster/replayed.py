"""Figures and intervals of forecasts that were made already: the model computes nothing again."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.sources.frames import Source
from latentcast.data.windows.arrays import WindowArrays
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts, Windows
from latentcast.evaluation.forecasts import Compute, Computed, Sampling
from latentcast.evaluation.metrics import Evaluation
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.judge import judged_sums, scores_for, take_scores
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.state import Engine


@dataclass(frozen=True)
class Replayed:
    """An engine (`state.Engine`) that hands out forecasts of known windows, in standardised units, in their order."""

    made: Computed
    own: Engine

    def compute(self, sampling: Sampling | None = None) -> Compute:
        """What gives the forecasts of the windows of a batch by their numbers."""

        def given(windows: Windows, read: WindowArrays) -> Computed:
            values = self.made.values[read.numbers].astype(np.float64, copy=False)
            return Computed(values, _of(self.made.quantiles, read.numbers))

        return given

    def at_horizon(self, horizon: int) -> Any:
        """As the model's own engine."""
        return self.own.at_horizon(horizon)

    def transfer_hint(self, source: Source) -> str:
        """As the model's own engine."""
        return self.own.transfer_hint(source)


def _of(values: NDArray[Any] | None, numbers: NDArray[np.int64]) -> NDArray[np.float64] | None:
    return None if values is None else values[numbers].astype(np.float64, copy=False)


def calibrate_with(
    fitted: FittedModel, prepared: PreparedPanel, which: Judged, starts_items: Starts, made: Computed
) -> Evaluation:
    """Judge forecasts that `fitted` made of these windows, ascending by item and start, and calibrate it by them.

    `which.stride` is their usual distance in steps.
    """
    shown = copy(fitted)
    shown.engine = Replayed(made, fitted.engine)
    scores = scores_for(fitted, which, len(starts_items[0]))
    found = judged_sums(shown, prepared, which, starts_items, scores)
    take_scores(fitted, prepared, which, scores)
    return found.evaluation(fitted.name, which, None)
