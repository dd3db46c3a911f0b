"""Linear models as one matrix: FITS against torch's transform, and the exponential average of DLinear by hand."""

import pytest
import torch

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.layers.decomposition import exponential_average_matrix
from latentcast.layers.instance_norm import scale_of
from latentcast.models.standalone.dlinear import DLinear, DLinearSettings
from latentcast.models.standalone.fits import Fits, FitsSettings


@pytest.mark.parametrize(("lookback", "horizon", "cutoff"), [(12, 5, 4), (10, 4, 6), (9, 9, 5)])
def test_fits_is_the_complex_map_between_two_transforms(lookback: int, horizon: int, cutoff: int) -> None:
    model = Fits(FitsSettings(cutoff=cutoff), Task(lookback, horizon, 2, (0, 1), season=4))
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model.real.copy_(torch.randn(model.real.shape, generator=draw))
        model.imaginary.copy_(torch.randn(model.imaginary.shape, generator=draw))
    past = torch.randn(3, lookback, 2, generator=draw)
    scale = scale_of(Batch(past), normalise=True)
    spectrum = torch.fft.rfft(scale.apply(past), dim=1)[:, :cutoff]
    weight = torch.complex(model.real[0], model.imaginary[0])
    made = torch.einsum("oi,bic->boc", weight, spectrum)
    whole = torch.fft.irfft(made, n=lookback + horizon, dim=1) * (lookback + horizon) / lookback
    expected = scale.invert(whole[:, lookback:])
    torch.testing.assert_close(model(Batch(past)).values, expected, rtol=1e-4, atol=1e-4)


def test_fits_starts_at_the_mean_and_refuses_more_frequencies_than_there_are() -> None:
    task = Task(8, 3, 1, (0,), season=4)
    past = torch.randn(2, 8, 1)
    torch.testing.assert_close(
        Fits(FitsSettings(), task)(Batch(past)).values, past.mean(1, keepdim=True).expand(2, 3, 1)
    )
    with pytest.raises(SettingsError, match="cutoff=6: a look-back of 8 steps has 5 frequencies"):
        Fits(FitsSettings(cutoff=6), task)


def test_the_exponential_average_follows_its_recurrence() -> None:
    x = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0])
    expected = [3.0]
    for value in x[1:]:
        expected.append(0.3 * float(value) + 0.7 * expected[-1])
    torch.testing.assert_close(exponential_average_matrix(5, 0.3) @ x, torch.tensor(expected))


def test_dlinear_folds_an_exponential_average() -> None:
    task = Task(6, 2, 1, (0,))
    model = DLinear(DLinearSettings(exponential=0.4), task)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in (model.trend, model.remainder):
            weight.copy_(torch.randn(weight.shape, generator=draw))
    past = torch.randn(4, 6, 1, generator=draw)
    trend = exponential_average_matrix(6, 0.4) @ past
    expected = model.trend[0] @ trend + model.remainder[0] @ (past - trend)
    torch.testing.assert_close(model(Batch(past)).values, expected, rtol=1e-5, atol=1e-5)


def test_the_newest_level_is_the_mean_of_the_last_observed_values() -> None:
    past = torch.tensor([0.0, 10.0, 2.0, 4.0])[None, :, None]
    assert scale_of(Batch(past), normalise=True, trailing=0.5).loc.item() == 3.0
    observed = torch.tensor([True, True, False, True])[None, :, None]
    assert scale_of(Batch(past, observed), normalise=True, trailing=0.5).loc.item() == 4.0
    none_new = torch.tensor([True, True, False, False])[None, :, None]
    assert scale_of(Batch(past, none_new), normalise=True, trailing=0.5).loc.item() == 5.0
