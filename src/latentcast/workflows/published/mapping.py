"""Values of an import: the request, and the checkpoint's settings and weights under our names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from latentcast.core.errors import CheckpointError, Fault, SettingsError, shorten
from latentcast.core.nested import leaves, nested
from latentcast.models.network import Network


@dataclass(frozen=True)
class ImportRequest:
    """Facts about a checkpoint that its file does not hold.

    Attributes
    ----------
    lookback, horizon
        Steps that it reads and forecasts; None where the weights say it.
    llm
        Hub id or folder of the language model.
    settings
        Further settings, nested; they win over what the checkpoint implies.
    """

    lookback: int | None = None
    horizon: int | None = None
    llm: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def setting(self, path: str, default: Any = None) -> Any:
        """One setting by its dotted path."""
        return dict(leaves(nested(self.settings))).get(path, default)


def nothing_to_check(network: Network) -> None:
    """Of a source whose weights are all in the checkpoint."""


@dataclass(frozen=True)
class MappedWeights:
    """Settings and weights of a published checkpoint.

    Attributes
    ----------
    source
        The program that wrote it.
    settings
        Of the run, below those of the user.
    tensors
        Tensors under the names of the network.
    check
        Raises CheckpointError where the network's frozen parts are not those of the checkpoint.
    notes
        What a user should know about the forecasts.
    """

    source: str
    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    check: Callable[[Network], None] = nothing_to_check
    notes: tuple[str, ...] = ()

    def load_into(self, network: Network) -> None:
        """Fill the network. Raises CheckpointError where names or shapes differ, or frozen parts do."""
        self.check(network)
        own = network.state_dict()
        kept = {name for name in own if name.rpartition(".")[2] == "llm"}  # the fingerprint of a language model
        faults = [f"{name} is not in the checkpoint" for name in own.keys() - self.tensors.keys() - kept]
        faults += [f"{name} has no place in the model" for name in self.tensors.keys() - own.keys()]
        faults += [
            f"{name} is {_shape(self.tensors[name])}, and the settings ask for {_shape(own[name])}"
            for name in own.keys() & self.tensors.keys()
            if own[name].shape != self.tensors[name].shape
        ]
        if faults:
            raise CheckpointError(f"the weights do not fit these settings and data: {shorten(sorted(faults))}")
        network.load_state_dict({**own, **self.tensors})


def agreed(name: str, stated: int | None, found: int) -> int:
    """A size that stands in the weights. Raises SettingsError where another was stated."""
    if stated not in (None, found):
        raise SettingsError(Fault(name, f"={stated}: the weights belong to {name}={found}; leave it out"))
    return found


def _shape(tensor: Tensor) -> str:
    return "×".join(str(size) for size in tensor.shape)
