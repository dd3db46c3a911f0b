"""Rows that hold a day, a week, a month or a year, with the times in them as columns."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import TimeError
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file

HALVES = [f"{half // 2:02d}:{half % 2 * 30:02d}" for half in range(48)]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def table(rows: Any, columns: list[Any], label: str = "Date") -> pd.DataFrame:
    """Values counted from 0, row after row."""
    rows = list(rows)
    frame = pd.DataFrame(np.arange(len(rows) * len(columns), dtype=float).reshape(len(rows), -1), columns=columns)
    frame.insert(0, label, rows)
    return frame


def days(columns: list[Any], count: int = 10, start: str = "2024-01-01", step: str = "D") -> pd.DataFrame:
    return table(pd.date_range(start, periods=count, freq=step).strftime("%Y-%m-%d"), columns)


def counted(panel: Panel, first: str, step: str) -> bool:
    """Whether the only series is 0, 1, 2, … from a stamp on, a step apart, without a gap."""
    times = pd.date_range(first, periods=len(panel.times), freq=step).to_numpy("datetime64[ns]")
    same = panel.channels == ("value",) and (panel.values[:, 0] == np.arange(len(times))).all()
    return bool(same and (panel.times == times).all())


@pytest.mark.parametrize(
    ("columns", "step"),
    [
        (HALVES, "30min"),
        ([half.removeprefix("0") for half in HALVES], "30min"),
        ([*HALVES[1:], "24:00"], "30min"),
        ([*HALVES[1:], "00:00"], "30min"),
        ([f"{half}:00" for half in HALVES], "30min"),
        ([f"{a}-{b}" for a, b in zip(HALVES, [*HALVES[1:], "24:00"], strict=True)], "30min"),
        ([f"kWh {half}" for half in HALVES], "30min"),
        ([half.replace(":", "") for half in HALVES], "30min"),
        ([dt.time(half // 2, half % 2 * 30) for half in range(48)], "30min"),
        ([f"{hour % 12 or 12} {'AM' if hour < 12 else 'PM'}" for hour in range(24)], "h"),
        ([f"{hour:02d}:00" for hour in range(1, 25)], "h"),
        ([f"H{hour}" for hour in range(1, 25)], "h"),
        ([f"H{hour}" for hour in range(24)], "h"),
        ([f"HE{hour:02d}" for hour in range(1, 25)], "h"),
        ([f"Hour Ending {hour}" for hour in range(1, 25)], "h"),
        ([f"hour_{hour:02d}" for hour in range(24)], "h"),
        ([f"SP{period}" for period in range(1, 49)], "30min"),
        ([str(period) for period in range(1, 97)], "15min"),
        (list(range(24)), "h"),
    ],
    ids=lambda value: f"{value[0]}..{value[-1]}" if isinstance(value, list) else value,
)
def test_a_day_a_row_is_one_series_within_days(columns: list[Any], step: str, tmp_path: Path) -> None:
    frame = days(columns)
    panel = build(frame, DataSettings())
    assert len(panel.times) == 10 * len(columns)
    assert counted(panel, "2024-01-01", step)
    assert "data.layout=wide keeps them as series" in panel.notes[0]
    frame.to_csv(tmp_path / "days.csv", index=False)
    assert counted(build(read_file(tmp_path / "days.csv"), DataSettings()), "2024-01-01", step)


def test_its_columns_stay_series_on_request_and_where_names_alone_are_no_sign() -> None:
    assert build(days(HALVES), DataSettings(layout="wide")).channels == tuple(HALVES)
    assert build(days(HALVES), DataSettings(columns=HALVES[:2])).channels == tuple(HALVES[:2])
    numbers = [str(number) for number in range(1, 25)]
    assert build(days(numbers, step="7D"), DataSettings()).channels == tuple(numbers)  # a weekly date, and no days
    stores = [f"store_{number}" for number in range(1, 25)]
    assert build(days(stores), DataSettings()).channels == tuple(stores)
    leads = [f"H{number}" for number in range(1, 25)]
    frame = table(pd.date_range("2024-01-01", periods=30, freq="h"), leads)
    assert build(frame, DataSettings()).channels == tuple(leads)  # rows are hours


def test_meters_sums_and_units_next_to_the_times() -> None:
    frame = table(np.repeat(["2024-01-01", "2024-01-02"], 2), HALVES)
    frame.insert(0, "meter", ["0a", "0b"] * 2)
    frame["total"], frame["unit"] = 1.0, "kWh"
    panel = build(frame, DataSettings())
    assert panel.ids == ("0a", "0b")
    assert panel.values[:, 0].tolist() == [*range(48), *range(96, 144), *range(48, 96), *range(144, 192)]
    assert "total left out" in panel.notes[0]
    numbered = frame.assign(meter=[1, 2] * 2)
    with pytest.raises(TimeError, match=r"name the column that tells them apart: data\.id"):
        build(numbered, DataSettings())
    assert build(numbered, DataSettings(id="meter")).ids == ("1", "2")


def test_a_day_that_is_not_over_ends_at_its_last_value_and_an_empty_one_is_a_gap() -> None:
    frame = days(HALVES, 5)
    frame.iloc[-1, 4:] = np.nan
    frame.iloc[1, 1:] = np.nan
    panel = build(frame, DataSettings())
    assert panel.times[-1] == np.datetime64("2024-01-05T01:00")
    assert int((~panel.observed).sum()) == 48
    assert (~panel.observed[48:96]).all()


def _summer(extra: str, place: int) -> pd.DataFrame:
    """Local hours of Berlin in 2024, counted: 23 on 31 March and 25 on 27 October."""
    stamps = pd.date_range("2024-03-01", "2024-11-10", freq="h", tz="Europe/Berlin", inclusive="left")
    found = pd.DataFrame({"day": stamps.strftime("%Y-%m-%d"), "value": np.arange(len(stamps), dtype=float)})
    if extra == "HE25":
        found["column"] = "HE" + (found.groupby("day").cumcount() + 1).astype(str)
        columns = [f"HE{hour}" for hour in range(1, 26)]
    else:
        found["column"] = stamps.strftime("%H:%M")
        found.loc[found.duplicated(["day", "column"]), "column"] = extra
        columns = [f"{hour:02d}:00" for hour in range(24)]
        columns.insert(place, extra)
    wide = found.set_index(["day", "column"])["value"].unstack()  # noqa: PD010
    return wide[columns].reset_index().rename_axis(columns=None)


@pytest.mark.parametrize(("extra", "place"), [("HE25", 24), ("02:00*", 3), ("02:00 (2)", 3)])
def test_days_of_23_and_25_hours_need_their_zone(extra: str, place: int) -> None:
    frame = _summer(extra, place)
    with pytest.raises(
        TimeError, match=r"2024-10-27 .* an hour more than a day has.*data\.zone=Europe/Berlin"
    ) as error:
        build(frame, DataSettings())
    assert error.value.setting == "data.zone"
    panel = build(frame, DataSettings(zone=error.value.value))
    assert counted(panel, "2024-02-29T23:00", "h")  # in UTC
    assert panel.clock.zone == "Europe/Berlin"
    with pytest.raises(TimeError, match="does not have in America/New_York"):
        build(frame, DataSettings(zone="America/New_York"))
    frame[extra] = np.nan
    assert len(build(frame, DataSettings()).times) == 24 * len(frame)  # an empty column is no hour


@pytest.mark.parametrize(
    ("frame", "first", "step"),
    [
        (table(range(2000, 2010), MONTHS, "Year"), "2000-01", "MS"),
        (table(range(2000, 2010), [f"M{month:02d}" for month in range(1, 13)], "Year"), "2000-01", "MS"),
        (table(range(2000, 2010), [str(month) for month in range(1, 13)], "year"), "2000-01", "MS"),
        (table([f"FY{year}" for year in range(2000, 2010)], MONTHS, "Fiscal Year"), "2000-01", "MS"),
        (table(range(2000, 2010), ["Q1", "Q2", "Q3", "Q4"], "Year"), "2000-01", "QS"),
        (table(range(2000, 2010), ["H1", "H2"], "Year"), "2000-01", "6MS"),
        (table(range(2005, 2009), [f"W{week}" for week in range(1, 53)], "Year"), "2005-01-03", "W-MON"),
        (days(WEEK, step="7D"), "2024-01-01", "D"),
        (days(WEEK, start="2024-01-07", step="7D").rename(columns={"Date": "week_ending"}), "2024-01-01", "D"),
        (days([WEEK[-1], *WEEK[:-1]], start="2024-01-07", step="7D"), "2024-01-07", "D"),
        (days(WEEK[:5], step="7D"), "2024-01-01", "B"),
        (table([f"2024-W{week:02d}" for week in range(1, 9)], WEEK, "week"), "2024-01-01", "D"),
    ],
    ids=lambda value: f"{value.columns[0]} {value.columns[1]}" if isinstance(value, pd.DataFrame) else None,
)
def test_weeks_and_years_a_row(frame: pd.DataFrame, first: str, step: str) -> None:
    assert counted(build(frame, DataSettings()), first, step)


def test_days_of_a_month_are_those_that_it_has() -> None:
    frame = table([f"2023-{month:02d}" for month in range(1, 13)], [str(day) for day in range(1, 32)], "month")
    with pytest.raises(TimeError, match=r"row 1 holds 59 under '29', and 2023-02-01 has no such day"):
        build(frame, DataSettings())
    wanted = pd.date_range("2023-01-01", "2023-12-31")
    for row, month in enumerate(pd.period_range("2023-01", periods=12, freq="M")):
        frame.iloc[row, 1 + month.days_in_month :] = np.nan
    panel = build(frame, DataSettings())
    assert (panel.times == wanted.to_numpy("datetime64[ns]")).all()
    assert (panel.values[:, 0] == 31 * (wanted.month - 1) + wanted.day - 1).all()
    parts = frame.drop(columns="month").assign(year=2023, month=range(1, 13))
    assert (build(parts, DataSettings()).values == panel.values).all()


def test_weeks_that_a_year_does_not_have_and_dates_in_the_middle_of_a_week_are_refused() -> None:
    weeks = [f"W{week}" for week in range(1, 54)]
    with pytest.raises(TimeError, match=r"holds 52 under 'W53', and 2005 has no such week"):
        build(table(range(2005, 2009), weeks, "Year"), DataSettings())
    with pytest.raises(TimeError, match="neither the first nor the last") as error:
        build(days(WEEK, start="2024-01-03", step="7D"), DataSettings())
    assert (error.value.setting, error.value.value) == ("data.layout", "wide")
    assert len(build(days(WEEK, start="2024-01-03", step="7D"), DataSettings(layout="wide")).channels) == 7


def test_months_by_country_and_year() -> None:
    frame = table([*range(2000, 2005)] * 2, [*MONTHS, "Annual", "HALF1"], "Year")
    frame.insert(0, "country", ["a"] * 5 + ["b"] * 5)
    panel = build(frame, DataSettings())
    assert panel.ids == ("a", "b")
    assert panel.values[:13, 0].tolist() == [*range(12), 14]
    assert "Annual, HALF1 left out" in panel.notes[0]


@pytest.mark.parametrize(
    ("frame", "first", "step"),
    [
        (table(MONTHS, [str(year) for year in range(2000, 2012)], "Month"), "2000-01", "MS"),
        (table([f"Hour {hour}" for hour in range(1, 25)], ["2024-01-01", "2024-01-02"], "hour"), "2024-01-01", "h"),
    ],
)
def test_times_down_and_days_or_years_across(frame: pd.DataFrame, first: str, step: str, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "turned.csv", index=False)
    wanted = frame.iloc[:, 1:].to_numpy().T.reshape(-1)
    for each in (frame, read_file(tmp_path / "turned.csv")):
        panel = build(each, DataSettings())
        assert panel.values[:, 0].tolist() == wanted.tolist()
        assert (panel.times == pd.date_range(first, periods=len(wanted), freq=step).to_numpy("datetime64[ns]")).all()


def test_fit_predict_describe_and_forecast_read_days_in_rows(tmp_path: Path) -> None:
    frame = days([f"HE{hour}" for hour in range(1, 25)], 20)
    file = tmp_path / "days.csv"
    frame.to_csv(file, index=False)
    for data in (frame, file):
        fitted = latentcast.fit(data, "seasonal-naive", lookback=24, horizon=24)
        ahead = fitted.predict(data)
        assert ahead["ds"].iloc[0] == pd.Timestamp("2024-01-21")
        assert ahead["seasonal-naive"].tolist() == pytest.approx(np.arange(456.0, 480.0))
        assert latentcast.describe(data).facts["frequency"].startswith("h ")
    result = latentcast.forecast(frame, horizon=24, time_limit=0)
    assert result.frame["ds"].iloc[-1] == pd.Timestamp("2024-01-21 23:00")
