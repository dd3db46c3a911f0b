"""Learned cycles: the phase of windows, and models that subtract a cycle."""

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import DataError
from latentcast.core.types import Batch
from latentcast.data.tables.frequency import Frequency
from latentcast.layers.cycle import Cycles

QUICK = {"training.max_epochs": 30, "training.max_steps": 400, "training.lr": 0.05, "training.loggers": []}


def test_a_window_reads_each_table_at_its_own_phase() -> None:
    cycles = Cycles((2, 3), channels=1)
    with torch.no_grad():
        cycles.tables[0].copy_(torch.tensor([[10.0], [20.0]]))
        cycles.tables[1].copy_(torch.tensor([[1.0], [2.0], [3.0]]))
    batch = Batch(torch.zeros(2, 3, 1), phase=torch.tensor([0, 4]))
    assert cycles(batch, 4)[..., 0].tolist() == [[11, 22, 13, 21], [12, 23, 11, 22]]


@pytest.mark.parametrize(
    ("freq", "first", "position"),
    [
        ("h", "1970-01-02 03:00", 27),
        ("15min", "1970-01-01 01:00", 4),
        ("MS", "1971-02-01", 13),
        ("QE", "1970-06-30", 1),
        ("B", "1970-01-05", 2),
        ("W-SUN", "1970-01-11", 1),
    ],
)
def test_positions_count_the_steps_from_1970(freq: str, first: str, position: int) -> None:
    stamps = pd.date_range(first, periods=5, freq=freq).to_numpy("datetime64[ns]")
    found = Frequency.of(freq).positions(stamps)
    assert found is not None
    assert found.tolist() == list(range(position, position + 5))


def test_offsets_that_only_pandas_knows_have_no_position() -> None:
    stamps = pd.date_range("2024-01-01", periods=5, freq="BME").to_numpy()
    assert Frequency.of("BME").positions(stamps) is None
    with pytest.raises(DataError, match=r"model\.cycles and model\.harmonics need steps that can be counted"):
        Cycles((3,), 1)(Batch(torch.zeros(1, 2, 1)), 2)


@pytest.mark.slow
def test_a_cycle_longer_than_the_look_back_is_learned_and_keeps_its_phase_in_new_data() -> None:
    hours = pd.date_range("2024-01-01", periods=24 * 30, freq="h")
    weekly = np.random.default_rng(0).normal(size=168)
    values = weekly[np.arange(len(hours)) % 168]
    frame = pd.DataFrame({"ds": hours, "load": values})
    settings = {**QUICK, "model.kernel": 1, "data.split": [0.7, 0.15, 0.15]}
    plain = latentcast.fit(frame, "dlinear", lookback=12, horizon=6, settings=settings)
    cyclic = latentcast.fit(frame, "dlinear", lookback=12, horizon=6, settings={**settings, "model.cycles": 168})
    error = cyclic.evaluate(frame).scaled["MSE"]
    assert error < 0.1 * plain.evaluate(frame).scaled["MSE"]
    forecast = cyclic.predict(frame[100:300])["dlinear"].to_numpy()  # begins at another phase than the fit
    assert np.abs(forecast - values[300:306]).mean() < 0.3


@pytest.mark.slow
def test_a_composed_model_subtracts_and_adds_its_cycles() -> None:
    hours = pd.date_range("2024-01-01", periods=24 * 20, freq="h")
    frame = pd.DataFrame({"ds": hours, "a": np.sin(np.arange(480) / 24 * 2 * np.pi), "b": hours.hour % 5.0})
    settings = {"model.cycles": [24], "model.trailing": 0.25, "training.max_steps": 3, "training.loggers": []}
    made = latentcast.fit(frame, "patch-linear", lookback=48, horizon=6, settings=settings)
    model = made.network.model
    assert tuple(model.cycles.tables[0].shape) == (24, 2)
    before = made.predict(frame)
    with torch.no_grad():
        model.cycles.tables[0].add_(5.0)  # a constant cycle leaves the parts' inputs shifted and the forecast raised
    assert (made.predict(frame)["patch-linear"] - before["patch-linear"]).abs().max() > 0.1
