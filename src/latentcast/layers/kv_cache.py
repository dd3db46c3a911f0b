"""Cache keys and values of tokens, so that each further token is read once."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Heads = Float[Tensor, "series heads tokens size"]
Shared = Float[Tensor, "first heads before size"]  # as many series as there were before they branched
Keep = Bool[Tensor, "first seen"]


@dataclass(frozen=True)
class Memory:
    """One attention layer's keys and values.

    All paths of a series share `prefix`; each path has its `own` (with spare room; the first `used` are valid). Before
    `branched` a series is its only path. `keep` is False at masked first tokens. `reach` is the number of tokens that
    a token attends to, including itself; None means all before it.
    """

    reach: int | None = None
    prefix: tuple[Shared, Shared] | None = None
    own: tuple[Heads, Heads] | None = None
    used: int = 0
    keep: Keep | None = None
    paths: int = 1

    @property
    def length(self) -> int:
        return self.used + (0 if self.prefix is None else self.prefix[0].shape[2])

    def branched(self, paths: int) -> "Memory":
        """Continue each series as `paths` consecutive series; their shared prefix is kept once."""
        assert self.own is not None
        assert self.prefix is None
        key, value = self.own
        shared = key[:, :, : self.used], value[:, :, : self.used]
        return Memory(self.reach, shared, keep=self.keep, paths=paths)

    def grown(self, key: Heads, value: Heads, keep: Keep | None) -> "Memory":
        """Append the keys and values of further tokens; `keep` is the mask of the first tokens."""
        keep = self.keep if self.keep is not None else keep
        if self.own is None:
            return replace(self, own=(key, value), used=key.shape[2], keep=keep)
        used = self.used + key.shape[2]
        if torch.is_grad_enabled():  # tensors that a gradient needs must not be overwritten
            both = [
                torch.cat([x[:, :, : self.used], new], dim=2) for x, new in zip(self.own, (key, value), strict=True)
            ]
            return replace(self, own=(both[0], both[1]), used=used, keep=keep)
        roomy = self.own if used <= self.own[0].shape[2] else tuple(_roomier(x, self.used, used) for x in self.own)
        for x, new in zip(roomy, (key, value), strict=True):
            x[:, :, self.used : used] = new
        return replace(self, own=(roomy[0], roomy[1]), used=used, keep=keep)

    def attend(self, query: Float[Tensor, "series heads new size"]) -> Float[Tensor, "series heads new size"]:
        """Attend from the newest tokens to all before them and themselves; shared tokens are computed once for all
        paths.

        Scores of shared and own keys are normalised together, so that it is the attention over their concatenation.
        """
        assert self.own is not None
        new, before = query.shape[2], self.length - self.used
        # tokens beyond the reach of all new tokens are skipped
        out_of_reach = 0 if self.reach is None else max(self.length - new + 1 - self.reach, 0)
        first, first_own = min(out_of_reach, before), max(out_of_reach - before, 0)
        key, value = (x[:, :, first_own : self.used] for x in self.own)
        query = query * query.shape[3] ** -0.5
        scores = query @ key.transpose(2, 3)
        shared_value = None
        if self.prefix is not None and first < before:
            shared_key, shared_value = (x[:, :, first:] for x in self.prefix)
            shared = self._unfold(self._fold(query) @ shared_key.transpose(2, 3), new)
            scores = torch.cat([shared, scores], dim=3)
        if self.keep is not None:
            kept = self.keep if self.prefix is None else self.keep.repeat_interleave(self.paths, dim=0)
            scores = _hide(scores, kept[:, first + first_own :])
        weights = _banded(scores, new, self.reach).softmax(-1)
        own = weights[..., weights.shape[3] - key.shape[2] :] @ value
        if shared_value is None:
            return own
        return own + self._unfold(self._fold(weights[..., : shared_value.shape[2]]) @ shared_value, new)

    def _fold(self, x: Tensor) -> Tensor:
        """[series · paths, heads, new, n] → [series, heads, paths · new, n]: one product for all paths."""
        return x.unflatten(0, (-1, self.paths)).transpose(1, 2).flatten(2, 3)

    def _unfold(self, x: Tensor, new: int) -> Tensor:
        return x.unflatten(2, (self.paths, new)).transpose(1, 2).flatten(0, 1)


def _roomier(x: Heads, used: int, needed: int) -> Float[Tensor, "series heads room size"]:
    """Double the room, so that growing copies each token at most twice."""
    series, heads, _, size = x.shape
    room = x.new_empty(series, heads, 2 * needed, size)
    room[:, :, :used] = x[:, :, :used]
    return room


def _banded(scores: Tensor, new: int, reach: int | None) -> Tensor:
    """Mask later tokens and those beyond the reach of each new token."""
    tokens = scores.shape[3]
    if new == 1:
        return scores
    ones = torch.ones(new, tokens, dtype=torch.bool, device=scores.device)
    unseen = ones.triu(tokens - new + 1)
    if reach is not None:
        unseen = unseen | ones.tril(tokens - new - reach)
    return scores.masked_fill(unseen, torch.finfo(scores.dtype).min)


def _hide(scores: Tensor, keep: Keep) -> Tensor:
    hidden = scores[..., : keep.shape[1]].masked_fill(~keep[:, None, None], torch.finfo(scores.dtype).min)
    return torch.cat([hidden, scores[..., keep.shape[1] :]], dim=3)
