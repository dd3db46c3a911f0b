"""Features of a window and of each step ahead, squashed by asinh and finite."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentcast.models.pretrained.autocorrelation import correlations, spreads, walk_statistics
from latentcast.models.pretrained.candidates import FIRST, NAMES, Candidates, candidates, cycles_back
from latentcast.models.pretrained.context import Context, Rows, mean_difference, prepare
from latentcast.models.pretrained.seasonal import fold
from latentcast.models.pretrained.seasonal_states import States

RECENT = 32
RECENT_ENOUGH = 256  # steps that a backtest reads
BLOCKS = 24
CYCLES = 10
FARTHEST = 256  # steps ahead beyond which the network is told no larger number
LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24)


@dataclass(frozen=True)
class Features:
    """Inputs of the network for one context.

    Attributes
    ----------
    window
        [series, feature] numbers of the whole context.
    step
        [series, steps, feature] numbers of each step ahead.
    candidates
        [series, steps, candidate] forecasts in units of the context.
    unit
        [series, steps, 1] size of corrections and of the distance between quantiles.
    skill
        [series, 2, candidate] log errors of the candidates near and far ahead, in a backtest within the context.
    """

    window: Rows
    step: Rows
    candidates: Rows
    unit: Rows
    skill: Rows

    def parts(self) -> tuple[Rows, Rows, Rows, Rows, Rows]:
        """The arrays in the order that the network takes them."""
        return self.window, self.step, self.candidates, self.unit, self.skill


def features(context: Context, steps: np.ndarray, number: int = len(NAMES)) -> Features:
    """Features of all series of a context at the given steps ahead.

    `number` is that of the candidates which the weights know: those that shipped first know `FIRST` of them.
    """
    origins = _origins(context)
    time = context.values.shape[1]
    ends = (time, *origins)
    states: list[States | None] = [*States.of(context, ends)] if number > FIRST else [None] * len(ends)
    found = candidates(context, steps, states=states[0], number=number)
    spread = spreads(found.adjusted, context.seen, steps)
    values = found.values
    average = values[:, :, [NAMES.index("smoothing-average")]]
    apart = np.abs(values - average).mean(2)
    unit = (0.2 + 0.5 * spread + 0.5 * np.minimum(apart, 20.0))[..., None]
    errors = _backtest(context, origins, states[1:], number)
    mean = np.maximum(errors.mean(2, keepdims=True), 1e-6)
    skill = np.log(np.clip(errors / mean, 0.05, 10)).astype(np.float32) if origins else np.zeros_like(errors)
    parts = [_window(context, found), skill.reshape(len(skill), -1)]
    if number > FIRST:
        parts.append(_sizes_of_errors(errors, mean))
    step = _steps(context, found, steps, average, spread, apart, unit)
    return Features(np.concatenate(parts, 1), step, values, unit, skill)


def input_sizes(number: int) -> tuple[int, int]:
    """Numbers of features of a window and of a step, for weights that know so many candidates."""
    found = features(prepare(np.arange(8.0)[None], 1), np.array([1]), number)
    return found.window.shape[1], found.step.shape[2]


def _origins(context: Context) -> tuple[int, ...]:
    """Two origins of a backtest within the context, the earlier one first; none where it is too short."""
    time = context.values.shape[1]
    held = min(max(6, min(context.season, 48)), time // 4)
    return (time - held, time - max(1, held // 2)) if held >= 2 else ()


def _backtest(context: Context, origins: tuple[int, ...], states: Sequence[States | None], number: int) -> Rows:
    """[series, 2, candidate] mean absolute errors near and far ahead, from origins within the context."""
    if not origins:
        return np.zeros((len(context.values), 2, number), np.float32)
    held = context.values.shape[1] - origins[0]
    middle = max(1, held // 2)
    steps = np.unique(np.linspace(1, held, min(held, 6)).astype(np.int64))
    first = _errors_from(context, origins[0], steps, states[0], number)
    second = _errors_from(context, origins[1], steps[steps <= middle], states[1], number)
    near = np.concatenate([first[:, steps <= middle], second], 1).mean(1)
    return np.stack([near, first[:, steps > middle].mean(1)], 1)


def _sizes_of_errors(errors: Rows, mean: Rows) -> Rows:
    """[series, 6] logs of the errors of a backtest: their mean, the least one, and that of Holt-Winters smoothing."""
    parts = [mean[..., 0], errors.min(2), errors[..., FIRST]]
    return _squash(*[np.log(np.maximum(part, 1e-3)) for part in parts])


def _errors_from(context: Context, end: int, steps: np.ndarray, states: States | None, number: int) -> Rows:
    """[series, steps, candidate] absolute errors of forecasts that read the context up to `end`."""
    recent = max(RECENT_ENOUGH, 4 * context.season, 2 * context.second + 2) if number > FIRST else end
    start = max(0, end - recent)
    kept = replace(
        context,
        values=context.values[:, start:end],
        seen=context.seen[:, start:end],
        original=context.original[:, start:end],
        season=context.season if context.season < end else 1,
        second=context.second if context.second < end else 0,
    )
    truth, there = context.values[:, end + steps - 1], context.seen[:, end + steps - 1]
    return np.abs(candidates(kept, steps, states=states, number=number).values - truth[..., None]) * there[..., None]


def _squash(*parts: Rows) -> Rows:
    return np.arcsinh(np.nan_to_num(np.concatenate(parts, -1), nan=0.0, posinf=1e6, neginf=-1e6)).astype(np.float32)


def _last(rows: Rows, number: int) -> Rows:
    """[series, number] the last values, zeros before the beginning."""
    if rows.shape[1] >= number:
        return rows[:, -number:]
    return np.concatenate([np.zeros((len(rows), number - rows.shape[1]), rows.dtype), rows], 1)


def _window(context: Context, found: Candidates) -> Rows:
    z, seen, season = context.values, context.seen, context.season
    adjusted = found.adjusted
    blocks = _last(fold(adjusted * seen, 8).sum(2) / np.maximum(fold(seen, 8).sum(2), 1), BLOCKS)
    cycle = fold(z * seen, season).sum(2) / np.maximum(fold(seen, season).sum(2), 1)
    steps = np.diff(adjusted, axis=1) * seen[:, 1:] * seen[:, :-1]
    size = np.abs(steps)
    mean = size.mean(1, keepdims=True)
    long = context.second or 2 * season
    walk = walk_statistics(context, found.adjusted, steps)
    errors = found.smoothed.error
    best = np.maximum(errors.min(1, keepdims=True), 1e-6)
    lengths = context.lengths[:, None]
    level, slope = found.lines
    flags = np.broadcast_to(
        np.array([season > 1, context.second > 0, np.log(season), season in (4, 12), season in (7, 24, 48, 96)]),
        (len(z), 5),
    )
    integer = (context.original == np.round(context.original)).mean(1, keepdims=True)
    facts = [
        np.log(lengths) - 4,
        np.log(lengths / season),
        (context.original == 0).mean(1, keepdims=True),
        (context.original.min(1, keepdims=True) > 0),
        (context.original.min(1, keepdims=True) >= 0),
        integer,
        np.log1p(np.abs(context.location) / context.scale) * 0.3,
        seen.mean(1, keepdims=True),
        np.log(np.maximum(mean, 1e-4)),
        np.log(np.maximum(best, 1e-4)),
        size.max(1, keepdims=True) / np.maximum(mean, 1e-6) * 0.2,
        np.log(np.maximum(size[:, -8:].mean(1, keepdims=True) / np.maximum(mean, 1e-6), 1e-2)),
        np.log(np.maximum(size[:, -32:].mean(1, keepdims=True) / np.maximum(mean, 1e-6), 1e-2)),
        size[:, -1:] / np.maximum(mean, 1e-6) * 0.3,
        (steps == 0).mean(1, keepdims=True),
        found.slow.strength,
        found.quick.strength,
        found.second.strength,
        np.log(np.maximum(np.abs(found.slow.values).mean(1, keepdims=True), 1e-3)),
        np.log(np.maximum(mean_difference(adjusted, seen, season)[:, None], 1e-3)),
        found.log_errors,
        flags,
    ]
    return _squash(
        _last(z * seen, RECENT),
        _last(adjusted * seen, RECENT),
        blocks,
        _last(cycle, CYCLES),
        3 * correlations(steps, seen[:, 1:], (1, 2, 3, season)),
        3 * correlations(size, seen[:, 1:], (1, season)),
        3 * correlations(adjusted, seen, LAGS),
        3 * correlations(z, seen, (season, 2 * season, long)),
        walk,
        np.log(np.maximum(errors / best, 1e-6)) * 3,
        found.smoothed.level - found.smoothed.level[:, [3]],
        level - found.smoothed.level[:, [3]],
        8 * slope,
        8 * found.smoothed.slope[:, 6:],
        *[np.asarray(fact, np.float32) for fact in facts],
    )


def _steps(
    context: Context, found: Candidates, steps: np.ndarray, average: Rows, spread: Rows, apart: Rows, unit: Rows
) -> Rows:
    z, season = context.values, context.season
    count = (len(z), len(steps))
    back = [cycles_back(z, season, steps + shift, cycle) for cycle, shift in ((1, 1), (1, -1), (2, 0), (3, 0), (4, 0))]
    angle = 2 * np.pi * (steps - 1) / season
    far = np.minimum(steps, FARTHEST).astype(np.float32)
    shared = [
        np.log(far) - 2,
        np.log(far / season),
        np.sin(angle) if season > 1 else 0 * far,
        np.cos(angle) if season > 1 else 0 * far,
        (far <= season) * 1.0,
    ]
    own = [
        np.log(far / context.lengths[:, None]),
        np.log(np.maximum(spread, 1e-3)),
        np.log(np.maximum(apart, 1e-3)),
        np.log(unit[..., 0]),
        found.slow.ahead(steps),
        found.quick.ahead(steps),
        found.second.ahead(steps),
        average[..., 0],
        *[part - average[..., 0] for part in back],
    ]
    numbers = [np.broadcast_to(np.asarray(part, np.float32), count) for part in (*shared, *own)]
    relative = (found.values - average) / unit
    return _squash(2 * relative, np.stack(numbers, 2))
