"""Periods of a year other than months: 201813 is followed by 201901."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.periods_of_year import COUNTS, PeriodsOfYear, cycle_of
from latentcast.data.tables.row_calendars import parse

FORMS = ("{year}{number:02d}", "{year}-P{number:02d}", "{year}P{number:02d}", "P{number} {year}", "FY{year}-P{number}")


def periods(count: int, form: str, years: int = 4, more: int = 0) -> pd.DataFrame:
    numbers = [(2015 + at // count, at % count + 1) for at in range(years * count + more)]
    stamps: list[object] = [form.format(year=year, number=number) for year, number in numbers]
    if form == FORMS[0]:
        stamps = [int(str(stamp)) for stamp in stamps]
    return pd.DataFrame({"period": stamps, "sales": [10.0 + number for _, number in numbers]})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [2, 3, 4, 6, 10, 13])
def test_a_cycle_in_each_year_is_a_season(count: int, form: str) -> None:
    panel = build(periods(count, form, more=1), DataSettings())
    assert (str(panel.frequency), panel.season) == (f"Y-periods({count})", count)
    assert len(panel.times) == 4 * count + 1
    assert panel.observed.all()


@pytest.mark.parametrize("form", [FORMS[0], FORMS[1]])
def test_forecasts_go_on_in_the_same_form(form: str) -> None:
    data = periods(13, form)
    fitted = latentcast.fit(data, "seasonal-naive", lookback=13, horizon=14)
    wanted = periods(13, form, 5, 1).tail(14)
    for known in (data, data.tail(13)):  # a single year shows no cycle: the fit knows it
        found = fitted.predict(known)
        assert found["ds"].tolist() == wanted["period"].tolist()
        assert found["seasonal-naive"].tolist() == pytest.approx(wanted["sales"].tolist())


def test_a_missing_period_is_a_gap_and_months_and_weeks_stay_what_they_are() -> None:
    panel = build(periods(13, FORMS[0]).drop(index=[20]), DataSettings())
    assert np.flatnonzero(~panel.observed[:, 0]).tolist() == [20]
    assert str(build(periods(12, FORMS[0]), DataSettings()).frequency) == "MS"
    assert build(periods(13, FORMS[0]).rename(columns={"period": "week"}), DataSettings()).season == 52
    assert "data.time_format=yyyyp13; yyyyww reads ISO weeks" in build(periods(13, FORMS[0]), DataSettings()).notes[0]
    short = periods(13, FORMS[0], years=1, more=-3)
    assert str(build(short, DataSettings(time_format="yyyyp13")).frequency) == "Y-periods(13)"


def test_first_days_by_hand() -> None:
    thirteen = PeriodsOfYear(13)
    assert thirteen.begins(np.array([2020, 2020, 2020, 2020]), np.array([1, 2, 13, 14])).astype(str).tolist() == [
        "2020-01-01",
        "2020-01-29",
        "2020-12-02",
        "NaT",
    ]
    assert [each.tolist() for each in thirteen.number(np.array(["2020-12-31"], "datetime64[ns]"))] == [[2020], [13]]
    assert PeriodsOfYear(6).begins(np.array([2020]), np.array([2])).astype(str).tolist() == ["2020-03-01"]
    for count in COUNTS:
        calendar, places = PeriodsOfYear(count), np.arange(2015 * count, 2021 * count)
        back, on_step = calendar.position(calendar.stamps(places))
        assert (back == places).all()
        assert on_step.all()
        assert parse(calendar.alias) == calendar


@pytest.mark.parametrize(
    ("numbers", "count"), [([201801, 201802], None), ([201801, 201802, 201901], 2), ([201802, 201803, 201902], None)]
)
def test_a_cycle_turns_and_begins_with_one(numbers: list[int], count: int | None) -> None:
    assert cycle_of(*np.divmod(np.array(numbers), 100)) == count


@pytest.mark.parametrize("name", ["season", "year"])
def test_years_that_cross_are_no_weeks(name: str) -> None:
    """2003/04, 2004/05, … are 53 weeks apart as weeks: no reading is regular, and none makes a traceback."""
    texts = [f"{year}/{(year + 1) % 100:02d}" for year in range(2003, 2013)]
    with pytest.raises(latentcast.LatentcastError):
        build(pd.DataFrame({name: texts, "v": np.arange(10.0)}), DataSettings(freq="YS"))
