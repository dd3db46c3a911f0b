"""Choose the method of prediction intervals and make them.

conformal  the base widened by a quantile of its scores on held-out windows, for each step ahead
adaptive   the same, with radii that adapt to the outcomes known at each origin
quantiles  quantiles of a head trained on them, unchanged
paths      quantiles of sampled paths, unchanged

The base of the first two is the richest that was calibrated: paths, quantiles, or the point forecast of any model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError, Fault, SettingsError, suggest
from latentcast.data.panel.panel import Panel
from latentcast.data.types import Level
from latentcast.evaluation.conformal import Tracker, column, score, widened, windows_needed
from latentcast.evaluation.forecasts import Bands, ForecastBatch
from latentcast.evaluation.interval_metrics import named
from latentcast.evaluation.metrics import Array
from latentcast.forecaster.calibration import Base, Calibration, bands_of, base_band, quantile_at

METHODS = ("auto", "conformal", "adaptive", "quantiles", "paths")
PATHS = 100  # default number of paths of each window


def check_unasked(method: str, paths: int = PATHS) -> None:
    """Raise SettingsError for interval options without a level."""
    said = [f"interval_method={method!r}"] * (method != "auto") + [f"paths={paths}"] * (paths != PATHS)
    if said:
        raise SettingsError(f"{', '.join(said)}: of intervals of which level? set it too (level=[80, 90])")


def levels_of(level: Any) -> tuple[float, ...]:
    """One level or several, in per cent → ascending, each once. Raises SettingsError with every fault."""
    given = list(level) if isinstance(level, Sequence | np.ndarray) and not isinstance(level, str) else [level]
    faults = [] if given else ["level=[]: wanted at least one, as level=[80, 90]"]
    for value in given:
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not isfinite(value) or not 0 < value < 100:
            faults.append(
                Fault("level", f"={value!r}: wanted a number of per cent between 0 and 100, as level=[80, 90]")
            )
        elif value < 1:
            faults.append(Fault("level", f"={value!r}: levels are per cent; for {100 * value:g} % say {100 * value:g}"))
    if faults:
        raise SettingsError(faults)
    return tuple(sorted({float(value) for value in given}))


def interval_columns(name: str, levels: Sequence[float], batches: Sequence[ForecastBatch]) -> dict[str, Array]:
    """<name>-lo-90 … <name>-hi-90, from the lowest bound to the highest: one value per window, target and step, in
    original units."""

    def column_of(place: int, *, upper: bool) -> Array:
        cuts = [(batch, batch.bands.hi if upper else batch.bands.lo) for batch in batches if batch.bands is not None]
        ends = [batch.in_original(cut[..., place]) for batch, cut in cuts]
        return np.concatenate([end.transpose(0, 2, 1).reshape(-1) for end in ends])

    places = range(len(levels))
    lower = {f"{name}-lo-{named(levels[n])}": column_of(n, upper=False) for n in reversed(places)}
    return lower | {f"{name}-hi-{named(levels[n])}": column_of(n, upper=True) for n in places}


def quantile_columns(
    name: str,
    made: Mapping[str, Array],
    levels: Sequence[float],
    quantiles: Sequence[float],
    batches: Sequence[ForecastBatch],
) -> dict[str, Array]:
    """The ends of the intervals of some levels, and <name>-q-0.1 … of quantiles, out of `interval_columns`.

    The median is the point forecast.
    """
    asked = {named(level) for level in levels}
    columns = {column: values for column, values in made.items() if column.rpartition("-")[2] in asked}
    for tau in quantiles:
        if tau == 0.5:
            values = np.concatenate([batch.original.transpose(0, 2, 1).reshape(-1) for batch in batches])
        else:
            level = named(round(abs(2 * tau - 1) * 100, 9))
            values = made[f"{name}-{'lo' if tau < 0.5 else 'hi'}-{level}"]
        columns[f"{name}-q-{tau:.10g}"] = values
    return columns


@dataclass(frozen=True)
class Intervals:
    """Method of the intervals of some forecasts. `levels` are per cent, ascending; `method` is one of METHODS."""

    levels: tuple[float, ...]
    method: str
    calibration: Calibration | None
    quantile_levels: tuple[float, ...]
    paths: int = 0

    @property
    def in_a_row(self) -> bool:
        """Whether all consecutive windows are needed, not only the requested ones."""
        return self.method == "adaptive"

    @property
    def base(self) -> Base:
        """What the base needs of every forecast."""
        if self.calibration is not None:
            return self.calibration.base
        return "paths" if self.method == "paths" else "quantiles"

    def words(self) -> str:
        if self.calibration is not None:
            follow = ", the radii following the outcomes known at each origin" if self.method == "adaptive" else ""
            return f"{self.method} {self.calibration.words()}{follow}"
        return {
            "quantiles": "quantiles of the model as they are, not calibrated",
            "paths": f"quantiles of {self.paths} sampled paths as they are, not calibrated",
        }[self.method]

    @property
    def stride(self) -> int:
        """Spacing of the calibration windows."""
        return 1 if self.calibration is None else self.calibration.spacing

    def around(self, batches: Iterator[ForecastBatch], panel: Panel, pace: int = 1) -> Iterator[ForecastBatch]:
        """The batches with their intervals. Adaptive ones need the windows of each item in order, `pace` steps apart.

        Raises DataError when a level needs more held-out windows than there were.
        """
        calibration = self.calibration
        if calibration is None:
            for batch in batches:
                lo, hi = self._base_ends(batch, [level / 100 for level in self.levels])
                made = batch.distribution
                if self.method == "paths" and made is not None:
                    made = replace(made, quantiles=None)
                yield replace(batch, bands=Bands(lo, hi), distribution=made)
            return
        shares = [level / 100 for level in self.levels]
        bands = [calibration.band_for(share) for share in shares]
        start = self._radii(calibration, bands, shares)
        if self.in_a_row:
            high, low = (self._radii(calibration, bands, [end] * len(bands)) for end in (0.9, 0.1))
        tracker, of_item = None, -1
        rows: NDArray[np.int64] | None = None
        for batch in batches:
            if rows is None:
                rows = calibration.rows_for(panel, batch.scaled.shape[2])
                self._check(int(calibration.counts[rows].min()))
            assert batch.distribution is not None
            units, observed = batch.distribution.unit[..., None], batch.outcome.observed
            lo, hi = self._base_ends(batch, [calibration.bands[band] for band in bands])
            if self.in_a_row:
                scores = score(batch.outcome.scaled[..., None], lo, hi, units)
                radius = np.empty((*scores.shape[:-1], len(shares)))
                for n, item in enumerate(batch.index.items):
                    if tracker is None or item != of_item:
                        begin, spread = (np.moveaxis(each[rows[item]], 0, 1) for each in (start, high - low))
                        tracker, of_item = Tracker(begin, spread, np.array(shares), pace=pace), int(item)
                    radius[n] = tracker.step(scores[n], None if observed is None else observed[n])
            else:
                items = batch.index.items
                one = (items == items[0]).all()  # of many windows of one item it is gathered once
                radius = start[rows[items[:1] if one else items]].swapaxes(1, 2)
            lo, hi = widened(lo, hi, radius, units)
            if len(set(bands)) > 1:  # a wider level holds the narrower ones, also where they come from different bands
                lo, hi = np.minimum.accumulate(lo, axis=-1), np.maximum.accumulate(hi, axis=-1)
            yield replace(batch, bands=Bands(lo, hi), distribution=None)

    def _base_ends(self, batch: ForecastBatch, bands: Sequence[float]) -> tuple[Array, Array]:
        """[batch, horizon, target, level] ends of the base; one for all levels where its band is the same."""
        ends = [base_band(batch, self.base, band, self.quantile_levels) for band in dict.fromkeys(bands)]
        if len(ends) == 1:
            lo, hi = ends[0]
            return lo[..., None], hi[..., None]
        places = [list(dict.fromkeys(bands)).index(band) for band in bands]
        return np.stack([ends[n][0] for n in places], axis=-1), np.stack([ends[n][1] for n in places], axis=-1)

    @staticmethod
    def _radii(calibration: Calibration, bands: list[int], shares: list[float]) -> Array:
        """[row, horizon, level] of the table."""
        return calibration.table[:, :, bands, [column(share) for share in shares]].astype(np.float64)

    def _check(self, count: int) -> None:
        short = [level for level in self.levels if windows_needed(level / 100) > count]
        if short:
            needed = windows_needed(short[0] / 100)
            most = f"the highest level is {int(10_000 * count / (count + 1)) / 100:g}" if count else "none can be had"
            were = "was" if count == 1 else "were"
            raise DataError(
                f"level {short[0]:g} needs at least {needed} held-out windows, and there {were} {count} with observed"
                f" outcomes: {most}; ask for lower levels, or calibrate on a longer part (forecaster.calibrate,"
                " latentcast calibrate)"
            )


def choose(
    level: Level,
    method: str,
    *,
    model: str,
    calibration: Calibration | None,
    quantile_levels: tuple[float, ...],
    samples: bool,
    paths: int = PATHS,
) -> Intervals:
    """Choose the requested method, or for `auto` the first available: calibrated scores, quantiles, paths.

    Raises SettingsError for levels that are none, an unknown method, or one that this model has not; DataError where
    nothing was held out to calibrate on.
    """
    levels = levels_of(level)
    if method not in METHODS:
        raise SettingsError(Fault("interval_method", f"={method!r} is no method; {suggest(str(method), METHODS)}"))
    if isinstance(paths, bool) or not isinstance(paths, int) or paths < 2:
        raise SettingsError(Fault("paths", f"={paths!r}: wanted a whole number of at least 2"))
    if method == "auto":
        method = "conformal" if calibration else "quantiles" if quantile_levels else "paths" if samples else "conformal"
    if method in ("conformal", "adaptive"):
        if calibration is None:
            raise DataError(
                f"{method} intervals need held-out windows, and this {model} was saved without any: calibrate it on"
                " data that were not trained on (forecaster.calibrate(data, part=…), latentcast calibrate DIR DATA)"
            )
        return Intervals(levels, method, calibration, quantile_levels, paths)
    if method == "quantiles":
        _check_quantiles(levels, model, quantile_levels)
        return Intervals(levels, method, None, quantile_levels, paths)
    if not samples:
        raise SettingsError(
            Fault("interval_method", f"='paths': {model} draws no paths; interval_method='conformal' takes any model")
        )
    needed = max(windows_needed(level / 200 + 0.5) for level in levels)
    if paths < needed:
        raise SettingsError(Fault("paths", f"={paths} are too few for level {levels[-1]:g}: wanted at least {needed}"))
    return Intervals(levels, method, None, quantile_levels, paths)


def _check_quantiles(levels: Sequence[float], model: str, learned: tuple[float, ...]) -> None:
    if not learned:
        raise SettingsError(
            Fault(
                "interval_method",
                f"='quantiles': {model} forecasts points alone; interval_method='conformal' takes any model,"
                " and one with model.head=quantile learns quantiles",
            )
        )
    missing = [n for n in levels if None in (quantile_at(learned, 0.5 - n / 200), quantile_at(learned, 0.5 + n / 200))]
    if missing:
        able = [f"{100 * band:g}" for band in bands_of("quantiles", learned) if band]
        wanted = ", ".join(f"{end:g}" for n in missing for end in (0.5 - n / 200, 0.5 + n / 200))
        raise SettingsError(
            f"level {', '.join(f'{n:g}' for n in missing)}: this {model} learned the quantiles"
            f" {', '.join(f'{q:g}' for q in learned)}, which make intervals of {', '.join(able) or 'no level'};"
            f" interval_method='conformal' reaches any level, or learn {wanted} too (its setting quantiles)"
        )
