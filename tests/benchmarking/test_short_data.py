"""Forecasts of data that are too short to compare models, or to calibrate intervals."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.benchmarking.borrowed_intervals import predict_with_own_or_borrowed
from latentcast.core.errors import DataError


def short(steps: int) -> pd.DataFrame:
    values = 10 + np.random.default_rng(0).normal(size=steps)
    return pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=steps), "y": values})


@pytest.mark.parametrize("steps", [2, 3, 5, 6, 9, 20])
def test_of_a_few_steps_the_pretrained_model_reads_all_where_it_is_no_worse_than_naive(steps: int) -> None:
    found = latentcast.forecast(short(steps), time_limit=0, level=80)
    errors = {trial.candidate.name: trial.error or 0.0 for trial in found.auto.trials}
    name, (naive, error) = found.forecaster.name, found.auto.baseline
    assert name == ("generalist" if errors["generalist"] <= error else naive)
    assert found.auto.error == errors[name] <= error
    assert name == naive or found.forecaster.task.lookback == steps
    assert "too few to compare models" in found.auto.summary()
    low, high = found.frame[f"{name}-lo-80"], found.frame[f"{name}-hi-80"]
    assert np.isfinite(found.frame[name]).all()
    assert (low < high).all()


@pytest.mark.parametrize("steps", [25, 60, 120])
@pytest.mark.parametrize("cycle", ["week", "sine"])
def test_a_cycle_without_noise_is_repeated(cycle: str, steps: int) -> None:
    at = np.arange(steps + 3)
    values = 1 / 3 + (np.array([5, 7, 8, 9, 12, 20, 18])[at % 7] if cycle == "week" else np.sin(2 * np.pi * at / 7))
    frame = pd.DataFrame({"ds": pd.date_range("2023-01-02", periods=steps), "y": values[:steps]})
    found = latentcast.forecast(frame, 3, time_limit=0, level=80)
    assert found.forecaster.name == "seasonal-naive"  # whose errors are rounding, and no reason to take another model
    np.testing.assert_allclose(found.frame["seasonal-naive"], values[steps:], atol=1e-6)
    assert found.auto.measure == "MAE"  # there is no seasonal difference to divide by
    assert "not better" in found.auto.summary() or "no other candidate is better" in found.auto.summary()
    assert "below" not in found.auto.summary()
    assert "validation MAE" in found.auto.table()
    assert "in the units of the data (MAE)" in found.to_html()


def test_a_model_without_quantiles_borrows_the_widths_of_the_generalist() -> None:
    frame = short(40)
    naive = latentcast.fit(frame, "naive", lookback=4, horizon=3)
    found, about = predict_with_own_or_borrowed(naive, frame, 80)
    lent = latentcast.forecast(frame, 30, level=80).frame.iloc[:3]  # too long to be judged: it reads all 40 steps
    np.testing.assert_allclose(found["naive"], frame["y"].iloc[-1], rtol=1e-6)
    for side in ("lo", "hi"):
        width = lent[f"generalist-{side}-80"] - lent["generalist"]
        np.testing.assert_allclose(found[f"naive-{side}-80"] - found["naive"], width, atol=1e-6)
    assert "not calibrated" in about


@pytest.mark.parametrize(("steps", "horizon"), [(10, 50), (60, 1000)])
def test_a_horizon_longer_than_the_data(steps: int, horizon: int) -> None:
    found = latentcast.forecast(short(steps), horizon=horizon, time_limit=0, level=80)
    assert len(found.frame) == horizon
    assert np.isfinite(found.frame["generalist"]).all()
    assert "not judged: frame: the validation part of no series holds" in found.auto.summary()
    with pytest.raises(DataError, match="no candidate was judged"):
        found.auto.plot("auto.png")
