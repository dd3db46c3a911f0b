"""A solved linear map with trained parts on what it leaves, and the comparison that decides on the parts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build

LOOKBACK, HORIZON = 48, 8
PARTS: dict[str, Any] = {
    "patch-transformer": {"preset": "small"},
    "latent-transformer": {"preset": "small"},
    "patch-linear": {},
}


def table(steps: int = 700, seed: int = 0) -> pd.DataFrame:
    rng, t = np.random.default_rng(seed), np.arange(steps)
    noise = rng.standard_normal((steps, 2)).cumsum(0) / 9
    waves = np.stack([np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24)], axis=1)
    return pd.DataFrame(waves + noise, columns=["a", "b"]).assign(
        date=pd.date_range("2024-01-01", periods=steps, freq="h")
    )


def network(name: str, **model: Any) -> torch.nn.Module:
    values = {"model": {"name": name, **PARTS[name], "shortcut": "solved", **model}}
    run = resolve_config({**values, "lookback": LOOKBACK, "horizon": HORIZON})
    torch.manual_seed(0)
    return build(run.kind, run.model, Task(LOOKBACK, HORIZON, 2, (0, 1), 4)).eval()


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("normalise", [True, False])
def test_the_parts_begin_at_zero(name: str, normalise: bool) -> None:
    made = network(name, normalise=normalise)
    batch = Batch(
        torch.randn(3, LOOKBACK, 2).cumsum(1),
        past_known=torch.randn(3, LOOKBACK, 4),
        future_known=torch.randn(3, HORIZON, 4),
    )
    expected = made.model.solved_maps(batch.past)
    torch.testing.assert_close(made(batch).values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_the_map_is_that_of_the_model_ridge_and_training_leaves_it() -> None:
    frame, settings = table(), {"training.max_steps": 12, "model.shortcut": "solved"}
    composed = latentcast.fit(frame, "patch-linear", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    ridge = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON)
    for name in ("weight", "bias"):
        ours = getattr(composed.network.model.solved_maps, name)
        torch.testing.assert_close(ours, getattr(ridge.network.model.maps, name))
    assert composed.network.model.head.project.weight.abs().sum() > 0  # the parts did learn


@pytest.mark.slow
def test_parts_that_do_not_pay_are_not_used(tmp_path: Any) -> None:
    frame = table()
    settings = {"training.max_steps": 2, "training.lr": 1e-6, "model.shortcut": "solved"}
    fit = latentcast.fit(
        frame, "patch-linear", lookback=LOOKBACK, horizon=HORIZON, settings=settings, out=tmp_path / "run"
    )
    ridge = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON)
    assert fit.card.solved is not None
    assert fit.card.solved["parts"] == "not used"
    np.testing.assert_array_equal(fit.predict(frame).iloc[:, -1], ridge.predict(frame).iloc[:, -1])
    loaded = latentcast.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(frame).iloc[:, -1], fit.predict(frame).iloc[:, -1])


@pytest.mark.slow
def test_parts_that_pay_are_used() -> None:
    """What a linear map cannot do: a wave whose sign flips the next value."""
    rng = np.random.default_rng(0)
    values = [0.1]
    for _ in range(2000):
        values.append(1 - 1.9 * abs(values[-1]))  # a tent map: uncorrelated, and known one step ahead
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=2001, freq="h"), "y": values})
    frame["y"] += rng.standard_normal(2001) * 1e-3
    settings = {"training.max_steps": 400, "training.lr": 3e-3, "model.shortcut": "solved", "model.normalise": False}
    settings |= {"model.representation.length": 4, "model.representation.stride": 2}
    fit = latentcast.fit(frame, "patch-transformer", lookback=16, horizon=1, preset="small", settings=settings)
    assert fit.card.solved is not None
    assert fit.card.solved["parts"] == "used"
    assert fit.card.solved["validation_mse_with_parts"] < 0.8 * fit.card.solved["validation_mse_map"]


def test_a_head_that_cannot_begin_at_zero_is_an_error() -> None:
    run = resolve_config(
        {
            "model": {
                "name": "patch-linear",
                "representation": "codes",
                "backbone": "encoder",
                "head": "code",
                "shortcut": "solved",
            },
            "lookback": LOOKBACK,
            "horizon": HORIZON,
        }
    )
    with pytest.raises(SettingsError, match="shortcut=solved: the parts begin at a forecast of zero"):
        build(run.kind, run.model, Task(LOOKBACK, HORIZON, 2, (0, 1)))
