"""Prompt tokens computed from a window: from its values and from the statistics of its segments."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.layers.attention import Attention

HIDDEN = (256, 128)
GatedBy = Literal["token", "feature"]
FUSING_HEADS = 4
Window = Float[Tensor, "series time variates"]


@dataclass(frozen=True)
class Made:
    """Which tokens a window makes: `dynamic` from its values, one from the `local` statistics of its `segments`.

    fuse   dynamic tokens attend to a text and replace it
    norm   LayerNorm between the maps that make them
    gate   one gate for each token, or one for each of its features
    """

    dynamic: int
    local: bool = False
    fuse: bool = False
    segments: int = 3
    norm: bool = False
    gate: GatedBy = "token"


class DynamicPrompt(nn.Module):
    """`count` tokens of `width` features: some from a look-back's values, one from its local statistics.

    They are normalised to `size`, the standard deviation of the word embeddings around them.

    Raises SettingsError when the look-back is too short for local statistics.
    """

    def __init__(self, time: int, variates: int, width: int, made: Made, *, size: float) -> None:
        super().__init__()
        if made.local and time < made.segments:
            why = f"={made.segments}: local statistics want as many steps, and the look-back has {time}"
            raise SettingsError(Fault("segments", why))
        self.count, self.fuses = made.dynamic + made.local, made.fuse
        self.tokens = DynamicTokens(time * variates, width, made, size) if made.dynamic else None
        self.local = LocalStatistics(variates, width, made.segments, size) if made.local else None
        self.fusing = FusedWithText(width, size) if made.fuse else None

    def forward(
        self,
        window: Window,
        words: Float[Tensor, "series words width"] | None = None,
        keep: Bool[Tensor, "series words"] | None = None,
    ) -> Float[Tensor, "series count width"]:
        """`words` are the embeddings of the text, with `keep` False at padding; required for fusion."""
        made = []
        if self.tokens is not None:
            tokens = self.tokens(window)
            if self.fusing is not None:
                assert words is not None
                assert keep is not None
                tokens = self.fusing(tokens, words, keep)
            made.append(tokens)
        if self.local is not None:
            made.append(self.local(window))
        return torch.cat(made, 1)


class DynamicTokens(nn.Module):
    """`count` tokens of `width` features from a look-back of `values` numbers.

    A gate mixes each from a token of the window and a learned shared token; the result is normalised to `size`, the
    standard deviation of the word embeddings around it.
    """

    def __init__(self, values: int, width: int, made: Made, size: float) -> None:
        super().__init__()
        first, second = HIDDEN
        self.count = count = made.dynamic
        norms = [[nn.LayerNorm(inner)] if made.norm else [] for inner in HIDDEN]
        self.read = nn.Sequential(
            nn.Linear(values, first), *norms[0], nn.GELU(), nn.Linear(first, second), *norms[1], nn.GELU()
        )
        self.make = nn.Linear(second, count * width)
        self.gate = nn.Linear(second, count * (width if made.gate == "feature" else 1))
        self.base = nn.Parameter(torch.randn(count, width))
        self.norm = _sized_norm(width, size)

    def forward(self, window: Window) -> Float[Tensor, "series count width"]:
        told = self.read(window.flatten(1))
        share = self.gate(told).sigmoid().unflatten(1, (self.count, -1))
        return self.norm(share * self.make(told).unflatten(1, (self.count, -1)) + (1 - share) * self.base)

    def findings(self, shown: WindowLabels, window: Window) -> tuple[Finding, ...]:
        places, names = shown.of_series(len(window))
        each = self.gate(self.read(window.flatten(1))).sigmoid().unflatten(1, (self.count, -1)).mean(2)
        share = each[places].cpu().double().numpy()
        return (
            Finding(
                "What the language model read",
                "how far each prompt token is made of the window",
                f"The gate of each of {self.count} dynamic tokens: 1 is the window's own, 0 a learned token that is the"
                " same for all windows.",
                "heat",
                names,
                tuple(str(number + 1) for number in range(self.count)),
                share,
                across="prompt token",
                down="series",
                measure="share",
            ),
        )


class LocalStatistics(nn.Module):
    """One token from minimum, maximum, mean, standard deviation and rise of each segment of a look-back."""

    def __init__(self, variates: int, width: int, segments: int, size: float) -> None:
        super().__init__()
        self.segments, values = segments, 5 * segments * variates
        self.read = nn.Sequential(nn.Linear(values, HIDDEN[1]), nn.GELU(), nn.Linear(HIDDEN[1], width))
        self.norm = _sized_norm(width, size)

    def forward(self, window: Window) -> Float[Tensor, "series 1 width"]:
        return self.norm(self.read(local_statistics(window, self.segments).flatten(1)))[:, None]


def local_statistics(window: Window, segments: int) -> Float[Tensor, "series segments 5 variates"]:
    """Min, max, mean, standard deviation and last − first of each segment; the first segments are a step longer where
    time does not divide."""
    told = []
    for x in window.tensor_split(segments, dim=1):
        deviation = x.var(1, unbiased=False).clamp(min=1e-12).sqrt()
        told.append(torch.stack([x.amin(1), x.amax(1), x.mean(1), deviation, x[:, -1] - x[:, 0]], 1))
    return torch.stack(told, 1)


class FusedWithText(nn.Module):
    """Tokens attend to the words of a text and then replace it: the text itself is not read further."""

    def __init__(self, width: int, size: float) -> None:
        super().__init__()
        self.attention = Attention(width, FUSING_HEADS)
        self.norm = _sized_norm(width, size)

    def forward(
        self,
        tokens: Float[Tensor, "series count width"],
        words: Float[Tensor, "series words width"],
        keep: Bool[Tensor, "series words"],
    ) -> Float[Tensor, "series count width"]:
        return self.norm(tokens + self.attention(tokens, words, keep))


def _sized_norm(width: int, size: float) -> nn.LayerNorm:
    norm = nn.LayerNorm(width)
    nn.init.constant_(norm.weight, size)
    return norm
