"""Years divided into quarters, months, weeks and days."""

import numpy as np
import pytest

from latentcast.data.tables import calendar_units as units


@pytest.mark.parametrize(
    ("begins", "year", "number", "day"),
    [
        (units._months_begin(3), 2024, 2, "2024-04-01"),
        (units._months_begin(1), 2023, 12, "2023-12-01"),
        (units.UNITS["week"].begins, 2020, 53, "2020-12-28"),  # a year of 53 ISO weeks
        (units.UNITS["week"].begins, 2021, 1, "2021-01-04"),
        (units.UNITS["week"].begins, 2024, 1, "2024-01-01"),
        (units.UNITS["week"].begins, 2019, 1, "2018-12-31"),
        (units._day_begins, 2024, 366, "2024-12-31"),
        (units._day_begins, 2023, 60, "2023-03-01"),
    ],
)
def test_the_day_at_which_a_unit_begins(begins: object, year: int, number: int, day: str) -> None:
    assert begins(np.array([year]), np.array([number]))[0] == np.datetime64(day)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("begins", "year", "number"),
    [
        (units._months_begin(3), 2024, 5),
        (units._months_begin(1), 2024, 0),
        (units.UNITS["week"].begins, 2021, 53),
        (units._day_begins, 2023, 366),
        (units._day_begins, 2023, 0),
    ],
)
def test_a_unit_that_a_year_does_not_have_is_no_date(begins: object, year: int, number: int) -> None:
    assert np.isnat(begins(np.array([year]), np.array([number]))[0])  # type: ignore[operator]


def test_iso_weeks_are_those_of_the_standard_library() -> None:
    import datetime

    days = np.arange(np.datetime64("2014-12-20"), np.datetime64("2022-01-20"))
    year, week = units.UNITS["week"].number(days)
    expected = [day.isocalendar() for day in days.astype(datetime.date)]
    assert year.tolist() == [each.year for each in expected]
    assert week.tolist() == [each.week for each in expected]


def test_the_day_of_a_year_counts_from_one() -> None:
    year, day = units._day_number(np.array(["2024-01-01", "2024-12-31", "2023-12-31"], "datetime64[ns]"))
    assert (year.tolist(), day.tolist()) == ([2024, 2024, 2023], [1, 366, 365])
