"""Every argument of `fit` is used or refused, whatever the kind of model."""

from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import LatentcastError

MODELS = ("naive", "theta", "generalist", "dlinear", "auto")
USED = {"data", "model", "horizon", "settings", "config", "out", "seed", "progress", "threads"}
NOT_BY_ITSELF: dict[
    str, Any
] = {  # what has no meaning for one table in this process, with a value other than its default
    "preset": "none-such",
    "start": "/no/such/folder",
    "weights": [1.0, 2.0],
    "overwrite": True,
    "resume": True,
    "engine": "none-such",
    "workers": 2,
    "address": "host:1",
    "storage": "/no/such/storage",
    "cpus": 2.0,
    "gpus": 1.0,
    "retries": 5,
}


def test_all_arguments_are_looked_at() -> None:
    assert set(signature(latentcast.fit).parameters) == USED | {"lookback"} | set(NOT_BY_ITSELF)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", NOT_BY_ITSELF)
def test_what_a_fit_does_not_use_is_refused_by_name(model: str, name: str) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": 1.0 + np.arange(60) % 7})
    sizes = {"horizon": 7} if model == "auto" else {"lookback": 14, "horizon": 7}
    with pytest.raises(LatentcastError) as error:
        latentcast.fit(frame, model, **sizes, **{name: NOT_BY_ITSELF[name]})
    said = str(error.value)
    assert name in said or "/no/such/folder" in said


@pytest.mark.parametrize(("name", "value"), [("lookback", 0), ("lookback", 48), ("weights", []), ("preset", "")])
def test_auto_refuses_any_value_that_is_no_default(name: str, value: object) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": 1.0 + np.arange(60) % 7})
    with pytest.raises(LatentcastError, match=rf"{name}: model='auto' chooses it"):
        latentcast.fit(frame, "auto", horizon=7, **{name: value})  # type: ignore[arg-type]
