"""Dates written as numbers: each code is read, written back, and refused where another reading is as likely."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.errors import TimeError
from latentcast.data.tables.date_numbers import NAMES, named_code, read_decimals, recognise
from latentcast.data.tables.timestamps import read_stamps


def read(numbers: list, name: str = "ds", form: str | None = None, freq: str | None = None) -> list[str]:
    times = read_stamps(pd.Series(numbers, name=name), form, freq).times
    return [str(stamp)[:16] for stamp in times.astype("datetime64[m]")] if times.dtype != np.int64 else times.tolist()


@pytest.mark.parametrize(
    ("numbers", "first", "last", "code"),
    [
        ([201811, 201812, 201901], "2018-11-01", "2019-01-01", "yyyymm"),
        ([201851, 201852, 201901], "2018-12-17", "2018-12-31", "yyyyww"),
        ([202052, 202053, 202101], "2020-12-21", "2021-01-04", "yyyyww"),
        ([20153, 20154, 20161], "2015-07-01", "2016-01-01", "yyyyq"),
        ([2019364, 2019365, 2020001], "2019-12-30", "2020-01-01", "yyyyddd"),
        ([20240130, 20240131, 20240201], "2024-01-30", "2024-02-01", "yyyymmdd"),
        ([31122019, 1012020, 2012020], "2019-12-31", "2020-01-02", "ddmmyyyy"),
        ([180130, 180131, 180201], "2018-01-30", "2018-02-01", "yymmdd"),
    ],
)
def test_dates_in_whole_numbers(numbers: list[int], first: str, last: str, code: str) -> None:
    column = pd.Series(numbers, name="ds")
    for one in (column, column.astype(str), column.astype(float), column.astype(object)):
        if one.dtype == object and "1012020" in one.astype(str).tolist() and isinstance(one[0], str):
            continue  # a text would have kept its zero
        stamps = read_stamps(one, None)
        assert [str(stamps.times[0])[:10], str(stamps.times[-1])[:10]] == [first, last]
        assert stamps.written == named_code(code)
        assert stamps.written.write(stamps.times).tolist() == numbers
    assert str(read_stamps(column, code).times[0])[:10] == first


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ([2020010123, 2020010200], ["2020-01-01T23:00", "2020-01-02T00:00"]),
        ([2020010123, 2020010124], ["2020-01-01T23:00", "2020-01-02T00:00"]),  # 24 is midnight
        ([202001012330, 202001012345], ["2020-01-01T23:30", "2020-01-01T23:45"]),
        ([20200101235900, 20200102000000], ["2020-01-01T23:59", "2020-01-02T00:00"]),
    ],
)
def test_times_of_day_in_whole_numbers(numbers: list[int], wanted: list[str]) -> None:
    assert read(numbers) == wanted


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([202001, 202002, 202003], "months .yyyymm. or as ISO weeks .yyyyww. or as a count of steps: set data.time_f"),
        (
            [202013, 202014, 202015],
            "or as a count of steps: set data.time_format=yyyyww or data.freq=1",
        ),
        ([20151, 20152, 20153], "quarters .yyyyq. or as a count of steps: set data.time_format=yyyyq or data.freq=1"),
        ([1012020, 2012020, 3012020], "dates .ddmmyyyy. or as dates .mmddyyyy."),
    ],
)
def test_what_may_be_several_things_is_refused_and_every_advice_works(numbers: list[int], told: str) -> None:
    with pytest.raises(TimeError, match=told) as caught:
        read(numbers)
    advice = str(caught.value).split(": set ")[1].split(" or ")
    results = [
        read(numbers, form=value) if option == "data.time_format" else read(numbers, freq=value)
        for option, value in (one.split("=") for one in advice)
    ]
    assert len({str(result) for result in results}) == len(advice) > 1


def test_the_name_of_the_column_or_the_frequency_decides() -> None:
    numbers = [202001, 202002, 202003]
    assert read(numbers, name="YearWeek")[1] == "2020-01-06T00:00"
    assert read(numbers, name="month")[1] == "2020-02-01T00:00"
    assert read(numbers, freq="W-MON")[1] == "2020-01-06T00:00"
    assert read(numbers, freq="MS")[1] == "2020-02-01T00:00"
    assert read(numbers, freq="1") == numbers


@pytest.mark.parametrize(
    "numbers", [[1, 2, 3], [1990, 1991, 1992], [0, 3600, 7200], [-202401, -202400], [10_000, 10_001], [123456, 123457]]
)
def test_counts_stay_counts(numbers: list[int]) -> None:
    assert read(numbers) == numbers


def test_a_stated_code_names_what_it_cannot_read() -> None:
    with pytest.raises(TimeError, match=r"holds 202013 \(row 1\), which is no date of the form yyyymm"):
        read([202012, 202013], form="yyyymm")


@given(st.sampled_from(NAMES), st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2060-01-01")))
def test_every_code_reads_what_it_writes(name: str, moment) -> None:  # type: ignore[no-untyped-def]
    code = named_code(name)
    written = code.write(np.array([moment], "datetime64[s]"))
    stamp = code.read(written)
    assert not np.isnat(stamp).any()
    assert code.write(stamp).tolist() == written.tolist()
    assert abs(pd.Timestamp(stamp[0]) - pd.Timestamp(moment)) < pd.Timedelta("185D")


@pytest.mark.parametrize(
    ("numbers", "months"),
    [
        ([1949.0, 1949.0833, 1949.1667, 1949.9167], ["1949-01", "1949-02", "1949-03", "1949-12"]),
        ([1958.2027, 1958.2877, 1958.3699], ["1958-03", "1958-04", "1958-05"]),  # the middle of a month
        ([1990.0, 1990.25, 1990.5, 1990.75], ["1990-01", "1990-04", "1990-07", "1990-10"]),
        ([1949.11, 1949.12, 1950.01], ["1949-11", "1949-12", "1950-01"]),
        ([1990.3, 1990.4, 1991.1], ["1990-07", "1990-10", "1991-01"]),
    ],
)
def test_years_with_decimals(numbers: list[float], months: list[str]) -> None:
    assert read_decimals(np.array(numbers)).astype(str).tolist() == months  # type: ignore[union-attr]


def test_decimals_that_are_no_months() -> None:
    assert read_decimals(np.array([1990.0, 1990.019, 1990.038])) is None
    assert read_decimals(np.array([0.5, 1.5])) is None
    assert recognise(np.array([5, 6]), "ds", None) is None
