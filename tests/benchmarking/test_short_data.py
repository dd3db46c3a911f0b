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


@pytest.mark.parametrize("steps", [2, 3, 5, 9, 20])
def test_the_pretrained_model_reads_all_of_a_few_steps(steps: int) -> None:
    found = latentcast.forecast(short(steps), time_limit=0, level=80)
    assert found.forecaster.name == "generalist"
    assert found.forecaster.task.lookback == steps
    assert "too few to compare models" in found.auto.summary()
    low, high = found.frame["generalist-lo-80"], found.frame["generalist-hi-80"]
    assert np.isfinite(found.frame["generalist"]).all()
    assert (low < high).all()


def test_a_model_without_quantiles_borrows_the_widths_of_the_generalist() -> None:
    frame = short(40)
    naive = latentcast.fit(frame, "naive", lookback=4, horizon=3)
    found, about = predict_with_own_or_borrowed(naive, frame, 80)
    lent = latentcast.fit(frame, "generalist", horizon=3).predict(frame, level=80, interval_method="quantiles")
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
