"""A causal Transformer that can continue token by token (Radford et al. 2018)."""

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.protocols import Representation
from latentcast.core.settings import Settings
from latentcast.core.types import Task, Tokens
from latentcast.layers.attention import check_heads
from latentcast.layers.dropout import Dropout
from latentcast.layers.kv_cache import Heads, Keep, Memory
from latentcast.layers.rotary_embedding import rotate
from latentcast.layers.transformer import feed_forward

Values = Float[Tensor, "series tokens width"]
Cache = tuple[Memory, ...]


class CausalSettings(Settings):
    """rotary   attention uses relative positions (rotary, Su et al. 2021)
    reach    tokens that a token attends to, including itself (sliding window, Beltagy et al. 2020): each further token
    of a roll-out then costs the same; None: all before it
    """

    layers: Annotated[int, Field(ge=1)] = 3
    heads: Annotated[int, Field(ge=1)] = 8
    ff: Annotated[int, Field(ge=1)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    rotary: bool = True
    reach: Annotated[int, Field(ge=1)] | None = 512


class Causal(nn.Module):
    """Each token attends to itself and to those before it. Raises SettingsError when heads do not divide the width."""

    Settings = CausalSettings

    def __init__(self, settings: CausalSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        s, width = settings, representation.width
        self.width, self.reach = width, s.reach
        self.layers = nn.ModuleList(Layer(width, s.heads, s.ff, s.dropout, s.rotary, s.reach) for _ in range(s.layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tokens) -> Tokens:
        whole = tokens.sequence()
        x = whole.values
        for layer in self.layers:
            x, _ = layer(x, Memory(self.reach), whole.keep)
        return tokens.answered(self.norm(x))

    def extend(self, values: Values, cache: Cache | None = None, keep: Keep | None = None) -> tuple[Values, Cache]:
        """Run further tokens after those in `cache`; return their outputs and the extended cache.

        `keep` is the mask of the first tokens. The outputs equal those of `forward` over the whole sequence.
        """
        grown = []
        layer: Any
        for layer, memory in zip(self.layers, cache or [Memory(self.reach)] * len(self.layers), strict=True):
            values, memory = layer(values, memory, keep)
            grown.append(memory)
        return self.norm(values), tuple(grown)

    def branched(self, cache: Cache, paths: int) -> Cache:
        """Continue each series of the cache as `paths` consecutive series."""
        return tuple(memory.branched(paths) for memory in cache)


class Layer(nn.Module):
    """Attention and feed-forward, each normalised before."""

    def __init__(self, width: int, heads: int, ff: int, dropout: float, rotary: bool, reach: int | None) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads, self.rotary, self.reach = heads, rotary, reach
        self.norm_attention, self.norm_ff = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed_forward = feed_forward(width, ff, dropout)
        self.drop = Dropout(dropout)

    def forward(self, x: Values, memory: Memory, keep: Keep | None) -> tuple[Values, Memory]:
        """Run tokens after those in memory and return the extended memory; `keep` is the mask of the first tokens."""
        query, key, value = self._split(x, memory.length)
        grown = memory.grown(key, value, keep)
        mixed = grown.attend(query) if memory.length else self._at_once(query, key, value, keep)
        return self._finish(x, mixed), grown

    def _at_once(self, query: Heads, key: Heads, value: Heads, keep: Bool[Tensor, "series tokens"] | None) -> Heads:
        tokens = query.shape[2]
        if keep is None and (self.reach is None or tokens <= self.reach):  # the fused kernel
            return F.scaled_dot_product_attention(query, key, value, is_causal=True)
        seen = torch.ones(tokens, tokens, dtype=torch.bool, device=query.device).tril()
        if self.reach is not None:
            seen = seen.triu(1 - self.reach)
        if keep is not None:  # a token always sees itself: an empty row would be NaN
            seen = seen & keep[:, None, None] | torch.eye(tokens, dtype=torch.bool, device=query.device)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen)

    def _split(self, x: Values, at: int) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.query_key_value(self.norm_attention(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return (rotate(query, at), rotate(key, at), value) if self.rotary else (query, key, value)

    def _finish(self, x: Values, mixed: Float[Tensor, "series heads tokens size"]) -> Values:
        x = x + self.drop(self.out(mixed.transpose(1, 2).flatten(2)))
        return x + self.drop(self.feed_forward(self.norm_ff(x)))
