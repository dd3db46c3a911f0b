"""Models as time goes on: updated with newer data, and warned where these are unlike those of the fit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import CheckpointError, DataError, SettingsError

SIZES = {"lookback": 24, "horizon": 6}


def waves(steps: int, shape: float = 1.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    t = np.arange(steps)
    return pd.DataFrame(
        {
            "ds": pd.date_range("2024-01-01", periods=steps, freq="h"),
            "a": np.sin(2 * np.pi * t / 12) + 0.1 * rng.normal(size=steps),
            "b": 5 + 2 * np.cos(2 * np.pi * t / 12) + 0.1 * rng.normal(size=steps),
        }
    )


def changed(steps: int = 400, more: int = 400) -> pd.DataFrame:
    """The same until `steps`, then the wave is twice as fast."""
    frame = waves(steps + more)
    t = np.arange(more)
    frame.loc[steps:, "a"] = np.sin(2 * np.pi * t / 6) + 0.1 * np.random.default_rng(1).normal(size=more)
    return frame


def fitted(frame: pd.DataFrame, model: str = "dlinear", **settings: object):
    return latentcast.fit(frame, model, settings={"training.max_epochs": 8, **settings}, **SIZES)


@pytest.mark.slow
def test_an_update_learns_what_has_changed_in_the_units_of_the_fit(tmp_path: Path) -> None:
    start = fitted(waves(400), **{"training.lr": 1e-2})
    newer = changed()
    made = latentcast.update(start, newer, steps=200, lr=1e-2, out=tmp_path / "m")
    found = made.card.update
    assert found.val_mse_after < 0.7 * found.val_mse_before
    assert found.kept == "the updated weights"
    np.testing.assert_array_equal(made.known.scaler.mean, start.known.scaler.mean)
    np.testing.assert_array_equal(made.known.scaler.std, start.known.scaler.std)
    again = latentcast.load(tmp_path / "m")
    pd.testing.assert_frame_equal(again.predict(newer, level=80), made.predict(newer, level=80))
    assert again.card.update == found
    with pytest.raises(CheckpointError, match="is not empty"):
        latentcast.update(start, newer, out=tmp_path / "m")


def test_weights_that_an_update_would_spoil_stay_as_they_are() -> None:
    start = fitted(waves(400), **{"training.lr": 1e-2})
    made = latentcast.update(start, waves(500), steps=3, lr=10.0)
    assert made.card.update.kept == "the weights as they were"
    for name, tensor in start.network.state_dict().items():
        assert torch.equal(tensor, made.network.state_dict()[name])
    assert made.calibration is not None


def test_new_series_join_in_an_update() -> None:
    def long(names: str, steps: int) -> pd.DataFrame:
        wide = waves(steps)
        return pd.concat([wide[["ds"]].assign(unique_id=name, y=wide["a"] * (1 + n)) for n, name in enumerate(names)])

    made = latentcast.update(fitted(long("xy", 300)), long("xyz", 360), steps=5)
    assert set(made.predict(long("xyz", 360))["unique_id"]) == {"x", "y", "z"}
    assert made.known.ids == ("x", "y", "z")


def test_updates_that_cannot_be() -> None:
    start = fitted(waves(400))
    with pytest.raises(SettingsError, match="steps=0: wanted a whole number of at least 1"):
        latentcast.update(start, waves(500), steps=0)
    with pytest.raises(SettingsError, match="naive learns nothing"):
        latentcast.update(latentcast.fit(waves(400), "naive", **SIZES), waves(500))
    with pytest.raises(DataError, match="give the history with the new data"):
        latentcast.update(start, waves(6))


def test_drift_is_said_with_its_figure(caplog: pytest.LogCaptureFixture) -> None:
    frame = waves(400)
    forecaster = fitted(frame)
    forecaster.predict(frame)
    assert "drift" not in caplog.text
    moved = frame.assign(b=np.where(np.arange(400) >= 376, frame["b"] + 20, frame["b"]))
    found = forecaster.drift(moved)
    expected = (moved["b"].tail(24).mean() - forecaster.known.scaler.mean[0, 1]) / forecaster.known.scaler.std[0, 1]
    assert found.shift[0, 1] == pytest.approx(expected, rel=1e-4)
    assert found.far.tolist() == [[False, True]]
    forecaster.predict(moved)
    assert f"b: mean {expected:+.1f} standard deviations from training" in caplog.text
    assert "1 of 2 series" in caplog.text


def test_of_unscaled_values_no_drift_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A fit that keeps no deviations has none to count in."""
    frame = waves(400)
    frame[["a", "b"]] = frame[["a", "b"]] * 1e4
    forecaster = fitted(frame, **{"data.scale": False, "model.normalise": True, "training.max_steps": 2})
    found = forecaster.drift(frame)
    assert np.isnan(found.shift).all()
    assert found.missing.tolist() == [[0, 0]]
    forecaster.predict(frame)
    assert "drift" not in caplog.text


def test_a_series_that_was_nothing_but_zeros_and_wakes_up_drifts() -> None:
    """It was scaled too, though its level is 0 and nothing divides it."""
    frame = waves(400).assign(b=0.0)
    forecaster = fitted(frame)
    found = forecaster.drift(frame.assign(b=np.where(np.arange(400) >= 376, 50.0, 0.0)))
    assert found.far.tolist() == [[False, True]]
    assert found.shift[0, 1] == pytest.approx(50)


def test_drift_of_spread_and_of_missing_values() -> None:
    frame = waves(400)
    forecaster = fitted(frame)
    wild = frame.assign(a=np.where(np.arange(400) >= 376, frame["a"] * 9, frame["a"]))
    wild.loc[395:, "a"] = np.nan
    found = forecaster.drift(wild)
    assert found.far.tolist() == [[True, False]]
    assert found.missing[0].tolist() == pytest.approx([5 / 24, 0])
    assert "spread" in str(found.note())
    assert forecaster.drift(frame).note() is None
