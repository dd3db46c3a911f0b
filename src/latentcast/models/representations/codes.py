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
from latentcast.layers.dropout import Dropout
from latentcast.layers.transformer import sinusoids
from latentcast.layers.vq_codec import Codec, CodecSettings

LONGEST = 4096  # places that learned positions have room for


class CodesSettings(Settings):
    """position   learned or sinusoidal, added to the tokens; none: for a backbone with positions of its own"""

    codec: CodecSettings = CodecSettings()
    width: Annotated[int, Field(ge=1)] = 128
    position: Literal["none", "learned", "sinusoidal"] = "sinusoidal"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Codes(nn.Module):
    """Each channel becomes a series of its own, each `codec.strides` steps of it a code, each code a token.

    Queries, one for each code of the horizon, follow the tokens: a backbone answers all of them in one pass. `skips`
    holds the codes' vectors, from which a code head goes on decoding.

    Missing values are interpolated; a code without an observed value is masked. Raises SettingsError when a code
    covers more steps than the look-back has.
    """

    Settings = CodesSettings
    folds_channels = True
    uses_known = False
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
        return self.tokens(vectors, self.keep(batch))

    def tokens(self, vectors: Vectors, keep: Bool[Tensor, "series tokens"] | None) -> Tokens:
        query = self.query.expand(vectors.shape[0], self.query_tokens, -1)
        return Tokens(self.embed(vectors), keep, self.placed(query, vectors.shape[1]), skips=(vectors,))

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

    def embed(self, vectors: Vectors, at: int = 0) -> Float[Tensor, "series tokens width"]:
        """Embed code vectors, or mixtures of them, as tokens; the first is at position `at`."""
        return self.dropout(self.placed(self.to_width(vectors), at))

    def placed(self, x: Float[Tensor, "series tokens width"], at: int) -> Float[Tensor, "series tokens width"]:
        if self.position is None:
            return x
        if at + x.shape[1] > LONGEST:
            raise SettingsError(f"{at + x.shape[1]} codes in a row: positions reach to {LONGEST}; shorten the horizon")
        return x + self.position[at : at + x.shape[1]]
