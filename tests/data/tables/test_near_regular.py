"""Stamps that are nearly regular: one for each period, or steps that begin anew."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.near_regular import moved_onto_grid


def frame(stamps: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame({"ds": stamps, "v": np.arange(float(len(stamps)))})


def shifted(regular: pd.DatetimeIndex, **moves: str) -> pd.DatetimeIndex:
    """Stamps of which some, named n3, n7 …, are moved."""
    made = regular.to_series().reset_index(drop=True)
    for name, by in moves.items():
        made[int(name[1:])] += pd.Timedelta(by)
    return pd.DatetimeIndex(made)


WEEKS = pd.date_range("2024-01-03", periods=30, freq="W-WED")
DAYS = pd.date_range("2024-01-01 16:00", periods=60, freq="B")
QUARTERS = pd.date_range("2000-01-01", periods=20, freq="QS")
ENDS = pd.date_range("2024-01-31", periods=20, freq="ME")
CASES = (
    (shifted(WEEKS, n5="1D", n9="-2D"), WEEKS, "W-WED"),
    (shifted(DAYS, n7="-3h"), DAYS, "B"),
    (shifted(QUARTERS, n3="1D", n8="1D"), QUARTERS, "QS-JAN"),
    (shifted(ENDS, n4="-1D"), ENDS, "ME"),
)


@pytest.mark.parametrize(("stamps", "regular", "alias"), CASES)
def test_one_stamp_for_each_period(stamps: pd.DatetimeIndex, regular: pd.DatetimeIndex, alias: str) -> None:
    with pytest.raises(TimeError, match=r"irregular.*data\.snap=true") as caught:
        build(frame(stamps), DataSettings())
    assert (caught.value.setting, caught.value.value) == ("data.snap", "true")
    for freq in (None, alias):
        panel = build(frame(stamps), DataSettings(snap=True, freq=freq))
        np.testing.assert_array_equal(panel.times[panel.observed[:, 0]], regular.to_numpy("datetime64[ns]"))
        assert panel.frequency.alias == alias
        assert "of which each has one, by at most" in str(panel.notes)


def test_steps_that_begin_anew_after_a_break() -> None:
    first = pd.date_range("2024-01-01 00:01", periods=40, freq="5min")
    second = pd.date_range("2024-01-01 08:03", periods=40, freq="5min")
    moved = moved_onto_grid(first.append(second).to_numpy("datetime64[ns]"), np.zeros(80, np.int64))
    assert moved is not None
    expected = pd.date_range("2024-01-01", periods=40, freq="5min").append(
        pd.date_range("2024-01-01 08:05", periods=40, freq="5min")
    )
    np.testing.assert_array_equal(moved[0], expected.to_numpy("datetime64[ns]"))


def test_two_stamps_in_a_period_are_not_moved() -> None:
    stamps = shifted(WEEKS, n5="5D")
    assert moved_onto_grid(stamps.to_numpy("datetime64[ns]"), np.zeros(30, np.int64)) is None


def test_rows_at_any_time_are_resampled_to_the_step_that_they_fill() -> None:
    minutes = np.random.default_rng(0).integers(3, 9, 400).cumsum()
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="min")
    with pytest.raises(TimeError, match="irregular") as caught:
        build(frame(stamps), DataSettings())
    assert caught.value.setting == "data.resample"
    assert caught.value.value == "10min"
