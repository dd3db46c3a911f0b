"""Learn and show the weights of a hybrid: by series and step, with the forecasts of its members."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.notes import Note, NoteCode
from latentcast.core.types import Batch
from latentcast.data.types import Frame, IntoFrame
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import batch_size_for_memory
from latentcast.forecaster.card import FusionReport, MemberWeight
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare_forecast
from latentcast.forecaster.judge import cut_windows
from latentcast.forecaster.load import as_forecaster
from latentcast.forecaster.output import forecast_frame, give_back
from latentcast.models.hybrid.model import Hybrid
from latentcast.models.hybrid.stacking import HeldOutForecasts, learn

log = logging.getLogger("latentcast")
MOST = 2**20  # held-out values that are weighed where no stride is stated


def hybrid_of(forecaster: Forecaster) -> Hybrid:
    """Raises SettingsError for any other model."""
    model = forecaster.network.model
    if not isinstance(model, Hybrid):
        raise SettingsError(f"{forecaster.name} has no members: only a hybrid is fused of several (model hybrid)")
    return model


def stride_of(model: Hybrid, windows: int) -> int:
    """Return the stride of held-out windows."""
    if model.settings.stride is not None:
        return model.settings.stride
    task = model.task
    affordable = -(-windows * task.horizon * len(task.targets) * len(model.labels) // MOST)
    return max(1 if model.capabilities.cheap_to_calibrate else task.season, affordable)


def fuse(forecaster: Forecaster, view: PreparedPanel) -> tuple[FusionReport, list[str]]:
    """Learn the weights on the validation part; their report, and notes.

    Raises DataError when the part holds no window, and weights are to be learned.
    """
    model, task = hybrid_of(forecaster), forecaster.task
    stride = stride_of(model, len(view.starts("val", task.lookback, task.horizon)[0]))
    if model.settings.fusion in ("average", "fixed"):
        return FusionReport(model.settings.fusion, stride), []
    starts_items = view.starts("val", task.lookback, task.horizon, stride)
    if not len(starts_items[0]):
        raise DataError(
            f"fusion={model.settings.fusion} learns its weights on held-out windows, and the validation part holds none"
            f" of {task.lookback} + {task.horizon} steps: split differently (data.split), or state"
            " model.fusion=average",
            setting="data.split",
        )
    windows = cut_windows(forecaster, view, starts_items)
    size = batch_size_for_memory(task.lookback + task.horizon, task.channels)
    found, notes = weigh(
        model.eval(), (batch for _, batch in windows.in_batches(size)), _apart(starts_items[1], stride, task.horizon)
    )
    if stride > 1:
        notes.append(
            f"weights and intervals are learned on one window of {stride} of the validation part (model.stride)"
        )
    return replace(found, part="val", windows=len(windows), stride=stride), notes


def _apart(items: NDArray[np.int64], stride: int, horizon: int) -> float:
    """How many windows one of a series counts for: below 1 where those that follow on each other overlap."""
    each = len(items) / len(np.unique(items))
    return min(1.0, (1 + (each - 1) * stride / horizon) / each)


def weigh(model: Hybrid, batches: Iterable[Batch], each: float) -> tuple[FusionReport, list[str]]:
    """Learn the weights on windows with targets, those of a series in the order of time; `each` counts for so many.

    Raises DataError when no member can forecast any of them.
    """
    held, failed = _held(model, batches, each)
    settings, labels = model.settings, model.labels
    assert settings.fusion in ("weighted", "adaptive")
    try:
        found = learn(model.gate, held, settings.fusion, settings.error)
    except ValueError as error:
        why = "".join(f"; {label}: {reason}" for label, (_, reason) in failed.items())
        raise DataError(f"{error}{why}; state model.fusion=average, which learns nothing") from error
    errors = found["errors"]
    notes = [
        f"{label} could not be fitted to {count} of {len(held)} held-out look-backs, and is not judged there ({why})"
        for label, (count, why) in failed.items()
    ]
    if settings.fusion == "adaptive" and found["penalty"] is None:
        notes.append("fusion: no gate was better on held-out windows than weights by error (weighted): these are used")
    members = {
        label: MemberWeight(error, weight)
        for label, error, weight in zip(labels, errors["members"], found["weights"], strict=True)
    }
    fused = {name: value for name, value in errors.items() if name != "members"}
    report = FusionReport(settings.fusion, error=settings.error, penalty=found["penalty"], members=members, fused=fused)
    return report, [Note(note, NoteCode.FUSION) for note in notes]


def _held(model: Hybrid, batches: Iterable[Batch], each: float) -> tuple[HeldOutForecasts, dict[str, tuple[int, str]]]:
    targets, channels = list(model.task.targets), model.task.channels
    parts: list[list[torch.Tensor]] = []
    failed: dict[str, tuple[int, str]] = {}
    with torch.inference_mode():
        for batch in batches:
            values, there, like, apart, why = model.apart(batch)
            assert batch.target is not None
            for label, of in why.items():
                count, first = failed.get(label, (0, next(iter(of.values()))))
                failed[label] = count + len(of), first
            seen = torch.ones_like(batch.target, dtype=torch.bool)
            item = torch.zeros(len(batch), dtype=torch.long) if batch.item is None else batch.item
            parts.append(
                [
                    values[:, :, targets].transpose(1, 2).flatten(0, 1).double(),
                    there[:, targets].flatten(0, 1),
                    batch.target.transpose(1, 2).flatten(0, 1).double(),
                    (seen if batch.target_observed is None else batch.target_observed).transpose(1, 2).flatten(0, 1),
                    (item[:, None] * channels + torch.tensor(targets)).flatten(),
                    like[:, targets].flatten(0, 1).double(),
                    apart[:, targets].flatten(0, 1).double(),
                ]
            )
    # outside inference mode, so that the gate may learn from them
    forecasts, there, target, seen, series, like, apart = (
        torch.cat(column).clone() for column in zip(*parts, strict=True)
    )
    return HeldOutForecasts(forecasts, there, target, seen, series, like, apart, each), failed


def fusion_weights(forecaster: Forecaster | str | Path) -> pd.DataFrame:
    """The weight of each member of a hybrid, by series and step ahead.

    An adaptive gate changes these weights with the look-back; `member_forecasts` has those of one forecast.

    Parameters
    ----------
    forecaster
        A `hybrid`, or the folder of one.

    Returns
    -------
    pandas.DataFrame
        `unique_id`, `step` (1 is the first) and one column for each member; rows sum to 1.

    Raises
    ------
    SettingsError
        The model is no hybrid.

    Examples
    --------
    >>> settings = {"model.members": ["naive", "seasonal-naive"]}
    >>> hybrid = latentcast.fit(frame, "hybrid", lookback=48, horizon=2, settings=settings)
    >>> latentcast.fusion_weights(hybrid).columns.tolist()
    ['unique_id', 'step', 'naive', 'seasonal-naive']
    """
    forecaster = as_forecaster(forecaster)
    model, task = hybrid_of(forecaster), forecaster.task
    targets = list(task.targets)
    table = model.gate.table()[:, targets].expand(len(forecaster.known.ids), -1, -1, -1)
    ids = forecaster.known.ids
    names = [forecaster.channels[channel] if ids == ("",) else item for item in ids for channel in targets]
    steps = range(1, task.horizon + 1)
    frame = pd.DataFrame({"unique_id": [n for n in names for _ in steps], "step": [*steps] * len(names)})
    flat = table.flatten(0, 2).double().numpy()
    return frame.assign(**{label: flat[:, at] for at, label in enumerate(model.labels)})


def member_forecasts(
    forecaster: Forecaster | str | Path, data: IntoFrame, *, future_covariates: IntoFrame | None = None
) -> Frame:
    """Forecast with a hybrid, and give the forecast and the weight of each member too.

    Parameters
    ----------
    forecaster
        A `hybrid`, or the folder of one.
    data, future_covariates
        As for `Forecaster.predict`.

    Returns
    -------
    frame of the same library as `data`
        `unique_id`, `ds`, `hybrid` and, for each member, `<member>` and `<member>-weight`, in original units. NaN and 0
        where a member cannot forecast a series. Members are fused before a transform of the values is undone.

    Raises
    ------
    SettingsError
        The model is no hybrid.
    DataError
        As `Forecaster.predict`.

    Examples
    --------
    >>> settings = {"model.members": ["naive", "seasonal-naive"]}
    >>> hybrid = latentcast.fit(frame, "hybrid", lookback=48, horizon=2, settings=settings)
    >>> latentcast.member_forecasts(hybrid, frame)["naive"].round(3).tolist()
    [15.0, 15.0]
    """
    forecaster = as_forecaster(forecaster)
    model, task = hybrid_of(forecaster), forecaster.task
    inputs = prepare_forecast(forecaster, data, future_covariates)
    forecaster.told.extend(inputs.notes)
    view, starts_items = inputs.prepared, inputs.windows
    targets = list(task.targets)
    steps = starts_items[0][:, None] + task.lookback + np.arange(task.horizon)
    here = view.scaler.units(view.panel, targets).at(starts_items[1], steps)
    size = batch_size_for_memory(task.lookback + task.horizon, task.channels)
    with torch.inference_mode():
        batches = cut_windows(forecaster, view, starts_items).in_batches(size)
        found = [model.eval().members(batch.to(forecaster.device)) for _, batch in batches]

    def whole(parts: Iterable[torch.Tensor]) -> Any:
        """[items, horizon, target] of all batches."""
        return torch.cat(list(parts))[..., targets].cpu().double().numpy()

    def flat(values: Any) -> Any:
        return values.transpose(0, 2, 1).reshape(-1)

    columns: dict[str, Any] = {}
    for at, label in enumerate(model.labels):
        columns[label] = flat(here.to_original(whole(one.values[at] for one in found)))
        columns[f"{label}-weight"] = flat(whole(one.weights[at] for one in found))
    fused = here.to_original(whole(one.fused() for one in found))
    return give_back(forecaster, inputs.source, inputs.panel, forecast_frame(forecaster, inputs.panel, fused, columns))
