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

    `capabilities` of the class are those that hold whatever the settings.
    """

    capabilities: Capabilities

    def __call__(self, batch: Batch) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...


@runtime_checkable
class SolvedModel(Protocol):
    """A model that is solved from its windows, all of it or a part, before anything is trained by gradient.

    It is asked only where `solved` is among `Capabilities.training`. `solve` takes the windows of the training and the
    validation part (None where there are none), and returns what it chose, fit for JSON.
    """

    def solve(self, train: Any, held_out: Any) -> dict[str, Any]: ...


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
class InvertibleRepresentation(Protocol):
    """A representation that also makes tokens whose queries stand for the look-back itself.

    `alone` leaves out all that does not come from its own latents.
    """

    def whole(self, batch: Batch, *, alone: bool = False) -> Tokens: ...


@runtime_checkable
class ReconstructionHead(Protocol):
    """A head that gives back the look-back from what was made of such tokens."""

    def restore(self, tokens: Tokens, scale: Scale, steps: int) -> Prediction: ...


def num_answers(representation: Representation, task: Task) -> int:
    """Tokens that a backbone returns: one per query, or one per token where there are no queries."""
    return representation.query_tokens or representation.num_tokens(task.lookback)


@runtime_checkable
class TokenMixer(Protocol):
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
class Prompted(Protocol):
    """A model or a backbone that may be told of each window in words; `prompter` is None where it is told nothing."""

    prompter: Prompter | None


@runtime_checkable
class PromptedBackbone(Prompted, Protocol):
    """A backbone with a prompt: `static_text` stands before every window, in `static` tokens of its vocabulary;
    `leading` tokens that the window makes follow it.
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
    """A model or part that tells a person of its choices."""

    notes: tuple[str, ...]


@runtime_checkable
class HasLimits(Protocol):
    """A model that names what its look-back forbids; a hybrid reports these alone of a member."""

    limits: tuple[str, ...]


@runtime_checkable
class HostsMixers(Protocol):
    """A backbone that lets mixers work inside it, at `inner_width`: between its embedding and its own layers."""

    inner_width: int

    def __call__(self, tokens: Tokens, between: Callable[[Tokens], Tokens] | None = None) -> Tokens: ...


@runtime_checkable
class LeavesViews(Protocol):
    """A representation whose views of a patch stand side by side in its token, to be fused by the backbone, unless
    `unfused` is None.
    """

    unfused: Any


@runtime_checkable
class CompilesParts(Protocol):
    """A model of which some parts alone are compiled (`training.compile`), where not all of it can be."""

    compiled_parts: tuple[Any, ...]


@runtime_checkable
class TrainedBefore(Protocol):
    """A part with parameters that a stage before forecasting trains: their prefixes."""

    frozen: tuple[str, ...]


@runtime_checkable
class ContinuesTokens(Protocol):
    """A backbone that goes on token by token from what it has read."""

    def extend(self, *args: Any, **kwargs: Any) -> Any: ...


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
class StartsAtZero(Protocol):
    """A head whose forecast can begin at the location of its window, so that it learns what is left of another."""

    def start_at_zero(self) -> None: ...


@runtime_checkable
class PredictsQuantiles(Protocol):
    """A head, or a model, whose predictions hold quantiles: their levels, ascending, strictly between 0 and 1."""

    quantile_levels: tuple[float, ...]


@runtime_checkable
class SamplesPaths(Protocol):
    """A model that can draw futures. A window's seed alone decides its paths, in whatever batch it stands."""

    def sample(
        self, batch: Batch, paths: int, seeds: Int[Tensor, "batch"], **how: Any
    ) -> Float[Tensor, "batch path horizon channel"]: ...


@runtime_checkable
class PartialForecaster(Protocol):
    """A model that cannot forecast every look-back: it says which (window · channels + channel) and why, and forecasts
    the others, instead of raising an error."""

    def forecast_where_possible(self, batch: Batch) -> tuple[Prediction, dict[int, str]]: ...


@runtime_checkable
class Reconstructs(Protocol):
    """A model that can give back the look-back itself, what is missing in it filled, where its parts can.

    `alone` leaves out the backbone and all finer features: what the representation itself keeps.
    """

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction: ...

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor: ...
