"""What a model can do: declared by the model, read by everybody else."""

from dataclasses import dataclass
from typing import Literal

Training = Literal["gradient", "solved", "members"]


@dataclass(frozen=True)
class Capabilities:
    """What a model declares of itself; the defaults are those of a plain channel-by-channel point forecaster.

    A class holds what is true of every instance; an instance replaces what its settings change.

    Attributes
    ----------
    mixes_channels
        One channel's forecast may depend on another channel.
    uses_known
        Batches must carry the features known in advance.
    uses_phase
        Batches must carry the absolute number of their first step.
    uses_static
        Static covariates of a series change its forecast.
    reconstructs
        The model can fill what is missing in its look-back.
    samples
        The model can draw paths of the future.
    quantile_levels
        Levels of the quantiles that it predicts, ascending, strictly between 0 and 1; empty without quantiles.
    cheap_to_calibrate
        Forecasting every window of a validation part is affordable.
    reads_everything
        Given a whole series, the model is fitted to all of it.
    frozen
        Prefixes of parameters that a stage before forecasting trains and later stages leave as they are.
    training
        How it is trained, in this order: `solved` in closed form, by `gradient`, or each of its `members` by itself.
        Empty where nothing is trained.
    nonnegative, whole
        Forecasts and the ends of their intervals are cut at zero, or rounded to whole numbers, in original units.
    not_exported
        Why its forecast cannot be written as a graph for other runtimes; empty where it can.
    """

    mixes_channels: bool = False
    uses_known: bool = False
    uses_phase: bool = False
    uses_static: bool = False
    reconstructs: bool = False
    samples: bool = False
    quantile_levels: tuple[float, ...] = ()
    cheap_to_calibrate: bool = True
    reads_everything: bool = False
    frozen: tuple[str, ...] = ()
    training: tuple[Training, ...] = ("gradient",)
    nonnegative: bool = False
    whole: bool = False
    not_exported: str = ""
