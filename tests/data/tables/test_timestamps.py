"""A time column as stamps: dates, whole numbers, moments since 1970."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.tables.timestamps import epoch_unit, read_stamps, show


def times(column: pd.Series, form: str | None = None) -> list[str]:
    return [show(stamp) for stamp in read_stamps(column.rename("when"), form).times]


def test_whole_numbers_are_steps_and_dates_are_dates() -> None:
    assert read_stamps(pd.Series([3, 4, 5], name="step"), None).times.tolist() == [3, 4, 5]
    assert read_stamps(pd.Series([3.0, 4.0], name="step"), None).times.dtype == np.int64
    assert times(pd.Series(["2024-02-29", "2024-03-01"])) == ["2024-02-29 00:00:00", "2024-03-01 00:00:00"]


@pytest.mark.parametrize(("unit", "one_day"), [("s", 86_400), ("ms", 86_400_000), ("ns", 86_400 * 10**9)])
def test_moments_since_1970_by_their_unit(unit: str, one_day: int) -> None:
    assert times(pd.Series([0, one_day]), unit) == ["1970-01-01 00:00:00", "1970-01-02 00:00:00"]


@pytest.mark.parametrize(
    ("numbers", "unit"),
    [
        ([1_700_000_000], ("s", "seconds")),
        ([1_700_000_000_000], ("ms", "milliseconds")),
        ([1_700_000_000, 5], None),
        ([100_000_000], None),  # 1973
    ],
)
def test_the_unit_in_which_all_numbers_are_moments_of_our_time(numbers: list[int], unit: object) -> None:
    assert epoch_unit(np.array(numbers)) == unit


def test_periods_begin_where_they_begin() -> None:
    assert times(pd.Series(pd.period_range("2024Q1", periods=2, freq="Q"))) == [
        "2024-01-01 00:00:00",
        "2024-04-01 00:00:00",
    ]


def test_a_missing_time_is_named_by_its_row() -> None:
    with pytest.raises(TimeError, match=r"1 rows have no time in 'when' \(first: row 1\)"):
        times(pd.Series(pd.to_datetime(["2024-01-01", None])))


def test_numbers_that_count_no_steps_are_refused() -> None:
    with pytest.raises(TimeError, match=r"count no steps \(first: 1.5, row 1\)"):
        times(pd.Series([1.0, 1.5]))
    with pytest.raises(TimeError, match="holds bool"):
        times(pd.Series([True, False]))


def test_years_with_decimals_are_months_with_a_note() -> None:
    found = read_stamps(pd.Series([2020 + month / 12 for month in range(14)], name="year"), None)
    assert [show(stamp)[:7] for stamp in found.times[[0, 1, 12, 13]]] == ["2020-01", "2020-02", "2021-01", "2021-02"]
    assert "were read as months" in found.notes[0]


def test_texts_that_cannot_be_continued_in_their_form_come_back_as_dates_with_a_note() -> None:
    local = pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin")
    read = read_stamps(pd.Series([stamp.isoformat() for stamp in local], name="at"), None)
    (note,) = read.notes
    assert read.written is None
    assert "in UTC, since their offsets change" in note
    frame = pd.DataFrame({"at": [stamp.isoformat() for stamp in local]})
    fixed = eval(note.rpartition("for local time: ")[2], {"pd": pd, "frame": frame})  # the advice
    assert list(fixed) == list(local)
    assert not read_stamps(pd.Series([f"{stamp:%Y-%m-%dT%H:%M}+01:00" for stamp in local], name="at"), None).notes
    ends = pd.Series(["2024-01-01 23:00", "2024-01-01 24:00", "2024-01-02 01:00"], name="at")
    assert "come back as dates" in str(read_stamps(ends, None).notes)
