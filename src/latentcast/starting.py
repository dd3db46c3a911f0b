"""Training that begins with the weights of training before it: a pretrained folder, or a model of other data."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from latentcast.config import differing, merge, nested, shown
from latentcast.errors import SettingsError
from latentcast.forecaster import Forecaster
from latentcast.presets import NAMED

SHORTCUT = "model.shortcut."  # a map between one look-back and one horizon: at others it is learned anew


def inherited(start: Forecaster, values: Mapping[str, Any]) -> dict[str, Any]:
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
                f"model: the weights to begin with are those of {start.name}, and {name!r} was asked for"
            )
        model = {"name": name, **nested({part: _at(model, part)})}
    elif stated.get("preset"):  # a preset says what the model is; without one it is what it was
        model = {"name": name}
    return {"lookback": start.task.lookback, **values, "model": merge(model, stated)}


def _shared(start: Forecaster, name: object) -> str | None:
    """The part of another model that this one can begin with."""
    return NAMED[name].grows_from.get(start.name) if isinstance(name, str) and name in NAMED else None


def _at(values: Mapping[str, Any], path: str) -> Any:
    for step in path.split("."):
        values = values[step]
    return values


def begin_with(start: Forecaster, forecaster: Forecaster) -> dict[str, Any]:
    """Lay the trained weights of `start` into an untrained forecaster; say what they were.

    Raises SettingsError that names every field in which the two differ, with both values.
    """
    part = "" if start.name == forecaster.name else f"{_shared(start, forecaster.name)}."
    within = f"model.{part}"
    faults = [
        f"{path}: {shown(before)} where training begins, {shown(now)} here"
        for path, before, now in differing(start.run.model, forecaster.run.model, "model.")
        if path.startswith(within)
    ]
    if not part and forecaster.network.mixes_channels and start.task.channels != forecaster.task.channels:
        faults.append(
            f"channels: {start.task.channels} where training begins, {forecaster.task.channels} in these data"
            f" ({forecaster.name} mixes them)"
        )
    data, its = forecaster.run.data, start.run.data
    if data.scale != its.scale:
        faults.append(f"data.scale: {its.scale} where training begins, {data.scale} here")
    same = start.card["schema"]["fingerprint"] == forecaster.card["schema"]["fingerprint"]
    if same and data.split != its.split:
        faults.append(
            f"data.split: {shown(its.split)} where training begins, {shown(data.split)} here: on the same data, what is"
            " judged here may have been learned there"
        )
    if faults:
        raise SettingsError(faults)
    own = forecaster.network.state_dict()
    untrained = start.card.get("untrained", ())
    learned = {
        name: tensor
        for name, tensor in start.network.state_dict().items()
        if name not in untrained and name.startswith(within)
    }
    if start.task.horizon != forecaster.task.horizon or start.task.lookback != forecaster.task.lookback:
        learned = {name: tensor for name, tensor in learned.items() if not name.startswith(SHORTCUT)}
    shapes = [
        f"{name}: {_shape(tensor)} where training begins, {_shape(own.get(name))} here"
        for name, tensor in learned.items()
        if name not in own or own[name].shape != tensor.shape
    ]
    if shapes:
        sizes = ", ".join(
            f"{field} {getattr(start.task, field)} → {getattr(forecaster.task, field)}"
            for field in ("lookback", "horizon", "channels")
        )
        raise SettingsError([f"{fault} ({sizes}): these weights belong to their sizes" for fault in shapes])
    forecaster.network.load_state_dict({**own, **{name: tensor.clone() for name, tensor in learned.items()}})
    forecaster.card["untrained"] = [name for name in own if name not in learned]
    return {
        "model": start.name,
        "data": start.card["schema"]["data"],
        "stages": list(start.learned),
        "fingerprint": start.card["schema"]["fingerprint"],
        "weights": len(learned),
        "found": start.found,
        "sha256": _digest(learned),
    }


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _shape(tensor: Any) -> str:
    return "none" if tensor is None else "×".join(map(str, tensor.shape))
