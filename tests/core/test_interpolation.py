import numpy as np
import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.interpolation import interpolated, seasonally


@given(st.integers(0, 2**16), st.integers(1, 40), st.sampled_from([1, 4, 7]), st.floats(0, 1))
def test_known_values_stay_and_unknown_ones_do_not_matter(seed: int, time: int, season: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, time, 3, generator=generator)
    known = torch.rand(2, time, 3, generator=generator) < share
    filled = seasonally(x, known, season)
    assert torch.equal(filled[known], x[known])
    assert torch.isfinite(filled).all()
    torch.testing.assert_close(seasonally(torch.where(known, x, 1e3), known, season), filled, atol=1e-3, rtol=1e-3)
    assert (filled[~known.any(1, keepdim=True).expand_as(known)] == 0).all()


def test_without_two_seasons_it_is_the_line_between_the_neighbours() -> None:
    x = torch.randn(1, 20, 1)
    known = torch.rand(1, 20, 1) < 0.5
    theirs = pd.Series(np.where(known[0, :, 0], x[0, :, 0], np.nan)).interpolate(limit_direction="both")
    for filled in (interpolated(x, known), seasonally(x, known, 11), seasonally(x, known, 1)):
        np.testing.assert_allclose(filled[0, :, 0], theirs, atol=1e-6)


def test_a_season_is_recovered_where_a_line_would_cut_it_off() -> None:
    t = torch.arange(240)
    x = (torch.sin(2 * torch.pi * t / 24) + 0.01 * t)[None, :, None]
    known = torch.ones_like(x, dtype=torch.bool)
    known[:, 100:130] = False
    known[:, 220:] = False  # the newest values
    for part in (slice(100, 130), slice(220, 240)):
        off = (seasonally(x, known, 24) - x)[:, part].abs().mean()
        line = (interpolated(x, known) - x)[:, part].abs().mean()
        assert off < 0.35 * line
