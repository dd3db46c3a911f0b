"""Which windows adaptive radii pass, and which of them are given back."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError
from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.tables.frequency import Frequency
from latentcast.evaluation.forecasts import ForecastBatch, Outcome, WindowIndex
from latentcast.evaluation.window_order import check_outcomes, consecutive_origins, select_requested


def panel(*lengths: int) -> Panel:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    times = np.concatenate([pd.date_range("2024-01-01", periods=n).to_numpy() for n in lengths])
    values = np.arange(offsets[-1], dtype=np.float64)[:, None]
    ids = tuple("ab"[: len(lengths)])
    return Panel(values, np.ones_like(values, bool), times, offsets, ids, ("y",), Frequency.of("D"), 7, "mask")


def batch(starts: list[int]) -> ForecastBatch:
    whole = panel(40)
    units = Scaler.fit(whole, np.array([40])).units(whole, [0])
    at, items = np.array(starts), np.zeros(len(starts), np.int64)
    values = at.astype(np.float64)[:, None, None]
    index = WindowIndex(np.arange(len(starts)), items, at)
    return ForecastBatch(index, values, values, Outcome(values, values, None), units.at(items, at[:, None]))


def test_windows_in_a_row_begin_where_the_calibration_ended() -> None:
    # item b begins at step 20; held until its step 8 and a look-back of 3: from 20 + 5 on, every second up to 29
    (starts, items), pace = consecutive_origins(
        panel(20, 20), np.array([29]), np.array([1]), np.array([0, 8]), lookback=3, stride=2
    )
    assert (starts.tolist(), items.tolist(), pace) == ([25, 27, 29], [1, 1, 1], 2)


def test_the_pace_is_what_all_that_is_asked_for_needs() -> None:
    (starts, _), pace = consecutive_origins(
        panel(40), np.array([16, 10]), np.array([0, 0]), np.array([7]), lookback=3, stride=4
    )
    assert pace == 2  # the greatest common divisor of 4 and 6
    assert starts.tolist() == [4, 6, 8, 10, 12, 14, 16]


def test_outcomes_that_cannot_be_followed_are_named_or_refused() -> None:
    two = panel(20, 20)
    assert check_outcomes(two, np.array([15, 35]), np.array([8, 8]), lookback=3) == []
    note = check_outcomes(two, np.array([15, 35]), np.array([8, 20]), lookback=3)
    assert note == [
        "1 of 2 series show no outcome after the windows that were calibrated on: their intervals are conformal"
    ]
    with pytest.raises(DataError, match="give at least 4 steps"):
        check_outcomes(two, np.array([15, 35]), np.array([20, 20]), lookback=3)


@pytest.mark.parametrize("asked", [[12, 16], [16, 12]])
def test_requested_windows_come_in_the_order_that_was_asked(asked: list[int]) -> None:
    passed = iter([batch([10, 12]), batch([14, 16])])
    found = list(select_requested(passed, np.array(asked)))
    assert [int(start) for one in found for start in one.index.starts] == asked
    assert [int(number) for one in found for number in one.index.numbers] == [0, 1]
    assert [float(value) for one in found for value in one.scaled[:, 0, 0]] == asked


def test_parts_of_a_batch_and_their_join_are_the_batch() -> None:
    whole = batch([3, 5, 8])
    mask = np.array([True, False, True])
    assert whole.only(mask).index.starts.tolist() == [3, 8]
    joined = ForecastBatch.joined([whole.only(np.array([0])), whole.only(np.array([1, 2]))])
    assert joined.index.starts.tolist() == [3, 5, 8]
    assert joined.outcome.observed is None
    assert replace(joined, units=whole.units).scaled.tolist() == whole.scaled.tolist()
