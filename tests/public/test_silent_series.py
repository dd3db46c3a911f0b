"""A series that fell silent is forecast from its last observed value, with a true note."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast import Forecaster

SETTINGS = {"data.gaps": "mask", "data.freq": "D"}


@pytest.fixture(scope="module")
def meters() -> pd.DataFrame:
    """Two trending meters; one is silent for its last 40 days."""
    days = pd.date_range("2022-01-01", periods=300)
    one = pd.DataFrame({"unique_id": "dead", "ds": days, "y": 1000.0 + 10 * np.arange(300)})
    two = one.assign(unique_id="live", y=one["y"] + 5)
    one.loc[260:, "y"] = np.nan
    return pd.concat([one, two], ignore_index=True)


def _fit(frame: pd.DataFrame, model: str = "naive") -> Forecaster:
    quick = {"training.max_steps": 5, "training.loggers": []} if model != "naive" else {}
    return latentcast.fit(frame, model, lookback=14, horizon=3, seed=0, settings={**SETTINGS, **quick})


def test_naive_is_the_last_observed_value(meters: pd.DataFrame, caplog: pytest.LogCaptureFixture) -> None:
    forecaster = _fit(meters)
    caplog.clear()
    forecast = forecaster.predict(meters, level=50)
    dead, live = (forecast[forecast["unique_id"] == name] for name in ("dead", "live"))
    np.testing.assert_allclose(dead["naive"], 1000 + 10 * 259, rtol=1e-6)
    np.testing.assert_allclose(live["naive"], 1005 + 10 * 299, rtol=1e-6)
    assert "the look-back of dead holds no value" in caplog.text
    assert "continues from the last observed value" in caplog.text

    def width(rows: pd.DataFrame) -> float:
        return float((rows["naive-hi-50"] - rows["naive-lo-50"]).mean())

    assert width(dead) > 2 * width(live)  # 40 silent steps: the root of 1 + 40 / 3, times its own unit


@pytest.mark.parametrize("model", ["dlinear", "patch-transformer"])
def test_a_network_has_the_level_of_the_last_stretch(meters: pd.DataFrame, model: str) -> None:
    forecast = _fit(meters, model).predict(meters)
    dead = forecast.loc[forecast["unique_id"] == "dead", model]
    assert (abs(dead - 3590) < 500).all()  # the mean of the training part is about 2040


def test_evaluate_and_backtest_count_such_windows(meters: pd.DataFrame) -> None:
    note = _fit(meters).evaluate(meters, part="test").notes
    assert any("windows have a look-back without any observed value" in one for one in note)
    result = latentcast.backtest(meters, ["naive"], lookback=14, horizon=3, n_windows=2, settings=SETTINGS)
    assert any(one.startswith("2 of 4 windows have a look-back") for one in result.notes)


def test_naive_where_the_last_value_is_missing(meters: pd.DataFrame) -> None:
    frame = meters[meters["unique_id"] == "live"].reset_index(drop=True)
    frame["y"] = np.random.default_rng(0).normal(100, 5, len(frame))
    frame.loc[len(frame) - 1, "y"] = np.nan
    forecast = _fit(frame).predict(frame)
    np.testing.assert_allclose(forecast["naive"], frame["y"].iloc[-2], rtol=1e-6)
