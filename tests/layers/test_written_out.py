"""Operations that an exported graph spells out, against torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from latentcast.core.interpolation import interpolated
from latentcast.layers.attention import attend
from latentcast.layers.mixture_of_experts import Experts
from latentcast.layers.spectrum import slow


def _written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_gives_zeros_where_nothing_may_be_seen(monkeypatch: pytest.MonkeyPatch, causal: bool) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 5, 4), torch.randn(3, 2, 5, 4), torch.randn(3, 2, 5, 4)
    mask = None if causal else torch.tensor([[True, False, True, True, False], [False] * 5, [True] * 5])[:, None, None]
    wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    _written_out(monkeypatch)
    found = attend(query, key, value, mask, causal=causal)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)
    assert causal or (found[1] == 0).all()


@pytest.mark.parametrize("time", [1, 2, 50, 97])
def test_gaps_are_filled_from_the_same_neighbours(monkeypatch: pytest.MonkeyPatch, time: int) -> None:
    torch.manual_seed(time)
    values, known = torch.randn(4, time, 3), torch.rand(4, time, 3) < 0.3
    known[0, :, 1] = False
    wanted = interpolated(values, known)
    _written_out(monkeypatch)
    assert torch.equal(interpolated(values, known), wanted)


@pytest.mark.parametrize("time", [96, 97, 200])
@pytest.mark.parametrize("cutoff", [0.05, 0.2, 0.5])
def test_slow_parts_by_products_are_those_of_transforms(
    monkeypatch: pytest.MonkeyPatch, time: int, cutoff: float
) -> None:
    values = torch.from_numpy(np.random.default_rng(time).normal(size=(3, time))).float()
    wanted = slow(values, cutoff, 12)
    _written_out(monkeypatch)
    torch.testing.assert_close(slow(values, cutoff, 12), wanted, atol=3e-6, rtol=0)


def test_experts_for_all_rows_are_those_of_the_rows_that_ask_them() -> None:
    torch.manual_seed(0)
    experts = Experts(6, 8, 4, 2, 0.0).eval()
    rows = torch.randn(20, 6)
    _, share, which = experts.route(rows)
    torch.testing.assert_close(experts.written_out(rows, share, which), experts(rows, share, which), atol=1e-6, rtol=0)
