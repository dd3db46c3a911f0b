"""What is learned, by which loss, and which part learns: training is a list of stages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from latentcast.errors import SettingsError
from latentcast.layers.masking import visible
from latentcast.network import Network
from latentcast.training.settings import ReconstructionSettings, TrainingSettings
from latentcast.types import Batch


@dataclass(frozen=True)
class Stage:
    """`parts` are the prefixes of the parameters that learn ("" = all); all others are left as they are.

    `forecasts` says whether its windows are a look-back and a horizon, or a look-back alone.
    """

    name: str
    loss: Callable[[Network, Batch], Tensor]
    parts: tuple[str, ...] = ("",)
    forecasts: bool = True

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


RECONSTRUCT = "reconstruct"
FORECAST = Stage("forecast", _forecast)


def _alone(network: Network, batch: Batch) -> Tensor:
    given = replace(batch, target=batch.past, target_observed=batch.observed, future_known=None)
    return network.loss(network.reconstruct(given, alone=True), given)


# representation and head, nothing between and nothing hidden: what compression by itself can keep
AUTOENCODE = Stage("autoencode", _alone, ("representation", "head"), forecasts=False)


def reconstruction(settings: ReconstructionSettings) -> Stage:
    """A share of every look-back is hidden, and filled from the rest.

    Validation hides the same places every time, so that its losses can be compared.
    """

    def loss(network: Network, batch: Batch) -> Tensor:
        generator = None if network.training else torch.Generator(batch.past.device).manual_seed(0)
        shown = visible(batch.past, settings.mask, settings.block, generator)
        return network.reconstruction_loss(batch, shown, ~shown if settings.mask else shown)

    return Stage(RECONSTRUCT, loss, forecasts=False)


@dataclass(frozen=True)
class Pretext:
    """A stage before forecasting: the class of its settings, and what makes the stage of them."""

    settings: type[TrainingSettings]
    stage: Callable[[Any], Stage]


STAGES: dict[str, Pretext] = {RECONSTRUCT: Pretext(ReconstructionSettings, reconstruction)}
