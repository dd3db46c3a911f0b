"""The seasonal-naive line beside every figure, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.tables.frequency import Frequency
from latentcast.evaluation.baseline import SeasonalNaiveErrors, last_of_each_phase
from latentcast.evaluation.forecasts import ForecastBatch, Outcome, WindowIndex, accumulate_errors

NAN = np.nan


def panel(values: list[float], season: int) -> Panel:
    column = np.array(values, np.float64)[:, None]
    times = pd.date_range("2024-01-01", periods=len(values)).to_numpy()
    seen = ~np.isnan(column)
    return Panel(
        np.nan_to_num(column),
        seen,
        times,
        np.array([0, len(values)]),
        ("a",),
        ("y",),
        Frequency.of("D"),
        season,
        "mask",
    )


def window(whole: Panel, start: int, lookback: int, horizon: int, forecast: list[float]) -> ForecastBatch:
    steps = start + lookback + np.arange(horizon)
    units = Scaler.fit(whole, np.array([4])).units(whole, [0]).at(np.array([0]), steps[None])
    actual, made = whole.values[steps][None], np.array(forecast)[None, :, None]
    outcome = Outcome(units.to_scaled(actual), actual, whole.observed[steps][None])
    index = WindowIndex(np.array([0]), np.array([0]), np.array([start]))
    return ForecastBatch(index, units.to_scaled(made), made, outcome, units)


def test_the_last_value_of_a_phase_skips_what_was_not_observed() -> None:
    # season 2: phases 1 . 5 . and 2 4 . 8
    found = last_of_each_phase(panel([1, 2, NAN, 4, 5, NAN, NAN, 8], 2), [0], 2)
    assert found[:, 0].tolist() == [1, 2, 1, 4, 5, 4, 5, 8]
    assert np.isnan(last_of_each_phase(panel([NAN, 2, 3, 4], 2), [0], 2)[0, 0])


def test_the_last_season_is_repeated_over_the_horizon() -> None:
    whole = panel([1, 2, 3, 4, 10, 20, 30], 2)
    errors = SeasonalNaiveErrors(whole, [0], 4, np.array([[2.0]]))
    batch = window(whole, 0, 4, 3, [0, 0, 0])
    assert errors.forecast(batch)[0, :, 0].tolist() == [3, 4, 3]
    list(errors.around(iter([batch])))
    found = errors.result()
    assert found.model == "seasonal-naive"
    # errors 7, 16, 27; naive error 2
    assert found.original["MAE"] == pytest.approx(50 / 3)
    assert found.original["MSE"] == pytest.approx((49 + 256 + 729) / 3)
    assert found.original["MASE"] == pytest.approx(50 / 3 / 2)
    # training part 1..4 has the standard deviation √1.25
    assert found.scaled["MAE"] == pytest.approx(50 / 3 / np.sqrt(1.25))
    assert found.scaled["MASE"] == pytest.approx(found.original["MASE"])


def test_unobserved_outcomes_take_no_part() -> None:
    whole = panel([1, 2, 3, 4, 10, NAN, 30], 1)
    errors = SeasonalNaiveErrors(whole, [0], 4, np.array([[1.0]]))
    list(errors.around(iter([window(whole, 0, 4, 3, [0, 0, 0])])))
    assert errors.result().model == "naive"
    assert errors.result().original["MAE"] == (6 + 26) / 2


def test_errors_of_a_forecast_in_both_units() -> None:
    whole = panel([1, 2, 3, 4, 10, NAN, 30], 1)
    scaled, original = accumulate_errors([window(whole, 0, 4, 3, [12, 99, 26])], np.array([[2.0]]))
    assert original.result()["MAE"] == pytest.approx((2 + 4) / 2)
    assert original.result()["MSE"] == pytest.approx((4 + 16) / 2)
    assert original.result()["MASE"] == pytest.approx(1.5)
    assert scaled.result()["MSE"] == pytest.approx(10 / 1.25)


def test_a_constant_series_counts_in_original_units_alone() -> None:
    whole = panel([1, 2, 3, 4, 10, 20, 30], 1)
    batch = window(whole, 0, 4, 3, [12, 20, 26])
    scaled, original = accumulate_errors([batch], np.array([[2.0]]), constant=np.array([[True]]))
    assert scaled.counts["all"] == 0
    assert original.counts["all"] == 3
