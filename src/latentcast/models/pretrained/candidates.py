"""Forecasts in closed form: what the network weighs. All series of a context at once, in its units."""

from dataclasses import dataclass

import numpy as np

from latentcast.models.pretrained import smoothing
from latentcast.models.pretrained.autocorrelation import autoregression, correlations
from latentcast.models.pretrained.context import Context, Rows
from latentcast.models.pretrained.seasonal import Profile, decompose
from latentcast.models.pretrained.seasonal_states import States

LOG_VARIANTS = ((0.1, 0.0, 0.0), (0.5, 0.0, 0.0), (0.9, 0.0, 0.0), (0.5, 0.08, 0.95), (0.2, 0.02, 1.0), (0.7, 0.1, 1.0))
SES = tuple(f"smoothing-{variant[0]:g}" for variant in smoothing.VARIANTS if variant[1] == 0)
HOLT = tuple(f"holt-{a:g}-{b:g}-{c:g}" for a, b, c in smoothing.VARIANTS if b > 0)
NAMES = (
    *SES,
    *HOLT,
    "smoothing-average",
    "smoothing-average-no-season",
    "smoothing-average-quick-season",
    "line-6",
    "line-20",
    "line-60",
    "line-300",
    "line-20-damped",
    "line-60-damped",
    "theta",
    "autoregression",
    "seasonal-autoregression",
    "last-value",
    "mean",
    "median",
    "seasonal-naive",
    "seasonal-mean-3",
    "seasonal-mean-3-shifted",
    "seasonal-naive-shifted",
    "seasonal-naive-drift",
    "seasonal-difference",
    "second-naive",
    "second-mean",
    "second-profile",
    "log-smoothing-average",
    "log-line-20-damped",
    "log-line-60",
    "log-seasonal-naive",
    "holt-winters",
    "holt-winters-level",
    "holt-winters-damped",
    "holt-winters-linear",
    "log-holt-winters",
    "log-holt-winters-damped",
)
FIRST = NAMES.index("holt-winters")  # candidates of the weights that shipped first: those before


@dataclass(frozen=True)
class Candidates:
    """Forecasts [series, steps, candidate] and what they were made of, which features read.

    `adjusted` [series, time] is the context without its season, `slow` and `quick` its profiles, `second` that of the
    second season; `smoothed` the state of exponential smoothing; `lines` levels and slopes of straight lines.
    """

    values: Rows
    adjusted: Rows
    slow: Profile
    quick: Profile
    second: Profile
    smoothed: smoothing.Smoothed
    lines: tuple[Rows, Rows]
    log_errors: Rows


def candidates(
    context: Context, steps: np.ndarray, *, states: States | None = None, number: int = len(NAMES)
) -> Candidates:
    """The first `number` candidates at the given steps ahead (1 is the next one), in the order of `NAMES`.

    `states` are those of Holt-Winters smoothing at the end of the context; None finds them.
    """
    z, seen = context.values, context.seen
    slow, quick, second, adjusted = decompose(z, seen, context.season, context.second)
    season = _ahead(slow, steps) + _ahead(second, steps)
    smoothed = smoothing.smooth(adjusted, seen)
    paths = smoothed.ahead(steps)
    average = (paths * smoothed.weights()[:, None]).sum(2)
    quick_season = quick.strength * quick.ahead(steps) + _ahead(second, steps)
    level, slope = smoothing.lines(adjusted, seen)
    far = steps.astype(np.float32)[None]
    straight = [level[:, [k]] + slope[:, [k]] * far + season for k in range(4)]
    damped = [level[:, [k]] + slope[:, [k]] * _damped(steps, 0.9 if k == 1 else 0.97) + season for k in (1, 2)]
    theta = smoothed.level[:, [2]] + 0.5 * slope[:, [3]] * far + season
    base = (z * seen).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
    middle = np.median(z, axis=1, keepdims=True) if seen.all() else _median(z, seen)
    centre = level[:, [3]]
    ar = autoregression(adjusted - centre, seen, _lags(1, z.shape[1]), steps) + centre + season
    seasonal_ar = autoregression(z - centre, seen, _lags(context.season, z.shape[1]), steps) + centre
    constant = [np.broadcast_to(part, average.shape) for part in (z[:, -1:], base, middle)]
    logs, log_errors = _in_logs(context, steps, average + season)
    parts = [
        *np.moveaxis(paths + season[..., None], 2, 0),
        average + season,
        average,
        average + quick_season,
        *straight,
        *damped,
        theta,
        ar,
        seasonal_ar,
        *constant,
        *_seasonal(context, steps),
        *_second(context, second, steps, smoothed.level[:, [2]] + _ahead(slow, steps)),
        *logs,
    ]
    if number > FIRST:
        states = states or States.of(context, (z.shape[1],))[0]
        parts += states.ahead(context, steps, smoothed, season, logs[0])
    values = np.stack(parts, 2)
    low, high = z.min(1)[:, None, None], z.max(1)[:, None, None]
    reach = (high - low) * (1 + 0.02 * steps.astype(np.float32)[None, :, None])
    values = np.clip(values, low - reach, high + reach)
    return Candidates(values, adjusted, slow, quick, second, smoothed, (level, slope), log_errors)


def _lags(season: int, time: int) -> tuple[int, ...]:
    """Lags of an autoregression: the last few steps, and those around one season where two fit in."""
    few = tuple(range(1, min(4, max(1, time // 3)) + 1))
    return (*few, season - 1, season, season + 1) if season > 5 and 2 * season + 2 <= time else few


def _ahead(part: Profile, steps: np.ndarray) -> Rows:
    return part.strength * part.ahead(steps)


def _damped(steps: np.ndarray, damping: float) -> Rows:
    return (damping * (1 - damping**steps) / (1 - damping)).astype(np.float32)[None]


def _median(z: Rows, seen: Rows) -> Rows:
    """[series, 1] median of what was observed."""
    ordered = np.sort(np.where(seen > 0, z, np.inf), 1)
    last = np.maximum(seen.sum(1).astype(int) - 1, 0)
    low, high = ordered[np.arange(len(z)), last // 2], ordered[np.arange(len(z)), (last + 1) // 2]
    middle = 0.5 * (low + high)
    return np.where(np.isfinite(middle), middle, 0).astype(np.float32)[:, None]


def cycles_back(z: Rows, season: int, steps: np.ndarray, cycle: int) -> Rows:
    """[series, steps] the values of the same phase, `cycle` cycles before (1 is the last one); the oldest beyond."""
    place = z.shape[1] - cycle * season + (steps - 1) % season
    while place.min() < 0:
        place = np.where(place < 0, place + season, place)
    return z[:, np.minimum(place, z.shape[1] - 1)]


def _seasonal(context: Context, steps: np.ndarray) -> list[Rows]:
    """Seasonal naive and its relatives; without a season, those of a random walk."""
    z, season = context.values, context.season
    time = z.shape[1]
    naive = cycles_back(z, season, steps, 1)
    ahead = ((steps - 1) // season + 1).astype(np.float32)[None]
    cycles = min(3, time // season)
    three = sum(cycles_back(z, season, steps, cycle) for cycle in range(1, cycles + 1)) / max(cycles, 1)
    if time < 2 * season:
        return [naive, three, naive, naive, naive, naive]
    shift = z[:, -season:].mean(1, keepdims=True) - z[:, -cycles * season :].mean(1, keepdims=True)
    change = z[:, -season:].mean(1, keepdims=True) - z[:, -2 * season : -season].mean(1, keepdims=True)
    differences = z[:, season:] - z[:, :-season]
    both = context.seen[:, season:] * context.seen[:, :-season]
    mean = (differences * both).sum(1, keepdims=True) / np.maximum(both.sum(1, keepdims=True), 1)
    kept = np.clip(correlations(differences, both, (1,)), 0, 0.995)
    short = max(1, min(3, season // 4))
    excess = differences[:, -short:].mean(1, keepdims=True) - mean
    returned = naive + mean * ahead + excess * kept ** steps.astype(np.float32)[None]
    return [naive, three, three + shift, naive + 0.5 * change, naive + mean * ahead, returned]


def _second(context: Context, second: Profile, steps: np.ndarray, plain: Rows) -> list[Rows]:
    """Values and means of the same phase of the second season, shifted to the present level, and its profile."""
    z, long = context.values, context.second
    time = z.shape[1]
    if long < 2 or long > time:
        fallback = cycles_back(z, context.season, steps, 1)
        return [fallback, fallback, plain]
    count = max(1, min(3, time // long))
    naive = cycles_back(z, long, steps, 1)
    mean = sum(cycles_back(z, long, steps, cycle) for cycle in range(1, count + 1)) / count
    return [naive, mean, plain + _ahead(second, steps)]


def _in_logs(context: Context, steps: np.ndarray, fallback: Rows) -> tuple[list[Rows], Rows]:
    """Multiplicative candidates where all values are positive; the additive average elsewhere."""
    count, time = context.values.shape
    low = context.original.min(1)
    rows = np.flatnonzero((low > 0) & (context.original.max(1) < 1e4 * np.maximum(low, 1e-300)))
    parts = [fallback.copy() for _ in range(4)]
    errors = np.zeros((count, 1), np.float32)
    if not len(rows):
        return parts, errors
    original = context.original[rows]
    logs64 = np.log(original)
    middle = logs64[:, -1:]
    logs, seen = (logs64 - middle).astype(np.float32), context.seen[rows]
    slow, _, second, adjusted = decompose(logs, seen, context.season, context.second, quickly=False)
    season = _ahead(slow, steps) + _ahead(second, steps)
    smoothed = smoothing.smooth(adjusted, seen, LOG_VARIANTS)
    average = (smoothed.ahead(steps) * smoothed.weights()[:, None]).sum(2) + season
    level, slope = smoothing.lines(adjusted, seen)
    damped = level[:, [1]] + slope[:, [1]] * _damped(steps, 0.9) + season
    straight = level[:, [2]] + slope[:, [2]] * steps.astype(np.float32)[None] + season
    naive = cycles_back(logs, context.season, steps, 1)
    if time >= 2 * context.season:
        change = logs[:, -context.season :].mean(1, keepdims=True)
        change = change - logs[:, -2 * context.season : -context.season].mean(1, keepdims=True)
        naive = naive + change * (((steps - 1) // context.season + 1)[None] * 0.7).astype(np.float32)
    top = np.log(4.0) + logs.max(1, keepdims=True)
    for part, found in zip(parts, (average, damped, straight, naive), strict=True):
        values = np.exp(np.minimum(found, top).astype(np.float64) + middle)
        part[rows] = ((values - context.location[rows]) / context.scale[rows]).astype(np.float32)
    units = context.scale[rows, 0] / np.maximum(original.mean(1), 1e-300)
    errors[rows, 0] = np.log(np.maximum(smoothed.error.min(1) / np.maximum(units, 1e-12), 1e-4))
    return parts, errors
