"""Measures and intervals at their edges: zeros, rounding noise, constants, tiny and huge values."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast import Forecaster
from latentcast.core.errors import DataError, SettingsError


def _frame(**series: np.ndarray) -> pd.DataFrame:
    days = pd.date_range("2022-01-01", periods=len(next(iter(series.values()))))
    return pd.concat([pd.DataFrame({"unique_id": name, "ds": days, "y": y}) for name, y in series.items()])


def _fit(frame: pd.DataFrame, model: str = "naive", **sizes: int) -> Forecaster:
    quick = {"training.max_steps": 3, "training.loggers": []} if model != "naive" else {}
    return latentcast.fit(frame, model, **{"lookback": 14, "horizon": 2, **sizes}, seed=0, settings=quick)


def test_a_forecast_of_zero_is_zero() -> None:
    counts = np.random.default_rng(0).poisson(0.4, 200).astype(float) * 3
    counts[-1] = 0
    frame = _frame(sold=counts, other=counts[::-1].copy())
    forecaster = _fit(frame)
    forecast = forecaster.predict(frame)
    assert forecast.loc[forecast["unique_id"] == "sold", "naive"].tolist() == [0, 0]
    found = []  # by hand: every window of the test part, both series, 0 / 0 counting as no error
    for y in (counts, counts[::-1]):
        for origin in range(160, 199):
            for ahead in (0, 1):
                if origin + 1 < 200:
                    size = abs(y[origin + ahead]) + abs(y[origin - 1])
                    found.append(2 * abs(y[origin + ahead] - y[origin - 1]) / size if size else 0.0)
    assert forecaster.evaluate(frame).original["sMAPE"] == pytest.approx(np.mean(found), rel=1e-6)


def test_rounding_noise_gives_no_mase() -> None:
    noise = np.where(np.arange(200) % 2, 0.30000000000000004, 0.3)
    wave = np.sin(np.arange(200.0))
    both = _fit(frame := _frame(noise=noise, wave=wave)).evaluate(frame)
    alone = _fit(frame := _frame(wave=wave)).evaluate(frame)
    assert both.original["MASE"] == pytest.approx(alone.original["MASE"])
    assert both.scaled["MSE"] == pytest.approx(alone.scaled["MSE"])
    assert any("MASE leaves out 1 of 2 series" in note and "(noise)" in note for note in both.notes)
    assert not alone.notes


def test_a_series_that_is_constant_in_training_does_not_explode_scaled_figures() -> None:
    launch = np.where(np.arange(200) < 170, 5.0, 5000.0)
    found = _fit(frame := _frame(launch=launch, wave=np.sin(np.arange(200.0)))).evaluate(frame)
    assert found.scaled["MSE"] < 10
    assert found.original["MSE"] > 1000
    assert any("scaled figures leave out 1 of 2 series" in note and "(launch)" in note for note in found.notes)


def test_constant_series_do_not_narrow_the_intervals_of_others() -> None:
    rng = np.random.default_rng(1)
    walks = {f"v{n}": rng.normal(0, 1, 300) for n in range(6)}
    constants = {f"c{n}": np.full(300, 7.0) for n in range(6)}
    alone, mixed = (_fit(frame := _frame(**some)).predict(frame, level=80) for some in (walks, {**walks, **constants}))
    rows = mixed[mixed["unique_id"].isin(list(walks))].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, alone.reset_index(drop=True))


def test_coverage_of_the_worst_series() -> None:
    rng = np.random.default_rng(2)
    frame = _frame(**{f"v{n}": rng.normal(0, 1, 300) for n in range(20)})
    found = _fit(frame).evaluate(frame, level=80).intervals
    assert found is not None
    level = found.original["levels"]["80"]
    assert 0.6 < level["worst_decile"] < level["coverage"]
    assert "in the worst tenth of series" in found.lines()[0]


def test_figures_of_tiny_series_are_shown() -> None:
    frame = _frame(tiny=1e-7 * np.sin(np.arange(200.0)))
    text = str(_fit(frame).evaluate(frame))
    assert "0.0000 original" not in text


@pytest.mark.parametrize("model", ["naive", "dlinear", "patch-transformer"])
@pytest.mark.parametrize("place", [195, 199])
def test_a_usual_fill_value_counts_as_missing(model: str, place: int) -> None:
    frame = _frame(y=np.random.default_rng(3).normal(10, 1, 200))
    filled, holed = frame.copy(), frame.copy()
    filled.iloc[place, 2], holed.iloc[place, 2] = 1e20, np.nan
    fitted = _fit(frame, model)
    forecast = fitted.predict(filled)
    assert "it counts as missing" in " ".join(fitted.told)
    pd.testing.assert_frame_equal(forecast, fitted.predict(holed))
    assert forecast[model].between(5, 15).all()


def test_a_fill_value_in_the_training_part_leaves_the_forecast_as_it_is() -> None:
    values = np.random.default_rng(3).normal(10, 1, 200)
    values[20] = 1e20
    frame = _frame(y=values)
    forecast = _fit(frame).predict(frame)["naive"]
    np.testing.assert_allclose(forecast, values[-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"seed": 2**70}, r"seed: got .*, wanted a whole number below 2\^63"),
        ({"threads": 10**6}, "wanted at most 1024"),
    ],
)
def test_numbers_that_are_too_large_are_refused(asked: dict[str, int], wanted: str) -> None:
    with pytest.raises(SettingsError, match=wanted):
        latentcast.fit(_frame(y=np.arange(60.0) % 5), "naive", lookback=14, horizon=2, **asked)


def test_a_model_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match="got DataFrame as the forecaster"):
        latentcast.impute(_frame(y=np.arange(60.0)), _frame(y=np.arange(60.0)))  # type: ignore[arg-type]


def test_what_is_known_in_advance_must_be_plausible() -> None:
    frame = _frame(y=np.arange(60.0) % 5)
    frame["x"] = np.arange(60) % 2
    frame["y"] += 3.0 * frame["x"]
    fitted = latentcast.fit(frame, "naive", lookback=14, horizon=2, settings={"data.future": ["x"]})
    ahead = pd.DataFrame(
        {"unique_id": "y", "ds": frame["ds"].iloc[-1] + pd.to_timedelta([1, 2], unit="D"), "x": [1.0, 1e20]}
    )
    with pytest.raises(DataError, match=r"'x' is infinite or beyond ±1e\+15 at 1 of the steps"):
        fitted.predict(frame, future_covariates=ahead)


def test_quantiles_are_named_as_they_were_asked_for() -> None:
    frame = _frame(y=np.random.default_rng(0).normal(10, 1, 200))
    fitted = _fit(frame)
    assert list(fitted.predict(frame, quantiles=[np.float32(0.9)]).columns)[-1] == "naive-q-0.9"
    with pytest.raises(SettingsError, match=r"quantiles='0.5': wanted numbers"):
        fitted.predict(frame, quantiles="0.5")


@pytest.mark.parametrize("model", ["naive", "seasonal-naive", "generalist", "theta", "auto-ets", "ridge", "dlinear"])
@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_no_unit_changes_a_forecast(model: str, factor: float) -> None:
    noise = np.random.default_rng(0).normal(size=120)
    values = 100 + 10 * np.sin(np.arange(120) * 2 * np.pi / 7) + noise
    quick = {"training.max_steps": 3} if model == "dlinear" else {}
    found = []
    for one in (1.0, factor):
        frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=120), "y": values * one})
        fitted = latentcast.fit(frame, model, lookback=28, horizon=7, settings=quick)
        found.append(fitted.predict(frame)[model] / one)
    # to the generalist, whole numbers are a trait of a series, and huge values are whole
    np.testing.assert_allclose(found[1], found[0], rtol=5e-3 if model == "generalist" else 1e-6)


@pytest.mark.parametrize("model", ["naive", "seasonal-naive", "generalist", "theta"])
@pytest.mark.parametrize("value", [0.0, 5.0, -3.3])
def test_models_that_learn_nothing_forecast_a_constant(model: str, value: float) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=120), "y": value})
    forecast = latentcast.fit(frame, model, lookback=28, horizon=7).predict(frame)
    assert (forecast[model] == value).all()


def test_models_that_learn_refuse_a_constant() -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=120), "y": 5.0})
    with pytest.raises(DataError, match=r"constant in its training part \(y\): there is nothing to learn.* naive"):
        latentcast.fit(frame, "dlinear", lookback=28, horizon=7)
