"""Save a fitted model to its folder."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from latentcast.forecaster import storage
from latentcast.forecaster.fitted import FittedModel
from latentcast.models.inspection import count_parameters


def whole_card(fitted: FittedModel) -> dict[str, Any]:
    """What `card.json` holds: the run card, the number of parameters, and the task."""
    every, trained = count_parameters(fitted.network)
    parameters = {"all": every, "trainable": trained}
    return {**fitted.card.to_dict(), "parameters": parameters, "task": asdict(fitted.task)}


def write(fitted: FittedModel, folder: Path) -> None:
    """Save into a folder that exists. Raises CheckpointError when it cannot be written."""
    packed = None if fitted.calibration is None else fitted.calibration.dump()
    storage.write(folder, fitted.network, whole_card(fitted), fitted.known.dump(), packed)
