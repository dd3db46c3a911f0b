"""Temporal compression: a stack of stages that merge time steps, keeping the features of every scale.

The look-back becomes a shorter sequence of latents. So does the decoder's input, the last `label_len` known steps
followed by the unknown horizon; it lies step for step where the forecast will lie, so that its features at every scale
can be added where the decompression passes that scale again: features of the past itself would lie at other steps.

Each value has a mask channel: gaps, the horizon and padding are unknown. Forecasting is then imputation with the
missing values at the end, and one encoder-decoder serves both.
"""

from math import prod
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.settings import ReadWith, Settings
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.compression import Compression, merging, pad_left
from latentcast.layers.dropout import Dropout
from latentcast.layers.transformer import sinusoids

Sizes = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, int) else value),  # one stage
]


class CompressionSettings(Settings):
    """ratios: steps merged at each stage; channels: width of each stage; latent_dim: width at the bottleneck.

    heads: queries of each merging by attention (kind=attention), each with its share of the features.

    label_len: known steps before the horizon in the decoder's input (half the look-back when not stated); mix: True
    merges all channels into one sequence, False makes each channel a series of its own; calendar: what is known in
    advance of a token's steps (its hours, days, covariates) is added to it. Without it a token of the horizon knows
    the time of day only from its position, which is learned late.
    """

    not_in_weights = frozenset({"label_len", "dropout"})
    ratios: Sizes = (2, 2, 2)
    channels: Sizes = (64, 128, 256)
    latent_dim: Annotated[int, Field(ge=1)] = 128
    width: Annotated[int, Field(ge=2)] = 512
    kind: Compression = "conv"
    heads: Annotated[int, Field(ge=1)] = 1
    mix: bool = True
    calendar: bool = True
    label_len: Annotated[int, Field(ge=0)] | None = None
    read_with: ClassVar[ReadWith] = {"heads": ("kind", ("attention",))}
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _same_length(self) -> "CompressionSettings":
        if len(self.ratios) != len(self.channels) or not self.ratios:
            raise ValueError(
                f"ratios and channels describe the same stages: got {len(self.ratios)} ratios {list(self.ratios)} and"
                f" {len(self.channels)} channels {list(self.channels)}"
            )
        if self.heads > 1 and self.kind != "attention":
            raise ValueError(f"heads={self.heads}: kind={self.kind} has none; set kind=attention, or leave heads out")
        return self


class TemporalCompression(nn.Module):
    """Raises SettingsError when the ratios merge more steps than there are or label_len exceeds the look-back."""

    Settings = CompressionSettings

    def __init__(self, settings: CompressionSettings, task: Task) -> None:
        super().__init__()
        s = self.settings = settings
        self.width, self.folds_channels = s.width, not s.mix
        self.horizon, self.total, self.latent_dim = task.horizon, prod(s.ratios), s.latent_dim
        self.label = task.lookback // 2 if s.label_len is None else s.label_len
        self.series_channels = task.channels if s.mix else 1
        if self.total > task.lookback:
            raise SettingsError(
                f"the ratios {list(s.ratios)} merge {self.total} steps, the look-back has {task.lookback}"
            )
        if self.label > task.lookback:
            raise SettingsError(Fault("label_len", f"={self.label} is longer than the look-back {task.lookback}"))
        widths = (2 * self.series_channels, *s.channels)  # values, and whether they are known
        self.stages = nn.ModuleList(
            Stage(merging(s.kind, ratio, before, after, s.heads), after)
            for ratio, before, after in zip(s.ratios, widths, s.channels, strict=False)
        )
        self.to_latent = nn.Linear(s.channels[-1], s.latent_dim)
        self.to_width = nn.Linear(s.latent_dim, s.width)
        self.uses_known = s.calendar and task.known > 0
        self.known_to_width = nn.Linear(self.total * task.known, s.width, bias=False) if self.uses_known else None
        longest = max(self.num_tokens(task.lookback), self.query_tokens)
        self.register_buffer("position", sinusoids(longest, s.width), persistent=False)
        self.dropout = Dropout(s.dropout)

    def facts(self, task: Task) -> dict[str, Any]:
        s, tokens = self.settings, self.num_tokens(task.lookback)
        series = task.channels // self.series_channels
        return {
            "ratios": s.ratios,
            "total compression": self.total,
            "channel progression": "→".join(map(str, (self.series_channels, *s.channels, s.latent_dim))),
            "one latent covers": Steps(self.total),
            "latents of the look-back": tokens,
            "latents of the decoder's input": self.query_tokens,
            "its known part": Steps(self.label),
            "numbers in a look-back": task.lookback * task.channels,
            "numbers kept of it": tokens * s.latent_dim * series,
        }

    def num_tokens(self, time: int) -> int:
        return -(-time // self.total)

    @property
    def query_steps(self) -> int:
        """Steps of the decoder's input: the known label and the horizon."""
        return self.label + self.horizon

    @property
    def query_tokens(self) -> int:
        return self.num_tokens(self.query_steps)

    def forward(self, batch: Batch) -> Tokens:
        past, known = self._window(batch)
        # tokens of only unknown steps are equal: one is computed and repeated
        alike = max(self.horizon // self.total - 1, 0)
        unknown = past.new_zeros(past.shape[0], self.horizon - alike * self.total, past.shape[2])
        label = past.shape[1] - self.label
        query = torch.cat([past[:, label:], unknown], dim=1)
        query_known = torch.cat([known[:, label:], torch.zeros_like(unknown)], dim=1)
        values, _ = self.encode(past, known)
        queries, skips = self.encode(query, query_known)
        of_past, of_query = self._calendar(batch)
        if alike:
            tokens = queries.shape[1]
            skips = tuple(_repeat_last(x, x.shape[1] // tokens, alike) for x in skips)
        return Tokens(self.embed(values, of_past), query=self.embed(queries, of_query, alike), skips=skips)

    def whole(self, batch: Batch, *, alone: bool = False) -> Tokens:
        values, skips = self.encode(*self._window(batch))
        if alone:  # neither position nor calendar: they would reveal values that no latent holds
            bare = self.to_width(values)
            return Tokens(bare, query=bare)
        known = None if self.known_to_width is None or batch.past_known is None else self._in_advance(batch.past_known)
        return Tokens(self.embed(values, known), query=self.embed(values, known), skips=skips)

    def _calendar(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Embed the known features of the look-back's tokens and of the queries, [batch, tokens, width]."""
        if self.known_to_width is None:
            return None, None
        assert batch.past_known is not None
        assert batch.future_known is not None
        past = batch.past_known
        label = past[:, past.shape[1] - self.label :]
        return self._in_advance(past), self._in_advance(torch.cat([label, batch.future_known], dim=1))

    def _in_advance(self, known: Float[Tensor, "batch steps known"]) -> Float[Tensor, "batch tokens width"]:
        """Concatenate the features of all steps of a token."""
        assert self.known_to_width is not None
        steps = pad_left(known, self.total)
        tokens: Tensor = self.known_to_width(steps.reshape(steps.shape[0], -1, self.total * steps.shape[2]))
        return tokens

    def _window(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the look-back with zeros at unknown places, and its mask, each [series, time, channels]."""
        past = self._series(batch.past)
        if batch.observed is None:
            return past, torch.ones_like(past)
        known = self._series(batch.observed.to(past.dtype))
        return past * known, known

    def _series(self, x: Float[Tensor, "batch time channel"]) -> Float[Tensor, "series time channels"]:
        return x if self.settings.mix else x.transpose(1, 2).reshape(-1, x.shape[1], 1)

    def encode(
        self, x: Float[Tensor, "series time channels"], known: Float[Tensor, "series time channels"]
    ) -> tuple[Float[Tensor, "series tokens latent"], tuple[Any, ...]]:
        """Return the latents and the features at every scale before them, finest first."""
        x = pad_left(torch.cat([x, known], dim=2), self.total)
        scales = []
        for stage in self.stages:
            x = stage(x)
            scales.append(x)
        return self.to_latent(x), tuple(scales[:-1])

    def embed(
        self, latent: Float[Tensor, "series tokens latent"], known: Tensor | None = None, alike: int = 0
    ) -> Float[Tensor, "series more width"]:
        """Embed latents in the backbone's width with positions; the last is repeated `alike` more times."""
        assert isinstance(self.position, Tensor)
        x = self.to_width(latent)
        if alike:
            x = _repeat_last(x, 1, alike)
        x = x + self.position[: x.shape[1]]
        if known is not None:  # the same for every channel
            x = x + known.repeat_interleave(x.shape[0] // known.shape[0], dim=0)
        return self.dropout(x)


def _repeat_last(x: Float[Tensor, "series time width"], steps: int, times: int) -> Float[Tensor, "series longer width"]:
    """Repeat the last `steps` steps `times` more times."""
    return torch.cat([x, x[:, -steps:].repeat(1, times, 1)], dim=1)


class Stage(nn.Module):
    """Merge or unmerge, then normalise and apply the activation."""

    def __init__(self, resize: nn.Module, width: int) -> None:
        super().__init__()
        self.resize, self.norm = resize, nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "series time width"]) -> Float[Tensor, "series other out"]:
        return nn.functional.gelu(self.norm(self.resize(x)))
