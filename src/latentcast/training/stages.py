"""Training as a list of stages, each with its loss and its trained parts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.layers.masking import visible
from latentcast.models.config.stage_names import CODEC, NEXT_CODE, RECONSTRUCT
from latentcast.models.config.training import ReconstructionSettings, TrainingSettings
from latentcast.models.network import Network
from latentcast.training.codebook_usage import check_codes, use_of_codes


@dataclass(frozen=True)
class Stage:
    """`parts` are the prefixes of the parameters that learn ("" = all); all others are left as they are.

    unfrozen    parts that the model counts as finished once an earlier stage made them (`frozen`) learn too
    forecasts   its windows are a look-back and a horizon, not a look-back alone
    targets     the horizon has the channels that are to be forecast, not all of them
    measures    further metrics logged for each validation, means over its batches
    check       checks the result on validation windows and returns facts for the card; raises where further training
    is pointless
    """

    name: str
    loss: Callable[[Network, Batch], Tensor]
    parts: tuple[str, ...] = ("",)
    unfrozen: bool = True
    forecasts: bool = True
    targets: bool = False
    measures: Callable[[Network, Batch], dict[str, Tensor]] | None = None
    check: Callable[[Network, Windows | Mix], dict[str, Any]] | None = None

    def parameters(self, network: Network) -> list[nn.Parameter]:
        """Raises SettingsError when nothing would be trained."""
        frozen = () if self.unfrozen else network.frozen
        named = [(name.removeprefix("model."), p) for name, p in network.named_parameters() if p.requires_grad]
        chosen = [p for name, p in named if name.startswith(self.parts) and not name.startswith(frozen)]
        if not chosen:
            raise SettingsError(
                f"stage {self.name!r} has no trainable parameter among {', '.join(self.parts) or 'all'}"
            )
        return chosen


def _forecast(network: Network, batch: Batch) -> Tensor:
    return network.loss(network(batch), batch)


def forecasting(settings: TrainingSettings) -> Stage:
    parts = ("head.",) if settings.train == "head" else ("",)
    return Stage("forecast", _forecast, parts, unfrozen=settings.train == "all", targets=True)


def _alone(network: Network, batch: Batch) -> Tensor:
    given = replace(batch, target=batch.past, target_observed=batch.observed, future_known=None)
    return network.loss(network.reconstruct(given, alone=True), given)


# representation and head only, nothing hidden: measures the compression alone
AUTOENCODE = Stage("autoencode", _alone, ("representation", "head"), forecasts=False)


def reconstruction(settings: ReconstructionSettings) -> Stage:
    """Build the stage that hides a share of every look-back and fills it from the rest.

    Validation hides the same places every time, so that its losses can be compared.
    """

    def loss(network: Network, batch: Batch) -> Tensor:
        generator = None if network.training else torch.Generator(batch.past.device).manual_seed(0)
        shown = visible(batch.past, settings.mask, settings.block, generator)
        return network.reconstruction_loss(batch, shown, ~shown if settings.mask else shown)

    return Stage(RECONSTRUCT, loss, forecasts=False)


def _codec_loss(network: Network, batch: Batch) -> Tensor:
    loss: Tensor = network.model.codec_loss(batch)
    return loss


def _next_code_loss(network: Network, batch: Batch) -> Tensor:
    loss: Tensor = network.model.next_code_loss(batch)
    return loss


def codec(settings: TrainingSettings) -> Stage:
    return Stage(
        CODEC, _codec_loss, ("representation.codec.",), forecasts=False, measures=use_of_codes, check=check_codes
    )


def next_code(settings: TrainingSettings) -> Stage:
    return Stage(NEXT_CODE, _next_code_loss, unfrozen=False)


@dataclass(frozen=True)
class PretrainingStage:
    """Builds a stage that comes before forecasting; `ahead`: it reads a horizon, so that its length matters."""

    stage: Callable[[Any], Stage]
    ahead: bool = False


STAGES: dict[str, PretrainingStage] = {
    RECONSTRUCT: PretrainingStage(reconstruction),
    CODEC: PretrainingStage(codec),
    NEXT_CODE: PretrainingStage(next_code, ahead=True),
}
