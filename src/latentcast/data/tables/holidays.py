"""Public holidays of a country."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import Fault, MissingExtra, SettingsError, suggest


def holidays(country: str, times: NDArray[Any]) -> NDArray[np.float32]:
    """[steps] 1 on public holidays of a country, or of a region of it (US-CA).

    Raises SettingsError for a country that the package does not know, or knows no holiday of in these years.
    """
    days = times.astype("datetime64[D]")
    return np.isin(days, _calendar(country, days)).astype(np.float32)


def years_without_holidays(country: str, times: NDArray[Any]) -> list[int]:
    """Whole years of the data in which the package knows no holiday."""
    days = times.astype("datetime64[D]")
    known = set((_calendar(country, days).astype("datetime64[Y]").astype(int) + 1970).tolist())
    return [year for year in _years(days) if year not in known]


def _years(days: NDArray[Any]) -> list[int]:
    return list(range(pd.Timestamp(days.min()).year, pd.Timestamp(days.max()).year + 1))


def _calendar(country: str, days: NDArray[Any]) -> NDArray[Any]:
    """The holidays of the years of the data."""
    try:
        import holidays as package
    except ImportError as error:
        raise MissingExtra("holidays", "holidays", "data.holidays") from error
    name, _, region = country.partition("-")
    known = package.list_supported_countries()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old names of regions; years without data are named by the caller
            calendar = package.country_holidays(name, subdiv=region or None, years=_years(days))
    except NotImplementedError as error:
        if name in known:
            raise SettingsError(Fault("data.holidays", f"={country}: {suggest(region, known[name])}")) from error
        hint = f"did you mean {name.upper()}?" if name.upper() in known else suggest(name, known)
        raise SettingsError(Fault("data.holidays", f"={country}: no such country; {hint}")) from error
    if not calendar:
        years = _years(days)
        raise SettingsError(
            Fault(
                "data.holidays",
                f"={country}: the package holidays knows none from {years[0]} to {years[-1]}; leave it out",
            )
        )
    return np.array(sorted(calendar), "datetime64[D]")
