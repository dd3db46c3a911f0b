"""Local stamps in a zone: hours that occur twice or not at all, and holidays of local days."""

import datetime

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import SettingsError, TimeError
from latentcast.data.features.covariates import Covariates
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.clock import Clock, localised, on_the_clock_of
from latentcast.data.tables.holidays import holidays, years_without_holidays
from latentcast.data.tables.timestamps import read_stamps

AUTUMN = pd.date_range("2021-10-30", periods=60, freq="h", tz="Europe/Berlin")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("freq", ["h", "15min"])
def test_an_hour_that_occurs_twice_is_told_apart_by_its_order(freq: str, order: int) -> None:
    stamps = pd.date_range("2021-10-30", "2021-11-01", freq=freq, tz="Europe/Berlin")
    local = stamps.tz_localize(None).to_numpy()
    times, clock = localised(local[::order], np.zeros(len(local), np.int64), "Europe/Berlin", "ds")
    np.testing.assert_array_equal(times[::order], stamps.tz_convert("UTC").tz_localize(None))
    assert clock == Clock("Europe/Berlin")


def test_two_series_have_their_own_order() -> None:
    local = AUTUMN.tz_localize(None)
    frame = pd.concat([pd.DataFrame({"unique_id": name, "ds": local, "y": 1.5}) for name in ("a", "b")])
    for rows in (frame, frame.sort_values("ds", kind="stable")):
        panel = build(rows, DataSettings(zone="Europe/Berlin"))
        assert panel.frequency.alias == "h"
        np.testing.assert_array_equal(panel.lengths, [60, 60])
    with pytest.raises(TimeError, match=r"occur twice.*the clocks go back.*data\.zone=Europe/Berlin"):
        build(frame, DataSettings())


def test_forecasts_of_local_stamps_are_local_stamps() -> None:
    local = AUTUMN.tz_localize(None)
    frame = pd.DataFrame({"ds": local, "y": np.arange(60.0)})
    forecaster = latentcast.fit(frame, "naive", lookback=4, horizon=3, settings={"data.zone": "Europe/Berlin"})
    ahead = forecaster.predict(frame.iloc[:27])["ds"]  # ends at 02:00 in summer time
    assert ahead.tolist() == [pd.Timestamp(f"2021-10-31 {hour:02d}:00") for hour in (2, 3, 4)]
    assert ahead.dtype == frame["ds"].dtype


@pytest.mark.parametrize(
    ("stamps", "zone", "told"),
    [
        (pd.date_range("2021-03-28", periods=6, freq="h"), "Europe/Berlin", "02:00:00 .row 2 of 'ds'. does not exist"),
        (pd.date_range("2021-03-28", periods=6, freq="h"), "Europe/Berln", "is no time zone; for example"),
        (pd.date_range("2021-03-28", periods=6, freq="h", tz="UTC"), "Europe/Berlin", "holds stamps of UTC: leave it"),
        (range(6), "Europe/Berlin", "holds whole numbers: leave it out"),
    ],
)
def test_zones_that_cannot_be_used(stamps, zone: str, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TimeError, match=told):
        build(pd.DataFrame({"ds": stamps, "y": 1.5}), DataSettings(zone=zone))


def test_the_clock_of_a_fit() -> None:
    times = np.array(["2021-01-01", "2021-01-02"], "datetime64[ns]")
    same = on_the_clock_of(Clock("UTC"), Clock("UTC"), times, first="2020-01-01", step=3600 * 10**9)
    assert same[1] == Clock("UTC")
    with pytest.raises(TimeError, match="have no time zone, those of the fit had the time zone UTC"):
        on_the_clock_of(Clock("UTC"), Clock(), times, first="2020-01-01", step=3600 * 10**9)


def test_holidays_are_days_of_a_country() -> None:
    pytest.importorskip("holidays")
    days = np.array(["2021-12-24", "2021-12-25", "2021-12-26", "2021-12-27"], "datetime64[ns]")
    assert holidays("DE", days).tolist() == [0, 1, 1, 0]
    with pytest.raises(SettingsError, match="no such country; did you mean DE"):
        holidays("de", days)
    early = np.array(["1700-12-25", "1701-01-01"], "datetime64[ns]")
    with pytest.raises(SettingsError, match="knows none from 1700 to 1701"):
        holidays("DE", early)


def test_years_without_holidays_are_noted() -> None:
    pytest.importorskip("holidays")
    days = np.array(["1988-01-01", "1992-12-31"], "datetime64[ns]")
    assert years_without_holidays("DE", days) == [1988, 1989, 1990]
    frame = pd.DataFrame({"ds": pd.date_range("1988-01-01", "1992-12-31", freq="B"), "y": 1.5})
    settings = DataSettings(holidays="DE")
    panel = build(frame, settings)
    assert panel.frequency.alias == "B"
    assert panel.notes[-1] == "no holidays of DE are known in 1988, 1989, 1990"
    assert Covariates.learned(panel, panel.lengths, settings).width == 1


def test_datetimes_in_an_object_column_are_read_without_a_warning() -> None:
    stamps = [datetime.datetime(2024, 2, day) for day in range(1, 30)]
    found = read_stamps(pd.Series(stamps, dtype=object, name="ds"), None)
    assert found.times.tolist() == pd.to_datetime(stamps).as_unit("ns").to_numpy().tolist()
