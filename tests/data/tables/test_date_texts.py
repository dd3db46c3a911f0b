"""Dates written as text: quarters, weeks and months of a year, formats with a month's name, and 24:00."""

import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.tables.timestamps import Stamps, read_stamps


def read(texts: list[str], name: str = "ds", form: str | None = None, freq: str | None = None) -> Stamps:
    return read_stamps(pd.Series(texts, name=name), form, freq)


def days(stamps: Stamps) -> list[str]:
    return [str(stamp)[:10] for stamp in stamps.times]


QUARTERS = ["2015-07-01", "2015-10-01", "2016-01-01"]
WEEKS = ["2015-12-21", "2015-12-28", "2016-01-04"]
HALVES = ["2015-07-01", "2016-01-01", "2016-07-01"]
MONTHS = ["2015-11-01", "2015-12-01", "2016-01-01"]


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["3-2015", "4-2015", "1-2016"], QUARTERS),
        (["2015 Q3", "2015 Q4", "2016 Q1"], QUARTERS),
        (["2015-Q3", "2015-Q4", "2016-Q1"], QUARTERS),
        (["2015Q3", "2015Q4", "2016Q1"], QUARTERS),
        (["Q3 2015", "Q4 2015", "Q1 2016"], QUARTERS),
        (["3Q2015", "4Q2015", "1Q2016"], QUARTERS),
        (["2015/3", "2015/4", "2016/1"], QUARTERS),
        (["2015 W52", "2015 W53", "2016 W01"], WEEKS),
        (["2015-W52", "2015-W53", "2016-W01"], WEEKS),
        (["2015W52", "2015W53", "2016W01"], WEEKS),
        (["KW52 2015", "KW53 2015", "KW01 2016"], WEEKS),
        (["52/2015", "53/2015", "1/2016"], WEEKS),
        (["2015-52", "2015-53", "2016-01"], WEEKS),
        (["11-2015", "12-2015", "1-2016"], MONTHS),
        (["2015-11", "2015-12", "2016-01"], MONTHS),
        (["2015M11", "2015M12", "2016M01"], MONTHS),
        (["11/2015", "12/2015", "01/2016"], MONTHS),
        (["2015 Nov", "2015 Dec", "2016 Jan"], MONTHS),
        (["Nov 2015", "Dec 2015", "Jan 2016"], MONTHS),
        (["Nov-15", "Dec-15", "Jan-16"], MONTHS),
        (["November 2015", "December 2015", "January 2016"], MONTHS),
        (["Nov 1 2015", "Dec 1 2015", "Jan 1 2016"], MONTHS),
        (["1 Nov 2015", "1 Dec 2015", "1 Jan 2016"], MONTHS),
        (["2015H2", "2016H1", "2016H2"], HALVES),
        (["2H15", "1H16", "2H16"], HALVES),
        (["S2 2015", "S1 2016", "S2 2016"], HALVES),
        (["2015-HY2", "2016-HY1", "2016-HY2"], HALVES),
        (["S52 2015", "S53 2015", "S01 2016"], WEEKS),
        (["KW 52/2015", "KW 53/2015", "KW 01/2016"], WEEKS),
        (["52. KW 2015", "53. KW 2015", "1. KW 2016"], WEEKS),
        (["Week 52, 2015", "Week 53, 2015", "Week 1, 2016"], WEEKS),
        (["15W52", "15W53", "16W01"], WEEKS),
        (["Q3'15", "Q4'15", "Q1'16"], QUARTERS),
        (["FY2015 Q3", "FY2015 Q4", "FY2016 Q1"], QUARTERS),
        (["T3 2015", "T4 2015", "T1 2016"], QUARTERS),
        (["01-Nov-2015", "01-Dec-2015", "01-Jan-2016"], MONTHS),
    ],
)
def test_units_of_a_year_and_names_of_months(texts: list[str], wanted: list[str]) -> None:
    stamps = read(texts)
    assert days(stamps) == wanted
    if stamps.written is not None:
        assert stamps.written.write(stamps.times).tolist() == texts


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["1-2015", "2-2015", "3-2015"], "data.time_format=month or data.time_format=quarter or data.time_format=week"),
        (["13-2015", "14-2015", "54-2015"], "holds '54-2015', and there is no such week"),
        (["2016 W52", "2016 W53"], "holds '2016 W53', and there is no such week"),
        (["2015Q4", "2015Q5"], "no such quarter"),
        (["01/01/24", "02/01/24"], r"set their format \(data.time_format=%m/%d/%y or data.time_format=%d/%m/%y\)"),
        (["00:15", "00:30"], "are no dates"),
    ],
)
def test_what_stays_unclear_is_refused(texts: list[str], told: str) -> None:
    with pytest.raises(TimeError, match=told):
        read(texts)


def test_a_unit_can_be_set_and_a_frequency_decides() -> None:
    texts = ["1-2015", "2-2015", "3-2015"]
    assert days(read(texts, form="quarter")) == ["2015-01-01", "2015-04-01", "2015-07-01"]
    assert days(read(texts, form="month")) == ["2015-01-01", "2015-02-01", "2015-03-01"]
    assert days(read(texts, form="week")) == ["2014-12-29", "2015-01-05", "2015-01-12"]
    assert days(read(texts, freq="QS-JAN")) == days(read(texts, form="quarter"))
    assert days(read(texts, name="Quarter")) == days(read(texts, form="quarter"))


def test_years_without_a_century_are_months_and_that_is_noted() -> None:
    stamps = read(["1-01", "1-02", "1-03", "1-04"])
    assert days(stamps) == ["2001-01-01", "2001-02-01", "2001-03-01", "2001-04-01"]
    assert stamps.notes == ("the years of 'ds' have no century: '1-01' was read as a month of 2001",)
    assert stamps.written is not None
    assert stamps.written.write(pd.date_range("2003-12", periods=2, freq="MS").to_numpy()).tolist() == ["3-12", "4-01"]


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["31.03.2021 23:00", "31.03.2021 24:00"], ["2021-03-31 23:00:00", "2021-04-01 00:00:00"]),
        (["2021-03-31 24:00:00", "2021-04-01 01:00:00"], ["2021-04-01 00:00:00", "2021-04-01 01:00:00"]),
        (["2021-03-31T23:00+01:00", "2021-03-31T24:00+01:00"], ["2021-03-31 22:00:00", "2021-03-31 23:00:00"]),
    ],
)
def test_24_o_clock_is_midnight(texts: list[str], wanted: list[str]) -> None:
    assert [str(pd.Timestamp(stamp)) for stamp in read(texts).times] == wanted


CLOCK = pd.date_range("2024-02-03 22:00", periods=30, freq="h")


def _to_text(form: str) -> list[str]:
    """Python's own strftime, with its GNU flags for numbers without zeros."""
    return [stamp.to_pydatetime().strftime(form) for stamp in CLOCK]


@pytest.mark.parametrize(
    "form",
    [
        "%m/%d/%Y %I:%M %p",
        "%-m/%-d/%Y %-I:%M %p",
        "%Y-%m-%d %I:%M:%S %P",
        "%-m/%-d/%y %-H:%M",
        "%d.%m.%Y %-H:%M",
        "%-d.%-m.%Y, %H:%M",
        "%d/%m/%Y %H.%M",
        "%Y-%m-%d %-I %p",
        "%Y-%m-%dT%H:%M:%S.000Z",
        "%Y-%m-%dT%H:%M:%S+01:00",
        "%d-%b-%y %H:%M",
    ],
)
def test_clocks_are_read_and_written_alike(form: str) -> None:
    texts = _to_text(form)
    stamps = read(texts)
    shift = pd.Timedelta("1h" if form.endswith("+01:00") else 0)
    assert list(stamps.times + shift) == list(CLOCK.to_numpy())
    assert stamps.written is not None
    assert stamps.written.write(CLOCK.to_numpy()).tolist() == texts


def test_half_days_with_dots() -> None:
    stamps = read(["2024-02-03 11:00 a.m.", "2024-02-03 12:00 p.m.", "2024-02-04 12:00 a.m."])
    assert [str(stamp)[:16] for stamp in stamps.times] == ["2024-02-03T11:00", "2024-02-03T12:00", "2024-02-04T00:00"]
    assert stamps.written is None


def test_names_that_look_like_units_are_no_dates() -> None:
    with pytest.raises(TimeError, match="are no dates"):
        read(["S1-10", "S2-44", "S1-31", "S1-07", "S2-80"])


def test_years_of_a_business_are_noted() -> None:
    assert "read as those of calendar years" in read(["FY2015 Q3", "FY2015 Q4"]).notes[0]
    assert "was read as a half-year of 2015" in read(["1H15", "2H15", "1H16"]).notes[0]


def test_entries_that_are_no_dates_are_named_with_their_row() -> None:
    with pytest.raises(TimeError, match=r"1 of 3 entries of the time column 'ds' are no dates.*first: 'soon', row 1"):
        read(["2024-01-01", "soon", "2024-01-03"])
