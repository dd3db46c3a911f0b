"""Inputs and outputs of an exported graph: their names, types and sizes follow from what was fitted."""

from dataclasses import dataclass
from typing import Any, Literal

from latentcast.core.task import Task
from latentcast.data.features.regression import Effects
from latentcast.data.settings import DataSettings, Kind

Dtype = Literal["double", "float", "bool", "int64"]
BATCH = "batch"  # the one dimension that is free
STANDARDISED, STANDARDISED_QUANTILES = "standardised", "standardised_quantiles"


@dataclass(frozen=True)
class Value:
    """One input or output: its name, its type in words of ONNX, and its dimensions after the batch."""

    name: str
    dtype: Dtype
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """What a graph takes and gives.

    Attributes
    ----------
    inputs, outputs
        In their order. `values`, `observed`, `location` and `scale` are always there, and `forecast` and
        `standardised`.
    season
        Set where gaps are masked: the graph fills them by this season in steps.
    transform
        Transform of values before they are standardised.
    nonnegative
        Whether forecasts end at zero.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    season: int | None
    transform: Kind
    nonnegative: bool


def signature_of(task: Task, data: DataSettings, season: int, effects: Effects | None, model: Any) -> Signature:
    """Of a model with these sizes; `model` declares what it reads (`state.WindowModel`)."""
    past, ahead = task.lookback, task.horizon
    inputs = [
        Value("values", "double", (past, task.channels)),
        Value("observed", "bool", (past, task.channels)),
        Value("location", "double", (task.channels,)),
        Value("scale", "double", (task.channels,)),
    ]
    if data.transform != "none":
        inputs.append(Value("power", "double", (task.channels,)))
    if effects is not None:
        width = len(effects.weights)
        inputs += [
            Value("past_covariates", "float", (past, width)),
            Value("future_covariates", "float", (ahead, width)),
        ]
    if model.uses_known:
        inputs += [
            Value("past_known", "float", (past, task.known)),
            Value("future_known", "float", (ahead, task.known)),
        ]
    if model.uses_static and task.static:
        inputs.append(Value("static", "float", (task.static,)))
    if model.uses_phase:
        inputs.append(Value("phase", "int64", ()))
    points = (ahead, len(task.targets))
    outputs = [Value("forecast", "double", points), Value(STANDARDISED, "float", points)]
    if levels := len(model.quantile_levels):
        outputs += [
            Value("quantiles", "double", (*points, levels)),
            Value(STANDARDISED_QUANTILES, "float", (*points, levels)),
        ]
    return Signature(
        tuple(inputs), tuple(outputs), season if data.gaps == "mask" else None, data.transform, data.nonnegative
    )
