"""Attention a few series at a time: values and gradients of one softmax over everything, joined first."""

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from latentcast.layers import attention_by_rows as module
from latentcast.layers.attention_by_rows import attention_by_rows, is_quicker

SERIES, HEADS, GROUPS, TOKENS, WIDTH = 5, 2, 3, 4, 8
STATIC, OWN = 6, 3


def drawn(*shape: int, learns: bool = False) -> Tensor:
    return torch.randn(shape, dtype=torch.float64).requires_grad_(learns)


@pytest.fixture
def parts() -> tuple[Tensor, list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor], Tensor]:
    torch.manual_seed(0)
    q = drawn(SERIES, HEADS, GROUPS * TOKENS, WIDTH, learns=True)
    fixed = [(drawn(rows, HEADS, words, WIDTH), drawn(rows, HEADS, words, WIDTH)) for rows, words in ((1, 6), (5, 3))]
    newest = tuple(drawn(SERIES, HEADS, TOKENS, WIDTH, learns=True) for _ in range(2))
    hidden = torch.rand(SERIES, 1, 1, TOKENS, STATIC + OWN + TOKENS) < 0.4
    hidden[..., 0] = False  # a row without any score would be no number
    return q, fixed, (newest[0], newest[1]), hidden


def joined(q: Tensor, fixed: list[tuple[Tensor, Tensor]], newest: tuple[Tensor, Tensor], hidden: Tensor) -> Tensor:
    """Keys and values in full for every query, and the heads of keys repeated for the groups."""
    keys, values = (
        torch.cat([*(pair[at].expand(SERIES, -1, -1, -1) for pair in fixed), newest[at]], 2) for at in (0, 1)
    )
    grouped = q.unflatten(2, (GROUPS, TOKENS))
    scores = torch.einsum("shgtw,shkw->shgtk", grouped, keys).masked_fill(hidden, -torch.inf)
    return torch.einsum("shgtk,shkw->shgtw", scores.softmax(-1), values).flatten(2, 3)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_values_and_gradients_are_those_of_one_softmax(
    parts: tuple[Tensor, list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor], Tensor],
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    monkeypatch.setattr(module, "SCORES", at_once * HEADS * GROUPS * TOKENS * (STATIC + OWN + TOKENS))
    q, fixed, newest, hidden = parts
    ask = torch.randn_like(q)
    found, wanted = attention_by_rows(q, fixed, newest, hidden), joined(q, fixed, newest, hidden)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    learn = (q, *newest)
    for one, other in zip(torch.autograd.grad(found, learn, ask), torch.autograd.grad(wanted, learn, ask), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_what_is_kept_is_given_up_where_blocks_run_again(
    parts: tuple[Tensor, list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor], Tensor],
) -> None:
    q, fixed, newest, hidden = parts
    again = checkpoint(attention_by_rows, q, fixed, newest, hidden, use_reentrant=False)
    plain = attention_by_rows(q, fixed, newest, hidden)
    for one, other in zip(
        torch.autograd.grad(again.sum(), (q, *newest)), torch.autograd.grad(plain.sum(), (q, *newest)), strict=True
    ):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_it_is_for_many_scores_of_parts_that_do_not_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    q, still = drawn(2, 3, 10, 4), (drawn(1, 3, 5, 4), drawn(1, 3, 5, 4))
    monkeypatch.setattr(module, "FEW", 2 * 3 * 10 * 20)
    assert not is_quicker(q, [still], 20)
    assert is_quicker(q, [still], 21)
    assert not is_quicker(q, [(still[0], drawn(1, 3, 5, 4, learns=True))], 21)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_quicker(q, [still], 21)
