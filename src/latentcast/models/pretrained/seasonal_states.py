"""Holt-Winters smoothing of a context, additive and in logarithms, at its end and at the origins of its backtest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcast.models.pretrained import holt_winters, smoothing
from latentcast.models.pretrained.context import Context, Rows
from latentcast.models.pretrained.holt_winters import CLASSES, DAMPED, State
from latentcast.models.pretrained.seasonal import NO_PROFILE_BELOW, decompose

OF_SMOOTHING = (slice(0, 6), slice(6, 10), slice(10, 14))  # variants of smoothing by level, damped and whole slope
WIDEST = 1e4  # ratio of the largest value to the least up to which logarithms are taken
IN_LOGS = (CLASSES[0], DAMPED)


@dataclass(frozen=True)
class States:
    """States after some step, for rows in units of the context and for logarithms; None where the season is too long,
    or is none.

    `places` are the rows whose values are all positive, `middle` [place, 1] is what their logarithms are counted from,
    and `top` the largest logarithm that a forecast may have.
    """

    plain: State | None
    logs: State | None
    places: NDArray[np.int64]
    middle: NDArray[np.float64]
    top: NDArray[np.float64]

    @classmethod
    def of(cls, context: Context, ends: Sequence[int]) -> "list[States]":
        """The states after some steps; the first profile comes from what all of them read."""
        empty = np.zeros((0, 1))
        none = [cls(None, None, np.zeros(0, np.int64), empty, empty) for _ in ends]
        time, season = context.values.shape[1], context.season
        if not 1 < season <= holt_winters.LONGEST_SEASON or NO_PROFILE_BELOW * season > time:
            return none
        low, high = context.original.min(1), context.original.max(1)
        places = np.flatnonzero((low > 0) & (high < WIDEST * np.maximum(low, 1e-300)))
        logs64 = np.log(context.original[places])
        middle = logs64[:, -1:]
        plain = _run(context.values, context.seen, season, ends)
        if not len(places):
            return [cls(plain[end], None, places, middle, middle) for end in ends]
        logs = _run((logs64 - middle).astype(np.float32), context.seen[places], season, ends)
        tops = [logs64[:, :end].max(1, keepdims=True) + np.log(4.0) for end in ends]
        return [cls(plain[end], logs[end], places, middle, top) for end, top in zip(ends, tops, strict=True)]

    def ahead(
        self, context: Context, steps: np.ndarray, smoothed: smoothing.Smoothed, season: Rows, in_logs: Rows
    ) -> list[Rows]:
        """Six candidates: all variants, those without, with a damped and with a whole slope; in logarithms the first
        and the third.

        Where there are no states, they are averages of exponential smoothing plus its `season`; `in_logs` stands for
        logarithms of values that are not positive.
        """
        if self.plain is None:
            paths = smoothed.ahead(steps)
            parts = [_average(paths, smoothed.squared, part) + season for part in (slice(None), *OF_SMOOTHING)]
            return [*parts, in_logs, in_logs]
        parts = self.plain.ahead(steps, CLASSES)
        logs = [in_logs, in_logs]
        if self.logs is not None:
            for number, found in enumerate(self.logs.ahead(steps, IN_LOGS)):
                values = np.exp(np.minimum(found.astype(np.float64) + self.middle, self.top))
                logs[number] = in_logs.copy()
                logs[number][self.places] = (values - context.location[self.places]) / context.scale[self.places]
        return [*parts, *logs]


def _run(rows: Rows, seen: Rows, season: int, ends: Sequence[int]) -> dict[int, State]:
    read = min(ends)
    read = read if NO_PROFILE_BELOW * season <= read else rows.shape[1]
    slow = decompose(rows[:, :read], seen[:, :read], season, 0, quickly=False)[0]
    first = np.roll(slow.values * slow.strength, (rows.shape[1] - read) % season * -1, 1)
    adjusted = rows[:, -holt_winters.LONGEST :]
    return holt_winters.run(rows, seen, first, smoothing.first_slope(adjusted, seen[:, -holt_winters.LONGEST :]), ends)


def _average(paths: Rows, squared: Rows, part: slice) -> Rows:
    """[series, steps] some of the paths [series, steps, variant], weighted by likelihood."""
    logs = np.log(np.maximum(squared[:, part], 1e-12))
    raw = np.exp(np.maximum(-0.5 * holt_winters.SHARPNESS * (logs - logs.min(1, keepdims=True)), -60))
    share = (raw / raw.sum(1, keepdims=True)).astype(np.float32)
    return np.asarray(np.einsum("nsv,nv->ns", paths[..., part], share))
