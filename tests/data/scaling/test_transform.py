import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.base.transform import BoxCox

import latentcast
from latentcast.core.errors import DataError
from latentcast.data.panel.build import build
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.scaling.transform import Transform
from latentcast.data.settings import DataSettings

SIZES = {"lookback": 24, "horizon": 6}


def growing(steps: int = 300, seed: int = 0) -> pd.DataFrame:
    """Grows by shares, as sales and passengers do."""
    rng = np.random.default_rng(seed)
    y = np.exp(np.arange(steps) * 0.01 + 0.3 * np.sin(np.arange(steps) / 4) + 0.02 * rng.normal(size=steps))
    return pd.DataFrame({"ds": pd.date_range("2024", periods=steps), "y": y})


@given(
    st.floats(-1, 2),
    st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=8),
    st.sampled_from(["log1p", "boxcox"]),
)
def test_back_is_the_inverse(power: float, values: list[float], kind: str) -> None:
    transform = Transform(kind, np.zeros((1, 1)))
    x = np.array(values)
    there = transform.forward(x, np.array(power))
    np.testing.assert_allclose(transform.back(there, np.array(power)), x, rtol=1e-4)


@pytest.mark.parametrize("kind", ["log1p", "boxcox"])
def test_what_lies_far_outside_stays_finite(kind: str) -> None:
    transform = Transform(kind, np.zeros((1, 1)))
    for power in (-1.0, 0.0, 0.5, 2.0):
        assert np.isfinite(transform.back(np.array([-1e6, -10, 0, 10, 1e6]), np.array(power))).all()


def test_the_likeliest_power_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for power in (0.0, 0.5, 1.0):
        z = 10 + rng.normal(size=3000)
        y = np.exp(z / 4) if power == 0 else (power * z + 1) ** (1 / power)
        panel = build(pd.DataFrame({"ds": pd.date_range("2000", periods=3000), "y": y}), DataSettings())
        found = Transform.learned("boxcox", panel, panel.observed)
        assert found is not None
        theirs = BoxCox()._est_lambda(y, method="loglik")
        assert found.power[0, 0] == pytest.approx(theirs, abs=0.11)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["log1p", "boxcox"])
def test_forecasts_come_back_in_original_units(kind: str, tmp_path) -> None:
    frame = growing()
    settings = {"data.transform": kind, "training.max_epochs": 20, "model.normalise": True, "training.lr": 1e-2}
    forecaster = latentcast.fit(frame, "dlinear", settings=settings, **SIZES)
    plain = latentcast.fit(frame, "dlinear", settings={**settings, "data.transform": "none"}, **SIZES)
    judged = forecaster.evaluate(frame, level=80)
    assert judged.original["MAE"] < plain.evaluate(frame).original["MAE"]
    assert np.isnan(judged.scaled["MASE"])
    assert judged.original["MASE"] > 0
    forecast = forecaster.predict(frame, level=[80])
    assert (forecast["dlinear-lo-80"] < forecast["dlinear"]).all()
    assert forecast["dlinear"].between(frame["y"].iloc[-24:].min() / 2, frame["y"].iloc[-24:].max() * 2).all()
    forecaster.save(tmp_path / "m")
    again = latentcast.load(tmp_path / "m")
    assert again.evaluate(frame, level=80).original == judged.original


def test_scaler_and_units_are_inverse_to_each_other() -> None:
    panel = build(growing(), DataSettings())
    scaler = Scaler.fit(panel, panel.lengths, DataSettings(transform="boxcox"))
    units = scaler.units(panel, [0])
    steps = np.array([[3, 4, 5], [10, 11, 12]])
    here = units.at(np.array([0, 0]), steps)
    original = panel.values[steps]
    np.testing.assert_allclose(here.to_scaled(original), scaler.apply(panel)[steps], atol=1e-5)
    np.testing.assert_allclose(here.to_original(here.to_scaled(original)), original, rtol=1e-9)


def test_nothing_below_zero_where_that_is_asked() -> None:
    rng = np.random.default_rng(0)
    y = np.maximum(rng.normal(0, 1, 300), 0)
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=300), "y": y})
    settings = {"data.nonnegative": True, "training.max_epochs": 1}
    forecaster = latentcast.fit(frame, "dlinear", settings=settings, **SIZES)
    forecast = forecaster.predict(frame, level=[90])
    assert (forecast[["dlinear", "dlinear-lo-90", "dlinear-hi-90"]] >= 0).all().all()
    assert (forecast["dlinear-lo-90"] == 0).any()


@pytest.mark.parametrize(("kind", "least"), [("log1p", -1.0), ("boxcox", 0.0)])
def test_values_that_have_no_logarithm_are_named(kind: str, least: float) -> None:
    frame = growing()
    frame.loc[7, "y"] = least
    with pytest.raises(
        DataError, match=rf"transform={kind} wants values above {least:g}, and 1 are not \(first: {least:g} in y\)"
    ):
        latentcast.fit(frame, "dlinear", settings={"data.transform": kind}, **SIZES)
