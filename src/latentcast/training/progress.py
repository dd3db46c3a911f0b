"""Progress of a training stage: the counters in a checkpoint."""

import math
from dataclasses import dataclass

from latentcast.models.config.training import TrainingSettings


@dataclass
class Progress:
    """Counters of one stage.

    Attributes
    ----------
    epoch
        Epochs that are complete.
    batch
        Batches made in the epoch under way; the loader goes on there.
    step
        Optimiser steps of all epochs.
    validations, since_best
        Validations so far, and those since the best one.
    best
        Lowest validation loss; None before the first validation.
    seconds
        Time in training, over all runs of the stage.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    validations: int = 0
    since_best: int = 0
    best: float | None = None
    seconds: float = 0.0

    def advance(self, epoch_batches: int) -> None:
        """Count one more batch."""
        self.batch += 1
        if self.batch == epoch_batches:
            self.epoch, self.batch = self.epoch + 1, 0

    def judge(self, loss: float) -> bool:
        """Count a validation; whether its loss is the best so far. A loss that is not a number counts as infinite."""
        loss = math.inf if math.isnan(loss) else loss
        self.validations += 1
        if self.best is None or loss < self.best:
            self.best, self.since_best = loss, 0
            return True
        self.since_best += 1
        return False


@dataclass(frozen=True)
class Schedule:
    """When a stage validates and ends, in optimiser steps.

    Attributes
    ----------
    epoch_batches, epoch_steps
        Batches and optimiser steps of an epoch in each process.
    steps
        Optimiser steps after which training ends at the latest.
    """

    settings: TrainingSettings
    epoch_batches: int

    @property
    def epoch_steps(self) -> int:
        return math.ceil(self.epoch_batches / self.settings.accumulate)

    @property
    def steps(self) -> int:
        most = self.epoch_steps * self.settings.max_epochs
        return most if self.settings.max_steps is None else min(most, self.settings.max_steps)

    def steps_now(self, progress: Progress) -> bool:
        """Whether an optimiser step follows the batch that was made last: after every `accumulate`, and the epoch."""
        return progress.batch % self.settings.accumulate == 0

    def validates_now(self, progress: Progress) -> bool:
        """Whether a validation follows the last step: `validations` times an epoch, evenly spread, and at the end."""
        if progress.step == self.settings.max_steps:
            return True
        step = self.epoch_steps if progress.batch == 0 else progress.batch // self.settings.accumulate
        times = min(self.settings.validations, self.epoch_steps)
        return step * times // self.epoch_steps > (step - 1) * times // self.epoch_steps

    def end(self, progress: Progress, *, validated: float | None) -> str | None:
        """Return the reason to end training after the last step, or None; `validated` is the loss of the current
        validation."""
        patience = self.settings.patience
        if progress.step == self.settings.max_steps:
            return "max_steps"
        if validated is not None and patience is not None:
            if not math.isfinite(validated):
                return "a loss that is not finite"
            if progress.since_best >= patience:
                return f"patience ({patience} validations without a better loss)"
        if progress.epoch >= self.settings.max_epochs:
            return "max_epochs"
        return "stop_at" if progress.step == self.settings.stop_at else None
