"""Transformer blocks (Vaswani et al. 2017), with the normalisation before or after each sublayer."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from latentcast.layers.attention import Attention
from latentcast.layers.dropout import Dropout

Norm = Literal["pre", "post"]


class EncoderLayer(nn.Module):
    """Encoder layer with dropout after both sublayers; `attention_dropout`, on the weights, disables the fused kernel
    on a CPU."""

    def __init__(
        self, width: int, heads: int, ff: int, dropout: float, norm: Norm, attention_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm = norm
        self.attention = Attention(width, heads, attention_dropout)
        self.feed_forward = feed_forward(width, ff, dropout)
        self.norm_attention, self.norm_ff = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "series tokens width"], keep: Bool[Tensor, "series tokens"] | None = None
    ) -> Float[Tensor, "series tokens width"]:
        if self.norm == "pre":
            normed = self.norm_attention(x)
            x = x + self.drop(self.attention(normed, normed, keep))
            return x + self.drop(self.feed_forward(self.norm_ff(x)))
        x = self.norm_attention(x + self.drop(self.attention(x, x, keep)))
        return self.norm_ff(x + self.drop(self.feed_forward(x)))


class Encoder(nn.Module):
    """A stack of layers with a final LayerNorm."""

    def __init__(
        self,
        layers: int,
        width: int,
        heads: int,
        ff: int,
        dropout: float,
        norm: Norm,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads, ff, dropout, norm, attention_dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "series tokens width"], keep: Bool[Tensor, "series tokens"] | None = None
    ) -> Float[Tensor, "series tokens width"]:
        for layer in self.layers:
            x = layer(x, keep)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Self-attention, attention over the encoder's memory, feed-forward; normalised after each."""

    def __init__(
        self, width: int, heads: int, ff: int, dropout: float, attention_dropout: float = 0.0, *, causal: bool = True
    ) -> None:
        super().__init__()
        self.causal = causal
        self.itself = Attention(width, heads, attention_dropout)
        self.memory = Attention(width, heads, attention_dropout)
        self.feed_forward = feed_forward(width, ff, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.drop = Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "series queries width"],
        memory: Float[Tensor, "series tokens width"],
        keep: Bool[Tensor, "series tokens"] | None = None,
    ) -> Float[Tensor, "series queries width"]:
        x = self.norms[0](x + self.drop(self.itself(x, x, causal=self.causal)))
        x = self.norms[1](x + self.drop(self.memory(x, memory, keep)))
        return self.norms[2](x + self.drop(self.feed_forward(x)))


def feed_forward(width: int, ff: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, ff), nn.GELU(), Dropout(dropout), nn.Linear(ff, width))


def sinusoids(length: int, width: int) -> Float[Tensor, "length width"]:
    """Fixed position embedding (Vaswani et al. 2017, section 3.5)."""
    position = torch.arange(length).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2) * (-torch.log(torch.tensor(10_000.0)) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)[:, : width // 2]
    return table
