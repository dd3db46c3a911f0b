"""The forecasts of the validation whose weights are kept serve the calibration, and equal those of a new pass."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.types import Prediction
from latentcast.evaluation.network_pass import NetworkPass
from latentcast.training.validated import Recording, ValidatedForecasts, recorded

WINDOWS = np.array([0, 1, 5]), np.array([0, 0, 1])


def held(values: Any, step: int = 7) -> ValidatedForecasts:
    recording = Recording()
    recording.add(Prediction(torch.tensor(values, dtype=torch.float32)))
    found = ValidatedForecasts()
    found.take(recording, WINDOWS, step)
    return found


def test_they_are_those_of_these_windows_and_of_this_step_alone() -> None:
    found = held([[[1.0]], [[2.0]], [[3.0]]])
    assert found.of(WINDOWS, None)[0].reshape(-1).tolist() == [1, 2, 3]  # type: ignore[index]
    assert found.of(WINDOWS, 7) is not None
    assert found.of(WINDOWS, 8) is None
    assert found.of((np.array([0, 1, 4]), WINDOWS[1]), None) is None
    assert found.of((np.array([0, 1]), np.array([0, 0])), None) is None


@pytest.mark.parametrize("values", [[[[1.0]], [[2.0]]], [[[1.0]], [[np.nan]], [[3.0]]]])
def test_there_are_none_where_windows_are_missing_or_a_value_is_not_finite(values: Any) -> None:
    assert held(values).of(WINDOWS, None) is None


def test_the_network_is_watched_within_the_block_alone() -> None:
    class Doubles(torch.nn.Module):
        def forward(self, given: torch.Tensor) -> Prediction:
            return Prediction(2 * given)

    network = Doubles()
    with recorded(network) as recording:
        network(torch.ones(2, 1, 1))
    network(torch.ones(1, 1, 1))
    values, quantiles = recording.joined()
    assert values is not None
    assert values.reshape(-1).tolist() == [2, 2]
    assert quantiles is None


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_fit_calibrates_by_them(monkeypatch: pytest.MonkeyPatch, keep: str, gaps: bool) -> None:
    rng = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=60)
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": days, "y": rng.normal(5, 1, 60).cumsum()}) for name in ("a", "b")
    )
    if gaps:
        frame = frame[rng.random(len(frame)) < 0.9]
    settings = {"training.max_steps": 12, "training.batch_size": 16, "training.keep": keep}

    def refused(*_: Any) -> None:
        raise AssertionError("windows were forecast a second time")

    with monkeypatch.context() as patch:
        patch.setattr(NetworkPass, "__call__", refused)
        fitted = latentcast.fit(frame, "dlinear", lookback=14, horizon=3, settings=settings)  # type: ignore[arg-type]
    validation, calibration = fitted.card.validation, fitted.calibration
    assert validation is not None
    assert calibration is not None
    again = fitted.calibrate(frame, part="val")
    assert again.to_dict()["scaled"] == validation["scaled"]
    assert np.array_equal(fitted.calibration.table, calibration.table)  # type: ignore[union-attr]
