"""The search of a ridge regression: errors of every candidate at rolling origins, and the mean of the near-best maps.

A candidate is a look-back, the trailing mean to which a strong penalty shrinks, and a penalty. A single candidate is
an unstable choice: its neighbours are as good, and the winner depends on the grid. So all candidates are averaged,
with weights that decay with their relative error; a mean of linear maps is one linear map.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentcast.core.errors import DataError
from latentcast.layers.gram import Array, WindowSums
from latentcast.layers.ridge_solver import LinearMap, Moments, Spectrum
from latentcast.models.ridge.nested import NestedSums
from latentcast.models.ridge.stretches import Ahead, Fold, Source, Steps, folds

LEAST = 0.02  # of the largest weight: candidates below it are left out


@dataclass(frozen=True)
class Grid:
    """Candidates, and how they are weighed.

    lookbacks
        Steps that a map reads, each at most the look-back of the run.
    trailing
        Shares of the look-back, above 0 and at most 1, whose mean a strong penalty draws the forecast to.
    alphas
        Penalties in units of the mean eigenvalue of the look-back's Gram matrix.
    smoothing
        Relative error at which the weight of a candidate falls to 1/e; 0 keeps the best one alone.
    origins
        Rolling origins that the errors are measured at; the validation part is the last of them.
    decay
        Weight of a window relative to the one a step later.
    intercept
        Whether maps have a constant.
    """

    lookbacks: tuple[int, ...]
    trailing: tuple[float, ...]
    alphas: tuple[float, ...]
    smoothing: float
    origins: int
    decay: float = 1.0
    intercept: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """Look-backs, trailing means and penalties."""
        return len(self.lookbacks), len(self.trailing), len(self.alphas)

    def steps(self, lookback: int) -> list[int]:
        """The trailing shares as numbers of steps."""
        return [min(lookback, max(1, round(share * lookback))) for share in self.trailing]

    def spectrum(self, sums: WindowSums, which: int, lookback: int) -> Spectrum:
        moments = Moments.of(sums, which, lookback)
        return Spectrum(moments, self.steps(lookback), self.alphas, intercept=self.intercept)


@dataclass(frozen=True)
class Errors:
    """Errors of every candidate at every origin: [origins, maps, lookbacks, trailing, alphas].

    learned
        Training windows of the candidates at each origin, [origins]. Origins are weighted by them: few data prefer
        other candidates than all data do.
    """

    values: Array
    learned: Array

    def relative(self, which: int | None = None) -> Array:
        """Each candidate's error over that of the best one, averaged over the origins; of one map, or of all."""
        values = self.values.mean(1) if which is None else self.values[:, which]
        best = values.min(axis=(1, 2, 3), keepdims=True)
        ratio = np.where(best > 0, values / np.where(best > 0, best, 1.0), 1.0)
        return np.asarray(np.average(ratio, axis=0, weights=self.learned))

    def level(self) -> Array:
        """Error of the best candidate at each origin, when chosen by all of them: [origins]."""
        flat = self.values.mean(1).reshape(len(self.values), -1)
        return np.asarray(flat[:, self.relative().argmin()])


def measure(sources: Sequence[Source], groups: Steps, grid: Grid, ahead: Sequence[Ahead]) -> Errors | None:
    """Errors at every rolling origin over blocks of the horizon; None where the data are too short for any origin.

    Of more than three blocks, the first, the middle and the last are judged.
    """
    ahead = ahead if len(ahead) <= 3 else [ahead[0], ahead[len(ahead) // 2], ahead[-1]]
    planned = [folds(source, grid.origins, ahead[-1].last) for source in sources]
    count = max(map(len, planned))
    found, sizes = [], []
    for number in range(count):
        chosen = [plan[number - count] if number >= count - len(plan) else None for plan in planned]
        rows, size = [], 0.0
        nested = [_nested(sources, chosen, one, groups, grid) for one in ahead]
        for lookback in grid.lookbacks:
            judged = [_judge(*both, lookback, one, grid) for both, one in zip(nested, ahead, strict=True)]
            known = [one for one in judged if one is not None]
            if len(known) < len(judged):
                break
            rows.append(sum(steps * errors for steps, errors, _ in known) / sum(steps for steps, _, _ in known))
            size = max(size, known[0][2])
        if len(rows) == len(grid.lookbacks):
            found.append(np.array(rows).swapaxes(0, 1))
            sizes.append(size)
    return Errors(np.maximum(np.array(found), 0.0), np.array(sizes)) if found else None


def _nested(
    sources: Sequence[Source], chosen: Sequence[Fold | None], ahead: Ahead, groups: Steps, grid: Grid
) -> tuple[NestedSums, NestedSums]:
    """The sums of an origin's training windows and of those that it judges."""
    learned = [None if one is None else one.learned for one in chosen]
    judged = [None if one is None else one.judged for one in chosen]
    longest = grid.lookbacks[-1]
    return (
        NestedSums(sources, learned, ahead, groups, longest, grid.decay),
        NestedSums(sources, judged, ahead, groups, longest),
    )


def _judge(
    learning: NestedSums, judging: NestedSums, lookback: int, ahead: Ahead, grid: Grid
) -> tuple[int, Array, float] | None:
    """Steps, errors [maps, trailing, alphas] and learned windows of one look-back and block; None without windows."""
    learned, judged = learning.of(lookback), judging.of(lookback)
    if learned is None or judged is None or not (learned.weight.all() and judged.weight.all()):
        return None
    steps = ahead.last - ahead.first
    errors = []
    for which in range(len(learned.weight)):
        spectrum = grid.spectrum(learned, which, lookback)
        held_out = Moments.of(judged, which, lookback)
        if ahead.first:
            before, until = spectrum.errors(held_out, [ahead.first, ahead.last])
            errors.append((ahead.last * until - ahead.first * before) / steps)
        else:
            errors.append(spectrum.errors(held_out, [ahead.last])[0])
    return steps, np.array(errors), float(learned.weight.sum())


def weigh(relative: Array, grid: Grid) -> Array:
    """Return weights of the candidates that sum to 1 and decay with the distance from the lowest relative error.

    A look-back represents all those down to the next one of the grid, so that a finer grid changes little. Among
    equals longer ones weigh more, by their square: the judged maps learned from less data than the final one, and so
    understate long look-backs.
    """
    excess = relative / relative.min() - 1
    if grid.smoothing == 0:
        weights = (excess == 0).astype(np.float64)
    else:
        lookbacks = np.asarray(grid.lookbacks, np.float64)
        prior = np.diff(lookbacks, prepend=0) * lookbacks**2
        weights = np.exp(-excess / grid.smoothing) * prior[:, None, None]
    weights[weights < LEAST * weights.max()] = 0
    return np.asarray(weights / weights.sum())


def solve(
    sources: Sequence[Source],
    groups: Steps,
    grid: Grid,
    weights: Sequence[Array],
    ahead: Sequence[Ahead],
    *,
    held_out: bool = False,
) -> list[LinearMap]:
    """The maps of the longest look-back: weighted means of all candidates, weights [lookbacks, trailing, alphas] a map.

    held_out
        Learn from the validation part, too.

    Raises DataError when a map has no window whose targets were observed.
    """
    longest, horizon = max(grid.lookbacks), ahead[-1].last
    maps = [LinearMap(np.zeros((horizon, longest)), np.zeros(horizon)) for _ in weights]
    learned = [
        source.train.extended(source.held_out) if held_out and source.held_out is not None else source.train
        for source in sources
    ]
    read = [number for number in range(len(grid.lookbacks)) if any(weight[number].any() for weight in weights)]
    for block in ahead:
        nested = NestedSums(sources, learned, block, groups, grid.lookbacks[read[-1]], grid.decay)
        for number in read:
            lookback = grid.lookbacks[number]
            sums, steps = nested.of(lookback), slice(block.first, block.last)
            assert sums is not None
            for which in range(len(weights)):
                if not sums.weight[which]:
                    raise DataError(
                        f"ridge: the training part has no window of {lookback} + {block.last} steps whose targets"
                        f" {block.first + 1} to {block.last} steps ahead were observed; shorten lookback or horizon, or"
                        " use data with fewer gaps"
                    )
                if weights[which][number].any():
                    found = grid.spectrum(sums, which, lookback).solution(weights[which][number])
                    maps[which].weight[steps, longest - lookback :] += found.weight[steps]
                    maps[which].bias[steps] += found.bias[steps]
    return maps
