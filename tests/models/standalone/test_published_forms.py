"""Whole models against their published form."""

import pytest
import torch
from torch import nn

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.layers.decomposition import moving_average
from latentcast.models.standalone.autoformer import Autoformer, AutoformerSettings
from latentcast.models.standalone.dlinear import DLinear, DLinearSettings
from latentcast.models.standalone.naive import Naive, NoSettings, SeasonalNaive, SeasonalNaiveSettings
from latentcast.models.standalone.transformer import Transformer, TransformerSettings

TASK = Task(lookback=30, horizon=9, channels=4, targets=(0, 1, 2, 3), season=7)


@pytest.mark.parametrize("individual", [False, True])
@pytest.mark.parametrize("normalise", [False, True])
def test_dlinear_is_its_published_form_forward_and_backward(individual: bool, normalise: bool) -> None:
    model = DLinear(DLinearSettings(kernel=5, individual=individual, normalise=normalise), TASK).double()
    past = torch.randn(6, 30, 4, dtype=torch.float64)

    def published(x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(1, keepdim=True) if normalise else 0
        std = (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt() if normalise else 1
        out = []
        for channel in range(4):
            series = ((x - mean) / std)[..., channel]
            trend = moving_average(series, 5)
            row = channel if individual else 0
            seasonal = nn.functional.linear(series - trend, model.remainder[row], model.remainder_bias[row])
            out.append(seasonal + nn.functional.linear(trend, model.trend[row], model.trend_bias[row]))
        return torch.stack(out, dim=-1) * std + mean

    ours, theirs = model(Batch(past)).values, published(past)
    torch.testing.assert_close(ours, theirs)
    parameters = list(model.parameters())
    for a, b in zip(
        torch.autograd.grad(ours.square().sum(), parameters),
        torch.autograd.grad(theirs.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_dlinear_wants_an_odd_kernel() -> None:
    with pytest.raises(ValueError, match="odd number of steps, for example 25"):
        DLinearSettings(kernel=24)


def test_naive_and_seasonal_naive_by_hand() -> None:
    past = torch.arange(30.0).view(1, 30, 1)
    task = Task(30, 9, season=7)
    assert Naive(NoSettings(), task)(Batch(past)).values.flatten().tolist() == [29.0] * 9
    seasonal = SeasonalNaive(SeasonalNaiveSettings(), task)(Batch(past)).values.flatten().tolist()
    assert seasonal == [23, 24, 25, 26, 27, 28, 29, 23, 24]


def test_the_transformers_decoder_reads_what_is_known_of_the_future() -> None:
    task = Task(30, 9, 4, (0, 1, 2, 3), known=2)
    settings = TransformerSettings(width=16, heads=2, ff=32)
    model = Transformer(settings, task).eval()
    known = torch.randn(3, 39, 2)
    batch = Batch(torch.randn(3, 30, 4), past_known=known[:, :30], future_known=known[:, 30:])
    other = Batch(batch.past, past_known=known[:, :30], future_known=known[:, 30:] + 1)
    assert not torch.equal(model(batch).values, model(other).values)
    without = Transformer(settings.model_copy(update={"calendar": False}), task)
    assert not without.uses_known
    assert without(Batch(batch.past)).values.shape == (3, 9, 4)


def test_an_untrained_autoformer_forecasts_what_its_decoder_starts_from() -> None:
    """With the last maps at zero the forecast is the initial trend alone: the mean of the look-back."""
    settings = AutoformerSettings(width=16, ff=32, kernel=5, label_len=10)
    model = Autoformer(settings, TASK).eval()
    with torch.no_grad():
        for layer in model.decoder:
            layer.trend.weight.zero_()
        model.project.weight.zero_()
        model.project.bias.zero_()
    past = torch.randn(6, 30, 4)
    torch.testing.assert_close(model(Batch(past)).values, past.mean(1, keepdim=True).expand(-1, 9, -1))
    seasonal, trend = model._decoder_input(past)
    whole = moving_average(past.transpose(1, 2).flatten(0, 1), 5).view(6, 4, 30).transpose(1, 2)
    torch.testing.assert_close(trend[:, :10], whole[:, 20:])
    torch.testing.assert_close(seasonal[:, :10], past[:, 20:] - whole[:, 20:])
    assert (seasonal[:, 10:] == 0).all()


def test_autoformer_reads_the_calendar_and_refuses_what_does_not_fit() -> None:
    task = Task(30, 9, 4, (0, 1, 2, 3), known=2)
    model = Autoformer(AutoformerSettings(width=16, ff=32), task).eval()
    known = torch.randn(3, 39, 2)
    batch = Batch(torch.randn(3, 30, 4), past_known=known[:, :30], future_known=known[:, 30:])
    other = Batch(batch.past, past_known=known[:, :30], future_known=known[:, 30:] + 1)
    assert not torch.equal(model(batch).values, model(other).values)
    assert not Autoformer(AutoformerSettings(width=16, ff=32, calendar=False), task).uses_known
    with pytest.raises(SettingsError, match="label_len=31 is longer than the look-back 30"):
        Autoformer(AutoformerSettings(label_len=31), task)
    with pytest.raises(ValueError, match="odd number of steps, for example 25"):
        AutoformerSettings(kernel=24)
