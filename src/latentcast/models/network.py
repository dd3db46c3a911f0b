from dataclasses import replace
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.notes import Note, NoteCode
from latentcast.core.protocols import HasNotes, Prompted, Prompter
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Scale, Task
from latentcast.models import MODELS

LIGHT = 100_000  # weights


def placed(fault: Fault, settings: Settings, at: str, else_at: str = "") -> Fault:
    """A fault of a setting of a part, below the path of the part; any other with `else_at` before it."""
    own = fault.setting is not None and fault.setting.partition(".")[0] in type(settings).model_fields
    return fault.below(at) if own else Fault(None, f"{else_at}{fault}")


class Network(nn.Module):
    """The unit of training, evaluation and saving: a model and its selected channels."""

    def __init__(self, model: Any, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task
        can = self.capabilities = model.capabilities
        self.uses_phase = can.uses_phase
        self.uses_known, self.mixes_channels, self.uses_static = can.uses_known, can.mixes_channels, can.uses_static
        self.reconstructs, self.samples, self.quantile_levels = can.reconstructs, can.samples, can.quantile_levels
        self.nonnegative, self.whole = can.nonnegative, can.whole
        self.frozen, self.calibrates = can.frozen, can.cheap_to_calibrate
        # called where batches are made
        self.prompter: Prompter | None = model.prompter if isinstance(model, Prompted) else None
        notes = model.notes if isinstance(model, HasNotes) else ()
        self.notes: tuple[str, ...] = tuple(Note(note, NoteCode.MODEL) for note in notes)

    def forward(self, batch: Batch) -> Prediction:
        prediction: Prediction = self.model(batch)
        if len(self.task.targets) < self.task.channels:
            return prediction.only(self.task.targets)
        return prediction

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor:
        loss: Tensor = self.model.loss(prediction, batch)
        return loss

    def sample(
        self, batch: Batch, paths: int, seeds: Int[Tensor, "batch"], **how: Any
    ) -> Float[Tensor, "batch path horizon channel"]:
        """Sample `paths` futures of each window by its own seed; needs a model that `samples`."""
        drawn: Tensor = self.model.sample(batch, paths, seeds, **how)
        return drawn if len(self.task.targets) == self.task.channels else drawn[..., list(self.task.targets)]

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction:
        """Reconstruct the look-back of every channel with gaps filled; needs a model that `reconstructs`."""
        values: Prediction = self.model.reconstruct(self.prompted(batch), alone=alone)  # prompts hold visible values
        # only
        return values

    def reconstruction_loss(self, batch: Batch, visible: Tensor, judged: Tensor) -> Tensor:
        """Return the model's loss on observed `judged` values, given the `visible` ones.

        Both are [batch, time, channel].
        """
        if batch.observed is not None:
            judged = batch.observed & judged
        hidden = replace(batch.showing(visible), target=batch.past, target_observed=judged)
        loss: Tensor = self.model.loss(self.reconstruct(hidden), hidden)
        return loss

    @property
    def is_light(self) -> bool:
        """Whether a window needs little more memory than its values, as in models the size of a few linear maps."""
        return sum(parameter.numel() for parameter in self.parameters()) <= LIGHT

    def prompted(self, batch: Batch, units: Scale | None = None) -> Batch:
        """Add the prompt of the language model to a batch, where there is one and none is set."""
        if self.prompter is None or batch.prompt is not None:
            return batch
        return replace(batch, prompt=self.prompter(batch.past, batch.observed, units))


def build(kind: str, settings: Settings, task: Task) -> Network:
    """The network of a model class and its settings. Raises SettingsError when parts or sizes do not fit."""
    try:
        return Network(MODELS.get(kind)(settings, task), task)
    except SettingsError as error:
        raise SettingsError([placed(fault, settings, "model.") for fault in error.faults]) from error
