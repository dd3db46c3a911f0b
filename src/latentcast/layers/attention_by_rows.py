"""Attention to several parts of keys and values, a few series at a time, so that their scores stay in the cache.

Written out for all series, every step between the two products (joining scores, mask, softmax, and their gradients)
reads and writes a tensor of all scores, which no cache holds. Here each step sees those of a few series, and the
gradient is computed for the newest part alone: those before it never learn.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SCORES = 2**18  # of the series that attend side by side: 1 MiB in float32
FEW = 2**20  # so many scores in all, or fewer, are quicker in one piece
Pair = tuple[Tensor, Tensor]


def is_quicker(q: Tensor, fixed: list[Pair], words: int) -> bool:
    """Whether scores of q to so many `words` are better made a few series at a time: on a CPU, where they are many."""
    special = torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    learn = any(x.requires_grad for pair in fixed for x in pair)
    return q.is_cpu and not special and not learn and q.numel() // q.shape[-1] * words > FEW


def attention_by_rows(q: Tensor, fixed: list[Pair], newest: Pair, hidden: Tensor) -> Tensor:
    """Mix values by one softmax over the scores of all parts; the softmax is in float32.

    q [series, heads, groups · tokens, head width], scaled; keys and values [series or 1, heads, words, head width], of
    which those of `newest` and q may learn; hidden [series or 1, 1, 1, tokens, all words].
    """
    mixed: Tensor = _ByRows.apply(q, *newest, hidden, *(x for pair in fixed for x in pair))  # type: ignore[no-untyped-call]
    return mixed


class _ByRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, key: Tensor, value: Tensor, hidden: Tensor, *fixed: Tensor) -> Tensor:
        keys, values = _Joined((*fixed[::2], key), q), _Joined((*fixed[1::2], value), q)
        out, kept = torch.empty_like(q, memory_format=torch.contiguous_format), []
        for rows in keys.rows:
            scores = (q[rows] @ keys.of(rows).transpose(2, 3)).float()
            seen = scores.unflatten(2, (-1, hidden.shape[3]))
            seen.masked_fill_(hidden[rows] if len(hidden) > 1 else hidden, -torch.inf)
            weights = torch.softmax(scores, -1)
            out[rows] = weights.to(q.dtype) @ values.of(rows)
            kept.append(weights)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(q, key, value, *fixed, *kept)
            ctx.parts = len(fixed)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, key, value, *more = ctx.saved_tensors
        fixed, kept = more[: ctx.parts], more[ctx.parts :]
        keys, values = _Joined((*fixed[::2], key), q), _Joined((*fixed[1::2], value), q)
        new = key.shape[2]
        found = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q, key, value)]
        for rows, weights in zip(keys.rows, kept, strict=True):
            asked = grad[rows]
            found[2][rows] = weights[..., -new:].to(q.dtype).transpose(2, 3) @ asked
            of_weights = (asked @ values.of(rows).transpose(2, 3)).float().mul_(weights)
            of_scores = of_weights.sub_(weights * of_weights.sum(-1, keepdim=True)).to(q.dtype)
            found[0][rows] = of_scores @ keys.of(rows)
            found[1][rows] = of_scores[..., -new:].transpose(2, 3) @ q[rows]
        return (*found, None, *(None for _ in fixed))


class _Joined:
    """Keys or values of a few series: all parts one after another, in a buffer that is used again."""

    def __init__(self, parts: tuple[Tensor, ...], q: Tensor) -> None:
        series, heads, queries, width = q.shape
        words = sum(part.shape[2] for part in parts)
        most = max(1, min(series, SCORES // max(1, heads * queries * words)))
        self.rows = [slice(at, min(at + most, series)) for at in range(0, series, most)]
        self._whole = q.new_empty(most, heads, words, width)
        self._of_each, at = list[tuple[Tensor, Tensor]](), 0
        for part in parts:
            place = self._whole[:, :, at : at + part.shape[2]]
            at += part.shape[2]
            if len(part) == 1 < series:  # the same for all of them
                place.copy_(part)
            else:
                self._of_each.append((place, part))

    def of(self, rows: slice) -> Tensor:
        count = rows.stop - rows.start
        for place, part in self._of_each:
            place[:count].copy_(part[rows])
        return self._whole[:count]


__all__ = ["attention_by_rows", "is_quicker"]
