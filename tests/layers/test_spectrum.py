"""Trend and season apart, dominant periods, and how often the tests fire."""

import numpy as np
import pytest
import torch

from latentcast.layers.patching import PatchEmbedding, aligned
from latentcast.layers.spectrum import (
    amplitudes,
    dominant_periods,
    has_trend,
    is_seasonal,
    seasonal_share,
    slope_statistic,
    slow,
    student,
)

T = torch.arange(240, dtype=torch.float64)
DAY = torch.sin(2 * torch.pi * T / 24)


def noise(series: int, time: int = 240) -> torch.Tensor:
    return torch.randn(series, time, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_line_is_all_trend_and_a_season_none() -> None:
    straight = (3 + 0.5 * T)[None]
    torch.testing.assert_close(slow(straight, 1 / 48, 24), straight)
    for time in (96, 97, 200):
        day = DAY[:time]
        torch.testing.assert_close(slow(day[None], 1 / 48, 24), torch.zeros(1, time, dtype=torch.float64))
        torch.testing.assert_close(slow((day + 0.5 * T[:time])[None], 1 / 48, 24), (0.5 * T[:time])[None])


def test_slow_waves_are_trend_and_fast_ones_are_not() -> None:
    for period, kept in ((120, 1.0), (4, 0.0)):
        wave = torch.sin(2 * torch.pi * T / period + 1)[None]
        middle = (slow(wave, 1 / 24) - kept * wave)[:, 40:200]
        assert middle.abs().max() < 0.2


def test_the_original_cutoff_takes_the_daily_cycle_for_trend() -> None:
    """Why it is derived from the season."""
    assert slow(DAY[None], 0.1, 24).std() > 0.95 * DAY.std()


def test_the_ends_of_the_window_are_no_neighbours() -> None:
    """A jump at the end hardly moves the trend at the start; of the bare transform it does."""
    x = noise(1)
    later = x.clone()
    later[:, -10:] += 5

    def bare(x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(x) * (torch.fft.rfftfreq(240) < 0.1)
        return torch.fft.irfft(spectrum, 240)

    moved, bare_moved = ((f(later) - f(x)).abs()[0, :10].max() for f in (lambda x: slow(x, 0.1), bare))
    assert moved < 0.25 * bare_moved


def test_a_constant_series_moves_nowhere() -> None:
    constant = torch.tensor([[7.3], [0.0], [1e6]]).expand(3, 50)
    torch.testing.assert_close(slow(constant, 0.1), constant)
    assert (amplitudes(constant) == 0).all()
    assert (dominant_periods(constant) == 0).all()
    assert not is_seasonal(constant).any()
    assert not has_trend(constant).any()


def test_dominant_periods_are_found() -> None:
    x = 3 * DAY + torch.sin(2 * torch.pi * T / 8) + 100 + 0.01 * noise(2)
    np.testing.assert_allclose(dominant_periods(x, 2), [[24, 8], [24, 8]])


def test_what_the_window_does_not_hold_twice_is_no_period() -> None:
    slowly = torch.sin(2 * torch.pi * T / 240)[None] + 0.2 * DAY
    np.testing.assert_allclose(dominant_periods(slowly, 3), [[24, 0, 0]])
    assert dominant_periods(T[None, :4], 5).shape == (1, 5)


def test_shares_and_slopes_are_those_that_the_tests_go_by() -> None:
    x = torch.cat([noise(3), DAY[None], 0.1 * T[None] + noise(1), torch.full((1, 240), 2.0, dtype=torch.float64)])
    strength = amplitudes(x)
    top = strength.sort(descending=True).values[:, :2].sum(1)
    torch.testing.assert_close(seasonal_share(x, 2)[:5], (top / strength.sum(1))[:5])
    from scipy import stats

    wanted = [abs(r.slope / r.stderr) for r in (stats.linregress(T.numpy(), row.numpy()) for row in x[:5])]
    torch.testing.assert_close(slope_statistic(x)[:5], torch.tensor(wanted))
    assert seasonal_share(x)[5] == slope_statistic(x)[5] == 0


def test_a_cycle_is_a_season_and_noise_is_none() -> None:
    assert is_seasonal((DAY + 0.05 * noise(1)[0])[None] + 50).all()
    assert is_seasonal(noise(500)).double().mean() < 0.01


@pytest.mark.parametrize("time", [12, 48, 240])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_trend_test_fires_as_often_as_it_says(time: int, rate: float) -> None:
    fired = has_trend(noise(8000, time), rate).double().mean().item()
    assert abs(fired - rate) < 4 * (rate * (1 - rate) / 8000) ** 0.5
    assert has_trend(noise(50, time) + 3 * torch.arange(time)).all()


def test_quantiles_of_student() -> None:
    from scipy import stats

    for level in (0.9, 0.975, 0.995):
        for freedom in (1, 2, 5, 10, 94, 510):
            assert student(level, freedom) == pytest.approx(stats.t.ppf(level, freedom), rel=1e-9)


def test_coarser_patches_go_with_those_that_end_with_them() -> None:
    fine, coarse = PatchEmbedding(16, 8, 4), PatchEmbedding(8, 4, 4)
    assert torch.equal(fine.ends(96), coarse.ends(48, 2))
    assert aligned(torch.tensor([-20, -10, 0, 8]), torch.tensor([-12, 0, 3])).tolist() == [0, 1, 1, 2]
    for time in range(50, 80):
        for scale in (2, 3, 5):
            ends = coarse.ends(-(-time // scale), scale)
            last = ends[aligned(fine.ends(time), ends)[-1]]
            assert last > 0, "the newest steps lie in the last patch"
