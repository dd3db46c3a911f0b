"""Start training from earlier weights: a pretrained folder, or a model of other data."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import format_value, merge, nested
from latentcast.core.settings import differing
from latentcast.forecaster.card import StartingPoint
from latentcast.forecaster.compatibility import misfits
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.trained_until import trained_until
from latentcast.models.config.presets import MODEL_PRESETS

SHORTCUT = "model.shortcut."  # a map between one look-back and one horizon: at others it is learned anew
SOLVED = ("model.maps.", "model.solved_maps.", "model.readout.", "model.known.")  # as many maps as what is loaded has

OF_SERIES = "model.gate.series"  # per-series weights of a hybrid, which do not apply to other data


def inherit_settings(start: Forecaster, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a fit that begins with another: the model and the look-back are its own where none are stated.

    Raises SettingsError when another model is stated.
    """
    said = values.get("model", {})
    stated = dict(said) if isinstance(said, Mapping) else {"name": said}
    name, model = stated.get("name", start.name), start.run.dump()["model"]
    if name != start.name:
        part = _shared(start, name)
        if part is None:
            raise SettingsError(
                Fault("model", f": the weights to begin with are those of {start.name}, and {name!r} was asked for")
            )
        model = {"name": name, **nested({part: _at(model, part)})}
    elif stated.get("preset"):  # a preset says what the model is; without one it is what it was
        model = {"name": name}
    return {"lookback": start.task.lookback, **values, "model": merge(model, stated)}


def _shared(start: Forecaster, name: object) -> str | None:
    """The part of another model that this one can begin with."""
    return MODEL_PRESETS[name].grows_from.get(start.name) if isinstance(name, str) and name in MODEL_PRESETS else None


def _at(values: Mapping[str, Any], path: str) -> Any:
    for step in path.split("."):
        values = values[step]
    return values


def load_initial_weights(
    start: Forecaster, forecaster: Forecaster, *, unchanged: bool = False, judged: bool = True
) -> StartingPoint:
    """Copy the trained weights of `start` into an untrained forecaster; return a report.

    unchanged  all weights are laid in, also those that were never trained: nothing is going to be learned here
    judged     whether a part of the data may be judged, which must then be none that was learned from

    Raises SettingsError that names every field in which the two differ, with both values.
    """
    where = "in the trained model" if unchanged else "where training begins"
    within = "model." if start.name == forecaster.name else f"model.{_shared(start, forecaster.name)}."
    faults = _differences(start, forecaster, where, within)
    faults += _other_parts(start, forecaster, where) if judged else []
    if faults:
        raise SettingsError(faults)
    own = forecaster.network.state_dict()
    untrained = () if unchanged else start.card.untrained or ()
    learned = {
        name: tensor
        for name, tensor in start.network.state_dict().items()
        if name not in untrained and name.startswith(within)
    }
    learned = {name: tensor for name, tensor in learned.items() if name != OF_SERIES}
    if start.task.horizon != forecaster.task.horizon or start.task.lookback != forecaster.task.lookback:
        learned = {name: tensor for name, tensor in learned.items() if not name.startswith((SHORTCUT, *SOLVED))}
    shapes = [
        f"{name}: {_shape(tensor)} {where}, {_shape(own.get(name))} here"
        for name, tensor in learned.items()
        if name not in own or (own[name].shape != tensor.shape and not name.startswith(SOLVED))
    ]
    if shapes:
        sizes = ", ".join(
            f"{field} {getattr(start.task, field)} → {getattr(forecaster.task, field)}"
            for field in ("lookback", "horizon", "channels")
        )
        raise SettingsError([f"{fault} ({sizes}): these weights belong to their sizes" for fault in shapes])
    forecaster.network.load_state_dict({**own, **{name: tensor.clone() for name, tensor in learned.items()}})
    return StartingPoint(
        start.name,
        start.card.schema.data,
        start.card.learned,
        start.card.schema.fingerprint,
        len(learned),
        start.card.found,
        _digest(learned),
        start.card.learned_from,
        trained_until(start),
    )


def _differences(start: Forecaster, forecaster: Forecaster, where: str, within: str) -> list[str]:
    """Return every field in which a forecaster differs from its starting point, with both values.

    Of the model those that stand `within` what is taken over.
    """
    faults = [
        f"{path}: {format_value(before)} {where}, {format_value(now)} here"
        for path, before, now in differing(start.run.model, forecaster.run.model, "model.")
        if path.startswith(within)
    ]
    if not faults and start.name == forecaster.name:
        its, own = start.task, forecaster.task
        apart = misfits(start, own.channels, own.known)
        if own.static != its.static:
            faults.append(
                Fault("data.static", f": {its.static} features of a series {where}, {own.static} in these data")
            )
        if "channels" in apart:
            why = "mixes them" if start.network.mixes_channels else "has weights for each of them"
            faults.append(
                Fault("channels", f": {its.channels} {where}, {own.channels} in these data ({start.name} {why})")
            )
        if "known" in apart:
            steps = (f" (steps of {one.card.schema.freq})" for one in (start, forecaster))
            faults.append(
                Fault(
                    "known",
                    f": {its.known} features known in advance {where}{next(steps)}, {own.known} in these data"
                    f"{next(steps)}, and {start.name} reads them",
                )
            )
    data, its_data = forecaster.run.data, start.run.data
    if data.scale != its_data.scale:
        faults.append(Fault("data.scale", f": {its_data.scale} {where}, {data.scale} here"))
    return faults


def _other_parts(start: Forecaster, forecaster: Forecaster, where: str) -> list[str]:
    """The same data must not be split otherwise than where they were learned from."""
    here = {one.fingerprint: one.split for one in forecaster.card.learned_from}
    return [
        f"data.split: {format_value(one.split)} {where}, {format_value(here[one.fingerprint])} here: on the same data,"
        " what is judged here may have been learned there"
        for one in start.card.learned_from
        if here.get(one.fingerprint, one.split) != one.split
    ]


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _shape(tensor: Any) -> str:
    return "none" if tensor is None else "×".join(map(str, tensor.shape))
