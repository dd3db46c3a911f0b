"""Discrete codes of one channel as tokens, made by a codec (VQ-VAE, van den Oord et al. 2017)."""

from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.interpolation import interpolated
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.codebook import Vectors
from latentcast.layers.compression import pad_left
from latentcast.layers.dropout import Dropout
from latentcast.layers.transformer import sinusoids
from latentcast.layers.vq_codec import Codec, CodecSettings

Ahead = Float[Tensor, "series told width"]
LONGEST = 4096  # places that learned positions have room for


class CodesSettings(Settings):
    """position   learned or sinusoidal, added to the tokens; none: for a backbone with positions of its own
    calendar   each token is also told when the code after it begins and ends: calendar features and covariates that are
               known in advance
    """

    codec: CodecSettings = CodecSettings()
    width: Annotated[int, Field(ge=1)] = 128
    position: Literal["none", "learned", "sinusoidal"] = "sinusoidal"
    calendar: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Codes(nn.Module):
    """Each channel becomes a series of its own, each `codec.strides` steps of it a code, each code a token.

    Queries, one for each code of the horizon, follow the tokens: a backbone answers all of them in one pass. `skips`
    holds the codes' vectors, from which a code head goes on decoding, and with `calendar` what each token is told of
    the time of the code after it, to the end of the horizon.

    Missing values are interpolated; a code without an observed value is masked. Raises SettingsError when a code
    covers more steps than the look-back has.
    """

    Settings = CodesSettings
    folds_channels = True
    frozen = ("codec.",)
    position: Tensor | None

    def __init__(self, settings: CodesSettings, task: Task) -> None:
        super().__init__()
        self.codec = Codec(settings.codec)
        if self.codec.factor > task.lookback:
            raise SettingsError(
                Fault(
                    "codec.strides",
                    f"={list(settings.codec.strides)}: one code covers {self.codec.factor} steps, the"
                    f" look-back has {task.lookback}; merge fewer steps, or look back further",
                )
            )
        self.width = settings.width
        self.query_tokens = self.num_tokens(task.horizon)
        self.to_width = nn.Linear(settings.codec.code_dim, self.width)
        self.uses_known = settings.calendar and task.known > 0
        self.known_to_width = (
            nn.Linear(self.codec.factor * task.known, self.width, bias=False) if self.uses_known else None
        )
        self.query = nn.Parameter(torch.randn(self.width) * 0.02)
        self.dropout = Dropout(settings.dropout)
        if settings.position == "learned":
            self.position = nn.Parameter(torch.randn(LONGEST, self.width) * 0.02)
        else:
            fixed = sinusoids(LONGEST, self.width) if settings.position == "sinusoidal" else None
            self.register_buffer("position", fixed, persistent=False)

    def facts(self, task: Task) -> dict[str, Any]:
        codebook = self.codec.codebook
        return {
            "one code covers": Steps(self.codec.factor),
            "codes of the look-back": self.num_tokens(task.lookback),
            "codes of the horizon": self.query_tokens,
            "codebook": f"{codebook.levels} × {codebook.size}" if codebook.levels > 1 else codebook.size,
        }

    def num_tokens(self, time: int) -> int:
        return self.codec.num_codes(time)

    def forward(self, batch: Batch) -> Tokens:
        vectors, _ = self.codec.encode(self.series(batch))
        return self.tokens(vectors, self.keep(batch), self.ahead(batch, vectors.shape[1] + self.query_tokens))

    def tokens(self, vectors: Vectors, keep: Bool[Tensor, "series tokens"] | None, ahead: Ahead | None) -> Tokens:
        past = vectors.shape[1]
        query = self.query.expand(vectors.shape[0], self.query_tokens, -1)
        if ahead is None:
            return Tokens(self.embed(vectors), keep, self.placed(query, past), skips=(vectors,))
        query = query + ahead[:, past - 1 : past - 1 + self.query_tokens]  # what the token before each is told
        values = self.embed(vectors, ahead=ahead[:, :past])
        return Tokens(values, keep, self.placed(query, past), skips=(vectors, ahead))

    def ahead(self, batch: Batch, count: int) -> Ahead | None:
        """What each of `count` tokens is told of the time of the code after it; zeros where that is not known."""
        if self.known_to_width is None:
            return None
        if batch.past_known is None:
            raise SettingsError(
                Fault("calendar", "=true: these windows come without features that are known in advance; set false")
            )
        known = pad_left(batch.past_known, self.codec.factor)
        if batch.future_known is not None:
            missing = -batch.future_known.shape[1] % self.codec.factor
            known = torch.cat([known, nn.functional.pad(batch.future_known, (0, 0, 0, missing))], 1)
        each: Tensor = self.known_to_width(known.unflatten(1, (-1, self.codec.factor)).flatten(2))
        each = nn.functional.pad(each[:, 1:], (0, 0, 0, max(count + 1 - each.shape[1], 0)))[:, :count]
        return each.repeat_interleave(batch.past.shape[2], 0)

    def series(self, batch: Batch) -> Float[Tensor, "series time"]:
        past = batch.past if batch.observed is None else interpolated(batch.past, batch.observed)
        return past.transpose(1, 2).flatten(0, 1)

    def keep(self, batch: Batch) -> Bool[Tensor, "series tokens"] | None:
        """False at codes none of whose steps was observed."""
        if batch.observed is None:
            return None
        seen = batch.observed.transpose(1, 2).flatten(0, 1)
        missing = -seen.shape[1] % self.codec.factor
        seen = nn.functional.pad(seen, (missing, 0), value=False)
        return seen.unflatten(1, (-1, self.codec.factor)).any(2)

    def embed(self, vectors: Vectors, at: int = 0, ahead: Ahead | None = None) -> Float[Tensor, "series tokens width"]:
        """Embed code vectors, or mixtures of them, as tokens; the first is at position `at`."""
        values = self.to_width(vectors)
        return self.dropout(self.placed(values if ahead is None else values + ahead, at))

    def placed(self, x: Float[Tensor, "series tokens width"], at: int) -> Float[Tensor, "series tokens width"]:
        if self.position is None:
            return x
        if at + x.shape[1] > LONGEST:
            raise SettingsError(f"{at + x.shape[1]} codes in a row: positions reach to {LONGEST}; shorten the horizon")
        return x + self.position[at : at + x.shape[1]]
