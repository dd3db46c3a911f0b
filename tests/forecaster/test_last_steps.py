"""Forecasts read the look-back alone: what lies before it changes nothing."""

import numpy as np
import pandas as pd

import latentcast


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    lengths = {"a": 120, "b": 90, "c": 140}
    return pd.concat(
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2022-01-01", periods=length, freq="D"),
                "y": rng.normal(size=length).cumsum() + 50,
            }
        )
        for name, length in lengths.items()
    ).reset_index(drop=True)


def test_the_last_look_back_gives_the_forecast_of_the_whole_series() -> None:
    frame = _frame()
    model = latentcast.fit(frame, "ridge", lookback=21, horizon=5)
    last = frame.groupby("unique_id").tail(21)
    for asked in ({}, {"level": 80}, {"horizon": 12}):
        pd.testing.assert_frame_equal(model.predict(frame, **asked), model.predict(last, **asked))


def test_a_series_with_a_gap_before_its_look_back() -> None:
    frame = _frame()
    model = latentcast.fit(frame, "ridge", lookback=21, horizon=5, settings={"data.gaps": "mask"})
    holed = frame.drop(index=[10, 11])
    pd.testing.assert_frame_equal(model.predict(holed), model.predict(frame))
