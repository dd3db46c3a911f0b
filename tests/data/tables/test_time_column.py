"""The time column: by setting, by name, by what it holds; joined where it stands in several columns."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.time_column import joined_time, time_column

SETTINGS = DataSettings()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Month", ["1949-01", "1949-02", "1949-03"]),
        ("Quarter", ["1970 Q1", "1970 Q2", "1970 Q3"]),
        ("Year", [1949, 1950, 1951]),
        ("Week", ["2015 W01", "2015 W02", "2015 W03"]),
        ("Datum", ["31.01.2020", "01.02.2020", "02.02.2020"]),
        ("datetime_gmt", ["2020-01-01 00:00", "2020-01-01 01:00", "2020-01-01 02:00"]),
        ("Unnamed: 0", ["2020-01-01", "2020-01-02", "2020-01-03"]),
        ("DATE ", ["Jan 1 2000", "Feb 1 2000", "Mar 1 2000"]),
        ("yearmonth", [201811, 201812, 201901]),
        ("when", pd.date_range("2020", periods=3)),
        ("when", pd.period_range("2020", periods=3, freq="M")),
        ("t", [1, 2, 3]),
    ],
)
def test_it_is_found_by_its_name_and_by_what_it_holds(name: str, values) -> None:  # type: ignore[no-untyped-def]
    frame = pd.DataFrame({name: values, "sales": [1.0, 2.5, 3.0], "n": [4, 4, 5]})
    assert time_column(frame, SETTINGS) == name


def test_usual_names_come_first_and_a_setting_before_them() -> None:
    frame = pd.DataFrame({"begun": ["2020-01-01"], "date": ["2021-01-01"], "a": 1.0})
    assert time_column(frame, SETTINGS) == "date"
    assert time_column(frame, DataSettings(time="begun")) == "begun"
    assert time_column(frame.drop(columns="date"), SETTINGS) == "begun"


def test_two_columns_of_dates_are_refused_with_both_options() -> None:
    frame = pd.DataFrame({"begun": ["2020-01-01"], "ended": ["2021-01-01"], "a": 1.0})
    with pytest.raises(TimeError, match=r"set the one that is the time .data\.time=begun or data\.time=ended"):
        time_column(frame, SETTINGS)


def test_numbers_that_count_are_no_time_by_themselves() -> None:
    with pytest.raises(TimeError, match="no time column found among a, b"):
        time_column(pd.DataFrame({"a": [0, 1, 2], "b": [0.5, 1.5, 2.5]}), SETTINGS)


def test_year_month_day_and_hour_in_columns_of_their_own() -> None:
    frame = pd.DataFrame({"No": [1, 2], "year": [2010, 2010], "month": [1, 1], "day": [1, 1], "hour": [0, 1], "y": 1.0})
    joined, notes = joined_time(frame.drop(columns="No"), SETTINGS)
    assert joined["ds"].tolist() == [pd.Timestamp("2010-01-01 00:00"), pd.Timestamp("2010-01-01 01:00")]
    assert list(joined) == ["ds", "y"]
    assert notes == ("the time was joined from 'year', 'month', 'day', 'hour'",)


@pytest.mark.parametrize(
    ("beside", "values", "wanted"),
    [
        ("SETTLEMENT_PERIOD", range(1, 49), "00:30"),
        ("hour", range(24), "01:00"),
        ("Hour", range(1, 25), "01:00"),
        ("interval", range(1, 97), "00:15"),
        ("Time", [f"{hour:02d}:00:00" for hour in range(24)], "01:00"),
        ("Time", [f"{hour:02d}.00.00" for hour in range(24)], "01:00"),
    ],
)
def test_a_date_beside_the_hour_or_period_of_a_day(beside: str, values, wanted: str) -> None:  # type: ignore[no-untyped-def]
    values = list(values)
    days = np.repeat(["2022-01-01", "2022-01-02"], len(values))
    frame = pd.DataFrame({"date": days, beside: values * 2, "load": 1.0})
    panel = build(frame, SETTINGS)
    assert panel.times[0] == np.datetime64("2022-01-01")
    assert panel.times[1] == np.datetime64(f"2022-01-01T{wanted}")
    assert len(panel.times) == 2 * len(values)
    assert panel.channels == ("load",)


def test_days_of_more_periods_than_a_day_has_are_refused() -> None:
    frame = pd.DataFrame({"date": ["2022-10-30"] * 50, "settlement_period": range(1, 51), "load": 1.0})
    with pytest.raises(TimeError, match="counts up to 50, more than the 48 of a day"):
        joined_time(frame, SETTINGS)


def test_a_month_of_many_years_is_no_date_beside_others() -> None:
    frame = pd.DataFrame({"date": ["2022-01-01", "2022-01-02"], "hour": [3, 4], "y": 1.0})
    assert joined_time(frame, SETTINGS)[1] == ()  # each day once: the hour is a value


def test_measured_times_are_no_stamps_where_another_column_has_the_dates() -> None:
    runs = pd.DataFrame(
        {"Year": [1896, 1900, 1904] * 2, "Sex": ["men"] * 3 + ["women"] * 3, "Time": [12, 11, None] * 2}
    )
    assert time_column(runs, SETTINGS) == "Year"
    assert time_column(runs.drop(columns="Year"), SETTINGS) == "Time"


def test_days_that_repeat_in_a_series_give_way_to_the_stamps_of_these_days() -> None:
    hours = pd.date_range("2024-01-01", periods=48, freq="h")
    one = pd.DataFrame({"Date_Time": hours.astype(str), "ds": hours.strftime("%Y-%m-%d"), "y": 1.0})
    frame = pd.concat([one.assign(unique_id="a"), one.assign(unique_id="b")], ignore_index=True)
    assert time_column(frame, SETTINGS) == "Date_Time"
    panel = build(frame, SETTINGS)
    assert (panel.frequency.alias, panel.found) == ("h", {"ignore": ("ds",)})
