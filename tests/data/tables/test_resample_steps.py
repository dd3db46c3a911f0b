"""Rows brought to steps, and stamps moved to the nearest one, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.settings import DataSettings
from latentcast.data.tables.resample import resampled, snapped
from latentcast.data.tables.table import Table


def table(values: list[float], **beside: list[object]) -> Table:
    columns = {name: np.array(column, object) for name, column in beside.items()}
    codes = np.zeros(len(values), np.int64)
    return Table("ds", codes, np.array(values, np.float64)[:, None], ("",), ("y",), columns)


def stamps(*times: str) -> np.ndarray:
    return pd.to_datetime(list(times), format="ISO8601").to_numpy("datetime64[ns]")


HALF_HOURS = pd.date_range("2024-01-01", periods=6, freq="30min").to_numpy("datetime64[ns]")


@pytest.mark.parametrize(
    ("how", "expected"), [("mean", [1.5, 3, 5.5]), ("sum", [3, 3, 11]), ("last", [2, 3, 6]), ("max", [2, 3, 6])]
)
def test_each_aggregate_leaves_missing_values_out(how: str, expected: list[float]) -> None:
    values = table([1, 2, 3, np.nan, 5, 6])
    times, found, notes = resampled(HALF_HOURS, values, DataSettings(resample="h", aggregate=how))  # type: ignore[arg-type]
    assert found.values[:, 0].tolist() == expected
    assert times.tolist() == HALF_HOURS[::2].tolist()
    assert str(notes[0]).startswith("6 rows were brought to 3 steps of h")


def test_a_sum_of_nothing_is_missing() -> None:
    _, found, _ = resampled(
        HALF_HOURS, table([1, 2, np.nan, np.nan, 5, 6]), DataSettings(resample="h", aggregate="sum")
    )
    assert np.isnan(found.values[1, 0])


def test_text_beside_is_the_most_frequent_or_the_last() -> None:
    times = pd.date_range("2024-01-01", periods=6, freq="20min").to_numpy("datetime64[ns]")
    rows = table([1.0] * 6, weather=["sun", "sun", "rain", None, "fog", "fog"])
    _, usual, _ = resampled(times, rows, DataSettings(resample="h", future=("weather",)))
    assert usual.covariates["weather"].tolist() == ["sun", "fog"]
    _, last, _ = resampled(times, rows, DataSettings(resample="h", future=("weather",), covariate_aggregate="last"))
    assert last.covariates["weather"].tolist() == ["rain", "fog"]


def test_stamps_move_to_the_nearest_step_from_midnight() -> None:
    moved, notes = snapped(
        stamps("2024-01-01 00:09:58", "2024-01-01 00:20:03", "2024-01-01 00:30"), np.zeros(3, int), "10min"
    )
    assert moved.tolist() == stamps("2024-01-01 00:10", "2024-01-01 00:20", "2024-01-01 00:30").tolist()
    assert notes == ("2 of 3 stamps were moved to the nearest step of 10min, by at most 3 s (data.snap)",)


def test_stamps_on_the_grid_stay_without_a_note() -> None:
    assert snapped(HALF_HOURS, np.zeros(6, int), "30min")[1] == ()


def test_whole_numbers_and_months_cannot_be_snapped() -> None:
    with pytest.raises(TimeError, match="holds whole numbers"):
        snapped(np.array([1, 2]), np.zeros(2, int), "h")
    with pytest.raises(TimeError, match="steps of one length") as raised:
        snapped(HALF_HOURS, np.zeros(6, int), "MS")
    assert raised.value.setting == "data.freq"
