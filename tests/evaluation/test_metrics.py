"""Metrics against utilsforecast as an independent implementation, and against cases worked by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses

from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.evaluation.metrics import Errors, Evaluation, seasonal_error

SHAPE = (4, 5, 3)  # batch, horizon, channel


def _random(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(3, 2, SHAPE), rng.normal(3, 2, SHAPE)


def _result(target: np.ndarray, forecast: np.ndarray, seen: np.ndarray | None = None, naive: float = 1.0) -> dict:
    errors = Errors()
    errors.add(target, forecast, seen, np.full((len(target), 1, target.shape[2]), naive))
    return errors.result()


def _panel(values: list[list[float]], gaps: str = "error") -> Panel:
    frames = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": np.arange(len(series)), "y": series})
        for i, series in enumerate(values)
    ]
    return build(pd.concat(frames), DataSettings(gaps=gaps))


@pytest.mark.parametrize("name", ["mse", "mae", "rmse", "mape", "smape"])
def test_means_equal_those_of_utilsforecast(name: str) -> None:
    target, forecast = _random()
    frame = pd.DataFrame({"unique_id": "one", "y": target.ravel(), "model": forecast.ravel()})
    theirs = getattr(losses, name)(frame, ["model"])["model"].item()
    ours = _result(target, forecast)[{"smape": "sMAPE"}.get(name, name.upper())]
    if name == "smape":
        theirs *= 2  # theirs runs from 0 to 1, without the factor 2
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_mase_equals_that_of_utilsforecast_per_series() -> None:
    season, horizon = 3, 4
    rng = np.random.default_rng(1)
    series = rng.normal(0, 1, (2, 30)).cumsum(1)
    past = pd.DataFrame({"unique_id": np.repeat(["s0", "s1"], 26), "ds": np.tile(np.arange(26), 2)})
    past["y"] = series[:, :26].ravel()
    forecast = rng.normal(0, 1, (2, horizon))
    frame = pd.DataFrame({"unique_id": np.repeat(["s0", "s1"], horizon), "ds": np.tile(np.arange(26, 30), 2)})
    frame["y"], frame["model"] = series[:, 26:].ravel(), forecast.ravel()
    theirs = losses.mase(frame, ["model"], seasonality=season, train_df=past)["model"].mean()
    naive = seasonal_error(_panel(series.tolist()), np.array([26, 26]), season)
    errors = Errors()
    errors.add(series[:, 26:, None], forecast[..., None], None, naive[:, None])
    assert errors.result()["MASE"] == pytest.approx(theirs, rel=1e-12)


def test_mspe_is_the_mean_of_squared_shares() -> None:
    target, forecast = np.array([[[2.0], [4.0]]]), np.array([[[1.0], [5.0]]])
    assert _result(target, forecast)["MSPE"] == pytest.approx((0.5**2 + 0.25**2) / 2)


def test_targets_of_zero_are_left_out_of_percentages_and_counted() -> None:
    target, forecast = np.array([[[0.0], [4.0], [0.0]]]), np.array([[[3.0], [5.0], [0.0]]])
    errors = Errors()
    errors.add(target, forecast, None, np.ones((1, 1, 1)))
    result = errors.result()
    assert errors.zeros == 2
    assert result["MAPE"] == pytest.approx(0.25)
    assert result["MSPE"] == pytest.approx(0.0625)
    assert result["sMAPE"] == pytest.approx((2 + 2 / 9 + 0) / 3)  # 0 where both are zero
    assert result["MSE"] == pytest.approx((9 + 1) / 3)


def test_what_was_not_observed_does_not_count() -> None:
    target, forecast = _random()
    seen = np.random.default_rng(2).random(SHAPE) < 0.6
    kept = target[seen].reshape(1, -1, 1), forecast[seen].reshape(1, -1, 1)
    masked = _result(np.where(seen, target, 1e9), forecast, seen)
    for name, value in _result(*kept).items():
        assert masked[name] == pytest.approx(value, rel=1e-12)


def test_nothing_observed_is_no_number_and_no_warning() -> None:
    target, forecast = _random()
    assert all(np.isnan(value) for value in _result(target, forecast, np.zeros(SHAPE, bool)).values())


def test_sums_do_not_depend_on_batches() -> None:
    target, forecast = _random()
    whole, parts = Errors(), Errors()
    naive = np.full((len(target), 1, SHAPE[2]), 0.7)
    whole.add(target, forecast, None, naive)
    for row in range(len(target)):
        parts.add(target[row : row + 1], forecast[row : row + 1], None, naive[row : row + 1])
    for name, value in whole.result().items():
        assert parts.result()[name] == pytest.approx(value, rel=1e-12)


def test_seasonal_error_by_hand() -> None:
    panel = _panel([[1, 2, 4, 8, 16, 0], [5, 5, 5, 5, 5, 9]])
    error = seasonal_error(panel, np.array([5, 5]), 2)
    assert error[0, 0] == pytest.approx((3 + 6 + 12) / 3)
    assert np.isnan(error[1, 0])  # it repeats itself: no scale to measure by


def test_seasonal_error_leaves_out_what_was_filled() -> None:
    panel = _panel([[1.0, 2.0, np.nan, 8.0, 10.0]], gaps="interpolate")
    assert seasonal_error(panel, np.array([5]), 1)[0, 0] == pytest.approx((1 + 2) / 2)


def test_seasonal_error_of_a_part_no_longer_than_the_season() -> None:
    assert np.isnan(seasonal_error(_panel([[1, 2, 3, 4]]), np.array([2]), 2)).all()


def test_mase_leaves_out_series_without_a_scale() -> None:
    target, forecast = np.array([[[1.0, 7.0]]]), np.array([[[2.0, 9.0]]])
    errors = Errors()
    errors.add(target, forecast, None, np.array([[[0.5, np.nan]]]))
    assert errors.result()["MASE"] == pytest.approx(2.0)


def test_shares_of_nearly_nothing_may_be_infinite_without_a_warning() -> None:
    result = _result(np.full((1, 2, 1), 1e-300), np.ones((1, 2, 1)))
    assert result["MSPE"] == np.inf
    assert result["MSE"] == pytest.approx(1)


def test_json_of_an_evaluation_has_null_where_no_target_counts() -> None:
    metrics = {"MAE": 1.0, "MAPE": float("nan")}
    plain = Evaluation("m", "d", "test", 1, 2, 2, metrics, metrics).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False))["scaled"] == {"MAE": 1.0, "MAPE": None}
