"""Calendars that pandas has no alias for: inferred, continued, and read again from their names."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.tables.frequency import Frequency
from latentcast.data.tables.infer import infer
from latentcast.data.tables.row_calendars import OpenDays, closed_days, parse


def panel_of(stamps: list, **settings: str) -> Panel:
    ds = pd.to_datetime(pd.Series(stamps))
    return build(pd.DataFrame({"ds": ds, "y": np.arange(len(ds)) + 0.5}), DataSettings(**settings))


def next_of(panel: Panel, n: int) -> list:
    later = panel.future_times(n)[0]
    return [str(pd.Timestamp(stamp)) if later.dtype.kind == "M" else int(stamp) for stamp in later]


def days(text: list[str]) -> list[str]:
    return [f"{one} 00:00:00" for one in text]


MONTHS = [(year, month) for year in (2019, 2020) for month in range(1, 13)]
SESSION = [
    day + pd.Timedelta(minutes=570 + 30 * slot)
    for day in pd.bdate_range("2022-01-03", "2022-02-11")
    for slot in range(14)
]


@pytest.mark.parametrize("steps", ["grid", "rows"])
@pytest.mark.parametrize(
    ("stamps", "alias", "season", "ahead"),
    [
        (
            [f"{y}-{m:02d}-15" for y, m in MONTHS],
            "M-days(15)", 12, days(["2021-01-15", "2021-02-15", "2021-03-15"]),
        ),
        (
            [f"{y}-{m:02d}-{d:02d}" for y, m in MONTHS for d in (1, 11, 21)],
            "M-days(1,11,21)", 36, days(["2021-01-01", "2021-01-11", "2021-01-21"]),
        ),
        (
            [f"{y}-{m:02d}-{d:02d}" for y, m in MONTHS for d in (1, 16)],
            "M-days(1,16)", 24, days(["2021-01-01", "2021-01-16", "2021-02-01"]),
        ),
        (
            [f"{y}-{m:02d}-10" for y, m in MONTHS if m % 3 == 2],
            "3M-days(10)", 4, days(["2021-02-10", "2021-05-10", "2021-08-10"]),
        ),
        (
            [pd.Timestamp(y, m, (29 if y == 2020 else 28) if m == 2 else 30) for y, m in MONTHS],
            "M-days(30)", 12, days(["2021-01-30", "2021-02-28", "2021-03-30"]),
        ),
        (
            [pd.Timestamp(y, 1, 1) + pd.Timedelta(days=16 * n) for y in (2019, 2020) for n in range(23)],
            "Y-every(16D,1)", 23, days(["2021-01-01", "2021-01-17", "2021-02-02"]),
        ),
        (
            SESSION,
            "sessions(1800s 09:30-16:00 Mon,Tue,Wed,Thu,Fri)", 14,
            ["2022-02-14 09:30:00", "2022-02-14 10:00:00", "2022-02-14 10:30:00"],
        ),
    ],
)  # fmt: skip
def test_stamps_go_on_as_they_were(stamps: list, alias: str, season: int, ahead: list[str], steps: str) -> None:
    panel = panel_of(stamps, steps=steps)
    assert (panel.frequency.alias, panel.season) == (alias, season)
    assert next_of(panel, 3) == ahead
    assert Frequency.of(alias) == panel.frequency
    np.testing.assert_array_equal(panel.times, pd.to_datetime(pd.Series(stamps)))
    back = panel.frequency.advance(panel.times[-1:], np.array([-2]))
    assert back[0] == panel.times[-3]


def test_a_missing_step_is_a_gap_of_its_calendar() -> None:
    stamps = [f"{y}-{m:02d}-15" for y, m in MONTHS]
    panel = panel_of(stamps[:7] + stamps[8:])
    assert len(panel.times) == 24
    assert panel.observed.sum() == 23
    holiday = [stamp for stamp in SESSION if stamp.date() != pd.Timestamp("2022-01-17").date()]
    panel = panel_of(holiday)
    assert len(panel.times) == len(SESSION)
    assert panel.observed.sum() == len(SESSION) - 14


def test_a_lunch_break_has_no_step() -> None:
    clock = ["09:00", "10:00", "11:00", "13:00", "14:00"]
    stamps = [f"{day:%Y-%m-%d} {time}" for day in pd.bdate_range("2022-01-03", periods=20) for time in clock]
    panel = panel_of(stamps)
    assert panel.frequency.alias == "sessions(3600s 09:00-11:00 13:00-14:00 Mon,Tue,Wed,Thu,Fri)"
    assert next_of(panel, 4)[2:] == ["2022-01-31 11:00:00", "2022-01-31 13:00:00"]


def test_hours_around_the_clock_are_no_sessions() -> None:
    hours = list(pd.date_range("2022-01-03", periods=24 * 20, freq="h"))
    assert panel_of(hours).frequency.alias == "h"
    assert panel_of(hours[:5] + hours[9:]).frequency.alias == "h"


def test_rows_whose_stamps_follow_no_rule_get_the_numbers_of_steps() -> None:
    generator = np.random.default_rng(0)
    stamps = pd.Timestamp("2020") + pd.to_timedelta(generator.integers(1, 10, 40).cumsum() * 60, unit="min")
    panel = panel_of(list(stamps), steps="rows")
    assert next_of(panel, 3) == [41, 42, 43]
    assert not panel.frequency.exact
    again = panel_of(list(stamps), steps="rows", freq=panel.frequency.alias)
    assert next_of(again, 2) == [41, 42]


def test_rows_that_are_regular_but_for_one_go_on_in_dates() -> None:
    stamps = list(pd.date_range("2022-01-03", periods=24 * 20, freq="h"))
    stamps[100] += pd.Timedelta(minutes=7)
    panel = panel_of(stamps, steps="rows")
    assert next_of(panel, 2) == ["2022-01-23 00:00:00", "2022-01-23 01:00:00"]


@pytest.mark.parametrize(
    ("alias", "season"),
    [
        ("BME", 12), ("BMS", 12), ("BQE-DEC", 4), ("BQS-JAN", 4), ("BYE-DEC", 1), ("SMS-15", 24), ("SME-15", 24),
        ("WOM-3FRI", 12), ("C", 5), ("CBMS", 12), ("CBME", 12), ("2BME", 6), ("3BMS", 4), ("bh", 8),
        ("D", 7), ("2D", 1), ("B", 5),
    ],
)  # fmt: skip
def test_offsets_with_rules_of_their_own_have_a_season_and_go_on(alias: str, season: int) -> None:
    stamps = pd.date_range("2015-01-02", periods=40, freq=alias)
    panel = panel_of(list(stamps[:30]), freq=alias)
    assert panel.season == season
    np.testing.assert_array_equal(panel.times, stamps[:30])
    np.testing.assert_array_equal(panel.future_times(10)[0], stamps[30:])
    np.testing.assert_array_equal(panel.extended(3).times[-3:], stamps[30:33])
    assert panel.padded(np.array([2])).times[2] == panel.times[0]


def test_series_with_longer_steps_than_the_others_are_named() -> None:
    hours, every_day = pd.date_range("2021", periods=240, freq="h"), pd.date_range("2021", periods=10, freq="D")
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": ds, "y": 1.5})
        for name, ds in (("a", hours), ("d", every_day), ("b", hours))
    )
    with pytest.raises(TimeError, match=r"1 of 3 series have rows at longer steps than h: d \(every 24 steps\)"):
        build(frame, DataSettings())
    panel = build(frame, DataSettings(frequency_per_series="split"))
    assert panel.ids == ("a", "b")
    assert "d (every 24 steps); they were left out" in panel.notes[0]
    months = pd.date_range("2015", periods=24, freq="MS")
    quarters = pd.DataFrame({"unique_id": "q", "ds": pd.date_range("2015", periods=8, freq="QS"), "y": 1.5})
    monthly = pd.DataFrame({"unique_id": "m", "ds": months, "y": 1.5})
    with pytest.raises(TimeError, match=r"than MS: q \(every 3 steps\)"):
        build(pd.concat([monthly, quarters]), DataSettings())
    holes = pd.DataFrame({"unique_id": "i", "ds": months[[0, 2, 5, 6, 11, 23]], "y": 1.5})
    assert build(pd.concat([monthly, holes]), DataSettings()).ids == ("m", "i")


def test_five_whole_days_from_monday_are_no_sessions() -> None:
    hours = pd.date_range("2024-01-01", periods=120, freq="h").to_numpy("datetime64[ns]")  # Monday to Friday
    assert infer(hours, np.zeros(120, np.int64)).alias == "h"
    two_weeks = np.concatenate([hours, hours + np.timedelta64(7, "D")])
    assert infer(two_weeks, np.zeros(240, np.int64)).alias.startswith("sessions(")


# days on which a market is closed


def market() -> tuple[pd.DatetimeIndex, list[str]]:
    """Business days of a year without four of them."""
    closed = ["2024-01-01", "2024-03-29", "2024-05-01", "2024-12-25"]
    days = pd.bdate_range("2023-12-01", "2024-12-31")
    return days[~days.isin(pd.to_datetime(closed))], closed


def test_closed_days_are_those_without_a_row() -> None:
    days, closed = market()
    found = closed_days(days.to_numpy())
    assert found == OpenDays(tuple(closed))
    assert parse(found.alias) == found
    positions, fits = found.position(days.to_numpy())
    assert fits.all()
    np.testing.assert_array_equal(np.diff(positions), 1)
    np.testing.assert_array_equal(found.stamps(positions), days.to_numpy("datetime64[D]"))
    assert not found.position(np.array(["2024-12-25", "2024-12-28"], "datetime64[D]"))[1].any()


def test_many_days_without_a_row_are_gaps() -> None:
    days, _ = market()
    assert closed_days(days[::2].to_numpy()) is None
    assert closed_days(pd.date_range("2024-01-01", periods=30).to_numpy()) is None


def test_a_closed_day_is_no_gap_and_no_step() -> None:
    days, _ = market()
    frame = pd.DataFrame({"ds": days[:-5], "y": np.arange(len(days) - 5.0)})
    panel = build(frame, validate(DataSettings, {"closed": "holidays"}))
    assert panel.complete
    assert panel.notes == ("3 days without a row are closed days, and no gaps (data.closed=holidays)",)
    assert str(panel.future_times(2)[0, 1])[:10] == "2024-12-25"  # nothing says that it will be closed
    again = build(frame, validate(DataSettings, {"closed": "holidays", "freq": panel.frequency.alias}))
    assert again.frequency.alias == panel.frequency.alias
    with pytest.raises(TimeError, match="is for business days"):
        build(
            frame.assign(ds=pd.date_range("2024", periods=len(frame))), validate(DataSettings, {"closed": "holidays"})
        )


def _next(stamps: pd.DatetimeIndex, count: int) -> list[str]:
    frequency = infer(stamps.to_numpy("datetime64[ns]"), np.zeros(len(stamps), np.int64))
    return [str(stamp)[:10] for stamp in frequency.after(stamps[-1:].to_numpy("datetime64[ns]"), count)[0]]


@pytest.mark.parametrize(
    ("days", "alias", "season"),
    [((0, 2, 4), "W-days(Mon,Wed,Fri)", 3), ((0, 1, 2, 3, 6), "W-days(Mon,Tue,Wed,Thu,Sun)", 5),
     ((0, 1, 2, 3, 4, 5), "W-days(Mon,Tue,Wed,Thu,Fri,Sat)", 6), ((1, 3), "W-days(Tue,Thu)", 2)],
)  # fmt: skip
def test_days_of_a_week_go_on(days: tuple[int, ...], alias: str, season: int) -> None:
    every = pd.date_range("2021-01-04 09:00", periods=140)
    stamps = every[every.day_of_week.isin(days)]
    past, later = stamps[:-3], stamps[-3:]
    frequency = infer(past.to_numpy("datetime64[ns]"), np.zeros(len(past), np.int64))
    assert (frequency.alias, frequency.season) == (alias, season)
    assert (
        frequency.after(past[-1:].to_numpy("datetime64[ns]"), 3)[0].tolist()
        == later.to_numpy("datetime64[ns]").tolist()
    )
    assert Frequency.of(alias) == frequency


def test_sparse_days_are_no_days_of_a_week() -> None:
    every = pd.date_range("2021-01-04", periods=140)
    stamps = every[(every.day_of_week < 6) & (np.arange(140) % 3 > 0)]
    assert infer(stamps.to_numpy("datetime64[ns]"), np.zeros(len(stamps), np.int64)).alias == "D"


def test_the_middle_and_the_end_of_months_and_third_fridays() -> None:
    assert _next(pd.date_range("2019-01-15", periods=27, freq="SME"), 3) == ["2020-02-29", "2020-03-15", "2020-03-31"]
    assert _next(pd.date_range("2019-01-01", periods=16, freq="WOM-3FRI"), 2) == ["2020-05-15", "2020-06-19"]
