"""Values that pass between layers, and the names of their dimensions.

batch    windows in a batch               time     steps of the look-back
channel  variates of a window             horizon  steps that are forecast
series   what a backbone sees as one sequence: one channel of one window where channels are folded
         into the batch, one whole window where they are mixed
tokens   length of such a sequence        width    features of one token
known    features known in advance: calendar features first, declared covariates after them
quantile levels between 0 and 1, ascending          path     futures sampled from a model
words    tokens of a text that a language model reads
"""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentcast.core.task import Steps as Steps
from latentcast.core.task import Task as Task


@dataclass(frozen=True)
class Batch:
    """Windows of data, in the units of the scaler that was fitted on the training part.

    A mask of None means that every value was observed: the fast and usual case. Unobserved places hold the values of
    the gap policy; losses and metrics leave them out.

    prompt  token ids of each window's prompt for a language model; padded with -1
    static  features of the series that each window belongs to
    units   location and scale of original units; None where they are unknown or not linear
    item    number of the series in the fit, -1 for a new one; for models with parameters of each series
    phase   absolute number of the first step of each window, counted from 1970 in steps of the data; None where steps
            cannot be counted
    """

    past: Float[Tensor, "batch time channel"]
    observed: Bool[Tensor, "batch time channel"] | None = None
    target: Float[Tensor, "batch horizon target"] | None = None
    target_observed: Bool[Tensor, "batch horizon target"] | None = None
    past_known: Float[Tensor, "batch time known"] | None = None
    future_known: Float[Tensor, "batch horizon known"] | None = None
    prompt: Int[Tensor, "batch prompts words"] | None = None
    static: Float[Tensor, "batch static"] | None = None
    item: Int[Tensor, "batch"] | None = None
    units: "Scale | None" = None
    phase: Int[Tensor, "batch"] | None = None

    def __len__(self) -> int:
        return self.past.shape[0]

    def showing(self, visible: Bool[Tensor, "batch time channel"]) -> "Batch":
        """Return a copy in which only `visible` observed values are kept; known features and prompt are removed."""
        shown = visible if self.observed is None else self.observed & visible
        return replace(self, past=self.past * shown, observed=shown, future_known=None, prompt=None)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Batch":
        moved = {
            field.name: value.to(device, non_blocking=non_blocking)
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        return replace(self, **moved)


@dataclass(frozen=True)
class Scale:
    """Location and scale per window and channel, passed as a value."""

    loc: Float[Tensor, "batch 1 channel"]
    scale: Float[Tensor, "batch 1 channel"]

    def apply(self, x: Float[Tensor, "batch steps channel"]) -> Float[Tensor, "batch steps channel"]:
        return (x - self.loc) / self.scale

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Scale":
        return Scale(self.loc.to(device, non_blocking=non_blocking), self.scale.to(device, non_blocking=non_blocking))

    def repeat(self, count: int) -> "Scale":
        return Scale(self.loc.repeat(count, 1, 1), self.scale.repeat(count, 1, 1))

    def invert(self, y: Float[Tensor, "batch steps channel"]) -> Float[Tensor, "batch steps channel"]:
        return y * self.scale + self.loc


@dataclass(frozen=True)
class Tokens:
    """A sequence in the learned representation; backbones take one and return one.

    keep     False where a token is padding; None keeps them all
    query    tokens that represent the horizon, where the representation makes them; a decoder maps them to its output
    skips    features at finer scales, finest first, for a head that inverts the representation
    penalty  terms that the parts add to the loss: a codebook's commitment, the balance of experts
    prompt   prompt of each series, as in Batch
    window   the look-back behind the tokens, for a backbone that reads it too; of one variate where channels are
    folded
    """

    values: Float[Tensor, "series tokens width"]
    keep: Bool[Tensor, "series tokens"] | None = None
    query: Float[Tensor, "series queries width"] | None = None
    skips: tuple[Tensor, ...] = ()
    penalty: Float[Tensor, ""] | None = None
    prompt: Int[Tensor, "series words"] | None = None
    window: Float[Tensor, "series time variates"] | None = None

    def sequence(self) -> "Tokens":
        """Tokens and queries as one sequence, for a backbone without a decoder."""
        if self.query is None:
            return self
        keep = self.keep
        if keep is not None:
            keep = torch.cat([keep, keep.new_ones(self.query.shape[:2])], dim=1)
        return Tokens(torch.cat([self.values, self.query], dim=1), keep)

    def answer(self) -> "Tokens":
        """Return the queries unchanged, as if no backbone had processed them."""
        assert self.query is not None
        return Tokens(self.query, penalty=self.penalty)

    def answered(self, hidden: Float[Tensor, "series tokens hidden"]) -> "Tokens":
        """Return the output at the queries' places, or all of it without queries."""
        if self.query is None:
            return replace(self, values=hidden, window=None)
        return Tokens(hidden[:, -self.query.shape[1] :], skips=self.skips, penalty=self.penalty)

    def changed(self, values: Float[Tensor, "series tokens same"]) -> "Tokens":
        """Return a copy with new values for its `sequence()`: tokens and queries in the same places."""
        places = self.values.shape[1]
        query = None if self.query is None else values[:, places:]
        return replace(self, values=values[:, :places], query=query)

    def penalised(self, penalty: Float[Tensor, ""]) -> "Tokens":
        """Return a copy with one more term of the penalty."""
        return replace(self, penalty=penalty if self.penalty is None else self.penalty + penalty)


@dataclass(frozen=True)
class Prediction:
    """A point forecast of every channel, in the units of the batch; in training `penalty` is added to its loss.

    quantiles  at the model's levels (`PredictsQuantiles`), never crossing; None for point forecasts
    """

    values: Float[Tensor, "batch horizon channel"]
    penalty: Float[Tensor, ""] | None = None
    quantiles: Float[Tensor, "batch horizon channel quantile"] | None = None

    def plus(self, values: Float[Tensor, "batch horizon channel"]) -> "Prediction":
        moved = None if self.quantiles is None else self.quantiles + values[..., None]
        return replace(self, values=self.values + values, quantiles=moved)

    def only(self, channels: tuple[int, ...]) -> "Prediction":
        chosen = list(channels)
        cut = None if self.quantiles is None else self.quantiles[:, :, chosen]
        return replace(self, values=self.values[..., chosen], quantiles=cut)
