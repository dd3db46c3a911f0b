"""Features known in advance as columns of ridge, and inputs that leave little to solve from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import DataError, SettingsError
from latentcast.core.types import Batch
from latentcast.models.ridge.known import KnownColumns
from latentcast.models.ridge.linear import LinearMaps

LOOKBACK, HORIZON = 24, 6
STAMPS = pd.date_range("2024-01-01", periods=1200, freq="h")


def weekends(steps: int = 1200) -> pd.DataFrame:
    """Noise, lower on days late in the week: a look-back of a day does not show which day comes next."""
    noise = np.random.default_rng(0).standard_normal(steps) / 4
    return pd.DataFrame({"date": STAMPS[:steps], "y": noise - 3 * np.sin(2 * np.pi * STAMPS.dayofweek[:steps] / 6)})


def test_effects_are_removed_from_the_look_back_and_added_to_the_forecast() -> None:
    maps = LinearMaps(4, 2, 1)  # before it is solved: the last value
    known = KnownColumns(1, 1)
    known.weight[0, 0] = 2.0
    batch = Batch(
        torch.tensor([[0.0, 0, 0, 5]])[..., None],
        past_known=torch.tensor([[0.0, 0, 0, 1]])[..., None],
        future_known=torch.tensor([[3.0, 4]])[..., None],
    )
    # the last value without its effect is 5 - 2·1 = 3; with those of the horizon 3 + 2·3 and 3 + 2·4
    np.testing.assert_allclose((maps(batch.past) + known(batch, maps)).flatten(), [9.0, 11.0])


def test_the_calendar_helps_where_the_look_back_does_not_show_it(tmp_path: Path) -> None:
    frame, found = weekends(), {}
    for calendar in (False, True):
        settings = {"model.calendar": calendar}
        made = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
        found[calendar] = made.evaluate(frame).scaled["MSE"]
    assert found[True] < 0.8 * found[False]
    made.save(tmp_path / "run")
    loaded = latentcast.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(frame).iloc[:, -1], made.predict(frame).iloc[:, -1])


def test_a_covariate_collinear_with_the_calendar_gives_the_same_finite_forecast() -> None:
    frame = weekends()
    copied = frame.assign(day=frame["date"].dt.dayofweek.astype(float), again=frame["date"].dt.dayofweek.astype(float))
    settings = {"model.calendar": True}
    alone = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    both = latentcast.fit(
        copied, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={**settings, "data.future": ["day", "again"]}
    )
    error = both.evaluate(copied).scaled["MSE"]
    assert np.isfinite(error)
    assert error < 1.2 * alone.evaluate(frame).scaled["MSE"]


def test_a_look_back_longer_than_every_series_is_one_error() -> None:
    with pytest.raises((DataError, SettingsError), match="lookback"):
        latentcast.fit(weekends(60), "ridge", lookback=500, horizon=HORIZON)


def test_a_series_shorter_than_the_look_back_is_forecast_with_the_others() -> None:
    long = weekends().rename(columns={"date": "ds"}).assign(unique_id="long")
    frame = pd.concat([long, long[:20].assign(unique_id="short")])
    forecaster = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON)
    assert np.isfinite(forecaster.predict(frame).iloc[:, -1]).all()


@pytest.mark.parametrize("model", ["ridge", "random-features"])
def test_constant_channels_keep_their_value_and_nothing_else_is_one_error(model: str) -> None:
    frame = weekends(400).assign(flat=3.0)
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON}
    found = latentcast.fit(frame, model, **sizes, settings={"model.calendar": True} if model == "ridge" else {})
    forecast = found.predict(frame)
    np.testing.assert_allclose(forecast.loc[forecast["unique_id"] == "flat"].iloc[:, -1], 3.0, atol=1e-5)
    with pytest.raises(DataError, match="every series is constant"):
        latentcast.fit(frame.drop(columns="y"), model, **sizes)


def test_windows_that_are_all_masked_are_one_error() -> None:
    frame = weekends(400)
    frame.loc[np.arange(400) % 3 > 0, "y"] = np.nan  # no two observed steps in a row
    with pytest.raises(DataError, match="no window"):
        latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={"data.gaps": "mask"})


def test_refit_is_recorded_in_card_and_summary() -> None:
    settings = {"model.refit": True}
    forecaster = latentcast.fit(weekends(600), "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    assert forecaster.card.to_dict()["solved"]["refit"] is True
