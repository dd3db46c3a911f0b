"""The generalist as a forecaster: the same forecasts as without one, in original units, with gaps, saved and loaded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError, SettingsError
from latentcast.workflows.zero_shot import zero_shot


def daily(count: int = 200) -> pd.DataFrame:
    """A positive series with a week, and counts."""
    rng = np.random.default_rng(0)
    wave = np.exp(3 + 0.3 * np.sin(2 * np.pi * np.arange(count) / 7) + rng.normal(0, 0.05, count))
    dates = pd.date_range("2024-01-01", periods=count)
    return pd.DataFrame({"ds": dates, "sales": wave, "calls": rng.poisson(2, count).astype(float)})


def test_a_forecaster_forecasts_as_zero_shot_does() -> None:
    """Standardising and its way back change nothing: the model works in original units."""
    frame = daily(500)
    forecaster = latentcast.fit(frame, "generalist", lookback=200, horizon=7)
    one, two = forecaster.predict(frame), zero_shot(frame.tail(200), 7)
    np.testing.assert_allclose(one["generalist"], two["generalist"], rtol=2e-3)


def test_gaps_intervals_saving_and_explaining(tmp_path: Path) -> None:
    frame = daily()
    frame.loc[50:60, "sales"] = np.nan
    frame.loc[198:, "calls"] = np.nan
    forecaster = latentcast.fit(frame, "generalist", lookback=60, horizon=7)
    found = forecaster.predict(frame, level=80)
    assert np.isfinite(found.select_dtypes("number").to_numpy()).all()
    assert (found["generalist-lo-80"] <= found["generalist-hi-80"]).all()
    forecaster.save(tmp_path / "run")
    pd.testing.assert_frame_equal(latentcast.load(tmp_path / "run").predict(frame, level=80), found)
    told = {finding["title"] for finding in forecaster.explain(frame, item="sales").to_dict()["findings"]}
    assert "sales: weights of the candidates" in told


def test_counts_and_signs_are_kept_on_request() -> None:
    frame = daily()[["ds", "calls"]]
    how = {"model.nonnegative": True, "model.integer": True}
    values = latentcast.fit(frame, "generalist", lookback=60, horizon=7, settings=how).predict(frame)["generalist"]
    assert (values == np.round(values)).all()
    assert (values >= 0).all()
    with pytest.raises(DataError, match="nonnegative"):
        latentcast.fit(frame.assign(calls=-frame["calls"]), "generalist", lookback=60, horizon=7, settings=how)


@pytest.mark.parametrize("more", [{}, {"data.future": ["sale"]}, {"data.transform": "log1p"}])
def test_ends_of_intervals_are_counts_too(more: dict[str, object]) -> None:
    """Also where the model reads values less the effect of a covariate, or after a transform: those may be negative."""
    rng = np.random.default_rng(1)
    sale = rng.binomial(1, 0.3, 307).astype(float)
    calls = rng.poisson(0.5 + 6 * sale).astype(float)
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=307), "calls": calls, "sale": sale})
    past, ahead = frame[:300], frame.loc[300:, ["ds", "sale"]]
    settings: dict[str, object] = {"model.nonnegative": True, "model.integer": True, **more}
    if "data.future" not in more:
        past, ahead = past.drop(columns="sale"), None
    forecaster = latentcast.fit(past, "generalist", lookback=60, horizon=7, settings=settings)
    found = (
        forecaster.predict(past, future_covariates=ahead, level=80, quantiles=[0.3]).select_dtypes("number").to_numpy()
    )
    assert (found == np.round(found)).all()
    assert (found >= 0).all()
    assert (found == 0).any()


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["head", "all", "low-rank"])
def test_fit_fine_tunes_what_the_package_ships(preset: str, tmp_path: Path) -> None:
    """A value that comes back with the other sign after ten steps is in no simulated series."""
    rng = np.random.default_rng(0)
    values = list(rng.normal(size=10))
    for _ in range(890):
        values.append(-0.9 * values[-10] + 0.3 * rng.normal())
    frame = pd.DataFrame({"ds": range(900), "other": rng.normal(size=900), "y": values})
    short = {"model.windows": 400, "model.epochs": 4, "data.target": "y", "data.features": "MS"}
    tuned = latentcast.fit(frame, start="generalist", preset=preset, lookback=48, horizon=5, settings=short)
    shipped = latentcast.fit(
        frame, "generalist", lookback=48, horizon=5, settings={"data.target": "y", "data.features": "MS"}
    )
    found = tuned.card.solved
    assert found["adapt"] == preset
    assert found["validation_loss_after"] < found["validation_loss_before"]
    assert any("validation loss" in note for note in tuned.card.notes)
    assert found["share_of_the_linear_map"] > 0.2
    assert tuned.card.validation["scaled"]["MAE"] < 0.8 * shipped.card.validation["scaled"]["MAE"]
    tuned.save(tmp_path / "tuned")
    pd.testing.assert_frame_equal(latentcast.load(tmp_path / "tuned").predict(frame), tuned.predict(frame))


def test_only_the_generalist_begins_with_what_the_package_ships() -> None:
    with pytest.raises(SettingsError, match="those of generalist"):
        latentcast.fit(daily(), "dlinear", start="generalist", lookback=48, horizon=5)
