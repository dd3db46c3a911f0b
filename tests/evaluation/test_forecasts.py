"""One pass over windows with anything that predicts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from latentcast.core.errors import DataError
from latentcast.core.types import Batch, Prediction
from latentcast.data.panel.build import build
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.windows.windows import make_windows, window_starts
from latentcast.evaluation.forecasts import ForecastBatch, Target, forecasts
from latentcast.evaluation.network_pass import NetworkPass

LOOKBACK, HORIZON = 3, 2
VALUES = np.array([[1.0, 10.0], [3.0, 30.0], [1.0, 10.0], [3.0, 30.0], [5.0, 50.0], [7.0, 70.0], [9.0, 90.0]])


def last_value(batch: Batch) -> Prediction:
    return Prediction(batch.past[:, -1:, [1]].expand(-1, HORIZON, -1))  # of the second channel


def passed(predict: Any, batch_size: int = 2) -> list[ForecastBatch]:
    times = pd.date_range("2024-01-01", periods=len(VALUES))
    panel = build(pd.DataFrame({"ds": times, "a": VALUES[:, 0], "b": VALUES[:, 1]}), DataSettings())
    scaler = Scaler.fit(panel, np.array([4]))  # b: mean 20, standard deviation 10
    starts = window_starts(panel, np.array([0]), panel.lengths, LOOKBACK, HORIZON)
    windows = make_windows(panel, scaler, starts, LOOKBACK, HORIZON, targets=(1,), with_known=False)
    target = Target(panel.values, scaler.units(panel, [1]), (1,))
    compute = NetworkPass(predict, torch.device("cpu"))
    return list(forecasts(compute, windows, target, batch_size=batch_size))


def test_every_window_once_in_order_and_the_last_batch_is_short() -> None:
    found = passed(last_value)
    assert [len(batch.index.numbers) for batch in found] == [2, 1]
    assert [int(start) for batch in found for start in batch.index.starts] == [0, 1, 2]


def test_forecasts_and_outcomes_in_both_units() -> None:
    whole = ForecastBatch.joined(passed(last_value))
    # last values of b before each horizon: 10, 30, 50
    np.testing.assert_allclose(whole.original[:, 0, 0], [10, 30, 50], rtol=1e-6)
    np.testing.assert_allclose(whole.scaled[:, 0, 0], [-1, 1, 3], rtol=1e-6)
    assert whole.outcome.original[:, :, 0].tolist() == [[30, 50], [50, 70], [70, 90]]
    np.testing.assert_allclose(whole.outcome.scaled[:, :, 0], [[1, 3], [3, 5], [5, 7]])
    assert whole.distribution is None


@pytest.mark.parametrize("size", [1, 3])
def test_the_batch_size_changes_nothing(size: int) -> None:
    one, other = ForecastBatch.joined(passed(last_value)), ForecastBatch.joined(passed(last_value, size))
    assert one.original.tolist() == other.original.tolist()


def test_a_forecast_that_is_not_finite_is_refused_with_the_setting() -> None:
    def broken(batch: Batch) -> Prediction:
        return Prediction(torch.full((len(batch.past), HORIZON, 1), torch.nan))

    with pytest.raises(DataError, match="the forecast is not finite") as raised:
        passed(broken)
    assert raised.value.setting == "data.gaps"
