"""How a network is trained."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from latentcast.core.settings import ReadWith, Settings
from latentcast.models.config.stage_names import CODEC, NEXT_CODE, RECONSTRUCT

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class TrainingSettings(Settings):
    """Settings of the training loop.

    train                 all; backbone: all but what an earlier stage finished (a codec); head: the head alone
    max_epochs, max_steps, max_time   what ends training, whichever comes first: epochs, optimiser steps, seconds;
                          max_steps=none and max_time=none are no limits
    stop_at               optimiser steps after which training ends as at max_time: the rate is planned for max_steps.
                          Repeats a training that max_time ended
    calibration           windows of the validation part that intervals are made of: every; a number: one of so many;
                          origins: those at the rolling origins that `auto` judges by
    patience              validations without a better loss before training stops; None never stops early
    validations           validations per epoch, evenly spread
    warmup                share of all steps over which the rate rises from zero
    schedule              constant; cosine (to zero); one-cycle (Smith 2018); halving (each epoch half the rate
                          of the one before, as in the benchmark scripts of Informer and DLinear); or by the names of
                          those scripts: type1 (halving), type2 (lr in the first epoch, then a table of rates by
                          epoch), type3 (constant for three epochs, then 0.9 of the one before)
    keep                  best: the weights of the best validation; last: those at the end, validation chooses nothing
    ema                   decay of an exponential moving average of the weights, which is what is validated
                          and kept (Polyak and Juditsky 1992); None keeps the last weights themselves
    clip                  largest norm of the gradient; None leaves it
    accumulate            batches per optimiser step
    accelerator, devices, strategy   as in lightning.Trainer
    loggers               where metrics are logged, one or several: csv, tensorboard (both in DIR/logs), mlflow (at
                          MLFLOW_TRACKING_URI, else in DIR/logs), wandb (WANDB_MODE=offline: in DIR/logs)
    log_test              the loss of the test part is logged with each validation; nothing is chosen by it
    compile               torch.compile for the parts that learn: some steps are slower first, later ones quicker;
                          random draws of dropout are others
    """

    train: Literal["all", "backbone", "head"] = "backbone"
    optimizer: Literal["adam", "adamw"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_size: Annotated[int, Field(ge=1)] = 32
    max_epochs: Annotated[int, Field(ge=1)] = 10
    max_steps: Annotated[int, Field(ge=1)] | None = 1000
    max_time: Annotated[float, Field(gt=0)] | None = None
    stop_at: Annotated[int, Field(ge=1)] | None = None
    calibration: Literal["every", "origins"] | Annotated[int, Field(ge=1)] = "every"
    patience: Annotated[int, Field(ge=1)] | None = 3
    validations: Annotated[int, Field(ge=1)] = 1
    schedule: Literal["constant", "cosine", "one-cycle", "halving", "type1", "type2", "type3"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    keep: Literal["best", "last"] = "best"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    accumulate: Annotated[int, Field(ge=1)] = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"] = "auto"
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    strategy: str = "auto"
    loggers: tuple[Literal["csv", "tensorboard", "mlflow", "wandb"], ...] = ("csv",)
    log_test: bool = False
    compile: bool = False
    read_with: ClassVar[ReadWith] = {
        "warmup": ("schedule", ("constant", "cosine", "halving", "type1", "type2", "type3"))  # one-cycle has its own
    }

    @field_validator("loggers", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("max_steps", "max_time", "stop_at", "patience", mode="before")
    @classmethod
    def _no_limit(cls, value: object) -> object:
        return None if isinstance(value, str) and value.lower() == "none" else value

    @property
    def chooses(self) -> bool:
        """Whether anything is chosen by the validation part."""
        return self.keep == "best" or self.patience is not None


class ReconstructionSettings(TrainingSettings):
    """Of the stage that fills hidden values, before any forecast is learned.

    mask     share of the values of a look-back that is hidden; 0 hides none and learns to give back all
    block    steps that are hidden together; 1 hides single values
    """

    mask: Annotated[float, Field(ge=0, lt=1)] = 0.4
    block: Annotated[int, Field(ge=1)] = 1


# stages that may come before forecasting, and what each is set by
STAGE_SETTINGS: dict[str, type[TrainingSettings]] = {
    RECONSTRUCT: ReconstructionSettings,
    CODEC: TrainingSettings,
    NEXT_CODE: TrainingSettings,
}
