"""Frequencies: found in stamps, continued as pandas continues them, with and without gaps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.errors import TimeError
from latentcast.data.features.calendar import feature_names, features
from latentcast.data.tables.frequency import Frequency
from latentcast.data.tables.infer import infer, usual_step

# alias, its season
KNOWN = [
    ("s", 3600), ("15s", 240), ("min", 1440), ("15min", 96), ("h", 24), ("2h", 12), ("6h", 4), ("D", 7), ("2D", 1),
    ("B", 5), ("W-SAT", 52), ("W-SUN", 52), ("2W-WED", 26), ("MS", 12), ("ME", 12), ("2MS", 6), ("QS-JAN", 4),
    ("QS-FEB", 4), ("QS-MAR", 4), ("QE-DEC", 4), ("QE-OCT", 4), ("QE-NOV", 4), ("YS-JAN", 1), ("YS-APR", 1),
    ("YE-DEC", 1), ("YE-JUN", 1),
]  # fmt: skip
ODD = ["BMS", "BME", "SMS", "WOM-3FRI"]  # stated only, never inferred
ALIASES = [alias for alias, _ in KNOWN]


def stamps(alias: str, n: int, start: str = "2019-01-30 00:00") -> np.ndarray:
    return pd.date_range(start, periods=n, freq=alias).to_numpy("datetime64[ns]")


def one(times: np.ndarray) -> np.ndarray:
    return np.zeros(len(times), np.int64)


@pytest.mark.parametrize(("alias", "season"), KNOWN)
def test_is_inferred_with_and_without_gaps(alias: str, season: int) -> None:
    times = stamps(alias, 40)
    holes = np.delete(times, [3, 4, 17, 30])
    for seen in (times, holes, times[:12]):
        found = infer(seen, one(seen))
        assert (found.alias, found.season) == (alias, season)
        assert Frequency.of(found.alias) == found


@pytest.mark.parametrize("alias", ALIASES)
def test_two_rows_are_enough(alias: str) -> None:
    times = stamps(alias, 2)
    found = infer(times, one(times))
    following = found.after(times[-1:], 1)[0]
    if alias not in ("B", "2D"):  # two business days in a row look like two days; so may two days apart
        assert following[0] == stamps(alias, 3)[-1]


@pytest.mark.parametrize("alias", ALIASES + ODD)
@pytest.mark.parametrize("start", ["2019-01-30 00:00", "2020-02-28 06:30"])
def test_continues_as_pandas_does(alias: str, start: str) -> None:
    times = stamps(alias, 60, start)
    frequency = Frequency.of(alias)
    ends = times[[0, 7, 7, 19]]
    expected = np.stack([pd.date_range(end, periods=31, freq=alias)[1:].to_numpy() for end in ends])
    np.testing.assert_array_equal(frequency.after(ends, 30), expected)


@pytest.mark.parametrize("alias", ALIASES + ODD)
def test_ordinals_count_steps_in_each_series_and_undo_advance(alias: str) -> None:
    times = stamps(alias, 50)
    kept = np.array([0, 1, 2, 5, 6, 20, 49])
    both = np.concatenate([times[kept], times[11:20]])
    frequency = Frequency.of(alias)
    ordinals = frequency.ordinals(both, np.array([0, 7]))
    np.testing.assert_array_equal(ordinals, [*kept, *range(9)])
    np.testing.assert_array_equal(frequency.advance(times[0], kept), times[kept])


@pytest.mark.parametrize("alias", ["h", "D", "B", "W-SAT", "MS", "QE-DEC", "YS-JAN", "BMS"])
def test_stamps_between_steps_are_told_from_steps(alias: str) -> None:
    times = stamps(alias, 5)
    times[2] += np.timedelta64(25, "m")
    np.testing.assert_array_equal(Frequency.of(alias).ordinals(times, np.array([0])), [0, 1, -1, 3, 4])


def test_series_of_many_starts_and_phases() -> None:
    parts = [stamps("h", 30, f"2020-01-0{day} 00:{minute:02}") for day, minute in ((1, 0), (3, 10), (2, 25))]
    series = np.repeat([0, 1, 2], 30)
    assert infer(np.concatenate(parts), series).alias == "h"
    quarters = [stamps(alias, 9) for alias in ("QS-JAN", "QS-FEB")]
    found = infer(np.concatenate(quarters), np.repeat([0, 1], 9))
    assert (found.alias, found.season) == ("3MS", 4)
    np.testing.assert_array_equal(found.after(quarters[1][-2:-1], 1)[0], quarters[1][-1:])
    years = [stamps(alias, 9) for alias in ("YE-MAR", "YE-DEC")]
    found = infer(np.concatenate(years), np.repeat([0, 1], 9))
    assert (found.alias, found.season) == ("12ME", 1)
    same = infer(np.concatenate([quarters[0], quarters[0][3:]]), np.repeat([0, 1], [9, 6]))
    assert same.alias == "QS-JAN"


def test_business_days_need_a_skipped_weekend_and_no_stamp_in_one() -> None:
    week = stamps("D", 5, "2024-01-01")  # Monday to Friday
    assert infer(week, one(week)).alias == "D"
    days = stamps("D", 30, "2024-01-01")
    assert infer(days, one(days)).alias == "D"
    mixed = np.concatenate([stamps("B", 20), days])
    assert infer(mixed, np.repeat([0, 1], [20, 30])).alias == "D"


@given(st.integers(1, 1000), st.integers(-(10**6), 10**6), st.sets(st.integers(0, 40), max_size=10))
def test_whole_numbers(step: int, start: int, missing: set[int]) -> None:
    times = start + step * np.array(sorted(set(range(41)) - missing))
    found = infer(times, one(times))
    assert (found.alias, found.step, found.season, found.integer) == (str(step), step, 1, True)
    following = found.after(times[-1:], 3)[0]
    np.testing.assert_array_equal(following, times[-1] + found.step * np.arange(1, 4))
    assert Frequency.of(found.alias) == found == Frequency.of(int(found.alias))


def test_irregular_stamps_are_shown_with_the_ways_out() -> None:
    times = stamps("h", 20)
    times[7] += np.timedelta64(7, "m")
    with pytest.raises(TimeError, match=r"most are h long, but 1 of 20 .*2019-01-30T07:07.*data\.freq.*steps=rows"):
        infer(times, one(times))
    assert usual_step(times, one(times)).alias == "h"


@pytest.mark.parametrize("alias", ["BME", "BMS", "BQE-DEC", "BQE-FEB", "BQS-MAR", "BYE-DEC", "BYS-JAN"])
def test_business_ends_are_inferred(alias: str) -> None:
    times = pd.date_range("2015-01-01", periods=60, freq=alias).to_numpy("datetime64[ns]")
    one = np.zeros(len(times), np.int64)
    assert infer(times, one).alias == alias
    np.testing.assert_array_equal(Frequency.of(alias).ordinals(times, one[:1]), np.arange(60))


def test_nothing_to_infer_from() -> None:
    with pytest.raises(TimeError, match=r"set it \(data\.freq\)"):
        infer(stamps("h", 3), np.arange(3))


@pytest.mark.parametrize("alias", ["", "fortnight", "0", "-1h", "0h", "0D"])
def test_aliases_that_are_none(alias: str) -> None:
    with pytest.raises(TimeError, match="freq="):
        Frequency.of(alias)


@pytest.mark.parametrize(("old", "new"), [("H", "h"), ("M", "ME"), ("T", "min"), ("Q", "QE-DEC"), ("90min", "90min")])
def test_old_names_are_understood(old: str, new: str) -> None:
    assert Frequency.of(old).alias == new


@pytest.mark.parametrize("alias", ["YS-JAN", "1000W-SUN", "B"])
def test_dates_end_in_2261(alias: str) -> None:
    with pytest.raises(TimeError, match="2261"):
        Frequency.of(alias).after(np.array(["2020-01-05"], "datetime64[ns]"), 80_000)


@pytest.mark.parametrize(
    ("alias", "names"),
    [
        ("s", "second_of_minute minute_of_hour hour_of_day day_of_week day_of_month day_of_year"),
        ("15min", "minute_of_hour hour_of_day day_of_week day_of_month day_of_year"),
        ("h", "hour_of_day day_of_week day_of_month day_of_year"),
        ("D", "day_of_week day_of_month day_of_year"),
        ("B", "day_of_week day_of_month day_of_year"),
        ("W-SUN", "day_of_month day_of_year"),
        ("MS", "month_of_year"),
        ("BMS", "day_of_week day_of_month day_of_year"),
        ("QE-DEC", "month_of_year"),
        ("YS-JAN", ""),
        ("1", ""),
    ],
)
def test_calendar_features_are_those_a_frequency_can_tell_apart(alias: str, names: str) -> None:
    frequency = Frequency.of(alias)
    assert feature_names(frequency) == tuple(names.split())
    times = np.arange(5) if frequency.integer else stamps(alias, 5)
    found = features(times, frequency)
    assert found.shape == (5, len(names.split()))
    assert found.dtype == np.float32


@given(st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")))
def test_calendar_features_lie_within_half_of_zero_and_mean_what_they_say(moment) -> None:
    times = np.array([moment], "datetime64[ns]")
    stamp = pd.Timestamp(moment)
    frequency = Frequency.of("s")
    (found,) = features(times, frequency)
    assert (np.abs(found) <= 0.5).all()
    value = dict(zip(feature_names(frequency), found + 0.5, strict=True))
    assert value["second_of_minute"] * 59 == pytest.approx(stamp.second, abs=1e-4)
    assert value["minute_of_hour"] * 59 == pytest.approx(stamp.minute, abs=1e-4)
    assert value["hour_of_day"] * 23 == pytest.approx(stamp.hour, abs=1e-4)
    assert value["day_of_week"] * 6 == pytest.approx(stamp.day_of_week, abs=1e-4)
    assert value["day_of_month"] * 30 + 1 == pytest.approx(stamp.day, abs=1e-4)
    assert value["day_of_year"] * 365 + 1 == pytest.approx(stamp.day_of_year, abs=1e-4)
    (month,) = features(times, Frequency.of("MS"))[0] + 0.5
    assert month * 11 + 1 == pytest.approx(stamp.month, abs=1e-4)
