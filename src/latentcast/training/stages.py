"""What is learned, by which loss, and which part learns: training is a list of stages."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from latentcast.errors import SettingsError
from latentcast.network import Network
from latentcast.types import Batch


@dataclass(frozen=True)
class Stage:
    """`parts` are the prefixes of the parameters that learn ("" = all); all others are left as they are."""

    name: str
    loss: Callable[[Network, Batch], Tensor]
    parts: tuple[str, ...] = ("",)

    def parameters(self, network: Network) -> list[nn.Parameter]:
        """Raises SettingsError when nothing would be trained."""
        chosen = [
            parameter
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and name.removeprefix("model.").startswith(self.parts)
        ]
        if not chosen:
            raise SettingsError(
                f"stage {self.name!r} has no trainable parameter among {', '.join(self.parts) or 'all'}"
            )
        return chosen


def _forecast(network: Network, batch: Batch) -> Tensor:
    return network.loss(network(batch), batch)


FORECAST = Stage("forecast", _forecast)
