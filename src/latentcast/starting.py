"""Training that begins with the weights of training before it: a pretrained folder, or a model of other data."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from latentcast.config import fixed, merge
from latentcast.errors import SettingsError
from latentcast.forecaster import Forecaster

SHORTCUT = "model.shortcut."  # a map between one look-back and one horizon: at others it is learned anew


def inherited(start: Forecaster, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a fit that begins with another: the model and the look-back are its own where none are stated.

    Raises SettingsError when another model is stated.
    """
    said = values.get("model", {})
    stated = dict(said) if isinstance(said, Mapping) else {"name": said}
    name = stated.get("name", start.name)
    if name != start.name:
        raise SettingsError(f"model: the weights to begin with are those of {start.name}, and {name!r} was asked for")
    # a preset says what the model is; without one it is what it was
    model = {"name": name} if stated.get("preset") else start.run.dump()["model"]
    return {"lookback": start.task.lookback, **values, "model": merge(model, stated)}


def begin_with(
    start: Forecaster, forecaster: Forecaster, *, unchanged: bool = False, judged: bool = True
) -> dict[str, Any]:
    """Lay the trained weights of `start` into an untrained forecaster; say what they were.

    unchanged  all weights are laid in, also those that were never trained: nothing is going to be learned here
    judged     whether a part of the data may be judged, which must then be none that was learned from

    Raises SettingsError that names every field in which the two differ, with both values.
    """
    where = "in the trained model" if unchanged else "where training begins"
    faults = _differences(start, forecaster, where) + (_other_parts(start, forecaster, where) if judged else [])
    if faults:
        raise SettingsError(faults)
    own = forecaster.network.state_dict()
    untrained = () if unchanged else start.card.get("untrained", ())
    learned = {name: tensor for name, tensor in start.network.state_dict().items() if name not in untrained}
    if start.task.horizon != forecaster.task.horizon or start.task.lookback != forecaster.task.lookback:
        learned = {name: tensor for name, tensor in learned.items() if not name.startswith(SHORTCUT)}
    shapes = [
        f"{name}: {_shape(tensor)} {where}, {_shape(own.get(name))} here"
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
    return {
        "model": start.name,
        "data": start.card["schema"]["data"],
        "stages": start.card.get("stages", []),
        "fingerprint": start.card["schema"]["fingerprint"],
        "weights": len(learned),
        "sha256": _digest(learned),
        "learned_from": learned_from(start),
    }


def learned_from(forecaster: Forecaster) -> list[dict[str, Any]]:
    """The data that its weights were trained on, here and where they began: name, fingerprint and split of each."""
    card, schema = forecaster.card, forecaster.card["schema"]
    own = {"data": schema["data"], "fingerprint": schema["fingerprint"], "split": forecaster.run.data.dump()["split"]}
    here = [] if card.get("transferred") else card.get("datasets", [own])
    found: dict[str, dict[str, Any]] = {}
    for one in (*here, *card.get("start", {}).get("learned_from", ())):
        found.setdefault(one["fingerprint"], {key: one[key] for key in own})
    return list(found.values())


def _differences(start: Forecaster, forecaster: Forecaster, where: str) -> list[str]:
    """Every field in which a forecaster differs from the one whose weights it is to have, with both values."""
    before, now = fixed(start.run.model, "model."), fixed(forecaster.run.model, "model.")
    faults = [
        f"{path}: {_show(before.get(path))} {where}, {_show(now.get(path))} here"
        for path in sorted(before.keys() | now.keys())
        if before.get(path) != now.get(path)
    ]
    if not faults:  # of the same model
        its, own = start.task, forecaster.task
        apart = start.misfits(own.channels, own.known)
        if "channels" in apart:
            why = "mixes them" if start.network.mixes_channels else "has weights for each of them"
            faults.append(f"channels: {its.channels} {where}, {own.channels} in these data ({start.name} {why})")
        if "known" in apart:
            steps = (f" (steps of {one.card['schema']['freq']})" for one in (start, forecaster))
            faults.append(
                f"known: {its.known} features of the calendar {where}{next(steps)}, {own.known} in these data"
                f"{next(steps)}, and {start.name} reads them"
            )
    data, its_data = forecaster.run.data, start.run.data
    if data.scale != its_data.scale:
        faults.append(f"data.scale: {its_data.scale} {where}, {data.scale} here")
    return faults


def _other_parts(start: Forecaster, forecaster: Forecaster, where: str) -> list[str]:
    """The same data must not be split otherwise than where they were learned from."""
    here = {one["fingerprint"]: one["split"] for one in learned_from(forecaster)}
    return [
        f"data.split: {_show(one['split'])} {where}, {_show(here[one['fingerprint']])} here: on the same data, what is"
        " judged here may have been learned there"
        for one in learned_from(start)
        if here.get(one["fingerprint"], one["split"]) != one["split"]
    ]


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _show(value: Any) -> str:
    return "none" if value is None else repr(list(value) if isinstance(value, tuple) else value)


def _shape(tensor: Any) -> str:
    return "none" if tensor is None else "×".join(map(str, tensor.shape))
