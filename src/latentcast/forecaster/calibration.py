"""Calibration of prediction intervals: the distribution of held-out scores at every step ahead.

A series with enough held-out windows has its own distribution; all others, and new series, share the pooled one in
standardised units. A distribution is stored as radii at the levels of `conformal.GRID`, so that a saved folder serves
any level.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import CheckpointError, Fault, SettingsError, suggest
from latentcast.data.panel.panel import Panel
from latentcast.evaluation.conformal import GRID, radii, score
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.metrics import Array

Base = Literal["point", "quantiles", "paths"]
BASES: tuple[Base, ...] = ("point", "quantiles", "paths")
OF_PATHS = (0.5, 0.8, 0.9, 0.95)  # central bands of sampled paths that are calibrated
OWN = 100  # held-out windows from which on a series has radii of its own
SCORES, TABLE = 2**25, 2**24  # numbers held while scores are collected, and kept in the end


def check_base(base: str, part: str, model: str, quantile_levels: tuple[float, ...], *, samples: bool) -> Base:
    """Check base and part of a calibration; `auto` is the model's quantiles, else its point forecast.

    Raises SettingsError for a part that was trained on, or a base that the model has not.
    """
    if part not in ("val", "test"):
        raise SettingsError(
            Fault("part", f"={part!r}: intervals are calibrated on windows that were held out: val or test")
        )
    if base not in ("auto", *BASES):
        raise SettingsError(Fault("base", f"={base!r} is none; {suggest(str(base), ('auto', *BASES))}"))
    if base == "quantiles" and not quantile_levels:
        raise SettingsError(
            Fault("base", f"='quantiles': {model} forecasts points alone; model.head=quantile learns quantiles")
        )
    if base == "paths" and not samples:
        raise SettingsError(Fault("base", f"='paths': {model} draws no paths; base='point' takes any model"))
    if base == "auto":
        return "quantiles" if quantile_levels else "point"
    return base  # type: ignore[return-value]


def quantile_at(levels: Sequence[float], wanted: float) -> int | None:
    """Where a quantile level stands among others."""
    return next((n for n, level in enumerate(levels) if abs(level - wanted) < 1e-6), None)


@dataclass(frozen=True)
class Calibration:
    """Stored scores of held-out windows.

    bands    central shares of the base that scores were measured from: 0 is the point forecast (or median) alone
    table    [row, horizon, band, grid] radii at the levels of `conformal.GRID`
    counts   [row] the fewest scores behind a radius
    rows     row of each series that has its own, by item; `pooled` is the row of every other, over all series
    part     of the data; `windows` how many of it
    stride   one window of so many was scored
    spacing  steps between the windows that were forecast
    """

    base: Base
    bands: tuple[float, ...]
    table: NDArray[np.float32]
    counts: NDArray[np.int64]
    rows: Mapping[str, tuple[int, ...]]
    pooled: int | None
    part: str
    windows: int
    stride: int
    spacing: int = 1

    def rows_for(self, panel: Panel, targets: int) -> NDArray[np.int64]:
        """[items, targets] rows of the table; every series has one."""
        spare = (0 if self.pooled is None else self.pooled,) * targets
        return np.array([self.rows.get(name, spare) for name in panel.ids], np.int64).reshape(-1, targets)

    def band_for(self, level: float) -> int:
        """The calibrated band nearest to a level between 0 and 1, the wider of two that are equally near."""
        return min(range(len(self.bands)), key=lambda n: (abs(self.bands[n] - level), -self.bands[n]))

    def about(self) -> dict[str, Any]:
        """Return facts for the run card."""
        own = sum(len(rows) for rows in self.rows.values())
        whose = "each series by its own" if self.pooled is None else "all series together, in standardised units"
        if own and self.pooled is not None:
            whose = f"{own} series by their own, others by all together"
        return {
            "base": self.base,
            "part": self.part,
            "windows": self.windows,
            "one_window_of": self.stride,
            "scores": whose,
            "highest_level": int(10_000 * (self.counts / (self.counts + 1)).min()) / 100,
        }

    def words(self) -> str:
        base = {"point": "the point forecast", "quantiles": "the model's quantiles", "paths": "sampled paths"}
        said = self.about()
        return (
            f"around {base[self.base]}, by its scores on {self.windows} held-out windows ({self.part} part),"
            f" {said['scores']}"
        )

    def dump(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Arrays, and JSON beside them."""
        names = ("base", "bands", "rows", "pooled", "part", "windows")
        rest = {name: getattr(self, name) for name in names} | {"every": self.stride, "stride": self.spacing}
        rest |= {"grid": GRID.tolist()}
        tensors: dict[str, NDArray[Any]] = {"table": self.table, "counts": self.counts}
        return tensors, {"calibration": json.dumps(rest, ensure_ascii=False)}

    @classmethod
    def parse(cls, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> "Calibration":
        """Raises CheckpointError when it is not what `dump` wrote."""
        try:
            rest = parse_json(metadata["calibration"])
            if rest.pop("grid") != GRID.tolist():
                raise ValueError("its radii are at other levels")
            rest |= {"stride": rest.pop("every"), "spacing": rest.pop("stride", 1)}
            rest |= {"bands": tuple(rest["bands"]), "rows": {name: tuple(row) for name, row in rest["rows"].items()}}
            return cls(table=tensors["table"], counts=tensors["counts"], **rest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"the calibration of the intervals cannot be understood by this version of latentcast: {error};"
                " calibrate again (latentcast calibrate DIR DATA)"
            ) from error


def bands_of(base: Base, quantile_levels: Sequence[float]) -> tuple[float, ...]:
    """Central bands that scores are measured from; quantiles that have no counterpart make none."""
    if base == "paths":
        return OF_PATHS
    learned = quantile_levels if base == "quantiles" else ()
    lower = [low for low in learned if low < 0.5 and quantile_at(learned, 1 - low) is not None]
    return tuple(round(1 - 2 * low, 9) for low in reversed(lower)) or (0.0,)


def base_band(judged: ForecastBatch, base: Base, band: float, quantile_levels: Sequence[float]) -> tuple[Array, Array]:
    """[batch, horizon, target] ends of a central band of the base, in standardised units.

    Those of m paths are their order statistics as one more draw would see them: k of m + 1 lie below the k-th.
    """
    if band == 0 or base == "point":
        return judged.scaled, judged.scaled
    made, ends = judged.distribution, ((1 - band) / 2, (1 + band) / 2)
    if base == "quantiles":
        assert made is not None
        assert made.quantiles is not None
        low, high = (quantile_at(quantile_levels, end) for end in ends)
        return made.quantiles[..., low], made.quantiles[..., high]
    assert made is not None
    assert made.paths is not None
    low_high = np.quantile(made.paths, ends, axis=1, method="weibull")
    return low_high[0], low_high[1]


class Scores:
    """Collects scores while held-out windows are forecast once, in order."""

    in_a_row = False  # every window as it is asked for

    def __init__(
        self, base: Base, quantile_levels: Sequence[float], paths: int, windows: int, values: int, stride: int = 1
    ) -> None:
        """`values` is the number of targets of one window, horizon and channels together; `stride` how far apart the
        windows are."""
        self.base, self.quantile_levels, self.paths = base, tuple(quantile_levels), paths
        self.bands = bands_of(base, quantile_levels)
        self.every, self.stride = max(1, -(-windows * values * len(self.bands) // SCORES)), stride
        self._items: list[NDArray[np.int64]] = []
        self._scores: list[NDArray[np.float32]] = []

    def around(self, batches: Iterator[ForecastBatch], panel: Panel, pace: int = 1) -> Iterator[ForecastBatch]:
        """The same batches; they must have been forecast with their `unit`."""
        for batch in batches:
            kept = batch if self.every == 1 else batch.only(batch.index.numbers % self.every == 0)
            if len(kept.index.numbers):
                self._add(kept)
            yield batch

    def _add(self, batch: ForecastBatch) -> None:
        assert batch.distribution is not None
        ends = [base_band(batch, self.base, band, self.quantile_levels) for band in self.bands]
        each = np.stack([score(batch.outcome.scaled, lo, hi, batch.distribution.unit) for lo, hi in ends], axis=-1)
        if batch.outcome.observed is not None:
            each[~batch.outcome.observed] = np.nan
        self._items.append(batch.index.items)
        self._scores.append(each.astype(np.float32))

    def calibration(self, panel: Panel, part: str, constant: NDArray[np.bool_] | None = None) -> Calibration | None:
        """None where some step ahead has no observed outcome at all.

        Series whose training part is `constant` [items, targets] have no scale of their own: they are left out of the
        pooled scores, as their zeros would make the intervals of all others too narrow.
        """
        if not self._scores:
            return None
        items, scores = np.concatenate(self._items), np.concatenate(self._scores)  # windows horizon target band
        windows, horizon, targets, bands = scores.shape
        begins = np.flatnonzero(np.diff(items, prepend=-1))
        ends = np.append(begins[1:], windows)
        size = horizon * bands * len(GRID)
        able = np.flatnonzero(ends - begins >= OWN)[: TABLE // (size * targets)]
        tables, counts, rows = list[NDArray[np.float32]](), list[int](), dict[str, tuple[int, ...]]()
        for begin, end in zip(begins[able], ends[able], strict=True):
            own = [radii(scores[begin:end, :, target]) for target in range(targets)]
            if min(count for _, count in own) >= OWN:
                rows[panel.ids[items[begin]]] = tuple(range(len(tables), len(tables) + targets))
                tables += [table for table, _ in own]
                counts += [count for _, count in own]
        pooled = None
        if panel.ids != ("",) or not rows:  # long data may meet a series that it has not seen
            each = scores.swapaxes(1, 2)  # windows target horizon band
            kept = np.ones(each.shape[:2], np.bool_) if constant is None else ~constant[items]
            table, count = radii((each[kept] if kept.any() else each).reshape(-1, horizon, bands))
            pooled = len(tables)
            tables.append(table)
            counts.append(count)
        if not min(counts):
            return None
        table, many = np.stack(tables), np.array(counts, np.int64)
        return Calibration(
            self.base, self.bands, table, many, rows, pooled, part, windows, self.every * self.stride, self.stride
        )
