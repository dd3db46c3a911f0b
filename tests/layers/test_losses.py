"""Point losses against the metrics of the judge, and against their definitions by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.evaluation.metrics import Errors
from latentcast.layers.losses import PointLoss
from latentcast.models.config.run import resolve_config

TASK = Task(lookback=10, horizon=4, channels=3, targets=(0, 1, 2), season=3)


def batch(seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(5, 10, 3, generator=g) + 9, target=torch.randn(5, 4, 3, generator=g))


@pytest.mark.parametrize("kind", ["smape", "mape", "mase"])
def test_losses_are_the_metrics_of_the_judge(kind: str) -> None:
    given = batch()
    seen = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(1)) > 0.3
    values = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(2))
    naive = (given.past[:, 3:] - given.past[:, :-3]).abs().mean(1, keepdim=True)
    for observed in (None, seen):
        errors = Errors()
        mask = None if observed is None else observed.numpy()
        arrays = (x.double().numpy() for x in (given.target, values))
        errors.add(*arrays, mask, naive.double().numpy())
        metric = errors.result()[{"smape": "sMAPE", "mape": "MAPE", "mase": "MASE"}[kind]]
        found = PointLoss(kind, TASK)(values, replace(given, target_observed=observed))
        np.testing.assert_allclose(float(found), metric, rtol=1e-4)


@pytest.mark.parametrize("kind", ["smape", "mape", "mase"])
def test_zeros_and_constants_give_no_nan_and_no_infinity(kind: str) -> None:
    values = torch.zeros(5, 4, 3, requires_grad=True)
    given = Batch(torch.ones(5, 10, 3), target=torch.zeros(5, 4, 3))
    loss = PointLoss(kind, TASK)(values, given)
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(values.grad).all()


def test_mase_measures_by_the_look_back_of_the_targets_and_what_was_observed_of_it() -> None:
    given, task = batch(), replace(TASK, targets=(2,))
    one = replace(given, target=given.target[..., 2:])
    values = torch.zeros(5, 4, 1)
    naive = (given.past[:, 3:, 2] - given.past[:, :-3, 2]).abs().mean(1)
    expected = (one.target.abs()[..., 0].mean(1) / naive).mean()
    torch.testing.assert_close(PointLoss("mase", task)(values, one), expected)
    observed = torch.ones(5, 10, 3, dtype=torch.bool)
    observed[:, :4] = False
    hidden = replace(one, past=torch.where(observed, given.past, 1e6), observed=observed)
    late = (given.past[:, 7:, 2] - given.past[:, 4:7, 2]).abs().mean(1)
    expected = (one.target.abs()[..., 0].mean(1) / late).mean()
    torch.testing.assert_close(PointLoss("mase", task)(values, hidden), expected)
    short = replace(TASK, season=10)
    assert PointLoss("mase", short).season == 1


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ({"name": "dlinear", "loss": "smape"}, "model.loss"),
        ({"name": "pattn", "head": {"loss": "mape"}}, "model.head.loss"),
    ],
)
def test_shares_of_standardised_values_are_refused(model: dict, path: str) -> None:
    values = {"model": model, "lookback": 24, "horizon": 4}
    with pytest.raises(SettingsError, match=rf"^{path}=.*standardised values.*set data.scale=false"):
        resolve_config(values)
    assert resolve_config({**values, "data": {"scale": False}}).data.scale is False


def test_arctangent_weighs_near_steps_more() -> None:
    given = batch()
    values = given.target.clone()
    values[:, 0] += 2.0
    first = PointLoss("arctangent", TASK)(values, given)
    torch.testing.assert_close(first, torch.tensor(2.0 / 4))  # weight 1 at the next step, mean over four
    values = given.target.clone()
    values[:, 3] -= 2.0
    weight = 1 + np.pi / 4 - np.arctan(4.0)
    torch.testing.assert_close(PointLoss("arctangent", TASK)(values, given), torch.tensor(2.0 * weight / 4).float())
    seen = torch.ones(5, 4, 3, dtype=torch.bool)
    seen[:, 3] = False
    hidden = replace(given, target_observed=seen)
    assert float(PointLoss("arctangent", TASK)(values, hidden)) == 0
