"""The values that pass between floors, and the alphabet of their dimensions.

batch    windows in a batch               time     steps of the look-back
channel  variates of a window             horizon  steps that are forecast
series   what a backbone sees as one sequence: one channel of one window where channels are folded
         into the batch, one whole window where they are mixed
tokens   length of such a sequence        width    features of one token
known    features known in advance: calendar features first, declared covariates after them
quantile levels between 0 and 1, ascending          path     futures drawn from what a model holds possible
words    tokens of a text that a language model reads
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Steps(int):
    """A number of steps of the data, which a person also wants to read as time."""


@dataclass(frozen=True)
class Task:
    """What is asked of a network: the sizes that every part is built from.

    `targets` are the positions of the forecast channels among the channels of the input
    (all of them in modes M and S, one in mode MS). `known` is the number of features known in
    advance, `static` of those that a series has for good, `season` the length of the main season in steps,
    `description` what the data are, in words, `items` the number of those that were fitted to.
    """

    lookback: int
    horizon: int
    channels: int = 1
    targets: tuple[int, ...] = (0,)
    known: int = 0
    season: int = 1
    description: str | None = None
    static: int = 0
    items: int = 0


@dataclass(frozen=True)
class Batch:
    """Windows of data, in the units of the scaler that was fitted on the training part.

    A mask of None says that every value was observed: the fast and usual case. Where a value was not
    observed, the tensor holds what the gap policy put there, and the loss and the metrics leave it out.

    prompt  what a language model is told of each window, as numbers of its vocabulary; -1 where a text has ended
    static  features of the series that each window belongs to
    item    number of the item among those of the fit, -1 of one that it did not see; for models that know each apart
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

    def __len__(self) -> int:
        return self.past.shape[0]

    def showing(self, visible: Bool[Tensor, "batch time channel"]) -> "Batch":
        """The look-back with nothing of it known but what is `visible` and was observed; nothing is told of it."""
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
    """A location and a scale per window and channel: state that travels as a value."""

    loc: Float[Tensor, "batch 1 channel"]
    scale: Float[Tensor, "batch 1 channel"]

    def apply(self, x: Float[Tensor, "batch steps channel"]) -> Float[Tensor, "batch steps channel"]:
        return (x - self.loc) / self.scale

    def invert(self, y: Float[Tensor, "batch steps channel"]) -> Float[Tensor, "batch steps channel"]:
        return y * self.scale + self.loc


@dataclass(frozen=True)
class Tokens:
    """A sequence in the learned representation; backbones take one and return one.

    keep     False where a token is padding; None keeps them all
    query    tokens that stand for what is to be forecast, where the representation makes them; a decoder turns them
             into its output
    skips    features at finer scales, finest first, for a head that undoes the representation
    penalty  what the parts so far want small beside the error: a codebook's commitment, the balance of experts
    prompt   what a language model is told of each series, as in Batch
    window   the look-back that the tokens were made of, for a backbone that reads it too; of one variate where
             channels are folded
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
        """The queries as they are, as if they were answered by nothing."""
        assert self.query is not None
        return Tokens(self.query, penalty=self.penalty)

    def answered(self, hidden: Float[Tensor, "series tokens hidden"]) -> "Tokens":
        """What a backbone returns: the queries' places of its output, where there are queries; all of it elsewhere."""
        if self.query is None:
            return replace(self, values=hidden, window=None)
        return Tokens(hidden[:, -self.query.shape[1] :], skips=self.skips, penalty=self.penalty)

    def changed(self, values: Float[Tensor, "series tokens same"]) -> "Tokens":
        """With other values for its `sequence()`: tokens and queries in the same places."""
        places = self.values.shape[1]
        query = None if self.query is None else values[:, places:]
        return replace(self, values=values[:, :places], query=query)

    def penalised(self, penalty: Float[Tensor, ""]) -> "Tokens":
        """With one more thing to be kept small."""
        return replace(self, penalty=penalty if self.penalty is None else self.penalty + penalty)


@dataclass(frozen=True)
class Prediction:
    """A point forecast of every channel, in the units of the batch; in training `penalty` is added to its loss.

    quantiles  at the levels that the model knows (`Quantiles`), never crossing; None where it forecasts points alone
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


@runtime_checkable
class Model(Protocol):
    """Every model, composed or whole, is an nn.Module of this shape; it forecasts all channels of the batch.

    `mixes_channels` says whether one channel's forecast may depend on another channel, and
    `uses_known` whether the batch must carry the features known in advance. It may name prefixes of parameters that a
    stage before forecasting makes, and that later ones leave (`frozen`).
    """

    mixes_channels: bool
    uses_known: bool

    def __call__(self, batch: Batch) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...


@runtime_checkable
class Representation(Protocol):
    """Series to tokens. `folds_channels` says that each channel becomes a series of its own; it then takes any number
    of channels, whatever the task said.

    It is given the whole batch, its past normalised, so that masks and what is known in advance are at hand;
    `uses_known` says whether it reads the latter. `query_tokens` is the number of queries it makes, 0 for none.
    """

    width: int
    query_tokens: int
    folds_channels: bool
    uses_known: bool

    def num_tokens(self, time: int) -> int: ...

    def __call__(self, batch: Batch) -> Tokens: ...


@runtime_checkable
class Reversible(Protocol):
    """A representation that also makes tokens whose queries stand for the look-back itself.

    `alone` leaves out all that does not come from its own latents.
    """

    def whole(self, batch: Batch, *, alone: bool = False) -> Tokens: ...


@runtime_checkable
class Restores(Protocol):
    """A head that gives back the look-back from what was made of such tokens."""

    def restore(self, tokens: Tokens, scale: Scale, steps: int) -> Prediction: ...


def answers(representation: Representation, task: Task) -> int:
    """Tokens that a backbone returns: one per query, or one per token where there are no queries."""
    return representation.query_tokens or representation.num_tokens(task.lookback)


@runtime_checkable
class Between(Protocol):
    """Tokens to as many tokens of the same width, before the backbone; `channels` is the number of consecutive series
    that make one window. Where `mixes_channels`, these see each other.
    """

    mixes_channels: bool
    notes: tuple[str, ...]

    def __call__(self, tokens: Tokens, channels: int) -> Tokens: ...


@runtime_checkable
class Prompter(Protocol):
    """Tells a language model of windows, outside of every forward: statistics in words, as numbers of its vocabulary.

    `units` are the location and scale that lead back to original units, None where they are not known; `notes` what is
    to be said of each window beside. Returns one prompt per series of tokens, -1 where a text has ended.
    """

    def __call__(
        self,
        past: Float[Tensor, "batch time channel"],
        observed: Bool[Tensor, "batch time channel"] | None,
        units: Scale | None,
        notes: list[str] | None = None,
    ) -> Int[Tensor, "batch prompts words"]: ...


@runtime_checkable
class Backbone(Protocol):
    """Tokens to `answers` many tokens of `width` features."""

    width: int

    def __call__(self, tokens: Tokens) -> Tokens: ...


@runtime_checkable
class Head(Protocol):
    """Tokens to a forecast, and the loss that goes with it.

    It is built from the representation and the backbone before it: their sizes are asked for there, and a head that
    undoes a representation (a decompression, a codec's decoder) finds it there.
    """

    def __call__(self, tokens: Tokens, scale: Scale) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...


@runtime_checkable
class Quantiles(Protocol):
    """A head, or a model, whose predictions hold quantiles: their levels, ascending, strictly between 0 and 1."""

    quantile_levels: tuple[float, ...]


@runtime_checkable
class Samples(Protocol):
    """A model that can draw futures. A window's seed alone decides its paths, in whatever batch it stands."""

    def sample(
        self, batch: Batch, paths: int, seeds: Int[Tensor, "batch"], **how: Any
    ) -> Float[Tensor, "batch path horizon channel"]: ...


@runtime_checkable
class Tries(Protocol):
    """A model that cannot forecast every look-back: it says which (window · channels + channel) and why, and forecasts
    the others, instead of raising an error."""

    def tried(self, batch: Batch) -> tuple[Prediction, dict[int, str]]: ...


@runtime_checkable
class Reconstructs(Protocol):
    """A model that can give back the look-back itself, what is missing in it filled, where its parts can.

    `alone` leaves out the backbone and all finer features: what the representation itself keeps.
    """

    reconstructs: bool

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...


def count_parameters(network: nn.Module) -> tuple[int, int]:
    """(all, trainable) parameters; a part that holds frozen weights outside of what is saved counts them itself."""
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    held = sum(getattr(module, "frozen_parameters", 0) for module in network.modules())
    return held + sum(n for n, _ in sizes), sum(n for n, trained in sizes if trained)
