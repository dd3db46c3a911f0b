"""Ticks, file times, day numbers and Julian days: by their size, by the column's name, or by a note."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.tables.timestamps import read_stamps

HOURS = pd.date_range("2018-03-20", periods=50, freq="h")
DAYS = pd.date_range("2018-03-20", periods=50, freq="D")
SECONDS = DAYS.to_numpy("datetime64[s]").astype(np.int64)


@pytest.mark.parametrize("since", [("0001-01-01", "ticks"), ("1601-01-01", "filetime")])
@pytest.mark.parametrize("stamps", [HOURS, DAYS])
def test_hundreds_of_nanoseconds(since: tuple[str, str], stamps: pd.DatetimeIndex) -> None:
    seconds = (stamps.to_numpy("datetime64[s]") - np.datetime64(since[0], "s")).astype(np.int64)
    for column in (pd.Series(seconds * 10**7), pd.Series(seconds * 10**7).astype(str)):
        found = read_stamps(column.rename("when"), None)
        assert (found.times == stamps.to_numpy()).all()
        assert since[1] in found.notes[0]
        assert found.written is not None
        assert found.written.write(found.times).tolist() == (seconds * 10**7).tolist()


def test_nanoseconds_of_1990_stay_nanoseconds_and_uneven_ones_are_refused() -> None:
    stamps = pd.date_range("1990-01-01", periods=50, freq="h").as_unit("ns")
    assert (read_stamps(pd.Series(stamps.astype("int64"), name="when"), None).times == stamps.to_numpy()).all()
    uneven = pd.Series([636_571_008_000_000_001, 636_571_008_000_000_008, 636_571_008_000_000_011], name="when")
    with pytest.raises(TimeError, match=r"ticks or as nanoseconds since 1970: set data.time_format=ticks or"):
        read_stamps(uneven, None)
    assert str(read_stamps(uneven, "ticks").times[0])[:10] == "2018-03-20"
    assert str(read_stamps(uneven, "ns").times[0])[:10] == "1990-03-04"


@pytest.mark.parametrize(
    ("name", "first"),  # 20 March 2018, by the tools' own documentation of their epochs
    [("sasdate", 21_263), ("stata_date", 21_263), ("datenum", 737_139), ("mjd", 58_197), ("jd", 2_458_197.5)],
)
def test_day_numbers_by_the_name_of_the_column(name: str, first: float) -> None:
    found = read_stamps(pd.Series(first + np.arange(50), name=name), None)
    assert (found.times == DAYS.to_numpy()).all()
    assert "data.time_format=" in found.notes[0]
    hours = read_stamps(pd.Series(first + np.arange(50) / 24, name=name), None)
    assert (hours.times == HOURS.to_numpy()).all()
    if name != "jd":
        assert read_stamps(pd.Series(int(first) + np.arange(50), name=name), None, "1").times[0] == first


def test_seconds_since_1960_and_gps_weeks() -> None:
    found = read_stamps(pd.Series(SECONDS + 315_619_200, name="sas_datetime"), None)
    assert (found.times == DAYS.to_numpy()).all()
    weeks = read_stamps(pd.Series(range(2048, 2060), name="GPS week"), None)
    assert str(weeks.times[0])[:10] == "2019-04-07"  # the second roll-over of ten bits


def test_numbers_under_the_name_of_a_date_are_noted_and_counters_are_not() -> None:
    found = read_stamps(pd.Series(range(21_263, 21_300), name="date"), None)
    assert found.times[0] == 21_263
    assert "data.time_format=d1960 reads days since 1960 (SAS, Stata) (from 2018-03-20)" in found.notes[0]
    assert read_stamps(pd.Series(range(1, 400), name="day"), None).notes == ()
    assert read_stamps(pd.Series(range(21_263, 21_300), name="step"), None).notes == ()
    sheet = read_stamps(pd.Series(range(58_197, 58_240), name="date"), None)
    assert "data.time_format=mjd reads modified Julian days (from 2018-03-20)" in sheet.notes[0]
    with pytest.raises(TimeError, match=r"data.time_format=datenum reads day numbers of MATLAB \(from 2018-03-20\)"):
        read_stamps(pd.Series(737_139 + np.arange(50) / 24, name="date"), None)
