"""Errors as sums over every forecast value, so that no batch size and no order can change them.

MSE, MAE, RMSE   means over all observed targets of all windows, steps and channels
MAPE, MSPE       fractions, not percent; targets that are exactly zero are left out, `zeros` says how many
sMAPE            2|y - ŷ| / (|y| + |ŷ|), a fraction between 0 and 2; 0 where both are zero
MASE             |y - ŷ| over the mean absolute seasonal difference of the series' training part (Hyndman and Koehler
                 2006), averaged over all targets; series whose training part repeats itself exactly are left out
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel.blocks import in_blocks
from latentcast.data.panel.panel import Panel
from latentcast.evaluation.interval_metrics import IntervalFigures
from latentcast.reporting.notebook import table_html

Array = NDArray[np.float64]


@dataclass
class Errors:
    """Running sums; `add` takes arrays [batch, horizon, channel] and a mask of the same shape or None."""

    sums: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("se", "ae", "ape", "spe", "smape", "ase"), 0.0)
    )
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("all", "nonzero", "scaled"), 0))

    def add(self, target: Array, forecast: Array, seen: NDArray[np.bool_] | None, naive_error: Array) -> None:
        """`naive_error` [batch, 1, channel] is each series' mean absolute seasonal difference, NaN where it is zero."""
        naive = np.broadcast_to(naive_error, target.shape)
        if seen is not None:
            target, forecast, naive = target[seen], forecast[seen], naive[seen]
        with np.errstate(over="ignore"):  # a share of nearly nothing may be infinite, and then so is its mean
            self._add(target, forecast, naive)

    def _add(self, target: Array, forecast: Array, naive: Array) -> None:
        error = np.abs(target - forecast)
        size = np.abs(target)
        nonzero, scaled = size > 0, naive > 0
        share = ratio(error, size, nonzero)
        both = size + np.abs(forecast)
        self.sums["se"] += float(np.square(error).sum())
        self.sums["ae"] += float(error.sum())
        self.sums["ape"] += float(share.sum())
        self.sums["spe"] += float(np.square(share).sum())
        self.sums["smape"] += float(ratio(2 * error, both, both > 0).sum())
        self.sums["ase"] += float(ratio(error, naive, scaled).sum())
        self.counts["all"] += error.size
        self.counts["nonzero"] += int(nonzero.sum())
        self.counts["scaled"] += int(scaled.sum())

    def __add__(self, other: "Errors") -> "Errors":
        """Sums of both."""
        sums = {name: value + other.sums[name] for name, value in self.sums.items()}
        return Errors(sums, {name: count + other.counts[name] for name, count in self.counts.items()})

    def result(self) -> dict[str, float]:
        """Metric → value; NaN where no target counts."""

        def mean(total: str, count: str) -> float:
            return self.sums[total] / self.counts[count] if self.counts[count] else float("nan")

        mse = mean("se", "all")
        return {
            "MSE": mse,
            "MAE": mean("ae", "all"),
            "RMSE": float(np.sqrt(mse)),
            "MAPE": mean("ape", "nonzero"),
            "MSPE": mean("spe", "nonzero"),
            "sMAPE": mean("smape", "all"),
            "MASE": mean("ase", "scaled"),
        }

    @property
    def zeros(self) -> int:
        return self.counts["all"] - self.counts["nonzero"]


def ratio(part: Array, whole: Array, where: NDArray[np.bool_]) -> Array:
    """part / whole, zero elsewhere; a division without a mask takes a third of the time."""
    return part / whole if where.all() else np.divide(part, whole, out=np.zeros_like(part), where=where)


def repeats(difference: Array, level: Array) -> NDArray[np.bool_]:
    """Whether mean absolute differences of values of this mean size are zero but for rounding."""
    return np.asarray(difference <= np.maximum(1e-12 * level, 1e-150))


def seasonal_error(panel: Panel, ends: NDArray[np.int64], season: int) -> Array:
    """Mean of |y[t] - y[t - season]| over the observed part of each item's first `ends[i]` steps; [items, channels].

    NaN where there is no such pair, or where all differences are zero but for rounding.
    """
    found = [_seasonal_error(part, ends[items], season) for items, part in in_blocks(panel)]
    return np.concatenate(found)


def _seasonal_error(panel: Panel, ends: NDArray[np.int64], season: int) -> Array:
    """`seasonal_error` of some items, all at once."""
    shape = (len(panel.ids), len(panel.channels))
    if len(panel.values) <= season:
        return np.full(shape, np.nan)
    place = panel.within[season:]
    pairs = panel.observed[season:] & panel.observed[:-season]
    pairs &= ((place >= season) & (place < np.repeat(ends, panel.lengths)[season:]))[:, None]
    difference = np.zeros(panel.values.shape)
    np.subtract(panel.values[season:], panel.values[:-season], out=difference[season:], where=pairs)
    np.abs(difference, out=difference)
    begins = panel.offsets[:-1]
    count = np.add.reduceat(np.concatenate([np.zeros_like(panel.observed[:season]), pairs]), begins, dtype=np.int64)
    total = np.add.reduceat(difference, begins)
    out = np.divide(total, count, out=np.zeros(shape), where=count > 0)
    out[ends <= season] = np.nan
    with np.errstate(invalid="ignore"):
        return np.where(repeats(out, _levels(panel, ends)), np.nan, out)


def _levels(panel: Panel, ends: NDArray[np.int64]) -> Array:
    """Mean of |y[t]| over the same parts, of all items at once; [items, channels]."""
    used = panel.observed & (panel.within < np.repeat(ends, panel.lengths))[:, None]
    total = np.add.reduceat(np.where(used, np.abs(panel.values), 0.0), panel.offsets[:-1])
    count = np.add.reduceat(used, panel.offsets[:-1], dtype=np.int64)
    return np.asarray(np.divide(total, count, out=np.zeros_like(total), where=count > 0))


@dataclass(frozen=True)
class Baseline:
    """Errors of the seasonal-naive forecast of the same windows, in standardised and in original units."""

    model: str
    scaled: dict[str, float]
    original: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return {"model": self.model, "scaled": _plain(self.scaled), "original": _plain(self.original)}


@dataclass(frozen=True)
class DistributionScores:
    """Scores of the quantiles .1, .2 … .9 of the forecasts.

    Attributes
    ----------
    wql
        Weighted quantile loss: twice the sum of the pinball losses over the sum of |y|, mean over the quantiles.
    crps
        Twice the mean pinball loss in original units, an approximation of the CRPS.
    about
        How the quantiles were made, and of which share of the windows.
    """

    wql: float
    crps: float
    about: str

    def to_dict(self) -> dict[str, Any]:
        return {**_plain({"WQL": self.wql, "CRPS": self.crps}), "about": self.about}


@dataclass(frozen=True)
class Dropped:
    """What is found when the last `dropped` windows do not count, as in a test loader that leaves out its last
    incomplete batch of `batch` (`evaluation.droplast`)."""

    batch: int
    windows: int
    dropped: int
    scaled: dict[str, float]
    original: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        figures = {"scaled": _plain(self.scaled), "original": _plain(self.original)}
        return {"batch": self.batch, "windows": self.windows, "dropped": self.dropped, **figures}

    def words(self) -> str:
        return (
            f"paper-droplast:{self.batch}: without the last {self.dropped} of {self.windows + self.dropped} windows, as"
            f" by a test loader that drops its last incomplete batch of {self.batch}; it explains published figures,"
            " and is nothing to compare by"
        )


@dataclass(frozen=True)
class Evaluation:
    """Errors of a forecaster on one part of one dataset.

    Attributes
    ----------
    model, data, part
        The data that were judged.
    windows, values
        Windows, each judged once, and single outcomes behind the means.
    zeros
        Outcomes that are exactly zero, which MAPE and MSPE leave out.
    scaled, original
        Metric → value, in standardised and in original units. NaN where no outcome counts.
    notes
        Values and windows that were left out, with the reason.
    intervals
        Coverage and scores of intervals, where levels were asked for.
    dropped
        The same figures without the windows of an incomplete last batch, where that was asked for.
    baseline
        Errors of the seasonal-naive forecast of the same windows.
    distribution
        WQL and CRPS, where the forecasts have quantiles.
    forecasts
        `unique_id`, `ds`, `cutoff`, `y` and the forecasts of every window, where they were asked for.

    Examples
    --------
    >>> evaluation = forecaster.evaluate(frame)
    >>> evaluation.part, evaluation.windows
    ('test', 57)
    >>> sorted(evaluation.original)[:3]
    ['MAE', 'MAPE', 'MASE']
    """

    model: str
    data: str
    part: str
    windows: int
    values: int
    zeros: int
    scaled: dict[str, float]
    original: dict[str, float]
    notes: tuple[str, ...] = ()
    intervals: IntervalFigures | None = None
    dropped: Dropped | None = None
    baseline: Baseline | None = None
    distribution: DistributionScores | None = field(default=None, compare=False)
    forecasts: Any = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            All figures by name. JSON has no NaN: a metric that no outcome counts for is None.

        Examples
        --------
        >>> forecaster.evaluate(frame).to_dict()["part"]
        'test'
        """
        return {
            "model": self.model,
            "data": self.data,
            "part": self.part,
            "windows": self.windows,
            "values": self.values,
            "targets_that_are_zero": self.zeros,
            "scaled": _plain(self.scaled),
            "original": _plain(self.original),
            "notes": list(self.notes),
            **({} if self.intervals is None else {"intervals": self.intervals.to_dict()}),
            **({} if self.dropped is None else {"paper-droplast": self.dropped.to_dict()}),
            **({} if self.baseline is None else {"baseline": self.baseline.to_dict()}),
            **({} if self.distribution is None else {"distribution": self.distribution.to_dict()}),
        }

    def plot(self, path: str | Path) -> Path:
        """Draw scaled MSE, scaled MAE and MASE next to those of seasonal-naive.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> forecaster.evaluate(frame).plot(folder / "evaluation.png").name
        'evaluation.png'
        """
        from latentcast.reporting.charts import draw_bars

        groups = {self.model: (self.scaled, self.original)}
        if self.baseline is not None:
            groups[f"{self.baseline.model} (comparison)"] = (self.baseline.scaled, self.baseline.original)
        figures = {name: (scaled["MSE"], scaled["MAE"], units["MASE"]) for name, (scaled, units) in groups.items()}
        title = f"{self.model} on {self.data} ({self.part})"
        draw_bars(Path(path), title, ("MSE, scaled", "MAE, scaled", "MASE"), figures)
        return Path(path)

    def _repr_html_(self) -> str:
        beside = self.baseline
        heads = ["", "scaled", "original", *([] if beside is None else [f"{beside.model} scaled", "original"])]
        rows = []
        for name in self.scaled:
            units = [] if beside is None else [beside.scaled.get(name), beside.original.get(name)]
            values = (self.scaled[name], self.original[name], *units)
            rows.append([name, *("–" if value is None else _short(value) for value in values)])
        title = f"{self.model} on {self.data} ({self.part}): {self.windows} windows"
        said = [str(note) for note in self.notes]
        if self.distribution is not None:
            said = [f"WQL {_short(self.distribution.wql)} ({self.distribution.about})", *said]
        return table_html(title, heads, rows, said)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        rows = [f"{self.model} on {self.data} ({self.part}): {self.windows} windows"]
        rows += [
            f"  {name:6} {_short(self.scaled[name]):>12} scaled {_short(self.original[name]):>14} original"
            for name in self.scaled
        ]
        if self.baseline is not None:
            rows += [f"  {self.baseline.model}: {_line(self.baseline)}"]
        if self.distribution is not None:
            found = self.distribution
            rows += [f"  WQL {_short(found.wql)}, CRPS {_short(found.crps)} original ({found.about})"]
        if self.dropped is not None:
            rows += [f"  {self.dropped.words()}: scaled MSE {self.dropped.scaled['MSE']:.4f}"]
        if self.intervals is not None:
            rows += [f"  intervals: {self.intervals.about}", *self.intervals.lines()]
        return "\n".join(rows)


def _line(baseline: Baseline) -> str:
    scaled, original = baseline.scaled, baseline.original
    return (
        f"MSE {_short(scaled['MSE'])}, MAE {_short(scaled['MAE'])} scaled; MAE {_short(original['MAE'])}, MASE"
        f" {_short(original['MASE'])} original"
    )


def _short(value: float) -> str:
    """Four decimals; four significant digits of a value that these would not show."""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 1e9 or not np.isfinite(value) else f"{value:.4g}"


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
