"""Attention over the channels of a window, at each place (Crossformer, Zhang & Yan 2023, section 3.2)."""

from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Shaped
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.findings import MOST, Finding, WindowLabels
from latentcast.core.protocols import Representation
from latentcast.core.types import Task, Tokens
from latentcast.layers.attention import Attention
from latentcast.layers.dropout import Dropout
from latentcast.layers.spectral_similarity import SpectralSimilarity
from latentcast.layers.transformer import feed_forward
from latentcast.models.mixers.place import MixerSettings


class InterVariateSettings(MixerSettings):
    """heads divide the width; ff is the feed-forward block's width, as a multiple of the tokens' width. at=llm: behind
    the reprogramming, at the language model's width.

    mask: spectrum lets channels attend to those with a similar amplitude spectrum in the window, by a learned metric
    (DUET, Qiu et al. 2025, section 3.4); none: to all
    """

    heads: Annotated[int, Field(ge=1)] = 8
    ff: Annotated[int, Field(ge=1)] = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mask: Literal["spectrum"] | None = None


class InterVariate(nn.Module):
    """Attention and a feed-forward block, each with a residual and a LayerNorm after it.

    With one channel it returns its input, has no weights, and reports this in `notes`. Raises SettingsError when the
    heads do not divide the width.
    """

    Settings = InterVariateSettings

    def __init__(self, settings: InterVariateSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        width = representation.width
        attention = Attention(width, settings.heads)  # first of all: heads that do not fit are an error at any size
        self.notes: tuple[str, ...] = ()
        self.mixes_channels = representation.folds_channels and task.channels > 1
        if not self.mixes_channels:
            why = "there is one channel" if task.channels == 1 else "the representation mixes the channels already"
            self.notes = (f"model.mixers: inter-variate changes nothing here: {why}",)
            return
        self.attention = attention
        self.feed_forward = feed_forward(width, settings.ff * width, settings.dropout)
        self.norm_attention, self.norm_ff = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = Dropout(settings.dropout)
        self.similarity = SpectralSimilarity(task.lookback) if settings.mask == "spectrum" else None

    def facts(self, task: Task) -> dict[str, Any]:
        return {"channels attend to each other": f"{task.channels}" if self.mixes_channels else "no"}

    def forward(self, tokens: Tokens, channels: int) -> Tokens:
        if not self.mixes_channels:
            return tokens
        whole = tokens.sequence()
        x, keep = _by_place(whole.values, channels), _kept(whole.keep, channels)
        bias = self._bias(tokens, channels)
        x = self.norm_attention(x + self.drop(self.attention(x, x, keep, bias=bias)))
        x = self.norm_ff(x + self.drop(self.feed_forward(x)))
        places = whole.values.shape[1]
        return tokens.changed(x.unflatten(0, (-1, places)).transpose(1, 2).flatten(0, 1))

    def weights(self, tokens: Tokens, channels: int) -> Float[Tensor, "batch tokens heads channels channels"]:
        """Return the attention between channels at each place; the last dimension sums to 1."""
        whole = tokens.sequence()
        x = _by_place(whole.values, channels)
        scores = self.attention.weights(x, x, _kept(whole.keep, channels), self._bias(tokens, channels))
        return scores.unflatten(0, (-1, whole.values.shape[1]))

    def _bias(self, tokens: Tokens, channels: int) -> Float[Tensor, "places channels channels"] | None:
        """Logarithm of the similarity of channels, the same at every place; None without a mask."""
        if self.similarity is None:
            return None
        assert tokens.window is not None
        alike = self.similarity(tokens.window[..., 0].unflatten(0, (-1, channels)))
        return alike.repeat_interleave(tokens.sequence().values.shape[1], 0)

    def findings(self, shown: WindowLabels, tokens: Tokens, channels: int) -> tuple[Finding, ...]:
        """Report the mean over places and heads; of many channels, those with the most attention."""
        if not self.mixes_channels:
            return ()
        weights = self.weights(tokens, channels).mean((0, 1, 2)).cpu().double().numpy()
        taken = sorted(np.argsort(-weights.mean(0), kind="stable")[:MOST].tolist())
        rows = list(range(channels)) if channels <= MOST else list(shown.drawn)
        left = f" The {len(taken)} of {channels} with the most attention are drawn." if len(taken) < channels else ""
        return (
            Finding(
                "Which channels attend to which",
                "attention of each channel (row) over the channels (column)",
                "Mean over patches and heads; each row sums to 1 over all channels. A channel that attends to itself"
                f" alone has 1 on the diagonal; even attention is {1 / channels:.2g} everywhere.{left}",
                "heat",
                tuple(shown.channels[at] for at in rows),
                tuple(shown.channels[at] for at in taken),
                weights[rows][:, taken],
                across="takes from",
                down="channel",
                measure="attention",
            ),
        )


def _by_place(values: Shaped[Tensor, "series tokens width"], channels: int) -> Shaped[Tensor, "places channels width"]:
    """[batch · channel, tokens, width] → one row of channels for each place of each window."""
    return values.unflatten(0, (-1, channels)).transpose(1, 2).flatten(0, 1)


def _kept(keep: Bool[Tensor, "series tokens"] | None, channels: int) -> Bool[Tensor, "places channels"] | None:
    """Mask of channels to attend to; all of them where a place has none, as an empty row would be NaN."""
    if keep is None:
        return None
    rows = _by_place(keep[..., None], channels)[..., 0]
    return rows | ~rows.any(1, keepdim=True)
