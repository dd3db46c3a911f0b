"""The stationary wavelet transform against PyWavelets, and against what any wavelet must do."""

import warnings

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.errors import SettingsError
from latentcast.layers.wavelet import (
    composite,
    deepest,
    extended,
    filters,
    inverse,
    reach,
    span,
    synthesis,
    transform,
    unlike_a_wavelet,
)

MODES = ("symmetric", "reflect", "periodic", "zero", "causal")


def coefficients(x: torch.Tensor, name: str, level: int, mode: str) -> torch.Tensor:
    low, high = filters(name)
    return transform(extended(x, *reach(len(low), level, mode), mode), low, high, level, mode)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", ["db4", "haar", "sym5", "coif2", "bior2.2", "rbio3.1", "dmey"])
@pytest.mark.parametrize(("time", "level"), [(64, 1), (64, 2), (96, 3)])
def test_periodic_coefficients_are_those_of_pywavelets(name: str, time: int, level: int) -> None:
    x = draw(3, time)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a biorthogonal wavelet does not conserve energy
        wanted = pywt.swt(x.numpy(), name, level, norm=True, trim_approx=True, axis=1)
    np.testing.assert_allclose(coefficients(x, name, level, "periodic"), np.stack(wanted, 2), atol=1e-9)
    single = coefficients(x.float(), name, level, "periodic")
    np.testing.assert_allclose(single, np.stack(wanted, 2), atol=1e-5)


@given(
    name=st.sampled_from(["db4", "haar", "sym3", "bior2.4", "rbio1.3"]),
    level=st.integers(1, 4),
    time=st.integers(2, 90),
)
def test_the_signal_comes_back_whatever_its_length(name: str, level: int, time: int) -> None:
    x = draw(2, time)
    torch.testing.assert_close(inverse(coefficients(x, name, level, "periodic"), *filters(name)), x)


@pytest.mark.parametrize("mode", ["symmetric", "reflect", "zero"])
def test_in_other_modes_the_signal_comes_back_through_padding(mode: str) -> None:
    """The window's own coefficients are those of the padded window, which a periodic transform gives back."""
    x, level = draw(2, 61), 3
    low, high = filters("db4")
    before, after = reach(8, level, mode)
    padded = extended(x, before, after, mode)
    whole = coefficients(padded, "db4", level, "periodic")
    torch.testing.assert_close(whole[:, before : before + 61], coefficients(x, "db4", level, mode))
    torch.testing.assert_close(inverse(whole, low, high)[:, before : before + 61], x)


@pytest.mark.parametrize("name", ["db4", "haar", "sym5"])
@pytest.mark.parametrize("time", [64, 75])
def test_energy_is_conserved(name: str, time: int) -> None:
    x = draw(4, time).float()
    energy = coefficients(x, name, 3, "periodic").square().sum((1, 2))
    torch.testing.assert_close(energy, x.square().sum(1), rtol=1e-4, atol=0)


@pytest.mark.parametrize("mode", MODES)
def test_a_band_is_one_filter(mode: str) -> None:
    low, high = filters("db3")
    x = extended(draw(2, 40), *reach(6, 2, mode), mode)
    one = composite(low, high, 2, mode)
    assert one.shape == (3, span(6, 2))
    by_one = torch.stack([torch.nn.functional.conv1d(x[:, None], band[None, None])[:, 0] for band in one], 2)
    torch.testing.assert_close(by_one, transform(x, low, high, 2, mode))


def test_extensions_are_those_of_numpy() -> None:
    x = draw(2, 7)
    for mode, named in (("symmetric", "symmetric"), ("reflect", "reflect"), ("periodic", "wrap")):
        np.testing.assert_array_equal(extended(x, 19, 12, mode), np.pad(x, ((0, 0), (19, 12)), mode=named))
    np.testing.assert_array_equal(extended(x, 3, 2, "zero"), np.pad(x, ((0, 0), (3, 2))))


def test_causal_coefficients_do_not_see_later_steps() -> None:
    x = draw(1, 60)
    later = x.clone()
    later[:, 40:] += 1
    before, after = coefficients(x, "db4", 3, "causal"), coefficients(later, "db4", 3, "causal")
    assert torch.equal(before[:, :40], after[:, :40])
    assert (before[:, 40] != after[:, 40]).any()


def test_periodic_extension_leaks_the_end_into_the_start_and_mirroring_does_not() -> None:
    x = draw(1, 200)
    later = x.clone()
    later[:, -1] += 1
    for mode, leaks in (("periodic", True), ("symmetric", False), ("reflect", False), ("zero", False)):
        before, after = coefficients(x, "db4", 3, mode), coefficients(later, "db4", 3, mode)
        assert torch.equal(before[:, :100], after[:, :100]) != leaks


def test_a_bands_waves_end_up_in_it() -> None:
    """A slow wave in the approximation, one of three steps in the first detail."""
    t = torch.arange(256, dtype=torch.float64)
    for period, band in ((64, 0), (3, -1)):
        wave = torch.sin(2 * torch.pi * t / period)[None]
        energy = coefficients(wave, "db4", 3, "symmetric").square().sum((0, 1))
        assert energy[band] > 0.9 * energy.sum()


@pytest.mark.parametrize("name", ["db4", "haar", "bior4.4", "rbio2.2", "coif3"])
def test_wavelets_are_wavelets_and_other_filters_are_not(name: str) -> None:
    low, high = filters(name)
    assert unlike_a_wavelet(low, high) < 1e-12
    assert unlike_a_wavelet(low * 1.1, high) > 1e-3
    assert unlike_a_wavelet(low, high + 0.1) > 1e-3
    wavelet = pywt.Wavelet(name)
    for made, theirs in zip(synthesis(low, high), (wavelet.rec_lo, wavelet.rec_hi), strict=True):
        np.testing.assert_allclose(made, theirs, atol=1e-12)


def test_aliases_cancel_whatever_the_filters_are() -> None:
    low, high = draw(6), draw(6)
    undo_low, undo_high = synthesis(low, high)
    sign = (-1.0) ** np.arange(6)
    alias = np.convolve(undo_low, sign * low.numpy()) + np.convolve(undo_high, sign * high.numpy())
    np.testing.assert_allclose(alias, 0, atol=1e-12)


def test_the_penalty_leads_back_to_a_wavelet() -> None:
    low, high = (torch.nn.Parameter(f + 0.05 * draw(8)) for f in filters("db4"))
    start = unlike_a_wavelet(low, high).item()
    learn = torch.optim.Adam([low, high], lr=1e-2)
    for _ in range(300):
        learn.zero_grad()
        unlike_a_wavelet(low, high).backward()
        learn.step()
    assert unlike_a_wavelet(low, high) < 1e-4 * start


def test_spans_and_depths() -> None:
    assert span(8, 3) == 50
    assert [deepest(8, time) for time in (7, 8, 21, 22, 49, 50, 106)] == [0, 1, 1, 2, 2, 3, 4]
    assert deepest(2, 1) == 0


def test_an_unknown_wavelet_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="wavelet=db44: no such discrete wavelet; did you mean db4"):
        filters("db44")
    with pytest.raises(SettingsError, match="no such discrete wavelet"):
        filters("morl")
