"""The input of a closed-form fit: series as arrays, and the stretches of steps that contain windows."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.layers.gram import Array, Runs, WindowSums, window_sums

Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Stretches:
    """Stretches of consecutive steps, [stretches] each: positions in the series array.

    Windows of series number `item` read from `floor` on, and forecast steps from `begin` (inclusive) to `end`
    (exclusive).
    """

    item: Steps
    floor: Steps
    begin: Steps
    end: Steps

    def runs(self, lookback: int, horizon: int) -> Runs:
        """The starts of all windows of one size."""
        first = np.maximum(self.begin - lookback, self.floor)
        last = self.end - lookback - horizon
        held = last >= first
        return Runs(first[held], last[held])

    def more_runs(self, lookback: int, horizon: int, longest: int) -> Runs:
        """The starts of those windows that have no counterpart with a look-back of `longest` steps.

        They are the first ones of a series: later ones have `longest` steps before their origin.
        """
        first = np.maximum(self.begin - lookback, self.floor)
        newest = self.end - lookback - horizon
        last = np.minimum(newest, np.maximum(self.begin, self.floor + longest) - lookback - 1)
        held = last >= first
        return Runs(first[held], last[held], newest[held])

    def until(self, cut: Steps) -> "Stretches":
        """Only what lies before `cut`, one step a stretch."""
        return replace(self, end=np.minimum(self.end, cut))

    def between(self, low: Steps, high: Steps) -> "Stretches":
        """Forecasts of the steps from `low` to `high`; look-backs still read what lies before."""
        return replace(self, begin=np.maximum(self.begin, low), end=np.minimum(self.end, high))

    def extended(self, later: "Stretches") -> "Stretches":
        """Through to the ends of stretches of the same series that come later."""
        place = np.minimum(np.searchsorted(later.item, self.item), len(later.item) - 1)
        return replace(self, end=np.where(later.item[place] == self.item, later.end[place], self.end))


@dataclass(frozen=True)
class Ahead:
    """Steps ahead that are solved together: from `first` (0 for the next step) to `last`, exclusive."""

    first: int
    last: int


@dataclass(frozen=True)
class Fold:
    """One origin: training stretches before it and judged stretches after it."""

    learned: Stretches
    judged: Stretches


@dataclass(frozen=True)
class Source:
    """One dataset: values [steps, channels] float64, its training stretches, and those held out for validation.

    observed
        [steps, channels] or None when everything was observed.
    weight
        Weight of its sums among those of other datasets.
    stride
        Sums run over one window of so many.
    """

    values: Array
    train: Stretches
    held_out: Stretches | None
    observed: NDArray[np.bool_] | None = None
    weight: float = 1.0
    stride: int = 1

    def sums(self, runs: Runs, lookback: int, ahead: Ahead, groups: Steps, decay: float = 1.0) -> WindowSums:
        """The sums over windows of `lookback` steps and the horizon up to `ahead.last`, at the starts `runs`.

        Windows with a target among the steps `ahead` that was not observed are left out.
        """
        width = lookback + ahead.last
        runs = runs.every(self.stride)
        add = summed_by.get() or _summed_here
        if self.observed is None:
            return add(self, slice(None), runs, width=width, rows=lookback, groups=groups, decay=decay)
        maps = int(groups.max()) + 1
        shapes = ((maps, lookback, width), (maps, width), (maps, width), (maps,))
        total = WindowSums(*map(np.zeros, shapes))
        for channel, into in enumerate(groups):
            kept = self.complete(runs, lookback, ahead, channel)
            found = add(self, slice(channel, channel + 1), kept, width=width, rows=lookback, decay=decay)
            for sums, part in zip(total.parts(), found.parts(), strict=True):
                sums[into] += part[0]
        return total

    def complete(self, runs: Runs, lookback: int, ahead: Ahead, channel: int) -> Runs:
        """The windows whose targets, and the last value before them, were all observed."""
        if self.observed is None:
            return runs
        missing = np.concatenate([[0], np.cumsum(~self.observed[:, channel])])
        origin = runs.starts() + lookback
        targets = missing[origin + ahead.last] == missing[origin + ahead.first]
        return runs.where(targets & (missing[origin] == missing[origin - 1]))


def _summed_here(source: Source, channels: slice, runs: Runs, **how: Any) -> WindowSums:
    return window_sums(source.values[:, channels], runs, **how)


Summing = Callable[..., WindowSums]  # of a source, some channels and runs; further arguments are those of `window_sums`
summed_by: ContextVar[Summing | None] = ContextVar("summed_by", default=None)


def of_windows(train: Windows | Mix, held_out: Windows | Mix | None, channels: Sequence[int]) -> list[Source]:
    """The sources that windows were cut from, of these channels alone."""
    learned = train.sets if isinstance(train, Mix) else (train,)
    judged = () if held_out is None else held_out.sets if isinstance(held_out, Mix) else (held_out,)
    same = {id(one.values): one for one in judged}
    shares = train.weights if isinstance(train, Mix) else None
    weights = [1.0] * len(learned) if shares is None else [a / len(one) for a, one in zip(shares, learned, strict=True)]
    return [
        _source(one, same.get(id(one.values)), channels, weight) for one, weight in zip(learned, weights, strict=True)
    ]


def _source(train: Windows, held_out: Windows | None, channels: Sequence[int], weight: float) -> Source:
    all_of_them = len(channels) == 0 or list(channels) == list(range(train.channels))
    chosen = slice(None) if all_of_them else list(channels)
    observed = None if train.masks is None else train.masks.observed.array[:, chosen]
    learned = _stretches(train, 0)
    judged = None if held_out is None else _stretches(held_out, held_out.lookback)
    values = train.values.array[:, chosen].astype(np.float64)
    values -= values.mean(0)  # maps move with the level: without it, less is lost to rounding
    return Source(values, learned, judged, observed, weight)


def _stretches(windows: Windows, before: int) -> Stretches:
    """From the first to the last window of each series; its first `before` steps are not forecast."""
    items = windows.items
    first = np.flatnonzero(np.diff(items, prepend=-1))
    last = np.append(first[1:], len(items)) - 1
    floor, end = (windows.starts[at].astype(np.int64) for at in (first, last))
    return Stretches(items[first].astype(np.int64), floor, floor + before, end + windows.steps)


def folds(source: Source, count: int, horizon: int) -> list[Fold]:
    """Origins that move forward through the training part; the validation part, where there is one, is the last.

    All of them judge stretches as long as the validation part, or a fifth of the training part where there is none.
    An origin needs at least a third of the training part before it.
    """
    train, last = source.train, source.held_out
    length = train.end - train.floor
    found = [] if last is None else [Fold(train, last)]
    block = length // 5 if last is None else np.full_like(length, int((last.end - last.begin).max()))
    block = np.maximum(block, 2 * horizon)
    for number in range(1, count - len(found) + 1):
        cut, until = train.end - number * block, train.end - (number - 1) * block
        enough = cut - train.floor >= length // 3
        if not enough.any():
            break
        cut = np.where(enough, cut, train.floor)
        until = np.where(enough, until, train.floor)
        found.insert(0, Fold(train.until(cut), train.between(cut, until)))
    return found


def blocks(sources: Sequence[Source], lookback: int, horizon: int) -> list[Ahead]:
    """The horizon as blocks that are solved each from its own windows: one where everything was observed.

    Scattered gaps leave few windows with all targets of a long horizon observed. Blocks are halved until they keep at
    least half of the windows that a single step keeps.
    """
    size = horizon
    while size > 1 and _kept(sources, lookback, Ahead(0, size)) < 0.5 * _kept(sources, lookback, Ahead(0, 1)):
        size = -(-size // 2)
    return [Ahead(first, min(first + size, horizon)) for first in range(0, horizon, size)]


def _kept(sources: Sequence[Source], lookback: int, ahead: Ahead) -> int:
    found = 0
    for source in sources:
        runs = source.train.runs(lookback, ahead.last)
        found += sum(
            source.complete(runs, lookback, ahead, channel).windows for channel in range(source.values.shape[1])
        )
    return found
