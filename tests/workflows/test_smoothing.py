"""The frame of components of exponential smoothing: its equations, units, dates and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError, SettingsError

pytest.importorskip("statsforecast")
SIZES = {"lookback": 48, "horizon": 3}


def two_channels(steps: int = 160) -> pd.DataFrame:
    rng, t = np.random.default_rng(0), np.arange(steps)
    level = 500 + rng.standard_normal(steps).cumsum()
    season = 40 * np.sin(2 * np.pi * t / 12) + 0.5 * t + 200 + rng.standard_normal(steps)
    stamps = pd.date_range("2010-01-01", periods=steps, freq="MS")
    return pd.DataFrame({"date": stamps, "level": level, "season": season})


def fitted(frame: pd.DataFrame, name: str = "auto-ets", **settings: object) -> latentcast.Forecaster:
    return latentcast.fit(frame, name, **SIZES, settings=settings)


def test_values_are_the_level_before_and_the_residual() -> None:
    frame = two_channels()
    found = latentcast.smoothing_components(fitted(frame, **{"model.form": "ANN"}), frame)
    one = found[found["unique_id"] == "level"]
    assert list(found["unique_id"].unique()) == ["level", "season"]
    assert list(one["ds"]) == list(frame["date"][-48:])
    np.testing.assert_allclose(one["value"], frame["level"][-48:], rtol=1e-5)
    np.testing.assert_allclose(one["value"].iloc[1:], one["level"].iloc[:-1] + one["residual"].iloc[1:].to_numpy())
    assert (one["form"] == "ETS(A,N,N)").all()
    assert one[["slope", "season"]].isna().all(axis=None)


def test_additive_and_multiplicative_seasons_add_up() -> None:
    frame = two_channels()
    for form, join in (("AAA", np.add), ("MAM", np.multiply)):
        forecaster = fitted(frame, **{"model.form": form, "model.damped": False})
        found = latentcast.smoothing_components(forecaster, frame)
        one = found[found["unique_id"] == "season"].reset_index(drop=True)
        before = one["level"] + one["slope"]  # of the step before; the season is that of a cycle before
        expected = join(before[11:-1].to_numpy(), one["season"][:-12].to_numpy())
        value, residual = one["value"][12:].to_numpy(), one["residual"][12:].to_numpy()
        np.testing.assert_allclose(
            value, expected + residual if form == "AAA" else expected * (1 + residual), rtol=1e-5
        )


def test_a_hybrid_names_its_member_and_gaps_start_late() -> None:
    frame = two_channels()
    frame.loc[:125, "level"] = np.nan
    hybrid = fitted(frame, "hybrid", **{"model.members": ["naive", "auto-ets"], "model.fusion": "average"})
    found = latentcast.smoothing_components(hybrid, frame)
    assert set(found["model"]) == {"auto-ets"}
    late = found[found["unique_id"] == "level"]
    assert late["ds"].iloc[0] == frame["date"].iloc[126]
    assert len(late) == 34


def test_constants_and_other_models_are_refused() -> None:
    frame = two_channels()
    with pytest.raises(SettingsError, match="no components of exponential smoothing"):
        latentcast.smoothing_components(fitted(frame, "naive"), frame)
    forecaster = fitted(frame)
    flat = frame.copy()
    flat.loc[flat.index[-48:], "level"] = 3.0
    found = latentcast.smoothing_components(forecaster, flat)
    assert list(found["unique_id"].unique()) == ["season"]
    assert any("have no components" in note for note in forecaster.told)
    assert not any("transform" in note for note in forecaster.told)
    logged = fitted(frame, **{"data.transform": "log1p"})
    assert latentcast.smoothing_components(logged, frame)["value"].abs().max() < 50
    assert any("after data.transform=log1p" in note for note in logged.told)
    flat.loc[flat.index[-48:], "season"] = 3.0
    with pytest.raises(DataError, match="constant or too short"):
        latentcast.smoothing_components(forecaster, flat)
