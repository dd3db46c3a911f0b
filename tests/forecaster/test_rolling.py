"""Which models may forecast beyond their trained horizon."""

from types import SimpleNamespace
from typing import Any

import pytest

from latentcast.core.errors import SettingsError
from latentcast.forecaster.rolling import check_rolls


def fitted(targets: int, channels: int, effects: object = None) -> Any:
    task = SimpleNamespace(targets=tuple(range(targets)), channels=channels, horizon=6)
    return SimpleNamespace(name="dlinear", task=task, known=SimpleNamespace(scaler=SimpleNamespace(effects=effects)))


def test_a_model_that_forecasts_all_that_it_reads_rolls_on() -> None:
    check_rolls(fitted(2, 2), 12)


def test_channels_that_are_read_and_not_forecast_are_refused() -> None:
    with pytest.raises(SettingsError, match="beyond 6 steps this dlinear would need values of channels"):
        check_rolls(fitted(1, 2), 12)


def test_covariates_of_the_future_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"fitted with future covariates.*--horizon 12"):
        check_rolls(fitted(2, 2, effects=object()), 12)
