"""Multi-head attention on torch's fused kernel (Vaswani et al. 2017, section 3.2)."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError


def check_heads(width: int, heads: int) -> None:
    """Raises SettingsError when the heads do not divide the width."""
    if width % heads:
        fitting = [n for n in range(1, width + 1) if width % n == 0]
        near = min(fitting, key=lambda n: abs(n - heads))
        raise SettingsError(
            Fault("heads", f"={heads}: {heads} heads do not divide the width {width}; {near} heads would")
        )


def attend(
    query: Float[Tensor, "series heads queries size"],
    key: Float[Tensor, "series heads tokens size"],
    value: Float[Tensor, "series heads tokens size"],
    mask: Bool[Tensor, "..."] | None = None,
    *,
    dropout: float = 0.0,
    causal: bool = False,
    bias: Float[Tensor, "..."] | None = None,
) -> Float[Tensor, "series heads queries size"]:
    """torch's fused kernel; written out where a graph is exported.

    The mask is True at tokens that a query attends to. A query that may attend to none gets zeros: ONNX operators for
    attention give it the mean of everything, or no number. `bias` is added to the scores.
    """
    if not torch.compiler.is_exporting():
        if bias is not None:
            biased = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
            return F.scaled_dot_product_attention(query, key, value, attn_mask=biased, dropout_p=dropout)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=causal)
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(2, 3)
    scores = scores if bias is None else scores + bias
    if causal:
        mask = torch.ones(scores.shape[2:], dtype=torch.bool, device=query.device).tril()
    if mask is None:
        return scores.softmax(-1) @ value
    # a mask of tokens is small beside the scores: it is added to them, and what sees nothing is put to zero at the end
    weights = (scores + torch.where(mask, 0.0, -1e30)).softmax(-1)
    return (weights @ value) * mask.any(-1, keepdim=True)


class Attention(nn.Module):
    """Queries attend over keys and values of the same width; dropout acts on the attention weights."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "series queries width"],
        context: Float[Tensor, "series tokens width"],
        keep: Bool[Tensor, "series tokens"] | None = None,
        *,
        causal: bool = False,
        bias: Float[Tensor, "series queries tokens"] | None = None,
    ) -> Float[Tensor, "series queries width"]:
        """`keep` is False at masked tokens; with `causal` a query sees no later token; `bias` adds to the scores."""
        q = self._split(self.query(x))
        k, v = (self._split(part) for part in self.key_value(context).chunk(2, dim=-1))
        mask = None if keep is None else keep[:, None, None, :]
        added = None if bias is None else bias[:, None]
        dropout = self.dropout if self.training else 0.0
        mixed = attend(q, k, v, mask, dropout=dropout, causal=causal, bias=added)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(
        self,
        x: Float[Tensor, "series queries width"],
        context: Float[Tensor, "series tokens width"],
        keep: Bool[Tensor, "series tokens"] | None = None,
        bias: Float[Tensor, "series queries tokens"] | None = None,
    ) -> Float[Tensor, "series heads queries tokens"]:
        """Return the attention weights of each query over the tokens, for inspection."""
        q, k = self._split(self.query(x)), self._split(self.key_value(context).chunk(2, dim=-1)[0])
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        if bias is not None:
            scores = scores + bias[:, None]
        if keep is not None:
            scores = scores.masked_fill(~keep[:, None, None], -torch.inf)
        return scores.softmax(-1)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
