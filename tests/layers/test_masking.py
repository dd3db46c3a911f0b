"""Hiding values, and filling them by interpolation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.interpolation import interpolated
from latentcast.layers.masking import visible


@pytest.mark.parametrize("share", [0.0, 0.125, 0.5])
@pytest.mark.parametrize("block", [1, 7])
def test_the_share_is_hidden_at_every_step_alike(share: float, block: int) -> None:
    hidden = ~visible(torch.zeros(4000, 20, 2), share, block, torch.Generator().manual_seed(0))
    assert hidden.float().mean((0, 2)).numpy() == pytest.approx(np.full(20, share), abs=0.03)


def test_blocks_are_never_shorter_than_asked_inside_a_window() -> None:
    hidden = ~visible(torch.zeros(50, 60, 1), 0.3, 5, torch.Generator().manual_seed(1))
    for row in hidden[..., 0].int():
        edges = torch.diff(row, prepend=torch.ones(1, dtype=torch.int), append=torch.ones(1, dtype=torch.int))
        begins, ends = torch.nonzero(edges > 0)[:, 0], torch.nonzero(edges < 0)[:, 0]
        inside = [(a, next(e for e in ends if e > a)) for a in begins if any(e > a for e in ends)]
        assert all(end - begin >= 5 for begin, end in inside)


def test_the_same_places_whatever_the_batch_size() -> None:
    def draw(sizes: list[int]) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.cat([visible(torch.zeros(n, 13, 3), 0.4, 2, generator) for n in sizes])

    assert torch.equal(draw([10]), draw([3, 6, 1]))


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_interpolation_is_numpys(time: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3, time, 2, generator=generator, dtype=torch.float64)
    known = torch.rand(3, time, 2, generator=generator) < 0.5
    filled = interpolated(x * known, known)
    for row in range(3):
        for channel in range(2):
            at = np.flatnonzero(known[row, :, channel])
            wanted = np.interp(np.arange(time), at, x[row, at, channel]) if len(at) else np.zeros(time)
            assert filled[row, :, channel].numpy() == pytest.approx(wanted, abs=1e-5)
