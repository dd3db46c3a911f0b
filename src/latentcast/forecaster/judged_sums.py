"""Sums over judged windows, which add up over parts of the data, and the figures made of them."""

from dataclasses import dataclass
from typing import Any

from latentcast.data.panel.split import Part
from latentcast.evaluation.baseline import BaselineSums
from latentcast.evaluation.interval_metrics import IntervalErrors, IntervalFigures
from latentcast.evaluation.metrics import Baseline, Errors, Evaluation
from latentcast.forecaster.intervals import Intervals


@dataclass(frozen=True)
class Judged:
    """The judged windows: one part of the dataset `data`, one window in `stride`.

    `drop` is the batch size of a test loader that drops its last incomplete batch, where its figures are wanted too.
    """

    part: Part
    data: str
    stride: int = 1
    drop: int | None = None


@dataclass(frozen=True)
class JudgedSums:
    """Errors of windows of some series, as sums in standardised and in original units.

    Attributes
    ----------
    windows
        Windows that were judged.
    errors
        Of the model.
    baseline_model, baseline
        Name and errors of the seasonal-naive forecast of the same windows.
    intervals
        Of prediction intervals, where levels were asked for.
    notes
        Notes on the windows and values that were left out.
    dropped
        Figures without an incomplete last batch, where they were asked for; of all windows at once alone.
    """

    windows: int
    errors: tuple[Errors, Errors]
    baseline_model: str
    baseline: tuple[BaselineSums, BaselineSums]
    intervals: tuple[IntervalErrors, IntervalErrors] | None = None
    notes: tuple[str, ...] = ()
    dropped: Any = None

    def __add__(self, other: "JudgedSums") -> "JudgedSums":
        """Sums over the windows of both, which have no series in common."""
        intervals = None
        if self.intervals is not None and other.intervals is not None:
            intervals = self.intervals[0] + other.intervals[0], self.intervals[1] + other.intervals[1]
        return JudgedSums(
            self.windows + other.windows,
            (self.errors[0] + other.errors[0], self.errors[1] + other.errors[1]),
            self.baseline_model,
            (self.baseline[0] + other.baseline[0], self.baseline[1] + other.baseline[1]),
            intervals,
            (*self.notes, *other.notes),
        )

    def evaluation(self, model: str, which: Judged, how: Intervals | None) -> Evaluation:
        """The figures of these sums."""
        scaled, original = self.errors
        return Evaluation(
            model,
            which.data,
            which.part,
            self.windows,
            original.counts["all"],
            original.zeros,
            scaled.result(),
            original.result(),
            self.notes,
            None if how is None or self.intervals is None else interval_figures(how, self.intervals),
            self.dropped,
            Baseline(self.baseline_model, *(sums.result() for sums in self.baseline)),
        )


def interval_figures(how: Intervals, found: tuple[IntervalErrors, IntervalErrors]) -> IntervalFigures:
    """Coverage and scores of intervals, in scaled and in original units."""
    return IntervalFigures(how.method, how.words(), found[0].result(), found[1].result())
