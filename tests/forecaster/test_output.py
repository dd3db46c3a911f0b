"""Forecasts as frames: one row per series and step, in the order of windows, targets and steps."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.evaluation.forecasts import ForecastBatch, Outcome, WindowIndex
from latentcast.forecaster.output import forecast_frame, one_column, window_frame


def wide() -> Panel:
    times = pd.date_range("2024-01-01", periods=6)
    table = pd.DataFrame({"ds": times, "a": np.arange(6.0), "b": 10 + np.arange(6.0), "c": 20 + np.arange(6.0)})
    return build(table, DataSettings())


def fitted(targets: tuple[int, ...], horizon: int = 2, lookback: int = 3) -> Any:
    return SimpleNamespace(name="naive", task=SimpleNamespace(targets=targets, horizon=horizon, lookback=lookback))


def test_each_target_has_its_steps_in_a_row() -> None:
    values = np.array([[[1.0, 2.0], [3.0, 4.0]]])  # [item, horizon, target]
    frame = forecast_frame(fitted((0, 2)), wide(), values, {"naive-lo-80": [0, 1, 2, 3]})
    assert frame["unique_id"].tolist() == ["a", "a", "c", "c"]
    assert frame["naive"].tolist() == [1, 3, 2, 4]
    assert frame["ds"].dt.day.tolist() == [7, 8, 7, 8]
    assert list(frame.columns) == ["unique_id", "ds", "naive", "naive-lo-80"]


def test_pieces_are_joined_window_by_window() -> None:
    pieces = [np.arange(4.0).reshape(1, 2, 2), 10 + np.arange(8.0).reshape(2, 2, 2)]
    assert one_column(pieces).tolist() == [0, 2, 1, 3, 10, 12, 11, 13, 14, 16, 15, 17]


def test_windows_have_their_cutoff_and_their_outcome() -> None:
    panel, starts = wide(), np.array([0, 1])
    steps = starts[:, None] + 3 + np.arange(2)
    actual = panel.values[steps][..., [1]]
    seen = np.array([[[True], [False]], [[True], [True]]])
    index = WindowIndex(np.arange(2), np.zeros(2, np.int64), starts)
    batch = ForecastBatch(index, actual, actual, Outcome(actual, actual, seen), None)  # type: ignore[arg-type]
    frame = window_frame(fitted((1,)), panel, [batch])
    assert frame["unique_id"].tolist() == ["b"] * 4
    assert frame["ds"].dt.day.tolist() == [4, 5, 5, 6]
    assert frame["cutoff"].dt.day.tolist() == [3, 3, 4, 4]
    assert frame["y"].fillna(-1).tolist() == [13, -1, 14, 15]
