"""Save a fitted model to a folder, an address or a repository of a hub."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latentcast.forecaster import hub, storage
from latentcast.forecaster.declared import declared
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.linear.file import dump
from latentcast.forecaster.model_card import model_card
from latentcast.models.inspection import count_parameters
from latentcast.models.linear_map import IsLinear


def whole_card(fitted: FittedModel) -> dict[str, Any]:
    """What `card.json` holds: the run card, the number of parameters, and the task."""
    every, trained = count_parameters(fitted.network)
    parameters = {"all": every, "trainable": trained}
    return {**fitted.card.to_dict(), "parameters": parameters, "task": asdict(fitted.task)}


def write(fitted: FittedModel, folder: Path) -> None:
    """Save into a folder that exists. Raises CheckpointError when it cannot be written."""
    packed = None if fitted.calibration is None else fitted.calibration.dump()
    storage.write(folder, fitted.network, whole_card(fitted), fitted.known.dump(), packed, _linear(fitted))


def _linear(fitted: FittedModel) -> storage.Packed | None:
    """The network as one linear map of the look-back; None where it is none."""
    model = fitted.network.model
    counts = fitted.network.nonnegative or fitted.network.whole  # which round or cut what a map gives
    linear = model.linear_map() if isinstance(model, IsLinear) and not counts else None
    return None if linear is None else dump(linear, declared(fitted.network))


def save(fitted: FittedModel, folder: str | Path, *, overwrite: bool) -> None:
    """Save to a folder or an address. Raises CheckpointError when it cannot be written or is not ours to replace."""
    place = hub.local_or_address(folder)
    if isinstance(place, Path):
        storage.replace_folder(place, lambda at: write(fitted, at), overwrite=overwrite)
        return
    with TemporaryDirectory(prefix="latentcast-") as made:
        write(fitted, Path(made))
        hub.upload(Path(made), place, overwrite=overwrite)


def push(fitted: FittedModel, repo: str, *, revision: str | None, private: bool | None, message: str | None) -> str:
    """Commit the saved files and the model card to a repository; the address of the commit."""
    name = hub.repository(repo)
    with TemporaryDirectory(prefix="latentcast-") as made:
        write(fitted, Path(made))
        (Path(made) / hub.MODEL_CARD).write_text(model_card(fitted, name), encoding="utf-8")
        said = message or f"{fitted.name} of {fitted.card.schema.data}"
        return hub.push(Path(made), name, revision=revision, private=private, message=said)
