"""Protocols of models and their parts: what each kind accepts, returns and declares."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentcast.core.capabilities import Capabilities
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens


@runtime_checkable
class Model(Protocol):
    """Every model, composed or whole, is an nn.Module of this shape; it forecasts all channels of the batch.

    `capabilities` of the class hold for all settings.
    """

    capabilities: Capabilities

    def __call__(self, batch: Batch) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...


@runtime_checkable
class SolvedModel(Protocol):
    """A model that is solved, in whole or in part, from its windows before gradient training.

    Called only where `Capabilities.training` lists `solved`. `solve` takes the windows of the training and the
    validation part (None without one) and returns its choices as JSON values.
    """

    def solve(self, train: Any, held_out: Any) -> dict[str, Any]: ...


@runtime_checkable
class AddsToSolvedMap(Protocol):
    """A model whose other parts forecast what its solved map leaves.

    `uses_parts` is 1 while they are added and 0 where the forecast is the map alone; `parts_from` names the setting or
    model that asked for them.
    """

    solved_maps: Any
    uses_parts: Tensor
    parts_from: str


@runtime_checkable
class Representation(Protocol):
    """Map series to tokens. With `folds_channels` each channel becomes a series of its own, and any number of channels
    is accepted.

    It receives the whole batch with a normalised past, including masks and features known in advance, which it reads
    where `uses_known` is true. `query_tokens` is its number of queries, 0 for none.
    """

    width: int
    query_tokens: int
    folds_channels: bool
    uses_known: bool

    def num_tokens(self, time: int) -> int: ...

    def __call__(self, batch: Batch) -> Tokens: ...


@runtime_checkable
class InvertibleRepresentation(Protocol):
    """A representation that also makes tokens whose queries represent the look-back itself.

    `alone` restricts the tokens to the latents.
    """

    def whole(self, batch: Batch, *, alone: bool = False) -> Tokens: ...


@runtime_checkable
class ReconstructionHead(Protocol):
    """A head that reconstructs the look-back from such tokens after the backbone."""

    def restore(self, tokens: Tokens, scale: Scale, steps: int) -> Prediction: ...


def num_answers(representation: Representation, task: Task) -> int:
    """Number of tokens that a backbone returns: one per query, or one per token without queries."""
    return representation.query_tokens or representation.num_tokens(task.lookback)


@runtime_checkable
class TokenMixer(Protocol):
    """Map tokens to as many tokens of the same width, before the backbone. `channels` consecutive series form one
    window; with `mixes_channels` they attend to each other.
    """

    mixes_channels: bool
    notes: tuple[str, ...]

    def __call__(self, tokens: Tokens, channels: int) -> Tokens: ...


@runtime_checkable
class Prompter(Protocol):
    """Describe windows to a language model, outside of every forward: statistics in words, as token ids.

    `units` are the location and scale of original units, None where unknown; `notes` holds further text for each
    window. Returns one prompt per series of tokens, padded with -1.
    """

    def __call__(
        self,
        past: Float[Tensor, "batch time channel"],
        observed: Bool[Tensor, "batch time channel"] | None,
        units: Scale | None,
        notes: list[str] | None = None,
    ) -> Int[Tensor, "batch prompts words"]: ...


@runtime_checkable
class Prompted(Protocol):
    """A model or a backbone that may read a prompt for each window; `prompter` is None without prompts."""

    prompter: Prompter | None


@runtime_checkable
class PromptedBackbone(Prompted, Protocol):
    """A backbone with a prompt: `static_text` precedes every window as `static` tokens, followed by `leading` tokens
    made from the window.
    """

    static_text: str
    static: Tensor
    leading: int
    language: Any


@runtime_checkable
class PrototypeBackbone(Protocol):
    """A backbone whose patches attend to text prototypes."""

    def over_prototypes(self, tokens: Tokens) -> Float[Tensor, "series head patch prototype"]: ...

    def nearest_words(self, count: int) -> tuple[tuple[str, ...], ...]: ...


@runtime_checkable
class HasNotes(Protocol):
    """A model or part that reports its choices as notes."""

    notes: tuple[str, ...]


@runtime_checkable
class HasLimits(Protocol):
    """A model that reports the limits of its look-back; of a member, a hybrid reports only these."""

    limits: tuple[str, ...]


@runtime_checkable
class HostsMixers(Protocol):
    """A backbone that lets mixers work inside it, at `inner_width`: between its embedding and its own layers."""

    inner_width: int

    def __call__(self, tokens: Tokens, between: Callable[[Tokens], Tokens] | None = None) -> Tokens: ...


@runtime_checkable
class LeavesViews(Protocol):
    """A representation that concatenates its views of a patch in one token for the backbone to fuse, unless `unfused`
    is None.
    """

    unfused: Any


@runtime_checkable
class CompilesParts(Protocol):
    """A model of which only some parts can be compiled (`training.compile`)."""

    compiled_parts: tuple[Any, ...]


@runtime_checkable
class TrainedBefore(Protocol):
    """A part with parameters that an earlier stage trains; gives their prefixes."""

    frozen: tuple[str, ...]


@runtime_checkable
class ContinuesTokens(Protocol):
    """A backbone that continues token by token."""

    def extend(self, *args: Any, **kwargs: Any) -> Any: ...


@runtime_checkable
class Backbone(Protocol):
    """Map tokens to `answers` tokens of `width` features."""

    width: int

    def __call__(self, tokens: Tokens) -> Tokens: ...


@runtime_checkable
class Head(Protocol):
    """Map tokens to a forecast; owns the loss.

    It is built from the representation and the backbone before it: it asks them for their sizes, and a head that
    inverts a representation (a decompression, a codec's decoder) finds it there.
    """

    def __call__(self, tokens: Tokens, scale: Scale) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...


@runtime_checkable
class StartsAtZero(Protocol):
    """A head whose forecast can start at the window's location, so that it learns the residual of another forecast."""

    def start_at_zero(self) -> None: ...


@runtime_checkable
class PredictsQuantiles(Protocol):
    """A head, or a model, whose predictions hold quantiles: their levels, ascending, strictly between 0 and 1."""

    quantile_levels: tuple[float, ...]


@runtime_checkable
class SamplesPaths(Protocol):
    """A model that can sample futures. Only a window's seed decides its paths, in any batch."""

    def sample(
        self, batch: Batch, paths: int, seeds: Int[Tensor, "batch"], **how: Any
    ) -> Float[Tensor, "batch path horizon channel"]: ...


@runtime_checkable
class PartialForecaster(Protocol):
    """A model that cannot forecast every look-back: it returns which ones (window · channels + channel) and why, and
    forecasts the others instead of raising an error."""

    def forecast_where_possible(self, batch: Batch) -> tuple[Prediction, dict[int, str]]: ...


@runtime_checkable
class Reconstructs(Protocol):
    """A model that can reconstruct the look-back, with its gaps filled, where its parts allow it.

    `alone` leaves out the backbone and all finer features: only the representation is judged.
    """

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...
