"""Patch reprogramming: express patches by word embeddings (Time-LLM, Jin et al. 2024, section 3.1)."""

import math
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError

Prototypes = Literal["direct", "vocabulary"]
ROWS = 64  # rows of the mixing matrix drawn at a time


class TextPrototypes(nn.Module):
    """[count, width]: learned linear combinations of frozen word embeddings.

    vocabulary  the combinations are learned, count · vocabulary weights, and multiplied out in every step, as published
    direct      their product is learned, count · width weights: where the embeddings span the width any such matrix is
    a combination, so that nothing is lost. It has the same initial values
    """

    def __init__(
        self,
        words: Float[Tensor, "vocabulary width"],
        count: int,
        kind: Prototypes,
        mixtures: Iterable[Tensor] | None = None,
    ) -> None:
        """`mixtures` yields the initial combinations, some rows at a time; None takes those of a linear layer."""
        super().__init__()
        vocabulary = len(words)
        self.kind = kind
        bound = 1 / math.sqrt(vocabulary)
        bias = torch.empty(count, 1).uniform_(-bound, bound)
        drawn = _drawn(count, vocabulary, bound) if mixtures is None else mixtures
        if kind == "vocabulary":
            self.mixing = nn.Parameter(torch.cat(list(drawn)))
            self.bias = nn.Parameter(bias)
        else:
            table = words.detach().float()
            self.values = nn.Parameter(torch.cat([rows.to(table.device) @ table for rows in drawn]) + bias)

    def forward(self, words: Float[Tensor, "vocabulary width"]) -> Float[Tensor, "count width"]:
        return self.values if self.kind == "direct" else self.mixing @ words.to(self.mixing.dtype) + self.bias


def _drawn(count: int, vocabulary: int, bound: float) -> Iterator[Tensor]:
    """Initial weights of a linear layer from the vocabulary, some rows at a time: LLaMA's whole matrix is large."""
    for first in range(0, count, ROWS):
        yield torch.empty(min(ROWS, count - first), vocabulary).uniform_(-bound, bound)


class Reprogramming(nn.Module):
    """Cross-attention from tokens to prototypes, in the width of the language model.

    One product serves all tokens of all series, which share the prototypes.
    """

    def __init__(self, width: int, llm_width: int, heads: int, head_width: int, dropout: float) -> None:
        super().__init__()
        if heads < 1:
            raise SettingsError(Fault("heads", f"={heads}: wanted at least 1"))
        inner = heads * head_width
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(llm_width, inner, bias=False)  # a bias would add the same to every score
        self.value = nn.Linear(llm_width, inner)
        self.out = nn.Linear(inner, llm_width)

    def forward(
        self, x: Float[Tensor, "series tokens width"], prototypes: Float[Tensor, "count llm"]
    ) -> Float[Tensor, "series tokens llm"]:
        q, k, v = self._split(self.query(x.flatten(0, 1))), self._split(self.key(prototypes)), self.value(prototypes)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, self._split(v), dropout_p=dropout)
        return self.out(mixed[0].transpose(0, 1).flatten(1)).unflatten(0, x.shape[:2])

    def weights(
        self, x: Float[Tensor, "series tokens width"], prototypes: Float[Tensor, "count llm"]
    ) -> Float[Tensor, "series heads tokens count"]:
        """Return the attention of each token to each prototype; sums to 1 over the prototypes."""
        q, k = self._split(self.query(x.flatten(0, 1))), self._split(self.key(prototypes))
        scores = (q @ k.transpose(2, 3))[0] / math.sqrt(q.shape[-1])
        return scores.softmax(-1).unflatten(1, x.shape[:2]).transpose(0, 1)

    def _split(self, x: Float[Tensor, "many inner"]) -> Float[Tensor, "one heads many head"]:
        return x.unflatten(1, (self.heads, -1)).transpose(0, 1)[None]
