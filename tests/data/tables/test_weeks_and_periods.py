"""MMWR weeks, which begin on Sunday, and periods of a fiscal year with three digits."""

import numpy as np
import pandas as pd
import pytest

from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.date_numbers import epoch_unit
from latentcast.data.tables.timestamps import read_stamps

# week 1 of the MMWR calendar begins on these Sundays; 2014 has 53 weeks
FIRST = {2014: "2013-12-29", 2015: "2015-01-04", 2017: "2017-01-01", 2018: "2017-12-31", 2021: "2021-01-03"}


@pytest.mark.parametrize("name", ["MMWR Week", "epiweek", "Epi_Week", "EW", "mmwrweek"])
def test_weeks_of_a_column_named_so_begin_on_sunday(name: str) -> None:
    numbers = [201701, 201702, *range(201703, 201753), 201801, 201802]
    found = read_stamps(pd.Series(numbers, name=name), None)
    assert [str(day)[:10] for day in found.times[[0, 1, -2]]] == ["2017-01-01", "2017-01-08", "2017-12-31"]
    assert "begin on Sunday" in found.notes[0]
    assert found.written is not None
    assert found.written.write(found.times).tolist() == numbers
    texts = [f"{number // 100}-W{number % 100:02d}" for number in numbers]
    assert (read_stamps(pd.Series(texts, name=name), None).times == found.times).all()
    monday = read_stamps(pd.Series(numbers, name=name), "week").times[0]
    assert str(monday)[:10] == "2017-01-02"


@pytest.mark.parametrize("year", FIRST)
def test_the_first_week_of_a_year(year: int) -> None:
    found = read_stamps(pd.Series([year * 100 + 1], name="ds"), "epiweek")
    assert str(found.times[0])[:10] == FIRST[year]


def test_a_year_of_53_weeks_and_a_column_each() -> None:
    weeks = [(2014, number) for number in range(1, 54)] + [(2015, number) for number in range(1, 53)]
    years, numbers = zip(*weeks, strict=True)
    frame = pd.DataFrame({"MMWR Year": years, "Week": numbers, "cases": np.arange(105.0)})
    panel = build(frame, DataSettings())
    assert str(panel.times[0])[:10] == FIRST[2014]
    assert str(panel.times[53])[:10] == FIRST[2015]
    assert panel.frequency.alias == "W-SUN"
    assert any("begin on Sunday" in note for note in panel.notes)


@pytest.mark.parametrize(("count", "second"), [(12, "2015-02-01"), (16, "2015-01-23"), (13, "2015-01-29")])
def test_a_cycle_of_three_digits_is_periods(count: int, second: str) -> None:
    numbers = [year * 1000 + number for year in (2015, 2016) for number in range(1, count + 1)]
    found = read_stamps(pd.Series(numbers, name="FISCPER"), None)
    assert str(found.times[1])[:10] == second
    assert str(found.times[count])[:10] == "2016-01-01"
    assert f"from 001 to {count:03d}" in found.notes[0]
    assert found.written is not None
    assert found.written.write(found.times).tolist() == numbers


def test_days_of_a_year_stay_days() -> None:
    numbers = pd.date_range("2015-12-01", periods=60).strftime("%Y%j").astype(int)
    assert str(read_stamps(pd.Series(numbers, name="ds"), None).times[-1])[:10] == "2016-01-29"


def test_the_advice_for_fractions_of_seconds_works() -> None:
    numbers = 1_577_836_800.5 + np.arange(30) * 3600
    assert epoch_unit(numbers) == ("s", "seconds")
    assert str(read_stamps(pd.Series(numbers, name="ds"), "s").times[0])[:21] == "2020-01-01T00:00:00.5"
